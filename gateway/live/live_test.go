package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/history"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// house is a running Live over a journal in memory.
type house struct {
	*live.Live
	t       *testing.T
	journal *memory.Journal
	stop    func()
}

func run(t *testing.T, j *memory.Journal, change ...func(*live.Options)) *house {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	store, err := history.Open(ctx, t.TempDir()+"/history.db")
	if err != nil {
		t.Fatal(err)
	}
	o := live.Options{Journal: j, History: store, Log: slog.New(slog.DiscardHandler),
		Queues:  []router.Queue{{ID: "main", Name: "Service"}},
		Entries: []live.Entry{{Name: "livechat/shop", Channel: "livechat", Account: "shop", To: "queue/main", Queue: "main"}}}
	for _, c := range change {
		c(&o)
	}
	l := live.New(o)
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	<-l.Replayed()
	h := &house{Live: l, t: t, journal: j}
	stopped := false
	h.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(h.stop)
	return h
}

func (h *house) agent(id gateway.AgentID) {
	h.t.Helper()
	h.must(h.journal.Append(h.t.Context(), write(gateway.AgentStream(id), gateway.AgentSaved{Agent: id, Name: "Agent " + string(id),
		Queues: []gateway.QueueID{"main"}, Role: "agent", CallCapacity: 1, TextCapacity: 4})))
	h.must(h.SetPresence(h.t.Context(), id, gateway.PresenceReady))
	h.Heartbeat(id)
}

func (h *house) must(_ any, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func visitor(n int) gateway.Identity {
	return gateway.Identity{Channel: "livechat", Account: "shop", Remote: fmt.Sprint("v", n)}
}

func (h *house) says(who gateway.Identity, text string) {
	h.t.Helper()
	id := gateway.MessageID("m" + text + who.Remote)
	h.must(nil, h.Accept(h.t.Context(), gateway.Fact{Key: "k" + string(id), Channel: "livechat", Identity: who,
		Event: gateway.MessageReceived{Message: id, Identity: who, Text: text, SentAt: time.Now()}}))
}

func (h *house) only() wire.Conversation {
	h.t.Helper()
	all := h.Conversations(func(*wire.Conversation) bool { return true })
	if len(all) != 1 {
		h.t.Fatalf("%d conversations, want 1", len(all))
	}
	return all[0]
}

func write(stream string, e gateway.Event) journal.Write {
	return live.Write(stream, journal.Any, "", time.Now(), e)
}

func TestRecordsOfANewerVersionAreNotDecidedOn(t *testing.T) {
	j := memory.New()
	for _, kind := range []string{"agent.saved", "message.teleported", "message.teleported"} {
		if _, err := j.Append(t.Context(), journal.Write{Stream: "agent/a", Expect: journal.Any, Events: []journal.Event{{Type: kind, Data: []byte(`{}`)}}}); err != nil {
			t.Fatal(err)
		}
	}
	l := live.New(live.Options{Journal: j, History: newNotebook(), Log: slog.New(slog.DiscardHandler)})
	if err := l.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "position 2") {
		t.Errorf("Run: %v, want it to end and name position 2", err)
	}
}

func TestMessageRingsIsAcceptedAnsweredAndClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		h.says(visitor(1), "hello?")
		h.says(visitor(1), "anybody?")
		synctest.Wait()
		c := h.only()
		if c.State != gateway.StateOffered || c.Offer.Agents[0] != "jana" {
			t.Fatalf("got %s %+v, want offered to jana", c.State, c.Offer)
		}
		h.must(h.AcceptOffer(t.Context(), "jana", c.ID, c.Offer.ID))
		res, err := h.Submit(t.Context(), "jana", c.ID, "c1", "good morning", nil)
		h.must(res, err)
		again, err := h.Submit(t.Context(), "jana", c.ID, "c1", "good morning", nil)
		h.must(again, err)
		if again.Message != res.Message {
			t.Errorf("the same client id made two messages")
		}
		h.must(h.Close(t.Context(), "jana", c.ID))
		if got := h.only(); got.State != gateway.StateClosed || got.Messages != (wire.Counts{Inbound: 2, Outbound: 1}) {
			t.Errorf("got %s %+v", got.State, got.Messages)
		}
		h.stop()
	})
}

func TestOfferRingsOutToTheNextAndTwoMissesSetAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("anna")
		time.Sleep(time.Second)
		h.agent("ben")
		h.says(visitor(1), "hello?")
		synctest.Wait()
		first := h.only().Offer.Agents[0]
		for range 21 {
			time.Sleep(time.Second)
			h.Heartbeat("anna")
			h.Heartbeat("ben")
		}
		synctest.Wait()
		second := h.only().Offer.Agents[0]
		if first == second {
			t.Fatalf("it rings at %s again, want the other", first)
		}
		for range 60 {
			time.Sleep(time.Second)
			h.Heartbeat("anna")
			h.Heartbeat("ben")
		}
		synctest.Wait()
		for _, a := range h.Agents() {
			if a.Presence != gateway.PresenceAway || a.Reason != "missed_offers" {
				t.Errorf("%s is %s (%s), want away (missed_offers)", a.ID, a.Presence, a.Reason)
			}
		}
		if got := h.Status(gateway.Identity{Channel: "livechat", Account: "shop"}, ""); got.Staffed {
			t.Error("the customer is told that somebody is there")
		}
		h.stop()
	})
}

func TestSilentAgentLosesUnansweredWorkAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("anna")
		h.says(visitor(1), "hello?")
		synctest.Wait()
		c := h.only()
		h.must(h.AcceptOffer(t.Context(), "anna", c.ID, c.Offer.ID))
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if got := h.only(); got.State != gateway.StateActive {
			t.Fatalf("after 59 s: %s, want active", got.State)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := h.only(); got.State != gateway.StateWaiting || got.Agent != "" {
			t.Errorf("after 62 s: %s at %q, want waiting", got.State, got.Agent)
		}
		h.stop()
	})
}

func TestCapacityOfNoneIsNoneAndNotTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.must(h.journal.Append(t.Context(), write("agent/caller", gateway.AgentSaved{Agent: "caller", Name: "Only calls",
			Queues: []gateway.QueueID{"main"}, Role: "agent", CallCapacity: 1, TextCapacity: 0})))
		h.must(h.SetPresence(t.Context(), "caller", gateway.PresenceReady))
		h.Heartbeat("caller")
		h.says(visitor(1), "hello?")
		synctest.Wait()
		if c := h.only(); c.State != gateway.StateWaiting {
			t.Errorf("a text rings at somebody who takes calls only: %+v", c.Offer)
		}
		if a := h.Agents()[0]; a.Presence != gateway.PresenceReady {
			t.Errorf("somebody with room for calls only is %s", a.Presence)
		}
		h.stop()
	})
}

func TestRestartKeepsEverythingAndGivesAgentsTimeToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := run(t, j)
		h.agent("anna")
		h.says(visitor(1), "hello?")
		synctest.Wait()
		c := h.only()
		h.must(h.AcceptOffer(t.Context(), "anna", c.ID, c.Offer.ID))
		h.stop()

		again := run(t, j)
		got := again.only()
		if got.State != gateway.StateActive || got.Agent != "anna" || got.Messages.Inbound != 1 {
			t.Fatalf("after the restart: %+v", got)
		}
		time.Sleep(10 * time.Second)
		again.Heartbeat("anna")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := again.only(); got.Agent != "anna" {
			t.Errorf("the agent came back after 10 s and lost the conversation: %s", got.State)
		}
		again.stop()
	})
}

// Whoever presses the button while the gateway restarts answers what rang, and not what rings by then.
func TestOfferOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := run(t, j)
		h.agent("anna")
		h.says(visitor(1), "hello?")
		synctest.Wait()
		c := h.only()
		h.stop()

		again := run(t, j)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		again.Heartbeat("anna")
		again.must(again.AcceptOffer(t.Context(), "anna", c.ID, c.Offer.ID))
		again.says(visitor(2), "me too")
		synctest.Wait()
		again.stop()

		// Whose console does not come back hears no more.
		third := run(t, j)
		ringing := func() (n int) {
			for _, c := range third.Conversations(func(*wire.Conversation) bool { return true }) {
				if c.Offer != nil {
					n++
				}
			}
			return n
		}
		if got := ringing(); got != 1 {
			t.Fatalf("%d offers after the restart, want 1", got)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if got := ringing(); got != 0 {
			t.Errorf("it still rings at a console that is not there")
		}
		third.stop()
	})
}

func TestFullDiskDelaysDecisionsAndRefusesIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := run(t, j)
		h.agent("anna")
		j.FailWith(func(journal.Write) error { return journal.ErrFull })
		who := visitor(1)
		err := h.Accept(t.Context(), gateway.Fact{Key: "k", Channel: "livechat", Identity: who, Event: gateway.MessageReceived{Message: "m", Identity: who}})
		var e *gateway.Error
		if !errors.As(err, &e) || e.Kind != gateway.Unavailable {
			t.Fatalf("got %v, want unavailable", err)
		}
		j.FailWith(func(w journal.Write) error {
			if w.Stream != gateway.ThreadStream(who.Thread()) {
				return journal.ErrFull
			}
			return nil
		})
		h.says(who, "hello?")
		time.Sleep(5 * time.Second)
		j.FailWith(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := h.only(); got.State != gateway.StateOffered {
			t.Errorf("after the disk had room: %s, want offered", got.State)
		}
		h.stop()
	})
}

func TestConsoleResumesWithExactlyWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("anna")
		h.says(visitor(1), "one")
		synctest.Wait()
		sub, snap, err := h.Subscribe(t.Context(), "anna", 0)
		h.must(nil, err)
		if snap.Resumed || len(snap.Conversations) != 1 {
			t.Fatalf("fresh console: resumed %v, %d conversations", snap.Resumed, len(snap.Conversations))
		}
		h.Unsubscribe(sub)
		h.says(visitor(1), "two")
		h.says(visitor(2), "three")
		synctest.Wait()
		sub, snap, err = h.Subscribe(t.Context(), "anna", snap.Head)
		h.must(nil, err)
		var got []string
		for _, it := range snap.Items {
			if it.Kind == "message" {
				got = append(got, it.Text)
			}
		}
		if !snap.Resumed || fmt.Sprint(got) != "[two three]" || len(snap.Conversations) != 2 {
			t.Errorf("resumed %v with %v and %d conversations", snap.Resumed, got, len(snap.Conversations))
		}
		h.Unsubscribe(sub)
		h.stop()
	})
}

func TestConsoleThatResumesHearsWhoIsOnThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("anna")
		h.says(visitor(1), "here")
		h.says(visitor(2), "gone")
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- h.Follow(ctx, visitor(1), "", 0, func(any) error { return nil }) }()
		synctest.Wait()
		sub, snap, err := h.Subscribe(t.Context(), "anna", 0)
		h.must(nil, err)
		h.Unsubscribe(sub)
		sub, snap, err = h.Subscribe(t.Context(), "anna", snap.Head)
		h.must(nil, err)
		if !snap.Resumed || len(snap.Conversations) != 1 || !snap.Conversations[0].Online {
			t.Errorf("resumed %v with %+v", snap.Resumed, snap.Conversations)
		}
		h.Unsubscribe(sub)
		leave()
		h.must(nil, <-left)
		h.stop()
	})
}

func TestVisitorHearsWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("anna")
		h.says(visitor(1), "one")
		synctest.Wait()
		c := h.only()
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		var at, seen uint64
		go func() {
			left <- h.Follow(ctx, visitor(1), "", 0, func(f any) error {
				switch f := f.(type) {
				case wire.VisitorItem:
					at = f.Item.Position
				case wire.VisitorStatus:
					seen = f.Status.Seen
				}
				return nil
			})
		}()
		h.must(h.AcceptOffer(t.Context(), "anna", c.ID, c.Offer.ID))
		synctest.Wait()
		if seen != 0 {
			t.Errorf("seen %d before anybody has read", seen)
		}
		one := at
		h.must(h.Read(t.Context(), "anna", c.ID, one))
		synctest.Wait()
		if seen != one {
			t.Errorf("seen %d, want %d: the message was read", seen, one)
		}
		h.says(visitor(1), "two")
		synctest.Wait()
		two := at
		h.must(h.Submit(t.Context(), "anna", c.ID, "c1", "answer", nil))
		synctest.Wait()
		if seen < two {
			t.Errorf("seen %d, want %d or more: it was answered", seen, two)
		}
		leave()
		h.must(nil, <-left)
		h.stop()
	})
}

func TestVisitorSeesMessagesButNoNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("anna")
		h.says(visitor(1), "one")
		synctest.Wait()
		c := h.only()
		h.must(h.AcceptOffer(t.Context(), "anna", c.ID, c.Offer.ID))
		h.must(h.Note(t.Context(), "anna", c.ID, "n1", "a secret"))
		h.must(h.Submit(t.Context(), "anna", c.ID, "c1", "answer", nil))
		ctx, cancel := context.WithCancel(t.Context())
		var seen []string
		done := make(chan error, 1)
		go func() {
			done <- h.Follow(ctx, visitor(1), "", 0, func(f any) error {
				if it, ok := f.(wire.VisitorItem); ok && it.Item.Kind == "message" {
					seen = append(seen, it.Item.Text)
					if it.Item.From.ID != "" {
						t.Errorf("an agent's id is shown: %+v", it.Item.From)
					}
				} else if ok && it.Item.Kind == "note" {
					t.Error("a note is shown")
				}
				return nil
			})
		}()
		synctest.Wait()
		h.must(h.Submit(t.Context(), "anna", c.ID, "c2", "more", nil))
		synctest.Wait()
		cancel()
		h.must(nil, <-done)
		if fmt.Sprint(seen) != "[one answer more]" {
			t.Errorf("seen %v", seen)
		}
		h.stop()
	})
}

func TestVisitorWhoHasNotWrittenHearsThatSomebodyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		ctx, cancel := context.WithCancel(t.Context())
		var last wire.Status
		done := make(chan error, 1)
		go func() {
			done <- h.Follow(ctx, visitor(1), "", 0, func(f any) error {
				if s, ok := f.(wire.VisitorStatus); ok {
					last = s.Status
				}
				return nil
			})
		}()
		synctest.Wait()
		if last.Staffed {
			t.Error("nobody is there, and it says staffed")
		}
		h.agent("anna")
		h.TellQueues()
		synctest.Wait()
		if !last.Staffed {
			t.Error("somebody is there, and it was not said")
		}
		cancel()
		h.must(nil, <-done)
		h.stop()
	})
}
