package router

import (
	"slices"
	"time"

	"backline/gateway"
)

// PutWork mirrors a conversation. A closed one is removed.
func (r *Router) PutWork(n Work) {
	if n.State == gateway.StateClosed {
		r.RemoveWork(n.ID)
		return
	}
	if n.Queue == "" {
		n.Queue = n.Target.Queue()
	}
	w := r.works[n.ID]
	if w == nil {
		w = &work{Work: n}
		w.entry = entry{pos: -1, id: string(n.ID), work: w}
		w.timer = entry{pos: -1, id: string(n.ID), work: w}
		r.works[n.ID] = w
	} else {
		r.measure(w, n)
		r.unlink(w)
	}
	w.Work, w.inFlight, w.bonus = n, false, n.Priority
	if q := r.queue(n.Queue); q != nil {
		w.bonus += q.Priority
	}
	r.link(w)
	r.flush()
}

// RemoveWork forgets a conversation: it is closed, or not ours to answer.
func (r *Router) RemoveWork(id gateway.ConversationID) {
	w := r.works[id]
	if w == nil {
		return
	}
	r.measure(w, Work{})
	r.unlink(w)
	w.gone = true
	delete(r.works, id)
	r.flush()
}

// PutAgent mirrors an agent.
func (r *Router) PutAgent(n Agent) {
	a := r.agent(n.ID)
	n.CallCapacity = max(0, orDefault(n.CallCapacity, r.settings.CallCapacity))
	n.TextCapacity = max(0, orDefault(n.TextCapacity, r.settings.TextCapacity))
	if !slices.Equal(a.Queues, n.Queues) || a.capacity(Text) != n.TextCapacity || a.capacity(Call) != n.CallCapacity {
		r.leave(a)
		a.Agent = n
		r.join(a)
	}
	n.Queues = a.Queues
	a.Agent, a.known, a.inFlight = n, true, false
	r.attendAll(a)
	r.refresh(a)
}

// RemoveAgent forgets an agent; what they hold goes back to its queue.
func (r *Router) RemoveAgent(id gateway.AgentID) {
	a := r.agents[id]
	if a == nil {
		return
	}
	r.leave(a)
	a.Agent, a.known, a.inFlight = Agent{ID: id}, false, false
	r.refresh(a)
	if len(a.works)+len(a.targeted) == 0 {
		r.timers.remove(&a.timer)
		delete(r.agents, id)
		return
	}
	r.attendAll(a)
}

// Heartbeat says that an agent's console is there. It costs nothing but a timer while nothing changes.
func (r *Router) Heartbeat(id gateway.AgentID, at time.Time) {
	a := r.agents[id]
	if a == nil || !at.After(a.LastHeartbeat) {
		return
	}
	a.LastHeartbeat = at
	r.refresh(a)
}

// link puts w where its state belongs.
func (r *Router) link(w *work) {
	switch w.State {
	case gateway.StateWaiting:
		r.linkWaiting(w)
	case gateway.StateOffered:
		for _, id := range w.Offered {
			r.charge(w, r.agent(id))
		}
		if len(w.Offered) > 0 {
			w.asked = w.Offered[0]
		}
		r.timers.set(&w.timer, dueAt(w.Until))
	default:
		if w.Agent != "" {
			r.charge(w, r.agent(w.Agent))
		}
	}
	if q := r.queue(w.Queue); q != nil && w.counts() {
		q.waiting++
	}
	r.attend(w)
}

func (r *Router) linkWaiting(w *work) {
	q := r.queue(w.Queue)
	var l *lane
	if id := w.Target.Agent(); id != "" {
		a := r.agent(id)
		w.targeted = a
		a.targeted = append(a.targeted, w)
		l = a.own[w.Kind]
	} else if q != nil {
		l = q.lanes[w.Kind]
		r.armOverflow(q, w)
	} else {
		return
	}
	w.line = l.line(w.Front, w.bonus)
	w.line.heap.set(&w.entry, key{a: micro(w.Since)})
	r.soil(l)
}

// unlink is the reverse of link.
func (r *Router) unlink(w *work) {
	r.unline(w)
	if a := w.targeted; a != nil {
		a.targeted = without(a.targeted, w)
		w.targeted = nil
	}
	r.timers.remove(&w.timer)
	for len(w.charged) > 0 {
		r.discharge(w, w.charged[len(w.charged)-1])
	}
	if q := r.queue(w.Queue); q != nil && w.counts() {
		q.waiting--
	}
}

func (w *work) counts() bool { return w.waits() && !w.Aside }

func (w *work) waits() bool {
	return w.State == gateway.StateWaiting || w.State == gateway.StateOffered
}

// unline takes w out of its line.
func (r *Router) unline(w *work) {
	if w.line == nil {
		return
	}
	w.line.heap.remove(&w.entry)
	if w.line.heap.len() == 0 {
		w.line.lane.lines = without(w.line.lane.lines, w.line)
	}
	w.line = nil
}

func (l *lane) line(front bool, prio int) *line {
	if front {
		prio = 0 // the front is in order of time alone
	}
	for _, x := range l.lines {
		if x.front == front && x.prio == prio {
			return x
		}
	}
	x := &line{lane: l, front: front, prio: prio}
	l.lines = append(l.lines, x)
	return x
}

// charge lets w use room of a.
func (r *Router) charge(w *work, a *agent) {
	if slices.Contains(w.charged, a) {
		return
	}
	w.charged = append(w.charged, a)
	a.works = append(a.works, w)
	a.load[w.Kind]++
	if w.State == gateway.StateWrapUp {
		a.wrapping++
	}
	r.touch(a)
}

func (r *Router) discharge(w *work, a *agent) {
	if !slices.Contains(w.charged, a) {
		return
	}
	w.charged = without(w.charged, a)
	a.works = without(a.works, w)
	a.load[w.Kind]--
	if w.State == gateway.StateWrapUp {
		a.wrapping--
	}
	r.touch(a)
}

func without[T comparable](s []T, x T) []T {
	if i := slices.Index(s, x); i >= 0 {
		last := len(s) - 1
		s[i] = s[last]
		clear(s[last:])
		return s[:last]
	}
	return s
}

func (r *Router) touch(a *agent) {
	if !a.touched {
		a.touched = true
		r.touched = append(r.touched, a)
	}
}

// flush refreshes the agents whose load changed.
func (r *Router) flush() {
	for _, a := range r.touched {
		a.touched = false
		r.refresh(a)
		if a.over(Text) || a.over(Call) {
			r.attendAll(a)
		}
	}
	r.touched = r.touched[:0]
}

// attend notes that a decision about w may be due.
func (r *Router) attend(w *work) {
	if !w.due {
		w.due = true
		r.dueWorks = append(r.dueWorks, w)
	}
}

func (r *Router) attendAll(a *agent) {
	for _, w := range a.works {
		r.attend(w)
	}
	for _, w := range a.targeted {
		r.attend(w)
	}
	if !a.due {
		a.due = true
		r.dueAgents = append(r.dueAgents, a)
	}
}

// soil notes that l may have both work and somebody for it.
func (r *Router) soil(l *lane) {
	if !l.dirty && len(l.lines) > 0 {
		l.dirty = true
		r.dirty = append(r.dirty, l)
	}
}

// dueAt is the key of a timer: the first microsecond at which t is past, so that a timer never fires early.
func dueAt(t time.Time) key { return key{a: micro(t.Add(999 * time.Nanosecond))} }

// micro is t as a key; the zero time comes first.
func micro(t time.Time) int64 { return t.UnixMicro() }
