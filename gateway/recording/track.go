package recording

import (
	"slices"
	"time"

	"backline/gateway/media"
)

// Opus in RTP always has a clock of 48 kHz (RFC 7587). What is filled in is filled in frames of 20 ms.
const (
	clockRate  = 48000
	frameTicks = 960
	// maxPacketTicks is the longest an Opus packet can last (RFC 6716, 3.2.5).
	maxPacketTicks = 120 * clockRate / 1000
	// patience is how long a packet that overtook others waits for them.
	patience = clockRate / 5
	// maxWaiting packets of one track.
	maxWaiting = 64
	// concealed is how much of a gap a decoder is asked to conceal; the rest is silence.
	concealed = clockRate
	// maxApart is how far the clock of a speaker may be from ours before it is a new clock.
	maxApart = 3 * clockRate
	// levelTicks is what one level stands for: 100 ms.
	levelTicks = clockRate / 10
)

// silence is a packet of 20 ms of nothing: CELT, full band, one channel, and a range coder that says "silence".
var silence = []byte{0xf8, 0xff, 0xfe}

// frame is one packet of a speaker.
type frame struct {
	ssrc    uint32
	seq     uint16
	ts      uint32
	at      int64 // when it came, in ticks since the recording began
	level   uint8
	payload []byte
}

// waiting is a frame with its place.
type waiting struct {
	pos, ticks int64
	payload    []byte
}

// track is what one side says, written so that its time is that of the recording: when it came, corrected by the
// speaker's own clock. RFC 7845 (4.1) forbids to leave time out: a gap is filled with packets that ask the decoder
// to conceal it (a table of contents without a frame), a long one with silence.
type track struct {
	ogg *oggWriter

	end    int64 // of what was written
	spoke  bool  // a packet was written
	toc    byte  // of the newest that was
	known  bool  // there is an anchor
	ssrc   uint32
	seq    uint16 // newest
	ts     uint32 // of the newest, which is at pos
	pos    int64
	queue  []waiting // sorted by pos
	levels []byte    // loudest of each 100 ms, 0 to 127

	lost, late, bad int // packets
	filled          int64
}

// take puts a packet in its place.
func (t *track) take(f frame) {
	ticks := int64(media.OpusTicks(f.payload))
	if ticks <= 0 || ticks > maxPacketTicks {
		t.bad++
		return
	}
	pos := t.place(f)
	if pos+ticks <= t.end {
		t.late++
		return
	}
	i, dup := slices.BinarySearchFunc(t.queue, pos, func(w waiting, p int64) int { return int(w.pos - p) })
	if dup {
		return
	}
	t.queue = slices.Insert(t.queue, i, waiting{pos, ticks, f.payload})
	t.loud(pos, f.level)
	for len(t.queue) > maxWaiting {
		t.next()
	}
}

// place is where a packet belongs. The speaker's clock says it, once the first packet has tied it to ours.
func (t *track) place(f frame) int64 {
	pos := t.pos + int64(int32(f.ts-t.ts))
	if !t.known || f.ssrc != t.ssrc || pos-f.at > maxApart || f.at-pos > maxApart {
		pos = max(f.at-f.at%frameTicks, t.reach())
		t.known, t.ssrc, t.seq, t.ts, t.pos = true, f.ssrc, f.seq, f.ts, pos
		return pos
	}
	if step := int(int16(f.seq - t.seq)); step > 0 {
		t.lost += step - 1
		t.seq, t.ts, t.pos = f.seq, f.ts, pos
	} else if step < 0 && t.lost > 0 {
		t.lost-- // it was only late
	}
	return pos
}

// reach is the end of all that was taken.
func (t *track) reach() int64 {
	if n := len(t.queue); n > 0 {
		return t.queue[n-1].pos + t.queue[n-1].ticks
	}
	return t.end
}

// settle writes what nobody is waited for any more at a time.
func (t *track) settle(now int64) {
	for len(t.queue) > 0 && t.queue[0].pos+patience <= now {
		t.next()
	}
}

// next writes the first that waits.
func (t *track) next() {
	w := t.queue[0]
	t.queue = slices.Delete(t.queue, 0, 1)
	if w.pos+w.ticks <= t.end {
		t.late++
		return
	}
	t.fill(w.pos)
	t.ogg.packet(w.payload, int(w.ticks))
	t.end, t.spoke, t.toc = t.end+w.ticks, true, w.payload[0]
}

// fill goes on to a position, as far as whole frames do.
func (t *track) fill(to int64) {
	for begun := t.end; t.end+frameTicks <= to; t.end += frameTicks {
		p := silence
		if t.spoke && t.end-begun < concealed {
			p = []byte{conceal(t.toc)}
		}
		t.ogg.packet(p, frameTicks)
		t.filled += frameTicks
	}
}

// conceal is the table of contents of a packet of 20 ms without a frame, in the mode of another (RFC 6716, 3.1).
func conceal(toc byte) byte {
	config := toc >> 3
	switch {
	case config < 12:
		config = config&^3 | 1
	case config < 16:
		config = config&^1 | 1
	default:
		config |= 3
	}
	return config << 3
}

// loud notes how loud a moment was.
func (t *track) loud(pos int64, level uint8) {
	i := int(pos / levelTicks)
	if level == media.NoLevel || i > maxLevels {
		return
	}
	for len(t.levels) <= i {
		t.levels = append(t.levels, 0)
	}
	t.levels[i] = max(t.levels[i], 127-level&127)
}

// maxLevels of a track: those of the longest recording.
const maxLevels = int(MaxLength / (100 * time.Millisecond))
