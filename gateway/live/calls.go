package live

import (
	"context"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/wire"
)

// Calls is who joins the sides of calls. It is told of each change of a conversation's call, and once of each
// call that there is when the journal has been read. Changed must be quick and must not call back.
type Calls interface {
	Changed(CallChange)
}

// CallChange is a conversation's call as it is now.
type CallChange struct {
	Conversation gateway.ConversationID
	Who          gateway.Identity
	Holder       gateway.AgentID
	Queue        gateway.QueueID
	Language     string     // of the customer: BCP 47, "" unknown
	Call         *wire.Call // nil: it is over
	Rev          uint64
}

// callChangedLocked tells Calls of a head that has a call, or had one.
func (l *Live) callChangedLocked(h *wire.Conversation, t gateway.ThreadID) {
	if l.opts.Calls == nil {
		return
	}
	_, had := l.calling[h.ID]
	switch {
	case h.Call == nil && !had:
		return
	case h.Call == nil:
		delete(l.calling, h.ID)
	default:
		l.calling[h.ID] = struct{}{}
	}
	ch := CallChange{Conversation: h.ID, Holder: h.Agent, Queue: h.Queue, Language: h.Contact.Language, Rev: h.Rev}
	if th, ok := l.fold.Thread(t); ok {
		ch.Who = th.Identity
	}
	ch.Call = h.Call.Clone()
	l.opts.Calls.Changed(ch)
}

// callsLocked decides what conversations need because of their calls.
func (l *Live) callsLocked(now time.Time) []action {
	var out []action
	for c := range l.fold.CallsDue {
		if ev, due := c.CallDecision(now, l.router.WrapUpFor(c.Head.Queue)); due {
			out = append(out, action{write: Write(gateway.ConversationStream(c.Head.ID), c.Version, "", now, ev), undo: func() {}})
		}
	}
	return out
}

// PlaceCall calls the customer. Who does not hold the conversation takes it first.
func (l *Live) PlaceCall(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	if !gateway.ValidCallID(call) {
		return Result{}, &gateway.Error{Kind: gateway.Invalid, Field: "call", Msg: "a call's id is 16 to 64 of A-Z, a-z, 0-9, - and _"}
	}
	if _, err := l.Take(ctx, by, id); err != nil {
		return Result{}, err
	}
	return l.change(ctx, id, "call/"+string(call)+"/placed", func(c *conversation.Conversation, t *conversation.Thread) (gateway.Event, error) {
		if !l.pagesLocked(t.ID) {
			return nil, gateway.Errorf(gateway.Conflicting, "the customer's page is closed: there is nobody to call")
		}
		return c.PlaceCall(by, call)
	})
}

// EndWrapUp says that an agent needs no more time.
func (l *Live) EndWrapUp(ctx context.Context, by gateway.AgentID, id gateway.ConversationID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.FinishWrapUp(by)
	})
}

// CallOf returns the call of a customer, if there is one; without a Conversation while that is being opened.
func (l *Live) CallOf(who gateway.Identity) (CallChange, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.fold.Thread(who.Thread())
	if !ok {
		return CallChange{}, false
	}
	call := t.Call()
	if call == nil {
		return CallChange{}, false
	}
	ch := CallChange{Who: who, Call: call}
	if c := t.Current(); c != nil && c.Open() {
		ch.Conversation, ch.Holder, ch.Rev = c.Head.ID, c.Head.Agent, c.Head.Rev
		ch.Queue, ch.Language = c.Head.Queue, c.Head.Contact.Language
	}
	return ch, true
}

// RequeueCall gives a call back to the front of its queue whose agent cannot speak.
func (l *Live) RequeueCall(ctx context.Context, id gateway.ConversationID, call gateway.CallID) error {
	_, err := l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		if cur := c.Head.Call; cur == nil || cur.ID != call || cur.State != wire.CallAnswered {
			return nil, nil // it has moved on
		}
		if e, ok := c.HandOn(); ok {
			return e, nil
		}
		return gateway.ConversationQueued{Target: gateway.QueueTarget(c.Head.Queue), Queue: c.Head.Queue, Front: true, Reason: "agent_gone"}, nil
	})
	return err
}

// Online reports whether a page of the customer is open.
func (l *Live) Online(who gateway.Identity) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pagesLocked(who.Thread())
}

// CallFact writes what became known about a customer's call and waits until it has been folded. Key makes it
// once.
func (l *Live) CallFact(ctx context.Context, who gateway.Identity, key string, e gateway.Event) error {
	receipt, err := l.opts.Journal.Append(ctx, Write(gateway.ThreadStream(who.Thread()), journal.Any, key, time.Now(), e))
	if err != nil {
		return unavailable(err)
	}
	return l.Wait(ctx, receipt.Pos)
}

// TellVisitor and TellAgent send a frame to each open page of a customer, each console of an agent, at whichever
// node it hangs.
func (l *Live) TellVisitor(who gateway.Identity, frame any) {
	l.tell(frameBody{Thread: who.Thread()}, frame)
}

func (l *Live) TellAgent(id gateway.AgentID, frame any) { l.tell(frameBody{Agent: id}, frame) }

func (l *Live) tell(to frameBody, frame any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deliverLocked(to, frame)
	l.passOnLocked(to, frame)
}
