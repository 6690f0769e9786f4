package conversation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// Bounds of what stays in memory.
const (
	maxItems     = 200 // lines a conversation keeps; older ones are in the history database
	maxEarly     = 200 // records of a conversation that is not opened
	previewRunes = 120
	ReopenWithin = 30 * time.Minute // a customer who writes again this soon continues the same conversation
	forgetClosed = ReopenWithin + 10*time.Minute
)

// ID is the id of a thread's nth conversation, from 0. Two deciders that see the same journal choose the same id, and
// the second append is a repetition. Positions are not in it: a fail-over can give one away again, and what an agent had
// answered here would be another customer's.
func ID(t gateway.ThreadID, n int) gateway.ConversationID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", t, n))
	return gateway.ConversationID("c" + hex.EncodeToString(sum[:10]))
}

// Fold is the state of all threads and of the open (and just closed) conversations.
type Fold struct {
	threads       map[gateway.ThreadID]*Thread
	conversations map[gateway.ConversationID]*Conversation
	closed        []*Conversation // in order of closing, to be forgotten
	unrouted      map[gateway.ThreadID]struct{}
	agentNames    map[gateway.AgentID]string
	held          map[gateway.AgentID]int // open conversations by holder
	wrapping      map[gateway.ConversationID]*Conversation
	calling       map[gateway.ConversationID]*Conversation // with a call
	callDue       map[gateway.ConversationID]*Conversation // a decision about it is due
	early         map[gateway.ConversationID][]Record      // what is in a conversation's stream before it is opened
	rev           uint64                                   // position of the record that is folded
	changes       []Change
	unknown       uint64
	forgotten     uint64
	muted         bool
}

// New returns an empty fold.
func New() *Fold {
	return &Fold{
		threads:       map[gateway.ThreadID]*Thread{},
		conversations: map[gateway.ConversationID]*Conversation{},
		unrouted:      map[gateway.ThreadID]struct{}{},
		agentNames:    map[gateway.AgentID]string{},
		held:          map[gateway.AgentID]int{},
		wrapping:      map[gateway.ConversationID]*Conversation{},
		calling:       map[gateway.ConversationID]*Conversation{},
		callDue:       map[gateway.ConversationID]*Conversation{},
		early:         map[gateway.ConversationID][]Record{},
	}
}

// Thread is what is known of one identity: it outlives conversations and is small.
type Thread struct {
	ID          gateway.ThreadID
	Identity    gateway.Identity
	Contact     wire.Contact
	LastInbound time.Time
	OptedOut    bool
	NotOurs     bool
	Subject     string // of the link it came by

	current *Conversation // open, or the last one while it can be reopened
	opened  int           // how many conversations it has had
	pending []wire.Item   // facts that came while no conversation was open
	cause   uint64        // position of the first pending message that wants a conversation; 0: none
	keyword bool          // … and nothing but opt-out words have come
	first   wire.Item     // the message at cause
}

// Conversation is one conversation with what deciding needs beyond its head.
type Conversation struct {
	Head      wire.Conversation
	Thread    gateway.ThreadID
	Version   uint64            // of its stream
	Front     bool              // waits at the head of its queue
	Tried     []gateway.AgentID // missed or declined since it last began to wait
	Held      bool              // the holder has written since getting it
	LastAgent gateway.AgentID   // who held it last
	Seen      uint64            // position up to which an agent has read what the customer wrote

	answeredAt time.Time     // its call was taken
	heldFor    time.Duration // of its call, without the hold under way
	legTried   map[gateway.LegID][]gateway.AgentID
	due        string // what its call asks for: dueQueue …

	readTo uint64
	holder gateway.AgentID // whom f.held counts it for
	items  []*wire.Item    // in order of Position, at most maxItems
}

// Open reports whether the conversation is not closed.
func (c *Conversation) Open() bool { return c.Head.State != gateway.StateClosed }

// Items returns the lines still in memory, oldest first. They must not be changed.
func (c *Conversation) Items() []*wire.Item { return c.items }

// Get returns a conversation that is open or was closed a short while ago.
func (f *Fold) Get(id gateway.ConversationID) (*Conversation, bool) {
	c, ok := f.conversations[id]
	return c, ok
}

