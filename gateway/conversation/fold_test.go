package conversation_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/wire"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// world is a journal in memory with one fold that follows it.
type world struct {
	t       *testing.T
	fold    *conversation.Fold
	log     []conversation.Record
	version map[string]uint64
	now     time.Time
	changes []conversation.Change
}

func newWorld(t *testing.T) *world {
	return &world{t: t, fold: conversation.New(), version: map[string]uint64{}, now: start}
}

func (w *world) append(stream string, ev gateway.Event) uint64 {
	w.version[stream]++
	r := conversation.Record{Pos: uint64(len(w.log) + 1), Stream: stream, Version: w.version[stream], At: w.now, Event: ev}
	w.log = append(w.log, r)
	w.changes = append(w.changes, w.fold.Apply(r)...)
	return r.Pos
}

func sms(n int) gateway.Identity {
	return gateway.Identity{Channel: gateway.ChannelSMS, Account: "+12025550100", Remote: fmt.Sprintf("+1202555%04d", n)}
}

func (w *world) says(who gateway.Identity, text string) uint64 {
	id := gateway.MessageID(fmt.Sprintf("m%d", len(w.log)+1))
	return w.append(gateway.ThreadStream(who.Thread()), gateway.MessageReceived{Message: id, Identity: who, Text: text, ProviderID: "P" + string(id), SentAt: w.now})
}

// open makes the decisions that are due, as the shell would.
func (w *world) open() {
	for _, x := range w.fold.Wanting() {
		if x.Reopens() {
			w.append(gateway.ConversationStream(x.Last.Head.ID), gateway.ConversationReopened{Cause: x.Cause, To: "queue/main"})
			continue
		}
		id := x.Opens
		w.append(gateway.ConversationStream(id), gateway.ConversationOpened{Conversation: id, Thread: x.Thread, Identity: x.Identity,
			Entry: "sms/x", Target: "queue/main", Queue: "main", Cause: x.Cause})
	}
}

func (w *world) current(who gateway.Identity) *conversation.Conversation {
	w.t.Helper()
	th, ok := w.fold.Thread(who.Thread())
	if !ok || th.Current() == nil {
		w.t.Fatalf("%v has no conversation", who)
	}
	return th.Current()
}

func (w *world) do(c *conversation.Conversation, ev gateway.Event, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	if ev != nil {
		w.append(gateway.ConversationStream(c.Head.ID), ev)
	}
}

func TestTwoMessagesThatRaceOpenOneConversation(t *testing.T) {
	w := newWorld(t)
	w.says(sms(1), "hello?")
	first := conversation.ID(sms(1).Thread(), 0)
	w.says(sms(1), "anybody?")
	stale := w.fold.Wanting() // a second decider that is behind
	w.open()
	for _, x := range stale {
		if x.Opens != first {
			t.Errorf("the other decider would open %s, want %s", x.Opens, first)
		}
	}
	// Even if the journal let a second one in, the fold keeps the first.
	w.append("conversation/cother", gateway.ConversationOpened{Conversation: "cother", Thread: sms(1).Thread(), Identity: sms(1), Cause: 2})
	c := w.current(sms(1))
	if c.Head.ID != first || c.Head.Messages.Inbound != 2 || c.Head.Unread != 2 {
		t.Errorf("got %s with %d messages, %d unread; want %s with 2, 2", c.Head.ID, c.Head.Messages.Inbound, c.Head.Unread, first)
	}
}

// A fail-over of the journal lost that a conversation was opened, and not what the agent said in it: the answer is in
// the stream before the opening, and at a place in the timeline of its own.
func TestAnAnswerThatIsThereBeforeItsConversationIsInIt(t *testing.T) {
	w := newWorld(t)
	id := conversation.ID(sms(1).Thread(), 0)
	answered := w.append(gateway.ConversationStream(id), gateway.MessageSubmitted{Message: "out1", ClientID: "a1", Thread: sms(1).Thread(), Identity: sms(1), Text: "Good morning", Agent: "jana"})
	w.append(gateway.ConversationStream(id), gateway.AttemptStarted{Message: "out1", Attempt: 1})
	w.append(gateway.ConversationStream(id), gateway.AttemptEnded{Message: "out1", Attempt: 1, State: gateway.DeliverySent, ProviderIDs: []string{"SM1"}})
	w.says(sms(2), "somebody else, at a position that the first may have had")
	w.says(sms(1), "hello?")
	w.open()
	c := w.current(sms(1))
	if c.Head.ID != id || c.Version != 4 {
		t.Fatalf("got conversation %s at version %d, want %s at 4", c.Head.ID, c.Version, id)
	}
	items := c.Items()
	if it := items[0]; it.ID != "out1" || it.Position != answered || it.Delivery != gateway.DeliverySent {
		t.Errorf("the first line is %s at %d, %s; want out1 at %d, sent", it.ID, it.Position, it.Delivery, answered)
	}
	if other := w.current(sms(2)).Items(); len(other) != 2 {
		t.Errorf("the other customer has %d lines, want what they said and that it was opened", len(other))
	}
	for _, ch := range w.changes {
		if ch.Item != nil && ch.Item.ID == "out1" && (ch.Pos <= answered || ch.Item.Rev != ch.Pos) {
			t.Errorf("the answer is shown with revision %d at %d: who has read up to there misses it", ch.Item.Rev, ch.Pos)
		}
	}
}

