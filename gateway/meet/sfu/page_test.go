package sfu_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"backline/gateway/media"
	"backline/gateway/meet/sfu"
)

// house is an SFU on sockets of its own.
type house struct {
	t     *testing.T
	sfu   *sfu.SFU
	mu    sync.Mutex
	lines map[string]sfu.Lines // what each page was told, by participant
	revs  map[string]uint64
	heard map[media.Side][]uint8 // levels of what came by the tap
	over  []string               // clips that were played: participant, name
}

// notices are clips of two tenths of a second, and of three seconds, whose packets are as long as nobody's voice.
func notices() map[string][][]byte {
	var packets [][]byte
	for range 150 {
		packets = append(packets, append([]byte{0xf8}, make([]byte, noticeBytes-1)...))
	}
	return map[string][][]byte{"notice": packets[:10], "long": packets}
}

const (
	noticeBytes = 33
	voiceBytes  = 80
	voiceLevel  = 30
)

// Sound implements media.Tap.
func (h *house) Sound(side media.Side, _ *rtp.Header, payload []byte, level uint8, _ time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(payload) == voiceBytes {
		h.heard[side] = append(h.heard[side], level)
	}
}

// taken is how many packets of a participant came by the tap.
func (h *house) taken(side media.Side) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.heard[side])
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, lines: map[string]sfu.Lines{}, revs: map[string]uint64{}, heard: map[media.Side][]uint8{}}
	engine, err := media.New(media.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	h.sfu = sfu.New(sfu.Options{Connector: engine, OnLines: h.told, Clips: notices(), Levels: true,
		OnPlayed: func(_, peer, clip string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.over = append(h.over, peer+" "+clip)
		}})
	ctx, cancel := context.WithCancel(t.Context())
	meetings, sockets := make(chan error, 1), make(chan error, 1)
	socketsOver, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	go func() { meetings <- h.sfu.Run(ctx) }()
	go func() { sockets <- engine.Run(socketsOver) }()
	t.Cleanup(func() {
		cancel()
		<-meetings
		closeSockets()
		<-sockets
	})
	return h
}

func (h *house) told(_, peer string, rev uint64, lines sfu.Lines) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rev > h.revs[peer] {
		h.revs[peer], h.lines[peer] = rev, lines
	}
}

// useful is how many layers of its camera a page was told to send; 0: all.
func (h *house) useful(page string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lines[page].Camera
}

func (h *house) room() *sfu.Room {
	r, err := h.sfu.Room("m")
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// carries says which line of a page carries what; "" none.
func (h *house) carries(page, peer string, kind sfu.Kind) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.lines[page].Slots {
		if s.Peer == peer && s.Kind == kind {
			return s.MID
		}
	}
	return ""
}

// page is a participant's browser: it sends sound, a camera in three layers, and a screen when asked to.
type page struct {
	h     *house
	id    string
	line  int
	by    *cable        // nil: straight
	waits time.Duration // for what it is to get
	pc    *webrtc.PeerConnection
	stop  chan struct{}
	over  sync.WaitGroup
	share atomic.Bool
	asked atomic.Int32 // key frames
	mu    sync.Mutex
	got   map[string]*received // by line
}

// received is what came on one line.
type received struct {
	packets, gaps, keys int
	notice              int // packets of the clip
	mixed               int // packets of others that came between two of the clip
	since               int // packets of others since the last of the clip
	height              int // that the last picture says it has
	seq                 uint16
}

var rids = []string{"q", "h", "f"}

func (h *house) page(id string, sounds, pictures int) *page {
	h.t.Helper()
	return h.pageBy(nil, id, sounds, pictures)
}

