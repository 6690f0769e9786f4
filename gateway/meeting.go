package gateway

// Video meetings (Click2Meet), stream "thread/{ThreadID}": a meeting belongs to a customer's conversation, whoever
// takes part in it.
type (
	// MeetingOpened begins one: an agent opened it, or (Agent empty) somebody came by a link and knocked.
	MeetingOpened struct {
		Meeting  MeetingID `json:"meeting"`
		Identity Identity  `json:"identity"`
		Agent    AgentID   `json:"agent,omitempty"`
		Name     string    `json:"name,omitempty"` // of who knocked
	}

	// MeetingJoined: somebody is in. Participant is the meeting's own name for them; who comes back has the same.
	MeetingJoined struct {
		Meeting     MeetingID `json:"meeting"`
		Participant string    `json:"participant"`
		Name        string    `json:"name"`
		Agent       AgentID   `json:"agent,omitempty"` // empty: a guest
		By          AgentID   `json:"by,omitempty"`    // who let them in
	}

	// MeetingLeft: they are out.
	MeetingLeft struct {
		Meeting     MeetingID    `json:"meeting"`
		Participant string       `json:"participant"`
		Reason      MeetingLeave `json:"reason"`
		By          AgentID      `json:"by,omitempty"` // who removed them
	}

	// MeetingSaid is a line of the meeting's chat.
	MeetingSaid struct {
		Meeting     MeetingID `json:"meeting"`
		Message     MessageID `json:"message"`
		Participant string    `json:"participant"`
		Name        string    `json:"name"`
		Agent       AgentID   `json:"agent,omitempty"`
		Text        string    `json:"text"`
	}

	// MeetingClosed ends it; the first one counts.
	MeetingClosed struct {
		Meeting MeetingID    `json:"meeting"`
		Reason  MeetingClose `json:"reason"`
		Agent   AgentID      `json:"agent,omitempty"` // who ended it for all
	}
)

// MeetingID names one meeting: random, and made when it is opened.
type MeetingID string

// MeetingLeave is why somebody left.
type MeetingLeave string

// Reasons.
const (
	OutSelf    MeetingLeave = "left"
	OutLost    MeetingLeave = "lost"    // the line broke and did not come back
	OutRemoved MeetingLeave = "removed" // by an agent; they do not come in again
)

// MeetingClose is why a meeting ended.
type MeetingClose string

// Reasons.
const (
	CloseEnded  MeetingClose = "ended"   // an agent ended it for all
	CloseEmpty  MeetingClose = "empty"   // nobody is left
	CloseGaveUp MeetingClose = "gave_up" // who knocked left before anybody let them in
)

// EventType implements Event.
func (MeetingOpened) EventType() string { return "meeting.opened" }

// EventType implements Event.
func (MeetingJoined) EventType() string { return "meeting.joined" }

// EventType implements Event.
func (MeetingLeft) EventType() string { return "meeting.left" }

// EventType implements Event.
func (MeetingSaid) EventType() string { return "meeting.said" }

// EventType implements Event.
func (MeetingClosed) EventType() string { return "meeting.closed" }
