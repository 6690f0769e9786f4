package media

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Lost packets are asked for again, by us and by browsers (RFC 4585, 6.2.1), as long as the answer can come in time
// to be heard. What does not is repaired from the next packet by the browser that hears it: Opus has room for that
// (in-band FEC), which the browser that speaks uses when it is told of losses.
const (
	// maxAsked packets of one leg may be missing at once; a longer gap is an interruption, not loss.
	maxAsked = 16
	// askTimes is how often a packet is asked for, and askPause the time between.
	askTimes = 2
	askPause = 40 * time.Millisecond
	// tooLate is when a lost packet is of no use any more, and the round trip from which nothing is asked for.
	tooLate = 250 * time.Millisecond
	// maxKept packets of a stream can be sent again: about a second.
	maxKept = 64
)

// gaps are the packets of one browser that have not come.
type gaps struct {
	mu      sync.Mutex
	begun   bool   // guarded by mu
	top     uint16 // highest number that came; guarded by mu
	ssrc    uint32 // guarded by mu
	missing []gap  // guarded by mu
}

type gap struct {
	seq   uint16
	since time.Time
	asked int
}

// packet notes what came, and reports whether something is missing before it.
func (g *gaps) packet(p *rtp.Packet, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	step := int(int16(p.SequenceNumber - g.top))
	switch {
	case !g.begun || g.ssrc != p.SSRC || step > maxAsked || step < -maxJump:
		g.begun, g.ssrc, g.top, g.missing = true, p.SSRC, p.SequenceNumber, g.missing[:0]
		return false
	case step <= 0:
		g.missing = slices.DeleteFunc(g.missing, func(m gap) bool { return m.seq == p.SequenceNumber })
		return false
	}
	for seq := g.top + 1; seq != p.SequenceNumber; seq++ {
		if len(g.missing) == maxAsked {
			g.missing = append(g.missing[:0], g.missing[1:]...)
		}
		g.missing = append(g.missing, gap{seq: seq, since: now})
	}
	g.top = p.SequenceNumber
	return step > 1
}

// due are the packets to be asked for now.
func (g *gaps) due(now time.Time) (ssrc uint32, all []uint16) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.missing = slices.DeleteFunc(g.missing, func(m gap) bool { return now.Sub(m.since) > tooLate })
	for i := range g.missing {
		if m := &g.missing[i]; m.asked < askTimes && now.Sub(m.since) >= time.Duration(m.asked)*askPause {
			m.asked++
			all = append(all, m.seq)
		}
	}
	return g.ssrc, all
}

// ask asks the browser for what is missing.
func (l *leg) ask(now time.Time) {
	ssrc, all := l.gaps.due(now)
	if len(all) == 0 || l.reported.roundTrip() > tooLate {
		return
	}
	// A question that cannot be sent is asked again.
	_ = l.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(all)}})
}

// kept are the last packets of a stream, for browsers that ask for them again.
type kept struct {
	packets [maxKept]rtp.Packet
	times   [maxKept]int // how often each was sent again
	next    int
}

func (k *kept) put(p *rtp.Packet) {
	at := &k.packets[k.next]
	at.Header, at.Payload = p.Header, append(at.Payload[:0], p.Payload...)
	k.times[k.next] = 0
	k.next = (k.next + 1) % maxKept
}

// find returns a copy of a packet; false when it is gone, or was sent again often enough.
func (k *kept) find(seq uint16) (rtp.Packet, bool) {
	for i := range k.packets {
		if p := &k.packets[i]; len(p.Payload) > 0 && p.SequenceNumber == seq && k.times[i] < askTimes {
			k.times[i]++
			return rtp.Packet{Header: p.Header, Payload: slices.Clone(p.Payload)}, true
		}
	}
	return rtp.Packet{}, false
}

// again sends what a browser asks for. The packet is the same to the last bit, so that its encryption is too.
// The first question makes the stream keep packets: most never need it.
func (w *writer) again(pairs []rtcp.NackPair) {
	for _, pair := range pairs {
		for _, seq := range pair.PacketList() {
			w.mu.Lock()
			if w.kept == nil {
				w.kept = &kept{}
			}
			p, ok := w.kept.find(seq)
			w.mu.Unlock()
			if ok {
				_ = w.to.WriteRTP(&p) // lost again, as on any network
			}
		}
	}
}

// worst is the greatest part that is lost, in 256ths, as those say who hear the stream.
func (s *stream) worst() uint8 {
	to := s.listeners.Load()
	if to == nil {
		return 0
	}
	worst := uint32(0)
	for _, w := range *to {
		worst = max(worst, w.loss.Load())
	}
	return uint8(min(worst, 255))
}

// offerNack adds to an answer that Opus packets may be asked for again. Browsers do not offer it for audio;
// Chromium and Safari take it up all the same, others pass over it.
func offerNack(sdp string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		b.WriteString(line)
		number, codec, _ := strings.Cut(strings.TrimPrefix(line, "a=rtpmap:"), " ")
		if strings.HasPrefix(line, "a=rtpmap:") && strings.HasPrefix(codec, "opus/48000/2") {
			b.WriteString("a=rtcp-fb:" + number + " nack\r\n")
		}
	}
	return b.String()
}
