// Package calls joins the sides of calls: it knows from the journal which calls there are and from package
// media whose line is up, decides what each side hears, and writes down what became of a call.
//
//	offered ─(first sound)→ requested → waiting (music) → answered ─(both heard)→ connected → ended
//
// While it is connected the call can be held, colleagues consulted or brought in, and supervisors join; package
// conversation knows these from the journal and table.go says what they mean for ears.
//
// A call is in the journal from the customer's first sound on. Before that it is nothing: a page that was only
// looked at, a link scanner that presses buttons, a browser without a microphone never reach the queue.
//
// Guarantees. The journal is the truth, and each fact has a key, so that what is written twice is one fact. Lines
// are fleeting: after a restart both pages offer again under the same call and are in it again. Who does not come
// back within [LostAfter] is lost; an agent who has no line [NoLineAfter] gives the call back to the front of its
// queue.
//
// Concurrency: all methods may be called from any goroutine. Desk.mu guards the calls and is never held over
// I/O, a call to media or to live. [Desk.Run] owns the one goroutine that writes facts, sets what is heard and
// watches the time. Changed comes from live under its lock: Desk.mu is below Live's.
//
// With several nodes each call has a home, the node where its lines are (nodes.go).
//
// Limits: [MaxPending] calls that have not been heard yet. Errors are *gateway.Error.
// Read next: step.go (what follows from what), offer.go (lines).
package calls

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// Times in the life of a call.
const (
	LostAfter   = 60 * time.Second // the customer's line is down this long
	LeftAfter   = 15 * time.Second // … while they wait, and their page is closed as well
	RingFor     = 45 * time.Second // an agent's call rings at the customer
	NoLineAfter = 30 * time.Second // an agent took a call and has no line
	UnheardFor  = 30 * time.Second // an offer of which nothing is heard
)

// MaxPending calls may be set up at once that nothing has been heard of.
const MaxPending = 200

// Media carries the sound; see package media.
type Media interface {
	Offer(ctx context.Context, key media.LegKey, sdp string, restart bool) (answer string, err error)
	Hear(call string, table media.Table)
	Hangup(key media.LegKey)
	End(call string)
	Tap(call string, to media.Tap, sides ...media.Side)
}

