// Package wire holds the frames of the two web sockets, /ws/console and /ws/visitor, and the JSON shapes
// that the REST API shares with them. A frame is one JSON object with its type in "t". webclient's
// protocol.ts is generated from these types.
//
// Both sockets resume: the client's hello says the last position it has seen, and it gets what it missed, in
// order, once. Items carry Rev, the position of the last event that changed them: an item that comes again
// with a higher Rev replaces the one with the same ID.
//
// Limits: a frame from a client is ≤ 64 KiB; hello must come within 5 s; a bounded number of frames waits per
// connection, then it is closed with CloseSlow and resumes by position.
package wire

import (
	"slices"
	"time"

	"backline/gateway"
)

// Version of the protocol; a client with another major is told to reload.
const Version = 1

// Limits of both sockets.
const (
	MaxFrameBytes  = 64 << 10
	MaxSDPBytes    = 16 << 10
	MaxTextRunes   = 10000
	MaxFileBytes   = 10 << 20
	MaxAttachments = 10
	MaxVoiceBytes  = 8 << 20 // a voice message
	MaxVoiceMS     = 5 * 60 * 1000
	VoicePiece     = 64 << 10 // bytes of one piece of it
	HelloTimeout   = 5 * time.Second
	PingEvery      = 15 * time.Second // client → server; also the agent's heartbeat
	DeadAfter      = 40 * time.Second // no frame for this long: the server closes
	ConsoleFrames  = 2048             // wait for one console, then it is closed with CloseSlow: 1 s of a full load
	VisitorFrames  = 64               // wait for one page
)

// Close codes (4000–4999 are ours).
const (
	CloseUnauthorized = 4001 // sign in again; do not retry by itself
	CloseProtocol     = 4002 // bad frame; a bug: reload the page
	CloseSlow         = 4008 // too many unread frames; resume at once
	CloseRestarting   = 4009 // the gateway goes away; resume, with jitter
	CloseForbidden    = 4003 // origin or site not allowed; do not retry
	CloseReplaced     = 4010 // signed out
)

// Conversation is the head of one conversation as lists and sockets show it.
type Conversation struct {
	ID           gateway.ConversationID `json:"id"`
	Channel      string                 `json:"channel"`
	Entry        string                 `json:"entry"`
	State        gateway.State          `json:"state"`
	Queue        gateway.QueueID        `json:"queue"`
	Agent        gateway.AgentID        `json:"agent"`
	Target       gateway.Target         `json:"target"`
	Contact      Contact                `json:"contact"`
	OpenedAt     time.Time              `json:"opened_at"`
	WaitingSince *time.Time             `json:"waiting_since"` // null unless waiting or offered
	ClosedAt     *time.Time             `json:"closed_at"`
	LastAt       time.Time              `json:"last_at"` // last message or note
	LastInbound  *time.Time             `json:"last_inbound"`
	Preview      string                 `json:"preview"` // ≤ 120 runes of the last message
	PreviewFrom  gateway.Direction      `json:"preview_from"`
	Unread       int                    `json:"unread"` // inbound messages no agent has seen
	Messages     Counts                 `json:"messages"`
	Offer        *Offer                 `json:"offer"`
	Window       *Window                `json:"window"` // null: the channel has no reply window
	OptedOut     bool                   `json:"opted_out"`
	NotOurs      bool                   `json:"not_ours"` // another app owns the thread: show, do not answer
	Online       bool                   `json:"online"`   // the customer's page is open now
	Priority     int                    `json:"priority"`
	Subject      string                 `json:"subject"`       // what a talk link is about
	Call         *Call                  `json:"call"`          // while one lasts
	LastCall     *CallRecord            `json:"last_call"`     // set when the last thing that happened was a call
	WrapUpUntil  *time.Time             `json:"wrap_up_until"` // in state wrap-up
	Meeting      *Meeting               `json:"meeting"`       // while one is open
	Rev          uint64                 `json:"rev"`
}

// CallState is where a call is.
type CallState string

