package calls

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/wire"
)

const (
	tick          = time.Second            // how often the times are looked at while there are calls
	retryFact     = 250 * time.Millisecond // after the journal refused
	parallelFacts = 64
)

// fact is something to write about a call.
type fact struct {
	call  *call
	key   string
	event gateway.Event
	queue bool          // give it back to its queue instead
	leg   gateway.LegID // or take this leg out, whose line is lost
	// record: or what the queue's rule says about its recording.
	record string
}

// plan is what follows from the state of all calls.
type plan struct {
	facts []fact
	hear  map[gateway.CallID]media.Table
	hang  []media.LegKey
	end   []*call
	tape  []tapChange
	again time.Duration // when to look again, if nothing happens
}

// Run joins calls until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		d.keepHomes(time.Now())
		again, ok := d.step(ctx)
		if !ok {
			again = retryFact
		}
		timer.Reset(again)
	}
}

// step does everything that is due, and says when it is to be called again. It reports false when something could not
// be written.
func (d *Desk) step(ctx context.Context) (again time.Duration, ok bool) {
	p := d.plan(time.Now(), d.closedPages())
	for _, key := range p.hang {
		d.opts.Media.Hangup(key)
	}
	for id, t := range p.hear {
		d.opts.Media.Hear(string(id), t)
	}
	for _, ch := range p.tape {
		d.tape(ch)
	}
	for _, c := range p.end {
		d.opts.Media.End(string(c.id))
		d.opts.Done(c.who, c.id)
	}
	return p.again, d.write(ctx, p.facts)
}

// closedPages are the calls of customers who wait, whose line is down and whose page is closed.
func (d *Desk) closedPages() map[gateway.CallID]bool {
	d.mu.Lock()
	away := map[gateway.CallID]gateway.Identity{}
	for id, c := range d.calls {
		if c.known && c.is.State == wire.CallWaiting && !c.customer.away.IsZero() {
			away[id] = c.who
		}
	}
	d.mu.Unlock()
	closed := map[gateway.CallID]bool{}
	for id, who := range away {
		closed[id] = !d.book.Online(who)
	}
	return closed
}

// plan looks at every call.
func (d *Desk) plan(now time.Time, closed map[gateway.CallID]bool) plan {
	leads := d.opts.Leads()
	d.mu.Lock()
	defer d.mu.Unlock()
	p := plan{hear: map[gateway.CallID]media.Table{}, again: tick}
	for id, c := range d.calls {
		if c.moved {
			c.leaves(&p)
			if !c.known {
				delete(d.calls, id)
				continue
			}
		}
		if c.over || (!c.known && !c.customer.heard && now.Sub(c.began) >= UnheardFor) {
			delete(d.calls, id)
			delete(d.homes, id)
			p.end = append(p.end, c)
			if ch, due := c.retape(nil); due {
				p.tape = append(p.tape, ch)
			}
			continue
		}
		if !d.actsLocked(id, leads) {
			c.left = nil
			continue
		}
		for _, a := range c.left {
			if c.agents[a] == nil {
				p.hang = append(p.hang, media.LegKey{Call: string(id), Side: side(a)})
			}
		}
		c.left = nil
		t := c.table()
		if ch, due := c.retape(t); due {
			p.tape = append(p.tape, ch)
		}
		if t = c.announce(t, now, d.opts.Recording); !equal(t, c.heard) {
			c.heard = t
			p.hear[id] = t
		}
		if left := c.notice.until.Sub(now); c.notice.id != "" && left > 0 {
			p.again = min(p.again, left)
		}
		p.facts = append(p.facts, c.recordingFacts(now, d.opts.Recording)...)
		if f, due := c.next(now, closed[id]); due {
			p.facts = append(p.facts, f)
		}
		p.facts = append(p.facts, c.lostLegs(now)...)
	}
	return p
}

// leaves ends the lines of a call that has another home now.
func (c *call) leaves(p *plan) {
	c.moved = false
	c.unhang(time.Now())
	p.end = append(p.end, c)
	if c.taped.id != "" {
		p.tape = append(p.tape, tapChange{call: c, was: c.taped, why: gateway.RecordingStopped})
		c.taped = taped{}
	}
}

// next is what is to be written about c now. closed: the customer's page is closed.
func (c *call) next(now time.Time, closed bool) (fact, bool) {
	say := func(key string, e gateway.Event) (fact, bool) {
		return fact{call: c, key: "call/" + string(c.id) + "/" + key, event: e}, true
	}
	ended := func(why gateway.EndReason) (fact, bool) {
		return say("ended", gateway.CallEnded{Call: c.id, Reason: why})
	}
	switch {
	case !c.known:
		if c.customer.heard {
			return say("requested", gateway.CallRequested{Call: c.id, Identity: c.who})
		}
	case c.is.State == wire.CallRinging:
		switch {
		case c.holder != c.is.Agent:
			return ended(gateway.EndAgent)
		case c.customer.heard:
			return say("answered", gateway.CallAnswered{Call: c.id})
		case now.Sub(c.is.Since) >= RingFor:
			return ended(gateway.EndNoAnswer)
		}
	case c.lost(now, closed):
		return ended(gateway.EndLost)
	case c.is.State == wire.CallAnswered && c.holderLeg().heard && c.customer.heard:
		return say(fmt.Sprintf("connected/%d", c.rev), gateway.CallConnected{Call: c.id})
	case c.is.State == wire.CallAnswered && !c.holderLeg().up() && now.Sub(c.holderLeg().away) >= NoLineAfter:
		return fact{call: c, queue: true}, true
	}
	return fact{}, false
}

// lostLegs are those beside the holder's whose line does not come back.
func (c *call) lostLegs(now time.Time) []fact {
	var facts []fact
	for _, l := range c.is.Legs {
		line := c.agents[l.Agent]
		if line != nil && l.Agent != c.is.Agent && !line.away.IsZero() && now.Sub(line.away) >= NoLineAfter {
			facts = append(facts, fact{call: c, leg: l.ID})
		}
	}
	return facts
}

// lost reports whether the customer will not come back.
func (c *call) lost(now time.Time, closed bool) bool {
	if c.customer.away.IsZero() {
		return false
	}
	away := now.Sub(c.customer.away)
	return away >= LostAfter || closed && away >= LeftAfter
}

// write appends facts side by side, so that they share one fsync. What could not be written is still due.
func (d *Desk) write(ctx context.Context, facts []fact) bool {
	var g errgroup.Group
	g.SetLimit(parallelFacts)
	for _, f := range facts {
		g.Go(func() error { return d.writeOne(ctx, f) })
	}
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		d.opts.Log.Error("a call cannot be written down; trying again", "err", err)
		return false
	}
	return true
}

func (d *Desk) writeOne(ctx context.Context, f fact) error {
	switch {
	case f.queue:
		return d.book.RequeueCall(ctx, f.call.conversation, f.call.id)
	case f.record != "":
		return d.writeRule(ctx, f)
	case f.leg != "":
		return d.book.LostLeg(ctx, f.call.conversation, f.call.id, f.leg)
	}
	if err := d.book.CallFact(ctx, f.call.who, f.key, f.event); err != nil {
		return err
	}
	if _, requested := f.event.(gateway.CallRequested); requested {
		d.settle(f.call)
	}
	return nil
}

// settle notes that the journal has the call; or ends it, when the customer has another or this one was over
// long ago.
func (d *Desk) settle(c *call) {
	cur, ok := d.book.CallOf(c.who)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case c.known:
	case ok && cur.Call.ID == c.id:
		c.take(cur)
	default:
		c.over = true
		d.poke()
	}
}
