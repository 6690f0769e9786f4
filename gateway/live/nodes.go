package live

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/wire"
)

// What is fleeting is told to the other nodes over the bus: agents' heartbeats, open pages, who views what, who types,
// and frames for pages and consoles that hang elsewhere. A node that comes is asked for its part, one that goes takes it along. As
// messages may be lost, each node says its whole part now and then ([repeatState]).
const (
	topicState     = "live.state"     // stateBody
	topicWant      = "live.want"      // no body: say your state to me
	topicHeartbeat = "live.heartbeat" // agentBody: a console is there
	topicGone      = "live.gone"      // agentBody: the agent's last console here has closed
	topicPage      = "live.page"      // pageBody: the first page of a thread is open here, or the last has closed
	topicView      = "live.view"      // viewBody: who looks at a conversation here
	topicTyping    = "live.typing"    // typingBody
	topicFrame     = "live.frame"     // frameBody
)

const (
	repeatState = 15 * time.Second
	stateChunk  = 500 // entries of one message
)

// remote is what another node has said of itself. Guarded by Live.mu.
type remote struct {
	pages    map[gateway.ThreadID]struct{}
	consoles map[gateway.AgentID]time.Time // when each was heard last
	viewing  map[gateway.ConversationID][]gateway.AgentID
	next     *remote // of which a part has come
}

func newRemote() *remote {
	return &remote{pages: map[gateway.ThreadID]struct{}{}, consoles: map[gateway.AgentID]time.Time{}, viewing: map[gateway.ConversationID][]gateway.AgentID{}}
}

type (
	stateBody struct {
		First    bool                                         `json:"first,omitempty"`
		Last     bool                                         `json:"last,omitempty"`
		Pages    []gateway.ThreadID                           `json:"pages,omitempty"`
		Consoles map[gateway.AgentID]int64                    `json:"consoles,omitempty"` // ms since they were heard
		Viewing  map[gateway.ConversationID][]gateway.AgentID `json:"viewing,omitempty"`
	}
	agentBody struct {
		Agent gateway.AgentID `json:"agent"`
	}
	pageBody struct {
		Thread gateway.ThreadID `json:"thread"`
		Open   bool             `json:"open"`
	}
	viewBody struct {
		Conversation gateway.ConversationID `json:"conversation"`
		Agents       []gateway.AgentID      `json:"agents"`
	}
	typingBody struct {
		Thread       gateway.ThreadID       `json:"thread,omitempty"` // the customer types
		Agent        gateway.AgentID        `json:"agent,omitempty"`  // or an agent does, in
		Conversation gateway.ConversationID `json:"conversation,omitempty"`
	}
	frameBody struct {
		Thread gateway.ThreadID `json:"thread,omitempty"` // for the pages of a thread
		Agent  gateway.AgentID  `json:"agent,omitempty"`  // or for the consoles of an agent
		Frame  json.RawMessage  `json:"frame"`
	}
)

// joinBus registers what is heard over the bus; New calls it, so that the bus runs later.
func (l *Live) joinBus(b *bus.Bus) {
	b.Watch(l.nodeChanged)
	b.Handle(topicWant, func(from bus.Node, _ []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sayStateLocked(from)
	})
	hear(l, b, topicState, l.heardStateLocked)
	hear(l, b, topicHeartbeat, func(r *remote, m agentBody) { r.consoles[m.Agent] = time.Now(); l.heartbeatLocked(m.Agent, time.Now()) })
	hear(l, b, topicGone, func(r *remote, m agentBody) { delete(r.consoles, m.Agent) })
	hear(l, b, topicPage, func(r *remote, m pageBody) { l.heardPageLocked(r, m.Thread, m.Open) })
	hear(l, b, topicView, func(r *remote, m viewBody) { l.heardViewLocked(r, m.Conversation, m.Agents) })
	hear(l, b, topicTyping, func(_ *remote, m typingBody) { l.showTypingLocked(m) })
	hear(l, b, topicFrame, func(_ *remote, m frameBody) { l.deliverLocked(m, wire.Encoded(m.Frame)) })
}

