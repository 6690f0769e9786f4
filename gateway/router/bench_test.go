package router_test

import (
	"fmt"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/router"
)

// BenchmarkPickForFreedAgent: 1,000,000 conversations wait in 50 queues, 10,000 agents of 1 to 5 queues are
// full. One conversation ends; its agent gets the next one and accepts it. pick-ns is the decision alone, what
// the promise of 5 µs is about; freed-ns has the removal of the ended one, too; ns/op also the mirroring of
// the offer and of the acceptance.
func BenchmarkPickForFreedAgent(b *testing.B) {
	const waiting, people, queues = 1_000_000, 10_000, 50
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	r, held := crowd(now, waiting, people, queues)
	var pick, freed time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	for b.Loop() {
		done := held[n%people]
		start := time.Now()
		r.RemoveWork(done)
		removed := time.Now()
		ds := r.Decide(now, 8)
		end := time.Now()
		pick += end.Sub(removed)
		freed += end.Sub(start)
		if len(ds) != 1 {
			b.Fatalf("%d decisions, want one", len(ds))
		}
		d := ds[0]
		o := d.Event.(gateway.ConversationOffered)
		w := router.Work{ID: d.Conversation, State: gateway.StateOffered, Target: gateway.QueueTarget("q0"), Queue: "q0", Offer: o.Offer, Offered: o.Agents, Until: o.Until, Version: 2}
		r.PutWork(w)
		w.State, w.Agent, w.Offer, w.Offered = gateway.StateActive, d.Agent, "", nil
		r.PutWork(w)
		held[n%people] = d.Conversation
		n++
	}
	b.ReportMetric(float64(freed.Nanoseconds())/float64(n), "freed-ns/op")
	b.ReportMetric(float64(pick.Nanoseconds())/float64(n), "pick-ns/op")
}

// crowd returns a settled router and what its agents hold, one conversation each.
func crowd(now time.Time, waiting, people, queues int) (*router.Router, []gateway.ConversationID) {
	var qs []router.Queue
	for i := range queues {
		qs = append(qs, router.Queue{ID: gateway.QueueID(fmt.Sprint("q", i))})
	}
	r := router.New(router.Settings{}, qs)
	held := make([]gateway.ConversationID, people)
	for i := range people {
		a := router.Agent{ID: gateway.AgentID(fmt.Sprint("a", i)), Presence: gateway.PresenceReady, LastHeartbeat: now,
			TextCapacity: 1, IdleSince: now.Add(-time.Duration(i) * time.Second)}
		for j := range 1 + i%5 {
			a.Queues = append(a.Queues, qs[(i*7+j*11)%queues].ID)
		}
		r.PutAgent(a)
		held[i] = gateway.ConversationID(fmt.Sprint("h", i))
		r.PutWork(router.Work{ID: held[i], State: gateway.StateActive, Agent: a.ID, Queue: a.Queues[0]})
	}
	for i := range waiting {
		q := qs[i%queues].ID
		r.PutWork(router.Work{ID: gateway.ConversationID(fmt.Sprint("c", i)), State: gateway.StateWaiting, Queue: q,
			Target: gateway.QueueTarget(q), Since: now.Add(-time.Duration(i*7919%waiting) * time.Millisecond), Priority: i % 3, Version: 1})
	}
	for len(r.Decide(now, 1000)) > 0 {
		panic("everybody is busy, yet something was decided")
	}
	return r, held
}

// BenchmarkHeartbeat is what 10,000 consoles cost every few seconds.
func BenchmarkHeartbeat(b *testing.B) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	r, _ := crowd(now, 1000, 10_000, 50)
	ids := make([]gateway.AgentID, 10_000)
	for i := range ids {
		ids[i] = gateway.AgentID(fmt.Sprint("a", i))
	}
	n := 0
	for b.Loop() {
		r.Heartbeat(ids[n%len(ids)], now.Add(time.Duration(n)*time.Microsecond))
		n++
	}
}
