package conversation

import (
	"backline/gateway"
	"backline/gateway/wire"
)

// Recording of meetings. Each is a change of the meeting that is open; what comes when it is over, or in another order
// than it can happen in, changes nothing.

// meetingOf is the conversation in which this meeting is open, or nil. Without a conversation nothing is recorded:
// nobody knows yet whose rules hold.
func (f *Fold) meetingOf(r Record, id gateway.MeetingID) *Conversation {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return nil
	}
	c := t.live()
	if c == nil || c.Head.Meeting == nil || c.Head.Meeting.ID != id {
		return nil
	}
	return c
}

// recordMeeting changes a meeting; change returns the event that the timeline shows for it, if any, and whether
// anything has changed.
func (f *Fold) recordMeeting(r Record, id gateway.MeetingID, change func(*Conversation, *wire.Meeting) (event string, data map[string]string, ok bool)) {
	c := f.meetingOf(r, id)
	if c == nil {
		return
	}
	event, data, ok := change(c, c.Head.Meeting)
	if !ok {
		return
	}
	if event != "" {
		f.event(r, c, event, data)
	}
	f.changeMeeting(r, id, func(*wire.Meeting) {})
}

// byAgent is the data of what an agent did to a meeting's recording.
func (f *Fold) byAgent(id gateway.AgentID) map[string]string {
	return map[string]string{"meeting": "yes", "agent": string(id), "agent_name": f.nameOf(id)}
}

func (f *Fold) meetingRecordingWanted(r Record, e gateway.MeetingRecordingWanted) {
	f.recordMeeting(r, e.Meeting, func(_ *Conversation, m *wire.Meeting) (string, map[string]string, bool) {
		if m.Recording.Wanted() {
			return "", nil, false
		}
		m.Recording = &wire.MeetingRecording{State: wire.RecordingNotice, By: e.By, Since: r.At, Ask: e.Ask}
		return "", nil, true
	})
}

func (f *Fold) meetingRecordingStopped(r Record, e gateway.MeetingRecordingStopped) {
	f.recordMeeting(r, e.Meeting, func(_ *Conversation, m *wire.Meeting) (string, map[string]string, bool) {
		if !m.Recording.Wanted() {
			return "", nil, false
		}
		if e.By == "" { // the next queue may have a rule of its own
			m.Recording = nil
		} else {
			m.Recording.State, m.Recording.ID, m.Recording.Since = wire.RecordingStopped, "", r.At
		}
		return "recording_stopped", f.byAgent(e.By), true
	})
}

func (f *Fold) meetingRecordingStarted(r Record, e gateway.MeetingRecordingStarted) {
	f.recordMeeting(r, e.Meeting, func(c *Conversation, m *wire.Meeting) (string, map[string]string, bool) {
		if m.Recording == nil || m.Recording.State != wire.RecordingNotice {
			return "", nil, false
		}
		m.Recording.State, m.Recording.ID, m.Recording.Since = wire.RecordingOn, e.Recording, r.At
		if it := c.item(meetingItemID(e.Meeting)); it != nil {
			it.Recordings = append(it.Recordings, e.Recording)
		}
		return "recording_on", f.byAgent(e.By), true
	})
}

func (f *Fold) meetingRecordingTold(r Record, e gateway.MeetingRecordingTold) {
	f.recordMeeting(r, e.Meeting, func(_ *Conversation, m *wire.Meeting) (string, map[string]string, bool) {
		i := personIn(m, e.Participant)
		if i < 0 {
			return "", nil, false
		}
		m.People[i].Told = e.Recording
		return "", nil, true
	})
}

func (f *Fold) meetingRecordingAnswered(r Record, e gateway.MeetingRecordingAnswered) {
	f.recordMeeting(r, e.Meeting, func(_ *Conversation, m *wire.Meeting) (string, map[string]string, bool) {
		i := personIn(m, e.Participant)
		if i < 0 {
			return "", nil, false
		}
		p, answer, event := &m.People[i], wire.AnswerRefused, "recording_refused"
		if e.Agreed {
			answer, event = wire.AnswerAgreed, "recording_agreed"
		}
		if p.Answer == answer {
			return "", nil, false
		}
		p.Answer, p.AgreedAt, p.AgreedIn = answer, nil, ""
		if e.Agreed {
			at := r.At
			p.AgreedAt, p.AgreedIn = &at, e.Language
		}
		return event, map[string]string{"meeting": "yes", "name": p.Name}, true
	})
}

// meetingRecordingEnded: of one that nobody stopped. After a restart of the gateway all are told again, and it goes on
// in another recording.
func (f *Fold) meetingRecordingEnded(r Record, e gateway.MeetingRecordingEnded) {
	f.recordMeeting(r, e.Meeting, func(_ *Conversation, m *wire.Meeting) (string, map[string]string, bool) {
		if m.Recording == nil || m.Recording.ID != e.Recording {
			return "", nil, false
		}
		m.Recording.ID, m.Recording.Since = "", r.At
		switch e.Reason {
		case gateway.RecordingRestart:
			m.Recording.State = wire.RecordingNotice
			return "", nil, true
		case gateway.RecordingFailed:
			m.Recording.State = wire.RecordingFailed
			return "recording_failed", f.byAgent(""), true
		}
		m.Recording.State = wire.RecordingStopped
		return "recording_stopped", f.byAgent(""), true
	})
}
