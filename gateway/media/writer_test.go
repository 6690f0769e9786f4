package media

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// tape is a track that keeps the headers it is given.
type tape struct{ got []rtp.Header }

func (t *tape) WriteRTP(p *rtp.Packet) error {
	t.got = append(t.got, p.Header)
	return nil
}

// bench is a writer on a tape, and a clock.
type bench struct {
	*writer
	tape *tape
	now  time.Time
}

func newBench() *bench {
	t := &tape{}
	return &bench{newWriter(t), t, time.Unix(1e9, 0)}
}

func (b *bench) listen(s *stream) {
	b.hear(s)
	s.feed([]*writer{b.writer})
}

// send forwards a packet of a stream, wait after the one before.
func (b *bench) send(s *stream, wait time.Duration, seq uint16, ts uint32) {
	b.now = b.now.Add(wait)
	s.forward(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: ts, SSRC: 5}, Payload: []byte{1}}, &rtp.Packet{}, b.now)
}

// seqs are the numbers sent, from the first on.
func (b *bench) seqs() []int {
	var all []int
	for _, h := range b.tape.got {
		all = append(all, int(int16(h.SequenceNumber-b.tape.got[0].SequenceNumber)))
	}
	return all
}

func (b *bench) stamps() []int {
	var all []int
	for _, h := range b.tape.got {
		all = append(all, int(int32(h.Timestamp-b.tape.got[0].Timestamp)))
	}
	return all
}

func wantInts(t *testing.T, what string, got []int, want ...int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

func TestANewSourceContinuesTheStream(t *testing.T) {
	b, music, party := newBench(), &stream{}, &stream{}
	b.listen(music)
	b.send(music, 0, 100, 5000)
	b.send(music, frameTime, 101, 5960)
	b.listen(party)
	b.send(party, 25*time.Millisecond, 60000, 1)
	b.send(party, frameTime, 60001, 961)
	wantInts(t, "numbers", b.seqs(), 0, 1, 2, 3)
	wantInts(t, "timestamps", b.stamps(), 0, 960, 1920, 2880)
	if h := b.tape.got; !h[0].Marker || h[1].Marker || !h[2].Marker || h[3].Marker {
		t.Error("the marker belongs on the first packet of each source, and there alone")
	}
}

func TestTheOldSourceIsNotHeardAnyMore(t *testing.T) {
	b, music, party := newBench(), &stream{}, &stream{}
	b.listen(music)
	b.send(music, 0, 1, 0)
	b.listen(party)
	b.send(music, frameTime, 2, 960) // was on its way
	b.send(party, 0, 7, 0)
	b.hear(nil)
	b.send(party, frameTime, 8, 960)
	wantInts(t, "numbers", b.seqs(), 0, 1)
}

func TestLossAndOrderOfTheSourceStayVisible(t *testing.T) {
	b, s := newBench(), &stream{}
	b.listen(s)
	for _, seq := range []uint16{10, 13, 12, 14} { // 11 is lost, 12 late
		b.send(s, frameTime, seq, uint32(seq)*960)
	}
	wantInts(t, "numbers", b.seqs(), 0, 3, 2, 4)
	wantInts(t, "timestamps", b.stamps(), 0, 3*960, 2*960, 4*960)
}

func TestANumberIsNeverUsedTwice(t *testing.T) {
	b, music, party := newBench(), &stream{}, &stream{}
	b.listen(music)
	for i := range 10 {
		b.send(music, frameTime, uint16(i), uint32(i)*960)
	}
	b.listen(party)
	b.send(party, frameTime, 50, 50*960)
	b.send(party, frameTime, 50, 50*960) // again
	b.send(party, frameTime, 49, 49*960) // late: its number went to the music
	b.send(party, frameTime, 52, 52*960)
	b.send(party, frameTime, 51, 51*960)
	wantInts(t, "numbers", b.seqs(), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 11)
}

func TestAfterSilenceTheClockHasGoneOn(t *testing.T) {
	b, music, party := newBench(), &stream{}, &stream{}
	b.listen(music)
	b.send(music, 0, 1, 0)
	b.hear(nil)
	b.listen(party)
	b.send(party, 10*time.Second, 9, 77)
	wantInts(t, "numbers", b.seqs(), 0, 1)
	wantInts(t, "timestamps", b.stamps(), 0, 10*clockRate)
}

func TestASpeakerThatStartsAnewContinuesTheStream(t *testing.T) {
	b, s := newBench(), &stream{}
	b.listen(s)
	b.send(s, 0, 10, 0)
	b.send(s, frameTime, 40000, 1<<31) // a leap
	b.now = b.now.Add(frameTime)
	s.forward(&rtp.Packet{Header: rtp.Header{SequenceNumber: 40001, Timestamp: 9, SSRC: 6}, Payload: []byte{1}}, &rtp.Packet{}, b.now) // another track
	wantInts(t, "numbers", b.seqs(), 0, 1, 2)
	wantInts(t, "timestamps", b.stamps(), 0, 960, 1920)
}

func TestNumbersWrapInALongCall(t *testing.T) {
	b, s := newBench(), &stream{}
	b.listen(s)
	for i := range 200_000 { // more than an hour
		b.send(s, frameTime, uint16(i), uint32(i)*960)
	}
	if n := len(b.tape.got); n != 200_000 {
		t.Fatalf("%d packets went out, want 200000", n)
	}
	for i, h := range b.tape.got[1:] {
		if h.SequenceNumber != b.tape.got[i].SequenceNumber+1 || h.Timestamp != b.tape.got[i].Timestamp+960 {
			t.Fatalf("packet %d does not follow the one before", i+1)
		}
	}
	sent, clock, ok := b.progress(b.now.Add(time.Second))
	if last := b.tape.got[199_999]; !ok || sent.Packets != 200_000 || sent.Octets != 200_000 || clock != last.Timestamp+clockRate {
		t.Errorf("progress is %+v at %d, want 200000 packets, a second after %d", sent, clock, last.Timestamp)
	}
}
