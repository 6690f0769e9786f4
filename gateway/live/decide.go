package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/router"
)

const (
	maxDecisions  = 256                    // appended together
	retryAppend   = 250 * time.Millisecond // after the journal refused (full disk)
	maxSleep      = 30 * time.Second
	parallelFacts = 64
)

// action is one append that deciding led to. undo puts back what was marked when the append failed.
type action struct {
	write journal.Write
	undo  func()
}

// decide appends everything that is due and returns the position to wait for and how long nothing is due.
func (l *Live) decide(ctx context.Context) (uint64, time.Duration, error) {
	now := time.Now()
	l.mu.Lock()
	if by, set := l.clock.set(now); set {
		l.opts.Log.Warn("the system's clock was set; what is under way goes on", "by", by.Round(time.Second))
		l.restartRouterLocked(now)
	}
	actions := l.openingsLocked(now)
	actions = append(actions, l.wrapUpsLocked(now)...)
	actions = append(actions, l.returnsLocked(now)...)
	actions = append(actions, l.callsLocked(now)...)
	for _, d := range l.router.Decide(now, maxDecisions) {
		if d, ok := l.legDecisionLocked(d); ok {
			actions = append(actions, l.actionLocked(d, now))
		}
	}
	next := l.nextLocked(now)
	l.stats.Decisions += uint64(len(actions))
	l.mu.Unlock()
	if len(actions) == 0 {
		return 0, next, nil
	}
	pos, again := l.appendAll(ctx, actions)
	if again {
		next = retryAppend
	}
	return pos, next, ctx.Err()
}

func (l *Live) nextLocked(now time.Time) time.Duration {
	next := maxSleep
	if at := l.router.Next(now); !at.IsZero() {
		next = min(next, max(at.Sub(now), time.Millisecond))
	}
	for c := range l.fold.WrappingUp {
		next = min(next, max(c.Head.WrapUpUntil.Sub(now), time.Millisecond))
	}
	return next
}

// leads reports whether this node decides. Where it begins to, automatic answers are due. Only the loop calls it.
func (l *Live) leads() bool {
	_, leads := l.lead()
	if leads && !l.led {
		l.led = true
		l.mu.Lock()
		l.wakeAnswersLocked()
		l.mu.Unlock()
	}
	return leads
}

// lead is Options.Lead: the precondition of a decision, nil where nobody else decides.
func (l *Live) lead() (*journal.Guard, bool) {
	if l.opts.Lead == nil {
		return nil, true
	}
	g, leads := l.opts.Lead()
	return &g, leads
}