// While nobody decides a customer can write any number of lines; all of them are in the conversation.
func TestEverythingThatWaitedForAConversationIsInIt(t *testing.T) {
	w := newWorld(t)
	const lines = 1000
	for i := range lines {
		w.says(sms(1), fmt.Sprint(i))
	}
	w.open()
	shown := map[string]bool{}
	for _, ch := range w.changes {
		if ch.Item != nil && ch.Item.Kind == "message" {
			shown[ch.Item.ID] = true
		}
	}
	if len(shown) != lines {
		t.Errorf("%d lines are shown, want %d", len(shown), lines)
	}
}

func TestWriterWithinThirtyMinutesReopensLaterOnesOpenAnew(t *testing.T) {
	w := newWorld(t)
	w.says(sms(1), "one")
	w.open()
	c := w.current(sms(1))
	ev, err := c.Close("jana", "")
	w.do(c, ev, err)
	w.now = w.now.Add(29 * time.Minute)
	w.says(sms(1), "two")
	w.open()
	if got := w.current(sms(1)); got != c || !got.Open() || len(w.fold.Wanting()) != 0 {
		t.Fatalf("after 29 min: conversation %s open %v, want the same one open", got.Head.ID, got.Open())
	}
	ev, err = c.Close("jana", "")
	w.do(c, ev, err)
	w.now = w.now.Add(31 * time.Minute)
	w.says(sms(1), "three")
	w.open()
	if got := w.current(sms(1)); got == c || got.Head.Messages.Inbound != 1 {
		t.Errorf("after 31 min: got %s with %d messages, want a new one with 1", got.Head.ID, got.Head.Messages.Inbound)
	}
}

func TestClosedConversationsLeaveMemoryAtTheSameRecordInAReplay(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.says(sms(i), "one")
	}
	w.open()
	for i := range 3 {
		c := w.current(sms(i))
		ev, err := c.Close("jana", "")
		w.do(c, ev, err)
	}
	kept := w.current(sms(1))
	w.now = w.now.Add(29 * time.Minute)
	w.says(sms(1), "two") // in time; and nobody decides for an hour
	w.now = w.now.Add(time.Hour)
	w.says(sms(2), "three")
	w.says(sms(3), "four")
	if _, there := w.fold.Get(kept.Head.ID); !there || w.fold.Forgotten() != 2 {
		t.Fatalf("%d have left memory, and the one to be reopened is there: %v", w.fold.Forgotten(), there)
	}
	w.open()
	if got := w.current(sms(1)); got != kept || !got.Open() {
		t.Errorf("%s is open %v, want the old one reopened", got.Head.ID, got.Open())
	}
	replayed(t, 0, w)
}

func TestMutedFoldHasTheSameStateAndSaysNothing(t *testing.T) {
	w := newWorld(t)
	w.says(sms(1), "one")
	w.open()
	again := conversation.New()
	again.Mute(true)
	for _, r := range w.log {
		if got := again.Apply(r); len(got) > 0 {
			t.Errorf("%d changes", len(got))
		}
	}
	if d := cmp.Diff(heads(w.fold), heads(again)); d != "" {
		t.Error(d)
	}
}

func TestDeliveryReportsInAnyOrderNeverGoBack(t *testing.T) {
	states := []gateway.Delivery{gateway.DeliverySent, gateway.DeliveryDelivered, gateway.DeliveryRead}
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		w.says(sms(1), "hi")
		w.open()
		c := w.current(sms(1))
		th, _ := w.fold.Thread(sms(1).Thread())
		ev, err := c.Submit(th, gateway.MessageSubmitted{Message: "out1", ClientID: "x", Text: "hello", Agent: "jana"})
		w.do(c, ev, err)
		order := append([]gateway.Delivery{}, states...)
		order = append(order, states...)
		rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, s := range order {
			w.append(gateway.ThreadStream(sms(1).Thread()), gateway.DeliveryReported{Message: "out1", ProviderID: "SM1", State: s})
		}
		items := c.Items()
		if got := items[len(items)-1].Delivery; got != gateway.DeliveryRead {
			t.Errorf("seed %d, order %v: got %s, want read", seed, order, got)
		}
	}
}

