package calls_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/calls"
	"backline/gateway/history"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// lines is media without sound: the test says what becomes of lines.
type lines struct {
	mu    sync.Mutex
	hears map[string]media.Table
	taps  map[string][]media.Side
	hung  []media.LegKey
	ended []string

	offers []media.LegKey
	stuck  chan struct{} // while it is open, no line is answered
}

// hang makes lines wait for their answer until the returned function is called.
func (l *lines) hang() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	stuck := make(chan struct{})
	l.stuck = stuck
	return func() { close(stuck) }
}

func (l *lines) Offer(_ context.Context, key media.LegKey, sdp string, restart bool) (string, error) {
	l.mu.Lock()
	l.offers = append(l.offers, key)
	stuck := l.stuck
	l.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	if restart && sdp == "a=fingerprint:none\r\n" {
		return "", media.ErrNoLeg
	}
	return "answer to " + sdp, nil
}

func (l *lines) Hear(call string, table media.Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hears[call] = maps.Clone(table)
}

func (l *lines) Hangup(key media.LegKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hung = append(l.hung, key)
}

func (l *lines) Tap(call string, _ media.Tap, sides ...media.Side) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taps[call] = sides
}

func (l *lines) End(call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, call)
	delete(l.hears, call)
}

// hear is what a side hears, with + between.
func (l *lines) hear(call gateway.CallID, side media.Side) media.Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, s := range l.hears[string(call)][side] {
		all = append(all, string(s))
	}
	return media.Source(strings.Join(all, "+"))
}

// of is an agent's side.
func of(a gateway.AgentID) media.Side { return media.Side("agent/" + a) }

// house is a desk over a running Live, in a bubble.
type house struct {
	*live.Live
	t       *testing.T
	desk    *calls.Desk
	lines   *lines
	journal *memory.Journal
	history *history.Store
	allowed error
	done    []gateway.CallID
	stop    func()
}

func run(t *testing.T, j *memory.Journal) *house {
	t.Helper()
	return runWith(t, j, setup{})
}

// setup is what a house may have beside the usual.
type setup struct {
	supervision string
	rules       live.Recording
	recording   calls.Recording
	bus         *bus.Bus
	leads       func() bool
	relays      func(gateway.CallID, string) []wire.ICEServer
}

func runWith(t *testing.T, j *memory.Journal, o setup) *house {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	store, err := history.Open(ctx, t.TempDir()+"/history.db")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, lines: &lines{hears: map[string]media.Table{}, taps: map[string][]media.Side{}}, journal: j, history: store}
	h.desk = calls.New(calls.Options{Media: h.lines, Recording: o.recording, Bus: o.bus, Leads: o.leads, Relays: o.relays, Log: slog.New(slog.DiscardHandler),
		Allow: func(gateway.Identity, gateway.CallID) error { return h.allowed },
		Done:  func(_ gateway.Identity, id gateway.CallID) { h.done = append(h.done, id) }})
	var lead func() (journal.Guard, bool)
	if o.leads != nil {
		lead = func() (journal.Guard, bool) { return journal.Guard{Stream: "lease/router"}, o.leads() }
	}
	h.Live = live.New(live.Options{Bus: o.bus, Lead: lead, Journal: j, History: store, Log: slog.New(slog.DiscardHandler), Calls: h.desk, Supervision: o.supervision, Recording: o.rules,
		Queues:  []router.Queue{{ID: "main", Name: "Service"}},
		Entries: []live.Entry{{Name: "livechat/shop", Channel: "livechat", Account: "shop", To: "queue/main", Queue: "main"}}})
	h.desk.Use(h.Live)
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	running.Go(func() { _ = h.desk.Run(ctx) })
	<-h.Replayed()
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			cancel()
			running.Wait()
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(h.stop)
	return h
}

func (h *house) must(_ any, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) agent(id gateway.AgentID) {
	h.t.Helper()
	w := live.Write(gateway.AgentStream(id), journal.Any, "", time.Now(), gateway.AgentSaved{Agent: id, Name: "Agent " + string(id),
		Queues: []gateway.QueueID{"main"}, Role: "agent", CallCapacity: 1, TextCapacity: 4})
	h.must(h.journal.Append(h.t.Context(), w))
	h.must(h.SetPresence(h.t.Context(), id, gateway.PresenceReady))
	h.Heartbeat(id)
}

