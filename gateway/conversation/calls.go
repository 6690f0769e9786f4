package conversation

import (
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// A call belongs to a conversation and there is at most one at a time. It is part of the head while it lasts
// and a line of the timeline for ever.
//
//	requested → waiting ─(assigned)→ answered ─(both heard)→ connected → ended
//	                ↑_____(queued)______|_______________________|
//	placed → ringing ─(customer answers)→ answered …
//
// While agents talk with the customer, the call can be held, colleagues asked in and supervisors join: see legs.go.
// A conversation that is queued again, because it was transferred or its agent is gone, takes its call along:
// the customer waits again.

func callItemID(id gateway.CallID) string { return "call-" + string(id) }

func (f *Fold) callRequested(r Record, e gateway.CallRequested) {
	t := f.thread(r, e.Identity)
	if t == nil || t.Call() != nil {
		return // the one under way counts
	}
	call := &wire.Call{ID: e.Call, State: wire.CallWaiting, From: "customer", Since: r.At}
	it := wire.Item{ID: callItemID(e.Call), Position: r.Pos, Time: r.At, Kind: "call", Channel: e.Identity.Channel,
		Direction: gateway.Inbound, From: wire.From{Kind: "customer", Name: t.Contact.Name}, Call: call}
	if c := t.live(); c != nil {
		f.keep(r, c, it)
		f.begin(c, call)
		f.touch(r, c)
		return
	}
	f.want(r, t, it, false)
}

// Call returns a copy of the thread's call that has not ended, also while its conversation is yet to be opened;
// nil if there is none.
func (t *Thread) Call() *wire.Call {
	var found *wire.Call
	if c := t.live(); c != nil {
		found = c.Head.Call
	} else {
		for i := range t.pending {
			if t.pending[i].Call != nil && t.pending[i].Ended == nil {
				found = t.pending[i].Call
			}
		}
	}
	return found.Clone()
}

// begin makes call the conversation's call. The head and the line share nothing: both are changed through f.
func (f *Fold) begin(c *Conversation, call *wire.Call) {
	own := call.Clone()
	c.Head.Call, c.Head.LastCall, c.Head.LastAt = own, nil, own.Since
	c.answeredAt, c.due, c.heldFor, c.legTried = time.Time{}, "", 0, nil
	f.calling[c.Head.ID] = c
	if c.Head.Agent != "" && own.State == wire.CallWaiting {
		f.dueNow(c, dueQueue)
	}
}

func (f *Fold) callPlaced(r Record, c *Conversation, e gateway.CallPlaced) {
	if !c.Open() || c.Head.Call != nil {
		return
	}
	call := &wire.Call{ID: e.Call, State: wire.CallRinging, From: "agent", Agent: e.Agent, Since: r.At}
	f.addItem(r, c, wire.Item{ID: callItemID(e.Call), Kind: "call", Channel: c.Head.Channel, Direction: gateway.Outbound,
		From: f.agent(e.Agent), Call: call})
	f.begin(c, call)
	f.touch(r, c)
}

// callOf returns the conversation of a thread's event about its call, if it is still that call.
func (f *Fold) callOf(r Record, id gateway.CallID) *Conversation {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return nil
	}
	if c := t.live(); c != nil && c.Head.Call != nil && c.Head.Call.ID == id {
		return c
	}
	return nil
}

func (f *Fold) callAnswered(r Record, e gateway.CallAnswered) {
	if c := f.callOf(r, e.Call); c != nil && c.Head.Call.State == wire.CallRinging {
		c.answeredAt = r.At
		f.moveCall(r, c, wire.CallAnswered, c.Head.Call.Agent)
		f.touch(r, c)
	}
}

func (f *Fold) callConnected(r Record, e gateway.CallConnected) {
	if c := f.callOf(r, e.Call); c != nil && c.Head.Call.State == wire.CallAnswered {
		at := r.At
		if c.Head.Call.ConnectedAt == nil {
			c.Head.Call.ConnectedAt = &at
		}
		f.moveCall(r, c, wire.CallConnected, c.Head.Call.Agent)
		f.touch(r, c)
	}
}

// moveCall changes the call of the head and its line.
func (f *Fold) moveCall(r Record, c *Conversation, to wire.CallState, agent gateway.AgentID) {
	c.Head.Call.State, c.Head.Call.Agent = to, agent
	f.emitCall(r, c)
}

// emitCall brings the line of the timeline to what the call is. Who is in it stands in lines of its own.
func (f *Fold) emitCall(r Record, c *Conversation) {
	if it := c.item(callItemID(c.Head.Call.ID)); it != nil {
		call := c.Head.Call.Clone()
		call.Legs = nil
		it.Call = call
		f.emitItem(r, c, it)
	}
}

func (f *Fold) callEnded(r Record, e gateway.CallEnded) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	if c := f.callOf(r, e.Call); c != nil {
		f.endCall(r, c, e.Reason, e.Agent)
		f.touch(r, c)
		return
	}
	for i := range t.pending {
		if it := &t.pending[i]; it.ID == callItemID(e.Call) && it.Ended == nil {
			it.Ended = &wire.CallRecord{From: "customer", Outcome: "missed", WaitMS: r.At.Sub(it.Call.Since).Milliseconds(), Reason: string(e.Reason)}
		}
	}
}

