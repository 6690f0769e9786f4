package callbench

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"
)

const (
	frame      = 20 * time.Millisecond
	frameTicks = 960 // of the 48 kHz that Opus has in RTP
	slots      = 20  // the lines are spread over a frame
	// opusBytes is what 20 ms of speech take at 32 kbit/s, Chromium's default.
	opusBytes = 80
	// A payload of ours: one byte of Opus, the mark, the window, the time since the run began.
	mark       = "backline"
	stampBytes = 21
)

// Talk sends a packet of each of its lines every 20 ms, and keeps their paths open. The zero Talk has no lines.
type Talk struct {
	mu     sync.Mutex
	lines  []*Line // guarded by mu
	window uint32  // guarded by mu
}

// Add lets a line that has joined talk.
func (t *Talk) Add(l *Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, l)
}

// Clear lets all lines fall silent and returns them.
func (t *Talk) Clear() []*Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	t.lines = nil
	return lines
}

// Window begins to count what is sent and arrives, of which a line has about so many packets to expect; window
// differs from the one before. Zero ends the counting of what is sent, and what is on its way is still counted.
func (t *Talk) Window(window uint32, expected int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.window = window
	for _, l := range t.lines {
		if window != 0 {
			l.expect(window, expected)
		}
	}
}

// Run talks until ctx ends. A packet that is late is sent late, not left out.
func (t *Talk) Run(ctx context.Context) {
	tick := time.NewTicker(frame / slots)
	defer tick.Stop()
	began := time.Now()
	checked := began
	for i := 0; ; i++ {
		for time.Since(began) < time.Duration(i)*frame/slots {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		check := time.Since(checked) > CheckEvery
		if check {
			checked = time.Now()
		}
		t.slot(i%slots, check)
	}
}

// slot sends what is due in one part of the frame.
func (t *Talk) slot(i int, check bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := i; n < len(t.lines); n += slots {
		t.lines[n].say(t.window)
	}
	if !check {
		return
	}
	for _, l := range t.lines {
		_ = l.Check() // the next will do
	}
}

// say sends one packet.
func (l *Line) say(window uint32) {
	l.seq++
	l.ticks += frameTicks
	h := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: l.seq, Timestamp: l.ticks, SSRC: l.ssrc}
	if l.plain == nil {
		l.plain, l.wire = make([]byte, h.MarshalSize()+opusBytes), make([]byte, maxPacket)
		l.plain[h.MarshalSize()] = 0x78 // Opus: CELT, 20 ms, one frame
	}
	n, err := h.MarshalTo(l.plain)
	if err != nil {
		return
	}
	payload := l.plain[n:]
	copy(payload[1:], mark)
	binary.BigEndian.PutUint32(payload[9:], window)
	binary.BigEndian.PutUint64(payload[13:], uint64(time.Since(l.began)))
	out, err := l.local.EncryptRTP(l.wire, l.plain, nil)
	if err != nil {
		return
	}
	if window != 0 {
		l.mu.Lock()
		l.sent++
		l.mu.Unlock()
	}
	_, _ = l.conn.Write(out) // what the socket does not take is lost, and counted as such
}

// expect begins to count a window.
func (l *Line) expect(window uint32, packets int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window, l.sent, l.received, l.delays = window, 0, 0, slices.Grow(l.delays[:0], packets)
}

// Counted is what became of a window.
type Counted struct {
	Sent, Received int
	Delays         []time.Duration // of each packet, sorted
}

// Count sums up what lines sent and heard in the last window.
func Count(lines []*Line) Counted {
	var c Counted
	for _, l := range lines {
		l.mu.Lock()
		c.Sent += int(l.sent)
		c.Received += int(l.received)
		c.Delays = append(c.Delays, l.delays...)
		l.mu.Unlock()
	}
	slices.Sort(c.Delays)
	return c
}

// At is a quantile of the delays, 0 to 1.
func (c Counted) At(q float64) time.Duration {
	if len(c.Delays) == 0 {
		return 0
	}
	return c.Delays[min(len(c.Delays)-1, int(q*float64(len(c.Delays))))]
}
