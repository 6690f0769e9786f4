package media

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func TestReceptionCountsLossAndWraps(t *testing.T) {
	var r reception
	now := time.Unix(1e9, 0)
	if _, ok := r.block(now); ok {
		t.Error("there is a report about nothing")
	}
	seq := uint16(65500)
	take := func(n int) {
		for range n {
			r.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(seq) * 960, SSRC: 3}}, 100, now)
			seq++
			now = now.Add(frameTime)
		}
	}
	take(50) // over the wrap
	if b, _ := r.block(now); b.TotalLost != 0 || b.FractionLost != 0 || b.LastSequenceNumber != 1<<16+13 || b.SSRC != 3 {
		t.Errorf("got %+v, want nothing lost up to 65549", b)
	}
	seq += 50
	take(50)
	if b, _ := r.block(now); b.TotalLost != 50 || b.FractionLost < 120 || b.FractionLost > 128 {
		t.Errorf("got %+v, want half of 100 lost", b)
	}
	take(10)
	if b, _ := r.block(now); b.TotalLost != 50 || b.FractionLost != 0 {
		t.Errorf("got %+v, want 50 lost in all, none lately", b)
	}
	if f := r.flow(); f.Packets != 110 || f.Bytes != 11000 || f.Lost != 50 {
		t.Errorf("got %+v", f)
	}
	r.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: 9, SSRC: 4}}, 100, now)
	if b, _ := r.block(now); b.SSRC != 4 || b.TotalLost != 0 {
		t.Errorf("got %+v, want a new source with nothing lost", b)
	}
}

func TestJitterIsThatOfRFC3550(t *testing.T) {
	var r reception
	now := time.Unix(1e9, 0)
	for i := range 400 { // every other packet 5 ms late: differences of 5 ms all along
		late := time.Duration(i%2) * 5 * time.Millisecond
		r.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i) * 960, SSRC: 3}}, 100, now.Add(late))
		now = now.Add(frameTime)
	}
	if got := r.flow().Jitter; got < 4900*time.Microsecond || got > 5100*time.Microsecond {
		t.Errorf("jitter is %v, want 5 ms", got)
	}
}

func TestRoundTripIsArrivalLessWhatTheBrowserSays(t *testing.T) {
	var r reported
	sent := time.Unix(1e9, 999_000_000)
	lsr := uint32(ntpTime(sent) >> 16)
	held := 300 * time.Millisecond
	report := rtcp.ReceptionReport{TotalLost: 4, Jitter: 480, LastSenderReport: lsr, Delay: uint32(held.Seconds() * 65536)}
	r.block(report, sent.Add(held+80*time.Millisecond))
	if r.rtt < 79*time.Millisecond || r.rtt > 81*time.Millisecond || r.lost != 4 {
		t.Errorf("got %v and %d lost, want 80 ms and 4", r.rtt, r.lost)
	}
	report.Delay = 1 << 31 // nonsense
	r.block(report, sent.Add(time.Second))
	if r.rtt > time.Minute {
		t.Errorf("a round trip of %v was believed", r.rtt)
	}
}

func TestNTPTime(t *testing.T) {
	// RFC 5905, figure 4: 1 January 1970 is second 2,208,988,800 of NTP.
	if got := ntpTime(time.Unix(0, 500_000_000)); got != 2208988800<<32|1<<31 {
		t.Errorf("got %x", got)
	}
}

func TestRolloversAreThoseOfThePacketAndNotOfTheHighest(t *testing.T) {
	var r reception
	if n := r.rollovers(7, 9); n != 0 {
		t.Errorf("nothing was heard, and yet it turned over %d times", n)
	}
	now := time.Unix(1e9, 0)
	for seq := uint32(60000); seq < 3<<16-100; seq += 1000 {
		r.packet(&rtp.Packet{Header: rtp.Header{SSRC: 7, SequenceNumber: uint16(seq)}}, 100, now)
	}
	for seq, want := range map[uint16]uint32{65000: 2, 65535: 2, 5: 3, 40000: 2} {
		if n := r.rollovers(7, seq); n != want {
			t.Errorf("%d turned over %d times, want %d", seq, n, want)
		}
	}
	if n := r.rollovers(8, 5); n != 0 {
		t.Errorf("another stream turned over %d times", n)
	}
}
