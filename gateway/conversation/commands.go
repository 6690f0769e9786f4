package conversation

import (
	"slices"
	"time"

	"backline/gateway"
)

// The commands return the event to append to the conversation's stream at its Version, or why not. The
// caller appends with Expect: Version; on a conflict it asks again.

// Accept: agent takes an offer that rings at them: the conversation, or an invitation into its call.
func (c *Conversation) Accept(agent gateway.AgentID, offer gateway.OfferID) (gateway.Event, error) {
	o := c.Head.Offer
	if l := c.legOf(offer); l != nil {
		return c.join(agent, offer, l)
	}
	if c.Head.State == gateway.StateActive && c.Head.Agent == agent {
		return nil, nil // said twice
	}
	if o == nil || o.ID != offer || !slices.Contains(o.Agents, agent) {
		return nil, gateway.Errorf(gateway.Conflicting, "this offer is over: somebody else answered, or it rang out")
	}
	return gateway.ConversationAssigned{Agent: agent, Offer: offer, How: "accepted"}, nil
}

// Decline: agent lets the next one have it.
func (c *Conversation) Decline(agent gateway.AgentID, offer gateway.OfferID) (gateway.Event, error) {
	o, l := c.Head.Offer, c.legOf(offer)
	if l != nil {
		o = l.Offer
	}
	if o == nil || o.ID != offer || !slices.Contains(o.Agents, agent) {
		return nil, gateway.Errorf(gateway.Conflicting, "this offer is over")
	}
	if l != nil {
		return gateway.CallLegOfferEnded{Call: c.Head.Call.ID, Leg: l.ID, Offer: offer, Agent: agent, Outcome: "declined"}, nil
	}
	return gateway.OfferEnded{Offer: offer, Agent: agent, Outcome: "declined"}, nil
}

// PickUp: agent takes what rings at a colleague. Of two who do, one has it.
func (c *Conversation) PickUp(agent gateway.AgentID, offer gateway.OfferID) (gateway.Event, error) {
	if c.Head.State == gateway.StateActive && c.Head.Agent == agent {
		return nil, nil // said twice
	}
	if o := c.Head.Offer; o == nil || o.ID != offer {
		return nil, gateway.Errorf(gateway.Conflicting, "it does not ring any more: somebody was faster, or it rang out")
	}
	return gateway.ConversationAssigned{Agent: agent, Offer: offer, How: "picked_up"}, nil
}

// Take: agent takes a conversation by hand, also one that rings elsewhere or that a colleague holds.
func (c *Conversation) Take(agent gateway.AgentID) (gateway.Event, error) {
	switch {
	case !c.Open():
		return nil, closedError()
	case c.Head.Agent == agent:
		return nil, nil
	}
	return gateway.ConversationAssigned{Agent: agent, How: "taken", By: agent}, nil
}

// Assign: by gives the conversation to an agent.
func (c *Conversation) Assign(to, by gateway.AgentID, how string) (gateway.Event, error) {
	switch {
	case !c.Open():
		return nil, closedError()
	case c.Head.Agent == to:
		return nil, nil
	}
	return gateway.ConversationAssigned{Agent: to, How: how, By: by}, nil
}

// Queue: it waits (again), for a queue or one agent.
func (c *Conversation) Queue(to gateway.Target, queue gateway.QueueID, reason string, by gateway.AgentID) (gateway.Event, error) {
	if !c.Open() {
		return nil, closedError()
	}
	return gateway.ConversationQueued{Target: to, Queue: queue, Reason: reason, By: by}, nil
}

// Close ends it. Closing a closed one is fine.
func (c *Conversation) Close(by gateway.AgentID, reason string) (gateway.Event, error) {
	if !c.Open() {
		return nil, nil
	}
	return gateway.ConversationClosed{By: by, Reason: reason}, nil
}

// Note adds an internal note, also to a closed conversation.
func (c *Conversation) Note(id gateway.MessageID, clientID string, agent gateway.AgentID, text string) (gateway.Event, error) {
	return gateway.NoteAdded{Note: id, ClientID: clientID, Agent: agent, Text: text}, nil
}

// Submit: a message to the customer. The reply window is the channel's rule and is checked when it is sent;
// what can be known here is refused here, so that the agent hears it at once. One with an Identity goes another way
// than the thread's own: what is known of that way the outbox knows.
func (c *Conversation) Submit(t *Thread, m gateway.MessageSubmitted) (gateway.Event, error) {
	own := m.Identity.IsZero()
	switch {
	case c.item(string(m.Message)) != nil:
		return nil, nil // said twice
	case !c.Open():
		return nil, closedError()
	case own && t.OptedOut:
		return nil, gateway.Errorf(gateway.Conflicting, "this person has opted out of messages on this channel (STOP)")
	case own && t.NotOurs:
		return nil, gateway.Errorf(gateway.Conflicting, "another application answers this person at the moment")
	case m.Text == "" && len(m.Attachments) == 0:
		return nil, &gateway.Error{Kind: gateway.Invalid, Field: "text", Msg: "the message is empty"}
	}
	if own {
		m.Identity = t.Identity
	}
	m.Thread = m.Identity.Thread()
	return m, nil
}

// EndWrapUp ends a wrap-up whose time is over.
func (c *Conversation) EndWrapUp(now time.Time) (gateway.Event, bool) {
	if c.Head.State != gateway.StateWrapUp || now.Before(*c.Head.WrapUpUntil) {
		return nil, false
	}
	return c.afterWrapUp(""), true
}

func closedError() error {
	return gateway.Errorf(gateway.Conflicting, "the conversation is closed; it opens again when the customer writes")
}
