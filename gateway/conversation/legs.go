package conversation

import (
	"slices"
	"strconv"
	"strings"

	"backline/gateway"
	"backline/gateway/wire"
)

// MaxCallLegs is how many can be in one call: the customer, who holds it, and six more.
const MaxCallLegs = 8

// What happens in a call while agents have it. A leg is somebody beside the customer and the holder:
//
//	invited ─(rings, taken)→ consult ─(connect)→ holder
//	                         consult ─(conference)→ guest ─(leaves)
//	invited ─(rings, taken)→ guest                 listen ⇄ whisper ⇄ barge (supervisors; nobody asked them)
//
// A consult holds the customer until it ends, whatever way it does.

// applyToCall folds the events of a conversation's stream that are about the call under way.
func (f *Fold) applyToCall(r Record, c *Conversation) {
	switch e := r.Event.(type) {
	case gateway.CallHeld:
		f.inCall(r, c, e.Call, func(call *wire.Call) bool { return f.putOnHold(r, c, call, e) })
	case gateway.CallResumed:
		f.inCall(r, c, e.Call, func(*wire.Call) bool { return f.resumed(r, c, e) })
	case gateway.CallRecordingWanted:
		f.inCall(r, c, e.Call, func(call *wire.Call) bool { return f.recordingWanted(r, c, call, e) })
	case gateway.CallRecordingStopped:
		f.inCall(r, c, e.Call, func(call *wire.Call) bool { return f.recordingStopped(r, c, call, e) })
	case gateway.CallInvited:
		f.inCall(r, c, e.Call, func(call *wire.Call) bool { return f.invited(r, c, call, e) })
	case gateway.CallSupervised:
		f.inCall(r, c, e.Call, func(call *wire.Call) bool { return f.supervised(r, c, call, e) })
	case gateway.CallLegOffered:
		f.onLeg(r, c, e.Call, e.Leg, func(l *wire.CallLeg) {
			l.Offer = &wire.Offer{ID: e.Offer, Agents: slices.Clone(e.Agents), Until: e.Until}
		})
	case gateway.CallLegOfferEnded:
		f.onLeg(r, c, e.Call, e.Leg, func(l *wire.CallLeg) { c.legOfferEnded(l, e) })
	case gateway.CallJoined:
		f.onLeg(r, c, e.Call, e.Leg, func(l *wire.CallLeg) {
			l.Agent, l.Offer, l.Since = e.Agent, nil, r.At
			f.legEvent(r, c, "call_joined", l, "")
		})
	case gateway.CallConferenced:
		f.onLeg(r, c, e.Call, e.Leg, func(l *wire.CallLeg) {
			l.Role = gateway.RoleGuest
			f.resume(r, c)
			f.legEvent(r, c, "call_conferenced", l, "")
		})
	case gateway.CallLeft:
		f.onLeg(r, c, e.Call, e.Leg, func(l *wire.CallLeg) { f.left(r, c, *l, e) })
	}
}

// inCall runs change on the call if it is still that one, and emits it when it says so.
func (f *Fold) inCall(r Record, c *Conversation, id gateway.CallID, change func(*wire.Call) bool) {
	if call := c.Head.Call; call != nil && call.ID == id && change(call) {
		f.emitCall(r, c)
		f.touch(r, c)
	}
}

func (f *Fold) onLeg(r Record, c *Conversation, call gateway.CallID, id gateway.LegID, change func(*wire.CallLeg)) {
	f.inCall(r, c, call, func(call *wire.Call) bool {
		i := slices.IndexFunc(call.Legs, func(l wire.CallLeg) bool { return l.ID == id })
		if i >= 0 {
			change(&call.Legs[i])
		}
		return i >= 0
	})
}

func (f *Fold) putOnHold(r Record, c *Conversation, call *wire.Call, e gateway.CallHeld) bool {
	if call.HeldSince != nil {
		return false
	}
	at := r.At
	call.HeldSince = &at
	f.event(r, c, "call_held", map[string]string{"agent": string(e.Agent), "agent_name": f.nameOf(e.Agent)})
	return true
}

func (f *Fold) resumed(r Record, c *Conversation, e gateway.CallResumed) bool {
	if !f.resume(r, c) {
		return false
	}
	f.event(r, c, "call_resumed", map[string]string{"agent": string(e.Agent), "agent_name": f.nameOf(e.Agent)})
	return true
}

// resume ends a hold, if there is one, and counts it.
func (f *Fold) resume(r Record, c *Conversation) bool {
	call := c.Head.Call
	if call.HeldSince == nil {
		return false
	}
	c.heldFor += max(0, r.At.Sub(*call.HeldSince))
	call.HeldSince = nil
	return true
}