const (
	CallWaiting   CallState = "waiting"   // the customer hears music; rings at agents while the conversation is offered
	CallRinging   CallState = "ringing"   // an agent calls: the customer's page rings
	CallAnswered  CallState = "answered"  // taken; the sides are being joined
	CallConnected CallState = "connected" // both hear each other
)

// Call is a call while it lasts.
type Call struct {
	ID          gateway.CallID  `json:"id"`
	State       CallState       `json:"state"`
	From        string          `json:"from"`  // who began it: customer, agent
	Agent       gateway.AgentID `json:"agent"` // "" while waiting
	Since       time.Time       `json:"since"`
	ConnectedAt *time.Time      `json:"connected_at"`
	HeldSince   *time.Time      `json:"held_since,omitempty"` // null: not on hold
	Legs        []CallLeg       `json:"legs,omitempty"`       // who is in it or asked in, beside the customer and Agent
	Recording   *CallRecording  `json:"recording,omitempty"`  // null: nobody wants it recorded
}

// CallRecording is whether a call is recorded. States:
//
//	asked ⇄ refused          the customer is asked for a click, and has not agreed
//	notice → on              both hear that it is recorded, then it is
//	stopped, failed          it was
type CallRecording struct {
	State    RecordingState      `json:"state"`
	ID       gateway.RecordingID `json:"id,omitempty"` // while on
	By       gateway.AgentID     `json:"by"`           // who wants it; "" the queue's rule
	Since    time.Time           `json:"since"`
	Ask      bool                `json:"ask,omitempty"` // the customer must agree
	AgreedAt *time.Time          `json:"agreed_at,omitempty"`
	AgreedIn string              `json:"agreed_in,omitempty"` // language of the question
}

// RecordingState is where the recording of a call is.
type RecordingState string

const (
	RecordingAsked   RecordingState = "asked"
	RecordingRefused RecordingState = "refused"
	RecordingNotice  RecordingState = "notice"
	RecordingOn      RecordingState = "on"
	RecordingStopped RecordingState = "stopped"
	RecordingFailed  RecordingState = "failed"
)

// Leg returns the leg of an agent who is in the call, or nil.
func (c *Call) Leg(a gateway.AgentID) *CallLeg {
	for i := range c.Legs {
		if a != "" && c.Legs[i].Agent == a {
			return &c.Legs[i]
		}
	}
	return nil
}

// Consult returns the consultation under way, or nil.
func (c *Call) Consult() *CallLeg {
	for i := range c.Legs {
		if c.Legs[i].Role == gateway.RoleConsult {
			return &c.Legs[i]
		}
	}
	return nil
}

// Clone returns a copy that shares nothing that changes.
func (c *Call) Clone() *Call {
	if c == nil {
		return nil
	}
	call := *c
	call.Legs = slices.Clone(c.Legs)
	if c.Recording != nil {
		r := *c.Recording
		call.Recording = &r
	}
	for i, l := range call.Legs {
		call.Legs[i].Offer = l.Offer.Clone()
	}
	return &call
}

// CallLeg is somebody in a call beside the customer and who holds it, or an invitation.
type CallLeg struct {
	ID     gateway.LegID   `json:"id"`
	Role   gateway.LegRole `json:"role"`
	Agent  gateway.AgentID `json:"agent"`            // "" while it is an invitation
	To     gateway.Target  `json:"to"`               // who was asked
	By     gateway.AgentID `json:"by"`               // who asked
	Since  time.Time       `json:"since"`            // asked; in it: joined
	Offer  *Offer          `json:"offer"`            // where the invitation rings now
	Hidden bool            `json:"hidden,omitempty"` // told to this agent alone
}

// CallRecord is a call that is over. Outcome: answered; missed (the customer gave up or was lost before anybody
// answered); declined, no_answer (the customer's side, of an agent's call).
type CallRecord struct {
	From    string          `json:"from"`
	Outcome string          `json:"outcome"`
	TalkMS  int64           `json:"talk_ms"`
	WaitMS  int64           `json:"wait_ms"`
	Reason  string          `json:"reason"` // gateway.EndReason
	Agent   gateway.AgentID `json:"agent"`
	HeldMS  int64           `json:"held_ms,omitempty"` // of talk_ms
}

