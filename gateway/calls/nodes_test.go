package calls_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/bus/local"
	"backline/gateway/calls"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// company is several nodes on one journal and one bus.
type company struct {
	t       *testing.T
	hub     local.Hub
	journal *memory.Journal
	leader  atomic.Value // the name of the node that decides
}

// node is a house that others know of.
type node struct {
	*house
	bus *bus.Bus
}

func (c *company) node(name string) *node {
	b := c.hub.Join(name, "", nil)
	c.leader.CompareAndSwap(nil, name)
	leads := func() bool { return c.leader.Load() == name }
	h := runWith(c.t, c.journal, setup{bus: b, leads: leads, relays: func(_ gateway.CallID, side string) []wire.ICEServer {
		return []wire.ICEServer{{URLs: []string{"turn:" + name}, Username: side}}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	inner := h.stop
	h.stop = func() { cancel(); wg.Wait(); inner() }
	c.t.Cleanup(h.stop)
	soon()
	return &node{house: h, bus: b}
}

// leads makes another node decide; it learns so from the journal.
func (c *company) leads(name string) {
	c.t.Helper()
	c.leader.Store(name)
	w := live.Write(gateway.AgentStream("jana"), journal.Any, "", time.Now(), gateway.PresenceChanged{Agent: "jana", Presence: gateway.PresenceReady})
	if _, err := c.journal.Append(c.t.Context(), w); err != nil {
		c.t.Fatal(err)
	}
}

// soon is enough for what is said to be heard.
func soon() { time.Sleep(time.Second); synctest.Wait() }

// company of the two nodes a and b; jana's console hangs at b.
func twoNodes(t *testing.T) (c *company, a, b *node) {
	c = &company{t: t, journal: memory.New()}
	a, b = c.node("a"), c.node("b")
	b.agent("jana")
	soon()
	return c, a, b
}

// talkAcross brings a call to the point where both hear each other: the customer's page hangs at a, jana's console at b.
func talkAcross(t *testing.T, a, b *node, id gateway.CallID) wire.Conversation {
	t.Helper()
	c := a.ring(visitor(1), id)
	synctest.Wait()
	b.must(b.AcceptOffer(t.Context(), "jana", c.ID, c.Offer.ID))
	answer, err := b.desk.AgentOffer(t.Context(), "jana", c.ID, id, window, false)
	b.must(nil, err)
	if want := "answer to " + window; answer != want {
		t.Fatalf("the agent's line is answered %q, want %q", answer, want)
	}
	a.line(id, of("jana"), media.Connecting, media.Connected)
	return a.only()
}

func (h *house) offered() int {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	return len(h.lines.offers)
}

// again reports whether a console or page was told to offer its line again.
type again struct {
	mu    sync.Mutex
	times int
}

func (a *again) see(f any) {
	p, ok := f.(wire.CallPeer)
	if e, encoded := f.(wire.Encoded); encoded {
		ok, p.Again = true, strings.Contains(string(e), `"again":true`)
	}
	if ok && p.Again {
		a.mu.Lock()
		a.times++
		a.mu.Unlock()
	}
}

func (a *again) told() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.times
}

func (n *node) console(agent gateway.AgentID) *again {
	n.t.Helper()
	n.Heartbeat(agent)
	s, _, err := n.Subscribe(n.t.Context(), agent, 0)
	n.must(nil, err)
	a := &again{}
	var wg sync.WaitGroup
	wg.Go(func() {
		for f := range s.Frames {
			a.see(f)
		}
	})
	n.t.Cleanup(func() { n.Unsubscribe(s); wg.Wait() })
	return a
}

func (n *node) page(who gateway.Identity) (a *again, closes func()) {
	ctx, cancel := context.WithCancel(n.t.Context())
	a = &again{}
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = n.Follow(ctx, who, "", 0, func(f any) error { a.see(f); return nil }) // ends with ctx
	})
	closes = func() { cancel(); wg.Wait() }
	n.t.Cleanup(closes)
	return a, closes
}