func (f *Fold) invited(r Record, c *Conversation, call *wire.Call, e gateway.CallInvited) bool {
	if len(call.Legs)+2 >= MaxCallLegs {
		return false
	}
	if e.Role == gateway.RoleConsult && call.HeldSince == nil {
		at := r.At
		call.HeldSince = &at
	}
	call.Legs = append(call.Legs, wire.CallLeg{ID: legID(r.Pos), Role: e.Role, To: e.To, By: e.By, Since: r.At})
	f.legEvent(r, c, "call_invited", &call.Legs[len(call.Legs)-1], "")
	return true
}

func legID(pos uint64) gateway.LegID { return gateway.LegID("l" + strconv.FormatUint(pos, 36)) }

func (f *Fold) supervised(r Record, c *Conversation, call *wire.Call, e gateway.CallSupervised) bool {
	l := call.Leg(e.Agent)
	switch {
	case l != nil && !l.Role.Supervises(), l == nil && len(call.Legs)+2 >= MaxCallLegs:
		return false
	case l == nil:
		call.Legs = append(call.Legs, wire.CallLeg{ID: legID(r.Pos), Agent: e.Agent, Since: r.At})
		l = &call.Legs[len(call.Legs)-1]
	}
	l.Role, l.Hidden = e.Mode, !e.Shown
	f.legEvent(r, c, "call_supervised", l, "")
	return true
}

func (c *Conversation) legOfferEnded(l *wire.CallLeg, e gateway.CallLegOfferEnded) {
	if l.Offer == nil || l.Offer.ID != e.Offer {
		return
	}
	l.Offer.Agents = slices.DeleteFunc(l.Offer.Agents, func(a gateway.AgentID) bool { return a == e.Agent })
	if len(l.Offer.Agents) == 0 {
		l.Offer = nil
	}
	if c.legTried == nil {
		c.legTried = map[gateway.LegID][]gateway.AgentID{}
	}
	if e.Outcome != "withdrawn" && !slices.Contains(c.legTried[l.ID], e.Agent) {
		c.legTried[l.ID] = append(c.legTried[l.ID], e.Agent)
	}
}

// LegTried returns who missed or declined an invitation. It must not be changed.
func (c *Conversation) LegTried(id gateway.LegID) []gateway.AgentID { return c.legTried[id] }

func (f *Fold) left(r Record, c *Conversation, l wire.CallLeg, e gateway.CallLeft) {
	call := c.Head.Call
	call.Legs = slices.DeleteFunc(call.Legs, func(x wire.CallLeg) bool { return x.ID == l.ID })
	if l.Role == gateway.RoleConsult {
		f.resume(r, c)
	}
	f.legEvent(r, c, "call_left", &l, string(e.Reason))
}

// handOver makes an agent who may be in the call its holder. What the one before was asking and holding is over.
func (f *Fold) handOver(r Record, c *Conversation, to gateway.AgentID) {
	call := c.Head.Call
	f.resume(r, c)
	call.Legs = slices.DeleteFunc(call.Legs, func(l wire.CallLeg) bool {
		return l.Agent == to || l.Agent == "" || l.Role == gateway.RoleConsult
	})
}

// legEvent writes a line about a leg, unless agents are not to know of it.
func (f *Fold) legEvent(r Record, c *Conversation, name string, l *wire.CallLeg, reason string) {
	if l.Hidden {
		return
	}
	who := l.Agent
	if who == "" {
		who = l.To.Agent()
	}
	f.event(r, c, name, map[string]string{"agent": string(who), "agent_name": f.nameOf(who), "queue": string(l.To.Queue()),
		"role": string(l.Role), "reason": reason, "by": string(l.By), "by_name": f.nameOf(l.By)})
}

// legOf returns the leg that an offer belongs to, of those that still are, also when it was taken; see LegOffer.
func (c *Conversation) legOf(offer gateway.OfferID) *wire.CallLeg {
	if c.Head.Call == nil {
		return nil
	}
	for i, l := range c.Head.Call.Legs {
		if strings.HasPrefix(string(offer), string(LegWork(c.Head.ID, l.ID))+".") {
			return &c.Head.Call.Legs[i]
		}
	}
	return nil
}

// LegWork is the id under which an invitation is routed, as if it were a conversation. Ids of its offers begin
// with it.
func LegWork(c gateway.ConversationID, l gateway.LegID) gateway.ConversationID {
	return c + "/" + gateway.ConversationID(l)
}

// ParseLegWork is the reverse of LegWork; not ok for a conversation's own id.
func ParseLegWork(id gateway.ConversationID) (gateway.ConversationID, gateway.LegID, bool) {
	c, l, ok := strings.Cut(string(id), "/")
	return gateway.ConversationID(c), gateway.LegID(l), ok
}
