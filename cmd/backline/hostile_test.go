package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"backline/gateway/links"
	"backline/gateway/wire"
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
	forgotten := in.linkUntil(time.Now().Add(-time.Hour)) // no longer known when the gateway starts
	soon := time.Now().Add(15 * time.Second)
	ended := in.linkUntil(soon)
	in.start()
	if time.Now().After(soon) {
		t.Fatal("the gateway took too long to start: the link has expired before")
	}
	caller := in.wait("call-under-attack-1")
	good, revoked := in.link(), in.link()
	if code, _, errs := run(t, "", "link", "revoke", string(revoked.ID), "--config", in.path); code != exitDone {
		t.Fatalf("revoke: %s", errs)
	}
	if open := in.openLink(path.Base(ended.URL), "call-before-the-end"); !open.welcome || !open.calls {
		t.Errorf("before its end a link opens as %+v", open)
	}
	time.Sleep(time.Until(soon.Add(time.Second)))
	token := path.Base(good.URL)
	kinds := []struct {
		name, token string
		fits        func(opened) bool
	}{
		{"forged", token[:len(token)-4] + "AAAA", opened.refused},
		{"revoked", path.Base(revoked.URL), opened.refused},
		{"expired and forgotten", path.Base(forgotten.URL), opened.refused},
		{"expired", path.Base(ended.URL), opened.forWriting},
	}
	for _, k := range kinds {
		if open := in.openLink(k.token, "one-call-"+k.name[:3]); !open.page || !k.fits(open) {
			t.Errorf("%s: the page opens as %+v", k.name, open)
		}
	}
	before, span := caller.got.Load(), caller.span.Load()

	var answered, shown, wrong atomic.Int64
	var all sync.WaitGroup
	for n := range 2000 {
		all.Go(func() {
			if n%2 == 1 {
				k := kinds[n/2%len(kinds)]
				if open := in.openLink(k.token, fmt.Sprintf("parallel-call-%d", n)); open.decided() && !k.fits(open) {
					wrong.Add(1)
				}
				return
			}
			switch open := in.openLink(token, fmt.Sprintf("parallel-call-%d", n)); {
			case open.answered:
				answered.Add(1)
			case open.welcome:
				shown.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("1000 opens of one link at once: %d got a line, %d a page", answered.Load(), shown.Load())
	if wrong.Load() > 0 {
		t.Errorf("%d forged, revoked or expired links were not refused as they should be", wrong.Load())
	}
	// One at a time: who presses again before anything was heard gives up the line before. The limit is of an hour.
	if answered.Load() > 10 {
		t.Errorf("%d lines came of one link", answered.Load())
	}
	in.cheap(kinds[1].token, kinds[3].token)
	got, sent := caller.got.Load()-before, int64(caller.span.Load()-span)
	t.Logf("the one who waits heard %d of %d packets of music meanwhile", got, sent)
	if sent < 50 || (sent-got)*100 >= sent {
		t.Errorf("heard %d of %d packets", got, sent)
	}
	in.stop()
}

// cheap opens links that are no longer good, one after another: each costs the gateway no more than a few requests.
func (in *installation) cheap(tokens ...string) {
	const opens, most = 200, 20 * time.Millisecond
	began := processorTime(in.child.Process.Pid)
	for n := range opens {
		in.openLink(tokens[n%len(tokens)], fmt.Sprint("cheap-call-", n))
	}
	each := (processorTime(in.child.Process.Pid) - began) / opens
	in.t.Logf("a page by a link that is over costs %v of processor time, with all that goes on beside it", each)
	if each > most {
		in.t.Errorf("a page by a link that is over costs %v of processor time, want at most %v", each, most)
	}
}

// link makes one.
func (in *installation) link(more ...string) (l links.View) {
	in.t.Helper()
	code, out, errs := in.linkCommand("create", append([]string{"--to", "queue/main", "--json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &l); code != exitDone || err != nil {
		in.t.Fatalf("link create: %s %v", errs, err)
	}
	return l
}

// linkUntil makes one that ends then, while the gateway does not run: it was made when the shortest of all times was
// left, on a clock that costs nothing.
func (in *installation) linkUntil(end time.Time) (l links.View) {
	in.t.Helper()
	synctest.Test(in.t, func(*testing.T) {
		time.Sleep(time.Until(end.Add(-links.MinTTL)))
		l = in.link("--ttl", links.MinTTL.String())
	})
	return l
}

// opened is what came of a link that was opened.
type opened struct {
	page     bool // was served
	code     int  // with which the socket was closed; 0: it was not
	welcome  bool // the page may show itself …
	calls    bool // … with the button
	over     bool // the link has expired, as the page is told
	answered bool // an offer was
	failed   bool // … with a failure
}

func (o opened) decided() bool    { return o.code != 0 || o.answered || o.failed }
func (o opened) refused() bool    { return o.code == wire.CloseForbidden && !o.welcome && !o.answered }
func (o opened) forWriting() bool { return o.welcome && o.over && !o.calls && o.failed && !o.answered }

// openLink does what the page of a link does, as quickly as it can, and calls with an offer that holds nothing.
func (in *installation) openLink(token, call string) (o opened) {
	if res, err := http.Get(in.url + "/talk/" + token); err == nil {
		o.page = res.StatusCode == http.StatusOK
		res.Body.Close()
	}
	ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(in.url, "http", "ws", 1)+"/ws/visitor", nil)
	if err != nil {
		return o
	}
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	_ = ws.WriteJSON(map[string]any{"t": "hello", "version": 1, "link": token})
	_ = ws.WriteJSON(map[string]any{"t": "call.offer", "call": call, "sdp": emptyOffer})
	for {
		var f map[string]any
		if err := ws.ReadJSON(&f); err != nil {
			if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
				o.code = closed.Code
			}
			return o
		}
		switch f["t"] {
		case "welcome":
			o.welcome = true
			o.calls, _ = part(f, "status", "calls").(bool)
			ends, _ := part(f, "link", "expires").(string)
			end, err := time.Parse(time.RFC3339, ends)
			o.over = err == nil && end.Before(time.Now())
		case "call.answer":
			o.answered, o.failed = f["failure"] == nil, f["failure"] != nil
			if o.answered {
				time.Sleep(time.Second) // the others find it taken
			}
			return o
		}
	}
}

// emptyOffer is one that the gateway answers and that never comes up.
const emptyOffer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n" +
	"a=fingerprint:sha-256 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
