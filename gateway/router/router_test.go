package router_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/router"
)

// desk is a world without faults, for stories told step by step.
type desk struct {
	*world
	t *testing.T
}

func newDesk(t *testing.T, queues ...router.Queue) *desk {
	w := &world{rng: rand.New(rand.NewPCG(1, 1)), now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), queues: queues, calm: true,
		works: map[gateway.ConversationID]*router.Work{}, console: map[gateway.AgentID]bool{}, byHand: map[gateway.ConversationID]bool{}}
	w.rebuild()
	return &desk{w, t}
}

func (d *desk) ready(id gateway.AgentID, texts int, queues ...gateway.QueueID) *router.Agent {
	a := &router.Agent{ID: id, Queues: queues, Presence: gateway.PresenceReady, LastHeartbeat: d.now, TextCapacity: texts,
		IdleSince: d.now.Add(time.Duration(len(d.agents)) * time.Second)}
	a.CallCapacity = 1
	d.agents, d.console[id] = append(d.agents, a), true
	d.r.PutAgent(*a)
	return a
}

func (d *desk) waits(id gateway.ConversationID, change ...func(*router.Work)) *router.Work {
	x := &router.Work{ID: id, State: gateway.StateWaiting, Queue: "main", Target: "queue/main", Since: d.now, Version: 1}
	for _, c := range change {
		c(x)
	}
	d.works[id], d.order = x, append(d.order, id)
	d.put(x)
	d.settled()
	return x
}

