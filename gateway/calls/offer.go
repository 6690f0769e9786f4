package calls

import (
	"context"
	"strings"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// CustomerOffer answers a line of the customer's page: of a new call, of the one under way (a reload, a restart,
// another window), or of an agent's call, which it accepts. A restart is refused with Conflicting when another
// window has taken the call over meanwhile, with NotFound when the line is gone: then a new one is to be offered.
func (d *Desk) CustomerOffer(ctx context.Context, who gateway.Identity, id gateway.CallID, sdp string, restart bool) (string, error) {
	if !gateway.ValidCallID(id) {
		return "", &gateway.Error{Kind: gateway.Invalid, Field: "call", Msg: "a call's id is 16 to 64 of A-Z, a-z, 0-9, - and _"}
	}
	q := offerBody{Who: who, Call: id, SDP: sdp, Restart: restart}
	if answer, done, err := d.offerElsewhere(ctx, q); done {
		return answer, err
	}
	return d.customerOffer(ctx, q)
}

// customerOffer answers the customer's line at this node.
func (d *Desk) customerOffer(ctx context.Context, q offerBody) (string, error) {
	if err := d.customersCall(q.Who, q.Call); err != nil {
		return "", err
	}
	return d.offer(ctx, q.Call, media.Customer, q.SDP, q.Restart)
}

// customersCall finds or begins the call that a page offers a line of.
func (d *Desk) customersCall(who gateway.Identity, id gateway.CallID) error {
	cur, calling := d.book.CallOf(who)
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.calls[id]
	switch {
	case c != nil && c.who != who:
		return gateway.Errorf(gateway.Conflicting, "this call's id is taken; call again")
	case calling && cur.Call.ID != id:
		return gateway.Errorf(gateway.Conflicting, "a call is under way already, in another window")
	case c != nil && !c.over:
		return nil
	case calling:
		d.addLocked(id, who).take(cur)
		return nil
	}
	return d.beginLocked(who, id)
}

// beginLocked starts a call of which nothing has been heard. An earlier one of the same customer is dropped: they
// pressed again.
func (d *Desk) beginLocked(who gateway.Identity, id gateway.CallID) error {
	pending := 0
	for _, c := range d.calls {
		if !c.known && !c.over {
			if pending++; c.who == who {
				c.over = true
			}
		}
	}
	if pending >= MaxPending {
		return gateway.Errorf(gateway.TooMany, "too many calls are being set up at this moment; try again in a few seconds")
	}
	if err := d.opts.Allow(who, id); err != nil {
		return err
	}
	d.addLocked(id, who)
	return nil
}

// AgentOffer answers a line of an agent's console: of a call that the agent has taken, has placed, was asked into
// or supervises.
func (d *Desk) AgentOffer(ctx context.Context, agent gateway.AgentID, conversation gateway.ConversationID, id gateway.CallID, sdp string, restart bool) (string, error) {
	q := offerBody{Agent: agent, Conversation: conversation, Call: id, SDP: sdp, Restart: restart}
	if answer, done, err := d.offerElsewhere(ctx, q); done {
		return answer, err
	}
	return d.agentOffer(ctx, q)
}

// agentOffer answers an agent's line at this node.
func (d *Desk) agentOffer(ctx context.Context, q offerBody) (string, error) {
	d.mu.Lock()
	c := d.calls[q.Call]
	ok := c != nil && c.known && !c.over && c.conversation == q.Conversation && c.agents[q.Agent] != nil && c.is.State != wire.CallWaiting
	d.mu.Unlock()
	if !ok {
		return "", gateway.Errorf(gateway.Conflicting, "this call is over, or somebody else has it")
	}
	return d.offer(ctx, q.Call, side(q.Agent), q.SDP, q.Restart)
}

// offer hands the offer to media and notes whose line it is.
func (d *Desk) offer(ctx context.Context, id gateway.CallID, s media.Side, sdp string, restart bool) (string, error) {
	print := fingerprint(sdp)
	d.mu.Lock()
	var l *leg
	c := d.calls[id]
	if c != nil {
		l = c.leg(s)
	}
	if l == nil {
		d.mu.Unlock()
		return "", gateway.Errorf(gateway.NotFound, "the call is over")
	}
	if restart && l.fingerprint != "" && l.fingerprint != print {
		d.mu.Unlock()
		return "", gateway.Errorf(gateway.Conflicting, "this call goes on in another window")
	}
	d.mu.Unlock()
	d.settleHere(id, s)
	answer, err := d.opts.Media.Offer(ctx, media.LegKey{Call: string(id), Side: s}, sdp, restart)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	if l = c.leg(s); l == nil {
		l = &leg{} // they have left
	}
	l.fingerprint = print
	if s != media.Customer && c.leg(s) == nil { // they left while the offer was answered
		c.left = append(c.left, agentOf(s))
	}
	other := media.Customer
	if s == media.Customer {
		other = side(c.is.Agent)
	}
	tell := d.peersLocked(c, other, true)
	d.mu.Unlock()
	tell()
	d.poke()
	return answer, nil
}

// fingerprint is the certificate of an offer: it stays the same as long as the browser's connection lives, so
// that two windows of one person can be told apart.
func fingerprint(sdp string) string {
	for line := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(line, "a=fingerprint:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// CustomerHangup ends a call, or refuses one that an agent has placed.
func (d *Desk) CustomerHangup(ctx context.Context, who gateway.Identity, id gateway.CallID) error {
	d.mu.Lock()
	c := d.calls[id]
	if at := d.homeLocked(id); at != "" && (c == nil || !c.known) {
		d.mu.Unlock()
		d.opts.Bus.SendTo(at, topicEnd, encoded(endBody{Who: who, Call: id}))
		return nil
	}
	if c == nil || c.who != who {
		d.mu.Unlock()
		return nil // it is over
	}
	if !c.known {
		c.over = true
		d.mu.Unlock()
		d.poke()
		return nil
	}
	why := gateway.EndCustomer
	if c.is.State == wire.CallRinging {
		why = gateway.EndDeclined
	}
	d.mu.Unlock()
	return d.end(ctx, who, gateway.CallEnded{Call: id, Reason: why})
}

// AgentHangup ends the call of a conversation that the agent holds, or the consultation in it; others leave it.
func (d *Desk) AgentHangup(ctx context.Context, agent gateway.AgentID, conversation gateway.ConversationID, id gateway.CallID) error {
	d.mu.Lock()
	c := d.calls[id]
	if c == nil || c.conversation != conversation {
		d.mu.Unlock()
		return nil // it is over
	}
	who, mine := c.who, c.agents[agent] != nil
	d.mu.Unlock()
	if !mine {
		return gateway.Errorf(gateway.Conflicting, "somebody else has this call")
	}
	if ended, err := d.book.HangUpLeg(ctx, agent, conversation, id); ended || err != nil {
		return err
	}
	return d.end(ctx, who, gateway.CallEnded{Call: id, Reason: gateway.EndAgent, Agent: agent})
}

func (d *Desk) end(ctx context.Context, who gateway.Identity, e gateway.CallEnded) error {
	return d.book.CallFact(ctx, who, "call/"+string(e.Call)+"/ended", e)
}
