package calls

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// A call has a home: the node where its lines are. The first that answers a line of it is; it tells the others, and
// they hand lines of that call on to it, so that page and console may hang anywhere: sound goes from each browser straight to the
// home. Only the home acts for a call. One without a home (placed and not answered yet, or its home is gone) is the leading node's,
// which watches the times.
//
//	no home ─(a line is answered)→ home A ─(A goes)→ no home ─(a line is answered)→ home B
//	                                      └(A does not answer the customer's page)→ home B
//
// A new home is one turn later than the one before; of two the later is the home, and the other ends its lines. Who had a line at the
// one before is told to offer again, and does so without a click.
const (
	topicHomes = "calls.homes"  // homesBody: calls whose home the sender is, or has just become
	topicWant  = "calls.want"   // no body: say yours to me
	topicOffer = "calls.offer"  // offerBody, answered by answerBody
	topicEnd   = "calls.hangup" // endBody: a customer has hung up before anything was heard
)

const (
	repeatHomes = 15 * time.Second
	voidAfter   = 2 * time.Minute // a home that is not repeated for so long is none
	homesChunk  = 500
	stealAfter  = time.Second     // the home has not answered the customer's page
	askAgain    = 2 * time.Second // the home has not answered an agent's console: look who it is now
	lookAgain   = 100 * time.Millisecond
	offerWithin = 4 * time.Second // an agent's line is answered by then
)

// home of a call. Guarded by Desk.mu.
type home struct {
	node   bus.Node // "" none any more
	turn   uint64
	said   time.Time
	relays map[string][]wire.ICEServer // of another node, by side, as it gave them
}

type (
	homesBody struct {
		Calls map[gateway.CallID]uint64 `json:"calls"` // their turns
	}
	offerBody struct {
		Who          gateway.Identity       `json:"who,omitzero"`    // the customer's line
		Agent        gateway.AgentID        `json:"agent,omitempty"` // or an agent's, of
		Conversation gateway.ConversationID `json:"conversation,omitempty"`
		Call         gateway.CallID         `json:"call"`
		SDP          string                 `json:"sdp"`
		Restart      bool                   `json:"restart,omitempty"`
		Head         uint64                 `json:"head"` // what the asker has folded of the journal
	}
	answerBody struct {
		SDP    string           `json:"sdp"`
		Relays []wire.ICEServer `json:"relays,omitempty"`
	}
	endBody struct {
		Who  gateway.Identity `json:"who"`
		Call gateway.CallID   `json:"call"`
	}
)

func (q offerBody) side() string {
	if q.Agent != "" {
		return string(side(q.Agent))
	}
	return "customer"
}

// joinBus registers what is heard over the bus; New calls it.
func (d *Desk) joinBus(b *bus.Bus) {
	b.Watch(d.nodeChanged)
	b.Handle(topicHomes, d.heardHomes)
	b.Handle(topicWant, func(from bus.Node, _ []byte) { d.sayHomes(from) })
	b.Handle(topicEnd, func(_ bus.Node, body []byte) {
		var m endBody
		if json.Unmarshal(body, &m) == nil {
			d.dropUnheard(m.Who, m.Call)
		}
	})
	b.Answer(topicOffer, d.answerOffer)
}

// actsLocked reports whether this node acts for a call.
func (d *Desk) actsLocked(id gateway.CallID, leads bool) bool {
	if d.opts.Bus == nil {
		return true
	}
	h := d.homes[id]
	if h == nil || h.node == "" {
		return leads
	}
	return h.node == d.opts.Bus.Self()
}

// homeLocked is the other node where a call's lines are; "" none, or this one.
func (d *Desk) homeLocked(id gateway.CallID) bus.Node {
	if d.opts.Bus == nil || d.homes[id] == nil || d.homes[id].node == d.opts.Bus.Self() {
		return ""
	}
	return d.homes[id].node
}

func (d *Desk) elsewhere(id gateway.CallID) bus.Node {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.homeLocked(id)
}

