package wire

import (
	"slices"
	"time"

	"backline/gateway"
)

// Limits of the meetings' socket, /ws/meet.
const (
	MeetPeople      = 10 // in a meeting
	MeetLobby       = 20 // before its door
	MaxMeetSDPBytes = 48 << 10
	MaxMeetText     = 2000 // runes of a line of chat
	MeetFrames      = 128  // wait for one page, then it is closed with CloseSlow
)

// Meeting is a conversation's video meeting while it is open.
type Meeting struct {
	ID     gateway.MeetingID `json:"id"`
	Since  time.Time         `json:"since"`
	By     gateway.AgentID   `json:"by"`     // who opened it; "": somebody knocked by a link
	Name   string            `json:"name"`   // of who knocked
	People []MeetingPerson   `json:"people"` // all who were in, in order of coming

	Recording *MeetingRecording `json:"recording,omitempty"` // null: nobody wants it recorded
}

// Clone copies a meeting; nil stays nil.
func (m *Meeting) Clone() *Meeting {
	if m == nil {
		return nil
	}
	c := *m
	c.People = slices.Clone(m.People)
	if m.Recording != nil {
		r := *m.Recording
		c.Recording = &r
	}
	return &c
}

// MeetingRecording is whether a meeting is recorded. States: notice (it will be, when at least two are in and the first
// has heard that it is), on, stopped, failed.
type MeetingRecording struct {
	State RecordingState      `json:"state"`
	ID    gateway.RecordingID `json:"id,omitempty"` // while on
	By    gateway.AgentID     `json:"by"`           // who wants it; "" the queue's rule
	Since time.Time           `json:"since"`
	Ask   bool                `json:"ask,omitempty"` // of guests only what those say who agree
}

// Wanted reports whether a meeting is recorded, or will be; r may be nil.
func (r *MeetingRecording) Wanted() bool {
	return r != nil && (r.State == RecordingNotice || r.State == RecordingOn)
}

// MeetingPerson is somebody who is in a meeting, or was.
type MeetingPerson struct {
	ID     string               `json:"id"`
	Name   string               `json:"name"`
	Agent  gateway.AgentID      `json:"agent"` // "": a guest
	Since  time.Time            `json:"since"`
	LeftAt *time.Time           `json:"left_at"` // null: in
	Reason gateway.MeetingLeave `json:"reason"`  // why they left
	Joins  int                  `json:"joins"`

	Told     gateway.RecordingID `json:"told,omitempty"`      // the recording of which they have heard the notice
	Answer   RecordingAnswer     `json:"answer,omitempty"`    // a guest's, to whether what they say may be recorded
	AgreedAt *time.Time          `json:"agreed_at,omitempty"` // their click
	AgreedIn string              `json:"agreed_in,omitempty"` // language of the question
}

// RecordingAnswer is what a guest of a meeting has answered.
type RecordingAnswer string

const (
	AnswerNone    RecordingAnswer = "" // nothing yet
	AnswerAgreed  RecordingAnswer = "agreed"
	AnswerRefused RecordingAnswer = "refused"
)

// RecordedIn reports whether what a participant says is taken by a recording of their meeting.
func (p *MeetingPerson) RecordedIn(r *MeetingRecording) bool {
	return r != nil && r.State == RecordingOn && p.Told == r.ID && (p.Agent != "" || !r.Ask || p.Answer == AnswerAgreed)
}

// MeetingRecord is a meeting that is over. Outcome: held (at least two were in); missed (somebody knocked and nobody
// came); unused.
type MeetingRecord struct {
	Outcome string               `json:"outcome"`
	Reason  gateway.MeetingClose `json:"reason"`
	Agent   gateway.AgentID      `json:"agent"` // who ended it, if anybody did
	TimeMS  int64                `json:"time_ms"`
	Names   []string             `json:"names"`
}

// ConsoleMeet is t: meet, to the consoles of the agent who holds the conversation: who waits before the door of its
// meeting. It comes again every few seconds as long as somebody waits.
type ConsoleMeet struct {
	Conversation gateway.ConversationID `json:"conversation"`
	Meeting      gateway.MeetingID      `json:"meeting"`
	Waiting      []string               `json:"waiting"` // names
}