func TestOptOutIsRefusedBeforeItIsWritten(t *testing.T) {
	w := newWorld(t)
	w.says(sms(1), "hi")
	w.open()
	w.append(gateway.ThreadStream(sms(1).Thread()), gateway.ConsentChanged{OptedOut: true, Word: "STOP"})
	c := w.current(sms(1))
	th, _ := w.fold.Thread(sms(1).Thread())
	if _, err := c.Submit(th, gateway.MessageSubmitted{Message: "o", Text: "hello"}); err == nil {
		t.Error("a message to somebody who said STOP was taken")
	}
	w.append(gateway.ThreadStream(sms(1).Thread()), gateway.ConsentChanged{OptedOut: false, Word: "START"})
	if _, err := c.Submit(th, gateway.MessageSubmitted{Message: "o", Text: "hello"}); err != nil {
		t.Errorf("after START: %v", err)
	}
}

func TestKeywordAloneOpensNothingThatRings(t *testing.T) {
	w := newWorld(t)
	w.append(gateway.ThreadStream(sms(1).Thread()), gateway.MessageReceived{Message: "m1", Identity: sms(1), Text: "STOP", Kind: "optout", SentAt: w.now})
	if got := w.fold.Wanting(); len(got) != 1 || !got[0].Keyword {
		t.Fatalf("got %+v, want one that is only a keyword", got)
	}
	w.says(sms(1), "and where is my parcel?")
	if got := w.fold.Wanting(); len(got) != 1 || got[0].Keyword {
		t.Errorf("got %+v, want one that needs an answer", got)
	}
}

func TestEchoOfOurOwnMessageIsNotShownTwice(t *testing.T) {
	w := newWorld(t)
	who := gateway.Identity{Channel: gateway.ChannelMessenger, Account: "100", Remote: "700"}
	w.says(who, "hi")
	w.open()
	c := w.current(who)
	th, _ := w.fold.Thread(who.Thread())
	ev, err := c.Submit(th, gateway.MessageSubmitted{Message: "out1", ClientID: "x", Text: "hello", Agent: "jana"})
	w.do(c, ev, err)
	before := len(c.Items())
	stream := gateway.ThreadStream(who.Thread())
	w.append(stream, gateway.MessageReceived{Message: "e1", Identity: who, Text: "hello", Echo: true, EchoOf: "out1", ProviderID: "mid1"})
	if got := c.Items()[len(c.Items())-1]; len(c.Items()) != before || got.Delivery != gateway.DeliverySent || got.ProviderID != "mid1" {
		t.Errorf("own echo: %d lines, %+v", len(c.Items())-before, got)
	}
	w.append(stream, gateway.MessageReceived{Message: "e2", Identity: who, Text: "from the inbox", Echo: true, EchoBy: "page_inbox", ProviderID: "mid2"})
	if got := c.Items()[len(c.Items())-1]; got.From.Kind != "colleague" || got.Direction != gateway.Outbound {
		t.Errorf("page inbox echo: %+v", got)
	}
}

// TestRandomHistoriesKeepTheInvariants drives random commands and checks after each record what must always
// hold; then it replays the log through JSON, as a restart does, and wants the same state.
func TestRandomHistoriesKeepTheInvariants(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t)
		agents := []gateway.AgentID{"jana", "faris", "lena"}
		for range 120 {
			w.now = w.now.Add(time.Duration(rnd.IntN(600)) * time.Second)
			if rnd.IntN(20) == 0 {
				w.now = w.now.Add(time.Duration(rnd.IntN(90)) * time.Minute)
			}
			who := sms(rnd.IntN(4))
			if rnd.IntN(3) == 0 {
				w.says(who, "text")
			}
			if rnd.IntN(2) == 0 {
				w.open()
			}
			randomCommand(w, rnd, who, agents[rnd.IntN(len(agents))])
			invariants(t, seed, w)
		}
		replayed(t, seed, w)
	}
}