// Book is where calls are written down; *live.Live is one.
type Book interface {
	CallOf(who gateway.Identity) (live.CallChange, bool)
	CallFact(ctx context.Context, who gateway.Identity, key string, e gateway.Event) error
	RequeueCall(ctx context.Context, id gateway.ConversationID, call gateway.CallID) error
	Head() uint64
	Wait(ctx context.Context, pos uint64) error
	HangUpLeg(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (ended bool, err error)
	StopRecording(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, call gateway.CallID) (live.Result, error)
	LostLeg(ctx context.Context, id gateway.ConversationID, call gateway.CallID, leg gateway.LegID) error
	Online(who gateway.Identity) bool
	TellVisitor(who gateway.Identity, frame any)
	TellAgent(id gateway.AgentID, frame any)
}

// Options of a Desk. Allow is asked before a customer's new call, Done told of its end; both may be nil.
type Options struct {
	Media Media
	Allow func(who gateway.Identity, call gateway.CallID) error
	Done  func(who gateway.Identity, call gateway.CallID)
	Log   *slog.Logger
	// Recording of calls; the zero value: none.
	Recording Recording
	// Bus leads to other nodes; nil: there are none. It runs after New.
	Bus *bus.Bus
	// Leads reports whether this node decides for those calls that are at home nowhere; nil: it does.
	Leads func() bool
	// Relays are this node's TURN servers for a side of a call; nil: there are none.
	Relays func(call gateway.CallID, side string) []wire.ICEServer
}

// Desk is all calls of this process.
type Desk struct {
	opts Options
	book Book
	wake chan struct{} // capacity 1, never closed
	told time.Time     // when others were last told of the calls here; owned by Run

	mu    sync.Mutex
	calls map[gateway.CallID]*call
	homes map[gateway.CallID]*home // empty without a bus
}

// call is one call. Guarded by Desk.mu.
type call struct {
	id           gateway.CallID
	who          gateway.Identity
	began        time.Time // this process heard of it
	known        bool      // the journal has it
	conversation gateway.ConversationID
	holder       gateway.AgentID
	is           wire.Call // as the journal has it
	rev          uint64    // of the head that is changed to is.State
	customer     leg
	agents       map[gateway.AgentID]*leg // of those who are in it, also while they have no line
	left         []gateway.AgentID        // whose line is to be ended
	hears        media.Table              // by is and holderUp; nil: to be made anew
	holderUp     bool                     // in hears, who holds it has a line
	heard        media.Table              // what media was last told
	queue        gateway.QueueID
	language     string // of the customer
	notice       notice
	taped        taped
	over         bool // to be ended
	moved        bool // to another home: its lines here are to be ended
}

// leg is one side's line.
type leg struct {
	state       media.State // "" absent
	heard       bool        // sound has come
	away        time.Time   // not connected since; zero while it is
	fingerprint string      // of its certificate: which browser window it is
}

func (l *leg) up() bool { return l.state == media.Connected }

// New returns a Desk. Use must be called before Run.
func New(o Options) *Desk {
	if o.Allow == nil {
		o.Allow = func(gateway.Identity, gateway.CallID) error { return nil }
	}
	if o.Done == nil {
		o.Done = func(gateway.Identity, gateway.CallID) {}
	}
	if o.Leads == nil {
		o.Leads = func() bool { return true }
	}
	d := &Desk{opts: o, wake: make(chan struct{}, 1), calls: map[gateway.CallID]*call{}, homes: map[gateway.CallID]*home{}}
	if o.Bus != nil {
		d.joinBus(o.Bus)
	}
	return d
}

// Use sets where calls are written down: the two know each other.
func (d *Desk) Use(b Book) { d.book = b }

func (d *Desk) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Changed implements live.Calls.
func (d *Desk) Changed(ch live.CallChange) {
	defer d.poke()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.calls {
		if c.conversation == ch.Conversation && (ch.Call == nil || c.id != ch.Call.ID) {
			c.over = true
		}
	}
	if ch.Call == nil {
		return
	}
	c := d.calls[ch.Call.ID]
	if c == nil {
		c = d.addLocked(ch.Call.ID, ch.Who)
	}
	c.take(ch)
}

func (d *Desk) addLocked(id gateway.CallID, who gateway.Identity) *call {
	now := time.Now()
	c := &call{id: id, who: who, began: now, customer: leg{away: now}, agents: map[gateway.AgentID]*leg{}}
	d.calls[id] = c
	return c
}

// take brings c to what the journal says.
func (c *call) take(ch live.CallChange) {
	if !c.known || c.is.State != ch.Call.State || c.is.Agent != ch.Call.Agent {
		c.rev = ch.Rev
	}
	c.known, c.conversation, c.holder, c.is = true, ch.Conversation, ch.Holder, *ch.Call
	c.queue, c.language, c.hears = ch.Queue, ch.Language, nil
	c.meet()
}

// meet brings the lines of agents to who is in the call.
func (c *call) meet() {
	in := map[gateway.AgentID]bool{}
	for _, a := range inCall(&c.is) {
		in[a] = true
		if c.agents[a] == nil {
			c.agents[a] = &leg{away: time.Now()}
		}
	}
	for a := range c.agents {
		if !in[a] {
			delete(c.agents, a)
			c.left = append(c.left, a)
		}
	}
}

// inCall are the agents whose lines belong to a call.
func inCall(c *wire.Call) []gateway.AgentID {
	var all []gateway.AgentID
	if c.Agent != "" {
		all = append(all, c.Agent)
	}
	for _, l := range c.Legs {
		if l.Agent != "" && l.Agent != c.Agent {
			all = append(all, l.Agent)
		}
	}
	return all
}

// holderLeg is the line of who holds the call; of a call that waits one that is absent.
func (c *call) holderLeg() *leg {
	if l := c.agents[c.is.Agent]; l != nil {
		return l
	}
	return &leg{away: c.began}
}

// OnMedia hears what becomes of lines; it is media.Options.OnEvent.
func (d *Desk) OnMedia(e media.Event) {
	d.mu.Lock()
	c := d.calls[gateway.CallID(e.Leg.Call)]
	if c == nil || d.homeLocked(c.id) != "" { // what ends here goes on elsewhere
		d.mu.Unlock()
		return
	}
	l := c.leg(e.Leg.Side)
	if l == nil { // of an agent who has left
		d.mu.Unlock()
		return
	}
	l.heard = l.heard || e.FirstAudio
	changed := l.state != e.State
	switch l.state = e.State; {
	case l.up():
		l.away = time.Time{}
	case l.away.IsZero():
		l.away = time.Now()
	}
	if e.State == media.Closed {
		l.state, l.heard, l.fingerprint = "", false, ""
	}
	tell := d.peersLocked(c, e.Leg.Side, changed)
	d.mu.Unlock()
	tell()
	d.poke()
}

// leg is a side's line; nil for an agent who is not in the call.
func (c *call) leg(s media.Side) *leg {
	if s == media.Customer {
		return &c.customer
	}
	return c.agents[agentOf(s)]
}

// peersLocked returns what tells the others how side is reached: agents of the customer, the customer of who
// holds the call.
func (d *Desk) peersLocked(c *call, s media.Side, changed bool) func() {
	if !changed || !c.known {
		return func() {}
	}
	if s != media.Customer {
		if agentOf(s) != c.is.Agent {
			return func() {}
		}
		f, who := wire.CallPeer{Call: c.id, State: peerState(c.holderLeg())}, c.who
		return func() { d.book.TellVisitor(who, f) }
	}
	f, agents := wire.CallPeer{Call: c.id, State: peerState(&c.customer)}, inCall(&c.is)
	return func() {
		for _, a := range agents {
			d.book.TellAgent(a, f)
		}
	}
}

func peerState(l *leg) string {
	switch l.state {
	case media.Connected:
		return "connected"
	case media.Interrupted:
		return "interrupted"
	}
	return "absent"
}

// Stats counts the calls that this node acts for by what is going on in them.
type Stats struct {
	Unheard   int // being set up, nothing heard yet
	Waiting   int // for an agent
	Ringing   int // at customers
	Answered  int // being joined
	Connected int // both hear each other
}

// Stats returns the counts of this moment.
func (d *Desk) Stats() Stats {
	leads := d.opts.Leads()
	d.mu.Lock()
	defer d.mu.Unlock()
	var s Stats
	for id, c := range d.calls {
		switch {
		case c.over, !d.actsLocked(id, leads):
		case !c.known:
			s.Unheard++
		case c.is.State == wire.CallWaiting:
			s.Waiting++
		case c.is.State == wire.CallRinging:
			s.Ringing++
		case c.is.State == wire.CallAnswered:
			s.Answered++
		default:
			s.Connected++
		}
	}
	return s
}
