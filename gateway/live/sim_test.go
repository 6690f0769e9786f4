package live_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/router"
	"backline/gateway/wire"
)

var seedFlag = flag.Uint64("seed", 0, "replay one seed of the simulation")

// TestSimulation lets customers write, agents work and processes crash at random, in virtual time and over a
// journal that sometimes refuses. After each step nobody may have two open conversations, no conversation two
// holders, no agent more than there is room for; in the end every message that was acknowledged is there,
// once, and every customer was answered.
func TestSimulation(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() || raceEnabled {
		seeds = 40
	}
	for seed := range seeds {
		if *seedFlag != 0 {
			seed = *seedFlag - 1
		}
		synctest.Test(t, func(t *testing.T) { simulate(t, seed+1) })
		if t.Failed() || *seedFlag != 0 {
			return
		}
	}
}

// notebook is a history in memory. Like the real one it may be lost at a crash.
type notebook struct {
	mu      sync.Mutex
	applied uint64
	items   map[string]wire.Item
	heads   map[gateway.ConversationID]wire.Conversation
}

func newNotebook() *notebook {
	return &notebook{items: map[string]wire.Item{}, heads: map[gateway.ConversationID]wire.Conversation{}}
}

func (n *notebook) Apply(_ context.Context, changes []conversation.Change, upTo, _ uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range changes {
		switch {
		case c.Pos <= n.applied:
		case c.Item != nil:
			n.items[c.Item.ID] = *c.Item
		case c.Conversation != nil:
			n.heads[c.Conversation.ID] = *c.Conversation
		}
	}
	n.applied = max(n.applied, upTo)
	return nil
}

func (n *notebook) Applied() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.applied
}

func (n *notebook) Wait(ctx context.Context, pos uint64) error {
	for n.Applied() < pos && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

func (n *notebook) Thread(context.Context, gateway.ThreadID, uint64, int) ([]wire.Item, error) {
	return nil, nil
}

func (n *notebook) ItemsSince(context.Context, uint64, int) ([]wire.Item, error) { return nil, nil }

// town is everything around a Live: it knows what was acknowledged.
type town struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	journal *memory.Journal
	notes   *notebook
	live    *live.Live
	stop    func()
	agents  []gateway.AgentID
	there   map[gateway.AgentID]bool // consoles that send heartbeats
	byHand  map[gateway.ConversationID]bool
	said    int

	// Guarded by mu.
	mu    sync.Mutex
	acked map[string]bool // texts that were acknowledged
}

const textCapacity = 2

func simulate(t *testing.T, seed uint64) {
	w := &town{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), journal: memory.New(), notes: newNotebook(),
		agents: []gateway.AgentID{"anna", "ben", "cleo"}, there: map[gateway.AgentID]bool{}, byHand: map[gateway.ConversationID]bool{},
		acked: map[string]bool{}}
	w.start()
	defer func() { w.stop() }() // whichever is the last
	for _, a := range w.agents {
		saved := gateway.AgentSaved{Agent: a, Name: string(a), Queues: []gateway.QueueID{"main", "night"}, Role: "agent", CallCapacity: 1, TextCapacity: textCapacity}
		if _, err := w.journal.Append(t.Context(), write(gateway.AgentStream(a), saved)); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		w.faults()
		w.step()
		w.settle()
		w.check()
	}
	w.drain()
}

func (w *town) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.live = live.New(live.Options{Journal: w.journal, History: w.notes, Log: slog.New(slog.DiscardHandler),
		Queues: []router.Queue{{ID: "main", Overflow: "queue/night", OverflowAfter: time.Minute}, {ID: "night", Strategy: router.RingAll}},
		Entries: []live.Entry{{Name: "livechat/shop", Channel: "livechat", Account: "shop", To: "queue/main", Queue: "main"},
			{Name: "sms/1", Channel: "sms", Account: "1", To: "agent/anna", Queue: "night"}}})
	done := make(chan error, 1)
	go func() { done <- w.live.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.fail("Run: %v", err)
		}
	}
	<-w.live.Replayed()
}

func (w *town) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("-seed=%d: %s", w.seed, fmt.Sprintf(format, args...))
}

// faults makes the journal refuse some of the appends of a step.
func (w *town) faults() {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(w.rng.Uint64(), 1))
	rate := []int{0, 0, 3, 6}[w.rng.IntN(4)]
	w.journal.FailWith(func(journal.Write) error {
		mu.Lock()
		defer mu.Unlock()
		if rate > 0 && rng.IntN(10) < rate {
			return []error{journal.ErrFull, journal.ErrUncertain}[rng.IntN(2)]
		}
		return nil
	})
}