func randomCommand(w *world, rnd *rand.Rand, who gateway.Identity, agent gateway.AgentID) {
	th, ok := w.fold.Thread(who.Thread())
	if !ok || th.Current() == nil {
		return
	}
	c := th.Current()
	var ev gateway.Event
	var err error
	switch rnd.IntN(7) {
	case 0:
		ev, err = c.Take(agent)
	case 1:
		ev, err = c.Close(agent, "")
	case 2:
		ev, err = c.Queue("queue/main", "main", "returned", agent)
	case 3:
		if c.Head.State == gateway.StateWaiting {
			ev = gateway.ConversationOffered{Offer: gateway.OfferID(fmt.Sprint("o", len(w.log))), Agents: []gateway.AgentID{agent, "max"}, Until: w.now.Add(20 * time.Second)}
		}
	case 4:
		if c.Head.Offer != nil {
			ev, err = c.Accept(agent, c.Head.Offer.ID)
		}
	case 5:
		if c.Head.Offer != nil {
			ev, err = c.Decline(agent, c.Head.Offer.ID)
		}
	case 6:
		ev, err = c.Submit(th, gateway.MessageSubmitted{Message: gateway.MessageID(fmt.Sprint("x", len(w.log))), ClientID: "c", Text: "hi", Agent: agent})
	}
	if err == nil && ev != nil {
		w.append(gateway.ConversationStream(c.Head.ID), ev)
	}
}

func invariants(t *testing.T, seed uint64, w *world) {
	t.Helper()
	open := map[gateway.ThreadID]int{}
	held := map[gateway.AgentID]int{}
	for c := range w.fold.All {
		if !c.Open() {
			continue
		}
		open[c.Thread]++
		if c.Head.Agent != "" {
			held[c.Head.Agent]++
		}
		waits := c.Head.State == gateway.StateWaiting || c.Head.State == gateway.StateOffered
		if waits != (c.Head.WaitingSince != nil) || waits != (c.Head.Agent == "") || (c.Head.State == gateway.StateOffered) != (c.Head.Offer != nil) {
			t.Fatalf("seed %d: impossible head %+v", seed, c.Head)
		}
		last := uint64(0)
		for _, it := range c.Items() {
			if it.Kind == "message" && it.Position < last {
				t.Fatalf("seed %d: lines out of order", seed)
			}
			if it.Kind == "message" {
				last = it.Position
			}
		}
	}
	for th, n := range open {
		if n > 1 {
			t.Fatalf("seed %d: %s has %d open conversations", seed, th, n)
		}
	}
	for a, n := range held {
		if w.fold.Held(a) != n {
			t.Fatalf("seed %d: %s holds %d, counted %d", seed, a, n, w.fold.Held(a))
		}
	}
}

func replayed(t *testing.T, seed uint64, w *world) {
	t.Helper()
	again := conversation.New()
	for _, r := range w.log {
		data, err := json.Marshal(r.Event)
		if err != nil {
			t.Fatal(err)
		}
		if r.Event, err = gateway.DecodeEvent(r.Event.EventType(), data); err != nil {
			t.Fatal(err)
		}
		again.Apply(r)
	}
	want, got := heads(w.fold), heads(again)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("seed %d: replay differs (-live +replayed):\n%s", seed, d)
	}
}

func heads(f *conversation.Fold) map[gateway.ConversationID]wire.Conversation {
	out := map[gateway.ConversationID]wire.Conversation{}
	for c := range f.All {
		out[c.Head.ID] = c.Head
	}
	return out
}

func BenchmarkApply(b *testing.B) {
	var log []conversation.Record
	for i := range 10000 {
		who := sms(i % 1000)
		log = append(log, conversation.Record{Stream: gateway.ThreadStream(who.Thread()), At: start, Event: gateway.MessageReceived{
			Message: gateway.MessageID(fmt.Sprint(i)), Identity: who, Text: "where is my parcel 48 211?"}})
	}
	f := conversation.New()
	pos := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		r := log[pos%uint64(len(log))]
		pos++
		r.Pos = pos
		f.Apply(r)
	}
}

func TestAnotherAttemptAfterACertainFailureIsPendingAgain(t *testing.T) {
	w := newWorld(t)
	w.says(sms(1), "hi")
	w.open()
	c := w.current(sms(1))
	th, _ := w.fold.Thread(sms(1).Thread())
	ev, err := c.Submit(th, gateway.MessageSubmitted{Message: "out1", ClientID: "x", Text: "hello", Agent: "jana"})
	w.do(c, ev, err)
	delivery := func() gateway.Delivery {
		items := c.Items()
		return items[len(items)-1].Delivery
	}
	thread := gateway.ThreadStream(sms(1).Thread())
	w.append(thread, gateway.DeliveryReported{Message: "out1", State: gateway.DeliveryFailed, SafeToResend: true})
	if got := delivery(); got != gateway.DeliveryFailed {
		t.Fatalf("after the report: %s", got)
	}
	stream := gateway.ConversationStream(c.Head.ID)
	w.append(stream, gateway.AttemptStarted{Message: "out1", Attempt: 2, Provider: "two"})
	if got := delivery(); got != gateway.DeliveryPending {
		t.Errorf("the second way is under way, and the message is %s", got)
	}
	w.append(stream, gateway.AttemptEnded{Message: "out1", Attempt: 2, Provider: "two", State: gateway.DeliverySent})
	if got := delivery(); got != gateway.DeliverySent {
		t.Errorf("the second provider took it, and the message is %s", got)
	}
}