// Thread returns what is known of an identity.
func (f *Fold) Thread(id gateway.ThreadID) (*Thread, bool) {
	t, ok := f.threads[id]
	return t, ok
}

// Current returns the thread's open conversation, or the one closed a short while ago.
func (t *Thread) Current() *Conversation { return t.current }

// All yields every conversation in memory.
func (f *Fold) All(yield func(*Conversation) bool) {
	for _, c := range f.conversations {
		if !yield(c) {
			return
		}
	}
}

// Held is how many open conversations an agent holds.
func (f *Fold) Held(a gateway.AgentID) int { return f.held[a] }

// WrappingUp yields the conversations in wrap-up.
func (f *Fold) WrappingUp(yield func(*Conversation) bool) {
	for _, c := range f.wrapping {
		if !yield(c) {
			return
		}
	}
}

// hold counts who holds what. Called before the head changes to the new state and holder.
func (f *Fold) hold(c *Conversation, to gateway.AgentID) {
	if c.holder != "" {
		if f.held[c.holder]--; f.held[c.holder] <= 0 {
			delete(f.held, c.holder)
		}
	}
	c.holder = to
	if to != "" {
		f.held[to]++
	}
	c.Head.WrapUpUntil, c.due = nil, ""
	delete(f.wrapping, c.Head.ID)
}

// Unknown counts records of types this version does not know.
func (f *Fold) Unknown() uint64 { return f.unknown }

// Apply folds one record and returns what changed; the slice is valid until the next call.
func (f *Fold) Apply(r Record) []Change {
	f.changes, f.rev = f.changes[:0], r.Pos
	f.forget(r.At)
	switch e := r.Event.(type) {
	case nil:
		f.unknown++
	case gateway.MessageReceived:
		f.messageReceived(r, e)
	case gateway.MessageEdited:
		f.edited(r, e)
	case gateway.Reacted:
		f.reacted(r, e)
	case gateway.DeliveryReported:
		f.delivered(r, e)
	case gateway.ContactLearned:
		f.contactLearned(r, e)
	case gateway.AttachmentStored:
		f.attachmentStored(r, e)
	case gateway.ConsentChanged:
		f.consentChanged(r, e)
	case gateway.ThreadControlChanged:
		f.controlChanged(r, e)
	case gateway.CallRequested:
		f.callRequested(r, e)
	case gateway.CallAnswered:
		f.callAnswered(r, e)
	case gateway.CallConnected:
		f.callConnected(r, e)
	case gateway.CallEnded:
		f.callEnded(r, e)
	case gateway.LineMeasured:
		f.lineMeasured(r, e)
	case gateway.MeetingOpened:
		f.meetingOpened(r, e)
	case gateway.MeetingJoined:
		f.meetingJoined(r, e)
	case gateway.MeetingLeft:
		f.meetingLeft(r, e)
	case gateway.MeetingSaid:
		f.meetingSaid(r, e)
	case gateway.MeetingClosed:
		f.meetingClosed(r, e)
	case gateway.CallRecordingWanted:
		f.recordingWantedBy(r, e)
	case gateway.CallRecordingAnswered:
		f.recordingAnswered(r, e)
	case gateway.CallRecordingStarted:
		f.recordingStarted(r, e)
	case gateway.CallRecordingEnded:
		f.recordingEnded(r, e)
	case gateway.MeetingRecordingWanted:
		f.meetingRecordingWanted(r, e)
	case gateway.MeetingRecordingStopped:
		f.meetingRecordingStopped(r, e)
	case gateway.MeetingRecordingStarted:
		f.meetingRecordingStarted(r, e)
	case gateway.MeetingRecordingTold:
		f.meetingRecordingTold(r, e)
	case gateway.MeetingRecordingAnswered:
		f.meetingRecordingAnswered(r, e)
	case gateway.MeetingRecordingEnded:
		f.meetingRecordingEnded(r, e)
	case gateway.ConversationOpened:
		f.opened(r, e)
	case gateway.AgentSaved:
		f.agentNames[e.Agent] = e.Name
	default:
		f.applyToConversation(r)
	}
	return f.changes
}

