package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"backline/gateway/links"
)

// listener is a customer who waits, speaks, and hears the music.
type listener struct {
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	got   atomic.Int64  // packets of music
	span  atomic.Uint32 // numbers from the first to the last of them
}

// wait calls from the website and returns when the music plays.
func (in *installation) wait(call string) *listener {
	in.t.Helper()
	check := func(err error) {
		if err != nil {
			in.t.Helper()
			in.t.Fatal(err)
		}
	}
	set := webrtc.SettingEngine{}
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	set.SetIncludeLoopbackCandidate(true)
	var codecs webrtc.MediaEngine
	check(codecs.RegisterDefaultCodecs())
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(set), webrtc.WithMediaEngine(&codecs)).NewPeerConnection(webrtc.Configuration{})
	check(err)
	l := &listener{pc: pc}
	in.t.Cleanup(func() { _ = pc.GracefulClose() })
	l.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "mic", "me")
	check(err)
	_, err = pc.AddTrack(l.track)
	check(err)
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { l.listen(t) })
	offer, err := pc.CreateOffer(nil)
	check(err)
	gathered := webrtc.GatheringCompletePromise(pc)
	check(pc.SetLocalDescription(offer))
	<-gathered
	page := in.visitor("", 0)
	page.await("ready", nil)
	page.send(map[string]any{"t": "call.offer", "call": call, "sdp": pc.LocalDescription().SDP})
	answer := page.await("call.answer", nil)
	sdp, _ := answer["sdp"].(string)
	check(pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}))
	if servers, _ := answer["ice"].([]any); len(servers) != 1 {
		in.t.Errorf("the answer names relays %v, want one", answer["ice"])
	}
	in.until("the music plays", func() bool { l.say(); return l.got.Load() > 25 })
	return l
}

func (l *listener) listen(t *webrtc.TrackRemote) {
	var first uint16
	for begun := false; ; begun = true {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		if !begun {
			first = p.SequenceNumber
		}
		l.span.Store(max(l.span.Load(), uint32(p.SequenceNumber-first)+1))
		l.got.Add(1)
	}
}

func (l *listener) say() {
	n := l.got.Load()
	_ = l.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: uint32(n) * 960}, Payload: []byte{1}}) // before it is connected nothing is sent
}

func TestACallGoesOnWhileLinksAreMisused(t *testing.T) {
	in := install(t, "")
	in.start()
	caller := in.wait("call-under-attack-1")
	good, revoked := in.link(), in.link()
	if code, _, errs := run(t, "", "link", "revoke", string(revoked.ID), "--config", in.path); code != exitDone {
		t.Fatalf("revoke: %s", errs)
	}
	token := path.Base(good.URL)
	bad := []string{token[:len(token)-4] + "AAAA", path.Base(revoked.URL)}
	before, span := caller.got.Load(), caller.span.Load()

	var answered, opened, wrong atomic.Int64
	var all sync.WaitGroup
	for n := range 2000 {
		all.Go(func() {
			as := token
			if n%2 == 1 {
				as = bad[n/2%len(bad)]
			}
			state := in.openLink(as, fmt.Sprintf("parallel-call-%d", n))
			switch {
			case state == "":
			case as != token:
				wrong.Add(1)
			case state == "answered":
				answered.Add(1)
			default:
				opened.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("1000 opens of one link at once: %d got a line, %d a page", answered.Load(), opened.Load())
	if wrong.Load() > 0 {
		t.Errorf("%d pages were opened by forged or revoked links", wrong.Load())
	}
	// One at a time: who presses again before anything was heard gives up the line before. The limit is of an hour.
	if answered.Load() > 10 {
		t.Errorf("%d lines came of one link", answered.Load())
	}
	got, sent := caller.got.Load()-before, int64(caller.span.Load()-span)
	t.Logf("the one who waits heard %d of %d packets of music meanwhile", got, sent)
	if sent < 50 || (sent-got)*100 >= sent {
		t.Errorf("heard %d of %d packets", got, sent)
	}
	in.stop()
}

// link makes one.
func (in *installation) link() (l links.View) {
	in.t.Helper()
	code, out, errs := in.linkCommand("create", "--to", "queue/main", "--json")
	if err := json.Unmarshal([]byte(out), &l); code != exitDone || err != nil {
		in.t.Fatalf("link create: %s %v", errs, err)
	}
	return l
}

// openLink does what the page of a link does, as quickly as it can, and calls with an offer that holds nothing.
func (in *installation) openLink(token, call string) string {
	if res, err := http.Get(in.url + "/talk/" + token); err == nil {
		res.Body.Close()
	}
	ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(in.url, "http", "ws", 1)+"/ws/visitor", nil)
	if err != nil {
		return ""
	}
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = ws.WriteJSON(map[string]any{"t": "hello", "version": 1, "link": token})
	_ = ws.WriteJSON(map[string]any{"t": "call.offer", "call": call, "sdp": emptyOffer})
	state := ""
	for {
		var f map[string]any
		if err := ws.ReadJSON(&f); err != nil {
			return state
		}
		switch f["t"] {
		case "welcome":
			state = "opened"
		case "call.answer":
			if f["failure"] == nil {
				state = "answered"
				time.Sleep(time.Second) // the others find it taken
			}
			return state
		}
	}
}

// emptyOffer is one that the gateway answers and that never comes up.
const emptyOffer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n" +
	"a=fingerprint:sha-256 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
