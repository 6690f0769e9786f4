// Package live is the shell around the pure parts: it owns the fold of all open conversations and the
// router, feeds them from the journal's tail, appends what they decide and tells everybody who listens.
//
// It is the one reader of the tail in a process:
//
//	journal → decode → observers (access, outbox, files) → fold → router → decisions → journal
//	                                                          └→ subscribers, history
//
// A history that lacks much at the start, as that of a new node, is filled behind it by a second reading (catchup.go).
//
// Concurrency: all state is guarded by one mutex that is held for memory work only, never for I/O. Run owns
// five goroutines (tail, loop, history, automatic answers, telling other nodes) and returns when all have ended. Every method may be called from
// any goroutine; those that change something are commands: they check the state, append at the version they
// saw and try again when somebody else was faster.
//
// What survives kill -9: everything acknowledged. What does not: typing, who is looking, heartbeats; these
// come back by themselves.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// Entry is a place where customers arrive.
type Entry struct {
	Name    string // "livechat/shop", "sms/+12025550100": channel and account
	Channel string
	Account string
	To      gateway.Target
	Queue   gateway.QueueID // the queue itself, or the one an agent target falls back to
}

// Observer sees every record in order, during replay and after. It must be quick and must not call back.
type Observer interface {
	Observe(conversation.Record)
}

// History is the projection that search, timelines and resuming read from.
type History interface {
	Apply(ctx context.Context, changes []conversation.Change, upTo, sum uint64) error
	Applied() uint64
	Wait(ctx context.Context, pos uint64) error
	Thread(ctx context.Context, t gateway.ThreadID, afterRev uint64, limit int) ([]wire.Item, error)
	ItemsSince(ctx context.Context, rev uint64, limit int) ([]wire.Item, error)
}

// Options of a Live. Raw, Observers, Windows, Emergency, EntryOf, Calls, Meetings, Bus, Lead, Anew and Ready may be left
// out.
type Options struct {
	Journal  journal.Journal
	History  History
	Queues   []router.Queue
	Entries  []Entry
	Settings router.Settings
	Log      *slog.Logger
	// Raw sees every journal event in order before it is decoded (access control keeps its own types).
	Raw []func(journal.Event)
	// Observers see every decoded record.
	Observers []Observer
	// Windows computes the reply window of a channel from the last inbound message.
	Windows map[string]func(lastInbound, now time.Time) *wire.Window
	// Emergency is what the emergency switch changes.
	Emergency Emergency
	// EntryOf finds the entry of customers who came by a link of their own.
	EntryOf func(gateway.Identity) (Entry, bool)
	// Calls joins the sides of calls; nil: calls cannot be had.
	Calls Calls
	// Supervision says whether supervisors may join calls and whether agents are told; "": SupervisionShown.
	Supervision string
	// Meetings carries video meetings; nil: there are none.
	Meetings Meetings
	// Recording of calls; the zero value: none.
	Recording Recording
	// Bus leads to other nodes; nil: there are none. It runs after New.
	Bus *bus.Bus
	// Ready is called once, when the journal has been folded up to the head found at start.
	Ready func()
	// Lead says whether this node decides, and the guard of its decisions; nil: it does, there is no other.
	Lead func() (journal.Guard, bool)
	// Anew: what was read before the start may be gone from the journal, so that nobody goes on from where they were.
	Anew bool
}

// Live is the running state. New starts nothing; Run does.
type Live struct {
	opts    Options
	queues  map[gateway.QueueID]router.Queue
	entries map[string]Entry
	wake    chan struct{}   // capacity 1, never closed
	batches chan batch      // closed by the tail goroutine
	project chan projection // closed by the loop goroutine
	ready   chan struct{}   // closed when replayed
	hurry   chan struct{}   // capacity 1, never closed: somebody waits for the history
	led     bool            // this node has begun to decide; only the loop touches it
	clock   clock           // only the loop touches it
	alert   alert

	historyWaiters atomic.Int32
	foreign        atomic.Uint64 // the first position of a type this version does not know; 0: none

	mu        sync.Mutex
	fold      *conversation.Fold
	router    *router.Router
	agents    map[gateway.AgentID]*agent
	head      uint64
	waiters   []waiter
	subs      map[*Subscription]struct{}
	visitors  map[gateway.ThreadID]map[*visitor]struct{}
	nodes     map[bus.Node]*remote
	alarms    map[string]wire.Alarm
	calling   map[gateway.ConversationID]struct{}       // whose call Calls knows
	legs      map[gateway.ConversationID][]wire.CallLeg // of whose call the router knows
	meeting   map[gateway.ConversationID]struct{}       // whose meeting Meetings knows
	anew      uint64                                    // positions up to here may mean something else to who was here before
	forgotten uint64                                    // highest Rev of a conversation that left memory
	replayed  bool
	// projecting: what the loop folds goes to the history. False while that is filled by catchUp.
	projecting bool
	failed     error // why Run ended
	stats      Stats
}