// appendAll appends concurrently, so that all share one fsync.
func (l *Live) appendAll(ctx context.Context, actions []action) (last uint64, again bool) {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(parallelFacts)
	guard, _ := l.lead() // that of who has lost the lease holds no more
	for _, a := range actions {
		a.write.Guard = guard
		g.Go(func() error {
			receipt, err := l.opts.Journal.Append(ctx, a.write)
			mu.Lock()
			defer mu.Unlock()
			var conflict *journal.Conflict
			switch {
			case err == nil:
				last = max(last, receipt.Pos)
			case errors.As(err, &conflict) && !conflict.Guarded:
				l.stats.Conflicts++
				a.undo()
			default: // with a guard that does not hold: the tail tells soon that another node decides
				again = true
				a.undo()
				if ctx.Err() == nil {
					l.opts.Log.Error("decision not written; it will be made again", "stream", a.write.Stream, "err", err)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // the functions return nil
	return last, again
}

// openingsLocked opens or reopens conversations for customers who wrote while none was open.
func (l *Live) openingsLocked(now time.Time) []action {
	var out []action
	for _, w := range l.fold.Wanting() {
		if len(out) == maxDecisions {
			break
		}
		if w.Reopens() {
			out = append(out, l.reopenLocked(w))
			continue
		}
		out = append(out, l.openLocked(w, now)...)
	}
	return out
}

func (l *Live) openLocked(w conversation.Wanting, now time.Time) []action {
	e := l.entry(w.Identity)
	id := w.Opens
	opened := gateway.ConversationOpened{Conversation: id, Thread: w.Thread, Identity: w.Identity,
		Entry: e.Name, Target: e.To, Queue: e.Queue, Cause: w.Cause}
	events := []gateway.Event{opened}
	if w.Keyword {
		events = append(events, gateway.ConversationClosed{Reason: "keyword"})
	}
	// The key makes it once. No version is expected: what an agent said can be there before it (see conversation.Fold).
	return []action{{write: Write(gateway.ConversationStream(id), journal.Any, "open/"+string(id), now, events...), undo: func() {}}}
}

func (l *Live) reopenLocked(w conversation.Wanting) action {
	c := w.Last
	to := gateway.QueueTarget(c.Head.Queue)
	if a := l.agents[c.Head.Agent]; a != nil && !a.removed {
		to = gateway.AgentTarget(c.Head.Agent)
	}
	return action{write: Write(gateway.ConversationStream(c.Head.ID), c.Version, fmt.Sprintf("reopen/%s/%d", c.Head.ID, w.Cause),
		time.Now(), gateway.ConversationReopened{Cause: w.Cause, To: to}), undo: func() {}}
}

// entry finds where a customer arrived; an account nobody configured goes to the first queue.
func (l *Live) entry(who gateway.Identity) Entry {
	if l.opts.EntryOf != nil {
		if e, ok := l.opts.EntryOf(who); ok {
			return e
		}
	}
	if e, ok := l.entries[who.Channel+"/"+who.Account]; ok {
		return e
	}
	e := Entry{Name: who.Channel + "/" + who.Account, Channel: who.Channel, Account: who.Account}
	if len(l.opts.Queues) > 0 {
		e.Queue = l.opts.Queues[0].ID
		e.To = gateway.QueueTarget(e.Queue)
	}
	return e
}

func (l *Live) wrapUpsLocked(now time.Time) []action {
	var out []action
	for c := range l.fold.WrappingUp {
		if ev, due := c.EndWrapUp(l.wrapUpClockLocked(c, now)); due {
			out = append(out, action{write: Write(gateway.ConversationStream(c.Head.ID), c.Version, "", now, ev), undo: func() {}})
		}
	}
	return out
}

// returnsLocked makes agents ready again whom a rule had set away while their line was cut: silence was not
// their choice.
func (l *Live) returnsLocked(now time.Time) []action {
	var out []action
	for id, a := range l.agents {
		if a.returning && !a.removed {
			a.returning = false
			out = append(out, action{write: Write(gateway.AgentStream(id), journal.Any, "", now,
				gateway.PresenceChanged{Agent: id, Presence: gateway.PresenceReady, Reason: "back"}), undo: func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				a.returning = true
			}})
		}
	}
	return out
}

// actionLocked turns a router's decision into an append.
func (l *Live) actionLocked(d router.Decision, now time.Time) action {
	expect := d.Expect
	if d.Conversation == "" {
		expect = journal.Any
	}
	return action{write: Write(d.Stream, expect, "", now, d.Event), undo: func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if c, ok := l.fold.Get(d.Conversation); ok {
			l.putWorkLocked(c)
		}
		l.putAgentLocked(d.Agent, time.Now())
		if e, ok := d.Event.(gateway.ConversationOffered); ok {
			for _, a := range e.Agents {
				l.putAgentLocked(a, time.Now())
			}
		}
	}}
}

// Write builds an append of gateway events. Marshalling our own structs cannot fail.
func Write(stream string, expect uint64, key string, at time.Time, events ...gateway.Event) journal.Write {
	w := journal.Write{Stream: stream, Expect: expect, Key: key}
	for _, e := range events {
		data, err := json.Marshal(e)
		if err != nil {
			panic(fmt.Sprintf("marshal %s: %v", e.EventType(), err))
		}
		w.Events = append(w.Events, journal.Event{Type: e.EventType(), At: at, Data: data})
	}
	return w
}

// Accept implements channels.Sink: it returns nil when all facts are durable.
func (l *Live) Accept(ctx context.Context, facts ...gateway.Fact) error {
	now := time.Now()
	streams := map[string][]journal.Write{}
	var order []string
	for _, f := range facts {
		stream := f.Stream()
		if _, seen := streams[stream]; !seen {
			order = append(order, stream)
		}
		streams[stream] = append(streams[stream], Write(stream, journal.Any, f.Key, now, f.Event))
	}
	if len(order) == 1 {
		return l.appendInOrder(ctx, streams[order[0]])
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelFacts)
	for _, s := range order {
		g.Go(func() error { return l.appendInOrder(ctx, streams[s]) })
	}
	return g.Wait()
}

func (l *Live) appendInOrder(ctx context.Context, writes []journal.Write) error {
	for _, w := range writes {
		if _, err := l.opts.Journal.Append(ctx, w); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// unavailable tells the outside that nothing is lost if it comes again.
func unavailable(err error) error {
	if errors.Is(err, journal.ErrInvalid) {
		return &gateway.Error{Kind: gateway.Invalid, Msg: "this cannot be stored", Err: err}
	}
	return &gateway.Error{Kind: gateway.Unavailable, Msg: "the journal cannot be written now; please try again", Err: err}
}