// settle ends the faults and lets everything come to rest.
func (w *town) settle() {
	w.journal.FailWith(nil)
	for range 3 {
		time.Sleep(time.Second)
		w.beat()
	}
	synctest.Wait()
}

func (w *town) beat() {
	for _, a := range w.agents {
		if w.there[a] {
			w.live.Heartbeat(a)
		}
	}
}

func (w *town) step() {
	a := w.agents[w.rng.IntN(len(w.agents))]
	switch n := w.rng.IntN(20); {
	case n < 6:
		w.customersWrite(1 + w.rng.IntN(4))
	case n < 8:
		w.there[a] = true
		w.live.Heartbeat(a)
		w.ignore(w.live.SetPresence(w.t.Context(), a, gateway.PresenceReady))
	case n == 8:
		w.ignore(w.live.SetPresence(w.t.Context(), a, gateway.PresenceAway))
	case n == 9:
		w.there[a] = false
	case n == 10:
		w.crash()
	case n < 15:
		w.answerRings()
	case n < 18:
		w.handle(a)
	default:
		for range w.rng.IntN(90) {
			time.Sleep(time.Second)
			w.beat()
		}
	}
}

// ignore: a command may be refused; it may not fail in a way that nobody can act on.
func (w *town) ignore(_ live.Result, err error) {
	if e, ok := errors.AsType[*gateway.Error](err); err != nil && (!ok || e.Kind == gateway.Internal) {
		w.fail("%v", err)
	}
}

