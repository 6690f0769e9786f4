package live

import (
	"cmp"
	"context"
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// Somebody who is in a call beside its holder, or is asked in, is work for the router of its own: it rings as
// calls ring and takes the room of a call. Its id is conversation.LegWork's; what the router decides about it is
// written into the conversation's stream.

// putLegsLocked mirrors the legs of a conversation's call, and what agents are seen to do.
func (l *Live) putLegsLocked(c *conversation.Conversation) {
	was := l.legs[c.Head.ID]
	var now []wire.CallLeg
	if c.Open() && c.Head.Call != nil {
		now = c.Head.Call.Clone().Legs
	}
	if len(was)+len(now) == 0 {
		return
	}
	l.legs[c.Head.ID] = now
	if len(now) == 0 {
		delete(l.legs, c.Head.ID)
	}
	for _, leg := range now {
		l.router.PutWork(l.soundLocked(legWork(c, leg), time.Now()))
	}
	for _, leg := range was {
		if !slices.ContainsFunc(now, func(x wire.CallLeg) bool { return x.ID == leg.ID }) {
			l.router.RemoveWork(conversation.LegWork(c.Head.ID, leg.ID))
		}
	}
	for _, leg := range slices.Concat(was, now) {
		if leg.Agent != "" {
			l.putAgentLocked(leg.Agent, time.Now())
			l.agentChangedLocked(leg.Agent)
		}
	}
}

// legWork is a leg as the router sees it. Invitations come before who waits: a customer is on the line.
func legWork(c *conversation.Conversation, leg wire.CallLeg) router.Work {
	w := router.Work{ID: conversation.LegWork(c.Head.ID, leg.ID), State: gateway.StateWaiting, Target: leg.To, Queue: c.Head.Queue,
		Kind: router.Call, Since: leg.Since, Front: true, Aside: true, Tried: slices.Clone(c.LegTried(leg.ID)), Version: c.Version}
	if q := leg.To.Queue(); q != "" {
		w.Queue = q
	}
	switch {
	case leg.Agent != "":
		w.State, w.Agent = gateway.StateActive, leg.Agent
	case leg.Offer != nil:
		w.State, w.Offer, w.Offered, w.Until = gateway.StateOffered, leg.Offer.ID, slices.Clone(leg.Offer.Agents), leg.Offer.Until
	}
	return w
}

// legDecisionLocked turns what the router decided about a leg into an event of its conversation. It drops one
// whose leg is gone.
func (l *Live) legDecisionLocked(d router.Decision) (router.Decision, bool) {
	id, leg, ok := conversation.ParseLegWork(d.Conversation)
	if !ok {
		return l.handOnLocked(d), true
	}
	c, ok := l.fold.Get(id)
	if !ok || c.Head.Call == nil {
		return d, false
	}
	call := c.Head.Call.ID
	switch e := d.Event.(type) {
	case gateway.ConversationOffered:
		d.Event = gateway.CallLegOffered{Call: call, Leg: leg, Offer: e.Offer, Agents: e.Agents, Until: e.Until}
	case gateway.OfferEnded:
		d.Event = gateway.CallLegOfferEnded{Call: call, Leg: leg, Offer: e.Offer, Agent: e.Agent, Outcome: e.Outcome}
	case gateway.ConversationQueued: // it falls back to a queue: what was asked has come to nothing
		why := gateway.LeftNobody
		if e.Reason == "agent_gone" {
			why = gateway.LeftLost
		}
		d.Event = c.EndLeg(call, leg, why)
	}
	d.Stream, d.Conversation = gateway.ConversationStream(id), id
	return d, d.Event != nil
}

// handOnLocked gives a call whose holder is gone to who else talks with the customer, rather than to the queue.
func (l *Live) handOnLocked(d router.Decision) router.Decision {
	if e, ok := d.Event.(gateway.ConversationQueued); ok && e.Reason == "agent_gone" {
		if c, ok := l.fold.Get(d.Conversation); ok {
			if assigned, ok := c.HandOn(); ok {
				d.Event = assigned
			}
		}
	}
	return d
}

// seenBy is a head without what this agent is not to know: supervisors who do not show themselves.
func seenBy(h wire.Conversation, agent gateway.AgentID) wire.Conversation {
	hidden := func(leg wire.CallLeg) bool { return leg.Hidden && leg.Agent != agent }
	if h.Call != nil && slices.ContainsFunc(h.Call.Legs, hidden) {
		h.Call = h.Call.Clone()
		h.Call.Legs = slices.DeleteFunc(h.Call.Legs, hidden)
	}
	return h
}

// sendHeadLocked sends a head to all consoles, each what it may see.
func (l *Live) sendHeadLocked(pos uint64, h wire.Conversation) {
	some := h.Call != nil && slices.ContainsFunc(h.Call.Legs, func(leg wire.CallLeg) bool { return leg.Hidden })
	if !some {
		l.sendAllLocked(wire.ConsoleUpdate{Position: pos, Conversation: &h})
		return
	}
	for s := range l.subs {
		v := seenBy(h, s.agent)
		l.sendLocked(s, wire.ConsoleUpdate{Position: pos, Conversation: &v})
	}
}

// PickUp takes what rings at a colleague.
func (l *Live) PickUp(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, offer gateway.OfferID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.PickUp(by, offer)
	})
}

