package media

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// Opus always has a clock of 48 kHz in RTP (RFC 7587), and browsers send 20 ms in a packet.
const (
	clockRate  = 48000
	frameTicks = 960
	frameTime  = 20 * time.Millisecond
)

// maxJump is how far a sequence number may leap before it counts as a new start (RFC 3550, A.1).
const maxJump = 3000

// stream is sound that legs can hear: what comes from one leg, or the music.
type stream struct {
	listeners atomic.Pointer[[]*writer] // replaced as a whole, so that reading it needs no lock
}

// feed sets who hears the stream.
func (s *stream) feed(to []*writer) { s.listeners.Store(&to) }

// forward sends one packet to all listeners. It copies nothing but the header, into the caller's scratch, and
// allocates nothing.
func (s *stream) forward(in, scratch *rtp.Packet, now time.Time) {
	to := s.listeners.Load()
	if to == nil {
		return
	}
	for _, w := range *to {
		if w.stamp(&scratch.Header, s, &in.Header, now) {
			scratch.Payload = in.Payload
			w.send(scratch)
		}
	}
}

// track is where packets go: a *webrtc.TrackLocalStaticRTP, which sets SSRC and payload type.
type track interface{ WriteRTP(*rtp.Packet) error }

// writer makes one continuous RTP stream for one leg out of whatever the leg hears. When the source changes,
// the sequence number goes on by one, the timestamp by the time that passed and at least by one frame, and
// the marker is set; from then on both follow the source, so that its losses and its pauses stay visible.
type writer struct {
	to track

	mu     sync.Mutex
	hears  *stream // nil: silence
	joined *stream // the source that the shifts below belong to
	ssrc   uint32  // of the joined source
	seq    uint16  // highest sent
	ts     uint32  // of seq
	at     time.Time
	span   int // how far seq went since the source was joined; anything older belongs to the source before
	seqBy  uint16
	tsBy   uint32
	sent   sent
	kept   *kept // nil: nobody has asked for a packet again

	loss atomic.Uint32 // of what was sent, as the browser said last, in 256ths
}

// sent counts what went out, as sender reports want it.
type sent struct {
	Packets, Octets uint32 // octets of payload
	Dropped         uint32 // the transport did not take them
}

func newWriter(to track) *writer {
	// The lower half, so that the first packets cannot roll over unseen (RFC 3711, 3.3.1).
	return &writer{to: to, seq: uint16(rand.Uint32N(1 << 15)), ts: rand.Uint32()}
}

// hear changes the source.
func (w *writer) hear(s *stream) {
	w.mu.Lock()
	w.hears = s
	w.mu.Unlock()
}

// stamp writes the header with which the packet goes out; false when it must not: the leg hears something else
// by now, or the packet is late and its number was given to another source.
func (w *writer) stamp(out *rtp.Header, from *stream, in *rtp.Header, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hears != from {
		return false
	}
	step := int(int16(in.SequenceNumber + w.seqBy - w.seq))
	marker := in.Marker
	if w.joined != from || w.ssrc != in.SSRC || step > maxJump || step < -maxJump {
		w.join(from, in, now)
		step, marker = 1, true
	}
	switch {
	case step > 0:
		w.seq, w.ts, w.at = in.SequenceNumber+w.seqBy, in.Timestamp+w.tsBy, now
		w.span = min(w.span+step, 1<<15)
	case step == 0 || -step >= w.span: // a number is never used twice: it is part of what the packet is encrypted with
		return false
	}
	*out = rtp.Header{Version: 2, Marker: marker, SequenceNumber: in.SequenceNumber + w.seqBy, Timestamp: in.Timestamp + w.tsBy}
	return true
}

// join sets the shifts so that this packet follows the last one sent. Callers hold mu.
func (w *writer) join(from *stream, in *rtp.Header, now time.Time) {
	passed := uint32(frameTicks)
	if !w.at.IsZero() {
		frames := (now.Sub(w.at) + frameTime/2) / frameTime
		passed = frameTicks * uint32(max(frames, 1))
	}
	w.joined, w.ssrc, w.span = from, in.SSRC, 0
	w.seqBy = w.seq + 1 - in.SequenceNumber
	w.tsBy = w.ts + passed - in.Timestamp
}

// send hands the packet to the transport, outside of mu: two sources at the moment of a change may overtake one
// another, which the numbers put right.
func (w *writer) send(p *rtp.Packet) {
	err := w.to.WriteRTP(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.sent.Dropped++
		return
	}
	w.sent.Packets++
	w.sent.Octets += uint32(len(p.Payload))
	if w.kept != nil {
		w.kept.put(p)
	}
}

// progress says what was sent, and what the RTP clock of the stream shows now; false before the first packet.
func (w *writer) progress(now time.Time) (sent, uint32, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent, w.ts + uint32(now.Sub(w.at).Seconds()*clockRate), w.sent.Packets > 0
}
