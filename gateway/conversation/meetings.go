package conversation

import (
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// A video meeting belongs to a conversation and there is at most one at a time. It is part of the head while it is
// open and a line of the timeline for ever.
//
//	opened ─(joined, left)*→ closed
//
// Who comes by a link and knocks opens one, and wants a conversation as a caller does. Closing the conversation
// closes its meeting.

// maxMeetingPeople bounds how many of those who were in are remembered: ten can be in at once, but they come and go.
const maxMeetingPeople = 50

func meetingItemID(id gateway.MeetingID) string { return "meeting-" + string(id) }

// Meeting returns a copy of the thread's meeting that is open, also while its conversation is yet to be opened; nil if
// there is none.
func (t *Thread) Meeting() *wire.Meeting {
	if c := t.live(); c != nil {
		return c.Head.Meeting.Clone()
	}
	if it := t.pendingMeeting(); it != nil {
		return it.Meeting.Clone()
	}
	return nil
}

func (t *Thread) pendingMeeting() *wire.Item {
	for i := range t.pending {
		if t.pending[i].Meeting != nil {
			return &t.pending[i]
		}
	}
	return nil
}

func (f *Fold) meetingOpened(r Record, e gateway.MeetingOpened) {
	t := f.thread(r, e.Identity)
	if t == nil || t.Meeting() != nil {
		return // the one that is open counts
	}
	m := &wire.Meeting{ID: e.Meeting, Since: r.At, By: e.Agent, Name: e.Name, People: []wire.MeetingPerson{}}
	it := wire.Item{ID: meetingItemID(e.Meeting), Position: r.Pos, Time: r.At, Kind: "meeting", Channel: e.Identity.Channel,
		Direction: gateway.Inbound, From: wire.From{Kind: "customer", Name: e.Name}, Meeting: m}
	if e.Agent != "" {
		it.Direction, it.From = gateway.Outbound, f.agent(e.Agent)
	}
	if c := t.live(); c != nil {
		f.keep(r, c, it)
		c.Head.Meeting, c.Head.LastAt = m.Clone(), r.At
		f.touch(r, c)
		return
	}
	f.want(r, t, it, false)
}

// takeMeeting is the meeting of a line that waited for its conversation.
func (f *Fold) takeMeeting(c *Conversation, it wire.Item) {
	c.Head.LastAt = it.Time
	if it.Meeting != nil {
		c.Head.Meeting = it.Meeting.Clone()
		return
	}
	f.unmet(c, it.Met)
}

// changeMeeting changes the meeting of a thread, in the head and in its line.
func (f *Fold) changeMeeting(r Record, id gateway.MeetingID, change func(*wire.Meeting)) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	c := t.live()
	if c == nil {
		if it := t.pendingMeeting(); it != nil && it.Meeting.ID == id {
			change(it.Meeting)
		}
		return
	}
	if c.Head.Meeting == nil || c.Head.Meeting.ID != id {
		return
	}
	change(c.Head.Meeting)
	c.Head.LastAt = r.At
	if it := c.item(meetingItemID(id)); it != nil {
		it.Meeting = c.Head.Meeting.Clone()
		f.emitItem(r, c, it)
	}
	f.touch(r, c)
}

func (f *Fold) meetingJoined(r Record, e gateway.MeetingJoined) {
	f.changeMeeting(r, e.Meeting, func(m *wire.Meeting) {
		if i := personIn(m, e.Participant); i >= 0 {
			p := &m.People[i]
			p.LeftAt, p.Reason, p.Name = nil, "", e.Name
			p.Joins++
			return
		}
		if len(m.People) < maxMeetingPeople {
			m.People = append(m.People, wire.MeetingPerson{ID: e.Participant, Name: e.Name, Agent: e.Agent, Since: r.At, Joins: 1})
		}
	})
}

func personIn(m *wire.Meeting, id string) int {
	return slices.IndexFunc(m.People, func(p wire.MeetingPerson) bool { return p.ID == id })
}

func (f *Fold) meetingLeft(r Record, e gateway.MeetingLeft) {
	f.changeMeeting(r, e.Meeting, func(m *wire.Meeting) {
		if i := personIn(m, e.Participant); i >= 0 && m.People[i].LeftAt == nil {
			at := r.At
			m.People[i].LeftAt, m.People[i].Reason = &at, e.Reason
		}
	})
}

func (f *Fold) meetingSaid(r Record, e gateway.MeetingSaid) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	if c := t.live(); c != nil {
		f.event(r, c, "meeting_said", map[string]string{"name": e.Name, "agent": string(e.Agent), "text": e.Text})
	}
}

func (f *Fold) meetingClosed(r Record, e gateway.MeetingClosed) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	c := t.live()
	if c == nil {
		if it := t.pendingMeeting(); it != nil && it.Meeting.ID == e.Meeting {
			it.Met, it.Meeting = record(it.Meeting, e.Reason, e.Agent, r.At), nil
		}
		return
	}
	if c.Head.Meeting != nil && c.Head.Meeting.ID == e.Meeting {
		f.endMeeting(r, c, e.Reason, e.Agent)
		f.touch(r, c)
	}
}

// endMeeting takes the meeting out of the head.
func (f *Fold) endMeeting(r Record, c *Conversation, why gateway.MeetingClose, by gateway.AgentID) {
	m := c.Head.Meeting
	rec := record(m, why, by, r.At)
	if it := c.item(meetingItemID(m.ID)); it != nil {
		it.Meeting, it.Met = nil, rec
		f.emitItem(r, c, it)
	}
	c.Head.LastAt = r.At
	f.unmet(c, rec)
	c.Head.Unread = c.countUnread()
}

// unmet is the part of endMeeting that a meeting has too which ended before its conversation was opened: who gave up
// and left no way back needs no answer.
func (f *Fold) unmet(c *Conversation, rec *wire.MeetingRecord) {
	c.Head.Meeting = nil
	waiting := c.Head.State == gateway.StateWaiting || c.Head.State == gateway.StateOffered
	if waiting && rec.Outcome == "missed" && c.Head.Messages.Inbound == 0 && c.Head.Contact.Email == "" && c.Head.Contact.Phone == "" {
		f.dueNow(c, dueClose)
	}
}

func record(m *wire.Meeting, why gateway.MeetingClose, by gateway.AgentID, at time.Time) *wire.MeetingRecord {
	rec := &wire.MeetingRecord{Outcome: "unused", Reason: why, Agent: by, TimeMS: max(0, at.Sub(m.Since)).Milliseconds(), Names: []string{}}
	hosted := false
	for _, p := range m.People {
		rec.Names = append(rec.Names, p.Name)
		hosted = hosted || p.Agent != ""
	}
	switch {
	case len(m.People) > 1:
		rec.Outcome = "held"
	case m.By == "" && !hosted:
		rec.Outcome = "missed"
	}
	return rec
}
