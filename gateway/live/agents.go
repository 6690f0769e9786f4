package live

import (
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// agent is what the shell knows of one agent. Guarded by Live.mu.
type agent struct {
	saved     gateway.AgentSaved
	presence  gateway.Presence // chosen, or set by a rule
	reason    string
	misses    int
	idleSince time.Time
	heartbeat time.Time // zero: no console since the start
	own       time.Time // of consoles at this node
	removed   bool
	returning bool // was set away for its silence and is heard again
}

func (l *Live) foldAgentLocked(r conversation.Record) {
	switch e := r.Event.(type) {
	case gateway.AgentSaved:
		a := l.agents[e.Agent]
		if a == nil {
			a = &agent{presence: gateway.PresenceAway, reason: "chosen", heartbeat: l.heardElsewhereLocked(e.Agent)}
			l.agents[e.Agent] = a
		}
		a.saved, a.removed = e, false
	case gateway.AgentRemoved:
		if a := l.agents[e.Agent]; a != nil {
			a.removed = true
		}
	case gateway.PresenceChanged:
		if a := l.agents[e.Agent]; a != nil {
			if e.Presence == gateway.PresenceReady && a.presence != e.Presence {
				a.idleSince = r.At // whoever comes joins the end of the line
			}
			a.presence, a.reason, a.misses, a.returning = e.Presence, e.Reason, 0, false
		}
	case gateway.OfferEnded:
		if a := l.agents[e.Agent]; a != nil && e.Outcome == "timed_out" {
			a.misses++
		}
	case gateway.ConversationAssigned:
		if a := l.agents[e.Agent]; a != nil {
			a.misses, a.idleSince = 0, r.At
		}
	}
}

// mirrorLocked brings the router up to date after a record.
func (l *Live) mirrorLocked(r conversation.Record) {
	now := time.Now()
	switch e := r.Event.(type) {
	case gateway.AgentSaved:
		l.putAgentLocked(e.Agent, now)
		l.agentChangedLocked(e.Agent)
	case gateway.AgentRemoved:
		l.router.RemoveAgent(e.Agent)
		l.agentChangedLocked(e.Agent)
	case gateway.PresenceChanged:
		l.putAgentLocked(e.Agent, now)
		l.agentChangedLocked(e.Agent)
	case gateway.ConversationOpened:
		l.putByIDLocked(e.Conversation)
	case gateway.MessageReceived, gateway.ConsentChanged, gateway.ThreadControlChanged:
		if t, ok := l.fold.Thread(gateway.ThreadID(r.Stream[len("thread/"):])); ok && t.Current() != nil {
			l.putWorkLocked(t.Current())
		}
	case gateway.CallRequested, gateway.CallAnswered, gateway.CallConnected, gateway.CallEnded,
		gateway.MeetingOpened, gateway.MeetingClosed:
		if t, ok := l.fold.Thread(gateway.ThreadID(r.Stream[len("thread/"):])); ok && t.Current() != nil {
			l.putByIDLocked(t.Current().Head.ID)
		}
	case gateway.OfferEnded:
		l.putStreamLocked(r.Stream)
		l.putAgentLocked(e.Agent, now)
		l.agentChangedLocked(e.Agent)
	case gateway.ConversationOffered:
		l.putStreamLocked(r.Stream)
		for _, a := range e.Agents {
			l.putAgentLocked(a, now)
		}
	case gateway.ConversationAssigned, gateway.ConversationQueued, gateway.ConversationClosed, gateway.WrapUpStarted,
		gateway.ConversationReopened, gateway.MessageSubmitted, gateway.CallPlaced, gateway.WrapUpEnded,
		gateway.CallInvited, gateway.CallLegOffered, gateway.CallLegOfferEnded, gateway.CallJoined, gateway.CallConferenced,
		gateway.CallLeft, gateway.CallSupervised, gateway.CallHeld, gateway.CallResumed:
		l.putStreamLocked(r.Stream)
	}
}

func (l *Live) putStreamLocked(stream string) {
	const prefix = "conversation/"
	if len(stream) > len(prefix) {
		l.putByIDLocked(gateway.ConversationID(stream[len(prefix):]))
	}
}

func (l *Live) putByIDLocked(id gateway.ConversationID) {
	c, ok := l.fold.Get(id)
	if !ok {
		return
	}
	l.putWorkLocked(c)
	for _, a := range []gateway.AgentID{c.Head.Agent, c.LastAgent} {
		if a != "" {
			l.putAgentLocked(a, time.Now())
			l.agentChangedLocked(a)
		}
	}
}

// putWorkLocked mirrors one conversation. One that another application answers is shown and not offered.
func (l *Live) putWorkLocked(c *conversation.Conversation) {
	h := &c.Head
	l.putLegsLocked(c)
	if !c.Open() || (h.NotOurs && h.Agent == "") {
		l.router.RemoveWork(h.ID)
		return
	}
	w := router.Work{ID: h.ID, State: h.State, Target: h.Target, Queue: h.Queue, Kind: router.Text, Priority: h.Priority,
		Front: c.Front, Agent: h.Agent, Answered: c.Held, Tried: slices.Clone(c.Tried), Version: c.Version}
	if h.Call != nil || h.Meeting != nil {
		// A caller is not left alone with an agent whose console is gone: they wait for the next one.
		w.Kind, w.Answered = router.Call, false
	}
	if h.WaitingSince != nil {
		w.Since = *h.WaitingSince
	}
	if h.Offer != nil {
		w.Offer, w.Offered, w.Until = h.Offer.ID, slices.Clone(h.Offer.Agents), h.Offer.Until
	}
	l.router.PutWork(l.soundLocked(w, time.Now()))
}

func (l *Live) putAgentLocked(id gateway.AgentID, now time.Time) {
	a := l.agents[id]
	if a == nil {
		return
	}
	if a.removed {
		l.router.RemoveAgent(id)
		return
	}
	l.router.PutAgent(router.Agent{ID: id, Queues: a.saved.Queues, Presence: a.presence, LastHeartbeat: asOf(now, a.heartbeat),
		CallCapacity: l.callRoomLocked(id, a), TextCapacity: room(a.saved.TextCapacity), Misses: a.misses, IdleSince: a.idleSince})
}

// callRoomLocked is how many calls an agent has room for: who talks has none for another.
func (l *Live) callRoomLocked(id gateway.AgentID, a *agent) int {
	if n := room(a.saved.CallCapacity); n <= 1 || !l.fold.Talking(id) {
		return n
	}
	return 1
}

// room is a saved capacity as the router takes it: an agent's 0 is none, the router's is its default.
func room(saved int) int {
	if saved == 0 {
		return -1
	}
	return saved
}

// agentViewLocked is the agent as colleagues see it.
func (l *Live) agentViewLocked(id gateway.AgentID, now time.Time) wire.Agent {
	a := l.agents[id]
	v := wire.Agent{ID: id, Name: a.saved.Name, Role: a.saved.Role, Queues: a.saved.Queues, Presence: a.presence, Reason: a.reason,
		TextCapacity: a.saved.TextCapacity, CallCapacity: a.saved.CallCapacity, Active: l.fold.Held(id)}
	gone := l.opts.Settings.GoneAfter
	if gone == 0 {
		gone = time.Minute
	}
	switch {
	case a.heartbeat.IsZero() || now.Sub(a.heartbeat) >= gone:
		v.Presence = gateway.PresenceOffline
	case l.fold.Wrapping(id):
		v.Presence = gateway.PresenceWrapUp
	case a.presence == gateway.PresenceReady && (v.Active >= max(a.saved.TextCapacity, 1) || l.fold.Talking(id)):
		v.Presence = gateway.PresenceBusy
	}
	return v
}

// Heartbeat says that an agent's console is there, at this node.
func (l *Live) Heartbeat(id gateway.AgentID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.agents[id]
	if a == nil {
		return
	}
	a.own = time.Now()
	l.sayLocked(topicHeartbeat, agentBody{Agent: id})
	l.heartbeatLocked(id, a.own)
}

// heartbeatLocked notes that a console, at whichever node, was heard at that time.
func (l *Live) heartbeatLocked(id gateway.AgentID, at time.Time) {
	a := l.agents[id]
	if a == nil || at.Before(a.heartbeat) {
		return
	}
	now := time.Now()
	was := l.agentViewLocked(id, now).Presence
	a.heartbeat = at
	l.router.Heartbeat(id, at)
	a.returning = a.presence == gateway.PresenceAway && a.reason == "silent"
	if a.returning || was != l.agentViewLocked(id, now).Presence {
		l.agentChangedLocked(id)
		l.poke()
	}
}

// Agents lists all agents.
func (l *Live) Agents() []wire.Agent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.agentsLocked(time.Now())
}

