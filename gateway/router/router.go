// Package router decides who gets which conversation next. It holds an index of what waits and of who can
// answer, and turns it into decisions; it does no I/O, reads no clock, starts no goroutine and takes no lock.
//
// The shell (package live) owns the truth. It mirrors each conversation and each agent with [Router.PutWork]
// and [Router.PutAgent], calls [Router.Decide], appends the decisions to the journal and mirrors what came
// back. A conversation or agent with a decision under way is left alone until it is Put again, whether the
// append succeeded or not: there is at most one decision per stream under way. The router can be dropped at
// any time and rebuilt by Puts; only the turn of round robin and the measured service times start anew.
//
//	waiting ─ConversationOffered→ offered ─OfferEnded(timed_out, withdrawn)→ waiting
//	   ↑                                                                       │
//	   └──ConversationQueued (agent_away, overflow; agent_gone to the front)───┘
//
// # Order
//
// Front comes before all others. Then counts the time of beginning to wait, minus [PriorityStep] for each
// step of priority, its own and its queue's together: a priority of 2 is a bonus of two minutes. The order of two conversations therefore never
// changes while they wait, and a later one can overtake only for its bonus: nobody starves. An agent of
// several queues gets the first of all their conversations.
//
// # Who is asked
//
// An agent can be offered something who chose ready, whose console was heard within SilentAfter, who is not
// in wrap-up and has room. Room is counted per kind: calls against CallCapacity, texts against TextCapacity;
// what rings counts like what is held. longest_idle asks the least loaded, among them the one idle longest;
// round_robin asks in turn; ring_all asks everybody with room at once. Whoever missed or declined a
// conversation is passed over while somebody else can be asked; when all were asked, the round starts again
// with the one after the last asked. So the first in the order rings as long as anybody is there. When
// RingTime is over the offer ends and the next agent is asked; after MissesToAway misses in a row the agent
// is set away ("missed_offers").
//
// An offer is withdrawn when its agent goes away, silent or over capacity (by taking work by hand). After
// GoneAfter without a sign of life an agent is set away ("silent") and what they hold and have not answered
// goes back to the front ("agent_gone"); of an agent whose account is removed, everything they hold. An
// agent who had no console since the start of the router (LastHeartbeat zero) gets no offers, and work given
// to them by hand stays theirs.
//
// # Targets
//
// Work for one agent waits for them while they are ready, also when they have no room, and whatever the
// hours of its queue. When they are not ready it goes to its queue ("agent_away"); when they missed or
// declined it, too ("overflow"). Without a queue to fall back to it keeps waiting for that agent.
//
// A queue outside its hours offers nothing; when it opens the order decides. A queue with Overflow gives its
// work away when it waited OverflowAfter, and at once while nobody is signed in; in both cases only when
// there is somebody at the other end, so that work does not wander. Both rules may change while it runs, see
// [Router.SetRules].
//
// # Use
//
// A Router belongs to one goroutine at a time. Times may come from a clock that stands still; one that goes
// back is taken as standing still. Memory is under 1 KiB a conversation. Freeing an agent costs
// O(queues of the agent + log n); nothing in Decide looks at all work or all agents.
//
// Read next: invariants_test.go, where these sentences are invariants.
package router

import (
	"math"
	"time"

	"backline/gateway"
)

// PriorityStep is how much earlier one step of priority lets a conversation count as arrived.
const PriorityStep = time.Minute

// NoWrapUp as a queue's WrapUp leaves no time after a call.
const NoWrapUp time.Duration = -1

// Strategy says who of the agents with room is asked.
type Strategy string

const (
	LongestIdle Strategy = "longest_idle" // also ""
	RoundRobin  Strategy = "round_robin"
	RingAll     Strategy = "ring_all"
)

// Kind of work: which capacity it uses.
type Kind uint8

const (
	Text Kind = iota
	Call
	kinds
)

