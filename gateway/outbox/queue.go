package outbox

import (
	"container/heap"
	"slices"
	"time"

	"backline/channels"
	"backline/gateway"
)

// message is one message on its way. All fields are guarded by Outbox.mu; sub, stream and at never change.
type message struct {
	sub    gateway.MessageSubmitted
	stream string
	at     time.Time // when it was submitted

	attempt   int // the last one, 0: none
	provider  string
	startedAt time.Time
	open      bool // the last attempt has no end in the journal
	proof     bool // the network itself named the message: it has it
	lookups   int  // of the open attempt
	undone    bool // the provider said, before its own answer, that it did not deliver

	fails     int            // attempts that may be repeated, for the back-off
	temporary map[string]int // the same, a provider
	excluded  map[string]bool
	retryAt   time.Time
}

func (m *message) begin(attempt int, provider string, at time.Time) {
	m.attempt, m.provider, m.startedAt = attempt, provider, at
	m.open, m.proof, m.undone, m.lookups = true, false, false, 0
}

// exclude keeps m from a provider that certainly cannot deliver it.
func (m *message) exclude(provider string) {
	if m.excluded == nil {
		m.excluded = map[string]bool{}
	}
	m.excluded[provider] = true
}

// exhausted reports whether no provider is left for m.
func (o *Outbox) exhausted(m *message) bool {
	return !slices.ContainsFunc(o.providers(m), func(p string) bool { return !m.excluded[p] })
}

// thread holds the messages of one thread that have not reached an end, in order.
type thread struct {
	id    gateway.ThreadID
	queue []*message
	busy  bool // a worker has it
	at    time.Time
	gate  *gate // it waits for this one
	index int   // in the schedule, −1: not there
}

func (o *Outbox) thread(id gateway.ThreadID) *thread {
	t := o.threads[id]
	if t == nil {
		t = &thread{id: id, index: -1}
		o.threads[id] = t
	}
	return t
}

// plan puts t where it belongs in the schedule.
func (o *Outbox) plan(t *thread) {
	switch {
	case len(t.queue) == 0:
		if t.index >= 0 {
			heap.Remove(&o.due, t.index)
		}
		if !t.busy {
			delete(o.threads, t.id)
		}
		return
	case !o.live || t.busy:
		return
	}
	m := t.queue[0]
	t.at = m.retryAt
	if end, ok := o.expiry(m); ok && end.Before(t.at) && !m.open {
		t.at = end
	}
	if t.index < 0 {
		heap.Push(&o.due, t)
	} else {
		heap.Fix(&o.due, t.index)
	}
	o.nudge()
}

// expiry returns when m is given up. On the livechat a message waits for the page to come back.
func (o *Outbox) expiry(m *message) (time.Time, bool) {
	return m.at.Add(o.maxAge), m.sub.Identity.Channel != gateway.ChannelLivechat
}

func (o *Outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default: // already told
	}
}

// next hands out the first thread that is due, or says how long to wait (−1: until woken).
func (o *Outbox) next(now time.Time) (*thread, time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.due) == 0 {
		return nil, -1
	}
	t := o.due[0]
	if wait := t.at.Sub(now); wait > 0 {
		return nil, wait
	}
	heap.Pop(&o.due)
	t.busy, t.gate = true, nil
	return t, 0
}

// release gives t back after a worker had it.
func (o *Outbox) release(t *thread) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t.busy = false
	o.plan(t)
}

