package router

import (
	"time"

	"backline/gateway"
)

func (a *agent) capacity(k Kind) int {
	if k == Call {
		return a.CallCapacity
	}
	return a.TextCapacity
}

func (a *agent) over(k Kind) bool { return a.load[k] > a.capacity(k) }

// reachable: ready and heard of. Such an agent's offers keep ringing and their own work waits for them.
func (r *Router) reachable(a *agent) bool {
	return a.known && a.Presence == gateway.PresenceReady && !a.inFlight && a.Misses < r.settings.MissesToAway &&
		r.heard(a, r.settings.SilentAfter)
}

// heard reports whether a console of a was heard within d.
func (r *Router) heard(a *agent, d time.Duration) bool {
	return !a.LastHeartbeat.IsZero() && r.now.Sub(a.LastHeartbeat) < d
}

// available: can be offered work of this kind now.
func (r *Router) available(a *agent, k Kind) bool {
	return r.reachable(a) && a.wrapping == 0 && !r.now.Before(a.WrapUpUntil) && a.load[k] < a.capacity(k)
}

// isGone: there was a console, and it is silent for too long; or the account is no more.
func (r *Router) isGone(a *agent) bool {
	return !a.known || (!a.LastHeartbeat.IsZero() && !r.heard(a, r.settings.GoneAfter))
}

// refresh brings everything that depends on a up to date: the lanes, the counts, the timer.
func (r *Router) refresh(a *agent) {
	free := [kinds]bool{Text: r.available(a, Text), Call: r.available(a, Call)}
	for _, m := range a.members {
		if !free[m.lane.kind] {
			m.lane.free.remove(m.entry)
			continue
		}
		if m.entry.pos < 0 {
			r.soil(m.lane)
		}
		m.lane.free.set(m.entry, a.key(m.lane.strategy))
	}
	s := status{staff: r.reachable(a), signedIn: a.known && r.heard(a, r.settings.GoneAfter),
		ready: free[Text] || free[Call], gone: r.isGone(a)}
	if s != a.status {
		r.count(a, -1)
		was := a.status
		a.status = s
		r.count(a, +1)
		if was.staff != s.staff || was.gone != s.gone {
			r.attendAll(a)
		}
		if was.staff != s.staff {
			r.soilOverflows()
		}
	}
	r.arm(a)
}

// key is a's place among those with room.
func (a *agent) key(s Strategy) key {
	if s == RoundRobin {
		return key{a.turn, micro(a.IdleSince)}
	}
	return key{int64(a.load[Text] + 4*a.load[Call]), micro(a.IdleSince)}
}

// count adds a's status n times to the queues they serve.
func (r *Router) count(a *agent, n int) {
	for _, id := range a.Queues {
		q := r.queue(id)
		if a.status.staff {
			q.staff += n
			for k := range kinds {
				q.slots[k] += n * a.capacity(k)
			}
		}
		if a.status.signedIn {
			q.signedIn += n
		}
		if a.status.ready {
			q.ready += n
		}
	}
}

// soilOverflows: a queue that lost or gained its people may give away or receive overflowing work.
func (r *Router) soilOverflows() {
	for _, q := range r.overflowing {
		r.soilQueue(q)
	}
}

func (r *Router) soilQueue(q *queue) {
	for _, l := range q.lanes {
		r.soil(l)
	}
}

// arm sets the timer to the next moment at which a's status changes by itself.
func (r *Router) arm(a *agent) {
	var next time.Time
	consider := func(t time.Time) {
		if t.After(r.now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if a.known && !a.LastHeartbeat.IsZero() {
		consider(a.LastHeartbeat.Add(r.settings.SilentAfter))
		consider(a.LastHeartbeat.Add(r.settings.GoneAfter))
	}
	if a.known {
		consider(a.WrapUpUntil)
	}
	if next.IsZero() {
		r.timers.remove(&a.timer)
		return
	}
	r.timers.set(&a.timer, dueAt(next))
}

// leave takes a out of the lanes and counts of their queues, join puts them in again.
func (r *Router) leave(a *agent) {
	r.count(a, -1)
	a.status = status{gone: a.status.gone}
	for _, m := range a.members[kinds:] {
		m.lane.free.remove(m.entry)
	}
	a.members = a.members[:kinds]
	a.Queues = nil
}

func (r *Router) join(a *agent) {
	queues := a.Queues
	a.Queues = nil
	seen := map[gateway.QueueID]bool{"": true}
	for _, id := range queues {
		if seen[id] {
			continue
		}
		seen[id] = true
		a.Queues = append(a.Queues, id)
		for _, l := range r.queue(id).lanes {
			a.members = append(a.members, member{l, &entry{pos: -1, id: string(a.ID), agent: a}})
		}
	}
}

// refreshQueue opens or closes q by its hours.
func (r *Router) refreshQueue(q *queue) {
	open := q.Hours == nil || q.Hours.Open(r.now)
	if open != q.open {
		q.open = open
		r.soilQueue(q)
		r.soilOverflows()
	}
	next := q.Hours.NextChange(r.now)
	if next.IsZero() {
		r.timers.remove(&q.timer)
		return
	}
	r.timers.set(&q.timer, dueAt(next))
}