// Settings hold for all queues. Zero values are the defaults in brackets.
type Settings struct {
	RingTime     time.Duration // [20 s]
	WrapUp       time.Duration // after a call [30 s]; the router only hands it out, see WrapUpFor
	SilentAfter  time.Duration // without heartbeat: no offers [45 s]
	GoneAfter    time.Duration // without heartbeat: unanswered work goes back [60 s]
	MissesToAway int           // [2]
	CallCapacity int           // of an agent without an own value [1]
	TextCapacity int           // [4]
}

func (s Settings) withDefaults() Settings {
	s.RingTime = orDefault(s.RingTime, 20*time.Second)
	s.WrapUp = orDefault(s.WrapUp, 30*time.Second)
	s.SilentAfter = orDefault(s.SilentAfter, 45*time.Second)
	s.GoneAfter = max(orDefault(s.GoneAfter, time.Minute), s.SilentAfter)
	s.MissesToAway = orDefault(s.MissesToAway, 2)
	s.CallCapacity = orDefault(s.CallCapacity, 1)
	s.TextCapacity = orDefault(s.TextCapacity, 4)
	return s
}

func orDefault[T int | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// Queue is one queue as configured.
type Queue struct {
	ID            gateway.QueueID
	Name          string
	Strategy      Strategy
	RingTime      time.Duration // zero: that of Settings
	WrapUp        time.Duration // zero: that of Settings; NoWrapUp: none
	Priority      int           // of all its work, added to the work's own
	Hours         *Hours        // nil: always open
	Overflow      gateway.Target
	OverflowAfter time.Duration // zero: only while nobody is signed in
}

// Work is one open conversation as the router needs it.
type Work struct {
	ID       gateway.ConversationID
	State    gateway.State
	Target   gateway.Target
	Queue    gateway.QueueID // the queue itself, or the one an agent target falls back to
	Kind     Kind
	Priority int
	Since    time.Time         // waiting since
	Front    bool              // before all others
	Agent    gateway.AgentID   // holder
	Offer    gateway.OfferID   // the live offer
	Offered  []gateway.AgentID // where it still rings
	Until    time.Time         // when the live offer ends
	Aside    bool              // nobody waits in it: a colleague is asked into a call. It is in no count and no measure
	Answered bool              // the holder has written since getting it
	Tried    []gateway.AgentID // who missed or declined it since it last began to wait
	Version  uint64            // of the conversation's stream
}

// Agent is one agent as the router needs it.
type Agent struct {
	ID            gateway.AgentID
	Queues        []gateway.QueueID
	Presence      gateway.Presence // chosen: ready or away
	LastHeartbeat time.Time        // zero: no console since the start
	CallCapacity  int              // 0: that of Settings; negative: none
	TextCapacity  int
	Misses        int // in a row
	IdleSince     time.Time
	WrapUpUntil   time.Time
}

// Decision is one event to append to Stream. Expect is the version of the conversation's stream it was made
// on; it is zero for an agent's stream, where any version will do. Agent is whom it concerns (of a ring_all
// offer the first).
type Decision struct {
	Stream       string
	Conversation gateway.ConversationID
	Agent        gateway.AgentID
	Expect       uint64
	Event        gateway.Event
}

// Router is the index. See the package comment.
type Router struct {
	settings Settings
	now      time.Time // the latest told
	queues   map[gateway.QueueID]*queue
	works    map[gateway.ConversationID]*work
	agents   map[gateway.AgentID]*agent
	timers   heap
	turns    int64

	overflowing []*queue // those with Overflow

	dueWorks  []*work  // a decision may be due
	dueAgents []*agent // their presence may have to change
	dirty     []*lane  // work or agents came in
	touched   []*agent // load changed within this call
}

// New returns an empty router.
func New(s Settings, queues []Queue) *Router {
	r := &Router{settings: s.withDefaults(), queues: map[gateway.QueueID]*queue{},
		works: map[gateway.ConversationID]*work{}, agents: map[gateway.AgentID]*agent{}}
	for _, q := range queues {
		r.addQueue(q)
	}
	return r
}

// RingTimeFor is how long an offer of this queue rings.
func (r *Router) RingTimeFor(id gateway.QueueID) time.Duration {
	ring := r.settings.RingTime
	if q := r.queue(id); q != nil {
		ring = orDefault(q.RingTime, ring)
	}
	return ring
}

// WrapUpFor is how long an agent of this queue has after a call.
func (r *Router) WrapUpFor(id gateway.QueueID) time.Duration {
	wrapUp := r.settings.WrapUp
	if q := r.queues[id]; q != nil {
		wrapUp = orDefault(q.WrapUp, wrapUp)
	}
	return max(wrapUp, 0)
}

// work is one conversation in the index.
type work struct {
	Work
	line     *line // where it waits, nil if it does not
	entry    entry // in line
	bonus    int   // its own priority and its queue's
	timer    entry
	charged  []*agent // whose room it uses
	targeted *agent   // whose work it is while it waits for one agent
	inFlight bool
	due      bool // in dueWorks
	gone     bool // removed
	asked    gateway.AgentID
	heldFrom time.Time // when somebody got it, zero if not seen
}

// agent is one agent in the index. known is false while only work names them.
type agent struct {
	Agent
	known    bool
	inFlight bool
	due      bool
	touched  bool
	timer    entry
	own      [kinds]*lane
	members  []member // of the lanes of their queues and of own
	load     [kinds]int
	wrapping int     // conversations in wrap-up
	works    []*work // charged with
	targeted []*work // waiting for this agent alone
	turn     int64
	status   status
}

type status struct{ staff, signedIn, ready, gone bool }

// member is an agent's place in one lane's order of available agents.
type member struct {
	lane  *lane
	entry *entry
}

// queue is one queue in the index.
type queue struct {
	Queue
	lanes                  [kinds]*lane
	timer                  entry
	open                   bool
	waiting                int // waiting or ringing
	staff, signedIn, ready int
	slots                  [kinds]int // of those who are staff
	samples                [kinds][]sample
}

// lane is where one kind of work meets those who can take it: of a queue, or of one agent.
type lane struct {
	kind     Kind
	strategy Strategy
	queue    *queue // nil: an agent's own
	lines    []*line
	free     heap // agents with room
	dirty    bool
}

// line is the waiting work of one lane with equal bonus, the oldest first.
type line struct {
	lane  *lane
	front bool
	prio  int
	heap  heap
}

func (r *Router) addQueue(q Queue) *queue {
	x := &queue{Queue: q, open: q.Hours == nil}
	x.timer = entry{pos: -1, id: string(q.ID), queue: x}
	for k := range kinds {
		x.lanes[k] = &lane{kind: k, strategy: q.Strategy, queue: x}
	}
	r.queues[q.ID] = x
	if q.Hours != nil {
		r.timers.set(&x.timer, key{a: math.MinInt64}) // the first time told opens it or not
	}
	if q.Overflow != "" {
		r.overflowing = append(r.overflowing, x)
	}
	return x
}

// queue returns the queue with this id; one that is not configured is open and has the defaults, so that
// work of a queue that left the configuration is not lost. An empty id has none.
func (r *Router) queue(id gateway.QueueID) *queue {
	if q := r.queues[id]; q != nil || id == "" {
		return q
	}
	return r.addQueue(Queue{ID: id, Name: string(id)})
}

func (r *Router) agent(id gateway.AgentID) *agent {
	if a := r.agents[id]; a != nil {
		return a
	}
	a := &agent{Agent: Agent{ID: id}, status: status{gone: true}}
	a.timer = entry{pos: -1, id: string(id), agent: a}
	for k := range kinds {
		a.own[k] = &lane{kind: k}
		a.members = append(a.members, member{a.own[k], &entry{pos: -1, id: string(id), agent: a}})
	}
	r.agents[id] = a
	return a
}
