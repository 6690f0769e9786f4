package calls

import (
	"context"
	"fmt"
	"maps"
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

type table = map[media.Side]media.Source

// fact is something to write about a call.
type fact struct {
	call  *call
	key   string
	event gateway.Event
	queue bool // give it back to its queue instead
}

// plan is what follows from the state of all calls.
type plan struct {
	facts []fact
	hear  map[gateway.CallID]table
	hang  []media.LegKey
	end   []*call
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
		again := tick
		if !d.step(ctx) {
			again = retryFact
		}
		timer.Reset(again)
	}
}

// step does everything that is due. It reports false when something could not be written.
func (d *Desk) step(ctx context.Context) bool {
	p := d.plan(time.Now(), d.closedPages())
	for _, key := range p.hang {
		d.opts.Media.Hangup(key)
	}
	for id, t := range p.hear {
		d.opts.Media.Hear(string(id), t)
	}
	for _, c := range p.end {
		d.opts.Media.End(string(c.id))
		d.opts.Done(c.who, c.id)
	}
	return d.write(ctx, p.facts)
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
	d.mu.Lock()
	defer d.mu.Unlock()
	p := plan{hear: map[gateway.CallID]table{}}
	for id, c := range d.calls {
		if c.over || (!c.known && !c.customer.heard && now.Sub(c.began) >= UnheardFor) {
			delete(d.calls, id)
			p.end = append(p.end, c)
			continue
		}
		if c.agentOf != "" && c.agentOf != c.is.Agent {
			c.agentOf = ""
			p.hang = append(p.hang, media.LegKey{Call: string(id), Side: media.Agent})
		}
		if t := c.table(); !maps.Equal(t, c.heard) {
			c.heard = t
			p.hear[id] = t
		}
		if f, due := c.next(now, closed[id]); due {
			p.facts = append(p.facts, f)
		}
	}
	return p
}

// table is what each side hears. Who waits hears music; a side whose other side is away for a moment hears
// nothing, as on any telephone.
func (c *call) table() table {
	switch c.is.State {
	case wire.CallRinging:
		return table{media.Customer: media.From(media.Agent), media.Agent: media.From(media.Customer)}
	case wire.CallAnswered:
		if !c.agent.up() {
			return table{media.Customer: media.Music, media.Agent: media.Silence}
		}
		fallthrough
	case wire.CallConnected:
		return table{media.Customer: media.From(media.Agent), media.Agent: media.From(media.Customer)}
	}
	return table{media.Customer: media.Music, media.Agent: media.Silence}
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
	case c.is.State == wire.CallAnswered && c.agentOf == c.is.Agent && c.agent.heard && c.customer.heard:
		return say(fmt.Sprintf("connected/%d", c.rev), gateway.CallConnected{Call: c.id})
	case c.is.State == wire.CallAnswered && !c.agent.up() && now.Sub(c.agent.away) >= NoLineAfter:
		return fact{call: c, queue: true}, true
	}
	return fact{}, false
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
	if f.queue {
		return d.book.RequeueCall(ctx, f.call.conversation, f.call.id)
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