// Stats counts for /metrics.
type Stats struct {
	Head, Conversations, Waiting, Unknown    uint64
	Decisions, Conflicts, Consoles, Visitors uint64
}

type waiter struct {
	pos  uint64
	done chan struct{}
}

type projection struct {
	changes []conversation.Change
	upTo    uint64
	sum     uint64 // of the event at upTo
}

// New returns a Live over an open journal.
func New(o Options) *Live {
	l := &Live{opts: o, clock: clock{began: time.Now()}, queues: map[gateway.QueueID]router.Queue{}, entries: map[string]Entry{},
		wake: make(chan struct{}, 1), batches: make(chan batch, 1), project: make(chan projection, 64),
		ready: make(chan struct{}), hurry: make(chan struct{}, 1), alert: newAlert(o.Emergency.Texts),
		fold: conversation.New(), router: router.New(o.Settings, o.Queues), agents: map[gateway.AgentID]*agent{},
		subs: map[*Subscription]struct{}{}, visitors: map[gateway.ThreadID]map[*visitor]struct{}{},
		nodes: map[bus.Node]*remote{}, alarms: map[string]wire.Alarm{}, calling: map[gateway.ConversationID]struct{}{}, meeting: map[gateway.ConversationID]struct{}{}, legs: map[gateway.ConversationID][]wire.CallLeg{}}
	for _, q := range o.Queues {
		l.queues[q.ID] = q
	}
	for _, e := range o.Entries {
		l.entries[e.Channel+"/"+e.Account] = e
	}
	if o.Bus != nil {
		l.joinBus(o.Bus)
	}
	return l
}

// Run folds the journal, then decides, until ctx ends (nil) or the journal fails for good.
func (l *Live) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	start, err := l.headAtStart(ctx)
	if err != nil {
		return err
	}
	catchUp := start > l.opts.History.Applied()+catchUpFrom
	l.mu.Lock()
	l.projecting = !catchUp
	l.mu.Unlock()
	g.Go(func() error { return l.tail(ctx) })
	g.Go(func() error { return l.loop(ctx, start) })
	g.Go(func() error { return l.projectAll(ctx, catchUp) })
	g.Go(func() error { return l.answerAll(ctx) })
	g.Go(func() error { return l.tellNodes(ctx) })
	err = g.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	l.mu.Lock()
	l.failed = errors.Join(err, journal.ErrClosed)
	for _, w := range l.waiters {
		close(w.done)
	}
	l.waiters = nil
	for s := range l.subs {
		s.closeLocked()
	}
	l.mu.Unlock()
	return err
}

