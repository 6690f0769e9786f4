package gateway

import "time"

// RecordingID names the recording of a call or a meeting: 26 characters of a–z and 2–7, made at random.
type RecordingID string

// ValidRecordingID reports whether an id has the form of ours, so that it can be a name in a folder.
func ValidRecordingID(id RecordingID) bool {
	if len(id) != 26 {
		return false
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// RecordingEnd is why a recording ended.
type RecordingEnd string

const (
	RecordingStopped RecordingEnd = "stopped"       // an agent stopped it, or the customer did not agree any more
	RecordingDone    RecordingEnd = "call_ended"    // with its call
	RecordingMet     RecordingEnd = "meeting_ended" // with its meeting
	RecordingFailed  RecordingEnd = "failed"        // it could not be written; what was written is kept
	RecordingRestart RecordingEnd = "restart"       // the gateway ended in the middle of it
	RecordingLimit   RecordingEnd = "limit"         // it became too long
)

// Recording of calls. What agents and rules want stands in the conversation's stream, what became of it in the
// thread's, who listened in "recording/{RecordingID}".
type (
	// CallRecordingWanted: By, or where By is empty the rule of the queue, wants the call recorded. The notice is
	// given first; with Ask nothing happens before the customer has agreed.
	CallRecordingWanted struct {
		Call CallID  `json:"call"`
		By   AgentID `json:"by,omitempty"`
		Ask  bool    `json:"ask,omitempty"`
	}

	// CallRecordingStopped: By wants it recorded no longer; empty: the call has come to a queue without recording.
	CallRecordingStopped struct {
		Call CallID  `json:"call"`
		By   AgentID `json:"by,omitempty"`
	}

	// CallRecordingAnswered: the customer pressed a button under the question. A later answer replaces it.
	CallRecordingAnswered struct {
		Call     CallID `json:"call"`
		Agreed   bool   `json:"agreed"`
		Language string `json:"language,omitempty"` // the question was shown in: BCP 47
	}

	// CallRecordingStarted: the notice was heard by both, and Recording takes what they say from now on.
	CallRecordingStarted struct {
		Call         CallID         `json:"call"`
		Recording    RecordingID    `json:"recording"`
		Conversation ConversationID `json:"conversation"`
		Queue        QueueID        `json:"queue"`
		By           AgentID        `json:"by,omitempty"`
		Notice       string         `json:"notice"`              // name of the clip that was played
		AgreedAt     *time.Time     `json:"agreed_at,omitempty"` // the customer's click
		AgreedIn     string         `json:"agreed_in,omitempty"` // language of the question
	}

	// CallRecordingEnded says what there is. Tracks are in step and equally long; the first is number 0.
	CallRecordingEnded struct {
		Call       CallID          `json:"call"`
		Recording  RecordingID     `json:"recording"`
		Reason     RecordingEnd    `json:"reason"`
		DurationMS int64           `json:"duration_ms"`
		DroppedMS  int64           `json:"dropped_ms,omitempty"` // of sound that a slow disk did not take
		Tracks     []RecordedTrack `json:"tracks"`
	}

	// RecordingHeard: By, an agent or a token, listens. Written before the sound is given out.
	RecordingHeard struct {
		Recording RecordingID `json:"recording"`
		By        string      `json:"by"`
	}

	// RecordingDeleted: the files are gone, or go at once. By is empty when its time was over.
	RecordingDeleted struct {
		Recording RecordingID `json:"recording"`
		By        string      `json:"by,omitempty"`
	}
)

// Recording of video meetings, all of it in the thread's stream. Each participant hears the notice on their own line,
// and nothing that they say is taken before; nor, where Ask says so, what a guest says who has not agreed.
type (
	// MeetingRecordingWanted: By, or where By is empty the rule of the queue, wants the meeting recorded.
	MeetingRecordingWanted struct {
		Meeting MeetingID `json:"meeting"`
		By      AgentID   `json:"by,omitempty"`
		Ask     bool      `json:"ask,omitempty"` // of guests only what those say who agree by a click
	}

	// MeetingRecordingStopped: By wants it recorded no longer; empty: its conversation has come to a queue without
	// recording.
	MeetingRecordingStopped struct {
		Meeting MeetingID `json:"meeting"`
		By      AgentID   `json:"by,omitempty"`
	}

	// MeetingRecordingStarted: somebody has heard the notice, and there is something to record.
	MeetingRecordingStarted struct {
		Meeting      MeetingID      `json:"meeting"`
		Recording    RecordingID    `json:"recording"`
		Conversation ConversationID `json:"conversation"`
		Queue        QueueID        `json:"queue"`
		By           AgentID        `json:"by,omitempty"`
		Ask          bool           `json:"ask,omitempty"`
	}

	// MeetingRecordingTold: the participant has heard the notice of this recording to its end.
	MeetingRecordingTold struct {
		Meeting     MeetingID   `json:"meeting"`
		Recording   RecordingID `json:"recording"`
		Participant string      `json:"participant"`
		Name        string      `json:"name"`
		Agent       AgentID     `json:"agent,omitempty"`     // empty: a guest
		Notice      string      `json:"notice"`              // name of the clip that was played
		AgreedAt    *time.Time  `json:"agreed_at,omitempty"` // the guest's click, if it came before
		AgreedIn    string      `json:"agreed_in,omitempty"` // language of the question
	}

	// MeetingRecordingAnswered: a guest pressed a button under the question. A later answer replaces it.
	MeetingRecordingAnswered struct {
		Meeting     MeetingID `json:"meeting"`
		Participant string    `json:"participant"`
		Name        string    `json:"name"`
		Agreed      bool      `json:"agreed"`
		Language    string    `json:"language,omitempty"` // the question was shown in: BCP 47
	}

	// MeetingRecordingEnded says what there is, as CallRecordingEnded does. LeftOut is how many people spoke for
	// whom there was no track any more.
	MeetingRecordingEnded struct {
		Meeting    MeetingID       `json:"meeting"`
		Recording  RecordingID     `json:"recording"`
		Reason     RecordingEnd    `json:"reason"`
		DurationMS int64           `json:"duration_ms"`
		DroppedMS  int64           `json:"dropped_ms,omitempty"`
		LeftOut    int             `json:"left_out,omitempty"`
		Tracks     []RecordedTrack `json:"tracks"`
	}
)

// RecordedTrack is what one side of a call, or one participant of a meeting, said. Lost and Late are packets: of the
// first nothing came, the others came too late or were broken.
type RecordedTrack struct {
	Side string `json:"side"`           // customer, agent/ID, guest/PARTICIPANT
	Name string `json:"name,omitempty"` // of a meeting's participant
	Lost int    `json:"lost,omitempty"`
	Late int    `json:"late,omitempty"`
}

// RecordingStream is the stream of who listened to a recording and of its deletion.
func RecordingStream(id RecordingID) string { return "recording/" + string(id) }

func (CallRecordingWanted) EventType() string   { return "call.recording_wanted" }
func (CallRecordingStopped) EventType() string  { return "call.recording_stopped" }
func (CallRecordingAnswered) EventType() string { return "call.recording_answered" }
func (CallRecordingStarted) EventType() string  { return "call.recording_started" }
func (CallRecordingEnded) EventType() string    { return "call.recording_ended" }
func (RecordingHeard) EventType() string        { return "recording.heard" }
func (RecordingDeleted) EventType() string      { return "recording.deleted" }

func (MeetingRecordingWanted) EventType() string   { return "meeting.recording_wanted" }
func (MeetingRecordingStopped) EventType() string  { return "meeting.recording_stopped" }
func (MeetingRecordingStarted) EventType() string  { return "meeting.recording_started" }
func (MeetingRecordingTold) EventType() string     { return "meeting.recording_told" }
func (MeetingRecordingAnswered) EventType() string { return "meeting.recording_answered" }
func (MeetingRecordingEnded) EventType() string    { return "meeting.recording_ended" }
