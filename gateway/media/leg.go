package media

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// keepalive is how often pion looks whether a leg has fallen silent.
	keepalive = 500 * time.Millisecond
	// dtlsRetransmit instead of pion's second: one lost packet must not cost the caller a second.
	dtlsRetransmit = 100 * time.Millisecond
	// maxPacket is more than any Opus packet in RTP has (RFC 7587: about 1276 bytes and a header).
	maxPacket = 1500
)

// leg is one PeerConnection. Its own goroutine (live) tells its states and ends it; others post to it.
type leg struct {
	// Static after newLeg.
	key    LegKey
	engine *Engine
	pc     *webrtc.PeerConnection
	sender *webrtc.RTPSender
	path   *firstPath
	direct *direct
	in     *stream // what the browser sends
	outs   []*out  // what it hears; the first is there in every leg
	out    *writer // of the first

	negotiating chan struct{} // one slot: an offer is being answered; never closed
	changed     chan struct{} // one slot: look at pc again; never closed
	over        chan struct{} // closed by end
	end         func()        // asks live to end; may be called at any time, and again

	up    bool      // was connected once, so that it can hear; guarded by Engine.mu
	since time.Time // when it was connected first; owned by live

	muted    atomic.Bool // replaced: tells nothing more
	heard    atomic.Bool // sound has come
	tap      atomic.Pointer[Tap]
	level    atomic.Uint32 // id of the header extension that says how loud a packet is; 0: none
	state    atomic.Value
	number   atomic.Uint32                           // payload type of what the browser sends
	chosen   atomic.Pointer[webrtc.ICECandidatePair] // last, also when the connection is over
	received reception
	gaps     gaps
	streams  streams
	reported reported

	mu      sync.Mutex
	closing bool           // guarded by mu: no reader may start any more
	readers sync.WaitGroup // the goroutines that read sound and RTCP
}

// newLeg makes a leg that is in nobody's call yet, with spare tracks for further voices. The caller installs or
// discards it.
func (e *Engine) newLeg(key LegKey, spare int) (*leg, error) {
	l := &leg{
		key: key, engine: e, path: &firstPath{}, direct: newDirect(e.sockets.paths), in: &stream{},
		negotiating: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		over: make(chan struct{}),
	}
	l.streams.many = func() { l.end() }
	l.path.seen = func(c ice.Candidate) { l.direct.seen(l, c) }
	api, err := e.sockets.api(l.path, l.direct.ring, &l.streams)
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make a connection: %w", err)
	}
	l.pc = pc
	if err := l.addOuts(spare); err != nil {
		_ = pc.Close() // it was never used
		return nil, err
	}
	l.end = sync.OnceFunc(func() { close(l.over) })
	l.state.Store(Connecting)
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { l.look() })
	l.sender.Transport().ICETransport().OnSelectedCandidatePairChange(func(pair *webrtc.ICECandidatePair) {
		l.chosen.Store(pair)
		l.direct.selected(pair)
	})
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		l.level.Store(LevelID(r.GetParameters().HeaderExtensions))
		l.read(func() { l.readRTCP(r.Read) })
		l.read(func() { l.readSound(t) })
	})
	return l, nil
}

// discard ends a leg that was never installed.
func (l *leg) discard() {
	l.end()
	l.close()
}

// mute makes the leg tell nothing more.
func (l *leg) mute() { l.muted.Store(true) }

// look wakes live. pion's callbacks come in any order, so live reads the state itself.
func (l *leg) look() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// live is the leg's life, from the answer to closed.
func (l *leg) live() {
	defer l.finish()
	l.read(func() { l.readRTCP(l.sender.Read) })
	f := life{state: Connecting, lost: time.Now()}
	timer := time.NewTimer(GoneAfter)
	defer timer.Stop()
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	for {
		again := l.step(&f)
		if f.state == Closed {
			return
		}
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
		select {
		case <-l.over:
			return
		case <-l.changed:
			l.ask(time.Now())
		case <-timer.C:
		case <-report.C:
			l.report(time.Now())
		}
	}
}

// step looks at the connection and tells what is new, but for closed, which finish tells.
func (l *leg) step(f *life) (again time.Time) {
	tell, again := f.step(time.Now(), l.pc.ConnectionState(), l.heard.Load())
	for _, ev := range tell {
		if ev.State == Connected && !ev.FirstAudio {
			if l.since.IsZero() {
				l.since = time.Now()
			}
			l.shorten()
			l.engine.connected(l)
		}
		if ev.State != Closed {
			l.tell(ev)
		}
	}
	return again
}

// finish takes the leg out of its call and ends all that belongs to it.
func (l *leg) finish() {
	measured := l.measured(time.Now())
	l.engine.remove(l)
	l.close()
	if measured.Lasted > 0 {
		l.engine.onEnd(measured)
	}
	l.tell(Event{State: Closed})
}

// close ends the connection and waits for all that reads from it.
func (l *leg) close() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.direct.stop(l)
	// What fails at the end is of no consequence: the sockets are shared, and the other side notices.
	_ = l.pc.GracefulClose()
	l.readers.Wait()
}

// read starts a reader that close waits for.
func (l *leg) read(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing {
		l.readers.Go(f)
	}
}

func (l *leg) tell(ev Event) {
	l.state.Store(ev.State)
	if l.muted.Load() {
		return
	}
	l.engine.log.Debug("leg", "key", l.key.Call, "side", l.key.Side, "state", ev.State, "sound", ev.FirstAudio)
	ev.Leg = l.key
	l.engine.onEvent(ev)
}

// shorten opens the short way, where there is one.
func (l *leg) shorten() {
	if l.engine.sockets.batch == nil {
		return
	}
	if err := l.direct.start(); err != nil {
		l.engine.log.Debug("a leg stays with pion", "key", l.key.Call, "side", l.key.Side, "err", err)
	}
}

// readSound sends on what the browser says, as far as it comes pion's way, until the connection ends.
func (l *leg) readSound(t *webrtc.TrackRemote) {
	buf := make([]byte, maxPacket)
	var p, scratch rtp.Packet
	for {
		n, _, err := t.Read(buf)
		if errors.Is(err, webrtc.ErrCodecNotFound) { // something that was not negotiated
			continue
		}
		if err != nil {
			return
		}
		if p.Unmarshal(buf[:n]) != nil || len(p.Payload) == 0 {
			continue
		}
		l.number.Store(uint32(p.PayloadType))
		if !l.direct.again(p.SequenceNumber) {
			l.sound(&p, &scratch, n, time.Now())
		}
	}
}

// sound counts one packet of n bytes and sends it on.
func (l *leg) sound(p, scratch *rtp.Packet, n int, now time.Time) {
	l.received.packet(p, n, now)
	if l.gaps.packet(p, now) {
		l.look() // it asks for them
	}
	l.in.forward(p, scratch, now)
	if t := l.tap.Load(); t != nil {
		(*t).Sound(l.key.Side, &p.Header, p.Payload, l.loudness(&p.Header), now)
	}
	if !l.heard.Load() && !l.heard.Swap(true) {
		l.look()
	}
}