// Hold plays the customer music; Resume ends that.
func (l *Live) Hold(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Hold(by, call)
	})
}

func (l *Live) Resume(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Resume(by, call)
	})
}

// Invite asks an agent, or the next of a queue, into a call.
func (l *Live) Invite(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID, role gateway.LegRole, to gateway.Target) (Result, error) {
	if err := l.checkTarget(to); err != nil {
		return Result{}, err
	}
	if err := l.canCome(to.Agent()); err != nil {
		return Result{}, err
	}
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Invite(by, call, role, to)
	})
}

// canCome says why an agent cannot be asked into a call now: nobody is to wait for whom it cannot ring at.
func (l *Live) canCome(id gateway.AgentID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.agents[id]
	if id == "" || a == nil {
		return nil // a queue, or checkTarget has said so
	}
	switch presence := l.agentViewLocked(id, time.Now()).Presence; {
	case presence == gateway.PresenceOffline || presence == gateway.PresenceAway:
		return gateway.Errorf(gateway.Conflicting, "%s is not there", a.saved.Name)
	case l.fold.Talking(id):
		return gateway.Errorf(gateway.Conflicting, "%s is in a call", a.saved.Name)
	case presence == gateway.PresenceWrapUp:
		return gateway.Errorf(gateway.Conflicting, "%s is writing a call up", a.saved.Name)
	case a.saved.CallCapacity == 0:
		return gateway.Errorf(gateway.Conflicting, "%s takes no calls", a.saved.Name)
	}
	return nil
}

// Connect hands the customer to who is consulted; Back ends the consultation; Conference brings all together.
func (l *Live) Connect(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Connect(by, call)
	})
}

func (l *Live) Back(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Back(by, call)
	})
}

func (l *Live) Conference(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Conference(by, call)
	})
}

// RemoveLeg takes somebody out of a call, LeaveCall leaves it to who else talks with the customer.
func (l *Live) RemoveLeg(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID, leg gateway.LegID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Remove(by, call, leg)
	})
}

func (l *Live) LeaveCall(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Leave(by, call)
	})
}

// RecordCall and StopRecording: the holder wants the call recorded, or no longer. By "" is the queue's rule.
func (l *Live) RecordCall(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		if by != "" && l.opts.Recording.Queues[c.Head.Queue] == "" {
			return nil, gateway.Errorf(gateway.Forbidden, "calls of this queue are not recorded (queues.recording)")
		}
		return c.WantRecording(by, call, l.opts.Recording.Ask)
	})
}

func (l *Live) StopRecording(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.StopRecording(by, call)
	})
}

// Recording says which queues' calls are recorded.
type Recording struct {
	Queues map[gateway.QueueID]string // RecordAgent, RecordAlways; others are not recorded
	Ask    bool                       // the customer must agree by a click
}

// What a queue's recording may be, beside not at all.
const (
	RecordAgent  = "agent"  // when the agent says so
	RecordAlways = "always" // from the first word on
)

// shownRecording is what a customer sees of a recording: what they may answer to, and what holds for them.
func shownRecording(r *wire.CallRecording) wire.RecordingState {
	if !r.Ask && (r.State == wire.RecordingStopped || r.State == wire.RecordingFailed) {
		return ""
	}
	return r.State
}

// What Options.Supervision may be.
const (
	SupervisionShown  = "shown"  // agents see who supervises
	SupervisionHidden = "hidden" // they do not; the journal does
	SupervisionOff    = "off"
)

// Supervision is the setting that holds.
func (l *Live) Supervision() string { return cmp.Or(l.opts.Supervision, SupervisionShown) }

// maySupervise says why an agent may not supervise.
func (l *Live) maySupervise(id gateway.AgentID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.agents[id]
	switch {
	case l.Supervision() == SupervisionOff:
		return gateway.Errorf(gateway.Forbidden, "calls are not supervised here (calls.supervision)")
	case a == nil || a.removed || a.saved.Role != "supervisor" && a.saved.Role != "admin":
		return gateway.Errorf(gateway.Forbidden, "only supervisors and administrators may supervise calls")
	}
	return nil
}

// Supervise joins a call as the mode says.
func (l *Live) Supervise(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID, mode gateway.LegRole) (Result, error) {
	if err := l.maySupervise(by); err != nil {
		return Result{}, err
	}
	shown := l.Supervision() == SupervisionShown
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Supervise(by, call, mode, shown)
	})
}

// HangUpLeg ends an agent's part in a call; ended is false when the whole call is to be ended instead.
func (l *Live) HangUpLeg(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (ended bool, err error) {
	_, err = l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		var e gateway.Event
		e, ended = c.HangUp(by, call)
		return e, nil
	})
	return ended, err
}

// LostLeg takes somebody out of a call whose line is gone.
func (l *Live) LostLeg(ctx context.Context, id gateway.ConversationID, call gateway.CallID, leg gateway.LegID) error {
	_, err := l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.EndLeg(call, leg, gateway.LeftLost), nil
	})
	return err
}
