package conversation

import (
	"slices"

	"backline/gateway"
	"backline/gateway/wire"
)

// holds returns the call that agent holds, or why not.
func (c *Conversation) holds(agent gateway.AgentID, id gateway.CallID) (*wire.Call, error) {
	call := c.Head.Call
	switch {
	case call == nil || call.ID != id:
		return nil, gateway.Errorf(gateway.Conflicting, "this call is over")
	case c.Head.Agent != agent || call.Agent != agent:
		return nil, gateway.Errorf(gateway.Conflicting, "somebody else has this call")
	case call.State != wire.CallConnected && call.State != wire.CallAnswered:
		return nil, gateway.Errorf(gateway.Conflicting, "nobody has answered this call yet")
	}
	return call, nil
}

// Hold: the customer hears music, and nobody hears them.
func (c *Conversation) Hold(agent gateway.AgentID, id gateway.CallID) (gateway.Event, error) {
	call, err := c.holds(agent, id)
	if err != nil || call.HeldSince != nil {
		return nil, err
	}
	return gateway.CallHeld{Call: id, Agent: agent}, nil
}

// Resume ends a hold. A consultation ends by Back, Connect or Conference.
func (c *Conversation) Resume(agent gateway.AgentID, id gateway.CallID) (gateway.Event, error) {
	call, err := c.holds(agent, id)
	switch {
	case err != nil || call.HeldSince == nil:
		return nil, err
	case call.Consult() != nil:
		return nil, gateway.Errorf(gateway.Conflicting, "end the consultation first")
	}
	return gateway.CallResumed{Call: id, Agent: agent}, nil
}

// Invite: the holder asks somebody in, to consult them or to talk with all.
func (c *Conversation) Invite(agent gateway.AgentID, id gateway.CallID, role gateway.LegRole, to gateway.Target) (gateway.Event, error) {
	call, err := c.holds(agent, id)
	if err != nil {
		return nil, err
	}
	asked := slices.ContainsFunc(call.Legs, func(l wire.CallLeg) bool { return l.Agent == "" && l.To == to })
	switch {
	case to.Agent() == agent || call.Leg(to.Agent()) != nil:
		return nil, gateway.Errorf(gateway.Conflicting, "they are in this call already")
	case role == gateway.RoleConsult && call.Consult() != nil:
		return nil, gateway.Errorf(gateway.Conflicting, "somebody is being consulted already")
	case asked:
		return nil, gateway.Errorf(gateway.Conflicting, "they are being asked already")
	case len(call.Legs)+2 >= MaxCallLegs:
		return nil, gateway.Errorf(gateway.Conflicting, "a call has at most %d people", MaxCallLegs)
	}
	return gateway.CallInvited{Call: id, Role: role, To: to, By: agent}, nil
}

func (c *Conversation) join(agent gateway.AgentID, offer gateway.OfferID, l *wire.CallLeg) (gateway.Event, error) {
	switch {
	case l.Agent == agent:
		return nil, nil // said twice
	case l.Offer == nil || l.Offer.ID != offer || !slices.Contains(l.Offer.Agents, agent):
		return nil, gateway.Errorf(gateway.Conflicting, "this offer is over: somebody else answered, or it rang out")
	case c.Head.Call.Agent == agent || c.Head.Call.Leg(agent) != nil:
		return nil, gateway.Errorf(gateway.Conflicting, "you are in this call already")
	}
	return gateway.CallJoined{Call: c.Head.Call.ID, Leg: l.ID, Agent: agent}, nil
}

// consulted returns the consultation of a call that agent holds.
func (c *Conversation) consulted(agent gateway.AgentID, id gateway.CallID) (*wire.CallLeg, error) {
	call, err := c.holds(agent, id)
	if err != nil {
		return nil, err
	}
	l := call.Consult()
	if l == nil {
		return nil, gateway.Errorf(gateway.Conflicting, "nobody is being consulted any more")
	}
	return l, nil
}

func notYet() error {
	return gateway.Errorf(gateway.Conflicting, "your colleague has not answered yet")
}

// Connect hands the customer to who is consulted.
func (c *Conversation) Connect(agent gateway.AgentID, id gateway.CallID) (gateway.Event, error) {
	l, err := c.consulted(agent, id)
	switch {
	case err != nil:
		return nil, err
	case l.Agent == "":
		return nil, notYet()
	}
	return gateway.ConversationAssigned{Agent: l.Agent, How: "consult", By: agent}, nil
}

