package router_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/router"
)

// legal checks decisions against the truth before they are applied.
func (w *world) legal(ds []router.Decision) error {
	seen := map[string]bool{}
	for _, d := range ds {
		if seen[d.Stream] {
			return fmt.Errorf("two decisions for %s at once", d.Stream)
		}
		seen[d.Stream] = true
		if d.Conversation == "" {
			continue
		}
		x := w.works[d.Conversation]
		if x == nil || x.Version != d.Expect {
			return fmt.Errorf("%s: decision on an old version", d.Stream)
		}
		e, ok := d.Event.(gateway.ConversationOffered)
		if !ok {
			continue
		}
		if x.State != gateway.StateWaiting {
			return fmt.Errorf("%s is offered while %s", x.ID, x.State)
		}
		for _, y := range w.works {
			if !seen[gateway.ConversationStream(y.ID)] && y.State == gateway.StateWaiting && y.Kind == x.Kind && y.Target == x.Target && w.before(y, x) {
				return fmt.Errorf("%s was offered before %s", x.ID, y.ID)
			}
		}
		for _, id := range e.Agents {
			if slices.Contains(x.Tried, id) {
				for _, b := range w.agents {
					if !slices.Contains(x.Tried, b.ID) && w.suits(b, x) && w.free(b, x.Kind, ds) {
						return fmt.Errorf("%s rings again at %s, though %s was not asked", x.ID, id, b.ID)
					}
				}
			}
		}
	}
	return nil
}

func (w *world) before(a, b *router.Work) bool {
	if a.Front != b.Front {
		return a.Front
	}
	rank := func(x *router.Work) time.Time {
		if x.Front {
			return x.Since
		}
		bonus := x.Priority
		for _, q := range w.queues {
			if q.ID == x.Queue {
				bonus += q.Priority
			}
		}
		return x.Since.Add(-time.Duration(bonus) * router.PriorityStep)
	}
	return cmp.Or(rank(a).Compare(rank(b)), cmp.Compare(a.ID, b.ID)) < 0
}

func (w *world) suits(a *router.Agent, x *router.Work) bool {
	if id := x.Target.Agent(); id != "" {
		return a.ID == id
	}
	return slices.Contains(a.Queues, x.Queue)
}

func (w *world) reachable(a *router.Agent) bool {
	return a.Presence == gateway.PresenceReady && a.Misses < 2 && !a.LastHeartbeat.IsZero() && w.now.Sub(a.LastHeartbeat) < 45*time.Second
}

// load counts what a holds and what rings there; offers in ds count as ringing.
func (w *world) load(a *router.Agent, k router.Kind, ds []router.Decision) (held, rings int, byHand bool) {
	for _, x := range w.works {
		if x.Kind != k {
			continue
		}
		if x.Agent == a.ID {
			held++
			byHand = byHand || w.byHand[x.ID]
		}
		if slices.Contains(x.Offered, a.ID) {
			rings++
		}
	}
	for _, d := range ds {
		if e, ok := d.Event.(gateway.ConversationOffered); ok && slices.Contains(e.Agents, a.ID) && w.works[d.Conversation].Kind == k {
			rings++
		}
	}
	return held, rings, byHand
}

func capacity(a *router.Agent, k router.Kind) int {
	if k == router.Call {
		return a.CallCapacity
	}
	return a.TextCapacity
}

func (w *world) free(a *router.Agent, k router.Kind, ds []router.Decision) bool {
	held, rings, _ := w.load(a, k, ds)
	for _, d := range ds {
		if d.Stream == gateway.AgentStream(a.ID) {
			return false
		}
	}
	return w.reachable(a) && held+rings < capacity(a, k)
}

// check holds the promises against the truth when everything has settled.
func (w *world) check() error {
	for _, a := range w.agents {
		for _, k := range []router.Kind{router.Text, router.Call} {
			held, rings, byHand := w.load(a, k, nil)
			if n := capacity(a, k); (rings > 0 || !byHand) && held+rings > n {
				return fmt.Errorf("%s has room for %d, holds %d and %d ring", a.ID, n, held, rings)
			}
			if rings > 0 && !w.reachable(a) {
				return fmt.Errorf("it rings at %s, who is not there", a.ID)
			}
		}
	}
	for _, x := range w.works {
		if err := w.checkWork(x); err != nil {
			return fmt.Errorf("%s: %w", x.ID, err)
		}
	}
	return nil
}

func (w *world) checkWork(x *router.Work) error {
	if (x.Agent != "") != (x.State == gateway.StateActive) || (len(x.Offered) > 0) != (x.State == gateway.StateOffered) {
		return fmt.Errorf("%s with holder %q and offers %v", x.State, x.Agent, x.Offered)
	}
	switch x.State {
	case gateway.StateOffered:
		if !x.Until.After(w.now) {
			return fmt.Errorf("rings since %v too long", w.now.Sub(x.Until))
		}
	case gateway.StateActive:
		if a := w.agent(x.Agent); !a.LastHeartbeat.IsZero() && w.now.Sub(a.LastHeartbeat) >= time.Minute && !x.Answered {
			return fmt.Errorf("unanswered at %s, who is gone", a.ID)
		}
	case gateway.StateWaiting:
		if id := x.Target.Agent(); id != "" && !w.reachable(w.agent(id)) {
			return fmt.Errorf("waits for %s, who is not there", id)
		}
		open := x.Target.Agent() != "" || w.r.Open(x.Queue, w.now)
		if x.Target.Agent() == "" {
			if err := w.checkRules(x, open); err != nil {
				return err
			}
		}
		for _, a := range w.agents {
			if open && w.suits(a, x) && w.free(a, x.Kind, nil) {
				return fmt.Errorf("waits though %s has room", a.ID)
			}
		}
		return w.checkPlace(x)
	}
	return nil
}

func (w *world) checkPlace(x *router.Work) error {
	want := 1
	for _, y := range w.works {
		same := y.Target == x.Target || (y.Target.Agent() == "" && x.Target.Agent() == "" && y.Queue == x.Queue)
		if y.State == gateway.StateWaiting && same && w.before(y, x) {
			want++
		}
	}
	if got, ok := w.r.Position(x.ID); !ok || got != want {
		return fmt.Errorf("place %d, %v, want %d", got, ok, want)
	}
	return nil
}

// checkRules: the queue follows the rules it has now, also those that were changed in mid-run.
func (w *world) checkRules(x *router.Work, open bool) error {
	i := slices.IndexFunc(w.queues, func(q router.Queue) bool { return q.ID == x.Queue })
	q := w.queues[i]
	if open != q.Hours.Open(w.now) {
		return fmt.Errorf("%s is open %v against its hours", q.ID, open)
	}
	if q.Overflow != "" && open && !w.staffed(q.ID) && w.takesOverflow(q.Overflow) {
		return fmt.Errorf("waits in %s, where nobody is, though %s could take it", q.ID, q.Overflow)
	}
	return nil
}

func (w *world) staffed(id gateway.QueueID) bool {
	return slices.ContainsFunc(w.agents, func(a *router.Agent) bool { return slices.Contains(a.Queues, id) && w.reachable(a) })
}

func (w *world) takesOverflow(to gateway.Target) bool {
	if id := to.Agent(); id != "" {
		return w.reachable(w.agent(id))
	}
	return w.r.Open(to.Queue(), w.now) && w.staffed(to.Queue())
}
