package conversation

import (
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// Wanting is a thread whose customer wrote while no conversation was open: a decision is due.
type Wanting struct {
	Thread   gateway.ThreadID
	Identity gateway.Identity
	Cause    uint64                 // position of the message that asks for a conversation
	Opens    gateway.ConversationID // the id of a new one
	At       time.Time              // when it came
	Keyword  bool                   // nothing but STOP, START, HELP: to be noted, not answered
	Last     *Conversation          // closed a short while ago; nil if none
}

// Wanting returns the threads that need a conversation.
func (f *Fold) Wanting() []Wanting {
	if len(f.unrouted) == 0 {
		return nil
	}
	out := make([]Wanting, 0, len(f.unrouted))
	for id := range f.unrouted {
		t := f.threads[id]
		out = append(out, Wanting{Thread: id, Identity: t.Identity, Cause: t.cause, Opens: ID(id, t.opened), At: t.first.Time, Keyword: t.keyword, Last: t.current})
	}
	slices.SortFunc(out, func(a, b Wanting) int { return int(int64(a.Cause) - int64(b.Cause)) })
	return out
}

// Reopens reports whether the last conversation is to be continued rather than a new one opened.
func (w Wanting) Reopens() bool {
	return !w.Keyword && w.Last != nil && w.Last.Head.ClosedAt != nil && w.At.Sub(*w.Last.Head.ClosedAt) < ReopenWithin
}

func (f *Fold) opened(r Record, e gateway.ConversationOpened) {
	t := f.threads[e.Thread]
	if t == nil {
		return
	}
	t.opened++
	if t.live() != nil || f.conversations[e.Conversation] != nil {
		return // the first one counts
	}
	since := t.first.Time
	if since.IsZero() {
		since = r.At
	}
	c := &Conversation{Thread: e.Thread, Version: r.Version, Head: wire.Conversation{
		ID: e.Conversation, Channel: e.Identity.Channel, Entry: e.Entry, State: gateway.StateWaiting,
		Queue: e.Queue, Target: e.Target, Contact: t.Contact, OpenedAt: since, WaitingSince: &since,
		LastAt: since, OptedOut: t.OptedOut, NotOurs: t.NotOurs, Priority: e.Priority, Subject: t.Subject,
	}}
	f.conversations[e.Conversation] = c
	t.current = c
	f.event(r, c, "opened", map[string]string{"channel": e.Identity.Channel, "queue": string(e.Queue), "target": string(e.Target), "entry": e.Entry})
	f.takeEarly(e.Conversation)
	f.takePending(r, t, c)
}

// takePending moves the lines that waited for a conversation into it, each at its own position.
func (f *Fold) takePending(r Record, t *Thread, c *Conversation) {
	pending := t.pending
	t.pending, t.cause, t.first, t.keyword = nil, 0, wire.Item{}, false
	delete(f.unrouted, t.ID)
	for _, it := range pending {
		switch {
		case it.Kind == "meeting":
			f.takeMeeting(c, it)
		case it.Kind != "call":
			f.count(t, c, it)
		case it.Ended == nil:
			f.begin(c, it.Call)
		default:
			it.Call = nil
			f.over(c, it.Ended)
		}
		f.keep(r, c, it)
	}
	slices.SortStableFunc(c.items, func(a, b *wire.Item) int { return int(int64(a.Position) - int64(b.Position)) })
	c.Head.Unread = c.countUnread()
	f.touch(r, c)
}

func (f *Fold) reopened(r Record, c *Conversation, e gateway.ConversationReopened) {
	t := f.threads[c.Thread]
	if c.Open() || t == nil {
		return
	}
	since := r.At
	if !t.first.Time.IsZero() {
		since = t.first.Time
	}
	f.hold(c, "")
	c.Head.State, c.Head.ClosedAt, c.Head.Agent = gateway.StateWaiting, nil, ""
	c.Head.WaitingSince, c.Head.Target = &since, e.To
	if q := e.To.Queue(); q != "" {
		c.Head.Queue = q
	}
	c.Front, c.Held, c.Tried = false, false, nil
	t.current = c
	f.event(r, c, "reopened", map[string]string{"to": string(e.To)})
	f.takePending(r, t, c)
}

func (f *Fold) queued(r Record, c *Conversation, e gateway.ConversationQueued) {
	if !c.Open() {
		return
	}
	since := r.At
	if e.By == "" && c.Head.WaitingSince != nil {
		since = *c.Head.WaitingSince // a rule moved it: the time waited so far counts on
	}
	if c.Head.Agent != "" {
		c.LastAgent = c.Head.Agent
	}
	f.hold(c, "")
	c.Head.State, c.Head.Agent, c.Head.Offer = gateway.StateWaiting, "", nil
	c.Head.WaitingSince, c.Head.Target, c.Head.Queue = &since, e.Target, e.Queue
	c.Front, c.Held, c.Tried = e.Front, false, nil
	if call := c.Head.Call; call != nil && call.State != wire.CallRinging {
		c.answeredAt = time.Time{}
		f.resume(r, c)
		call.Legs = nil
		f.moveCall(r, c, wire.CallWaiting, "")
	}
	f.event(r, c, "queued", map[string]string{"queue": string(e.Queue), "target": string(e.Target), "reason": e.Reason,
		"by": string(e.By), "by_name": f.nameOf(e.By)})
	f.touch(r, c)
}

func (f *Fold) nameOf(id gateway.AgentID) string {
	if id == "" {
		return ""
	}
	return f.agentName(id)
}

func (f *Fold) offerEnded(r Record, c *Conversation, e gateway.OfferEnded) {
	o := c.Head.Offer
	if o == nil || o.ID != e.Offer {
		return
	}
	o.Agents = slices.DeleteFunc(slices.Clone(o.Agents), func(a gateway.AgentID) bool { return a == e.Agent })
	if e.Outcome != "withdrawn" && !slices.Contains(c.Tried, e.Agent) {
		c.Tried = append(c.Tried, e.Agent)
	}
	if len(o.Agents) == 0 {
		c.Head.Offer = nil
		if c.Head.State == gateway.StateOffered {
			c.Head.State = gateway.StateWaiting
		}
	}
	name := map[string]string{"declined": "declined", "timed_out": "missed", "withdrawn": "withdrawn"}[e.Outcome]
	if name != "" && name != "withdrawn" {
		f.event(r, c, name, map[string]string{"agent": string(e.Agent), "agent_name": f.agentName(e.Agent)})
	}
	f.touch(r, c)
}

func (f *Fold) assigned(r Record, c *Conversation, e gateway.ConversationAssigned) {
	if !c.Open() {
		return
	}
	wait := time.Duration(0)
	if c.Head.WaitingSince != nil {
		wait = r.At.Sub(*c.Head.WaitingSince).Round(time.Second)
	}
	if c.Head.Agent != "" {
		c.LastAgent = c.Head.Agent
	}
	f.hold(c, e.Agent)
	c.Head.State, c.Head.Agent, c.Head.Offer, c.Head.WaitingSince = gateway.StateActive, e.Agent, nil, nil
	c.Front, c.Held, c.Tried = false, false, nil
	if call := c.Head.Call; call != nil && call.State != wire.CallRinging {
		if c.answeredAt.IsZero() {
			c.answeredAt = r.At
		}
		f.handOver(r, c, e.Agent)
		f.moveCall(r, c, wire.CallAnswered, e.Agent)
	}
	f.event(r, c, "assigned", map[string]string{"agent": string(e.Agent), "agent_name": f.agentName(e.Agent), "how": e.How,
		"by": string(e.By), "by_name": f.nameOf(e.By), "wait": wait.String()})
	f.touch(r, c)
}

func (f *Fold) closedBy(r Record, c *Conversation, e gateway.ConversationClosed) {
	if !c.Open() {
		return
	}
	at := r.At
	if c.Head.Call != nil {
		f.endCall(r, c, gateway.EndAgent, e.By)
	}
	if c.Head.Meeting != nil {
		f.endMeeting(r, c, gateway.CloseEnded, e.By)
	}
	if c.Head.Agent != "" {
		c.LastAgent = c.Head.Agent
	}
	f.hold(c, "")
	c.Head.State, c.Head.ClosedAt, c.Head.Offer, c.Head.WaitingSince = gateway.StateClosed, &at, nil, nil
	c.readTo, c.Head.Unread = r.Pos, 0
	f.closed = append(f.closed, c)
	f.event(r, c, "closed", map[string]string{"by": string(e.By), "by_name": f.nameOf(e.By), "reason": e.Reason})
	f.touch(r, c)
}

func (f *Fold) wrapUpStarted(r Record, c *Conversation, e gateway.WrapUpStarted) {
	if c.Head.State != gateway.StateActive {
		return
	}
	until := e.Until
	c.Head.State, c.Head.WrapUpUntil, c.due = gateway.StateWrapUp, &until, ""
	f.wrapping[c.Head.ID] = c
	f.touch(r, c)
}

func (f *Fold) wrapUpEnded(r Record, c *Conversation) {
	if c.Head.State != gateway.StateWrapUp {
		return
	}
	c.Head.State, c.Head.WrapUpUntil = gateway.StateActive, nil
	delete(f.wrapping, c.Head.ID)
	f.touch(r, c)
}
