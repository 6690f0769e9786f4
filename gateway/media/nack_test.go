package media

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func numbered(seq uint16) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{SSRC: 7, SequenceNumber: seq, Timestamp: uint32(seq) * frameTicks}, Payload: []byte{byte(seq), byte(seq >> 8)}}
}

func TestMissingPacketsAreAskedForTwiceAndThenNoMore(t *testing.T) {
	var g gaps
	now := time.Unix(0, 0)
	asked := func() []uint16 { _, all := g.due(now); return all }
	for _, seq := range []uint16{65533, 65534, 1, 2} { // 65535 and 0 are lost
		g.packet(numbered(seq), now)
	}
	if got := asked(); !slices.Equal(got, []uint16{65535, 0}) {
		t.Fatalf("asked for %d, want 65535 and 0", got)
	}
	if got := asked(); got != nil {
		t.Errorf("asked for %d again at once", got)
	}
	now = now.Add(askPause)
	g.packet(numbered(0), now) // came after all
	if got := asked(); !slices.Equal(got, []uint16{65535}) {
		t.Errorf("asked for %d, want what is still missing", got)
	}
	now = now.Add(askPause)
	if got := asked(); got != nil {
		t.Errorf("asked for %d a third time", got)
	}
	g.packet(numbered(4), now)
	now = now.Add(tooLate + 1)
	if got := asked(); got != nil {
		t.Errorf("asked for %d, which comes too late", got)
	}
}

func TestALongGapIsNotAskedFor(t *testing.T) {
	var g gaps
	now := time.Unix(0, 0)
	g.packet(numbered(1), now)
	if g.packet(numbered(1+maxAsked+1), now) {
		t.Error("a long gap counts as loss")
	}
	for seq := uint16(100); seq < 400; seq += 10 {
		g.packet(numbered(seq), now)
	}
	if _, all := g.due(now); len(all) > maxAsked {
		t.Errorf("asked for %d packets at once, at most %d", len(all), maxAsked)
	}
}

// sentTrack keeps what was sent.
type sentTrack struct{ all []rtp.Packet }

func (s *sentTrack) WriteRTP(p *rtp.Packet) error {
	s.all = append(s.all, rtp.Packet{Header: p.Header, Payload: slices.Clone(p.Payload)})
	return nil
}

func TestWhatIsAskedForIsSentAgainTheSameAndNotForEver(t *testing.T) {
	to := &sentTrack{}
	w := newWriter(to)
	ask := func(seq uint16) { w.again(rtcp.NackPairsFromSequenceNumbers([]uint16{seq})) }
	w.send(numbered(1))
	ask(1) // nobody knew that it would be wanted
	for seq := uint16(2); seq < 6; seq++ {
		w.send(numbered(seq))
	}
	sent := len(to.all)
	for range 5 {
		ask(3)
	}
	again := to.all[sent:]
	if len(again) != askTimes {
		t.Fatalf("sent again %d times, want %d", len(again), askTimes)
	}
	for _, p := range again {
		if want := numbered(3); p.SequenceNumber != 3 || p.Timestamp != want.Timestamp || !slices.Equal(p.Payload, want.Payload) {
			t.Errorf("sent again as %v", p)
		}
	}
	sent = len(to.all)
	ask(1)
	ask(77)
	if len(to.all) != sent {
		t.Error("something was sent that is not kept")
	}
}

func TestAnAnswerSaysThatOpusMayBeAskedForAgain(t *testing.T) {
	got := offerNack("m=audio 9 UDP/TLS/RTP/SAVPF 109\r\na=rtpmap:109 opus/48000/2\r\na=fmtp:109 useinbandfec=1\r\n")
	want := "m=audio 9 UDP/TLS/RTP/SAVPF 109\r\na=rtpmap:109 opus/48000/2\r\na=rtcp-fb:109 nack\r\na=fmtp:109 useinbandfec=1\r\n"
	if got != want {
		t.Errorf("got %q", got)
	}
}

func TestASpeakerHearsOfTheWorstListener(t *testing.T) {
	s := &stream{}
	a, b := newWriter(&sentTrack{}), newWriter(&sentTrack{})
	s.feed([]*writer{a, b})
	a.loss.Store(12)
	b.loss.Store(51)
	if got := s.worst(); got != 51 {
		t.Errorf("worst %d, want 51", got)
	}
}
