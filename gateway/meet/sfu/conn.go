package sfu

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/webrtc/v4"

	"backline/gateway"
	"backline/gateway/media"
)

// conn is one participant's PeerConnection.
type conn struct {
	// Static after connect.
	room      *Room
	peer      string
	line      int    // the page's number for it: another number is another connection
	cert      string // of the page's certificate: so is another certificate
	pc        *media.Connection
	estimator cc.BandwidthEstimator

	negotiating chan struct{} // one slot: an offer is being answered; never closed

	// Owned by who negotiates.
	ufrag string

	kinds atomic.Pointer[map[string]Kind] // what comes in on which line

	// Guarded by Room.mu.
	slots   []*slot
	sources map[Kind]*source
	up      bool
	down    time.Time // not connected since; zero while it is
	budget  budget
	sound   int  // bits a second of what it gets that are sound
	limited bool // its pictures could be better, were there more budget
	least   bool // no picture can get smaller

	mu      sync.Mutex
	closing bool           // guarded by mu: no reader may start any more
	readers sync.WaitGroup // the goroutines that read media and reports
}

// connect makes a connection that nobody uses yet.
func (r *Room) connect(peer string, line int, cert string) (*conn, error) {
	c := &conn{room: r, peer: peer, line: line, cert: cert, negotiating: make(chan struct{}, 1), sources: map[Kind]*source{}, down: time.Now(), budget: budget{rate: firstEstimate, wait: calmFor}}
	codecs, chain, err := engine(r.sfu.opts.Levels, func(e cc.BandwidthEstimator) { c.estimator = e })
	if err != nil {
		return nil, err
	}
	if c.pc, err = r.sfu.opts.Connector.Connect(codecs, chain); err != nil {
		return nil, err
	}
	c.pc.OnTrack(c.take)
	c.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { r.turned(c, s) })
	return c, nil
}

// look asks the line how it is. Callers hold Room.mu.
func (c *conn) look(now time.Time, passed time.Duration) {
	sent := uint64(0)
	for _, s := range c.slots {
		sent += s.sent.Swap(0)
	}
	stats := c.estimator.GetStats()
	s := signs{estimate: c.estimator.GetTargetBitrate(), sent: int(float64(sent) * 8 / passed.Seconds()), sound: c.sound, limited: c.limited, least: c.least}
	s.full = stats["usage"] == "overuse" || stats["state"] == "decrease"
	s.loss, _ = stats["averageLoss"].(float64)
	c.budget.look(s, now)
}

// useful is how many layers of what the page sends somebody has use for; 0: it sends none. Callers hold Room.mu.
func (c *conn) useful(kind Kind) int {
	if s := c.sources[kind]; s != nil {
		return s.useful
	}
	return 0
}

// close ends the connection and waits for all that reads from it.
func (c *conn) close() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	// What fails at the end is of no consequence: the sockets are shared, and the page notices.
	_ = c.pc.GracefulClose()
	c.readers.Wait()
}

// read starts a reader that close waits for.
func (c *conn) read(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.readers.Go(f)
	}
}

// answer runs one offer and answer, one at a time.
func (c *conn) answer(ctx context.Context, text string, o offered) (string, error) {
	select {
	case c.negotiating <- struct{}{}:
		defer func() { <-c.negotiating }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if err := c.makeSlots(o); err != nil {
		return "", err
	}
	kinds := o.sending()
	c.kinds.Store(&kinds)
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}); err != nil {
		return "", &gateway.Error{Kind: gateway.Invalid, Msg: "the offer cannot be used", Err: err}
	}
	if o.ufrag != c.ufrag {
		c.ufrag = o.ufrag
		c.pc.Restarted()
	}
	gathered := webrtc.GatheringCompletePromise(c.pc.PeerConnection)
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return "", &gateway.Error{Kind: gateway.Invalid, Msg: "the offer cannot be answered", Err: err}
	}
	if err := c.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("take our own answer: %w", err)
	}
	select {
	case <-gathered: // at once: the candidates are known
	case <-ctx.Done():
		return "", ctx.Err()
	}
	c.nameSlots()
	return c.pc.LocalDescription().SDP, nil
}

// makeSlots adds one slot for each line on which the page wants to get something and that has none yet. They are
// matched with the lines in order: pion takes the first free sender of the right kind.
func (c *conn) makeSlots(o offered) error {
	var have [2]int
	c.room.mu.Lock()
	for _, s := range c.slots {
		have[b2i(s.audio)]++
	}
	c.room.mu.Unlock()
	for _, l := range o.lines {
		if l.sends {
			continue
		}
		if have[b2i(l.audio)] > 0 {
			have[b2i(l.audio)]--
			continue
		}
		if err := c.addSlot(l.audio); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) addSlot(audio bool) error {
	codec := vp8().RTPCodecCapability
	if audio {
		codec = opus().RTPCodecCapability
	}
	// Each slot is a stream of its own: pages play sound at once, and never hold it up for a picture.
	name := fmt.Sprintf("slot%d", len(c.pc.GetSenders()))
	t, err := webrtc.NewTrackLocalStaticRTP(codec, name, name)
	if err != nil {
		return fmt.Errorf("make a track: %w", err)
	}
	tr, err := c.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("add a track: %w", err)
	}
	s := newSlot(audio, t)
	s.sender = tr.Sender()
	c.room.mu.Lock()
	c.slots = append(c.slots, s)
	c.room.mu.Unlock()
	c.read(s.readReports)
	return nil
}

// nameSlots notes which line each slot got.
func (c *conn) nameSlots() {
	mids := map[*webrtc.RTPSender]string{}
	for _, t := range c.pc.GetTransceivers() {
		mids[t.Sender()] = t.Mid()
	}
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	for _, s := range c.slots {
		s.mid = mids[s.sender]
	}
}

// take begins to read a track.
func (c *conn) take(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	kind := c.kindOf(r)
	if kind == "" || (kind == Audio) != (t.Kind() == webrtc.RTPCodecTypeAudio) {
		return
	}
	s := c.room.source(c, kind)
	at := layerOf(t.RID())
	s.layers[at].ssrc.Store(uint32(t.SSRC()))
	if kind == Audio {
		s.level.Store(media.LevelID(r.GetParameters().HeaderExtensions))
	}
	c.read(func() { s.read(t, at) })
	c.read(func() { drain(r, t.RID()) })
	c.room.assign()
}

// kindOf is what comes in by a receiver.
func (c *conn) kindOf(r *webrtc.RTPReceiver) Kind {
	kinds := c.kinds.Load()
	if kinds == nil {
		return ""
	}
	for _, t := range c.pc.GetTransceivers() {
		if t.Receiver() == r {
			return (*kinds)[t.Mid()]
		}
	}
	return ""
}

// drain reads a page's reports about what it sends, for the interceptors.
func drain(r *webrtc.RTPReceiver, rid string) {
	buf := make([]byte, maxPacket)
	for {
		var err error
		if rid == "" {
			_, _, err = r.Read(buf)
		} else {
			_, _, err = r.ReadSimulcast(buf, rid)
		}
		if err != nil {
			return
		}
	}
}