// endCall takes the call out of the head and notes what is to be decided now.
func (f *Fold) endCall(r Record, c *Conversation, why gateway.EndReason, by gateway.AgentID) {
	f.resume(r, c)
	call := c.Head.Call
	rec := &wire.CallRecord{From: call.From, Outcome: outcome(call, why), Reason: string(why), Agent: call.Agent}
	if by != "" {
		rec.Agent = by
	}
	if call.ConnectedAt != nil {
		rec.TalkMS = max(0, r.At.Sub(*call.ConnectedAt)).Milliseconds()
		rec.HeldMS = c.heldFor.Milliseconds()
	}
	answered := c.answeredAt
	if answered.IsZero() {
		answered = r.At
	}
	rec.WaitMS = max(0, answered.Sub(call.Since)).Milliseconds()
	f.over(c, rec)
	if it := c.item(callItemID(call.ID)); it != nil {
		it.Call, it.Ended = nil, rec
		f.emitItem(r, c, it)
	}
	c.Head.LastAt = r.At
	c.Head.Unread = c.countUnread()
	if rec.Outcome == "answered" && c.Head.State == gateway.StateActive {
		f.dueNow(c, dueWrapUp)
	}
}

// over is the part of endCall that also a call has which ended before its conversation was opened.
func (f *Fold) over(c *Conversation, rec *wire.CallRecord) {
	c.Head.Call, c.Head.LastCall, c.due = nil, rec, ""
	delete(f.calling, c.Head.ID)
	waiting := c.Head.State == gateway.StateWaiting || c.Head.State == gateway.StateOffered
	if waiting && c.Head.Messages.Inbound == 0 && c.Head.Contact.Email == "" && c.Head.Contact.Phone == "" {
		f.dueNow(c, dueClose)
	}
}

func outcome(call *wire.Call, why gateway.EndReason) string {
	switch {
	case call.ConnectedAt != nil:
		return "answered"
	case call.From == "customer":
		return "missed"
	case why == gateway.EndDeclined:
		return "declined"
	}
	return "no_answer"
}

// What is to be decided about a conversation because of its call.
const (
	dueQueue  = "queue"   // the holder's console must ring
	dueWrapUp = "wrap_up" // the call is over
	dueClose  = "close"   // the caller gave up and left no way back
)

func (f *Fold) dueNow(c *Conversation, what string) {
	c.due = what
	f.callDue[c.Head.ID] = c
}

// CallsDue yields the conversations whose call asks for a decision; see Conversation.CallDecision.
func (f *Fold) CallsDue(yield func(*Conversation) bool) {
	for id, c := range f.callDue {
		if c.due == "" || !c.Open() {
			delete(f.callDue, id)
			continue
		}
		if !yield(c) {
			return
		}
	}
}

// Talking reports whether an agent is in a call, or calls somebody.
func (f *Fold) Talking(a gateway.AgentID) bool {
	for _, c := range f.calling {
		if c.Head.Call.Agent == a || c.Head.Call.Leg(a) != nil {
			return true
		}
	}
	return false
}

// Wrapping reports whether an agent writes up a call.
func (f *Fold) Wrapping(a gateway.AgentID) bool {
	for _, c := range f.wrapping {
		if c.Head.Agent == a {
			return true
		}
	}
	return false
}

// CallDecision is what the conversation's call asks for: to ring at the holder, to write it up, or to close what
// nobody can answer any more.
func (c *Conversation) CallDecision(now time.Time, wrapUp time.Duration) (gateway.Event, bool) {
	switch c.due {
	case dueQueue:
		return gateway.ConversationQueued{Target: gateway.AgentTarget(c.Head.Agent), Queue: c.Head.Queue, Reason: "call"}, true
	case dueWrapUp:
		return gateway.WrapUpStarted{Until: now.Add(wrapUp).UTC()}, true
	case dueClose:
		return gateway.ConversationClosed{Reason: "caller_left"}, true
	}
	return nil, false
}

// PlaceCall: the holder calls the customer.
func (c *Conversation) PlaceCall(agent gateway.AgentID, call gateway.CallID) (gateway.Event, error) {
	switch cur := c.Head.Call; {
	case cur != nil && cur.ID == call:
		return nil, nil // said twice
	case cur != nil:
		return nil, gateway.Errorf(gateway.Conflicting, "there is a call already in this conversation")
	case !c.Open():
		return nil, closedError()
	case c.Head.Agent != agent:
		return nil, gateway.Errorf(gateway.Conflicting, "take the conversation first, then call")
	}
	return gateway.CallPlaced{Call: call, Agent: agent}, nil
}

// FinishWrapUp: the agent needs no more time. What was written goes on, a mere call is closed.
func (c *Conversation) FinishWrapUp(by gateway.AgentID) (gateway.Event, error) {
	switch {
	case c.Head.State != gateway.StateWrapUp:
		return nil, nil
	case c.Head.Agent != by:
		return nil, gateway.Errorf(gateway.Conflicting, "a colleague is writing this call up")
	}
	return c.afterWrapUp(by), nil
}

func (c *Conversation) afterWrapUp(by gateway.AgentID) gateway.Event {
	if c.Head.Messages.Inbound > 0 {
		return gateway.WrapUpEnded{By: by}
	}
	return gateway.ConversationClosed{By: by, Reason: "wrap_up_over"}
}