// offerElsewhere has the call's home answer a line. done is false when this node is the home, or is to become it.
func (d *Desk) offerElsewhere(ctx context.Context, q offerBody) (answer string, done bool, err error) {
	for end := time.Now().Add(offerWithin); ; {
		at := d.elsewhere(q.Call)
		if at == "" {
			return "", false, nil
		}
		wait := stealAfter
		if q.Agent != "" {
			wait = askAgain
		}
		answer, err := d.askHome(ctx, wait, at, q)
		if err == nil || !unanswered(err) {
			return answer, true, err
		}
		if ctx.Err() != nil || q.Agent != "" && time.Now().After(end) {
			return "", true, err
		}
		if q.Agent == "" && d.elsewhere(q.Call) == at {
			d.opts.Log.Warn("the node that has a call does not answer its customer; the call comes here", "from", at, "err", err)
			return "", false, nil
		}
		select {
		case <-ctx.Done():
			return "", true, ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// unanswered: nobody knows what the home would have said.
func unanswered(err error) bool {
	var e *gateway.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Kind == gateway.Unavailable
}

func (d *Desk) askHome(ctx context.Context, wait time.Duration, at bus.Node, q offerBody) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	q.Head = d.book.Head()
	data, err := d.opts.Bus.Ask(ctx, at, topicOffer, encoded(q))
	if err != nil {
		return "", err
	}
	var a answerBody
	if err := json.Unmarshal(data, &a); err != nil {
		return "", &gateway.Error{Kind: gateway.Internal, Msg: "node " + at.Name() + " gives an answer that is not understood", Err: err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.homes[q.Call]; h != nil && h.node == at {
		if h.relays == nil {
			h.relays = map[string][]wire.ICEServer{}
		}
		h.relays[q.side()] = a.Relays
	}
	return a.SDP, nil
}

// encoded marshals a body; our own structs cannot fail.
func encoded(body any) []byte {
	data, err := json.Marshal(body)
	if err != nil {
		panic("calls: " + err.Error())
	}
	return data
}

// answerOffer answers a line that hangs at another node, when it has folded what that has.
func (d *Desk) answerOffer(ctx context.Context, _ bus.Node, body []byte) ([]byte, error) {
	var q offerBody
	if err := json.Unmarshal(body, &q); err != nil || len(q.SDP) > wire.MaxSDPBytes {
		return nil, &gateway.Error{Kind: gateway.Invalid, Msg: "an offer that is not understood", Err: err}
	}
	if err := d.book.Wait(ctx, q.Head); err != nil {
		return nil, gateway.Errorf(gateway.Unavailable, "this node is behind")
	}
	d.mu.Lock()
	here := d.homes[q.Call] != nil && d.homes[q.Call].node == d.opts.Bus.Self()
	d.mu.Unlock()
	if !here {
		return nil, gateway.Errorf(gateway.Unavailable, "the call has moved on")
	}
	var a answerBody
	var err error
	if q.Agent != "" {
		a.SDP, err = d.agentOffer(ctx, q)
	} else {
		a.SDP, err = d.customerOffer(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	if d.opts.Relays != nil {
		a.Relays = d.opts.Relays(q.Call, q.side())
	}
	return encoded(a), nil
}

// Relays are the TURN servers for one side of a call: those of its home, for each relays to its own node only.
func (d *Desk) Relays(call gateway.CallID, side string) []wire.ICEServer {
	d.mu.Lock()
	if d.homeLocked(call) != "" {
		defer d.mu.Unlock()
		return d.homes[call].relays[side]
	}
	d.mu.Unlock()
	if d.opts.Relays == nil {
		return nil
	}
	return d.opts.Relays(call, side)
}

// settleHere makes this node a call's home, if it is not, because a side offers its line here. The other sides of a
// call that has moved are told to offer again.
func (d *Desk) settleHere(id gateway.CallID, s media.Side) {
	d.mu.Lock()
	tell := d.settleHereLocked(id, s)
	d.mu.Unlock()
	tell()
}

func (d *Desk) settleHereLocked(id gateway.CallID, s media.Side) (tell func()) {
	b := d.opts.Bus
	if b == nil || d.homes[id] != nil && d.homes[id].node == b.Self() {
		return func() {}
	}
	h := &home{node: b.Self(), turn: 1, said: time.Now()}
	if was := d.homes[id]; was != nil {
		h.turn = was.turn + 1
	}
	d.homes[id] = h
	b.Send(topicHomes, encoded(homesBody{Calls: map[gateway.CallID]uint64{id: h.turn}}))
	c := d.calls[id]
	if c == nil || h.turn == 1 {
		return func() {}
	}
	c.unhang(time.Now())
	return d.againLocked(c, s)
}

// againLocked returns what tells the sides of a call, but one, to offer their lines again.
func (d *Desk) againLocked(c *call, but media.Side) (tell func()) {
	f, who, agents := wire.CallPeer{Call: c.id, State: peerState(&leg{}), Again: true}, c.who, inCall(&c.is)
	return func() {
		if but != media.Customer {
			d.book.TellVisitor(who, f)
		}
		for _, a := range agents {
			if side(a) != but {
				d.book.TellAgent(a, f)
			}
		}
	}
}

// unhang forgets the lines of a call: whoever is away is so from now on.
func (c *call) unhang(now time.Time) {
	c.customer = leg{away: now}
	for a := range c.agents {
		c.agents[a] = &leg{away: now}
	}
	c.left, c.heard, c.notice = nil, nil, notice{}
}

// heardHomes takes what a node says of its calls.
func (d *Desk) heardHomes(from bus.Node, body []byte) {
	var m homesBody
	if err := json.Unmarshal(body, &m); err != nil {
		d.opts.Log.Warn("another node is not understood", "node", from, "topic", topicHomes, "err", err)
		return
	}
	defer d.poke()
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for id, turn := range m.Calls {
		was := d.homes[id]
		switch {
		case was != nil && was.node == from && was.turn == turn:
			was.said = now
		case was == nil || turn > was.turn || turn == was.turn && from > was.node:
			d.homes[id] = &home{node: from, turn: turn, said: now}
			if c := d.calls[id]; c != nil && was != nil && was.node == d.opts.Bus.Self() {
				c.moved = true
			}
		}
	}
}

// sayHomes says which calls are at home here, to one node or to all ("").
func (d *Desk) sayHomes(to bus.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	part := map[gateway.CallID]uint64{}
	say := func() {
		if len(part) > 0 {
			d.opts.Bus.SendTo(to, topicHomes, encoded(homesBody{Calls: part}))
			part = map[gateway.CallID]uint64{}
		}
	}
	for id, h := range d.homes {
		if h.node != d.opts.Bus.Self() {
			continue
		}
		if part[id] = h.turn; len(part) == homesChunk {
			say()
		}
	}
	say()
}

// nodeChanged hears that nodes come and go. The calls of one that goes have no home; one of those that stay tells
// their people to offer again.
func (d *Desk) nodeChanged(c bus.Change) {
	switch c.Kind {
	case bus.Came:
		d.opts.Bus.SendTo(c.Peer.Node, topicWant, nil)
	case bus.Resumed:
		d.sayHomes("")
		d.opts.Bus.Send(topicWant, nil)
	case bus.Went:
		for _, tell := range d.orphan(func(h *home) bool { return h.node == c.Peer.Node }) {
			if d.firstNode() {
				tell()
			}
		}
	}
	d.poke()
}

// firstNode reports whether this is the first of the nodes that are there, by name: one that all agree on.
func (d *Desk) firstNode() bool {
	for _, p := range d.opts.Bus.Peers() {
		if p.Node < d.opts.Bus.Self() {
			return false
		}
	}
	return true
}

// orphan takes the homes away that which names, and returns what tells the people of those calls.
func (d *Desk) orphan(which func(*home) bool) (tells []func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, h := range d.homes {
		if h.node == "" || !which(h) {
			continue
		}
		d.homes[id] = &home{turn: h.turn, said: time.Now()}
		if c := d.calls[id]; c != nil {
			c.unhang(time.Now())
			tells = append(tells, d.againLocked(c, ""))
		}
	}
	return tells
}

// keepHomes repeats what others may have missed, and forgets what is void. Run calls it.
func (d *Desk) keepHomes(now time.Time) {
	if d.opts.Bus == nil || now.Sub(d.told) < repeatHomes {
		return
	}
	d.told = now
	if !d.opts.Bus.Connected() {
		return
	}
	d.sayHomes("")
	self := d.opts.Bus.Self()
	d.orphan(func(h *home) bool { return h.node != self && now.Sub(h.said) >= voidAfter })
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.homes, func(id gateway.CallID, h *home) bool {
		return d.calls[id] == nil && h.node != self && now.Sub(h.said) >= voidAfter
	})
}

// dropUnheard ends a call of which nothing has been heard.
func (d *Desk) dropUnheard(who gateway.Identity, id gateway.CallID) {
	defer d.poke()
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.calls[id]; c != nil && c.who == who && !c.known {
		c.over = true
	}
}
