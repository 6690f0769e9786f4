package router

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"backline/gateway"
)

// Decide returns up to max decisions that are due at now. What they concern is left alone until it is Put
// again. When it returns fewer than max, nothing more is due before [Router.Next].
func (r *Router) Decide(now time.Time, max int) []Decision {
	r.advance(now)
	var out []Decision
	out = r.decideAgents(out, max)
	out = r.decideWorks(out, max)
	out = r.match(out, max)
	r.flush()
	return out
}

// Next is when Decide must be called again though nothing was Put: now if something is due, zero if never.
func (r *Router) Next(now time.Time) time.Time {
	switch {
	case len(r.dueWorks)+len(r.dueAgents)+len(r.dirty) > 0:
		return now
	case r.timers.len() == 0:
		return time.Time{}
	}
	return time.UnixMicro(r.timers.s[0].a).UTC()
}

// advance moves the time on and handles the timers that it passes.
func (r *Router) advance(now time.Time) {
	if now = now.Truncate(time.Microsecond).UTC(); now.After(r.now) {
		r.now = now
	}
	for r.timers.len() > 0 && r.timers.s[0].a <= micro(r.now) {
		e := r.timers.s[0].entry
		r.timers.remove(e)
		switch {
		case e.work != nil:
			r.attend(e.work)
		case e.agent != nil:
			r.refresh(e.agent)
		case e.queue != nil:
			r.refreshQueue(e.queue)
		}
	}
}

// decideAgents sets away who missed too much or is gone.
func (r *Router) decideAgents(out []Decision, max int) []Decision {
	for len(r.dueAgents) > 0 && len(out) < max {
		a := r.dueAgents[0]
		r.dueAgents = r.dueAgents[1:]
		a.due = false
		if !a.known || a.inFlight || a.Presence != gateway.PresenceReady {
			continue
		}
		var reason string
		switch {
		case a.Misses >= r.settings.MissesToAway:
			reason = "missed_offers"
		case r.isGone(a):
			reason = "silent"
		default:
			continue
		}
		a.inFlight = true
		r.refresh(a)
		out = append(out, Decision{Stream: gateway.AgentStream(a.ID), Agent: a.ID,
			Event: gateway.PresenceChanged{Agent: a.ID, Presence: gateway.PresenceAway, Reason: reason}})
	}
	return out
}

// decideWorks ends offers, and queues what must wait elsewhere.
func (r *Router) decideWorks(out []Decision, max int) []Decision {
	for len(r.dueWorks) > 0 && len(out) < max {
		w := r.dueWorks[0]
		r.dueWorks = r.dueWorks[1:]
		w.due = false
		if w.gone || w.inFlight {
			continue
		}
		if d, ok := r.decideWork(w); ok {
			out = append(out, d)
		}
	}
	return out
}

// decideWork makes the one decision that w's state asks for, if any.
func (r *Router) decideWork(w *work) (Decision, bool) {
	switch w.State {
	case gateway.StateOffered:
		return r.endOffer(w)
	case gateway.StateActive:
		return r.takeBack(w)
	case gateway.StateWaiting:
		if w.targeted != nil {
			return r.fallBack(w)
		}
		return r.overflow(w)
	}
	return Decision{}, false
}

func (r *Router) endOffer(w *work) (Decision, bool) {
	for _, id := range w.Offered {
		a := r.agent(id)
		if r.reachable(a) && !a.over(w.Kind) {
			continue
		}
		r.discharge(w, a) // so that only as many offers are withdrawn as must be
		return r.decided(w, id, gateway.OfferEnded{Offer: w.Offer, Agent: id, Outcome: "withdrawn"}), true
	}
	if len(w.Offered) == 0 || r.now.Before(w.Until) {
		return Decision{}, false
	}
	id := w.Offered[0]
	return r.decided(w, id, gateway.OfferEnded{Offer: w.Offer, Agent: id, Outcome: "timed_out"}), true
}

func (r *Router) takeBack(w *work) (Decision, bool) {
	if w.Agent == "" || w.Queue == "" {
		return Decision{}, false
	}
	a := r.agent(w.Agent)
	if !r.isGone(a) || (a.known && w.Answered) {
		return Decision{}, false
	}
	return r.decided(w, w.Agent, gateway.ConversationQueued{Target: gateway.QueueTarget(w.Queue), Queue: w.Queue,
		Front: true, Reason: "agent_gone"}), true
}

func (r *Router) fallBack(w *work) (Decision, bool) {
	reason := ""
	switch {
	case w.Queue == "":
		return Decision{}, false
	case !r.reachable(w.targeted):
		reason = "agent_away"
	case slices.Contains(w.Tried, w.targeted.ID):
		reason = "overflow"
	default:
		return Decision{}, false
	}
	return r.decided(w, w.targeted.ID, gateway.ConversationQueued{Target: gateway.QueueTarget(w.Queue), Queue: w.Queue,
		Front: w.Front, Reason: reason}), true
}

// overflow gives w to the queue's overflow target if its time is up and somebody is there.
func (r *Router) overflow(w *work) (Decision, bool) {
	q := r.queue(w.Queue)
	if q == nil || q.Overflow == "" {
		return Decision{}, false
	}
	late := q.OverflowAfter > 0 && !r.now.Before(w.Since.Add(q.OverflowAfter))
	if !q.open || !r.overflows(q) {
		if late {
			r.timers.set(&w.timer, dueAt(r.lookAgain(q)))
		}
		return Decision{}, false
	}
	if !late && q.staff > 0 {
		return Decision{}, false
	}
	to := q.Overflow.Queue()
	if to == "" {
		to = w.Queue
	}
	return r.decided(w, "", gateway.ConversationQueued{Target: q.Overflow, Queue: to, Front: w.Front, Reason: "overflow"}), true
}

