package router_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/router"
)

func shut(t *testing.T) *router.Hours {
	t.Helper()
	h, err := router.ParseHours("UTC", []string{"mon-fri 08:00-10:00"}, nil) // the desk's noon is outside
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// follow changes a queue's rules, in the truth and in the router.
func (d *desk) follow(id gateway.QueueID, rules router.Rules) {
	d.t.Helper()
	i := slices.IndexFunc(d.queues, func(q router.Queue) bool { return q.ID == id })
	d.queues[i].Hours, d.queues[i].Overflow, d.queues[i].OverflowAfter = rules.Hours, rules.Overflow, rules.OverflowAfter
	d.r.SetRules(id, rules)
	d.settled()
}

func TestClosedQueueOpensAtOnceAndClosesAgain(t *testing.T) {
	hours := shut(t)
	d := newDesk(t, router.Queue{ID: "main", Hours: hours})
	d.ready("anna", 1, "main")
	x := d.waits("c1")
	d.rings(x)
	d.follow("main", router.Rules{})
	d.rings(x, "anna")
	d.follow("main", router.Rules{Hours: hours})
	d.rings(x, "anna") // what rings goes on ringing
	y := d.waits("c2")
	d.assign(x, "anna")
	d.finish(x)
	d.settled()
	d.rings(y)
	if d.r.Open("main", d.now) {
		t.Error("the queue is open against its hours")
	}
	d.after(20 * time.Hour) // the next morning it opens by itself
	d.rings(y, "anna")
}

func TestOverflowIsTakenUpByWhatWaitsAlready(t *testing.T) {
	d := newDesk(t, router.Queue{ID: "main"}, router.Queue{ID: "night"})
	d.ready("anna", 1, "main") // there, and has no room
	d.assign(d.waits("held"), "anna")
	d.ready("ben", 4, "night")
	x := d.waits("c1")
	d.after(10 * time.Second)
	d.follow("main", router.Rules{Overflow: "queue/night", OverflowAfter: 30 * time.Second})
	d.after(19 * time.Second)
	d.rings(x)
	d.after(time.Second)
	d.rings(x, "ben")

	// Taken back before its time, it does not fire.
	y := d.waits("c2")
	d.follow("main", router.Rules{})
	d.after(time.Hour)
	d.rings(y)
	d.follow("main", router.Rules{Overflow: "queue/night", OverflowAfter: 30 * time.Second})
	d.rings(y, "ben") // it has waited long enough
}

// A router whose rules were changed decides what one decides that was made with these rules; and with the usual
// ones again, what one decides that never had others.
func TestChangedRulesAreAsGoodAsConfiguredOnes(t *testing.T) {
	for seed := range uint64(300) {
		w := newWorld(seed)
		for i := range w.queues {
			w.queues[i].Strategy = router.LongestIdle // a turn of round robin starts anew with a new router
		}
		w.rebuild()
		usual := slices.Clone(w.queues)
		for range steps {
			w.step()
			if err := w.settle(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			w.flip()
			if w.rng.IntN(2) == 0 {
				copy(w.queues, usual)
			}
			for _, q := range w.queues { // all, because what has overflowed in vain is looked at once a minute only
				w.r.SetRules(q.ID, q.Rules())
			}
			changed := w.r
			w.rebuild()
			got, want := changed.Decide(w.now, 1000), w.r.Decide(w.now, 1000)
			if a, b := sorted(got), sorted(want); !slices.Equal(a, b) {
				t.Fatalf("seed %d: changed rules lead to\n%v\nconfigured ones to\n%v", seed, a, b)
			}
			for _, d := range want {
				w.apply(d)
			}
			if err := w.settle(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

func sorted(ds []router.Decision) []string {
	var out []string
	for _, d := range ds {
		data, _ := json.Marshal(d.Event)
		out = append(out, fmt.Sprintf("%s@%d %s %s", d.Stream, d.Expect, d.Event.EventType(), data))
	}
	slices.Sort(out)
	return out
}