// customersWrite lets webhooks come in at once; each is delivered until it is taken, some once more.
func (w *town) customersWrite(n int) {
	var g sync.WaitGroup
	for range n {
		w.said++
		text := fmt.Sprint("said ", w.said)
		who := gateway.Identity{Channel: "livechat", Account: "shop", Remote: fmt.Sprint("v", w.rng.IntN(3))}
		if w.rng.IntN(3) == 0 {
			who = gateway.Identity{Channel: "sms", Account: "1", Remote: fmt.Sprint("+", w.rng.IntN(3))}
		}
		fact := gateway.Fact{Key: text, Channel: who.Channel, Identity: who,
			Event: gateway.MessageReceived{Message: gateway.MessageID("m" + text), Identity: who, Text: text, SentAt: time.Now()}}
		again := w.rng.IntN(3)
		g.Go(func() {
			for delivered := 0; delivered <= again; {
				if w.live.Accept(w.t.Context(), fact) == nil {
					w.ack(text)
					delivered++
				} else {
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
	}
	g.Wait()
}

func (w *town) ack(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[text] = true
}

// answerRings lets every agent accept what rings, all at the same moment.
func (w *town) answerRings() {
	var g sync.WaitGroup
	for _, c := range w.open() {
		if c.Offer == nil {
			continue
		}
		for _, a := range c.Offer.Agents {
			if w.there[a] && w.rng.IntN(4) > 0 {
				g.Go(func() { w.ignore(w.live.AcceptOffer(w.t.Context(), a, c.ID, c.Offer.ID)) })
			} else if w.there[a] {
				g.Go(func() { w.ignore(w.live.Decline(w.t.Context(), a, c.ID, c.Offer.ID)) })
			}
		}
	}
	g.Wait()
}

// handle is what an agent does with some conversation, also with one of somebody else.
func (w *town) handle(a gateway.AgentID) {
	all := w.open()
	if len(all) == 0 {
		return
	}
	ctx, c := w.t.Context(), all[w.rng.IntN(len(all))]
	switch w.rng.IntN(7) {
	case 0:
		w.byHand[c.ID] = true
		w.ignore(w.live.Take(ctx, a, c.ID))
	case 1:
		w.byHand[c.ID] = true
		w.ignore(w.live.Assign(ctx, a, c.ID, gateway.AgentTarget(w.agents[w.rng.IntN(3)])))
	case 2:
		w.ignore(w.live.Transfer(ctx, a, c.ID, []gateway.Target{"queue/main", "queue/night", "agent/ben"}[w.rng.IntN(3)]))
	case 3:
		w.ignore(w.live.Return(ctx, a, c.ID))
	case 4:
		w.ignore(w.live.Close(ctx, a, c.ID))
	default:
		w.said++
		text := fmt.Sprint("answer ", w.said)
		for range 1 + w.rng.IntN(2) {
			if _, err := w.live.Submit(ctx, a, c.ID, text, text, nil); err == nil {
				w.ack(text)
			}
		}
	}
}

// crash is kill -9: what was in memory is gone, sometimes the history, too.
func (w *town) crash() {
	w.journal.FailWith(nil)
	synctest.Wait()
	before := w.open()
	w.stop()
	if w.rng.IntN(2) == 0 {
		w.notes = newNotebook()
	}
	if w.rng.IntN(3) == 0 {
		time.Sleep(time.Duration(w.rng.IntN(90)) * time.Minute)
	}
	w.start()
	after := w.open()
	for i := range before {
		if i >= len(after) || before[i].State == gateway.StateActive && !reflect.DeepEqual(before[i], after[i]) {
			w.fail("after the crash:\n%+v\nwant\n%+v", after, before)
		}
	}
	w.beat()
}

// known is every conversation in memory, without what only a clock knows.
func (w *town) known() map[gateway.ConversationID]wire.Conversation {
	out := map[gateway.ConversationID]wire.Conversation{}
	for _, c := range w.live.Conversations(func(*wire.Conversation) bool { return true }) {
		out[c.ID] = c
	}
	return out
}

// open returns the conversations that are not closed, in order of their ids.
func (w *town) open() []wire.Conversation {
	all := w.live.Conversations(func(c *wire.Conversation) bool { return c.State != gateway.StateClosed })
	slices.SortFunc(all, func(a, b wire.Conversation) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// check holds the promises against what everybody can see.
func (w *town) check() {
	owner := map[gateway.Identity]gateway.ConversationID{}
	load, given := map[gateway.AgentID]int{}, map[gateway.AgentID]bool{}
	for _, c := range w.open() {
		who := c.Contact.Identities[0]
		if other, twice := owner[who]; twice {
			w.fail("%v has two open conversations, %s and %s", who, other, c.ID)
		}
		owner[who] = c.ID
		waits := c.State == gateway.StateWaiting || c.State == gateway.StateOffered
		if waits == (c.Agent != "") || waits != (c.WaitingSince != nil) || (c.State == gateway.StateOffered) != (c.Offer != nil && len(c.Offer.Agents) > 0) {
			w.fail("impossible: %+v", c)
		}
		if c.Agent != "" {
			load[c.Agent]++
			given[c.Agent] = given[c.Agent] || w.byHand[c.ID]
		}
		if c.Offer != nil {
			for _, a := range c.Offer.Agents {
				load[a]++
			}
		}
	}
	for a, n := range load {
		if n > textCapacity && !given[a] {
			w.fail("%s has room for %d and has %d", a, textCapacity, n)
		}
	}
}

// drain ends all trouble: everybody is there, answers and closes, until nothing waits.
func (w *town) drain() {
	w.journal.FailWith(nil)
	for range 200 {
		all := w.open()
		if len(all) == 0 {
			break
		}
		for _, a := range w.agents {
			w.there[a] = true
			w.live.Heartbeat(a)
			w.ignore(w.live.SetPresence(w.t.Context(), a, gateway.PresenceReady))
		}
		for _, c := range all {
			switch {
			case c.Agent != "":
				w.ignore(w.live.Close(w.t.Context(), c.Agent, c.ID))
			case c.Offer != nil:
				w.ignore(w.live.AcceptOffer(w.t.Context(), c.Offer.Agents[0], c.ID, c.Offer.ID))
			}
		}
		w.settle()
		w.check()
	}
	if left := w.open(); len(left) > 0 {
		w.fail("never answered: %+v", left)
	}
	before := w.known()
	w.stop()
	w.start()
	synctest.Wait()
	if after := w.known(); !reflect.DeepEqual(before, after) {
		w.fail("a replay knows\n%+v\nwant\n%+v", after, before)
	}
	if err := w.live.WaitHistory(w.t.Context(), w.live.Head()); err != nil {
		w.fail("history: %v", err)
	}
	count := map[string]int{}
	for _, it := range w.notes.items {
		if it.Kind == "message" {
			count[it.Text]++
		}
	}
	for text := range w.acked {
		if count[text] != 1 {
			w.fail("%q was acknowledged and is there %d times", text, count[text])
		}
	}
	total := 0 // two lines of one id would be one item, and count twice
	for _, c := range w.notes.heads {
		total += c.Messages.Inbound + c.Messages.Outbound
	}
	if total != len(w.acked) {
		w.fail("%d messages were acknowledged, the conversations count %d", len(w.acked), total)
	}
}
