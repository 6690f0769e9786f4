package router_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/router"
)

var seedFlag = flag.Uint64("seed", 0, "replay one seed of the simulation")

const steps = 60

// world is the truth that the shell keeps: what the router must never break.
type world struct {
	rng      *rand.Rand
	r        *router.Router
	settings router.Settings
	queues   []router.Queue
	usual    []router.Rules // that the queues are configured with
	now      time.Time
	works    map[gateway.ConversationID]*router.Work
	order    []gateway.ConversationID
	agents   []*router.Agent
	console  map[gateway.AgentID]bool // heartbeats are sent
	byHand   map[gateway.ConversationID]bool
	opened   int
	closed   int
	hours    *router.Hours
	calm     bool // no faults, no arrivals: everything must end
}

// TestSimulation lets customers, agents, crashes and clocks happen at random and checks after each step what
// the package comment promises.
func TestSimulation(t *testing.T) {
	if *seedFlag != 0 {
		if err := simulate(*seedFlag); err != nil {
			t.Fatalf("-seed=%d: %v", *seedFlag, err)
		}
		return
	}
	n := uint64(10_000)
	if testing.Short() || raceEnabled {
		n = 300
	}
	var wg sync.WaitGroup
	workers := uint64(runtime.GOMAXPROCS(0))
	for i := range workers {
		wg.Go(func() {
			for seed := 1 + i; seed <= n && !t.Failed(); seed += workers {
				if err := simulate(seed); err != nil {
					t.Errorf("-seed=%d: %v", seed, err)
				}
			}
		})
	}
	wg.Wait()
}

func simulate(seed uint64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			buf := make([]byte, 4096)
			err = fmt.Errorf("panic: %v\n%s", p, buf[:runtime.Stack(buf, false)])
		}
	}()
	w := newWorld(seed)
	for i := range steps {
		w.step()
		if err := w.settle(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return w.drain()
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 3, 27, 15, 0, 0, 0, time.UTC),
		works: map[gateway.ConversationID]*router.Work{}, console: map[gateway.AgentID]bool{}, byHand: map[gateway.ConversationID]bool{}}
	hours, err := router.ParseHours("Europe/Berlin", []string{"mon-sun 08:00-18:00"}, []string{"2026-03-28"})
	if err != nil {
		panic(err)
	}
	w.hours = hours
	strategies := []router.Strategy{router.LongestIdle, router.RoundRobin, router.RingAll}
	for i := range 3 {
		q := router.Queue{ID: gateway.QueueID(fmt.Sprint("q", i)), Strategy: strategies[w.rng.IntN(3)], Priority: w.rng.IntN(3) - 1}
		if w.rng.IntN(4) == 0 {
			q.Hours = hours
		}
		if w.rng.IntN(4) == 0 {
			q.Overflow, q.OverflowAfter = gateway.QueueTarget(gateway.QueueID(fmt.Sprint("q", (i+1)%3))), time.Duration(w.rng.IntN(2))*time.Minute
		}
		w.queues, w.usual = append(w.queues, q), append(w.usual, q.Rules())
	}
	for i := range 1 + w.rng.IntN(6) {
		a := &router.Agent{ID: gateway.AgentID(fmt.Sprint("a", i)), Presence: gateway.PresenceAway,
			CallCapacity: 1, TextCapacity: 1 + w.rng.IntN(4)}
		for _, q := range w.queues {
			if w.rng.IntN(2) == 0 || i == 0 {
				a.Queues = append(a.Queues, q.ID)
			}
		}
		w.agents = append(w.agents, a)
	}
	w.rebuild()
	return w
}

// rebuild is a crash of the shell: a new router from the truth.
func (w *world) rebuild() {
	w.r = router.New(w.settings, w.queues)
	for _, a := range w.agents {
		w.r.PutAgent(*a)
	}
	for _, id := range w.order {
		if x := w.works[id]; x != nil {
			w.put(x)
		}
	}
}

func (w *world) put(x *router.Work) {
	c := *x
	c.Offered, c.Tried = slices.Clone(x.Offered), slices.Clone(x.Tried)
	w.r.PutWork(c)
}

