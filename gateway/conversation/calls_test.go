package conversation_test

import (
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/wire"
)

func shopper(n string) gateway.Identity {
	return gateway.Identity{Channel: gateway.ChannelLivechat, Account: "shop", Remote: n}
}

func (w *world) calls(who gateway.Identity, id gateway.CallID) {
	w.append(gateway.ThreadStream(who.Thread()), gateway.CallRequested{Call: id, Identity: who})
}

func (w *world) fact(who gateway.Identity, e gateway.Event) {
	w.append(gateway.ThreadStream(who.Thread()), e)
}

func (w *world) act(c *conversation.Conversation, e gateway.Event) {
	w.append(gateway.ConversationStream(c.Head.ID), e)
}

// due makes the one decision that the conversation's call asks for.
func (w *world) due(c *conversation.Conversation) gateway.Event {
	w.t.Helper()
	for x := range w.fold.CallsDue {
		if x == c {
			ev, ok := c.CallDecision(w.now, 30*time.Second)
			if !ok {
				w.t.Fatal("due, and nothing to decide")
			}
			w.act(c, ev)
			return ev
		}
	}
	return nil
}

func (w *world) callItem(c *conversation.Conversation) *wire.Item {
	w.t.Helper()
	for _, it := range c.Items() {
		if it.Kind == "call" {
			return it
		}
	}
	w.t.Fatal("the timeline has no call")
	return nil
}

func TestCallWaitsIsAnsweredEndsAndIsWrittenUp(t *testing.T) {
	w := newWorld(t)
	who := shopper("a")
	w.calls(who, "call-1")
	w.open()
	c := w.current(who)
	if c.Head.Call == nil || c.Head.Call.State != wire.CallWaiting || c.Head.State != gateway.StateWaiting {
		t.Fatalf("head %+v, want a waiting call", c.Head)
	}
	w.now = w.now.Add(20 * time.Second)
	w.act(c, gateway.ConversationAssigned{Agent: "jana", How: "accepted"})
	if c.Head.Call.State != wire.CallAnswered || c.Head.Call.Agent != "jana" || !w.fold.Talking("jana") {
		t.Fatalf("call %+v, want answered by jana", c.Head.Call)
	}
	w.fact(who, gateway.CallConnected{Call: "call-1"})
	w.now = w.now.Add(72 * time.Second)
	w.fact(who, gateway.CallEnded{Call: "call-1", Reason: gateway.EndAgent, Agent: "jana"})
	it := w.callItem(c)
	if it.Ended == nil || it.Ended.Outcome != "answered" || it.Ended.TalkMS != 72_000 || it.Ended.WaitMS != 20_000 || it.Call != nil {
		t.Errorf("the line says %+v", it.Ended)
	}
	if c.Head.Call != nil || c.Head.LastCall == nil || w.fold.Talking("jana") {
		t.Error("the call is over and still there")
	}
	if ev := w.due(c); ev.EventType() != "wrapup.started" || c.Head.State != gateway.StateWrapUp || !w.fold.Wrapping("jana") {
		t.Fatalf("decided %v, state %s; want a wrap-up", ev, c.Head.State)
	}
	if _, due := c.EndWrapUp(w.now.Add(29 * time.Second)); due {
		t.Error("the wrap-up ends too early")
	}
	ev, due := c.EndWrapUp(w.now.Add(30 * time.Second))
	if !due || ev.EventType() != "conversation.closed" {
		t.Errorf("after the wrap-up of a mere call: %v", ev)
	}
}

func TestCallInAChatRingsAtItsAgentAndTheChatGoesOn(t *testing.T) {
	w := newWorld(t)
	who := shopper("a")
	w.append(gateway.ThreadStream(who.Thread()), gateway.MessageReceived{Message: "m1", Identity: who, Text: "hi", SentAt: w.now})
	w.open()
	c := w.current(who)
	w.act(c, gateway.ConversationAssigned{Agent: "jana", How: "accepted"})
	w.calls(who, "call-1")
	q, ok := w.due(c).(gateway.ConversationQueued)
	if !ok || q.Target != "agent/jana" || c.Head.State != gateway.StateWaiting {
		t.Fatalf("decided %+v, want it to ring at jana", q)
	}
	w.act(c, gateway.ConversationAssigned{Agent: "jana", How: "accepted"})
	w.fact(who, gateway.CallConnected{Call: "call-1"})
	w.fact(who, gateway.CallEnded{Call: "call-1", Reason: gateway.EndCustomer})
	w.due(c)
	ev, err := c.FinishWrapUp("jana")
	w.do(c, ev, err)
	if c.Head.State != gateway.StateActive || c.Head.Agent != "jana" {
		t.Errorf("the chat is %s with %q, want active with jana", c.Head.State, c.Head.Agent)
	}
}

func TestTransferredCallWaitsAgain(t *testing.T) {
	w := newWorld(t)
	who := shopper("a")
	w.calls(who, "call-1")
	w.open()
	c := w.current(who)
	w.act(c, gateway.ConversationAssigned{Agent: "jana", How: "accepted"})
	w.fact(who, gateway.CallConnected{Call: "call-1"})
	ev, err := c.Queue("queue/second", "second", "transfer", "jana")
	w.do(c, ev, err)
	if call := c.Head.Call; call == nil || call.State != wire.CallWaiting || call.Agent != "" {
		t.Fatalf("call %+v, want it to wait", call)
	}
	w.act(c, gateway.ConversationAssigned{Agent: "emil", How: "accepted"})
	w.fact(who, gateway.CallConnected{Call: "call-1"})
	if call := c.Head.Call; call.State != wire.CallConnected || call.Agent != "emil" {
		t.Errorf("call %+v, want connected with emil", call)
	}
}

