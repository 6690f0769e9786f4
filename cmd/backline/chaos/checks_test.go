package chaos_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"backline/cmd/backline/chaos"
	"backline/gateway"
	"backline/gateway/journal"
)

func TestLedgerFindsWhatIsPlanted(t *testing.T) {
	all := func() (*chaos.Ledger, chaos.View) {
		l := chaos.NewLedger()
		v := chaos.View{Of: "node a", Items: map[string][]string{}}
		for _, text := range []string{"one", "two", "three"} {
			l.Sent(text)
			l.Acked(text)
			l.Shown("console", "id of "+text, text)
			l.Shown("console", "id of "+text, text) // again, after a reconnect
			v.Items[text] = []string{"id of " + text}
		}
		return l, v
	}
	for _, c := range []struct {
		name  string
		plant func(*chaos.Ledger, *chaos.View)
		want  func(chaos.Report) []string
	}{
		{"a loss", func(_ *chaos.Ledger, v *chaos.View) { delete(v.Items, "two") }, func(r chaos.Report) []string { return r.Lost }},
		{"a double at a node", func(_ *chaos.Ledger, v *chaos.View) { v.Items["two"] = append(v.Items["two"], "other") }, func(r chaos.Report) []string { return r.Doubled }},
		{"a double on a screen", func(l *chaos.Ledger, _ *chaos.View) { l.Shown("console", "other", "two") }, func(r chaos.Report) []string { return r.Doubled }},
		{"no acknowledgement", func(l *chaos.Ledger, _ *chaos.View) { l.Sent("four") }, func(r chaos.Report) []string { return r.Silent }},
		{"a text from nowhere", func(_ *chaos.Ledger, v *chaos.View) { v.Items["five"] = []string{"id"} }, func(r chaos.Report) []string { return r.Strange }},
	} {
		l, v := all()
		if r := l.Check([]chaos.View{v}); !r.Good() || r.Acked != 3 || r.Live != 3 {
			t.Fatalf("before anything is planted: %s", r)
		}
		c.plant(l, &v)
		r := l.Check([]chaos.View{v})
		if got := c.want(r); r.Good() || len(got) != 1 {
			t.Errorf("%s is not found: %s", c.name, r)
		}
	}
	l, v := all()
	l.Sent("four")
	l.Refused("four")
	if r := l.Check([]chaos.View{v}); !r.Good() {
		t.Errorf("what was refused need not be there: %s", r)
	}
}

func TestLedgerMeasuresGaps(t *testing.T) {
	l := chaos.NewLedger()
	began := time.Now()
	l.Sent("one")
	l.Acked("one")
	time.Sleep(50 * time.Millisecond)
	l.Sent("two")
	l.Acked("two")
	if got := l.Gap(began, time.Now()); got < 50*time.Millisecond || got > time.Since(began) {
		t.Errorf("gap %s", got)
	}
	if got := l.Gap(time.Now(), time.Now()); got != 0 {
		t.Errorf("gap after all was over: %s", got)
	}
}

// past builds a journal.
type past struct {
	t        *testing.T
	events   []journal.Event
	versions map[string]uint64
}

func (p *past) add(stream, key string, events ...gateway.Event) {
	p.t.Helper()
	for i, e := range events {
		data, err := json.Marshal(e)
		if err != nil {
			p.t.Fatal(err)
		}
		p.versions[stream]++
		raw := journal.Event{Pos: uint64(len(p.events) + 1), Stream: stream, Version: p.versions[stream], Type: e.EventType(), Data: data}
		if i == len(events)-1 {
			raw.Key = key
		}
		p.events = append(p.events, raw)
	}
}

// normal is a conversation that is well.
func normal(t *testing.T) *past {
	p := &past{t: t, versions: map[string]uint64{}}
	p.add("thread/t", "k1", gateway.MessageReceived{Message: "m1", ProviderID: "mid1", Identity: gateway.Identity{Channel: "messenger"}, Text: "hello"})
	p.add("conversation/c", "k2", gateway.ConversationOpened{Conversation: "c", Thread: "t"}, gateway.ConversationOffered{Offer: "o1", Agents: []gateway.AgentID{"jana"}},
		gateway.OfferEnded{Offer: "o1", Agent: "jana", Outcome: "timed_out"}, gateway.ConversationOffered{Offer: "o2", Agents: []gateway.AgentID{"emil"}},
		gateway.ConversationAssigned{Agent: "emil", Offer: "o2", How: "accepted"})
	p.add("conversation/c", "k3", gateway.MessageSubmitted{Message: "m2", ClientID: "c1", Text: "answer"})
	p.add("conversation/c", "k4", gateway.AttemptStarted{Message: "m2", Attempt: 1})
	p.add("conversation/c", "k5", gateway.AttemptEnded{Message: "m2", Attempt: 1, State: gateway.DeliverySent})
	return p
}