func (d *desk) settled() {
	d.t.Helper()
	if err := d.settle(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) after(wait time.Duration) {
	d.t.Helper()
	d.sleep(wait)
	d.settled()
}

func (d *desk) rings(x *router.Work, want ...gateway.AgentID) {
	d.t.Helper()
	if fmt.Sprint(x.Offered) != fmt.Sprint(want) {
		d.t.Fatalf("%s rings at %v, want %v (%s)", x.ID, x.Offered, want, x.State)
	}
}

var service = router.Queue{ID: "main"}

func TestOfferTimesOutToNextAgentAndTwoMissesSetAway(t *testing.T) {
	d := newDesk(t, service)
	anna, ben := d.ready("anna", 4, "main"), d.ready("ben", 4, "main")
	x := d.waits("c1")
	d.rings(x, "anna")
	d.after(19 * time.Second)
	d.rings(x, "anna")
	d.after(time.Second)
	d.rings(x, "ben")
	d.after(20 * time.Second)
	d.rings(x, "anna") // the round starts again
	d.after(20 * time.Second)
	d.rings(x, "ben")
	if anna.Presence != gateway.PresenceAway || ben.Presence != gateway.PresenceReady {
		t.Errorf("anna is %s, ben is %s", anna.Presence, ben.Presence)
	}
}

func TestDeclinedGoesRoundInTurn(t *testing.T) {
	d := newDesk(t, service)
	for _, id := range []gateway.AgentID{"a", "b", "c"} {
		d.ready(id, 4, "main")
	}
	x := d.waits("c1")
	var asked []gateway.AgentID
	for range 7 {
		asked = append(asked, x.Offered...)
		d.end(x, x.Offered[0], "declined")
		d.settled()
	}
	if got, want := fmt.Sprint(asked), "[a b c a b c a]"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

func TestSilentAgentLosesOffersAndGoneAgentUnansweredWork(t *testing.T) {
	d := newDesk(t, service)
	anna := d.ready("anna", 4, "main")
	held, answered := d.waits("held"), d.waits("answered")
	d.assign(held, "anna")
	d.assign(answered, "anna")
	answered.Answered = true
	d.put(answered)
	x := d.waits("c1")
	d.rings(x, "anna")
	d.console["anna"] = false
	d.after(45 * time.Second)
	if d.rings(x); held.State != gateway.StateActive {
		t.Errorf("held is %s after 45 s, want it kept", held.State)
	}
	d.after(15 * time.Second)
	if held.State != gateway.StateWaiting || !held.Front || answered.State != gateway.StateActive {
		t.Errorf("held is %s (front %v), answered is %s", held.State, held.Front, answered.State)
	}
	if place, _ := d.r.Position("held"); place != 1 || anna.Presence != gateway.PresenceAway {
		t.Errorf("held has place %d, anna is %s", place, anna.Presence)
	}
}

func TestWorkGivenByHandToSomebodyWithoutConsoleStays(t *testing.T) {
	d := newDesk(t, service)
	d.ready("anna", 4, "main")
	d.agents[0].LastHeartbeat, d.console["anna"] = time.Time{}, false
	d.rebuild()
	x := d.waits("c1")
	d.rings(x)
	d.assign(x, "anna")
	d.after(time.Hour)
	if x.Agent != "anna" {
		t.Errorf("the holder is %q", x.Agent)
	}
}

func TestRemovedAgentGivesEverythingBack(t *testing.T) {
	d := newDesk(t, service)
	d.ready("anna", 4, "main")
	d.ready("ben", 4, "main")
	x := d.waits("c1")
	d.assign(x, "anna")
	x.Answered = true
	d.put(x)
	d.settled()
	d.r.RemoveAgent("anna")
	d.agents = d.agents[1:]
	d.settled()
	d.rings(x, "ben")
}

func TestCapacityCountsKindsApart(t *testing.T) {
	d := newDesk(t, service)
	d.ready("anna", 2, "main")
	call := func(x *router.Work) { x.Kind = router.Call }
	c1, t1, c2, t2, t3 := d.waits("c1", call), d.waits("t1"), d.waits("c2", call), d.waits("t2"), d.waits("t3")
	d.rings(c1, "anna")
	d.rings(t1, "anna")
	d.rings(t2, "anna")
	d.rings(c2)
	d.rings(t3)
	d.finish(c1)
	d.settled()
	d.rings(c2, "anna")
}

func TestTakingByHandWithdrawsWhatIsTooMuch(t *testing.T) {
	d := newDesk(t, service)
	d.ready("anna", 1, "main")
	x := d.waits("c1")
	y := d.waits("c2")
	d.rings(x, "anna")
	d.assign(y, "anna")
	d.byHand["c2"] = true
	d.settled()
	d.rings(x)
	d.finish(y)
	d.settled()
	d.rings(x, "anna")
}

func TestWrapUpHasNoOffers(t *testing.T) {
	d := newDesk(t, service)
	anna := d.ready("anna", 4, "main")
	anna.WrapUpUntil = d.now.Add(30 * time.Second)
	d.r.PutAgent(*anna)
	x := &router.Work{ID: "c1", State: gateway.StateWaiting, Queue: "main", Target: "queue/main", Since: d.now}
	d.r.PutWork(*x)
	if ds := d.r.Decide(d.now.Add(29*time.Second), 9); len(ds) != 0 {
		t.Fatalf("decided %+v in wrap-up", ds)
	}
	if next := d.r.Next(d.now.Add(29 * time.Second)); !next.Equal(anna.WrapUpUntil) {
		t.Errorf("next at %v, want the end of wrap-up", next)
	}
	if ds := d.r.Decide(anna.WrapUpUntil, 9); len(ds) != 1 {
		t.Errorf("decided %+v after wrap-up, want one offer", ds)
	}
}

func TestOrderIsFrontThenPriorityAsBonusThenTime(t *testing.T) {
	d := newDesk(t, service)
	ago := func(d time.Duration, prio int, front bool) func(*router.Work) {
		return func(x *router.Work) { x.Since, x.Priority, x.Front = x.Since.Add(-d), prio, front }
	}
	d.waits("new", ago(0, 0, false))
	d.waits("old", ago(90*time.Second, 0, false))
	d.waits("one", ago(0, 1, false))
	d.waits("two", ago(0, 2, false))
	d.waits("back", ago(0, 0, true))
	for i, id := range []gateway.ConversationID{"back", "two", "old", "one", "new"} {
		if place, ok := d.r.Position(id); place != i+1 || !ok {
			t.Errorf("%s has place %d, want %d", id, place, i+1)
		}
	}
	if s := d.r.QueueStats("main", d.now); s.Waiting != 5 || s.Longest != 90*time.Second || s.SignedIn != 0 || s.EstimateKnown {
		t.Errorf("stats %+v", s)
	}
}

func TestQueueWithAHeadStartComesFirstForAnAgentOfBoth(t *testing.T) {
	d := newDesk(t, service, router.Queue{ID: "vip", Priority: 2})
	d.ready("anna", 1, "main", "vip")
	busy := d.waits("busy")
	d.assign(busy, "anna")
	ago := func(queue gateway.QueueID, ago time.Duration) func(*router.Work) {
		return func(x *router.Work) {
			x.Queue, x.Target, x.Since = queue, gateway.QueueTarget(queue), x.Since.Add(-ago)
		}
	}
	long, short := d.waits("long", ago("main", 3*time.Minute)), d.waits("short", ago("main", time.Minute))
	vip := d.waits("vip", ago("vip", 0))
	for _, want := range []*router.Work{long, vip, short} {
		d.finish(busy)
		d.settled()
		d.rings(want, "anna")
		d.assign(want, "anna")
		busy = want
	}
}

func TestWrapUpOfAQueueMayBeNone(t *testing.T) {
	r := router.New(router.Settings{}, []router.Queue{{ID: "a"}, {ID: "b", WrapUp: time.Minute}, {ID: "c", WrapUp: router.NoWrapUp}})
	for id, want := range map[gateway.QueueID]time.Duration{"a": 30 * time.Second, "b": time.Minute, "c": 0, "unknown": 30 * time.Second} {
		if got := r.WrapUpFor(id); got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}

func TestAgentTargetWaitsForReadyAgentElseFallsBack(t *testing.T) {
	d := newDesk(t, service)
	d.ready("anna", 1, "main")
	d.ready("ben", 4, "main")
	forAnna := func(x *router.Work) { x.Target = "agent/anna" }
	x, y := d.waits("c1", forAnna), d.waits("c2", forAnna)
	d.rings(x, "anna")
	d.rings(y) // she is busy, not away
	d.after(20 * time.Second)
	d.rings(x, "ben") // she missed it
	if x.Target != "queue/main" {
		t.Errorf("target %s", x.Target)
	}
	d.rings(y, "anna")
	d.agents[0].Presence = gateway.PresenceAway
	d.r.PutAgent(*d.agents[0])
	d.settled()
	d.rings(y, "ben")
}

func TestStrategies(t *testing.T) {
	for _, c := range []struct {
		s    router.Strategy
		want string
	}{
		{router.LongestIdle, "[a] [b] [c] [a]"},
		{router.RoundRobin, "[a] [b] [c] [a]"},
		{router.RingAll, "[a b c] [a b c] [a b c] [a b c]"},
	} {
		d := newDesk(t, router.Queue{ID: "main", Strategy: c.s})
		for _, id := range []gateway.AgentID{"a", "b", "c"} {
			d.ready(id, 4, "main")
		}
		got := ""
		for i := range 4 {
			got += fmt.Sprint(" ", d.waits(gateway.ConversationID(fmt.Sprint("c", i))).Offered)
		}
		if got[1:] != c.want {
			t.Errorf("%s asks %s, want %s", c.s, got[1:], c.want)
		}
	}
}

func TestRoundRobinAsksInTurnThoughOneIsAlwaysIdle(t *testing.T) {
	d := newDesk(t, router.Queue{ID: "main", Strategy: router.RoundRobin})
	d.ready("a", 4, "main")
	d.ready("b", 4, "main")
	got := ""
	for i := range 4 {
		x := d.waits(gateway.ConversationID(fmt.Sprint("c", i)))
		got += string(x.Offered[0])
		d.finish(x)
	}
	if got != "abab" {
		t.Errorf("asked %s, want abab", got)
	}
}

func TestClosedQueueWaitsAndDrainsOldestFirst(t *testing.T) {
	d := newDesk(t, router.Queue{ID: "main", Hours: hours(t, "", "mon-fri 13:00-18:00", "")})
	d.waits("second")
	d.waits("first", func(x *router.Work) { x.Since = x.Since.Add(-time.Minute) })
	d.ready("anna", 1, "main")
	d.settled()
	d.rings(d.works["first"])
	if next := d.r.Next(d.now); next.After(d.now.Add(time.Hour)) || d.r.Open("main", d.now) || !d.r.Staffed("main", d.now) {
		t.Errorf("next %v, open %v", next, d.r.Open("main", d.now))
	}
	d.sleep(time.Hour)
	d.settled()
	d.rings(d.works["first"], "anna")
	d.rings(d.works["second"])
}

func TestOverflowGoesWhereSomebodyIs(t *testing.T) {
	d := newDesk(t, router.Queue{ID: "main", Overflow: "queue/night", OverflowAfter: time.Minute}, router.Queue{ID: "night"})
	x := d.waits("c1")
	d.rings(x)
	if x.Queue != "main" {
		t.Fatalf("it is in %s though nobody is there", x.Queue)
	}
	d.ready("ben", 1, "night")
	d.settled()
	d.rings(x, "ben") // nobody in main
	d.ready("anna", 1, "main")
	d.settled()
	y, z := d.waits("c2"), d.waits("c3")
	d.rings(y, "anna")
	d.assign(y, "anna")
	d.finish(x)
	d.after(59 * time.Second)
	d.rings(z)
	d.after(time.Second)
	d.rings(z, "ben") // waited long enough
}

func TestEstimateIsMeasuredOrUnknown(t *testing.T) {
	d := newDesk(t, service)
	d.ready("anna", 1, "main")
	for i := range 5 {
		x := d.waits(gateway.ConversationID(fmt.Sprint("done", i)))
		d.assign(x, "anna")
		d.settled()
		d.after(10 * time.Second)
		d.finish(x)
	}
	x, y, z := d.waits("x"), d.waits("y"), d.waits("z")
	d.assign(x, "anna")
	d.settled()
	if got, ok := d.r.Estimate(z.ID, d.now); !ok || got != 20*time.Second {
		t.Errorf("estimate %v, %v, want 20 s: place 2, 10 s each", got, ok)
	}
	d.console["anna"] = false
	d.after(50 * time.Second)
	if got, ok := d.r.Estimate(y.ID, d.now); ok {
		t.Errorf("estimate %v though nobody is there", got)
	}
}

func TestInFlightIsLeftAloneUntilPutAndOfferIDsAreStable(t *testing.T) {
	d := newDesk(t, service)
	d.ready("anna", 1, "main")
	x := router.Work{ID: "c1", State: gateway.StateWaiting, Queue: "main", Target: "queue/main", Since: d.now, Version: 7}
	d.r.PutWork(x)
	first := d.r.Decide(d.now, 9)
	if again := d.r.Decide(d.now, 9); len(first) != 1 || len(again) != 0 {
		t.Fatalf("decided %d, then %d, want 1 and 0", len(first), len(again))
	}
	d.r.PutWork(x) // the append was refused
	second := d.r.Decide(d.now, 9)
	if len(second) != 1 || second[0].Event.(gateway.ConversationOffered).Offer != "c1.7" || second[0].Expect != 7 {
		t.Errorf("decided %+v", second)
	}
}