func TestCallerWhoGivesUpIsClosedUnlessThereIsAWayBack(t *testing.T) {
	for name, c := range map[string]struct {
		about  gateway.Event
		closed bool
	}{
		"nobody knows who it was":     {nil, true},
		"an address is known":         {gateway.ContactLearned{Email: "a@example.org"}, false},
		"a number is known":           {gateway.ContactLearned{Phone: "+12025550143"}, false},
		"only the language is known":  {gateway.ContactLearned{Language: "de"}, true},
		"they have written something": {gateway.MessageReceived{Message: "m1", Identity: shopper("a"), Text: "hi", SentAt: start}, false},
	} {
		for _, before := range []bool{false, true} { // ended before its conversation was opened, or after
			w := newWorld(t)
			who := shopper("a")
			if c.about != nil {
				w.fact(who, c.about)
			}
			w.calls(who, "call-1")
			if !before {
				w.open()
			}
			w.fact(who, gateway.CallEnded{Call: "call-1", Reason: gateway.EndCustomer})
			w.open()
			conv := w.current(who)
			w.due(conv)
			if closed := !conv.Open(); closed != c.closed {
				t.Errorf("%s (ended before it was opened: %v): closed %v, want %v", name, before, closed, c.closed)
			}
			if it := w.callItem(conv); it.Ended == nil || it.Ended.Outcome != "missed" {
				t.Errorf("%s: the line says %+v, want missed", name, it.Ended)
			}
		}
	}
}

func TestOneCallAtATimeAndLateWordsChangeNothing(t *testing.T) {
	w := newWorld(t)
	who := shopper("a")
	w.calls(who, "call-1")
	w.calls(who, "call-2")
	w.open()
	w.calls(who, "call-3")
	c := w.current(who)
	if c.Head.Call.ID != "call-1" {
		t.Fatalf("the call is %s, want the first", c.Head.Call.ID)
	}
	w.fact(who, gateway.CallEnded{Call: "call-2", Reason: gateway.EndCustomer})
	w.fact(who, gateway.CallConnected{Call: "call-1"}) // nobody has answered
	if c.Head.Call == nil || c.Head.Call.State != wire.CallWaiting {
		t.Errorf("call %+v, want it to wait still", c.Head.Call)
	}
	ev, err := c.Close("jana", "")
	w.do(c, ev, err)
	if c.Head.Call != nil || w.callItem(c).Ended == nil {
		t.Error("the conversation is closed and its call goes on")
	}
	w.fact(who, gateway.CallEnded{Call: "call-1", Reason: gateway.EndLost})
	if got := w.callItem(c).Ended.Reason; got != string(gateway.EndAgent) {
		t.Errorf("ended by %s, want the first reason", got)
	}
}

func TestAgentCallsTheCustomer(t *testing.T) {
	w := newWorld(t)
	who := shopper("a")
	w.append(gateway.ThreadStream(who.Thread()), gateway.MessageReceived{Message: "m1", Identity: who, Text: "hi", SentAt: w.now})
	w.open()
	c := w.current(who)
	if _, err := c.PlaceCall("jana", "call-1"); err == nil {
		t.Error("who does not hold it may call")
	}
	w.act(c, gateway.ConversationAssigned{Agent: "jana", How: "taken"})
	for _, end := range []struct {
		answered bool
		why      gateway.EndReason
		outcome  string
	}{{false, gateway.EndDeclined, "declined"}, {false, gateway.EndNoAnswer, "no_answer"}, {true, gateway.EndCustomer, "answered"}} {
		id := gateway.CallID("call-" + end.outcome)
		ev, err := c.PlaceCall("jana", id)
		w.do(c, ev, err)
		if c.Head.Call.State != wire.CallRinging || !w.fold.Talking("jana") {
			t.Fatalf("call %+v, want it to ring", c.Head.Call)
		}
		if _, err := c.PlaceCall("jana", "call-x"); err == nil {
			t.Error("two calls at once")
		}
		if end.answered {
			w.fact(who, gateway.CallAnswered{Call: id})
			w.fact(who, gateway.CallConnected{Call: id})
		}
		w.fact(who, gateway.CallEnded{Call: id, Reason: end.why})
		if got := c.Head.LastCall; got == nil || got.Outcome != end.outcome || got.From != "agent" {
			t.Errorf("the record says %+v, want %s", got, end.outcome)
		}
		if ev := w.due(c); (ev != nil) != end.answered {
			t.Errorf("%s: decided %v", end.outcome, ev)
		}
	}
}

func TestHowGoodTheLinesWereStaysWithTheCall(t *testing.T) {
	w := newWorld(t)
	who := shopper("a")
	w.calls(who, "call-1")
	w.open()
	c := w.current(who)
	w.act(c, gateway.ConversationAssigned{Agent: "jana", How: "accepted"})
	w.fact(who, gateway.CallConnected{Call: "call-1"})
	w.fact(who, gateway.CallEnded{Call: "call-1", Reason: gateway.EndCustomer})
	w.fact(who, gateway.LineMeasured{Call: "call-1", Path: "tcp", MOS: 3.2})
	w.fact(who, gateway.LineMeasured{Call: "call-1", Agent: "jana", Path: "udp", MOS: 4.4})
	w.fact(who, gateway.LineMeasured{Call: "call-1", Agent: "eve", Hidden: true, Path: "udp", MOS: 4.4})
	w.fact(who, gateway.LineMeasured{Call: "call-0", Path: "udp", MOS: 1})
	lines := w.callItem(c).Lines
	if len(lines) != 2 || lines[0].Path != "tcp" || lines[0].MOS != 3.2 || lines[1].Agent != "jana" {
		t.Errorf("got %+v, want the customer's and jana's", lines)
	}
}