// pageBy opens a page whose way to the gateway is a cable.
func (h *house) pageBy(by *cable, id string, sounds, pictures int) *page {
	h.t.Helper()
	codecs := &webrtc.MediaEngine{}
	must(h.t, codecs.RegisterDefaultCodecs())
	must(h.t, webrtc.ConfigureSimulcastExtensionHeaders(codecs))
	must(h.t, codecs.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: media.LevelURI}, webrtc.RTPCodecTypeAudio))
	chain := &interceptor.Registry{}
	must(h.t, webrtc.ConfigureTWCCSender(codecs, chain))
	var set webrtc.SettingEngine
	set.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(codecs), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(set)).
		NewPeerConnection(webrtc.Configuration{})
	must(h.t, err)
	p := &page{h: h, id: id, line: 1, by: by, waits: 10 * time.Second, pc: pc, stop: make(chan struct{}), got: map[string]*received{}}
	pc.OnTrack(p.receive)
	p.sendSound()
	p.sendCamera()
	p.sendScreen()
	p.more(sounds, pictures)
	p.offer()
	h.t.Cleanup(p.close)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *page) close() {
	if p.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return
	}
	close(p.stop)
	_ = p.pc.GracefulClose()
	p.over.Wait()
}

// more adds lines to get something on.
func (p *page) more(sounds, pictures int) {
	for kind, n := range map[webrtc.RTPCodecType]int{webrtc.RTPCodecTypeAudio: sounds, webrtc.RTPCodecTypeVideo: pictures} {
		for range n {
			_, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
			must(p.h.t, err)
		}
	}
}

// offer is one round trip with the gateway.
func (p *page) offer() {
	p.h.t.Helper()
	offer, err := p.pc.CreateOffer(nil)
	must(p.h.t, err)
	gathered := webrtc.GatheringCompletePromise(p.pc)
	must(p.h.t, p.pc.SetLocalDescription(offer))
	<-gathered
	text := p.pc.LocalDescription().SDP
	if p.by != nil { // the gateway finds no other way
		text = candidates.ReplaceAllString(text, "")
	}
	answer, err := p.h.room().Offer(p.h.t.Context(), p.id, p.line, text)
	must(p.h.t, err)
	if p.by != nil {
		answer = p.by.lay(p.h.t, answer)
	}
	must(p.h.t, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
}

func (p *page) local(mime, id, rid string) *webrtc.TrackLocalStaticRTP {
	var more []func(*webrtc.TrackLocalStaticRTP)
	if rid != "" {
		more = append(more, webrtc.WithRTPStreamID(rid))
	}
	t, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, id, p.id, more...)
	must(p.h.t, err)
	return t
}

func (p *page) send(t webrtc.TrackLocal) *webrtc.RTPSender {
	tr, err := p.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(p.h.t, err)
	return tr.Sender()
}

// every calls f until the page closes.
func (p *page) every(d time.Duration, f func()) {
	p.over.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				f()
			}
		}
	})
}

func (p *page) sendSound() {
	t := p.local(webrtc.MimeTypeOpus, "sound", "")
	s := p.send(t)
	p.over.Go(func() { drain(s.Read) })
	var seq uint16
	p.every(20*time.Millisecond, func() {
		seq++
		packet := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 960}, Payload: make([]byte, voiceBytes)}
		if id := media.LevelID(s.GetParameters().HeaderExtensions); id > 0 {
			must(p.h.t, packet.Header.SetExtension(uint8(id), []byte{0x80 | voiceLevel}))
		}
		_ = t.WriteRTP(packet)
	})
}

func drain(read func([]byte) (int, interceptor.Attributes, error)) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := read(buf); err != nil {
			return
		}
	}
}

func (p *page) sendCamera() {
	first := p.local(webrtc.MimeTypeVP8, "camera", rids[0])
	s := p.send(first)
	tracks := []*webrtc.TrackLocalStaticRTP{first}
	for _, rid := range rids[1:] {
		t := p.local(webrtc.MimeTypeVP8, "camera", rid)
		must(p.h.t, s.AddEncoding(t))
		tracks = append(tracks, t)
	}
	for i, t := range tracks {
		p.picture(t, s, rids[i], 180<<i, 200<<i, func() bool { n := p.h.useful(p.id); return n == 0 || i < n })
	}
}

func (p *page) sendScreen() {
	t := p.local(webrtc.MimeTypeVP8, "screen", "")
	p.picture(t, p.send(t), "", 1000, 600, p.share.Load)
}