// headAtStart waits for a journal that cannot be reached: what comes in is kept meanwhile.
func (l *Live) headAtStart(ctx context.Context) (uint64, error) {
	for {
		_, start, err := l.opts.Journal.Bounds(ctx)
		if !errors.Is(err, journal.ErrUnreachable) {
			return start, err
		}
		select {
		case <-time.After(retryAppend):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Replayed is closed when the state is current.
func (l *Live) Replayed() <-chan struct{} { return l.ready }

const readBatch = 1024

// tail reads the journal and hands batches to the loop.
func (l *Live) tail(ctx context.Context) error {
	defer close(l.batches)
	var decoding sync.WaitGroup
	defer decoding.Wait()
	after := uint64(0)
	for {
		events, err := l.opts.Journal.Read(ctx, after, readBatch, time.Minute)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		if events[0].Pos != after+1 && after != 0 {
			return journal.ErrForked
		}
		after = events[len(events)-1].Pos
		select {
		case l.batches <- l.decode(&decoding, events):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// loop folds batches and decides. decideAt is the position its own last decisions reached: it decides again
// only after it has seen them.
func (l *Live) loop(ctx context.Context, start uint64) error {
	defer close(l.project)
	if start == 0 {
		l.finishReplay()
	}
	var decideAt uint64
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b, ok := <-l.batches:
			if !ok {
				return ctx.Err()
			}
			b.decoded.Wait()
			if at := l.foreign.Load(); at > 0 {
				return fmt.Errorf("the journal holds records of a newer version, the first at position %d, and nobody may decide on half the truth: start the newer version", at)
			}
			head := l.foldBatch(ctx, b)
			if !l.replayed && head >= start {
				l.finishReplay()
			}
		case <-l.wake:
		case <-timer.C:
		}
		if !l.replayed || !l.leads() || l.Head() < decideAt {
			continue
		}
		pos, next, err := l.decide(ctx)
		if err != nil {
			return err
		}
		decideAt = max(decideAt, pos)
		timer.Reset(next)
	}
}

// finishReplay starts the clock of those who were there before the restart: their consoles have the time
// between silent and gone to come back before their unanswered work is given away. What rings at somebody goes on
// ringing, under the same id, if their console comes back within ringBack: they may be about to press the button.
func (l *Live) finishReplay() {
	l.mu.Lock()
	now := time.Now()
	if l.opts.Anew {
		l.anew, l.forgotten = l.head, max(l.forgotten, l.head)
	}
	l.followRulesLocked()
	rings := l.ringingLocked()
	for id, a := range l.agents {
		switch {
		case rings[id]:
			a.heartbeat = now.Add(ringBack - silentAfter(l.opts.Settings))
		case l.fold.Held(id) > 0:
			a.heartbeat = now.Add(-silentAfter(l.opts.Settings))
		}
		l.putAgentLocked(id, now)
	}
	for _, r := range l.nodes {
		for id, at := range r.consoles {
			l.heartbeatLocked(id, at)
		}
	}
	for c := range l.fold.All {
		l.putWorkLocked(c)
		l.callChangedLocked(&c.Head, c.Thread)
		l.meetingChangedLocked(&c.Head, c.Thread)
	}
	l.replayed = true
	l.mu.Unlock()
	close(l.ready)
	if l.opts.Ready != nil {
		l.opts.Ready()
	}
}

// ringBack is how long a console may be away over a restart before what rings at it rings elsewhere. Consoles come
// back within two seconds.
const ringBack = 5 * time.Second

// ringingLocked are the agents at whom a conversation or an invitation to a call rings.
func (l *Live) ringingLocked() map[gateway.AgentID]bool {
	at := map[gateway.AgentID]bool{}
	note := func(o *wire.Offer) {
		if o == nil {
			return
		}
		for _, id := range o.Agents {
			at[id] = true
		}
	}
	for c := range l.fold.All {
		note(c.Head.Offer)
		if call := c.Head.Call; call != nil {
			for _, leg := range call.Legs {
				note(leg.Offer)
			}
		}
	}
	return at
}

func silentAfter(s router.Settings) time.Duration {
	if s.SilentAfter > 0 {
		return s.SilentAfter
	}
	return 45 * time.Second
}

// foldBatch applies events and tells subscribers and history.
func (l *Live) foldBatch(ctx context.Context, b batch) uint64 {
	for i, e := range b.events {
		for _, raw := range l.opts.Raw {
			raw(e)
		}
		for _, o := range l.opts.Observers {
			o.Observe(b.records[i])
		}
	}
	last := b.events[len(b.events)-1]
	changes, projecting := l.foldRecords(b.records)
	if !projecting {
		return last.Pos
	}
	p := projection{upTo: last.Pos, sum: last.Sum(), changes: changes}
	select {
	case l.project <- p:
	case <-ctx.Done():
	}
	return last.Pos
}

// foldRecords returns the changes, and whether they are for the history.
func (l *Live) foldRecords(records []conversation.Record) (all []conversation.Change, projecting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fold.Mute(!l.replayed && (!l.projecting || records[len(records)-1].Pos <= l.opts.History.Applied()))
	for _, r := range records {
		l.foldAgentLocked(r)
		l.foldAlarmLocked(r)
		before := l.fold.Forgotten()
		changes := l.fold.Apply(r)
		all = append(all, changes...)
		l.head = r.Pos
		if l.fold.Forgotten() > before {
			l.forgotten = r.Pos
		}
		if l.replayed {
			l.mirrorLocked(r)
			l.publishLocked(r.Pos, changes)
		}
		l.foldEmergencyLocked(r)
	}
	n := 0
	for _, w := range l.waiters {
		if w.pos <= l.head {
			close(w.done)
			continue
		}
		l.waiters[n] = w
		n++
	}
	l.waiters = l.waiters[:n]
	l.stats.Unknown = l.fold.Unknown()
	return all, l.projecting
}

// gatherTime is how far the history may lag for the sake of larger transactions, and gatherChanges how many
// changes one takes: under load a transaction for each batch of the tail costs more than all else together.
// Nobody waits for it: WaitHistory ends the gathering.
const (
	gatherTime    = 500 * time.Millisecond
	gatherChanges = 8192
)

// gather adds to p what is there already and, while nobody waits, what follows within gatherTime.
func (l *Live) gather(p projection) projection {
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	add := func(next projection) { next.changes = append(p.changes, next.changes...); p = next }
	for len(p.changes) < gatherChanges {
		select {
		case next, ok := <-l.project:
			if !ok {
				return p
			}
			add(next)
			continue
		default:
		}
		if l.historyWaiters.Load() > 0 {
			return p
		}
		select {
		case next, ok := <-l.project:
			if !ok {
				return p
			}
			add(next)
		case <-l.hurry:
		case <-timer.C:
			return p
		}
	}
	return p
}

// WaitHistory blocks until the history has everything up to pos.
func (l *Live) WaitHistory(ctx context.Context, pos uint64) error {
	l.historyWaiters.Add(1)
	defer l.historyWaiters.Add(-1)
	select {
	case l.hurry <- struct{}{}:
	default:
	}
	return l.opts.History.Wait(ctx, pos)
}

// projectAll writes the history database, behind the live state.
func (l *Live) projectAll(ctx context.Context, catchUp bool) error {
	if catchUp {
		if err := l.catchUp(ctx); err != nil {
			return err
		}
	}
	for p := range l.project {
		l.write(ctx, l.gather(p))
	}
	return nil
}

// write tries until it succeeds or ctx ends.
func (l *Live) write(ctx context.Context, p projection) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := l.opts.History.Apply(ctx, p.changes, p.upTo, p.sum)
		if err == nil || ctx.Err() != nil {
			return
		}
		l.opts.Log.Error("history cannot be written; trying again", "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// Head is the last position folded.
func (l *Live) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// Wait blocks until pos has been folded.
func (l *Live) Wait(ctx context.Context, pos uint64) error {
	l.mu.Lock()
	if l.failed != nil || l.head >= pos {
		err := l.failed
		l.mu.Unlock()
		return err
	}
	w := waiter{pos: pos, done: make(chan struct{})}
	l.waiters = append(l.waiters, w)
	l.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poke makes the loop decide again.
func (l *Live) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Stats returns the counters of this moment.
func (l *Live) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Head = l.head
	for c := range l.fold.All {
		if c.Open() {
			s.Conversations++
		}
		if c.Head.State == gateway.StateWaiting || c.Head.State == gateway.StateOffered {
			s.Waiting++
		}
	}
	s.Consoles, s.Visitors = uint64(len(l.subs)), 0
	for _, m := range l.visitors {
		s.Visitors += uint64(len(m))
	}
	return s
}

// Thread answers the outbox's questions.
func (l *Live) Thread(id gateway.ThreadID) (lastInbound time.Time, optedOut, ours bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.fold.Thread(id)
	if !ok {
		return time.Time{}, false, true
	}
	return t.LastInbound, t.OptedOut, !t.NotOurs
}