// alive keeps agents' consoles there for d.
func (h *house) alive(d time.Duration, agents ...gateway.AgentID) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(10*time.Second, time.Until(end)))
		for _, a := range agents {
			h.Heartbeat(a)
		}
	}
	synctest.Wait()
}

func (h *house) line(id gateway.CallID, side media.Side, states ...media.State) {
	for _, s := range states {
		h.desk.OnMedia(media.Event{Leg: media.LegKey{Call: string(id), Side: side}, State: s, FirstAudio: s == media.Connected})
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

func visitor(n int) gateway.Identity {
	return gateway.Identity{Channel: "livechat", Account: "shop", Remote: fmt.Sprint("v", n)}
}

func callID(n int) gateway.CallID { return gateway.CallID(fmt.Sprintf("call-0123456789-%d", n)) }

const window = "a=fingerprint:one\r\n"

func (h *house) only() wire.Conversation {
	h.t.Helper()
	all := h.Conversations(func(*wire.Conversation) bool { return true })
	if len(all) != 1 {
		h.t.Fatalf("%d conversations, want 1", len(all))
	}
	return all[0]
}

// ring brings a call to the point where it rings at somebody.
func (h *house) ring(who gateway.Identity, id gateway.CallID) wire.Conversation {
	h.t.Helper()
	h.must(h.desk.CustomerOffer(h.t.Context(), who, id, window, false))
	h.line(id, media.Customer, media.Connecting, media.Connected)
	c := h.only()
	if c.State != gateway.StateOffered || c.Call == nil || c.Call.State != wire.CallWaiting {
		h.t.Fatalf("state %s, call %+v; want it to ring", c.State, c.Call)
	}
	return c
}

// talk brings a call to the point where both hear each other.
func (h *house) talk(who gateway.Identity, id gateway.CallID, agent gateway.AgentID) wire.Conversation {
	h.t.Helper()
	c := h.ring(who, id)
	h.must(h.AcceptOffer(h.t.Context(), agent, c.ID, c.Offer.ID))
	h.must(h.desk.AgentOffer(h.t.Context(), agent, c.ID, id, window, false))
	h.line(id, of(agent), media.Connecting, media.Connected)
	if c = h.only(); c.Call == nil || c.Call.State != wire.CallConnected {
		h.t.Fatalf("call %+v, want it connected", c.Call)
	}
	return c
}

func TestWhatIsNotHeardReachesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		h.must(h.desk.CustomerOffer(t.Context(), visitor(1), callID(1), window, false))
		h.desk.OnMedia(media.Event{Leg: media.LegKey{Call: string(callID(1)), Side: media.Customer}, State: media.Connected})
		time.Sleep(calls.UnheardFor + 2*time.Second)
		synctest.Wait()
		if all := h.Conversations(func(*wire.Conversation) bool { return true }); len(all) != 0 {
			t.Errorf("a line without sound made %d conversations", len(all))
		}
		if len(h.lines.ended) != 1 || len(h.done) != 1 {
			t.Errorf("ended %v, done %v; want the line given up once", h.lines.ended, h.done)
		}
		h.stop()
	})
}

func TestCallerHearsMusicThenTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		id := callID(1)
		c := h.ring(visitor(1), id)
		if got := h.lines.hear(id, media.Customer); got != media.Music {
			t.Errorf("who waits hears %q, want music", got)
		}
		h.must(h.AcceptOffer(t.Context(), "jana", c.ID, c.Offer.ID))
		synctest.Wait()
		if got := h.lines.hear(id, media.Customer); got != media.Music {
			t.Errorf("before the agent has a line the caller hears %q, want music", got)
		}
		h.must(h.desk.AgentOffer(t.Context(), "jana", c.ID, id, window, false))
		h.line(id, of("jana"), media.Connected)
		if a, b := h.lines.hear(id, media.Customer), h.lines.hear(id, of("jana")); a != media.From(of("jana")) || b != media.From(media.Customer) {
			t.Errorf("the customer hears %q and the agent %q, want each other", a, b)
		}
		h.must(nil, h.desk.AgentHangup(t.Context(), "jana", c.ID, id))
		synctest.Wait()
		if got := h.only(); got.State != gateway.StateWrapUp || got.Call != nil || got.LastCall.Outcome != "answered" {
			t.Errorf("after hanging up: %s, call %+v, record %+v", got.State, got.Call, got.LastCall)
		}
		if len(h.lines.ended) != 1 || len(h.done) != 1 {
			t.Errorf("ended %v, done %v", h.lines.ended, h.done)
		}
		h.alive(40*time.Second, "jana")
		if got := h.only(); got.State != gateway.StateClosed {
			t.Errorf("after the wrap-up: %s, want closed", got.State)
		}
		h.stop()
	})
}

func TestRestartBringsBothBackIntoTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := run(t, j)
		h.agent("jana")
		id := callID(1)
		c := h.talk(visitor(1), id, "jana")
		h.stop()

		h = run(t, j)
		h.Heartbeat("jana")
		synctest.Wait()
		h.must(h.desk.CustomerOffer(t.Context(), visitor(1), id, "a=fingerprint:new\r\n", false))
		h.must(h.desk.AgentOffer(t.Context(), "jana", c.ID, id, "a=fingerprint:new too\r\n", false))
		h.line(id, media.Customer, media.Connected)
		h.line(id, of("jana"), media.Connected)
		if a, b := h.lines.hear(id, media.Customer), h.lines.hear(id, of("jana")); a != media.From(of("jana")) || b != media.From(media.Customer) {
			t.Errorf("after the restart the customer hears %q and the agent %q, want each other", a, b)
		}
		h.alive(2*calls.LostAfter, "jana")
		if got := h.only(); got.Call == nil || got.Call.State != wire.CallConnected {
			t.Errorf("call %+v, want it to go on", got.Call)
		}
		h.stop()
	})
}

func TestCustomerWhoDoesNotComeBackIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		id := callID(1)
		h.talk(visitor(1), id, "jana")
		h.line(id, media.Customer, media.Interrupted, media.Gone, media.Closed)
		h.alive(calls.LostAfter-5*time.Second, "jana")
		if got := h.only(); got.Call == nil {
			t.Fatal("given up too early")
		}
		h.alive(10*time.Second, "jana")
		if got := h.only(); got.Call != nil || got.LastCall.Reason != string(gateway.EndLost) || got.State != gateway.StateWrapUp {
			t.Errorf("call %+v, record %+v, state %s; want it lost and written up", got.Call, got.LastCall, got.State)
		}
		h.stop()
	})
}

func TestWaitingCallerWhoClosedThePageDoesNotRingForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		id := callID(1)
		h.ring(visitor(1), id)
		h.line(id, media.Customer, media.Interrupted)
		time.Sleep(calls.LeftAfter + time.Second)
		synctest.Wait()
		if got := h.only(); got.Call != nil || got.State != gateway.StateClosed {
			t.Errorf("call %+v, state %s; want it over", got.Call, got.State)
		}
		h.stop()
	})
}

func TestAgentWithoutALineGivesTheCallBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		h.agent("emil")
		id := callID(1)
		c := h.ring(visitor(1), id)
		first := c.Offer.Agents[0]
		h.must(h.AcceptOffer(t.Context(), first, c.ID, c.Offer.ID))
		h.alive(calls.NoLineAfter+2*time.Second, "jana", "emil")
		if got := h.only(); got.State != gateway.StateOffered || got.Offer.Agents[0] == first || got.Call.State != wire.CallWaiting {
			t.Errorf("state %s, offer %+v, call %+v; want it to ring at the other agent", got.State, got.Offer, got.Call)
		}
		h.stop()
	})
}

func TestTransferHangsUpTheFirstAgentAndPlaysMusic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		h.agent("emil")
		id := callID(1)
		c := h.ring(visitor(1), id)
		first, other := c.Offer.Agents[0], gateway.AgentID("emil")
		if first == "emil" {
			other = "jana"
		}
		h.must(h.AcceptOffer(t.Context(), first, c.ID, c.Offer.ID))
		h.must(h.desk.AgentOffer(t.Context(), first, c.ID, id, window, false))
		h.line(id, of(first), media.Connected)
		h.must(h.Transfer(t.Context(), first, c.ID, gateway.AgentTarget(other)))
		synctest.Wait()
		if got := h.lines.hear(id, media.Customer); got != media.Music {
			t.Errorf("the customer hears %q, want music", got)
		}
		if len(h.lines.hung) != 1 || h.lines.hung[0].Side != of(first) {
			t.Errorf("hung up %v, want the first agent's line", h.lines.hung)
		}
		h.line(id, of(first), media.Closed)
		if _, err := h.desk.AgentOffer(t.Context(), first, c.ID, id, window, false); err == nil {
			t.Error("the first agent is let back in")
		}
		c = h.only()
		h.must(h.AcceptOffer(t.Context(), other, c.ID, c.Offer.ID))
		h.must(h.desk.AgentOffer(t.Context(), other, c.ID, id, "a=fingerprint:other\r\n", false))
		h.line(id, of(other), media.Connected)
		if got := h.only(); got.Call.State != wire.CallConnected || got.Call.Agent != other {
			t.Errorf("call %+v, want it connected with %s", got.Call, other)
		}
		h.stop()
	})
}

func TestOneCallOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		id := callID(1)
		h.talk(visitor(1), id, "jana")
		is := func(err error, kind gateway.Kind) bool {
			e, ok := errors.AsType[*gateway.Error](err)
			return ok && e.Kind == kind
		}
		if _, err := h.desk.CustomerOffer(t.Context(), visitor(1), callID(2), window, false); !is(err, gateway.Conflicting) {
			t.Errorf("a second call: %v, want a conflict", err)
		}
		if _, err := h.desk.CustomerOffer(t.Context(), visitor(2), id, window, false); !is(err, gateway.Conflicting) {
			t.Errorf("somebody else's call: %v, want a conflict", err)
		}
		h.must(h.desk.CustomerOffer(t.Context(), visitor(1), id, "a=fingerprint:two\r\n", false)) // taken over by another window
		if _, err := h.desk.CustomerOffer(t.Context(), visitor(1), id, window, true); !is(err, gateway.Conflicting) {
			t.Errorf("the first window's restart: %v, want a conflict", err)
		}
		h.must(h.desk.CustomerOffer(t.Context(), visitor(1), id, "a=fingerprint:two\r\n", true))
		h.allowed = gateway.Errorf(gateway.TooMany, "too often")
		if _, err := h.desk.CustomerOffer(t.Context(), visitor(2), callID(3), window, false); !is(err, gateway.TooMany) {
			t.Errorf("a link used too often: %v", err)
		}
		if _, err := h.desk.CustomerOffer(t.Context(), visitor(2), "short", window, false); !is(err, gateway.Invalid) {
			t.Errorf("a bad id: %v", err)
		}
		h.stop()
	})
}

func TestAgentCallsRingsAndIsAnsweredOrNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := run(t, memory.New())
		h.agent("jana")
		who := visitor(1)
		h.must(nil, h.Accept(t.Context(), gateway.Fact{Key: "k1", Channel: "livechat", Identity: who,
			Event: gateway.MessageReceived{Message: "m1", Identity: who, Text: "hi", SentAt: time.Now()}}))
		synctest.Wait()
		c := h.only()
		if _, err := h.PlaceCall(t.Context(), "jana", c.ID, callID(1)); err == nil {
			t.Error("a customer whose page is closed can be called")
		}
		page, closePage := context.WithCancel(t.Context())
		followed := make(chan error, 1)
		go func() { followed <- h.Follow(page, who, "en", 0, func(any) error { return nil }) }()
		synctest.Wait()
		h.must(h.PlaceCall(t.Context(), "jana", c.ID, callID(1)))
		h.alive(calls.RingFor+2*time.Second, "jana")
		if got := h.only(); got.Call != nil || got.LastCall.Outcome != "no_answer" {
			t.Errorf("call %+v, record %+v; want no answer", got.Call, got.LastCall)
		}
		h.must(h.PlaceCall(t.Context(), "jana", c.ID, callID(2)))
		h.must(nil, h.desk.CustomerHangup(t.Context(), who, callID(2)))
		if got := h.only(); got.LastCall.Outcome != "declined" {
			t.Errorf("record %+v, want declined", got.LastCall)
		}
		h.must(h.PlaceCall(t.Context(), "jana", c.ID, callID(3)))
		h.must(h.desk.AgentOffer(t.Context(), "jana", c.ID, callID(3), window, false))
		h.line(callID(3), of("jana"), media.Connected)
		h.must(h.desk.CustomerOffer(t.Context(), who, callID(3), window, false))
		h.line(callID(3), media.Customer, media.Connected)
		if got := h.only(); got.Call == nil || got.Call.State != wire.CallConnected {
			t.Errorf("call %+v, want it connected", got.Call)
		}
		closePage()
		h.must(nil, <-followed)
		h.stop()
	})
}