func (l *Live) agentsLocked(now time.Time) []wire.Agent {
	out := []wire.Agent{}
	for id, a := range l.agents {
		if !a.removed {
			out = append(out, l.agentViewLocked(id, now))
		}
	}
	slices.SortFunc(out, func(a, b wire.Agent) int {
		if a.Name != b.Name {
			return compare(a.Name, b.Name)
		}
		return compare(string(a.ID), string(b.ID))
	})
	return out
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Queues lists all queues with what waits in them.
func (l *Live) Queues() []wire.Queue {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queuesLocked(time.Now())
}

func (l *Live) queuesLocked(now time.Time) []wire.Queue {
	out := make([]wire.Queue, 0, len(l.opts.Queues))
	for _, q := range l.opts.Queues {
		s := l.router.QueueStats(q.ID, now)
		v := wire.Queue{ID: q.ID, Name: q.Name, Open: s.Open, Waiting: s.Waiting, LongestWaitMS: s.Longest.Milliseconds(),
			Ready: s.Ready, SignedIn: s.SignedIn, EstimateMS: -1, Recording: l.opts.Recording.Queues[q.ID]}
		if s.EstimateKnown {
			v.EstimateMS = s.Estimate.Milliseconds()
		}
		out = append(out, v)
	}
	return out
}

// foldAlarmLocked keeps the alarms that a person must act on.
func (l *Live) foldAlarmLocked(r conversation.Record) {
	e, ok := r.Event.(gateway.ChannelAlarm)
	if !ok {
		return
	}
	key := e.Channel + "/" + e.Account + "/" + e.Code
	if e.Cleared {
		for k, a := range l.alarms {
			if a.Channel == e.Channel && a.Account == e.Account && (e.Code == "" || a.Code == e.Code) {
				delete(l.alarms, k)
			}
		}
	} else {
		since := r.At
		if old, known := l.alarms[key]; known {
			since = old.Since
		}
		l.alarms[key] = wire.Alarm{Channel: e.Channel, Account: e.Account, Code: e.Code, Detail: e.Detail, Since: since}
	}
	if l.replayed {
		l.sendAllLocked(wire.ConsoleAlarms{Alarms: l.alarmsLocked()})
	}
}

// SetAlarm raises or clears an alarm of this process alone, which stands in no record.
func (l *Live) SetAlarm(a wire.Alarm, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := a.Channel + "/" + a.Account + "/" + a.Code
	if on {
		l.alarms[key] = a
	} else {
		delete(l.alarms, key)
	}
	if l.replayed {
		l.sendAllLocked(wire.ConsoleAlarms{Alarms: l.alarmsLocked()})
	}
}

func (l *Live) alarmsLocked() []wire.Alarm {
	out := []wire.Alarm{}
	for _, a := range l.alarms {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b wire.Alarm) int { return a.Since.Compare(b.Since) })
	return out
}