// LineQuality is how good one line of a call is, or was. Agent is whose it is, "" the customer's. Losses are
// percent: In on the way to the gateway, Out from it. MOS is estimated, 1 to 4.4; package quality says how.
type LineQuality struct {
	Agent    gateway.AgentID `json:"agent"`
	Path     string          `json:"path"` // udp, tcp, relay
	LossIn   float64         `json:"loss_in"`
	LossOut  float64         `json:"loss_out"`
	JitterMS float64         `json:"jitter_ms"`
	RTTMS    float64         `json:"rtt_ms"`
	Kbps     int             `json:"kbps"`
	MOS      float64         `json:"mos"`
}

// Counts of messages.
type Counts struct {
	Inbound  int `json:"inbound"`
	Outbound int `json:"outbound"`
}

// Contact is a person.
type Contact struct {
	ID         gateway.ContactID  `json:"id"`
	Name       string             `json:"name"` // "" unknown: show the identity
	Email      string             `json:"email"`
	Phone      string             `json:"phone"`
	Picture    gateway.FileID     `json:"picture"`
	Language   string             `json:"language"`
	Page       string             `json:"page"`
	Identities []gateway.Identity `json:"identities"`
}

// Offer is a ring under way.
type Offer struct {
	ID     gateway.OfferID   `json:"id"`
	Agents []gateway.AgentID `json:"agents"`
	Until  time.Time         `json:"until"`
}

// Clone returns a copy; of nil it is nil.
func (o *Offer) Clone() *Offer {
	if o == nil {
		return nil
	}
	offer := *o
	offer.Agents = slices.Clone(o.Agents)
	return &offer
}

// Window is the reply window of a network. State: open, human_agent, closed.
type Window struct {
	State string    `json:"state"`
	Until time.Time `json:"until,omitzero"` // when State ends; none when closed
}

// Item is one line of a timeline. Kind "message" or "note" has a text; kind "event" has Event and Data; kind
// "call" has Call while it lasts, then Ended; kind "meeting" has Meeting, then Met.
type Item struct {
	Position     uint64                 `json:"position"` // where it happened: the order of the timeline
	Rev          uint64                 `json:"rev"`
	ID           string                 `json:"id"`
	Conversation gateway.ConversationID `json:"conversation"`
	Time         time.Time              `json:"time"`
	Kind         string                 `json:"kind"` // message, note, event, call, meeting
	Channel      string                 `json:"channel,omitempty"`
	Direction    gateway.Direction      `json:"direction,omitempty"`
	From         From                   `json:"from"`
	Text         string                 `json:"text"`
	Attachments  []gateway.Attachment   `json:"attachments"`
	Delivery     gateway.Delivery       `json:"delivery,omitempty"`      // outbound messages
	DeliveryInfo string                 `json:"delivery_info,omitempty"` // why it failed or waits: "unreachable (30003)"
	ProviderID   string                 `json:"provider_id,omitempty"`
	ClientID     string                 `json:"client_id,omitempty"`
	MessageKind  string                 `json:"message_kind,omitempty"` // postback, optout, …
	Extra        map[string]string      `json:"extra,omitempty"`
	Edited       bool                   `json:"edited,omitempty"`
	Reaction     string                 `json:"reaction,omitempty"`
	Standby      bool                   `json:"standby,omitempty"`
	Event        string                 `json:"event,omitempty"` // opened, offered, assigned, queued, missed, declined, closed, reopened, presence, consent, control, meeting_said
	Data         map[string]string      `json:"data,omitempty"`  // of an event: agent, by, to, reason, how
	Call         *Call                  `json:"call,omitempty"`
	Ended        *CallRecord            `json:"ended,omitempty"`
	Lines        []LineQuality          `json:"lines,omitempty"`   // of a call: how good each was, when it ended
	Meeting      *Meeting               `json:"meeting,omitempty"` // kind "meeting": while it is open, then Met
	Met          *MeetingRecord         `json:"met,omitempty"`
	Recordings   []gateway.RecordingID  `json:"recordings,omitempty"` // of a call or a meeting
}