// picture sends one layer: a key frame when one is asked for, and never else.
func (p *page) picture(t *webrtc.TrackLocalStaticRTP, s *webrtc.RTPSender, rid string, height, size int, on func() bool) {
	var key atomic.Bool
	p.over.Go(func() {
		buf := make([]byte, 1500)
		for {
			var n int
			var err error
			if rid == "" {
				n, _, err = s.Read(buf)
			} else {
				n, _, err = s.ReadSimulcast(buf, rid)
			}
			if err != nil {
				return
			}
			packets, _ := rtcp.Unmarshal(buf[:n])
			for _, r := range packets {
				if _, ok := r.(*rtcp.PictureLossIndication); ok {
					key.Store(true)
					p.asked.Add(1)
				}
			}
		}
	})
	var n uint16
	p.every(33*time.Millisecond, func() {
		if !on() {
			return
		}
		n++
		packet := &rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: n, Timestamp: uint32(n) * 3000}}
		packet.Payload = append(sfu.VP8Packet(n, uint8(n), key.Swap(false), height), make([]byte, size)...)
		if rid != "" {
			for _, e := range s.GetParameters().HeaderExtensions {
				switch e.URI {
				case "urn:ietf:params:rtp-hdrext:sdes:mid":
					must(p.h.t, packet.Header.SetExtension(uint8(e.ID), []byte(p.midOf(s))))
				case "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id":
					must(p.h.t, packet.Header.SetExtension(uint8(e.ID), []byte(rid)))
				}
			}
		}
		_ = t.WriteRTP(packet)
	})
}

func (p *page) midOf(s *webrtc.RTPSender) string {
	for _, tr := range p.pc.GetTransceivers() {
		if tr.Sender() == s {
			return tr.Mid()
		}
	}
	return ""
}

func (p *page) receive(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	mid := ""
	for _, tr := range p.pc.GetTransceivers() {
		if tr.Receiver() == r {
			mid = tr.Mid()
		}
	}
	p.over.Go(func() { drain(r.Read) })
	p.over.Go(func() {
		buf := make([]byte, 1500)
		var packet rtp.Packet
		for {
			n, _, err := t.Read(buf)
			if err != nil {
				return
			}
			must(p.h.t, packet.Unmarshal(buf[:n]))
			p.mu.Lock()
			g := p.got[mid]
			if g == nil {
				g = &received{seq: packet.SequenceNumber - 1}
				p.got[mid] = g
			}
			if packet.SequenceNumber != g.seq+1 {
				g.gaps++
			}
			g.seq = packet.SequenceNumber
			g.packets++
			if len(packet.Payload) == noticeBytes {
				if g.notice > 0 {
					g.mixed += g.since
				}
				g.notice, g.since = g.notice+1, 0
			} else {
				g.since++
			}
			if t.Kind() == webrtc.RTPCodecTypeVideo {
				height, key := sfu.HeightOf(packet.Payload)
				g.height = height
				if key {
					g.keys++
				}
				if g.keys == 0 && g.packets%10 == 1 { // as a browser does that cannot begin
					_ = p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: packet.SSRC}})
				}
			}
			p.mu.Unlock()
		}
	})
}

// line is what came on a line so far.
func (p *page) on(mid string) received {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.got[mid]; g != nil {
		return *g
	}
	return received{}
}

// sees waits until a page gets more of a participant's picture, of this height; 0: of any.
func (p *page) sees(peer string, kind sfu.Kind, height int) received {
	p.h.t.Helper()
	return p.gets(peer, kind, func(r received) bool { return height == 0 || r.height == height })
}

func (p *page) gets(peer string, kind sfu.Kind, ok func(received) bool) received {
	p.h.t.Helper()
	var before, now received
	for end := time.Now().Add(p.waits); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		mid := p.h.carries(p.id, peer, kind)
		if mid == "" {
			continue
		}
		if now = p.on(mid); before.packets == 0 {
			before = now
		}
		if now.packets > before.packets+5 && (kind == sfu.Audio || now.keys > 0) && ok(now) {
			return now
		}
	}
	p.h.t.Fatalf("%s does not get the %s of %s: %+v, told %v, %+v", p.id, kind, peer, now, p.h.lines[p.id], p.h.room().Stats())
	return now
}

func everybody(except string, height int, ids ...string) []sfu.Want {
	var w []sfu.Want
	for _, id := range ids {
		if id != except {
			w = append(w, sfu.Want{Peer: id, Kind: sfu.Camera, Height: height})
		}
	}
	return w
}

func names(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("p", i))
	}
	return slices.Clip(out)
}
