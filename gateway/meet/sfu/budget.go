package sfu

import "time"

const (
	// patience is how many looks in a row must say that a line is too full before anything gets worse: a busy
	// processor, here or there, looks like a full line for a moment.
	patience = 2
	// tenacity is the same while only the smallest pictures are sent, which are hard to do without: what larger ones
	// have left in the line's queue needs a second or two to drain, and says that it is too full meanwhile.
	tenacity = 8
	// fall is what is left of what was sent when the line was too full, of a hundred.
	fall = 85
	// climb is by how much of a hundred the budget grows at each look while pictures could be better.
	climb = 5
	// calmFor is how long nothing gets better after something had to get worse; twice as long each time the next
	// try goes wrong at once, up to restless.
	calmFor  = 5 * time.Second
	restless = 20 * time.Second
	// soon is how long after a rise a fall is its fault.
	soon = 3 * time.Second
	// fullLoss is the share of packets that are lost when a line is too full.
	fullLoss = 0.1
)

// signs are what a receiver's line shows at one look. Rates in bits a second.
type signs struct {
	estimate int  // of GCC
	sent     int  // that we sent, sound included
	sound    int  // of that
	full     bool // delay grows
	loss     float64
	limited  bool // pictures could be better, were there more budget
	least    bool // no picture can get smaller
}

// budget is what is sent to one receiver at most, sound included. GCC's estimate alone will not do: it grows no
// further than what is sent, so that a line which carried nothing but sound for a moment would never see a picture
// again. So the budget climbs by itself while pictures could be better, falls when delay or loss say that the line
// is too full, and waits the longer before the next try the worse the last one went.
type budget struct {
	rate int
	full int // looks in a row that said so
	wait time.Duration
	rise time.Time // nothing gets better before
	rose time.Time // when it last climbed
}

// look takes what the line shows now.
func (b *budget) look(s signs, now time.Time) {
	// Sound alone is always sent: that its delay grows for a moment says nothing about pictures.
	if s.loss > fullLoss || s.full && s.sent > s.sound*5/4 {
		b.full++
	} else {
		b.full = 0
	}
	enough := patience
	if s.least {
		enough = tenacity
	}
	switch {
	case b.full >= enough:
		b.fall(s, now)
	case b.full > 0 || now.Before(b.rise):
	case s.limited:
		b.climb(s, now)
	case now.Sub(b.rose) > 2*restless:
		b.wait = calmFor
	}
	b.rate = min(b.rate, maxEstimate)
}

func (b *budget) fall(s signs, now time.Time) {
	b.full = 0
	if !b.rose.IsZero() && now.Sub(b.rose) < soon {
		b.wait = min(2*b.wait, restless)
	}
	b.rate = max(minEstimate, min(b.rate, s.sent*fall/100))
	b.rise = now.Add(b.wait)
}

// climb lets the budget grow to somewhat more than is sent: enough for the next layer, and not without end. It does not
// leap to the estimate, which pion's GCC lets grow on a calm line whatever is sent: a line that has just been too full
// would get the largest layer at once.
func (b *budget) climb(s signs, now time.Time) {
	most := max(2*s.sent+300_000, s.estimate)
	if b.rate >= most {
		return
	}
	b.rate, b.rose = min(max(b.rate*(100+climb)/100, min(s.estimate, s.sent*3/2), s.sent), most), now
}

// mayRise says whether something may get better now.
func (b *budget) mayRise(now time.Time) bool { return !now.Before(b.rise) }
