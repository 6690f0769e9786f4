package live_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
	"backline/gateway/live"
	"backline/gateway/router"
)

// replayed is how many events the benchmarks of a start read.
const replayed = 200_000

// record fills a journal with conversations as they are: each 10 messages either way with what belongs to
// them, opened, rung, accepted and closed.
func record(b *testing.B, path string) *sqlite.Journal {
	b.Helper()
	j, err := sqlite.Open(b.Context(), path, sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	at := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	pos := uint64(0)
	versions := map[string]uint64{}
	var all []journal.Event
	add := func(stream string, events ...gateway.Event) {
		for _, e := range live.Write(stream, journal.Any, "", at, events...).Events {
			pos++
			versions[stream]++
			e.Pos, e.Stream, e.Version = pos, stream, versions[stream]
			all = append(all, e)
		}
		all[len(all)-1].Key = fmt.Sprint("key/", pos)
	}
	for n := 0; pos < replayed; n++ {
		at = at.Add(time.Second)
		who := gateway.Identity{Channel: "messenger", Account: "100000000000001", Remote: fmt.Sprintf("24000000%09d", n%5000)}
		thread, cause := gateway.ThreadStream(who.Thread()), pos+1
		received := func(k int) gateway.Event {
			id := fmt.Sprintf("m%d_%d", n, k)
			return gateway.MessageReceived{Message: gateway.MessageID(id), Identity: who, ProviderID: "mid." + id, SentAt: at,
				Text: "Where is my delivery 48 211? It should have been here this morning, and nobody answers the phone."}
		}
		add(thread, received(0))
		id := conversation.ID(who.Thread(), n/5000)
		offer := gateway.OfferID(fmt.Sprint(id, ".1"))
		add(gateway.ConversationStream(id), gateway.ConversationOpened{Conversation: id, Thread: who.Thread(), Identity: who,
			Entry: "messenger/100000000000001", Target: "queue/main", Queue: "main", Cause: cause},
			gateway.ConversationOffered{Offer: offer, Agents: []gateway.AgentID{"jana"}, Until: at.Add(20 * time.Second)},
			gateway.ConversationAssigned{Agent: "jana", Offer: offer, How: "accepted"})
		for k := range 5 {
			m := gateway.MessageID(fmt.Sprintf("o%d_%d", n, k))
			add(gateway.ConversationStream(id), gateway.MessageSubmitted{Message: m, ClientID: string(m), Thread: who.Thread(), Identity: who,
				Text: "It left Soltau at seven and will be with you before noon.", Agent: "jana"},
				gateway.AttemptStarted{Message: m, Attempt: 1},
				gateway.AttemptEnded{Message: m, Attempt: 1, State: gateway.DeliverySent, ProviderIDs: []string{"mid.o" + string(m)}})
			add(thread, gateway.DeliveryReported{ProviderID: "mid.o" + string(m), State: gateway.DeliveryDelivered}, received(k+1))
		}
		add(gateway.ConversationStream(id), gateway.ConversationClosed{By: "jana"})
	}
	if err := j.Import(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	return j
}

// current is a history that has everything, as after any restart but one that lost it.
type current struct{ *notebook }

func (current) Applied() uint64                                                    { return 1 << 60 }
func (current) Apply(context.Context, []conversation.Change, uint64, uint64) error { return nil }

// BenchmarkReplay is the start: read the journal, decode it, fold it, ready. cpu-ns/event is the processor
// time of it on all processors together.
func BenchmarkReplay(b *testing.B) {
	j := record(b, b.TempDir()+"/journal.db")
	_, head, err := j.Bounds(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(200)) // as serve does
	began := processorTime(b)
	b.ResetTimer()
	for range b.N {
		ctx, cancel := context.WithCancel(b.Context())
		l := live.New(live.Options{Journal: j, History: current{newNotebook()}, Log: slog.New(slog.DiscardHandler), Queues: []router.Queue{{ID: "main"}}})
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		<-l.Replayed()
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	n := float64(head) * float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/n, "cpu-ns/event")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
