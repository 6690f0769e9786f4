package callbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Forwarder is the least that pion needs to let two sides of a call hear each other, on one UDP port: what a
// gateway's calls are compared with. POST /?call=NAME with an offer returns the answer; /metrics has Go's own.
type Forwarder struct {
	// Defaults registers pion's default interceptors (NACK, reports, TWCC); otherwise none.
	Defaults bool

	mu    sync.Mutex
	calls map[string][]*webrtc.TrackLocalStaticRTP // what the sides of a call hear, in the order they came
	legs  map[string][]*webrtc.PeerConnection
}

// Run serves on l, with the sound on udp, until ctx ends.
func (f *Forwarder) Run(ctx context.Context, l net.Listener, udp net.PacketConn) error {
	f.calls, f.legs = map[string][]*webrtc.TrackLocalStaticRTP{}, map[string][]*webrtc.PeerConnection{}
	set := webrtc.SettingEngine{}
	set.SetLite(true)
	set.SetIncludeLoopbackCandidate(true)
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // a socket, a goroutine and buffers of each connection that we need as little as the gateway
	set.SetICEUDPMux(webrtc.NewICEUDPMux(nil, udp))
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.Handler())
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		offer, err := io.ReadAll(r.Body)
		if err == nil {
			var answer string
			answer, err = f.join(set, r.URL.Query().Get("call"), string(offer))
			fmt.Fprint(w, answer)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("DELETE /{$}", func(_ http.ResponseWriter, r *http.Request) { f.leave(r.URL.Query().Get("call")) })
	server := &http.Server{Handler: mux}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (f *Forwarder) api(set webrtc.SettingEngine) (*webrtc.API, error) {
	codecs, interceptors := &webrtc.MediaEngine{}, &interceptor.Registry{}
	err := codecs.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
	if f.Defaults {
		err = errors.Join(err, webrtc.RegisterDefaultInterceptors(codecs, interceptors))
	}
	// Without a registry pion adds its defaults by itself.
	return webrtc.NewAPI(webrtc.WithSettingEngine(set), webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(interceptors)), err
}

func (f *Forwarder) join(set webrtc.SettingEngine, call, offer string) (string, error) {
	api, err := f.api(set)
	if err != nil {
		return "", err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	out, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "sound", "call")
	if err != nil {
		return "", err
	}
	sender, err := pc.AddTrack(out)
	if err != nil {
		return "", err
	}
	go func() { // RTCP that nobody reads would stop the sound
		for b := make([]byte, maxPacket); ; {
			if _, _, err := sender.Read(b); err != nil {
				return
			}
		}
	}()
	f.mu.Lock()
	side := len(f.calls[call])
	f.calls[call] = append(f.calls[call], out)
	f.legs[call] = append(f.legs[call], pc)
	f.mu.Unlock()
	pc.OnTrack(func(in *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { f.forward(call, side, in) })
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	answer, err := pc.CreateAnswer(nil)
	if err == nil {
		err = pc.SetLocalDescription(answer)
	}
	if err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// forward copies what one side says to the other.
func (f *Forwarder) forward(call string, side int, in *webrtc.TrackRemote) {
	var p rtp.Packet
	var to *webrtc.TrackLocalStaticRTP
	for b := make([]byte, maxPacket); ; {
		n, _, err := in.Read(b)
		if err != nil || p.Unmarshal(b[:n]) != nil {
			return
		}
		if to == nil {
			to = f.other(call, side)
		}
		if to != nil {
			_ = to.WriteRTP(&p) // the other side may have gone
		}
	}
}

func (f *Forwarder) other(call string, side int) *webrtc.TrackLocalStaticRTP {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sides := f.calls[call]; len(sides) == 2 {
		return sides[1-side]
	}
	return nil
}

func (f *Forwarder) leave(call string) {
	f.mu.Lock()
	legs := f.legs[call]
	delete(f.legs, call)
	delete(f.calls, call)
	f.mu.Unlock()
	for _, pc := range legs {
		_ = pc.Close() // it is over either way
	}
}