// From says who.
type From struct {
	Kind string `json:"kind"` // customer, agent, system, colleague (answered from the provider's own inbox)
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Agent as colleagues see it. Presence is the effective one: ready, busy, wrap-up, away, offline.
type Agent struct {
	ID           gateway.AgentID   `json:"id"`
	Name         string            `json:"name"`
	Role         string            `json:"role"`
	Queues       []gateway.QueueID `json:"queues"`
	Presence     gateway.Presence  `json:"presence"`
	Reason       string            `json:"reason,omitempty"` // why away: chosen, missed_offers, silent
	Active       int               `json:"active"`           // conversations held
	TextCapacity int               `json:"text_capacity"`
	CallCapacity int               `json:"call_capacity"`
}

// Queue as lists show it.
type Queue struct {
	ID            gateway.QueueID `json:"id"`
	Name          string          `json:"name"`
	Open          bool            `json:"open"`
	Waiting       int             `json:"waiting"`
	LongestWaitMS int64           `json:"longest_wait_ms"`
	Ready         int             `json:"ready"` // agents who can be offered something
	SignedIn      int             `json:"signed_in"`
	EstimateMS    int64           `json:"estimate_ms"`         // −1: not known
	Recording     string          `json:"recording,omitempty"` // of calls: agent, always; "" off
}

// Alarm is something an operator must act on.
type Alarm struct {
	Channel string    `json:"channel"`
	Account string    `json:"account"`
	Code    string    `json:"code"`
	Detail  string    `json:"detail"`
	Since   time.Time `json:"since"`
}

// Company is what pages show of the operator.
type Company struct {
	Name     string `json:"name"`
	Language string `json:"language"` // de, en: the default
	Color    string `json:"color"`    // #rrggbb, customer side only
	// CallBack are the ways in which customers are called back, to whom nobody has time to talk now: sms and email
	// bring a link, page rings at the open page. None: it is not offered.
	CallBack []string `json:"call_back,omitempty"`
}

// Emergency is the switch: the phones are dead, and customers are told so.
type Emergency struct {
	On    bool              `json:"on"`
	Since *time.Time        `json:"since"` // null: never switched
	By    string            `json:"by"`
	Why   string            `json:"why"`
	Text  map[string]string `json:"text"` // what customers are told, by language
}

// EmergencyReport is what GET /api/v1/emergency answers, and PUT after the change.
type EmergencyReport struct {
	Emergency
	Given    map[string]string `json:"given"`    // texts that were given with the switch
	Defaults map[string]string `json:"defaults"` // texts that hold where none was given
	Log      []EmergencySwitch `json:"log"`      // the latest 50 switches, newest first
}

// EmergencySwitch is one change of the switch. Change: on, off, text (other texts while on).
type EmergencySwitch struct {
	At     time.Time         `json:"at"`
	Change string            `json:"change"`
	On     bool              `json:"on"`
	By     string            `json:"by"`
	Why    string            `json:"why"`
	Text   map[string]string `json:"text"` // given with it
}

// EmergencyPut is the body of PUT /api/v1/emergency. On is needed; Why is needed to switch on. Without Text the
// texts stay as they are (those of the configuration when it is switched on).
type EmergencyPut struct {
	On   *bool             `json:"on"`
	Why  string            `json:"why"`
	Text map[string]string `json:"text,omitempty"`
}

// Failure is an error frame's and a problem's common part.
type Failure struct {
	Kind   gateway.Kind `json:"kind"`
	Detail string       `json:"detail"`
	Field  string       `json:"field,omitempty"`
}

// Frames to the console (server → client).
type (
	ConsoleWelcome struct { // t: welcome — after hello; list frames follow, then "ready"
		Version     int       `json:"version"`
		Build       string    `json:"build"` // another build: offer a reload
		Me          Agent     `json:"me"`
		Company     Company   `json:"company"`
		Resumed     bool      `json:"resumed"` // true: what was missed follows; false: drop state, the full list follows
		Head        uint64    `json:"head"`
		Agents      []Agent   `json:"agents"`
		Queues      []Queue   `json:"queues"`
		Alarms      []Alarm   `json:"alarms"`
		Replies     []Reply   `json:"replies"` // canned replies
		Emergency   Emergency `json:"emergency"`
		Calls       bool      `json:"calls"`                 // calls can be had here
		Meetings    bool      `json:"meetings"`              // video meetings can be had here
		Supervision string    `json:"supervision,omitempty"` // of calls, by supervisors and admins: shown, hidden, off
		ServerNow   time.Time `json:"server_now"`            // for timers: clocks differ
	}
	ConsoleList struct { // t: list — all open conversations (or those changed), ≤ 500 a frame
		Conversations []Conversation `json:"conversations"`
	}
	ConsoleReady struct { // t: ready — everything up to Head has been sent
		Head uint64 `json:"head"`
	}
	ConsoleUpdate struct { // t: update — the journal moved on; both parts may be absent
		Position     uint64        `json:"position"`
		Conversation *Conversation `json:"conversation,omitempty"`
		Item         *Item         `json:"item,omitempty"`
	}
	ConsoleAgents struct { // t: agents — changed agents; Removed are gone
		Agents  []Agent           `json:"agents"`
		Removed []gateway.AgentID `json:"removed,omitempty"`
	}
	ConsoleQueues struct { // t: queues — at most once a second
		Queues []Queue `json:"queues"`
	}
	ConsoleAlarms struct { // t: alarms — the full list
		Alarms []Alarm `json:"alarms"`
	}
	ConsoleTyping struct { // t: typing — customer (agent empty) or colleague types, shown for 6 s
		Conversation gateway.ConversationID `json:"conversation"`
		Agent        gateway.AgentID        `json:"agent,omitempty"`
	}
	ConsoleViewing struct { // t: viewing — colleagues who have this conversation open
		Conversation gateway.ConversationID `json:"conversation"`
		Agents       []gateway.AgentID      `json:"agents"`
	}
	ConsoleOnline struct { // t: online — the customer's page opened or closed
		Conversation gateway.ConversationID `json:"conversation"`
		Online       bool                   `json:"online"`
	}
	ConsoleEmergency struct { // t: emergency — the switch has been pressed
		Emergency Emergency `json:"emergency"`
	}
	// CallQuality is t: call.quality, every few seconds to the agents of a call: how its lines are now.
	CallQuality struct {
		Call  gateway.CallID `json:"call"`
		Lines []LineQuality  `json:"lines"`
	}
	// CallPeer is t: call.peer, to both sockets: how the other side of a call is reached. State: absent (no
	// line yet, or gone), connected, interrupted. Again: the call is at another node now, offer the line anew.
	CallPeer struct {
		Call  gateway.CallID `json:"call"`
		State string         `json:"state"`
		Again bool           `json:"again,omitempty"`
	}
	Ack struct { // t: ack — answer to a command; Failure set when it was refused
		ID       string            `json:"id"`
		Position uint64            `json:"position,omitempty"`
		Message  gateway.MessageID `json:"message,omitempty"`
		Call     gateway.CallID    `json:"call,omitempty"` // of "offer"
		SDP      string            `json:"sdp,omitempty"`  // of "offer": the answer
		ICE      []ICEServer       `json:"ice,omitempty"`  // of "offer": for when the line does not come up without
		URL      string            `json:"url,omitempty"`  // of "meet": the meeting's link
		Failure  *Failure          `json:"failure,omitempty"`
	}
	Pong struct{} // t: pong
	Bye  struct { // t: bye — the server closes; come back in about RetryMS
		RetryMS int  `json:"retry_ms"`
		Stay    bool `json:"stay,omitempty"` // the same gateway is there by then, as another process: seek no other
	}
)

// Reply is a canned reply; Text may contain {{name}}.
type Reply struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	Language string `json:"language,omitempty"`
}