func hearEachOther(t *testing.T, n *node, id gateway.CallID) {
	t.Helper()
	if a, b := n.lines.hear(id, media.Customer), n.lines.hear(id, of("jana")); a != media.From(of("jana")) || b != media.From(media.Customer) {
		t.Errorf("the customer hears %q and the agent %q, want each other", a, b)
	}
}

func TestAConsoleAtAnotherNodeIsInTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		id := callID(1)
		c := talkAcross(t, a, b, id)
		if c.Call == nil || c.Call.State != wire.CallConnected {
			t.Fatalf("call %+v, want it connected", c.Call)
		}
		hearEachOther(t, a, id)
		if n := b.offered(); n > 0 || len(b.lines.hears) > 0 {
			t.Errorf("%d lines at the node that is not the call's home, hears %v", n, b.lines.hears)
		}
		if got := b.desk.Relays(id, string(of("jana"))); len(got) != 1 || got[0].URLs[0] != "turn:a" || got[0].Username != "agent/jana" {
			t.Errorf("relays %+v, want those of the home", got)
		}
		b.must(b.Hold(t.Context(), "jana", c.ID, id))
		soon()
		if got := a.lines.hear(id, media.Customer); got != media.Music {
			t.Errorf("on hold the customer hears %q", got)
		}
		b.must(b.Resume(t.Context(), "jana", c.ID, id))
		soon()
		hearEachOther(t, a, id)
		if _, err := b.desk.AgentOffer(t.Context(), "jana", c.ID, id, "a=fingerprint:none\r\n", true); kind(err) != gateway.Conflicting {
			t.Errorf("a restart of another window: %v, want the home's refusal", err)
		}
		b.must(nil, b.desk.AgentHangup(t.Context(), "jana", c.ID, id))
		soon()
		if len(a.lines.ended) != 1 || a.only().State != gateway.StateWrapUp {
			t.Errorf("ended %v, state %s", a.lines.ended, a.only().State)
		}
	})
}

func kind(err error) gateway.Kind {
	var e *gateway.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Kind
}

// A page that comes back at another node goes on with its call, where that is.
func TestAPageThatComesToAnotherNodeStaysInItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		id := callID(1)
		a.must(a.desk.CustomerOffer(t.Context(), visitor(1), id, window, false))
		soon()
		// Before anything was heard the journal knows nothing of it.
		a.must(b.desk.CustomerOffer(t.Context(), visitor(1), id, "a=fingerprint:two\r\n", false))
		if a.offered() != 2 || b.offered() != 0 {
			t.Errorf("%d lines at a, %d at b; want both at a", a.offered(), b.offered())
		}
		if _, err := b.desk.CustomerOffer(t.Context(), visitor(2), id, window, false); kind(err) != gateway.Conflicting {
			t.Errorf("somebody else's call: %v", err)
		}
		a.must(nil, b.desk.CustomerHangup(t.Context(), visitor(1), id))
		soon()
		if len(a.lines.ended) != 1 {
			t.Errorf("ended %v after hanging up at the other node", a.lines.ended)
		}
	})
}

func TestACallWhoseNodeDiedGoesOnAtAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co, a, b := twoNodes(t)
		jana := b.console("jana")
		id := callID(1)
		c := talkAcross(t, a, b, id)
		a.stop()
		co.leads("b")
		soon()
		if jana.told() != 1 {
			t.Errorf("the console was told %d times to offer again, want once", jana.told())
		}
		b.must(b.desk.CustomerOffer(t.Context(), visitor(1), id, "a=fingerprint:new\r\n", false))
		b.must(b.desk.AgentOffer(t.Context(), "jana", c.ID, id, "a=fingerprint:new too\r\n", false))
		b.line(id, media.Customer, media.Connected)
		b.line(id, of("jana"), media.Connected)
		hearEachOther(t, b, id)
		b.alive(2*calls.LostAfter, "jana")
		if got := b.only(); got.Call == nil || got.Call.State != wire.CallConnected {
			t.Errorf("call %+v, want it to go on", got.Call)
		}
	})
}

