package router

import (
	"math"
	"time"

	"backline/gateway"
)

// Rules are what of a queue may change while it runs.
type Rules struct {
	Hours         *Hours // nil: always open
	Overflow      gateway.Target
	OverflowAfter time.Duration // zero: only while nobody is signed in
}

// Rules returns those that a queue was configured with.
func (q Queue) Rules() Rules { return Rules{q.Hours, q.Overflow, q.OverflowAfter} }

// SetRules lets a queue follow other rules from now on: what waits there is judged anew, also what waited
// before. What rings goes on ringing, and what has left the queue does not come back. It costs
// O(waiting there · log n).
func (r *Router) SetRules(id gateway.QueueID, n Rules) {
	q := r.queue(id)
	if q == nil {
		return
	}
	if q.Overflow != "" {
		r.overflowing = without(r.overflowing, q)
	}
	q.Hours, q.Overflow, q.OverflowAfter = n.Hours, n.Overflow, n.OverflowAfter
	if q.Overflow != "" {
		r.overflowing = append(r.overflowing, q)
	}
	r.timers.set(&q.timer, key{a: math.MinInt64}) // the next time told opens it or not
	for _, l := range q.lanes {
		for _, x := range l.lines {
			for _, s := range x.heap.s {
				r.armOverflow(q, s.work)
			}
		}
	}
	r.soilQueue(q) // it may overflow though nobody came or went
}

// armOverflow sets the timer of work that waits in q to when its overflow is due.
func (r *Router) armOverflow(q *queue, w *work) {
	if q.Overflow == "" || q.OverflowAfter <= 0 {
		r.timers.remove(&w.timer)
		return
	}
	r.timers.set(&w.timer, dueAt(w.Since.Add(q.OverflowAfter)))
}
