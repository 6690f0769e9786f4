package live

import (
	"context"
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/wire"
)

// resumeItems bounds what a console that comes back is sent one by one; one that missed more starts anew.
const resumeItems = 5000

// Subscription is one console's view. Frames are to be read until the channel is closed; a reader that falls
// wire.ConsoleFrames behind is cut off and resumes by position.
type Subscription struct {
	Frames  chan any // closed when the subscription ends
	agent   gateway.AgentID
	viewing gateway.ConversationID
	closed  bool // guarded by Live.mu
}

func (s *Subscription) closeLocked() {
	if !s.closed {
		s.closed = true
		close(s.Frames)
	}
}

// Snapshot is what a console starts from.
type Snapshot struct {
	Resumed       bool
	Head          uint64
	Conversations []wire.Conversation
	Items         []wire.Item
	Agents        []wire.Agent
	Queues        []wire.Queue
	Alarms        []wire.Alarm
	Emergency     wire.Emergency
}

// Subscribe starts a console's view. With after > 0 it resumes: only what changed since is in the snapshot.
func (l *Live) Subscribe(ctx context.Context, id gateway.AgentID, after uint64) (*Subscription, Snapshot, error) {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return nil, Snapshot{}, ctx.Err()
	}
	now := time.Now()
	l.mu.Lock()
	if l.failed != nil {
		l.mu.Unlock()
		return nil, Snapshot{}, gateway.Errorf(gateway.Unavailable, "the gateway is stopping")
	}
	s := &Subscription{Frames: make(chan any, wire.ConsoleFrames), agent: id}
	l.subs[s] = struct{}{}
	snap := Snapshot{Head: l.head, Agents: l.agentsLocked(now), Queues: l.queuesLocked(now), Alarms: l.alarmsLocked(), Emergency: l.alert.state.State(),
		Resumed: after > 0 && after <= l.head && after >= l.forgotten}
	l.mu.Unlock()

	if snap.Resumed {
		items, err := l.missed(ctx, after, snap.Head)
		if err != nil {
			l.Unsubscribe(s)
			return nil, Snapshot{}, err
		}
		snap.Resumed, snap.Items = items != nil, items
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.fold.All {
		// Who is on the page now stands in no record: a console that resumes knows nothing of it.
		if (snap.Resumed && (c.Head.Rev > after || l.pagesLocked(c.Thread))) || (!snap.Resumed && c.Open()) {
			snap.Conversations = append(snap.Conversations, seenBy(l.viewLocked(c.Head, c.Thread, now), id))
		}
	}
	return s, snap, nil
}

// missed returns the items changed in (after, head], or nil when there are too many.
func (l *Live) missed(ctx context.Context, after, head uint64) ([]wire.Item, error) {
	if err := l.WaitHistory(ctx, head); err != nil {
		return nil, err
	}
	items, err := l.opts.History.ItemsSince(ctx, after, resumeItems+1)
	if err != nil || len(items) > resumeItems {
		return nil, err
	}
	if items == nil {
		items = []wire.Item{}
	}
	return items, nil
}

// Unsubscribe ends a view.
func (l *Live) Unsubscribe(s *Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropLocked(s)
}

// dropLocked ends a view, once.
func (l *Live) dropLocked(s *Subscription) {
	if _, ok := l.subs[s]; !ok {
		return
	}
	delete(l.subs, s)
	s.closeLocked()
	if s.viewing != "" {
		l.viewersLocked(s.viewing)
	}
	for other := range l.subs {
		if other.agent == s.agent {
			return
		}
	}
	l.sayLocked(topicGone, agentBody{Agent: s.agent})
}

// viewLocked completes a head with what is not folded: the reply window and whether the page is open.
func (l *Live) viewLocked(h wire.Conversation, t gateway.ThreadID, now time.Time) wire.Conversation {
	h.Contact.Identities = slices.Clone(h.Contact.Identities)
	h.Call = h.Call.Clone() // the fold goes on changing its own
	h.Online = l.pagesLocked(t)
	if w := l.opts.Windows[h.Channel]; w != nil && h.LastInbound != nil {
		h.Window = w(*h.LastInbound, now)
	}
	return h
}