// applyToConversation folds the events of a conversation's own stream.
func (f *Fold) applyToConversation(r Record) {
	id, ok := conversationOf(r.Stream)
	if !ok {
		return
	}
	c := f.conversations[id]
	if c == nil {
		f.keepEarly(id, r)
		f.patchForgotten(r)
		return
	}
	c.Version = max(c.Version, r.Version)
	switch e := r.Event.(type) {
	case gateway.ConversationReopened:
		f.reopened(r, c, e)
	case gateway.ConversationQueued:
		f.queued(r, c, e)
	case gateway.ConversationOffered:
		c.Head.State = gateway.StateOffered
		c.Head.Offer = &wire.Offer{ID: e.Offer, Agents: slices.Clone(e.Agents), Until: e.Until}
		f.touch(r, c)
	case gateway.OfferEnded:
		f.offerEnded(r, c, e)
	case gateway.ConversationAssigned:
		f.assigned(r, c, e)
	case gateway.CallPlaced:
		f.callPlaced(r, c, e)
	case gateway.WrapUpStarted:
		f.wrapUpStarted(r, c, e)
	case gateway.WrapUpEnded:
		f.wrapUpEnded(r, c)
	case gateway.ConversationClosed:
		f.closedBy(r, c, e)
	case gateway.MessageSubmitted:
		f.submitted(r, c, e)
	case gateway.AttemptStarted, gateway.AttemptEnded:
		f.attempt(r, c)
	case gateway.NoteAdded:
		f.addItem(r, c, wire.Item{ID: string(e.Note), Kind: "note", Text: e.Text, ClientID: e.ClientID, From: f.agent(e.Agent)})
		c.Head.LastAt = r.At
		f.touch(r, c)
	case gateway.ConversationRead:
		c.Seen = max(c.Seen, e.Position)
		c.readTo = max(c.readTo, e.Position)
		c.Head.Unread = c.countUnread()
		f.touch(r, c)
	default:
		f.applyToCall(r, c)
	}
}

// keepEarly keeps what is in a conversation's stream before it is opened. A fail-over of the journal loses decisions
// and not what people have said (see package spool): an agent's answer can be back before the conversation is.
func (f *Fold) keepEarly(id gateway.ConversationID, r Record) {
	if known := f.early[id]; r.Version == 1 || (len(known) > 0 && len(known) < maxEarly) {
		f.early[id] = append(known, r)
	}
}

// takeEarly folds what was there before the conversation was opened, each line at its own position.
func (f *Fold) takeEarly(id gateway.ConversationID) {
	early := f.early[id]
	delete(f.early, id)
	for _, r := range early {
		f.applyToConversation(r)
	}
}

func conversationOf(stream string) (gateway.ConversationID, bool) {
	const prefix = "conversation/"
	if len(stream) <= len(prefix) || stream[:len(prefix)] != prefix {
		return "", false
	}
	return gateway.ConversationID(stream[len(prefix):]), true
}

func threadOf(stream string) (gateway.ThreadID, bool) {
	const prefix = "thread/"
	if len(stream) <= len(prefix) || stream[:len(prefix)] != prefix {
		return "", false
	}
	return gateway.ThreadID(stream[len(prefix):]), true
}

// thread returns the thread of a record's stream, made on first sight.
func (f *Fold) thread(r Record, who gateway.Identity) *Thread {
	id, ok := threadOf(r.Stream)
	if !ok {
		return nil
	}
	t := f.threads[id]
	if t == nil {
		t = &Thread{ID: id}
		t.Contact.ID = gateway.ContactID("p" + string(id)[1:])
		f.threads[id] = t
	}
	if t.Identity.IsZero() && !who.IsZero() {
		t.Identity = who
		t.Contact.Identities = []gateway.Identity{who}
	}
	return t
}

// live returns the thread's conversation if it is open.
func (t *Thread) live() *Conversation {
	if t.current != nil && t.current.Open() {
		return t.current
	}
	return nil
}

// touch emits the conversation's head.
func (f *Fold) touch(r Record, c *Conversation) {
	c.Head.Rev = f.rev
	if f.muted {
		return
	}
	head := c.Head
	head.Contact.Identities = slices.Clone(head.Contact.Identities)
	head.Offer, head.Call = c.Head.Offer.Clone(), c.Head.Call.Clone()
	head.Meeting = c.Head.Meeting.Clone()
	f.changes = append(f.changes, Change{Pos: f.rev, Thread: c.Thread, Conversation: &head})
}

