package sfu

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	maxLayers = 3
	// maxPacket is more than any packet a browser sends.
	maxPacket = 1500
	// keyEvery is the time between two requests for a key frame of one layer.
	keyEvery = time.Second
	// deadAfter: a layer that lags this far behind the other layers of its source is not sent any more. Browsers
	// stop the large ones when their line or their processor is too slow.
	deadAfter = 2 * time.Second
	// idleAfter: a layer that nobody has had use for this long need not be sent. What is sent again needs a moment
	// and a key frame, so that tiles which come and go are no reason.
	idleAfter = 5 * time.Second
)

// source is what one participant sends of one kind.
type source struct {
	peer      string
	kind      Kind
	conn      *conn
	muted     atomic.Bool // nothing of it is sent on
	layers    [maxLayers]layer
	listeners atomic.Pointer[[]*slot] // replaced as a whole, so that reading it needs no lock
	tap       atomic.Pointer[tapped]  // of sound; nil: nobody records it
	level     atomic.Uint32           // id of the header extension that says how loud a packet is; 0: none

	// Guarded by Room.mu.
	wanted int       // how many layers somebody has use for, at the last look
	useful int       // … and during the last idleAfter; 0: never looked at
	since  time.Time // since when wanted has been less than useful
}

// layer is one encoding of a source; sound and browsers without simulcast have the first only.
type layer struct {
	ssrc   atomic.Uint32 // 0: never seen
	bytes  atomic.Uint64
	height atomic.Int32 // of the last key frame
	last   atomic.Int64 // when the last packet came, Unix nanoseconds
	asked  atomic.Int64 // when a key frame was asked for

	// Owned by the room's goroutine.
	before uint64 // bytes at the last look
	rate   int    // bits a second, smoothed
}

// layerOf is the layer that a rid names.
func layerOf(rid string) int {
	switch rid {
	case "h":
		return 1
	case "f":
		return 2
	}
	return 0
}

// nominal is what a layer is taken for before it was measured.
func nominal(l int) (height, rate int) {
	switch l {
	case 1:
		return 360, 500_000
	case 2:
		return 720, 1_500_000
	}
	return 180, 150_000
}

func (s *source) feed(to []*slot) { s.listeners.Store(&to) }

func (s *source) heard() []*slot {
	if to := s.listeners.Load(); to != nil && !s.muted.Load() {
		return *to
	}
	return nil
}

// read sends on what comes in on one track until the connection ends.
func (s *source) read(t *webrtc.TrackRemote, at int) {
	buf := make([]byte, maxPacket)
	l := &s.layers[at]
	var p rtp.Packet
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			return
		}
		if p.Unmarshal(buf[:n]) != nil {
			continue
		}
		now := time.Now()
		l.ssrc.Store(p.SSRC)
		l.bytes.Add(uint64(n))
		l.last.Store(now.UnixNano())
		if s.kind == Audio {
			s.sound(&p, now)
		} else {
			s.picture(&p, at, now)
		}
	}
}

func (s *source) sound(p *rtp.Packet, now time.Time) {
	if len(p.Payload) == 0 || s.muted.Load() {
		return
	}
	for _, to := range s.heard() {
		to.sound(s, p, now)
	}
	s.record(p, now)
}

func (s *source) picture(p *rtp.Packet, at int, now time.Time) {
	f, ok := readVP8(p.Payload)
	if ok && f.height > 0 {
		s.layers[at].height.Store(int32(f.height))
	}
	for _, to := range s.heard() {
		if ok {
			to.picture(s, at, p, f, now)
		} else {
			to.skip(s, at, &p.Header) // filling, sent to find out what the line carries
		}
	}
}

// askKey asks the page for a key frame, unless it was just asked.
func (s *source) askKey(at int, now time.Time) {
	l := &s.layers[at]
	ssrc, asked := l.ssrc.Load(), l.asked.Load()
	if ssrc == 0 || now.UnixNano()-asked < int64(keyEvery) || !l.asked.CompareAndSwap(asked, now.UnixNano()) {
		return
	}
	// One that cannot be sent is made good by the next: the room asks as long as somebody waits.
	_ = s.conn.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}})
}

// look measures the layers; it is called every lookEvery.
func (s *source) look(passed time.Duration) {
	for i := range s.layers {
		l := &s.layers[i]
		bytes := l.bytes.Load()
		now := int(float64(bytes-l.before) * 8 / passed.Seconds())
		l.before = bytes
		switch {
		case l.rate == 0:
			l.rate = now
		case now > 0:
			l.rate += (now - l.rate) / 4
		}
	}
}

// settle brings useful to what is wanted: up at once, down when that has been so for idleAfter.
func (s *source) settle(now time.Time) {
	switch {
	case s.useful == 0: // until it is known how large its layers are, all are sent
		s.useful, s.since = maxLayers, now
	case s.wanted >= s.useful || now.Sub(s.since) >= idleAfter:
		s.useful, s.since = s.wanted, now
	}
}

// now is the layers as a choice wants them.
func (s *source) now() []layerNow {
	latest := int64(0)
	for i := range s.layers {
		latest = max(latest, s.layers[i].last.Load())
	}
	out := make([]layerNow, maxLayers)
	for i := range s.layers {
		l := &s.layers[i]
		height, rate := nominal(i)
		if h := int(l.height.Load()); h > 0 {
			height = h
		}
		if l.rate > 0 {
			rate = l.rate
		}
		alive := l.ssrc.Load() != 0 && latest-l.last.Load() < int64(deadAfter)
		out[i] = layerNow{height: height, rate: rate, alive: alive}
	}
	return out
}
