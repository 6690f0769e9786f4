package live

import (
	"context"

	"backline/gateway"
	"backline/gateway/wire"
)

// Meetings is who carries video meetings. It is told of each change of a conversation's meeting, and once of each
// meeting that is open when the journal has been read. MeetingChanged must be quick and must not call back.
type Meetings interface {
	MeetingChanged(MeetingChange)
}

// MeetingChange is a conversation's meeting as it is now.
type MeetingChange struct {
	Conversation gateway.ConversationID
	Who          gateway.Identity
	Queue        gateway.QueueID
	Holder       gateway.AgentID
	Meeting      *wire.Meeting // nil: it is over
	Rev          uint64
}

// meetingChangedLocked tells Meetings of a head that has a meeting, or had one.
func (l *Live) meetingChangedLocked(h *wire.Conversation, t gateway.ThreadID) {
	if l.opts.Meetings == nil {
		return
	}
	_, had := l.meeting[h.ID]
	switch {
	case h.Meeting == nil && !had:
		return
	case h.Meeting == nil:
		delete(l.meeting, h.ID)
	default:
		l.meeting[h.ID] = struct{}{}
	}
	ch := MeetingChange{Conversation: h.ID, Queue: h.Queue, Holder: h.Agent, Meeting: h.Meeting.Clone(), Rev: h.Rev}
	if th, ok := l.fold.Thread(t); ok {
		ch.Who = th.Identity
	}
	l.opts.Meetings.MeetingChanged(ch)
}

// RetellMeetings tells Meetings of each meeting that is open, as at the start: it has not listened until now.
func (l *Live) RetellMeetings() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.fold.All {
		l.meetingChangedLocked(&c.Head, c.Thread)
	}
}

// MeetingOf returns the meeting of a customer's thread that is open; without a Conversation while that is being
// opened.
func (l *Live) MeetingOf(who gateway.Identity) (MeetingChange, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.fold.Thread(who.Thread())
	if !ok {
		return MeetingChange{}, false
	}
	m := t.Meeting()
	if m == nil {
		return MeetingChange{}, false
	}
	ch := MeetingChange{Who: who, Meeting: m}
	if c := t.Current(); c != nil && c.Open() {
		ch.Conversation, ch.Queue, ch.Holder, ch.Rev = c.Head.ID, c.Head.Queue, c.Head.Agent, c.Head.Rev
	}
	return ch, true
}

// OpenMeeting opens a meeting in a conversation, unless one is open. Who does not hold the conversation takes it
// first. It returns whose conversation it is.
func (l *Live) OpenMeeting(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, meeting gateway.MeetingID) (gateway.Identity, error) {
	var who gateway.Identity
	l.mu.Lock()
	c, ok := l.fold.Get(id)
	mine := ok && c.Open() && (c.Head.Meeting != nil || c.Head.Agent == by)
	if ok {
		if t, found := l.fold.Thread(c.Thread); found {
			who = t.Identity
		}
	}
	l.mu.Unlock()
	if !mine {
		if _, err := l.Take(ctx, by, id); err != nil {
			return who, err
		}
	}
	if _, open := l.MeetingOf(who); open {
		return who, nil
	}
	return who, l.CallFact(ctx, who, "meeting/"+string(meeting)+"/opened", gateway.MeetingOpened{Meeting: meeting, Identity: who, Agent: by})
}

// IdentityOf returns whose conversation it is, while it is in memory.
func (l *Live) IdentityOf(id gateway.ConversationID) (gateway.Identity, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.fold.Get(id)
	if !ok {
		return gateway.Identity{}, false
	}
	t, ok := l.fold.Thread(c.Thread)
	if !ok {
		return gateway.Identity{}, false
	}
	return t.Identity, true
}

// NameOf is the name of a customer; "" unknown.
func (l *Live) NameOf(who gateway.Identity) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, ok := l.fold.Thread(who.Thread()); ok {
		return t.Contact.Name
	}
	return ""
}
