package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/journal"
	"backline/gateway/journal/spool"
	"backline/gateway/lease"
	"backline/gateway/wire"
)

// What several nodes need of each other. A gateway alone has no lease and no bus, and always leads.

// openLease makes this node's view of who decides.
func (a *App) openLease() {
	if a.journal.bus == nil {
		return
	}
	a.lease = lease.New(lease.Options{Append: a.journal.Append, Node: string(a.journal.bus.Self()), Alive: a.alive, Lead: a.lead, Log: a.log})
}

// alive is what the bus knows of another node.
func (a *App) alive(node string) (alive, known bool) {
	if !a.journal.bus.Connected() {
		return false, false
	}
	for _, p := range a.journal.bus.Peers() {
		if p.Node == bus.Node(node) {
			return true, true
		}
	}
	return false, true
}

func (a *App) applyLease(e journal.Event) {
	if a.lease != nil {
		a.lease.Apply(e)
	}
}

// leading is live's question; nil: nobody else could.
func (a *App) leading() func() (journal.Guard, bool) {
	if a.lease == nil {
		return nil
	}
	return a.lease.Guard
}

// catchUpTime bounds how long a request waits for what another node has written.
const catchUpTime = time.Second

// catchUp is access's question; nil: nobody else writes.
func (a *App) catchUp() func(context.Context) {
	if a.lease == nil {
		return nil
	}
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, catchUpTime)
		defer cancel()
		if err := a.live.CaughtUp(ctx); err != nil {
			a.log.Debug("not caught up", "err", err)
		}
	}
}

// topicKeys says that another key signs links; it has no body.
const topicKeys = "links.keys"

// joinKeys has this node take the links' keys that others have made, when it hears of them and whenever it could have
// missed that.
func (a *App) joinKeys() {
	if a.journal.bus == nil {
		return
	}
	want := func() {
		select {
		case a.keysWanted <- struct{}{}:
		default:
		}
	}
	a.journal.bus.Handle(topicKeys, func(bus.Node, []byte) { want() })
	a.journal.bus.Watch(func(c bus.Change) {
		if c.Kind != bus.Went {
			want()
		}
	})
}

// takeKeys runs until ctx ends.
func (a *App) takeKeys(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.keysWanted:
		}
		if err := a.journal.keys.take(ctx, a.links.Ring()); err != nil && ctx.Err() == nil {
			a.log.Warn("links that other gateways sign with a new key are not known here", "err", err)
		}
	}
}

// rotateKey has a new key sign links, at all nodes.
func (a *App) rotateKey(ctx context.Context) (int, error) {
	if a.journal.keys == nil {
		return a.links.RotateKey()
	}
	key, err := a.journal.keys.rotate(ctx, a.links.Ring())
	if err == nil {
		a.journal.bus.Send(topicKeys, nil)
	}
	return key, err
}

// leads reports whether this node decides.
func (a *App) leads() bool {
	if a.lease == nil {
		return true
	}
	_, leads := a.lease.Guard()
	return leads
}

// forkHold is how long answers wait that were there when the journal lost its end: attempts to send them may come back. A node
// that has not noticed the loss brings again what it has not seen for five seconds (package spool).
const forkHold = 10 * time.Second

// lead begins what one node does for all.
func (a *App) lead() {
	if a.anew {
		a.outbox.Hold(forkHold)
	}
	a.outbox.Replayed()
	a.fetcher.Replayed()
	a.profiles.Replayed()
	if a.lease != nil {
		a.live.RetellMeetings()
	}
}

// appendAttempt appends for the outbox. An attempt may be begun only by the node that leads; how it ended is a fact. The key
// of a beginning is the lease's own: a node that asks again, because it was not answered, must not take the beginning of
// another that leads meanwhile for its own, and send as well. It must not be in the journal before the end of the attempt
// before it, which may still be on its way there; and once it is, it must not get lost, for the message is about to go out.
func (a *App) appendAttempt(ctx context.Context, w journal.Write) (journal.Receipt, error) {
	if a.lease == nil || w.Events[0].Type != (gateway.AttemptStarted{}).EventType() {
		return a.journal.Append(ctx, w)
	}
	if err := a.journal.spool.Ordered(ctx); err != nil {
		return journal.Receipt{}, err
	}
	g, _ := a.lease.Guard() // that of who has lost the lease holds no more
	w.Guard, w.Key = &g, w.Key+" "+g.Key
	r, err := a.journal.Append(ctx, w)
	if err == nil {
		err = a.journal.spool.Keep(ctx, w)
	}
	return r, err
}

// sharedChanged tells consoles that the shared journal went away or came back.
func (a *App) sharedChanged(s spool.State) {
	if !a.wired.Load() { // the start, which looks for itself
		return
	}
	gone := errors.Is(s.Err, journal.ErrGone)
	a.live.SetAlarm(wire.Alarm{Channel: storeAlarm, Code: storeAway, Detail: fmt.Sprint(s.Err), Since: s.Away}, !s.Away.IsZero() && !gone)
	a.live.SetAlarm(wire.Alarm{Channel: storeAlarm, Code: storeGone, Detail: goneDetail, Since: s.Away}, gone)
}

// The alarms of the shared journal, as consoles know them.
const (
	storeAlarm = "store"
	storeAway  = "away" // it passes by itself
	storeGone  = "gone" // it does not
)

// goneDetail is for whoever runs the gateways.
const goneDetail = "Redis was emptied, or is another one. What customers write is kept, nothing is routed. Bring the journal back " +
	"while the gateways run: Redis on its own append-only file, or `backline journal import` of the last export (docs/operations.md)"