// publishLocked sends the changes of one record to consoles and visitors.
func (l *Live) publishLocked(pos uint64, changes []conversation.Change) {
	now := time.Now()
	for _, ch := range changes {
		switch {
		case ch.Conversation != nil:
			v := l.viewLocked(*ch.Conversation, ch.Thread, now)
			l.sendHeadLocked(pos, v)
			l.callChangedLocked(ch.Conversation, ch.Thread)
			l.meetingChangedLocked(ch.Conversation, ch.Thread)
			l.tellVisitorsLocked(ch.Thread, nil)
		case ch.Item != nil:
			l.sendAllLocked(wire.ConsoleUpdate{Position: pos, Item: ch.Item})
			l.tellVisitorsLocked(ch.Thread, ch.Item)
		}
	}
}

// sendAllLocked never blocks: a console that does not read is cut off.
func (l *Live) sendAllLocked(frame any) {
	for s := range l.subs {
		l.sendLocked(s, frame)
	}
}

func (l *Live) sendLocked(s *Subscription, frame any) {
	if s.closed {
		return
	}
	select {
	case s.Frames <- frame:
	default:
		l.dropLocked(s)
	}
}

func (l *Live) agentChangedLocked(id gateway.AgentID) {
	a := l.agents[id]
	if a == nil || !l.replayed {
		return
	}
	if a.removed {
		l.sendAllLocked(wire.ConsoleAgents{Agents: []wire.Agent{}, Removed: []gateway.AgentID{id}})
		return
	}
	l.sendAllLocked(wire.ConsoleAgents{Agents: []wire.Agent{l.agentViewLocked(id, time.Now())}})
}

// View says which conversation a console has open; colleagues see it.
func (l *Live) View(s *Subscription, id gateway.ConversationID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := s.viewing
	s.viewing = id
	if was == id {
		return
	}
	for _, c := range []gateway.ConversationID{was, id} {
		if c != "" {
			l.viewersLocked(c)
		}
	}
}

// viewersLocked says who looks at a conversation here, and shows who does anywhere.
func (l *Live) viewersLocked(id gateway.ConversationID) {
	l.sayLocked(topicView, viewBody{Conversation: id, Agents: l.viewersHereLocked(id)})
	l.showViewersLocked(id)
}

func (l *Live) viewersHereLocked(id gateway.ConversationID) []gateway.AgentID {
	here := []gateway.AgentID{}
	for s := range l.subs {
		if s.viewing == id && !slices.Contains(here, s.agent) {
			here = append(here, s.agent)
		}
	}
	return here
}

func (l *Live) showViewersLocked(id gateway.ConversationID) {
	f := wire.ConsoleViewing{Conversation: id, Agents: l.viewersHereLocked(id)}
	for _, r := range l.nodes {
		f.Agents = append(f.Agents, r.viewing[id]...)
	}
	slices.Sort(f.Agents)
	f.Agents = slices.Compact(f.Agents)
	l.sendAllLocked(f)
}

// AgentTyping tells the customer and the colleagues. It returns the customer's identity, for channels that
// can show it.
func (l *Live) AgentTyping(id gateway.AgentID, conv gateway.ConversationID) (gateway.Identity, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.fold.Get(conv)
	if !ok || !c.Open() {
		return gateway.Identity{}, false
	}
	t, _ := l.fold.Thread(c.Thread)
	m := typingBody{Agent: id, Conversation: conv}
	l.showTypingLocked(m)
	l.sayLocked(topicTyping, m)
	return t.Identity, true
}

// TellQueues sends the queues' figures to all consoles; the hub calls it once a second while there are any.
func (l *Live) TellQueues() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.subs) > 0 {
		l.sendAllLocked(wire.ConsoleQueues{Queues: l.queuesLocked(time.Now())})
	}
	for t := range l.visitors {
		l.tellVisitorsLocked(t, nil)
	}
}
