package media_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"backline/gateway/media"
)

// client is a browser's side of a leg: it offers, sends numbered packets and keeps what it hears.
type client struct {
	t     testing.TB
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	heard chan heard
	conn  chan webrtc.PeerConnectionState

	report atomic.Pointer[rtcp.ReceptionReport] // what the engine said last about what it got

	mu  sync.Mutex
	seq uint16
	ts  uint32
}

// heard is one packet that came in.
type heard struct {
	rtp.Header
	payload []byte
	at      time.Time
}

// setting changes how a client connects.
type setting func(*webrtc.SettingEngine)

func onNet(n transport.Net) setting { return func(s *webrtc.SettingEngine) { s.SetNet(n) } }

func onlyTCP(s *webrtc.SettingEngine) {
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
}

func onlyUDP(s *webrtc.SettingEngine) {
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
}

func newClient(t testing.TB, settings ...setting) *client {
	t.Helper()
	return newClientWith(t, nil, settings...)
}

// newClientWith has something between it and its line.
func newClientWith(t testing.TB, between interceptor.Factory, settings ...setting) *client {
	t.Helper()
	set := webrtc.SettingEngine{LoggerFactory: silentLogs()}
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	set.SetIncludeLoopbackCandidate(true)
	set.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4})
	for _, f := range settings {
		f(&set)
	}
	codecs := &webrtc.MediaEngine{}
	must(t, codecs.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"},
		PayloadType:        109, // as Firefox has it
	}, webrtc.RTPCodecTypeAudio))
	reports := &interceptor.Registry{}
	must(t, webrtc.ConfigureRTCPReports(reports))
	if between != nil {
		reports.Add(between)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(codecs), webrtc.WithSettingEngine(set), webrtc.WithInterceptorRegistry(reports))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	c := &client{t: t, pc: pc, heard: make(chan heard, 1<<10), conn: make(chan webrtc.PeerConnectionState, 64)}
	c.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "mic", "me")
	must(t, err)
	sender, err := pc.AddTrack(c.track)
	must(t, err)
	go c.readRTCP(sender.Read)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { c.conn <- s })
	pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		go c.readRTCP(r.Read)
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			c.heard <- heard{p.Header, p.Payload, time.Now()}
		}
	})
	return c
}

// readRTCP makes pion's reports work and keeps what is said about what we sent.
func (c *client) readRTCP(read func([]byte) (int, interceptor.Attributes, error)) {
	for buf := make([]byte, 1500); ; {
		n, _, err := read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		must(c.t, err)
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && len(sr.Reports) > 0 {
				c.report.Store(&sr.Reports[0])
			}
			if rr, ok := p.(*rtcp.ReceiverReport); ok && len(rr.Reports) > 0 {
				c.report.Store(&rr.Reports[0])
			}
		}
	}
}

func silentLogs() *logging.DefaultLoggerFactory {
	logs := logging.NewDefaultLoggerFactory()
	logs.DefaultLogLevel = logging.LogLevelDisabled
	return logs
}

func (c *client) close() { must(c.t, c.pc.GracefulClose()) }

// offer is what the page would send.
func (c *client) offer(restart bool) string {
	c.t.Helper()
	gathered := webrtc.GatheringCompletePromise(c.pc)
	o, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	must(c.t, err)
	must(c.t, c.pc.SetLocalDescription(o))
	<-gathered
	return c.pc.LocalDescription().SDP
}

// call offers to the engine, takes its answer and waits until it is connected.
func (c *client) call(e *media.Engine, key media.LegKey, restart bool) {
	c.t.Helper()
	answer, err := e.Offer(context.Background(), key, c.offer(restart), restart)
	must(c.t, err)
	c.take(answer)
	c.connected()
	for stateOf(e, key) != media.Connected {
		time.Sleep(time.Millisecond)
	}
}

func stateOf(e *media.Engine, key media.LegKey) media.State {
	for _, s := range e.Stats(key.Call) {
		if s.Side == key.Side {
			return s.State
		}
	}
	return ""
}

func (c *client) take(answer string) {
	c.t.Helper()
	must(c.t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
}

func (c *client) connected() {
	c.t.Helper()
	deadline := time.After(30 * time.Second)
	for c.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		select {
		case <-c.conn:
		case <-deadline:
			c.t.Fatalf("not connected but %s", c.pc.ConnectionState())
		}
	}
}

// address is where the client is, as the engine sees it.
func (c *client) address() string {
	c.t.Helper()
	pair, err := c.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	must(c.t, err)
	return net.JoinHostPort(pair.Local.Address, strconv.Itoa(int(pair.Local.Port)))
}

// say sends one packet, step ticks after the one before.
func (c *client) say(step uint32, payload ...byte) {
	c.mu.Lock()
	c.seq++
	c.ts += step
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: c.seq, Timestamp: c.ts}, Payload: payload}
	c.mu.Unlock()
	must(c.t, c.track.WriteRTP(&p))
}

// jump leaves n numbers out.
func (c *client) jump(n uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq += n
}

// drain counts what was heard and nobody waited for.
func (c *client) drain() (n int) {
	for len(c.heard) > 0 {
		<-c.heard
		n++
	}
	return n
}

func (c *client) said() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.seq)
}

// hear waits for the next packet.
func (c *client) hear() heard {
	c.t.Helper()
	select {
	case h := <-c.heard:
		return h
	case <-time.After(30 * time.Second):
		c.t.Fatal("nothing is heard")
		return heard{}
	}
}

// silent checks that nothing comes for a while.
func (c *client) silent(d time.Duration) {
	c.t.Helper()
	select {
	case h := <-c.heard:
		c.t.Errorf("heard %d bytes in the silence", len(h.payload))
	case <-time.After(d):
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