func (w *world) agent(id gateway.AgentID) *router.Agent {
	i := slices.IndexFunc(w.agents, func(a *router.Agent) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return w.agents[i]
}

// step is one thing that happens outside.
func (w *world) step() {
	a := w.agents[w.rng.IntN(len(w.agents))]
	switch n := w.rng.IntN(25); {
	case n < 6:
		w.arrive()
	case n < 8:
		a.Presence, a.Misses, w.console[a.ID], a.LastHeartbeat = gateway.PresenceReady, 0, true, w.now
		w.r.PutAgent(*a)
	case n == 8:
		a.Presence, a.Misses = gateway.PresenceAway, 0
		w.r.PutAgent(*a)
	case n == 9:
		w.console[a.ID] = false // crash or lost network
	case n == 10:
		w.rebuild()
	case n < 15:
		w.answer(w.pick(gateway.StateOffered))
	case n == 15:
		if x := w.pick(gateway.StateOffered); x != nil {
			w.end(x, x.Offered[w.rng.IntN(len(x.Offered))], "declined")
		}
	case n == 16:
		if x := w.any(); x != nil {
			w.assign(x, a.ID) // taken by hand, also beyond capacity
			w.byHand[x.ID] = true
		}
	case n == 17:
		w.transfer(a)
	case n == 18:
		if x := w.pick(gateway.StateActive); x != nil {
			x.Answered = true
			x.Version++
			w.put(x)
		}
	case n == 19:
		if x := w.any(); x != nil {
			w.finish(x) // hung up, or done
		}
	case n == 24:
		w.flip()
	case n == 20 && w.rng.IntN(4) == 0:
		w.sleep(time.Duration(w.rng.IntN(12)) * time.Hour)
	default:
		w.sleep(time.Duration(w.rng.IntN(25_000)) * time.Millisecond)
	}
}

// flip lets one queue follow other rules, or those it is configured with again.
func (w *world) flip() {
	i := w.rng.IntN(len(w.queues))
	q, rules := &w.queues[i], w.usual[i]
	if w.rng.IntN(2) == 0 {
		rules = router.Rules{Overflow: []gateway.Target{"", gateway.QueueTarget(w.queues[(i+1)%3].ID), gateway.AgentTarget(w.agents[0].ID)}[w.rng.IntN(3)],
			OverflowAfter: time.Duration(w.rng.IntN(3)) * 30 * time.Second}
		if w.rng.IntN(4) == 0 {
			rules.Hours = w.hours
		}
	}
	q.Hours, q.Overflow, q.OverflowAfter = rules.Hours, rules.Overflow, rules.OverflowAfter
	w.r.SetRules(q.ID, rules)
}

func (w *world) arrive() {
	w.opened++
	q := w.queues[w.rng.IntN(3)].ID
	x := &router.Work{ID: gateway.ConversationID(fmt.Sprintf("c%03d", w.opened)), State: gateway.StateWaiting, Queue: q,
		Target: gateway.QueueTarget(q), Since: w.now, Version: 1, Kind: router.Kind(w.rng.IntN(5) / 4), Priority: max(0, w.rng.IntN(6)-3)}
	if w.rng.IntN(4) == 0 {
		x.Target = gateway.AgentTarget(w.agents[w.rng.IntN(len(w.agents))].ID)
	}
	w.works[x.ID] = x
	w.order = append(w.order, x.ID)
	w.put(x)
}

func (w *world) transfer(a *router.Agent) {
	x := w.any()
	if x == nil {
		return
	}
	q := w.queues[w.rng.IntN(3)].ID
	to := gateway.QueueTarget(q)
	if w.rng.IntN(2) == 0 {
		to = gateway.AgentTarget(a.ID)
	}
	w.queued(x, gateway.ConversationQueued{Target: to, Queue: q})
}

func (w *world) any() *router.Work {
	return w.pick(gateway.StateWaiting, gateway.StateOffered, gateway.StateActive)
}

func (w *world) pick(states ...gateway.State) *router.Work {
	var c []*router.Work
	for _, id := range w.order {
		if x := w.works[id]; x != nil && slices.Contains(states, x.State) {
			c = append(c, x)
		}
	}
	if len(c) == 0 {
		return nil
	}
	return c[w.rng.IntN(len(c))]
}

func (w *world) answer(x *router.Work) {
	if x != nil {
		w.assign(x, x.Offered[w.rng.IntN(len(x.Offered))])
	}
}

func (w *world) assign(x *router.Work, to gateway.AgentID) {
	x.State, x.Agent, x.Offer, x.Offered, x.Tried, x.Front, x.Answered = gateway.StateActive, to, "", nil, nil, false, false
	x.Version++
	w.put(x)
	a := w.agent(to)
	a.Misses, a.IdleSince = 0, w.now
	w.r.PutAgent(*a)
}

func (w *world) end(x *router.Work, who gateway.AgentID, outcome string) {
	x.Offered = slices.DeleteFunc(slices.Clone(x.Offered), func(a gateway.AgentID) bool { return a == who })
	if outcome != "withdrawn" && !slices.Contains(x.Tried, who) {
		x.Tried = append(x.Tried, who)
	}
	if len(x.Offered) == 0 {
		x.State, x.Offer = gateway.StateWaiting, ""
	}
	x.Version++
	w.put(x)
	if a := w.agent(who); outcome == "timed_out" {
		a.Misses++
		w.r.PutAgent(*a)
	}
}

func (w *world) queued(x *router.Work, e gateway.ConversationQueued) {
	x.State, x.Agent, x.Offer, x.Offered, x.Tried, x.Answered = gateway.StateWaiting, "", "", nil, nil, false
	x.Target, x.Queue, x.Front, x.Since = e.Target, e.Queue, e.Front, w.now
	x.Version++
	w.put(x)
}

func (w *world) finish(x *router.Work) {
	w.closed++
	delete(w.works, x.ID)
	w.r.RemoveWork(x.ID)
}

// sleep lets time go by; consoles that are there send heartbeats.
func (w *world) sleep(d time.Duration) {
	w.now = w.now.Add(d)
	for _, a := range w.agents {
		if w.console[a.ID] {
			a.LastHeartbeat = w.now
			w.r.Heartbeat(a.ID, w.now)
		}
	}
}

// settle decides until nothing is due, with appends that fail now and then.
func (w *world) settle() error {
	for range 500 {
		limit := 1 + w.rng.IntN(8)
		ds := w.r.Decide(w.now, limit)
		if len(ds) > limit {
			return fmt.Errorf("%d decisions, at most %d were asked for", len(ds), limit)
		}
		if len(ds) == 0 {
			if next := w.r.Next(w.now); !next.IsZero() && !next.After(w.now) {
				return fmt.Errorf("nothing decided, yet Next is %v at %v", next, w.now)
			}
			return w.check()
		}
		if !w.calm && w.rng.IntN(4) == 0 { // the journal is slow: decided again with the first still under way
			w.now = w.now.Add(time.Duration(w.rng.IntN(30)) * time.Second)
			ds = append(ds, w.r.Decide(w.now, limit)...)
		}
		if err := w.legal(ds); err != nil {
			return err
		}
		for _, d := range ds {
			w.apply(d)
		}
	}
	return fmt.Errorf("no fixpoint")
}

// apply is the journal and the fold.
func (w *world) apply(d router.Decision) {
	if !w.calm && w.rng.IntN(8) == 0 { // refused: mirrored again as it was
		if x := w.works[d.Conversation]; x != nil {
			w.put(x)
		}
		if a := w.agent(d.Agent); a != nil {
			w.r.PutAgent(*a)
		}
		return
	}
	x := w.works[d.Conversation]
	switch e := d.Event.(type) {
	case gateway.ConversationOffered:
		x.State, x.Offer, x.Offered, x.Until = gateway.StateOffered, e.Offer, slices.Clone(e.Agents), e.Until
		x.Version++
		w.put(x)
	case gateway.OfferEnded:
		w.end(x, e.Agent, e.Outcome)
	case gateway.ConversationQueued:
		w.queued(x, e)
	case gateway.PresenceChanged:
		a := w.agent(e.Agent)
		a.Presence, a.Misses = e.Presence, 0
		w.r.PutAgent(*a)
	default:
		panic(fmt.Sprintf("unexpected %T", e))
	}
}

// drain ends the faults: everybody comes to work, and every customer must be answered, the first ones first.
func (w *world) drain() error {
	w.calm = true
	for range 2000 {
		if len(w.works) == 0 {
			if w.closed != w.opened {
				return fmt.Errorf("%d opened, %d closed", w.opened, w.closed)
			}
			return nil
		}
		for _, a := range w.agents {
			a.Presence, a.Misses, w.console[a.ID] = gateway.PresenceReady, 0, true
			a.LastHeartbeat = w.now
			w.r.PutAgent(*a)
		}
		if err := w.settle(); err != nil {
			return fmt.Errorf("drain: %w", err)
		}
		switch x := w.pick(gateway.StateOffered); {
		case x != nil:
			w.answer(x)
		case w.pick(gateway.StateActive) != nil:
			w.finish(w.pick(gateway.StateActive))
		default:
			w.sleep(time.Hour) // closed: wait for the morning
		}
	}
	return fmt.Errorf("drain: %d were never answered", len(w.works))
}
