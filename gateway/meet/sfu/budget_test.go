package sfu

import (
	"testing"
	"time"
)

// link is a line that carries so much; what is more makes delay grow.
type link struct {
	capacity int
	queue    int // bits
	budget   budget
	now      time.Time
	asks     []ask
	got      []int
	sound    int
}

func newLink(capacity, voices int, tiles ...int) *link {
	l := &link{budget: fresh(), capacity: capacity, now: time.Unix(1_000_000, 0), sound: voices * soundRate}
	for _, h := range tiles {
		l.asks = append(l.asks, ask{layers: threeLayers(), height: h, now: none})
		l.got = append(l.got, none)
	}
	return l
}

func fresh() budget { return budget{rate: firstEstimate, wait: calmFor} }

// step is one look: what was sent since the last fills the line, and new layers are chosen.
func (l *link) step() (sent int) {
	sent = l.sound
	limited, least := false, true
	for i, a := range l.asks {
		if l.got[i] != none {
			sent += a.layers[l.got[i]].rate
		}
		limited = limited || l.got[i] < a.top()
		least = least && l.got[i] <= a.above(none)
	}
	before := l.queue
	l.queue = max(0, l.queue+(sent-l.capacity)/4)
	// GCC's estimate is at most one and a half of what arrives.
	l.budget.look(signs{estimate: min(sent, l.capacity) * 3 / 2, sent: sent, sound: l.sound, full: l.queue > before, limited: limited, least: least}, l.now)
	for i := range l.asks {
		l.asks[i].now = l.got[i]
	}
	l.got = choose(l.asks, l.budget.rate-l.sound, l.budget.mayRise(l.now))
	l.now = l.now.Add(lookEvery)
	return sent
}

func (l *link) run(d time.Duration) (most, over int) {
	for range int(d / lookEvery) {
		sent := l.step()
		most = max(most, sent)
		if sent > l.capacity {
			over++
		}
	}
	return most, over
}

func TestAGoodLineGetsAllItsTilesCanShowWithinSeconds(t *testing.T) {
	l := newLink(20_000_000, 3, 720, 300, 300)
	l.run(20 * time.Second)
	if l.got[0] != 2 || l.got[1] != 1 || l.got[2] != 1 {
		t.Errorf("after 20 s: %v", l.got)
	}
}

func TestASlowLineIsSeldomTooFullAndStillSeesWhatItCan(t *testing.T) {
	l := newLink(700_000, 3, 360, 360, 360)
	l.run(10 * time.Second)
	_, over := l.run(2 * time.Minute)
	if share := over * 100 / int(2*time.Minute/lookEvery); share > 12 {
		t.Errorf("the line was too full for %d %% of the time", share)
	}
	seen := 0
	for _, g := range l.got {
		if g != none {
			seen++
		}
	}
	if seen < 2 {
		t.Errorf("a line for three small pictures gets %v", l.got)
	}
}

func TestWhoHadNothingButSoundSeesAgainWhenTheLineIsBetter(t *testing.T) {
	l := newLink(180_000, 3, 300, 300, 300)
	l.run(time.Minute)
	l.capacity, l.queue = 5_000_000, 0
	l.run(restless + 30*time.Second)
	for i, g := range l.got {
		if g < 1 {
			t.Errorf("picture %d still has layer %d", i, g)
		}
	}
}

func TestAMomentOfDelayChangesNothing(t *testing.T) {
	b := fresh()
	now := time.Unix(1_000_000, 0)
	s := signs{estimate: 900_000, sent: 900_000, sound: 100_000, limited: true}
	b.look(s, now)
	before := b.rate
	s.full = true
	b.look(s, now.Add(lookEvery))
	if b.rate < before || !b.mayRise(now.Add(lookEvery)) {
		t.Error("one look that says so made it worse")
	}
	b.look(s, now.Add(2*lookEvery))
	if b.rate >= s.sent || b.mayRise(now.Add(2*lookEvery)) {
		t.Errorf("a full line still gets %d of %d", b.rate, s.sent)
	}
}

func TestTheSmallestPictureIsKeptWhileTheQueueDrains(t *testing.T) {
	b := fresh()
	now := time.Unix(1_000_000, 0)
	s := signs{estimate: 110_000, sent: 118_000, sound: 56_000, full: true, loss: 0.3, limited: true, least: true}
	for range tenacity - 1 {
		b.look(s, now)
	}
	if b.rate < s.sent {
		t.Errorf("the picture was given up after %d looks", tenacity-1)
	}
	if b.look(s, now); b.rate >= s.sent {
		t.Errorf("a line that stays too full still gets %d of %d", b.rate, s.sent)
	}
}

func TestDelayOfSoundAloneSaysNothingAboutPictures(t *testing.T) {
	b := fresh()
	now := time.Unix(1_000_000, 0)
	for i := range 40 {
		b.look(signs{estimate: 60_000, sent: 170_000, sound: 168_000, full: true, limited: true}, now.Add(time.Duration(i)*lookEvery))
	}
	if b.rate < firstEstimate {
		t.Errorf("the budget fell to %d", b.rate)
	}
}
