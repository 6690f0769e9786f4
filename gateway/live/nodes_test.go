package live_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/bus/local"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// company is several nodes on one journal and one bus.
type company struct {
	t       *testing.T
	hub     local.Hub
	journal *memory.Journal
	leader  atomic.Value // the name of the node that decides
}

func newCompany(t *testing.T) *company { return &company{t: t, journal: memory.New()} }

// node starts a node; its stop says goodbye.
func (c *company) node(name string) *house {
	b := c.hub.Join(name, "", nil)
	c.leader.CompareAndSwap(nil, name)
	h := run(c.t, c.journal, func(o *live.Options) {
		o.Bus = b
		o.Lead = func() (journal.Guard, bool) { return journal.Guard{Stream: "lease/router"}, c.leader.Load() == name }
	})
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
	return h
}

// leads makes another node decide; it learns so from the journal.
func (c *company) leads(name string) {
	c.t.Helper()
	c.leader.Store(name)
	if _, err := c.journal.Append(c.t.Context(), write(gateway.AgentStream("ben"), gateway.PresenceChanged{Agent: "ben", Presence: gateway.PresenceReady})); err != nil {
		c.t.Fatal(err)
	}
}

// soon is enough for what is said to be heard.
func soon() { time.Sleep(time.Second); synctest.Wait() }

// openPage is an open page of a customer and what it was shown.
type openPage struct {
	close  func()
	mu     sync.Mutex
	frames []any
}

func (h *house) opens(who gateway.Identity) *openPage {
	ctx, cancel := context.WithCancel(h.t.Context())
	p := &openPage{}
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = h.Follow(ctx, who, "", 0, func(f any) error { // ends with ctx
			p.mu.Lock()
			defer p.mu.Unlock()
			p.frames = append(p.frames, f)
			return nil
		})
	})
	p.close = func() { cancel(); wg.Wait() }
	h.t.Cleanup(p.close)
	return p
}

func (p *openPage) got(want any) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.frames, func(f any) bool { return same(f, want) })
}

// same compares frames as they are sent.
func same(a, b any) bool {
	x, err1 := wire.Marshal(a)
	y, err2 := wire.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

func (h *house) console(id gateway.AgentID) *live.Subscription {
	h.t.Helper()
	h.Heartbeat(id)
	s, _, err := h.Subscribe(h.t.Context(), id, 0)
	h.must(nil, err)
	h.t.Cleanup(func() { h.Unsubscribe(s) })
	return s
}

// shown reads what a console was sent and reports whether want is the last frame of its kind.
func shown(s *live.Subscription, want any) bool {
	synctest.Wait()
	var last any
	for {
		select {
		case f := <-s.Frames:
			if reflect.TypeOf(f) == reflect.TypeOf(want) || reflect.TypeOf(f) == reflect.TypeFor[wire.Encoded]() {
				last = f
			}
			continue
		default:
		}
		return last != nil && same(last, want)
	}
}

func (h *house) presence(id gateway.AgentID) gateway.Presence {
	for _, a := range h.Agents() {
		if a.ID == id {
			return a.Presence
		}
	}
	return ""
}

func TestAnAgentIsSignedInAtEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t)
		a, b := c.node("a"), c.node("b")
		a.agent("jana")
		soon()
		if got := b.presence("jana"); got != gateway.PresenceReady {
			t.Errorf("jana's console hangs at a; at b she is %s", got)
		}
		late := c.node("late")
		b.console("jana")
		soon()
		if got := late.presence("jana"); got != gateway.PresenceReady {
			t.Errorf("at a node that came later she is %s", got)
		}
	})
}

func TestAPageIsOpenForConsolesElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t)
		a, b := c.node("a"), c.node("b")
		b.agent("jana")
		b.says(visitor(1), "hello?")
		s := b.console("jana")
		soon()
		online := wire.ConsoleOnline{Conversation: b.only().ID, Online: true}
		offline := wire.ConsoleOnline{Conversation: b.only().ID}

		here, there := b.opens(visitor(1)), a.opens(visitor(1))
		soon()
		if !shown(s, online) || !b.Online(visitor(1)) || !a.Online(visitor(1)) {
			t.Error("an open page is not shown")
		}
		here.close()
		soon()
		if shown(s, offline) || !b.Online(visitor(1)) || !b.only().Online {
			t.Error("the page at the other node is forgotten")
		}
		b.must(b.PlaceCall(t.Context(), "jana", b.only().ID, "call-0123456789abcdef"))
		there.close()
		soon()
		if !shown(s, offline) || b.Online(visitor(1)) {
			t.Error("a closed page is not shown")
		}
	})
}

func TestTypingAndFramesReachOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t)
		a, b := c.node("a"), c.node("b")
		b.agent("jana")
		b.agent("ben")
		b.says(visitor(1), "hello?")
		p, jana, ben := a.opens(visitor(1)), b.console("jana"), a.console("ben")
		soon()
		conv := b.only().ID

		b.AgentTyping("jana", conv)
		soon()
		if !p.got(wire.VisitorTyping{Name: "Agent jana"}) {
			t.Error("the page does not see the agent type")
		}
		if !shown(ben, wire.ConsoleTyping{Conversation: conv, Agent: "jana"}) {
			t.Error("a colleague does not see the agent type")
		}
		if shown(jana, wire.ConsoleTyping{Conversation: conv, Agent: "jana"}) {
			t.Error("jana sees herself type")
		}
		a.VisitorTyping(visitor(1))
		soon()
		if !shown(jana, wire.ConsoleTyping{Conversation: conv}) {
			t.Error("the console does not see the customer type")
		}
		peer := wire.CallPeer{Call: "call-0123456789abcdef", State: "connected"}
		b.TellVisitor(visitor(1), peer)
		a.TellAgent("jana", peer)
		soon()
		if !p.got(peer) || !shown(jana, peer) {
			t.Error("a frame does not reach the other node")
		}
	})
}

func TestWhoViewsIsShownAtEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t)
		a, b := c.node("a"), c.node("b")
		a.agent("jana")
		a.agent("ben")
		a.says(visitor(1), "hello?")
		jana, ben := a.console("jana"), b.console("ben")
		soon()
		conv := a.only().ID
		viewing := func(who ...gateway.AgentID) wire.ConsoleViewing {
			return wire.ConsoleViewing{Conversation: conv, Agents: append([]gateway.AgentID{}, who...)}
		}
		a.View(jana, conv)
		soon()
		if !shown(ben, viewing("jana")) {
			t.Error("ben does not see jana look")
		}
		b.View(ben, conv)
		soon()
		if !shown(jana, viewing("ben", "jana")) {
			t.Error("jana does not see both")
		}
		shown(ben, viewing())
		a.stop()
		c.leads("b")
		soon()
		if !shown(ben, viewing("ben")) {
			t.Error("who was at the node that went still looks")
		}
	})
}

func TestANodeTakesItsPartAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t)
		a, b := c.node("a"), c.node("b")
		a.agent("jana")
		a.console("jana")
		a.says(visitor(1), "hello?")
		soon()
		b.agent("ben")
		ben := b.console("ben")
		a.opens(visitor(1))
		soon()
		if o := b.only().Offer; o == nil || o.Agents[0] != "jana" {
			t.Fatalf("offer %+v, want it to ring at jana", o)
		}
		rings := b.only().Offer.ID
		a.stop()
		c.leads("b")
		time.Sleep(2 * time.Second)
		if b.Online(visitor(1)) || !shown(ben, wire.ConsoleOnline{Conversation: b.only().ID}) {
			t.Error("the page that was at the node is still open")
		}
		b.console("jana") // she comes back, at the other node
		time.Sleep(8 * time.Second)
		if o := b.only().Offer; o == nil || o.ID != rings {
			t.Errorf("offer %+v after she came back, want the same to ring on", o)
		}
	})
}

func TestAnAgentWhoseNodeWentIsGivenNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t)
		a, b := c.node("a"), c.node("b")
		a.agent("jana")
		a.console("jana")
		a.says(visitor(1), "hello?")
		soon()
		b.agent("ben")
		b.console("ben")
		a.stop()
		c.leads("b")
		time.Sleep(6 * time.Second) // jana has five seconds to come back
		if o := b.only().Offer; o == nil || o.Agents[0] != "ben" {
			t.Errorf("offer %+v, want it to ring at ben", o)
		}
	})
}

// What is said while the bus does not carry is lost; afterwards all is as if it had been heard.
func TestAfterAnOutageOfTheBusAllAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCompany(t)
		a, b := c.node("a"), c.node("b")
		a.agent("jana")
		a.console("jana")
		for n := range 1200 { // more than one part of a state
			a.opens(visitor(n))
		}
		closed := a.opens(visitor(5000))
		soon()
		c.hub.Cut()
		closed.close()
		a.opens(visitor(6000))
		for range 9 { // an agent whose console is silent for that long is set away
			time.Sleep(10 * time.Second)
			a.Heartbeat("jana")
			if got := b.presence("jana"); got != gateway.PresenceReady {
				t.Fatalf("jana is %s at b: nobody could hear her", got)
			}
		}
		c.hub.Restore()
		soon()
		for n, want := range map[int]bool{0: true, 700: true, 1199: true, 5000: false, 6000: true} {
			if b.Online(visitor(n)) != want {
				t.Errorf("page of visitor %d open: %t, want %t", n, !want, want)
			}
		}
		if got := fmt.Sprint(b.presence("jana")); got != "ready" {
			t.Errorf("jana is %s", got)
		}
	})
}