// Frames from the console (client → server).
type (
	ConsoleHello struct { // t: hello
		Version int    `json:"version"`
		After   uint64 `json:"after"` // last position seen; 0: nothing
	}
	Ping struct { // t: ping — every PingEvery; the agent's heartbeat
	}
	// Command is t: cmd. Do is one of:
	//   accept, decline           conversation, offer
	//   take, close, return       conversation          (return: back to its queue)
	//   transfer                  conversation, to      ("queue/…" or "agent/…")
	//   send                      conversation, client_id, text, files
	//   resend                    conversation, message
	//   note                      conversation, client_id, text
	//   read                      conversation, position
	//   presence                  presence              (ready, away)
	//   call                      conversation, call    (calls the customer; who does not hold it takes it first)
	//   offer                     conversation, call, sdp, restart → ack.sdp: this console's line of a call
	//   hangup                    conversation, call    (who holds it ends it, or a consultation; others leave)
	//   leave                     conversation, call    (who holds it leaves it to somebody who talks in it)
	//   hold, resume              conversation, call
	//   consult, invite           conversation, call, to (rings there; consult holds the customer meanwhile)
	//   connect                   conversation, call    (hands the customer to who is consulted)
	//   back                      conversation, call    (ends the consultation, resumes)
	//   conference                conversation, call    (all three together)
	//   remove                    conversation, call, leg
	//   supervise                 conversation, call, mode (listen, whisper, barge; needs the role supervisor or admin)
	//   pickup                    conversation, offer   (a colleague's ring; conflict: somebody was faster)
	//   record, record_stop       conversation, call    (who holds it; where its queue allows recording)
	//   end_wrap_up               conversation          (goes on in writing, or closes)
	//   meet                      conversation → ack.url: opens a video meeting, or finds the one that is open
	//   typing, view              conversation          (view "" = none); not acknowledged
	Command struct {
		ID           string                 `json:"id"`
		Do           string                 `json:"do"`
		Conversation gateway.ConversationID `json:"conversation,omitempty"`
		Offer        gateway.OfferID        `json:"offer,omitempty"`
		To           gateway.Target         `json:"to,omitempty"`
		ClientID     string                 `json:"client_id,omitempty"`
		Text         string                 `json:"text,omitempty"`
		Files        []gateway.FileID       `json:"files,omitempty"`
		Message      gateway.MessageID      `json:"message,omitempty"`
		Position     uint64                 `json:"position,omitempty"`
		Presence     gateway.Presence       `json:"presence,omitempty"`
		Call         gateway.CallID         `json:"call,omitempty"`
		Leg          gateway.LegID          `json:"leg,omitempty"`
		Mode         gateway.LegRole        `json:"mode,omitempty"`
		SDP          string                 `json:"sdp,omitempty"`
		Restart      bool                   `json:"restart,omitempty"` // ICE restart of the line that is there
	}
)