// outbound is a world in which jana has answered once.
func outbound(t *testing.T) (w *world, thread, stream string, last func() *wire.Item) {
	w = newWorld(t)
	w.says(sms(1), "hi")
	w.open()
	c := w.current(sms(1))
	th, _ := w.fold.Thread(sms(1).Thread())
	ev, err := c.Submit(th, gateway.MessageSubmitted{Message: "out1", ClientID: "x", Text: "hello", Agent: "jana"})
	w.do(c, ev, err)
	return w, gateway.ThreadStream(sms(1).Thread()), gateway.ConversationStream(c.Head.ID), func() *wire.Item {
		return c.Items()[len(c.Items())-1]
	}
}

func TestLateNewsOfAnEarlierAttemptHarmNothing(t *testing.T) {
	w, thread, stream, last := outbound(t)
	end := func(attempt int, id string) {
		w.append(stream, gateway.AttemptStarted{Message: "out1", Attempt: attempt})
		w.append(stream, gateway.AttemptEnded{Message: "out1", Attempt: attempt, State: gateway.DeliverySent, ProviderIDs: []string{id}})
	}
	end(1, "SM1")
	w.append(thread, gateway.DeliveryReported{Message: "out1", ProviderID: "SM1", State: gateway.DeliveryFailed, SafeToResend: true})
	end(2, "SM2")
	w.changes = nil
	w.append(thread, gateway.DeliveryReported{Message: "out1", ProviderID: "SM1", State: gateway.DeliveryFailed, Code: "30003"})
	if len(w.changes) > 0 {
		t.Errorf("the history is told %+v", w.changes)
	}
	if got := last(); got.Delivery != gateway.DeliverySent || got.ProviderID != "SM2" {
		t.Errorf("after late news of the first attempt: %s, %s", got.Delivery, got.ProviderID)
	}
	// The provider's id counts, whatever attempt the report's address names.
	w.append(thread, gateway.DeliveryReported{Message: "other", ProviderID: "SM2", State: gateway.DeliveryDelivered})
	if got := last(); got.Delivery != gateway.DeliveryDelivered {
		t.Errorf("after the second attempt's report: %s", got.Delivery)
	}
}

func TestAnUncertainMessageIsNotCoveredByAProvidersWatermark(t *testing.T) {
	w, thread, stream, last := outbound(t)
	w.append(stream, gateway.AttemptStarted{Message: "out1", Attempt: 1})
	w.append(stream, gateway.AttemptEnded{Message: "out1", Attempt: 1, State: gateway.DeliveryUncertain, Code: "no_answer"})
	w.append(thread, gateway.DeliveryReported{Watermark: w.now.Add(time.Hour), State: gateway.DeliveryDelivered})
	if got := last(); got.Delivery != gateway.DeliveryUncertain {
		t.Errorf("a message that nobody knows of is shown as %s", got.Delivery)
	}
	w.append(thread, gateway.DeliveryReported{Message: "out1", ProviderID: "m1", State: gateway.DeliverySent}) // its echo
	w.append(thread, gateway.DeliveryReported{Watermark: w.now.Add(time.Hour), State: gateway.DeliveryRead})
	if got := last(); got.Delivery != gateway.DeliveryRead {
		t.Errorf("after its echo: %s", got.Delivery)
	}
}

func TestTheReasonHasAWordOfOursAndTheProvidersCode(t *testing.T) {
	for want, end := range map[string]gateway.AttemptEnded{
		"unreachable (551/1545041)": {Code: "unreachable", Detail: "551/1545041"},
		"window_closed":             {Code: "window_closed"},
	} {
		w, _, stream, last := outbound(t)
		end.Message, end.Attempt, end.State = "out1", 1, gateway.DeliveryFailed
		w.append(stream, end)
		if got := last().DeliveryInfo; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	w, thread, _, last := outbound(t)
	w.append(thread, gateway.DeliveryReported{Message: "out1", State: gateway.DeliveryFailed, Code: "30003", Detail: "unreachable"})
	if got := last().DeliveryInfo; got != "unreachable (30003)" {
		t.Errorf("of a report: %q", got)
	}
}