// hear registers f for a topic; what is no JSON of its body is another version's and left alone.
func hear[T any](l *Live, b *bus.Bus, topic string, f func(*remote, T)) {
	b.Handle(topic, func(from bus.Node, body []byte) {
		var m T
		if err := json.Unmarshal(body, &m); err != nil {
			l.opts.Log.Warn("another node is not understood", "node", from, "topic", topic, "err", err)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if r := l.nodes[from]; r != nil {
			f(r, m)
		}
	})
}

// sayLocked tells all other nodes, if there are any.
func (l *Live) sayLocked(topic string, body any) {
	if len(l.nodes) > 0 {
		l.opts.Bus.Send(topic, encoded(body))
	}
}

// encoded marshals a body; our own structs cannot fail.
func encoded(body any) []byte {
	data, err := json.Marshal(body)
	if err != nil {
		panic("live: " + err.Error())
	}
	return data
}

// nodeChanged hears that nodes come and go.
func (l *Live) nodeChanged(c bus.Change) {
	l.mu.Lock()
	switch c.Kind {
	case bus.Came:
		l.nodes[c.Peer.Node] = newRemote()
		l.opts.Bus.SendTo(c.Peer.Node, topicWant, nil)
	case bus.Resumed: // what was said meanwhile is lost, in both directions
		l.keepConsolesLocked()
		l.sayStateLocked("")
		l.sayLocked(topicWant, nil)
	case bus.Went:
		l.nodeGoneLocked(c.Peer.Node)
	}
	l.mu.Unlock()
	l.poke()
}

// nodeGoneLocked takes away what a node has said of itself. Its agents have the time that a console needs to come
// back.
func (l *Live) nodeGoneLocked(n bus.Node) {
	was := l.nodes[n]
	if was == nil {
		return
	}
	l.replaceLocked(n, newRemote())
	delete(l.nodes, n)
	now, rings := time.Now(), l.ringingLocked()
	for id := range was.consoles {
		a := l.agents[id]
		if a == nil || l.consoleLocked(id) {
			continue
		}
		last := now.Add(-silentAfter(l.opts.Settings))
		if rings[id] {
			last = last.Add(ringBack)
		}
		if last.Before(a.heartbeat) {
			a.heartbeat = last
			l.putAgentLocked(id, now)
		}
	}
}

// consoleLocked reports whether a console of the agent is open, here or elsewhere.
func (l *Live) consoleLocked(id gateway.AgentID) bool {
	for s := range l.subs {
		if s.agent == id {
			return true
		}
	}
	return !l.heardElsewhereLocked(id).IsZero()
}

// heardElsewhereLocked is when a console of the agent was heard last at another node; zero: none is there.
func (l *Live) heardElsewhereLocked(id gateway.AgentID) time.Time {
	var last time.Time
	for _, r := range l.nodes {
		if at := r.consoles[id]; at.After(last) {
			last = at
		}
	}
	return last
}

// keepConsolesLocked counts the consoles of other nodes as heard now: nobody could hear them.
func (l *Live) keepConsolesLocked() {
	now := time.Now()
	for _, r := range l.nodes {
		for id := range r.consoles {
			r.consoles[id] = now
			l.heartbeatLocked(id, now)
		}
	}
}

// pagesLocked reports whether a page of the thread is open, here or elsewhere.
func (l *Live) pagesLocked(t gateway.ThreadID) bool {
	if len(l.visitors[t]) > 0 {
		return true
	}
	for _, r := range l.nodes {
		if _, ok := r.pages[t]; ok {
			return true
		}
	}
	return false
}

// sayStateLocked says all of this node's part, to one node or to all ("").
func (l *Live) sayStateLocked(to bus.Node) {
	if len(l.nodes) == 0 {
		return
	}
	now := time.Now()
	parts := []stateBody{{First: true}}
	n := 0
	part := func() *stateBody {
		if n++; n > stateChunk {
			n, parts = 1, append(parts, stateBody{})
		}
		return &parts[len(parts)-1]
	}
	for t := range l.visitors {
		p := part()
		p.Pages = append(p.Pages, t)
	}
	for s := range l.subs {
		p := part()
		if p.Consoles == nil {
			p.Consoles = map[gateway.AgentID]int64{}
		}
		if a := l.agents[s.agent]; a != nil {
			p.Consoles[s.agent] = now.Sub(a.own).Milliseconds()
		}
		if s.viewing == "" {
			continue
		}
		if p.Viewing == nil {
			p.Viewing = map[gateway.ConversationID][]gateway.AgentID{}
		}
		p.Viewing[s.viewing] = append(p.Viewing[s.viewing], s.agent)
	}
	parts[len(parts)-1].Last = true
	for _, p := range parts {
		l.opts.Bus.SendTo(to, topicState, encoded(p))
	}
}

// heardStateLocked gathers the parts of a node's state, and takes it when it is whole.
func (l *Live) heardStateLocked(r *remote, m stateBody) {
	if m.First {
		r.next = newRemote()
	}
	if r.next == nil {
		return // the beginning is lost
	}
	now := time.Now()
	for _, t := range m.Pages {
		r.next.pages[t] = struct{}{}
	}
	for id, ago := range m.Consoles {
		r.next.consoles[id] = now.Add(-time.Duration(ago) * time.Millisecond)
	}
	for c, agents := range m.Viewing {
		r.next.viewing[c] = append(r.next.viewing[c], agents...)
	}
	if !m.Last {
		return
	}
	for n, of := range l.nodes {
		if of == r {
			l.replaceLocked(n, r.next)
			return
		}
	}
}

// replaceLocked puts another state in the place of what a node has said, and shows consoles the differences.
func (l *Live) replaceLocked(n bus.Node, next *remote) {
	was := l.nodes[n]
	l.nodes[n] = &remote{pages: maps.Clone(was.pages), consoles: next.consoles, viewing: maps.Clone(was.viewing)}
	r := l.nodes[n]
	for t := range was.pages {
		if _, still := next.pages[t]; !still {
			l.heardPageLocked(r, t, false)
		}
	}
	for t := range next.pages {
		l.heardPageLocked(r, t, true)
	}
	for id, at := range next.consoles {
		l.heartbeatLocked(id, at)
	}
	for c := range was.viewing {
		if next.viewing[c] == nil {
			l.heardViewLocked(r, c, nil)
		}
	}
	for c, agents := range next.viewing {
		l.heardViewLocked(r, c, agents)
	}
}

func (l *Live) heardPageLocked(r *remote, t gateway.ThreadID, open bool) {
	was := l.pagesLocked(t)
	if open {
		r.pages[t] = struct{}{}
	} else {
		delete(r.pages, t)
	}
	if is := l.pagesLocked(t); is != was {
		l.onlineLocked(t, is)
	}
}

func (l *Live) heardViewLocked(r *remote, c gateway.ConversationID, agents []gateway.AgentID) {
	slices.Sort(agents)
	agents = slices.Compact(agents)
	if slices.Equal(r.viewing[c], agents) {
		return
	}
	if len(agents) == 0 {
		delete(r.viewing, c)
	} else {
		r.viewing[c] = agents
	}
	l.showViewersLocked(c)
}

// tellNodes repeats this node's part until ctx ends. While the bus does not carry, the consoles of others are not
// silent: they cannot be heard.
func (l *Live) tellNodes(ctx context.Context) error {
	if l.opts.Bus == nil {
		return nil
	}
	tick := time.NewTicker(repeatState)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		l.mu.Lock()
		if l.opts.Bus.Connected() {
			l.sayStateLocked("")
		} else {
			l.keepConsolesLocked()
		}
		l.mu.Unlock()
	}
}