// Frames to the visitor (server → client).
type (
	VisitorWelcome struct { // t: welcome
		Version   int       `json:"version"`
		Token     string    `json:"token"` // keep; sent back in hello, beside the link on the page of one
		Company   Company   `json:"company"`
		Link      *Link     `json:"link,omitempty"` // on the page of a link
		Status    Status    `json:"status"`
		Head      uint64    `json:"head"`
		ServerNow time.Time `json:"server_now"`
	}
	VisitorItem struct { // t: item
		Item Item `json:"item"` // messages and the events assigned, queued, closed; never notes, no agent ids
	}
	VisitorReady struct { // t: ready — everything up to Head has been sent
		Head uint64 `json:"head"`
	}
	VisitorStatus struct { // t: status — whenever it changes
		Status Status `json:"status"`
	}
	VisitorAck struct { // t: ack — the message is on disk (or refused)
		ClientID string   `json:"client_id"`
		Position uint64   `json:"position,omitempty"`
		Failure  *Failure `json:"failure,omitempty"`
	}
	VisitorTyping struct { // t: typing — the agent types, shown for 6 s
		Name string `json:"name"`
	}
	CallAnswer struct { // t: call.answer — to call.offer; Failure set when it was refused
		Call    gateway.CallID `json:"call"`
		SDP     string         `json:"sdp,omitempty"`
		ICE     []ICEServer    `json:"ice,omitempty"`     // for when the line does not come up without
		Failure *Failure       `json:"failure,omitempty"` // not_found: no such line to restart, offer anew
	}
)

// ICEServer is a TURN server as RTCPeerConnection takes it; good for this side of this call, for ten minutes.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username"`
	Credential string   `json:"credential"`
}

