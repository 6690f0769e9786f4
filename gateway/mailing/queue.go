package mailing

import (
	"cmp"
	"container/heap"
	"context"
	"sync"
	"time"
)

// item is one mail of a run.
type item struct {
	Recipient
	tries int
	first time.Time // of its tries; zero before
	due   time.Time
}

// queue holds what is to be sent: fresh ones in the order of the list, then those that were put off, when they
// are due.
type queue struct {
	mu      sync.Mutex
	fresh   []*item
	later   byDue
	out     int           // taken and not yet finished
	changed chan struct{} // closed and replaced when something was put off or finished
}

func newQueue(all []Recipient) *queue {
	q := &queue{fresh: make([]*item, len(all)), changed: make(chan struct{})}
	for i, r := range all {
		q.fresh[i] = &item{Recipient: r}
	}
	return q
}

// try takes an item that is due. more is false when none will ever come; wait is how long until one is due.
func (q *queue) try(now time.Time) (it *item, wait time.Duration, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.later) > 0 && !now.Before(q.later[0].due):
		it = heap.Pop(&q.later).(*item)
	case len(q.fresh) > 0:
		it, q.fresh = q.fresh[0], q.fresh[1:]
	case len(q.later) > 0:
		return nil, q.later[0].due.Sub(now), true
	default:
		return nil, time.Hour, q.out > 0
	}
	q.out++
	return it, 0, true
}

// take waits for an item; nil when all are finished or ctx has ended.
func (q *queue) take(ctx context.Context) *item {
	for {
		q.mu.Lock()
		changed := q.changed
		q.mu.Unlock()
		it, wait, more := q.try(time.Now())
		if it != nil || !more {
			return it
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// putOff gives an item back, to be taken again after a while.
func (q *queue) putOff(it *item, d time.Duration) {
	it.due = time.Now().Add(d)
	q.mu.Lock()
	defer q.mu.Unlock()
	heap.Push(&q.later, it)
	q.finishLocked()
}

// finish says that an item is done with.
func (q *queue) finish() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finishLocked()
}

func (q *queue) finishLocked() {
	q.out--
	close(q.changed)
	q.changed = make(chan struct{})
}

// byDue is a heap, the earliest first.
type byDue []*item

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return cmp.Less(h[i].due.UnixNano(), h[j].due.UnixNano()) }
func (h byDue) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byDue) Push(x any)        { *h = append(*h, x.(*item)) }
func (h *byDue) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return it
}