// passOnLocked gives a frame to the nodes where its pages or consoles hang.
func (l *Live) passOnLocked(m frameBody, frame any) {
	var data []byte
	for n, r := range l.nodes {
		_, page := r.pages[m.Thread]
		_, console := r.consoles[m.Agent]
		if !page && !console {
			continue
		}
		if data == nil {
			f, err := wire.Marshal(frame)
			if err != nil {
				l.opts.Log.Error("a frame for another node", "err", err)
				return
			}
			m.Frame = f
			data = encoded(m)
		}
		l.opts.Bus.SendTo(n, topicFrame, data)
	}
}

// deliverLocked gives a frame to the pages or consoles that hang here.
func (l *Live) deliverLocked(m frameBody, frame any) {
	if m.Thread != "" {
		for v := range l.visitors[m.Thread] {
			v.push(frame)
		}
	}
	if m.Agent == "" {
		return
	}
	for s := range l.subs {
		if s.agent == m.Agent {
			l.sendLocked(s, frame)
		}
	}
}

// showTypingLocked shows the pages and consoles that hang here who types.
func (l *Live) showTypingLocked(m typingBody) {
	if m.Agent == "" {
		if t, ok := l.fold.Thread(m.Thread); ok && t.Current() != nil && t.Current().Open() {
			l.sendAllLocked(wire.ConsoleTyping{Conversation: t.Current().Head.ID})
		}
		return
	}
	c, ok := l.fold.Get(m.Conversation)
	if !ok || !c.Open() {
		return
	}
	name := string(m.Agent)
	if a := l.agents[m.Agent]; a != nil {
		name = a.saved.Name
	}
	for s := range l.subs {
		if s.agent != m.Agent {
			l.sendLocked(s, wire.ConsoleTyping{Conversation: m.Conversation, Agent: m.Agent})
		}
	}
	for v := range l.visitors[c.Thread] {
		v.push(wire.VisitorTyping{Name: name})
	}
}