func TestHistoryFindsWhatIsPlanted(t *testing.T) {
	once := map[string]int{"answer": 1}
	if wrong := chaos.History(normal(t).events, once); len(wrong) != 0 {
		t.Fatalf("a good one: %v", wrong)
	}
	for _, c := range []struct {
		name, want string
		plant      func(*past)
		sent       map[string]int
	}{
		{name: "a hole in the positions", want: "follows position", plant: func(p *past) { p.events[3].Pos = 40 }},
		{name: "a hole in the versions", want: "version 9 follows", plant: func(p *past) { p.events[4].Version = 9 }},
		{name: "a key twice", want: "key k1 is at", plant: func(p *past) { p.add("thread/u", "k1", gateway.CallAnswered{}) }},
		{name: "a message twice", want: "mid1 is at", plant: func(p *past) {
			p.add("thread/t", "k9", gateway.MessageReceived{Message: "m9", ProviderID: "mid1", Identity: gateway.Identity{Channel: "messenger"}})
		}},
		{name: "an answer twice", want: "answer c1 in", plant: func(p *past) { p.add("conversation/c", "k9", gateway.MessageSubmitted{Message: "m9", ClientID: "c1"}) }},
		{name: "two holders", want: "while emil holds it", plant: func(p *past) {
			p.add("conversation/c", "k9", gateway.ConversationAssigned{Agent: "jana", How: "taken"})
		}},
		{name: "an offer accepted twice", want: "acceptance of offer o2 is at", plant: func(p *past) {
			p.add("conversation/c", "k9", gateway.ConversationAssigned{Agent: "emil", Offer: "o2", How: "accepted"})
		}},
		{name: "an offer accepted by somebody else", want: "does not ring there", plant: func(p *past) {
			p.add("conversation/c", "k9", gateway.ConversationQueued{}, gateway.ConversationOffered{Offer: "o3", Agents: []gateway.AgentID{"jana"}},
				gateway.ConversationAssigned{Agent: "emil", Offer: "o3", How: "accepted"})
		}},
		{name: "an offer of what is held", want: "offered while emil holds it", plant: func(p *past) {
			p.add("conversation/c", "k9", gateway.ConversationOffered{Offer: "o9", Agents: []gateway.AgentID{"jana"}})
		}},
		{name: "two open conversations", want: "of the same thread is open", plant: func(p *past) {
			p.add("conversation/d", "k9", gateway.ConversationOpened{Conversation: "d", Thread: "t"})
		}},
		{name: "an attempt twice", want: "attempt 1 of m2 is at", plant: func(p *past) { p.add("conversation/c", "k9", gateway.AttemptStarted{Message: "m2", Attempt: 1}) }},
		{name: "two attempts at once", want: "has no end", plant: func(p *past) {
			p.add("conversation/c", "k8", gateway.AttemptStarted{Message: "m2", Attempt: 2})
			p.add("conversation/c", "k9", gateway.AttemptStarted{Message: "m2", Attempt: 3})
		}},
		{name: "an attempt of nothing", want: "m7, which nobody submitted", plant: func(p *past) { p.add("conversation/c", "k8", gateway.AttemptStarted{Message: "m7", Attempt: 1}) }},
		{name: "sent twice with one attempt", want: "2 times with 1 attempts", plant: func(*past) {}, sent: map[string]int{"answer": 2}},
		{name: "sent twice and never uncertain", want: "was never uncertain", plant: func(p *past) {
			p.add("conversation/c", "k8", gateway.AttemptStarted{Message: "m2", Attempt: 2})
			p.add("conversation/c", "k9", gateway.AttemptEnded{Message: "m2", Attempt: 2, State: gateway.DeliverySent})
		}, sent: map[string]int{"answer": 2}},
		{name: "sent and not in the journal", want: "in no journal", plant: func(*past) {}, sent: map[string]int{"something": 1}},
	} {
		p := normal(t)
		c.plant(p)
		sent := once
		if c.sent != nil {
			sent = c.sent
		}
		if wrong := strings.Join(chaos.History(p.events, sent), "\n"); !strings.Contains(wrong, c.want) {
			t.Errorf("%s: found %q", c.name, wrong)
		}
	}
}
