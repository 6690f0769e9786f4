package mailing

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace is how fast mails leave: as fast as was asked for, and slower while the relay puts off more than it
// takes.
type pace struct {
	limiter *rate.Limiter
	most    rate.Limit

	// Guarded by mu: the answers since the last look.
	mu       sync.Mutex
	answers  int
	putOff   int
	lookedAt time.Time
}

const (
	paceAnswers = 20  // answers between two looks
	paceSlowest = 0.5 // mails a second
)

// newPace makes one of perSecond mails a second, 0 for no limit.
func newPace(perSecond float64) *pace {
	most := rate.Limit(perSecond)
	if perSecond <= 0 {
		most = rate.Inf
	}
	return &pace{limiter: rate.NewLimiter(most, 1), most: most, lookedAt: time.Now()}
}

func (p *pace) allow() bool                    { return p.limiter.Allow() }
func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

// answered counts an answer. Of the last 20 more than half put off: half as fast as they went; none: a quarter
// faster, up to what was asked for.
func (p *pace) answered(later bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers++
	if later {
		p.putOff++
	}
	if p.answers < paceAnswers {
		return
	}
	now := time.Now()
	went := rate.Limit(paceAnswers / max(now.Sub(p.lookedAt).Seconds(), 1e-6))
	switch {
	case p.putOff > paceAnswers/2:
		p.limiter.SetLimit(max(min(p.limiter.Limit(), went)/2, min(paceSlowest, p.most)))
	case p.putOff == 0 && p.limiter.Limit() < p.most:
		p.limiter.SetLimit(p.faster())
	}
	p.answers, p.putOff, p.lookedAt = 0, 0, now
}

// faster ends at what was asked for; without a limit that is reached when ten thousand a second are.
func (p *pace) faster() rate.Limit {
	next := p.limiter.Limit() * 5 / 4
	if next >= p.most || p.most == rate.Inf && next > 10_000 {
		return p.most
	}
	return next
}