// addItem appends a line to a conversation and emits it.
func (f *Fold) addItem(r Record, c *Conversation, it wire.Item) *wire.Item {
	it.Position = r.Pos
	if it.Time.IsZero() {
		it.Time = r.At
	}
	return f.keep(r, c, it)
}

// keep stores a line that already has its position.
func (f *Fold) keep(r Record, c *Conversation, it wire.Item) *wire.Item {
	it.Conversation = c.Head.ID
	if it.Attachments == nil {
		it.Attachments = []gateway.Attachment{}
	}
	p := &it
	if len(c.items) >= maxItems {
		c.items = append(c.items[:0], c.items[maxItems/4:]...)
	}
	c.items = append(c.items, p)
	f.emitItem(r, c, p)
	return p
}

// emitItem emits a copy: receivers keep it while the fold goes on changing its own.
func (f *Fold) emitItem(r Record, c *Conversation, p *wire.Item) {
	p.Rev = f.rev
	if f.muted {
		return
	}
	it := *p
	it.Attachments = slices.Clone(it.Attachments)
	it.Extra = maps.Clone(it.Extra)
	it.Lines = slices.Clone(it.Lines)
	it.Meeting = it.Meeting.Clone()
	it.Recordings = slices.Clone(it.Recordings)
	f.changes = append(f.changes, Change{Pos: f.rev, Thread: c.Thread, Item: &it})
}

// event adds a line that says what happened to the conversation.
func (f *Fold) event(r Record, c *Conversation, name string, data map[string]string) {
	for k, v := range data {
		if v == "" {
			delete(data, k)
		}
	}
	f.addItem(r, c, wire.Item{ID: "e" + strconv.FormatUint(r.Pos, 36), Kind: "event",
		From: wire.From{Kind: "system"}, Event: name, Data: data})
}

func (f *Fold) agent(id gateway.AgentID) wire.From {
	if id == "" {
		return wire.From{Kind: "system"}
	}
	return wire.From{Kind: "agent", ID: string(id), Name: f.agentName(id)}
}

func (f *Fold) agentName(id gateway.AgentID) string {
	if n := f.agentNames[id]; n != "" {
		return n
	}
	return string(id)
}

func (c *Conversation) countUnread() int {
	n := 0
	for _, it := range c.items {
		missed := it.Kind == "call" && it.Ended != nil && it.Ended.Outcome == "missed" ||
			it.Kind == "meeting" && it.Met != nil && it.Met.Outcome == "missed"
		if (it.Kind == "message" || missed) && it.Direction == gateway.Inbound && it.Position > c.readTo {
			n++
		}
	}
	return n
}

func preview(text string) string {
	n := 0
	for i := range text {
		if n == previewRunes {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

// forget drops conversations that were closed so long before a record that nobody can reopen them. Their lines
// are in the history database. The time is that of the records and not of a clock, so that a replay forgets at
// the same record: else it would know a conversation to which the first reading had given up.
func (f *Fold) forget(at time.Time) {
	for range len(f.closed) {
		c := f.closed[0]
		if !c.Open() && c.Head.ClosedAt != nil && at.Sub(*c.Head.ClosedAt) < forgetClosed {
			return // those behind it were closed later
		}
		f.closed[0] = nil
		f.closed = f.closed[1:]
		if c.Open() || f.conversations[c.Head.ID] != c {
			continue // reopened: it is in the list again when it closes
		}
		t := f.threads[c.Thread]
		if t != nil && t.current == c && t.cause > 0 {
			f.closed = append(f.closed, c) // somebody wrote in time, and it is about to be reopened
			continue
		}
		delete(f.conversations, c.Head.ID)
		if t != nil && t.current == c {
			t.current = nil
		}
		f.forgotten++
	}
}

// Forgotten counts the conversations that have left memory.
func (f *Fold) Forgotten() uint64 { return f.forgotten }

// Mute makes Apply return no changes, for a replay of what whoever lives on them has already.
func (f *Fold) Mute(on bool) { f.muted = on }