// Frames to a meeting's page (server → client).
type (
	MeetWelcome struct { // t: welcome — after hello
		Version   int       `json:"version"`
		Company   Company   `json:"company"`
		Subject   string    `json:"subject"`
		Name      string    `json:"name"` // of this page's person, as far as known
		Host      bool      `json:"host"` // an agent: comes in without knocking, and steers
		Open      bool      `json:"open"` // the meeting is open now
		People    int       `json:"people"`
		Locked    bool      `json:"locked"`
		Staffed   bool      `json:"staffed"` // somebody is signed in who can let people in
		Recorded  bool      `json:"recorded,omitempty"`
		ServerNow time.Time `json:"server_now"`
	}
	// MeetPlace is t: place: where this page is. At: green (before joining), lobby, in, over. Why, with over: left,
	// ended, denied, removed; with green: locked, full, gone (why it could not come in).
	MeetPlace struct {
		At   string `json:"at"`
		Why  string `json:"why,omitempty"`
		You  string `json:"you,omitempty"`  // this page's participant
		Seat string `json:"seat,omitempty"` // keep; sent back in hello, it leads to the same place
		Line int    `json:"line,omitempty"` // the connection that the gateway still has; 0: offer a new one
	}
	// MeetRoom is t: room: who is there, whenever that changes. Lobby is told to hosts only.
	MeetRoom struct {
		People []MeetPeer  `json:"people"`
		Lobby  []MeetGuest `json:"lobby"`
		Locked bool        `json:"locked"`
		Since  time.Time   `json:"since"`
		// Recording is null where none was wanted. MayRecord: this page's agent may begin one.
		Recording *MeetRecording `json:"recording,omitempty"`
		MayRecord bool           `json:"may_record,omitempty"`
	}
	// MeetSlots is t: slots: which line of this page's connection carries what. Of two the higher Rev is true.
	MeetSlots struct {
		Rev   uint64     `json:"rev"`
		Slots []MeetSlot `json:"slots"`
		// Camera and Screen are how many layers of each, from the smallest, this page need send; 0: all.
		Camera int `json:"camera,omitempty"`
		Screen int `json:"screen,omitempty"`
	}
	MeetAnswer struct { // t: answer — to offer
		Line    int         `json:"line"`
		SDP     string      `json:"sdp,omitempty"`
		ICE     []ICEServer `json:"ice,omitempty"` // for when the line does not come up without
		Failure *Failure    `json:"failure,omitempty"`
	}
	MeetChat struct { // t: chat — a line that is on disk
		ID    string    `json:"id"`
		From  string    `json:"from"` // participant; "": the company
		Name  string    `json:"name"`
		Text  string    `json:"text"`
		Time  time.Time `json:"time"`
		Agent bool      `json:"agent"`
	}
	MeetAck struct { // t: ack — to say, consent and do
		ID      string   `json:"id"`
		Failure *Failure `json:"failure,omitempty"`
	}
	MeetMuted struct { // t: muted — an agent has muted this page
		By string `json:"by"`
	}
)

// MeetRecording is the recording of a meeting as a page sees it.
type MeetRecording struct {
	State  RecordingState  `json:"state"` // notice, on, stopped, failed
	Ask    bool            `json:"ask,omitempty"`
	Answer RecordingAnswer `json:"answer,omitempty"` // this page's; agents are told and not asked
}

// MeetPeer is a participant as the others see them.
type MeetPeer struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Host   bool   `json:"host"`
	Audio  bool   `json:"audio"`
	Video  bool   `json:"video"`
	Screen bool   `json:"screen"`
	Away   bool   `json:"away"` // the line is broken; may come back
	// Recorded: what they say is taken by the recording that is on.
	Recorded bool `json:"recorded,omitempty"`
}

// MeetGuest waits to be let in.
type MeetGuest struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// MeetSlot is one line of a page. Kind: audio, camera, screen.
type MeetSlot struct {
	MID  string `json:"mid"`
	Peer string `json:"peer"`
	Kind string `json:"kind"`
}

// Frames from a meeting's page (client → server).
type (
	MeetHello struct { // t: hello
		Version int    `json:"version"`
		Link    string `json:"link"` // its token
		Seat    string `json:"seat,omitempty"`
		Host    bool   `json:"host,omitempty"` // as the agent who is signed in here
		// Language that the page speaks, BCP 47: a notice is played in it, if there is one.
		Language string `json:"language,omitempty"`
	}
	MeetJoin struct { // t: join — a host comes in, a guest knocks
		Name string `json:"name"`
	}
	MeetOffer struct { // t: offer — Line is the page's number for the connection: the same again renews it
		Line int    `json:"line"`
		SDP  string `json:"sdp"`
	}
	MeetWant struct { // t: want — the pictures that are shown, the most important first
		Tiles []MeetTile `json:"tiles"`
	}
	MeetMedia struct { // t: media — what this page sends
		Audio  bool `json:"audio"`
		Video  bool `json:"video"`
		Screen bool `json:"screen"`
	}
	MeetSay struct { // t: say — a line of chat
		ID   string `json:"id"`
		Text string `json:"text"`
	}
	// MeetConsent is t: consent — a guest's answer to whether what they say may be recorded, or another one later.
	MeetConsent struct {
		ID       string `json:"id"`
		Agreed   bool   `json:"agreed"`
		Language string `json:"language,omitempty"` // of the question
	}
	// MeetDo is t: do, for hosts: admit, deny, mute, remove (Peer), mute_all, lock, unlock, record, record_stop, end.
	MeetDo struct {
		ID   string `json:"id"`
		Do   string `json:"do"`
		Peer string `json:"peer,omitempty"`
	}
	MeetLeave struct{} // t: leave
)

// MeetTile is a picture on a page. Kind: camera, screen; Height in pixels of the screen.
type MeetTile struct {
	Peer   string `json:"peer"`
	Kind   string `json:"kind"`
	Height int    `json:"height"`
}