// Back ends the consultation; the holder is with the customer again.
func (c *Conversation) Back(agent gateway.AgentID, id gateway.CallID) (gateway.Event, error) {
	l, err := c.consulted(agent, id)
	if err != nil {
		return nil, err
	}
	return gateway.CallLeft{Call: id, Leg: l.ID, Agent: l.Agent, Reason: gateway.LeftReturned, By: agent}, nil
}

// Conference brings customer, holder and who is consulted together.
func (c *Conversation) Conference(agent gateway.AgentID, id gateway.CallID) (gateway.Event, error) {
	l, err := c.consulted(agent, id)
	switch {
	case err != nil:
		return nil, err
	case l.Agent == "":
		return nil, notYet()
	}
	return gateway.CallConferenced{Call: id, Leg: l.ID, By: agent}, nil
}

// Remove: the holder takes somebody out, or an invitation back. Supervisors come and go by themselves.
func (c *Conversation) Remove(agent gateway.AgentID, id gateway.CallID, leg gateway.LegID) (gateway.Event, error) {
	call, err := c.holds(agent, id)
	if err != nil {
		return nil, err
	}
	for _, l := range call.Legs {
		if l.ID == leg && !l.Role.Supervises() {
			return gateway.CallLeft{Call: id, Leg: leg, Agent: l.Agent, Reason: gateway.LeftRemoved, By: agent}, nil
		}
	}
	return nil, nil // they have left
}

// HangUp ends agent's part in the call: somebody who was asked in, or supervises, leaves; of the holder the
// consultation ends. ok is false when the call itself is to be ended.
func (c *Conversation) HangUp(agent gateway.AgentID, id gateway.CallID) (e gateway.Event, ok bool) {
	call := c.Head.Call
	if call == nil || call.ID != id {
		return nil, true
	}
	l, why := call.Leg(agent), gateway.LeftSelf
	if call.Agent == agent {
		l, why = call.Consult(), gateway.LeftReturned
	}
	if l == nil {
		return nil, call.Agent != agent
	}
	return gateway.CallLeft{Call: id, Leg: l.ID, Agent: l.Agent, Reason: why, By: agent}, true
}

// Leave: the holder goes and leaves the customer to the first who talks with them.
func (c *Conversation) Leave(agent gateway.AgentID, id gateway.CallID) (gateway.Event, error) {
	if _, err := c.holds(agent, id); err != nil {
		return nil, err
	}
	if e, ok := c.HandOn(); ok {
		return e, nil
	}
	return nil, gateway.Errorf(gateway.Conflicting, "nobody else talks with the customer")
}

// HandOn gives the call to the first who talks with the customer beside its holder, who leaves or is gone; not ok
// when there is nobody.
func (c *Conversation) HandOn() (gateway.Event, bool) {
	call := c.Head.Call
	if call == nil {
		return nil, false
	}
	for _, l := range call.Legs {
		if l.Agent != "" && l.Role == gateway.RoleGuest {
			return gateway.ConversationAssigned{Agent: l.Agent, How: "left", By: call.Agent}, true
		}
	}
	return nil, false
}

// Supervise: by joins the call to listen, whisper or talk, or changes between these. Whether they may, the caller
// knows.
func (c *Conversation) Supervise(by gateway.AgentID, id gateway.CallID, mode gateway.LegRole, shown bool) (gateway.Event, error) {
	call := c.Head.Call
	if call == nil || call.ID != id || call.Agent == "" || call.State == wire.CallWaiting {
		return nil, gateway.Errorf(gateway.Conflicting, "nobody talks in this call at the moment")
	}
	l := call.Leg(by)
	switch {
	case !mode.Supervises():
		return nil, &gateway.Error{Kind: gateway.Invalid, Field: "mode", Msg: `mode is "listen", "whisper" or "barge"`}
	case call.Agent == by || l != nil && !l.Role.Supervises():
		return nil, gateway.Errorf(gateway.Conflicting, "you are in this call already")
	case l != nil && l.Role == mode:
		return nil, nil
	case l == nil && len(call.Legs)+2 >= MaxCallLegs:
		return nil, gateway.Errorf(gateway.Conflicting, "a call has at most %d people", MaxCallLegs)
	}
	return gateway.CallSupervised{Call: id, Agent: by, Mode: mode, Shown: shown}, nil
}

// EndLeg: a leg's line is lost, or nobody takes an invitation.
func (c *Conversation) EndLeg(id gateway.CallID, leg gateway.LegID, why gateway.LeftReason) gateway.Event {
	if call := c.Head.Call; call != nil && call.ID == id {
		for _, l := range call.Legs {
			if l.ID == leg {
				return gateway.CallLeft{Call: id, Leg: leg, Agent: l.Agent, Reason: why}
			}
		}
	}
	return nil
}