// VisitorCall is a call as the customer sees it.
type VisitorCall struct {
	ID    gateway.CallID `json:"id"`
	State CallState      `json:"state"`           // ringing: an agent calls
	Agent string         `json:"agent,omitempty"` // name
	Since time.Time      `json:"since"`           // began; connected: since when both hear each other
	Held  bool           `json:"held,omitempty"`  // on hold: they hear music
	With  string         `json:"with,omitempty"`  // names of who else talks with them, with commas between
	// Recording: asked (the customer is to agree), notice, on; stopped and refused where they may agree again; ""
	// not recorded.
	Recording RecordingState `json:"recording,omitempty"`
	Agreed    bool           `json:"agreed,omitempty"` // by a click, which they may take back
}

// Status is the truth for the customer. State: none (no conversation), waiting, active, closed.
type Status struct {
	State      string `json:"state"`
	Staffed    bool   `json:"staffed"`            // somebody is signed in for this entry
	Open       bool   `json:"open"`               // business hours
	Position   int    `json:"position,omitempty"` // 1 = next; 0 unknown
	EstimateMS int64  `json:"estimate_ms"`        // −1 unknown
	Agent      string `json:"agent,omitempty"`    // name of who answers
	Seen       uint64 `json:"seen,omitempty"`     // position up to which an agent has read what the customer wrote
	Calls      bool   `json:"calls"`              // calls can be had here
	Notice     string `json:"notice,omitempty"`   // an emergency: what is broken and what works, in the customer's language

	Call VisitorCall `json:"call,omitzero"` // while one lasts
}

// Link is what the page of a signed link knows of it.
type Link struct {
	Name    string    `json:"name"`    // of the customer
	Subject string    `json:"subject"` // what it is about
	To      string    `json:"to"`      // name of the queue or the agent
	Expires time.Time `json:"expires"`
}

// Frames from the visitor (client → server).
type (
	VisitorHello struct { // t: hello
		Version  int    `json:"version"`
		Site     string `json:"site"`
		Token    string `json:"token,omitempty"`
		After    uint64 `json:"after"`
		Page     string `json:"page,omitempty"` // path, without query
		Language string `json:"language,omitempty"`
		Link     string `json:"link,omitempty"` // the page of a signed link: its token, in place of site
	}
	VisitorMessage struct { // t: message
		ClientID string           `json:"client_id"`
		Text     string           `json:"text"`
		Files    []gateway.FileID `json:"files,omitempty"`
		Offline  bool             `json:"offline,omitempty"`  // left by the offline form
		VoiceMS  int              `json:"voice_ms,omitempty"` // its one file is a voice message that lasts this long
		CallBack *CallBack        `json:"call_back,omitempty"`
	}
	// CallBack asks to be called back, without losing the place in the queue. Way: sms, email, page (this page
	// rings, as long as it stays open). To: a number in E.164 or an address; "" for the page.
	CallBack struct {
		Way string `json:"way"`
		To  string `json:"to,omitempty"`
	}
	VisitorContact struct { // t: contact
		Name  string `json:"name,omitempty"`
		Email string `json:"email,omitempty"`
		Phone string `json:"phone,omitempty"`
	}
	VisitorSeen struct { // t: seen — got or read everything up to Position
		Position uint64 `json:"position"`
		Read     bool   `json:"read"`
	}
	VisitorIsTyping struct{} // t: typing
	// VisitorOffer is t: call.offer. A call id that is new calls; the id of the call under way is this page's
	// new line of it (or its ICE restart); the id of an agent's call answers it. A new call reaches the queue
	// when its first sound has arrived.
	VisitorOffer struct {
		Call    gateway.CallID `json:"call"`
		SDP     string         `json:"sdp"`
		Restart bool           `json:"restart,omitempty"`
	}
	// VisitorConsent is t: call.consent: the answer to Recording "asked", or another one later.
	VisitorConsent struct {
		Call     gateway.CallID `json:"call"`
		Agreed   bool           `json:"agreed"`
		Language string         `json:"language,omitempty"` // of the question
	}
	VisitorHangup struct { // t: call.hangup — also declines an agent's call
		Call gateway.CallID `json:"call"`
	}
)
