package sfu

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"
)

// maxJump is how far a sequence number may leap before it counts as a new start (RFC 3550, A.1).
const maxJump = 3000

// numbers makes one continuous RTP stream out of whatever a receiver gets on one SSRC. When the source changes,
// the sequence number goes on by one and the timestamp by the time that passed, at least by one frame; from then
// on both follow the source, so that its losses stay visible and can be asked for again.
type numbers struct {
	clock uint32        // ticks a second
	frame time.Duration // that passes at least when the source changes

	ssrc  uint32 // of the source; 0: none yet
	seq   uint16 // highest sent
	ts    uint32 // of seq
	at    time.Time
	span  int // how far seq went since the source was joined; anything older belongs to the source before
	seqBy uint16
	tsBy  uint32
}

func newNumbers(clock uint32, frame time.Duration) numbers {
	return numbers{clock: clock, frame: frame, seq: uint16(rand.Uint32()), ts: rand.Uint32()}
}

// join makes this packet follow the last one sent.
func (n *numbers) join(in *rtp.Header, now time.Time) {
	passed := n.frame
	if !n.at.IsZero() {
		passed = max(passed, now.Sub(n.at))
	}
	n.ssrc, n.span = in.SSRC, 0
	n.seqBy = n.seq + 1 - in.SequenceNumber
	n.tsBy = n.ts + uint32(passed.Seconds()*float64(n.clock)) - in.Timestamp
}

// broken reports that the source has begun anew under the same SSRC, or is another.
func (n *numbers) broken(in *rtp.Header) bool {
	step := int(int16(in.SequenceNumber + n.seqBy - n.seq))
	return n.ssrc != in.SSRC || step > maxJump || step < -maxJump
}

// take returns the numbers with which a packet goes out; false when it must not: it is late, and its number was
// given to another source. A number is never used twice: it is part of what the packet is encrypted with.
func (n *numbers) take(in *rtp.Header, now time.Time) (seq uint16, ts uint32, ok bool) {
	seq, ts = in.SequenceNumber+n.seqBy, in.Timestamp+n.tsBy
	step := int(int16(seq - n.seq))
	switch {
	case step > 0:
		n.seq, n.ts, n.at = seq, ts, now
		n.span = min(n.span+step, 1<<15)
	case step == 0 || -step >= n.span:
		return 0, 0, false
	}
	return seq, ts, true
}
