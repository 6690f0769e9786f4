package router

import (
	"time"

	"backline/gateway"
)

// Bounds of what is measured and told.
const (
	maxPlace   = 10_000        // Position counts no further
	maxSamples = 50            // latest service times kept for each queue and kind
	minSamples = 5             // fewer say nothing
	sampleAge  = 2 * time.Hour // older ones say nothing about now
)

// sample is how long one conversation was held.
type sample struct {
	at   time.Time
	took time.Duration
}

// Stats of one queue.
type Stats struct {
	Open          bool
	Waiting       int           // waiting or ringing, of all kinds
	Longest       time.Duration // of those that wait and do not ring
	Ready         int           // agents who can be offered something now
	Staff         int           // agents who are ready, also those without room
	SignedIn      int           // agents with a console, whatever they chose
	Estimate      time.Duration // of the wait of a text that comes now
	EstimateKnown bool
}

// QueueStats tells how a queue stands. An unknown queue is closed and empty.
func (r *Router) QueueStats(id gateway.QueueID, now time.Time) Stats {
	r.advance(now)
	q := r.queues[id]
	if q == nil {
		return Stats{}
	}
	s := Stats{Open: q.open, Waiting: q.waiting, Ready: q.ready, Staff: q.staff, SignedIn: q.signedIn}
	ahead := 0
	for _, l := range q.lanes {
		for _, x := range l.lines {
			ahead += x.heap.len()
			s.Longest = max(s.Longest, r.now.Sub(time.UnixMicro(x.heap.s[0].a)))
		}
	}
	s.Estimate, s.EstimateKnown = r.estimate(q, Text, ahead+1)
	return s
}

// Staffed reports whether an agent of this queue is ready, with or without room. When not, customers are
// told so at once.
func (r *Router) Staffed(id gateway.QueueID, now time.Time) bool {
	r.advance(now)
	q := r.queues[id]
	return q != nil && q.staff > 0
}

// Open reports whether the queue's hours include now.
func (r *Router) Open(id gateway.QueueID, now time.Time) bool {
	r.advance(now)
	q := r.queues[id]
	return q != nil && q.open
}

// Position is the place in the order of what a conversation waits for: 1 is next. A ringing one has place 1.
// Places are exact up to 10,000; 10,001 means further behind. It costs O(place). Not ok: it does not wait.
func (r *Router) Position(id gateway.ConversationID) (place int, ok bool) {
	w := r.works[id]
	switch {
	case w == nil || !w.waits():
		return 0, false
	case w.line == nil:
		return 1, true
	case w.targeted != nil:
		for _, l := range w.targeted.own {
			place += l.ahead(w, maxPlace-place)
		}
		return place + 1, true
	}
	for _, l := range w.line.lane.queue.lanes {
		place += l.ahead(w, maxPlace-place)
	}
	return place + 1, true
}

// ahead counts the work of l that comes before w.
func (l *lane) ahead(w *work, limit int) int {
	n := 0
	for _, x := range l.lines {
		at := w.rank()
		switch {
		case x.front && !w.Front:
			n += min(x.heap.len(), limit-n)
			continue
		case !x.front && w.Front:
			continue
		case !x.front:
			at += int64(x.prio) * PriorityStep.Microseconds()
		}
		n += x.heap.ahead(slot{key{a: at}, &w.entry}, limit-n)
	}
	return n
}

// Estimate is how long a waiting conversation will probably wait on. It is measured: place × mean service
// time of the latest conversations ÷ room of the agents who are ready. Not ok means not known: fewer than
// five measured in the last two hours, the queue closed, nobody there, or waiting for one agent.
func (r *Router) Estimate(id gateway.ConversationID, now time.Time) (time.Duration, bool) {
	r.advance(now)
	place, ok := r.Position(id)
	if !ok || place > maxPlace {
		return 0, false
	}
	w := r.works[id]
	q := r.queues[w.Queue]
	if q == nil || w.Target.Agent() != "" {
		return 0, false
	}
	return r.estimate(q, w.Kind, place)
}

func (r *Router) estimate(q *queue, k Kind, place int) (time.Duration, bool) {
	if !q.open || q.slots[k] == 0 {
		return 0, false
	}
	n, sum := 0, time.Duration(0)
	for _, s := range q.samples[k] {
		if r.now.Sub(s.at) <= sampleAge {
			n++
			sum += s.took
		}
	}
	if n < minSamples {
		return 0, false
	}
	mean := sum / time.Duration(n)
	return time.Duration(float64(mean) * float64(place) / float64(q.slots[k])).Round(time.Second), true
}

// measure notes how long w was held, when n says that somebody got it or let it go. The router has no clock:
// the time is the latest it was told.
func (r *Router) measure(w *work, n Work) {
	held, holds := w.held(), n.held()
	switch {
	case r.now.IsZero() || w.Aside || (held && holds && w.Agent == n.Agent):
		return
	case held && !w.heldFrom.IsZero():
		if q := r.queue(w.Queue); q != nil {
			s := append(q.samples[w.Kind], sample{r.now, r.now.Sub(w.heldFrom)})
			q.samples[w.Kind] = s[max(0, len(s)-maxSamples):]
		}
	}
	w.heldFrom = time.Time{}
	if holds {
		w.heldFrom = r.now
	}
}

// rank is w's place among those not in front: when it counts as arrived.
func (w *work) rank() int64 {
	if w.Front {
		return micro(w.Since)
	}
	return micro(w.Since) - int64(w.bonus)*PriorityStep.Microseconds()
}

func (w *Work) held() bool {
	return w.Agent != "" && (w.State == gateway.StateActive || w.State == gateway.StateWrapUp)
}