// The home answers nobody but is not known to be gone: the customer does not wait, and the agent follows.
func TestACallFollowsItsCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		jana := b.console("jana")
		id := callID(1)
		c := talkAcross(t, a, b, id)
		release := a.lines.hang()
		began := time.Now()
		b.must(b.desk.CustomerOffer(t.Context(), visitor(1), id, "a=fingerprint:new\r\n", false))
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("the customer waited %s", took)
		}
		release()
		soon()
		if jana.told() != 1 {
			t.Errorf("the console was told %d times to offer again, want once", jana.told())
		}
		b.must(b.desk.AgentOffer(t.Context(), "jana", c.ID, id, "a=fingerprint:new too\r\n", false))
		b.line(id, media.Customer, media.Connected)
		b.line(id, of("jana"), media.Connected)
		hearEachOther(t, b, id)
		if len(a.lines.ended) != 1 {
			t.Errorf("the node that had the call ended %v, want its lines ended", a.lines.ended)
		}
		a.alive(2*calls.LostAfter, "jana")
		if got := b.only(); got.Call == nil {
			t.Error("the node that had the call ended it")
		}
	})
}

func TestALeaderEndsWhatNobodyComesBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co, a, b := twoNodes(t)
		cc := co.node("c")
		id := callID(1)
		talkAcross(t, a, b, id)
		a.stop()
		time.Sleep(calls.LostAfter + 5*time.Second) // nobody leads
		synctest.Wait()
		if got := b.only(); got.Call == nil {
			t.Fatal("a node that does not lead has ended the call")
		}
		co.leads("b")
		b.alive(5*time.Second, "jana")
		if got := cc.only(); got.Call != nil || got.LastCall.Reason != string(gateway.EndLost) {
			t.Errorf("call %+v, record %+v; want it lost", got.Call, got.LastCall)
		}
	})
}

func TestAPlacedCallIsAtHomeWhereItsFirstLineIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		b.must(nil, b.Accept(t.Context(), gateway.Fact{Key: "k", Channel: "livechat", Identity: visitor(1),
			Event: gateway.MessageReceived{Message: "m1", Identity: visitor(1), Text: "call me", SentAt: time.Now()}}))
		a.page(visitor(1))
		soon()
		id := callID(1)
		c := b.only()
		b.must(b.PlaceCall(t.Context(), "jana", c.ID, id))
		b.must(b.desk.AgentOffer(t.Context(), "jana", c.ID, id, window, false))
		soon()
		a.must(a.desk.CustomerOffer(t.Context(), visitor(1), id, "a=fingerprint:two\r\n", false))
		b.line(id, of("jana"), media.Connected)
		b.line(id, media.Customer, media.Connected)
		hearEachOther(t, b, id)
		if a.offered() != 0 {
			t.Errorf("%d lines at the page's node", a.offered())
		}
		if got := a.only(); got.Call == nil || got.Call.State != wire.CallConnected {
			t.Errorf("call %+v, want it connected", got.Call)
		}
	})
}

// A node that comes later, and an outage of the bus, leave all of one mind about where a call is.
func TestHomesAreKnownToWhoComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		co, a, b := twoNodes(t)
		id := callID(1)
		c := talkAcross(t, a, b, id)
		late := co.node("late")
		late.must(late.desk.AgentOffer(t.Context(), "jana", c.ID, id, window, true))
		co.hub.Cut()
		time.Sleep(5 * time.Second)
		if _, err := late.desk.AgentOffer(t.Context(), "jana", c.ID, id, window, true); kind(err) != gateway.Unavailable {
			t.Errorf("while the bus is away: %v, want unavailable", err)
		}
		co.hub.Restore()
		soon()
		late.must(late.desk.AgentOffer(t.Context(), "jana", c.ID, id, window, true))
		if late.offered() != 0 || a.only().Call == nil {
			t.Error("the call has moved")
		}
	})
}