// lookAgain is when work that waited long enough is considered for overflow once more.
func (r *Router) lookAgain(q *queue) time.Time {
	if !q.open && q.timer.pos >= 0 {
		if at := time.UnixMicro(r.timers.s[q.timer.pos].a); at.After(r.now) {
			return at
		}
	}
	return r.now.Add(time.Minute)
}

// overflows reports whether somebody is at the other end of q's overflow.
func (r *Router) overflows(q *queue) bool {
	if id := q.Overflow.Agent(); id != "" {
		a := r.agents[id]
		return a != nil && r.reachable(a)
	}
	to := r.queues[q.Overflow.Queue()]
	return to != nil && to != q && to.open && to.staff > 0
}

// decided marks w and builds the decision.
func (r *Router) decided(w *work, about gateway.AgentID, e gateway.Event) Decision {
	w.inFlight = true
	r.unline(w)
	return Decision{Stream: gateway.ConversationStream(w.ID), Conversation: w.ID, Agent: about, Expect: w.Version, Event: e}
}

// match offers work to those who have room: always the first of all work that somebody can take.
func (r *Router) match(out []Decision, max int) []Decision {
	r.flush()
	for len(r.dirty) > 0 && len(out) < max {
		var best *lane
		var first head
		n := 0
		for _, l := range r.dirty {
			h := l.first()
			switch {
			case h.entry == nil || (l.queue != nil && !l.queue.open):
			case l.queue != nil && l.queue.staff == 0 && r.overflows(l.queue):
				if len(out) < max {
					if d, ok := r.overflow(h.entry.work); ok {
						out = append(out, d)
					}
				}
				r.dirty[n] = l
				n++
				continue
			case l.free.len() == 0:
			default:
				if best == nil || h.before(first) {
					best, first = l, h
				}
				r.dirty[n] = l
				n++
				continue
			}
			l.dirty = false
		}
		clear(r.dirty[n:])
		r.dirty = r.dirty[:n]
		if best != nil && len(out) < max {
			out = append(out, r.offer(best, first.entry.work))
			r.flush()
		}
	}
	return out
}

// head is what the order knows of the first work of a line, without looking at the work itself, which lies
// anywhere in memory.
type head struct {
	front bool
	rank  int64
	entry *entry
}

// first is the first work in l; its entry is nil if there is none.
func (l *lane) first() head {
	var best head
	for _, x := range l.lines {
		s := x.heap.s[0]
		h := head{x.front, s.a, s.entry}
		if !x.front {
			h.rank -= int64(x.prio) * PriorityStep.Microseconds()
		}
		if best.entry == nil || h.before(best) {
			best = h
		}
	}
	return best
}

// before is the order of all waiting work.
func (h head) before(o head) bool {
	if h.front != o.front {
		return h.front
	}
	if h.rank != o.rank {
		return h.rank < o.rank
	}
	return h.entry.id < o.entry.id
}

// offer makes first ring.
func (r *Router) offer(l *lane, w *work) Decision {
	agents := r.choose(l, w)
	ids := make([]gateway.AgentID, len(agents))
	for i, a := range agents {
		ids[i] = a.ID
		r.turns++
		a.turn = r.turns
		r.charge(w, a)
	}
	w.asked = ids[0]
	id := gateway.OfferID(string(w.ID) + "." + strconv.FormatUint(w.Version, 10))
	return r.decided(w, ids[0], gateway.ConversationOffered{Offer: id, Agents: ids, Until: r.now.Add(r.RingTimeFor(w.Queue)).UTC()})
}

// choose returns whom to ask: those not yet asked first, else the next of the round.
func (r *Router) choose(l *lane, w *work) []*agent {
	if l.strategy == RingAll {
		return chooseAll(l, w)
	}
	if best := l.free.s[0].agent; len(w.Tried) == 0 || !slices.Contains(w.Tried, best.ID) {
		return []*agent{best}
	}
	if a := l.untried(w); a != nil {
		return []*agent{a}
	}
	start := slices.Index(w.Tried, w.asked) + 1
	for i := range w.Tried {
		id := w.Tried[(start+i)%len(w.Tried)]
		if a := r.agents[id]; a != nil && slices.ContainsFunc(a.members, func(m member) bool { return m.lane == l && m.entry.pos >= 0 }) {
			return []*agent{a}
		}
	}
	return []*agent{l.free.s[0].agent} // not reached: all free agents were tried
}

// untried takes the tried ones out of the order, looks, and puts them back.
func (l *lane) untried(w *work) *agent {
	var aside []slot
	var found *agent
	for l.free.len() > 0 && found == nil {
		s := l.free.s[0]
		if !slices.Contains(w.Tried, s.agent.ID) {
			found = s.agent
			continue
		}
		l.free.remove(s.entry)
		aside = append(aside, s)
	}
	for _, s := range aside {
		l.free.set(s.entry, s.key)
	}
	return found
}

func chooseAll(l *lane, w *work) []*agent {
	all := slices.Clone(l.free.s)
	slices.SortFunc(all, func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b), cmp.Compare(a.id, b.id))
	})
	var fresh, again []*agent
	for _, s := range all {
		if slices.Contains(w.Tried, s.agent.ID) {
			again = append(again, s.agent)
		} else {
			fresh = append(fresh, s.agent)
		}
	}
	if len(fresh) > 0 {
		return fresh
	}
	return again
}