// conclude draws the consequences of an attempt's end, whether just made or read from the journal.
func (o *Outbox) conclude(m *message, e gateway.AttemptEnded, at time.Time) {
	m.open, m.lookups = false, 0
	m.attempt = max(m.attempt, e.Attempt)
	if e.State == gateway.DeliveryPending {
		m.retryAt = e.RetryAt
		switch channels.Code(e.Code) {
		case channels.Temporary:
			if m.temporary == nil {
				m.temporary = map[string]int{}
			}
			m.temporary[e.Provider]++
			m.fails++
		case channels.Throttled, notSent:
			m.fails++
		case channels.Unroutable:
			m.exclude(e.Provider)
		}
		o.tally(&o.stats.Retried)
		return
	}
	o.leave(m)
	switch e.State {
	case gateway.DeliverySent, gateway.DeliveryDelivered:
		o.tally(&o.stats.Sent)
	case gateway.DeliveryFailed:
		o.tally(&o.stats.Failed)
	case gateway.DeliveryUncertain:
		o.tally(&o.stats.Uncertain)
	}
	// A message of several parts, of which one failed, cannot go another way without repeating the others.
	if e.State != gateway.DeliverySent || len(e.ProviderIDs) > 1 || len(o.providers(m)) < 2 {
		return
	}
	m.provider = e.Provider
	if m.undone {
		o.sendOtherWay(m, false)
		return
	}
	o.sent.put(m, e.ProviderIDs, at, o.maxAge)
}

// tally counts what happens, not what is replayed.
func (o *Outbox) tally(n *uint64) {
	if o.live {
		*n++
	}
}

// leave takes m out of its thread.
func (o *Outbox) leave(m *message) {
	delete(o.byID, m.sub.Message)
	t := o.thread(m.sub.Thread)
	t.queue = slices.DeleteFunc(t.queue, func(x *message) bool { return x == m })
	o.plan(t)
}

// sendOtherWay puts a message that its last provider certainly did not deliver back to the head of its
// thread, if there is a provider that has not had it. Otherwise the report stands: it failed. Second is set
// when a worker has the head just now: the message follows right after it.
func (o *Outbox) sendOtherWay(m *message, second bool) {
	m.exclude(m.provider)
	m.undone = false
	if o.exhausted(m) {
		return
	}
	m.retryAt, m.fails = time.Time{}, 0
	t, i := o.thread(m.sub.Thread), 0
	if second {
		i = 1
	}
	t.queue = slices.Insert(t.queue, i, m)
	o.byID[m.sub.Message] = m
	o.tally(&o.stats.FailedOver)
	o.plan(t)
}

// schedule is a heap of threads by the time of their next step.
type schedule []*thread

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}
func (s *schedule) Push(x any) {
	t := x.(*thread)
	t.index = len(*s)
	*s = append(*s, t)
}
func (s *schedule) Pop() any {
	old := *s
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	t.index = -1
	return t
}

// sentBox remembers sent messages of channels with several providers for as long as a message may live, at
// most sentMemory of them, oldest forgotten first.
type sentBox struct {
	byID       map[gateway.MessageID]*sentMessage
	byProvider map[string]*sentMessage
	order      []*sentMessage
}

type sentMessage struct {
	m          *message
	providerID string
	until      time.Time
}

func newSentBox() sentBox {
	return sentBox{byID: map[gateway.MessageID]*sentMessage{}, byProvider: map[string]*sentMessage{}}
}

func (b *sentBox) put(m *message, ids []string, at time.Time, keep time.Duration) {
	s := &sentMessage{m: m, until: at.Add(keep)}
	if len(ids) == 1 {
		s.providerID = ids[0]
		b.byProvider[s.providerID] = s
	}
	b.byID[m.sub.Message] = s
	b.order = append(b.order, s)
	for len(b.order) > sentMemory || b.order[0].until.Before(at) {
		b.forget(b.order[0])
		b.order[0] = nil
		b.order = b.order[1:]
	}
}

// forget leaves the maps alone when a later sending of the same message has taken the place.
func (b *sentBox) forget(s *sentMessage) {
	if b.byID[s.m.sub.Message] == s {
		delete(b.byID, s.m.sub.Message)
	}
	if b.byProvider[s.providerID] == s {
		delete(b.byProvider, s.providerID)
	}
}

// take returns the message that a report names and forgets it. The provider's id, or else the provider, must
// be that of the last sending: a late report about an earlier one says nothing about this one.
func (b *sentBox) take(e gateway.DeliveryReported) *message {
	s := b.byProvider[e.ProviderID]
	if e.ProviderID == "" {
		s = b.byID[e.Message]
	}
	if s == nil || e.Provider != "" && e.Provider != s.m.provider {
		return nil
	}
	b.forget(s)
	return s.m
}
