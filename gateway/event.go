package gateway

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Event is something that happened. Its type name is stored in the journal and never changes its meaning:
// fields may be added, a new meaning gets a new type.
//
// Facts come from channels into a thread's stream ("thread/ID"); decisions and agents' actions go into a
// conversation's stream ("conversation/ID"); presence into an agent's ("agent/ID").
type Event interface{ EventType() string }

// Facts, stream "thread/{ThreadID}".
type (
	// MessageReceived is a message a person wrote, or, with Echo, one a colleague sent from elsewhere
	// (the page's own inbox).
	MessageReceived struct {
		Message     MessageID         `json:"message"`
		Identity    Identity          `json:"identity"`
		Text        string            `json:"text,omitempty"`
		Attachments []Attachment      `json:"attachments,omitempty"`
		ProviderID  string            `json:"provider_id,omitempty"` // mid, MessageSid
		ClientID    string            `json:"client_id,omitempty"`   // the widget's own id of the message
		ReplyTo     string            `json:"reply_to,omitempty"`    // provider id of the message answered
		SentAt      time.Time         `json:"sent_at"`               // provider's clock; receive time when unusable
		Echo        bool              `json:"echo,omitempty"`        // sent by our side from elsewhere
		EchoOf      MessageID         `json:"echo_of,omitempty"`     // our own message, when the echo names it
		EchoBy      string            `json:"echo_by,omitempty"`     // "page_inbox" or an app id
		Standby     bool              `json:"standby,omitempty"`     // another app owns the thread: show, never answer
		Kind        string            `json:"kind,omitempty"`        // "" text; postback, quick_reply, referral, optout, optin, help, order, voice (Extra voice_ms), call_request (Extra way, to)
		Offline     bool              `json:"offline,omitempty"`     // left by the offline form
		Via         string            `json:"via,omitempty"`         // came another way than the thread's own: click2talk
		Extra       map[string]string `json:"extra,omitempty"`       // payload, ref, source, ad_id …: shown small in the console
	}

	// MessageEdited replaces the text of a message the person wrote.
	MessageEdited struct {
		ProviderID string    `json:"provider_id"`
		Text       string    `json:"text"`
		At         time.Time `json:"at"`
	}

	// Reacted is a reaction to one message; Emoji is empty when it was taken back.
	Reacted struct {
		ProviderID string `json:"provider_id"`
		Emoji      string `json:"emoji,omitempty"`
		Reaction   string `json:"reaction,omitempty"`
	}

	// DeliveryReported is what a provider or a widget says about messages we sent. It names them by
	// Message (ours), by ProviderID, or, with Watermark, all sent at or before that time.
	DeliveryReported struct {
		Message    MessageID `json:"message,omitempty"`
		ProviderID string    `json:"provider_id,omitempty"`
		Watermark  time.Time `json:"watermark,omitzero"`
		Position   uint64    `json:"position,omitempty"` // all up to this journal position (our own widget)
		State      Delivery  `json:"state"`
		Provider   string    `json:"provider,omitempty"` // twilio, telnyx
		Code       string    `json:"code,omitempty"`
		Detail     string    `json:"detail,omitempty"` // a word of ours for it, as channels.Code has them
		// SafeToResend: the provider certainly did not deliver and another way may be tried.
		SafeToResend bool `json:"safe_to_resend,omitempty"`
	}

	// ContactLearned is what became known about the person.
	ContactLearned struct {
		Name     string `json:"name,omitempty"`
		Email    string `json:"email,omitempty"`
		Phone    string `json:"phone,omitempty"`
		Picture  FileID `json:"picture,omitempty"`
		Language string `json:"language,omitempty"` // BCP 47
		Page     string `json:"page,omitempty"`     // where on the website the person is
		Subject  string `json:"subject,omitempty"`  // what a link is about
	}

	// CallRequested: a customer calls. Their sound has reached us: nothing that only looks at a page, or
	// that cannot speak, gets here.
	CallRequested struct {
		Call     CallID   `json:"call"`
		Identity Identity `json:"identity"`
	}

	// CallAnswered: the customer took a call that an agent had placed.
	CallAnswered struct {
		Call CallID `json:"call"`
	}

	// CallConnected: both sides hear each other for the first time.
	CallConnected struct {
		Call CallID `json:"call"`
	}

	// CallEnded ends a call, whoever ended it; the first one counts.
	CallEnded struct {
		Call   CallID    `json:"call"`
		Reason EndReason `json:"reason"`
		Agent  AgentID   `json:"agent,omitempty"` // who hung up, if an agent did
	}

	// LineMeasured says how good one line of a call was, when it ends. Agent is whose it was, "" the customer's.
	// Losses are percent: In on the way to us, Out on the way from us. Network is the /24 or /48 that it came
	// from, empty behind a relay.
	LineMeasured struct {
		Call     CallID  `json:"call"`
		Agent    AgentID `json:"agent,omitempty"`
		Hidden   bool    `json:"hidden,omitempty"` // only this agent may know of it
		Entry    string  `json:"entry"`
		Path     string  `json:"path"` // udp, tcp, relay
		Network  string  `json:"network,omitempty"`
		Seconds  int     `json:"seconds"`
		LossIn   float64 `json:"loss_in"`
		LossOut  float64 `json:"loss_out"`
		JitterMS float64 `json:"jitter_ms"`
		RTTMS    float64 `json:"rtt_ms"`
		Kbps     int     `json:"kbps"` // of what came in
		MOS      float64 `json:"mos"`  // estimated, 1 to 4.4
	}

	// AttachmentStored replaces a provider's URL by our copy (or says in Attachment.Error why not).
	AttachmentStored struct {
		Message    MessageID  `json:"message"`
		Index      int        `json:"index"`
		Attachment Attachment `json:"attachment"`
	}

	// ConsentChanged is an opt-out (STOP) or opt-in (START). It holds for every provider of the channel.
	ConsentChanged struct {
		OptedOut bool   `json:"opted_out"`
		Word     string `json:"word,omitempty"`
	}

	// ThreadControlChanged says whether we may answer in this thread (Messenger conversation routing).
	ThreadControlChanged struct {
		Ours  bool   `json:"ours"`
		Owner string `json:"owner,omitempty"`
	}

	// RawKept is a provider's event that has no meaning for us yet, kept as it came (≤ 64 KiB).
	RawKept struct {
		Channel string          `json:"channel"`
		Kind    string          `json:"kind"` // the provider's name for it, or why it was not understood
		Raw     json.RawMessage `json:"raw"`
	}

	// ChannelAlarm says that a channel cannot work until a person acts (token dead, page blocked); Cleared
	// ends it. Stream "channel/{name}".
	ChannelAlarm struct {
		Channel string `json:"channel"`
		Account string `json:"account,omitempty"`
		Code    string `json:"code"`
		Detail  string `json:"detail"`
		Cleared bool   `json:"cleared,omitempty"`
	}
)

// Decisions and actions, stream "conversation/{ConversationID}".
type (
	// ConversationOpened is the first event of a conversation. Cause is the position of the message that
	// opened it; the conversation's id is derived from it, so that two deciders cannot open two.
	ConversationOpened struct {
		Conversation ConversationID `json:"conversation"`
		Thread       ThreadID       `json:"thread"`
		Identity     Identity       `json:"identity"`
		Entry        string         `json:"entry"`
		Target       Target         `json:"target"`
		Queue        QueueID        `json:"queue"` // the queue itself, or the one an agent target falls back to
		Priority     int            `json:"priority,omitempty"`
		Cause        uint64         `json:"cause"`
	}

	// ConversationReopened: the person wrote again within the reopen time. It goes back to To.
	ConversationReopened struct {
		Cause uint64 `json:"cause"`
		To    Target `json:"to"`
	}

	// ConversationQueued: it waits (again). Front keeps its place at the head of the queue.
	ConversationQueued struct {
		Target Target  `json:"target"`
		Queue  QueueID `json:"queue"`
		Front  bool    `json:"front,omitempty"`
		Reason string  `json:"reason"` // returned, transfer, agent_gone, agent_away, hours_open, overflow, call
		By     AgentID `json:"by,omitempty"`
	}

	// ConversationOffered: it rings at Agents until Until; the first to accept has it.
	ConversationOffered struct {
		Offer  OfferID   `json:"offer"`
		Agents []AgentID `json:"agents"`
		Until  time.Time `json:"until"`
	}

	// OfferEnded: one agent's part of an offer ended without an answer.
	OfferEnded struct {
		Offer   OfferID `json:"offer"`
		Agent   AgentID `json:"agent"`
		Outcome string  `json:"outcome"` // declined, timed_out, withdrawn
	}

	// ConversationAssigned: Agent holds it now.
	ConversationAssigned struct {
		Agent AgentID `json:"agent"`
		Offer OfferID `json:"offer,omitempty"` // set when an offer was accepted
		How   string  `json:"how"`             // accepted, taken, picked_up, assigned, transfer, consult, left
		By    AgentID `json:"by,omitempty"`
	}

	// CallPlaced: the agent who holds the conversation calls the customer, whose page rings.
	CallPlaced struct {
		Call  CallID  `json:"call"`
		Agent AgentID `json:"agent"`
	}

	// CallHeld: the customer hears music, and nobody hears them, until CallResumed.
	CallHeld struct {
		Call  CallID  `json:"call"`
		Agent AgentID `json:"agent"`
	}

	// CallResumed ends a hold.
	CallResumed struct {
		Call  CallID  `json:"call"`
		Agent AgentID `json:"agent"`
	}

	// CallInvited: By, who holds the call, asks somebody in. The leg's id is made of the event's position. A
	// consult holds the customer: Role says which it is.
	CallInvited struct {
		Call CallID  `json:"call"`
		Role LegRole `json:"role"` // consult, guest
		To   Target  `json:"to"`
		By   AgentID `json:"by"`
	}

	// CallLegOffered: an invitation rings at Agents until Until.
	CallLegOffered struct {
		Call   CallID    `json:"call"`
		Leg    LegID     `json:"leg"`
		Offer  OfferID   `json:"offer"`
		Agents []AgentID `json:"agents"`
		Until  time.Time `json:"until"`
	}

	// CallLegOfferEnded: one agent's part of it ended without an answer.
	CallLegOfferEnded struct {
		Call    CallID  `json:"call"`
		Leg     LegID   `json:"leg"`
		Offer   OfferID `json:"offer"`
		Agent   AgentID `json:"agent"`
		Outcome string  `json:"outcome"` // declined, timed_out, withdrawn
	}

	// CallJoined: Agent has taken the invitation.
	CallJoined struct {
		Call  CallID  `json:"call"`
		Leg   LegID   `json:"leg"`
		Agent AgentID `json:"agent"`
	}

	// CallConferenced: who was consulted joins the customer and the holder; the hold is over.
	CallConferenced struct {
		Call CallID  `json:"call"`
		Leg  LegID   `json:"leg"`
		By   AgentID `json:"by"`
	}

	// CallLeft ends a leg, whether anybody was there or not. With a consult ends its hold.
	CallLeft struct {
		Call   CallID     `json:"call"`
		Leg    LegID      `json:"leg"`
		Agent  AgentID    `json:"agent,omitempty"` // who was there
		Reason LeftReason `json:"reason"`
		By     AgentID    `json:"by,omitempty"`
	}

	// CallSupervised: a supervisor listens, whispers or joins, or changes between these. Shown: agents are told.
	CallSupervised struct {
		Call  CallID  `json:"call"`
		Agent AgentID `json:"agent"`
		Mode  LegRole `json:"mode"` // listen, whisper, barge
		Shown bool    `json:"shown"`
	}

	// WrapUpStarted: the call is over, the agent has until Until.
	WrapUpStarted struct {
		Until time.Time `json:"until"`
	}

	// WrapUpEnded: the conversation goes on in writing.
	WrapUpEnded struct {
		By AgentID `json:"by,omitempty"` // empty: the time was over
	}

	// ConversationClosed ends it.
	ConversationClosed struct {
		By     AgentID `json:"by,omitempty"` // empty: a rule
		Reason string  `json:"reason,omitempty"`
	}

	// MessageSubmitted is an agent's (or a rule's) message on its way out. ClientID makes a repeated
	// submission the same message.
	MessageSubmitted struct {
		Message     MessageID    `json:"message"`
		ClientID    string       `json:"client_id"`
		Thread      ThreadID     `json:"thread"`
		Identity    Identity     `json:"identity"`
		Text        string       `json:"text,omitempty"`
		Attachments []Attachment `json:"attachments,omitempty"`
		Agent       AgentID      `json:"agent,omitempty"` // empty: automatic
		Automatic   bool         `json:"automatic,omitempty"`
		ResendOf    MessageID    `json:"resend_of,omitempty"`
	}

	// AttemptStarted is written before a provider is called, so that a crash in the call leaves
	// "uncertain" and never a silent second sending.
	AttemptStarted struct {
		Message  MessageID `json:"message"`
		Attempt  int       `json:"attempt"` // 1, 2, …
		Provider string    `json:"provider,omitempty"`
	}

	// AttemptEnded is the outcome of one attempt. With State pending a further attempt follows at RetryAt.
	AttemptEnded struct {
		Message     MessageID `json:"message"`
		Attempt     int       `json:"attempt"`
		Provider    string    `json:"provider,omitempty"`
		State       Delivery  `json:"state"`
		ProviderIDs []string  `json:"provider_ids,omitempty"` // several when a long text was split
		Code        string    `json:"code,omitempty"`
		Detail      string    `json:"detail,omitempty"`
		RetryAt     time.Time `json:"retry_at,omitzero"`
	}

	// NoteAdded is an internal note.
	NoteAdded struct {
		Note     MessageID `json:"note"`
		ClientID string    `json:"client_id,omitempty"`
		Agent    AgentID   `json:"agent"`
		Text     string    `json:"text"`
	}

	// ConversationRead: an agent has seen everything up to Position.
	ConversationRead struct {
		Agent    AgentID `json:"agent"`
		Position uint64  `json:"position"`
	}
)

// EndReason is why a call ended.
type EndReason string

const (
	EndCustomer EndReason = "customer"  // the customer hung up
	EndAgent    EndReason = "agent"     // the agent hung up
	EndDeclined EndReason = "declined"  // the customer refused a call that an agent had placed
	EndNoAnswer EndReason = "no_answer" // the customer did not answer it
	EndLost     EndReason = "lost"      // the customer's line broke and did not come back
)

// LegRole is what somebody is in a call beside the customer and who holds it.
type LegRole string

const (
	RoleConsult LegRole = "consult" // asked by the holder while the customer hears music
	RoleGuest   LegRole = "guest"   // talks with all
	RoleListen  LegRole = "listen"  // hears all, is heard by nobody
	RoleWhisper LegRole = "whisper" // hears all, is heard by agents alone
	RoleBarge   LegRole = "barge"   // a supervisor who talks with all
)

// Supervises reports whether it is a supervisor's.
func (r LegRole) Supervises() bool { return r == RoleListen || r == RoleWhisper || r == RoleBarge }

// LeftReason is why a leg ended.
type LeftReason string

const (
	LeftSelf     LeftReason = "left"      // hung up
	LeftRemoved  LeftReason = "removed"   // the holder took it out, or took the invitation back
	LeftReturned LeftReason = "returned"  // the consultation is over, the holder is with the customer again
	LeftNobody   LeftReason = "no_answer" // nobody took the invitation
	LeftLost     LeftReason = "lost"      // the line broke and did not come back
)

// Agents, stream "agent/{AgentID}".
type (
	// AgentSaved adds an agent or changes one. PasswordHash is an argon2id string, empty until set.
	AgentSaved struct {
		Agent        AgentID   `json:"agent"`
		Name         string    `json:"name"`
		Queues       []QueueID `json:"queues"`
		Role         string    `json:"role"` // agent, supervisor, admin
		CallCapacity int       `json:"call_capacity"`
		TextCapacity int       `json:"text_capacity"`
		PasswordHash string    `json:"password_hash,omitempty"`
	}

	// AgentRemoved ends an account; history keeps the name.
	AgentRemoved struct {
		Agent AgentID `json:"agent"`
	}

	// PresenceChanged is a choice (ready, away) or a consequence (missed offers, console gone).
	PresenceChanged struct {
		Agent    AgentID  `json:"agent"`
		Presence Presence `json:"presence"`
		Reason   string   `json:"reason,omitempty"` // chosen, missed_offers, silent, signed_out
	}
)

// Which of several nodes decides, stream LeaseStream.
type (
	// LeaseTaken: Node, a process, decides from here on. The record's key and version are its fencing token.
	LeaseTaken struct {
		Node string `json:"node"`
	}

	// LeaseReleased: Node stops, and anybody may decide.
	LeaseReleased struct {
		Node string `json:"node"`
	}
)

// LeaseStream is the stream of the lease of those who decide.
const LeaseStream = "lease/router"

// The emergency switch, stream "emergency".
type (
	// EmergencyChanged switches it. Text is what customers are told, by language; empty texts are those of
	// the configuration.
	EmergencyChanged struct {
		On   bool              `json:"on"`
		By   string            `json:"by"` // an agent's or a token's name, or "command line"
		Why  string            `json:"why,omitempty"`
		Text map[string]string `json:"text,omitempty"`
	}
)

// Signed links, stream "link/{LinkID}", or "links/{Campaign}" for those that were made together.
type (
	// LinkCreated: whoever opens the link can call To until Expires. What is signed is not here: the link's
	// address follows from Link, Key and the key ring of the data folder.
	LinkCreated struct {
		Link     LinkID      `json:"link"`
		To       Target      `json:"to"`
		Contact  LinkContact `json:"contact,omitzero"`
		Subject  string      `json:"subject,omitempty"`
		Language string      `json:"language,omitempty"` // BCP 47
		Expires  time.Time   `json:"expires"`
		Campaign string      `json:"campaign,omitempty"` // a mailing's name
		Public   bool        `json:"public,omitempty"`   // printed for everybody: no limit of calls
		As       *Identity   `json:"as,omitempty"`       // made in a conversation: who opens it is this person, and what they do joins it
		Key      int         `json:"key"`                // of the key ring, 1, 2, …
		By       string      `json:"by,omitempty"`       // an agent, a token's name, or "command line"
		Meet     bool        `json:"meet,omitempty"`     // leads to a video meeting (Click2Meet), else to a call
	}

	// LinkRevoked ends one link, all links of a campaign, or all that a key has signed: one of the three is
	// set.
	LinkRevoked struct {
		Link     LinkID `json:"link,omitempty"`
		Campaign string `json:"campaign,omitempty"`
		Key      int    `json:"key,omitempty"`
		By       string `json:"by,omitempty"`
	}
)

// LinkContact is whom a link was made for.
type LinkContact struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"` // E.164
}

// LogValue hides the person.
func (LinkContact) LogValue() slog.Value { return slog.StringValue("•") }

// Sign-in, streams "access/…". Secrets are kept as SHA-256 of what the person or program holds, in hex.
type (
	// SessionOpened: an agent signed in. The session ends at Expires whatever happens.
	SessionOpened struct {
		Hash    string    `json:"hash"`
		Agent   AgentID   `json:"agent"`
		At      time.Time `json:"at"`
		Expires time.Time `json:"expires"`
		Device  string    `json:"device,omitempty"` // "Firefox on Linux": what the agent sees in the list
	}

	// SessionSeen moves the idle limit; it is written at most once every few minutes.
	SessionSeen struct {
		Hash string    `json:"hash"`
		At   time.Time `json:"at"`
	}

	// SessionClosed: signed out, or revoked.
	SessionClosed struct {
		Hash string `json:"hash"`
	}

	// TokenSaved is an API token for scripts. Name is unique among live tokens.
	TokenSaved struct {
		Hash string    `json:"hash"`
		Name string    `json:"name"`
		Role string    `json:"role"` // agent, admin
		At   time.Time `json:"at"`
	}

	// TokenRevoked ends an API token.
	TokenRevoked struct {
		Hash string `json:"hash"`
	}

	// SetupOffered is the one-time link for the first administrator; a later one replaces it.
	SetupOffered struct {
		Hash    string    `json:"hash"`
		Expires time.Time `json:"expires"`
	}

	// SetupCompleted: the first administrator exists, no link works any more.
	SetupCompleted struct {
		Agent AgentID `json:"agent"`
	}
)

func (MessageReceived) EventType() string      { return "message.received" }
func (MessageEdited) EventType() string        { return "message.edited" }
func (Reacted) EventType() string              { return "message.reacted" }
func (DeliveryReported) EventType() string     { return "delivery.reported" }
func (ContactLearned) EventType() string       { return "contact.learned" }
func (AttachmentStored) EventType() string     { return "attachment.stored" }
func (ConsentChanged) EventType() string       { return "consent.changed" }
func (ThreadControlChanged) EventType() string { return "thread.control" }
func (RawKept) EventType() string              { return "raw.kept" }
func (ChannelAlarm) EventType() string         { return "channel.alarm" }
func (CallRequested) EventType() string        { return "call.requested" }
func (CallAnswered) EventType() string         { return "call.answered" }
func (CallConnected) EventType() string        { return "call.connected" }
func (CallEnded) EventType() string            { return "call.ended" }
func (LineMeasured) EventType() string         { return "call.line_measured" }
func (CallPlaced) EventType() string           { return "call.placed" }
func (CallHeld) EventType() string             { return "call.held" }
func (CallResumed) EventType() string          { return "call.resumed" }
func (CallInvited) EventType() string          { return "call.invited" }
func (CallLegOffered) EventType() string       { return "call.leg_offered" }
func (CallLegOfferEnded) EventType() string    { return "call.leg_offer_ended" }
func (CallJoined) EventType() string           { return "call.joined" }
func (CallConferenced) EventType() string      { return "call.conferenced" }
func (CallLeft) EventType() string             { return "call.left" }
func (CallSupervised) EventType() string       { return "call.supervised" }
func (WrapUpEnded) EventType() string          { return "wrapup.ended" }
func (EmergencyChanged) EventType() string     { return "emergency.changed" }
func (ConversationOpened) EventType() string   { return "conversation.opened" }
func (ConversationReopened) EventType() string { return "conversation.reopened" }
func (ConversationQueued) EventType() string   { return "conversation.queued" }
func (ConversationOffered) EventType() string  { return "conversation.offered" }
func (OfferEnded) EventType() string           { return "offer.ended" }
func (ConversationAssigned) EventType() string { return "conversation.assigned" }
func (WrapUpStarted) EventType() string        { return "wrapup.started" }
func (ConversationClosed) EventType() string   { return "conversation.closed" }
func (MessageSubmitted) EventType() string     { return "message.submitted" }
func (AttemptStarted) EventType() string       { return "attempt.started" }
func (AttemptEnded) EventType() string         { return "attempt.ended" }
func (NoteAdded) EventType() string            { return "note.added" }
func (ConversationRead) EventType() string     { return "conversation.read" }
func (AgentSaved) EventType() string           { return "agent.saved" }
func (AgentRemoved) EventType() string         { return "agent.removed" }
func (PresenceChanged) EventType() string      { return "presence.changed" }
func (LeaseTaken) EventType() string           { return "lease.taken" }
func (LeaseReleased) EventType() string        { return "lease.released" }
func (LinkCreated) EventType() string          { return "link.created" }
func (LinkRevoked) EventType() string          { return "link.revoked" }
func (SessionOpened) EventType() string        { return "session.opened" }
func (SessionSeen) EventType() string          { return "session.seen" }
func (SessionClosed) EventType() string        { return "session.closed" }
func (TokenSaved) EventType() string           { return "token.saved" }
func (TokenRevoked) EventType() string         { return "token.revoked" }
func (SetupOffered) EventType() string         { return "setup.offered" }
func (SetupCompleted) EventType() string       { return "setup.completed" }

// decoders is fixed: one line an event type.
var decoders = map[string]func(Unmarshal, []byte) (Event, error){
	"message.received":      decode[MessageReceived],
	"message.edited":        decode[MessageEdited],
	"message.reacted":       decode[Reacted],
	"delivery.reported":     decode[DeliveryReported],
	"contact.learned":       decode[ContactLearned],
	"attachment.stored":     decode[AttachmentStored],
	"consent.changed":       decode[ConsentChanged],
	"thread.control":        decode[ThreadControlChanged],
	"raw.kept":              decode[RawKept],
	"channel.alarm":         decode[ChannelAlarm],
	"call.requested":        decode[CallRequested],
	"call.answered":         decode[CallAnswered],
	"call.connected":        decode[CallConnected],
	"call.ended":            decode[CallEnded],
	"call.line_measured":    decode[LineMeasured],
	"call.placed":           decode[CallPlaced],
	"call.held":             decode[CallHeld],
	"call.resumed":          decode[CallResumed],
	"call.invited":          decode[CallInvited],
	"call.leg_offered":      decode[CallLegOffered],
	"call.leg_offer_ended":  decode[CallLegOfferEnded],
	"call.joined":           decode[CallJoined],
	"call.conferenced":      decode[CallConferenced],
	"call.left":             decode[CallLeft],
	"call.supervised":       decode[CallSupervised],
	"meeting.opened":        decode[MeetingOpened],
	"meeting.joined":        decode[MeetingJoined],
	"meeting.left":          decode[MeetingLeft],
	"meeting.said":          decode[MeetingSaid],
	"meeting.closed":        decode[MeetingClosed],
	"wrapup.ended":          decode[WrapUpEnded],
	"emergency.changed":     decode[EmergencyChanged],
	"conversation.opened":   decode[ConversationOpened],
	"conversation.reopened": decode[ConversationReopened],
	"conversation.queued":   decode[ConversationQueued],
	"conversation.offered":  decode[ConversationOffered],
	"offer.ended":           decode[OfferEnded],
	"conversation.assigned": decode[ConversationAssigned],
	"wrapup.started":        decode[WrapUpStarted],
	"conversation.closed":   decode[ConversationClosed],
	"message.submitted":     decode[MessageSubmitted],
	"attempt.started":       decode[AttemptStarted],
	"attempt.ended":         decode[AttemptEnded],
	"note.added":            decode[NoteAdded],
	"conversation.read":     decode[ConversationRead],
	"agent.saved":           decode[AgentSaved],
	"agent.removed":         decode[AgentRemoved],
	"presence.changed":      decode[PresenceChanged],
	"lease.taken":           decode[LeaseTaken],
	"lease.released":        decode[LeaseReleased],
	"link.created":          decode[LinkCreated],
	"link.revoked":          decode[LinkRevoked],
	"session.opened":        decode[SessionOpened],
	"session.seen":          decode[SessionSeen],
	"session.closed":        decode[SessionClosed],
	"token.saved":           decode[TokenSaved],
	"token.revoked":         decode[TokenRevoked],
	"setup.offered":         decode[SetupOffered],
	"setup.completed":       decode[SetupCompleted],

	"call.recording_wanted":   decode[CallRecordingWanted],
	"call.recording_stopped":  decode[CallRecordingStopped],
	"call.recording_answered": decode[CallRecordingAnswered],
	"call.recording_started":  decode[CallRecordingStarted],
	"call.recording_ended":    decode[CallRecordingEnded],
	"recording.heard":         decode[RecordingHeard],
	"recording.deleted":       decode[RecordingDeleted],

	"meeting.recording_wanted":   decode[MeetingRecordingWanted],
	"meeting.recording_stopped":  decode[MeetingRecordingStopped],
	"meeting.recording_started":  decode[MeetingRecordingStarted],
	"meeting.recording_told":     decode[MeetingRecordingTold],
	"meeting.recording_answered": decode[MeetingRecordingAnswered],
	"meeting.recording_ended":    decode[MeetingRecordingEnded],
}

func decode[E Event](unmarshal Unmarshal, data []byte) (Event, error) {
	var e E
	if err := unmarshal(data, &e); err != nil {
		return nil, err
	}
	return e, nil
}

// Unmarshal reads JSON as json.Unmarshal does.
type Unmarshal func(data []byte, v any) error

// ErrUnknownEvent is returned by DecodeEvent for a type this version does not know. Projections skip and
// count it; a router must stop, because it would decide on half the truth.
var ErrUnknownEvent = fmt.Errorf("unknown event type")

// DecodeEvent reads the journal's form of an event. The Event is a value, not a pointer.
func DecodeEvent(eventType string, data []byte) (Event, error) {
	return DecodeEventWith(json.Unmarshal, eventType, data)
}

// DecodeEventWith is DecodeEvent for whoever reads many and brings a faster reader of JSON.
func DecodeEventWith(unmarshal Unmarshal, eventType string, data []byte) (Event, error) {
	d, ok := decoders[eventType]
	if !ok {
		return nil, fmt.Errorf("%w %q", ErrUnknownEvent, eventType)
	}
	e, err := d(unmarshal, data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", eventType, err)
	}
	return e, nil
}

// Streams.
func ThreadStream(t ThreadID) string             { return "thread/" + string(t) }
func ConversationStream(c ConversationID) string { return "conversation/" + string(c) }
func AgentStream(a AgentID) string               { return "agent/" + string(a) }
func ChannelStream(name string) string           { return "channel/" + name }

// EmergencyStream is the stream of the emergency switch.
const EmergencyStream = "emergency"

// LinkStream is the stream of one link, CampaignStream that of the links of one mailing.
func LinkStream(l LinkID) string            { return "link/" + string(l) }
func CampaignStream(campaign string) string { return "links/" + campaign }

// AccessStream is the stream of one session, token or the setup: "access/session/HASH", "access/setup".
func AccessStream(name string) string { return "access/" + name }

// Fact is what a channel learned: an event about a person's thread, with the key that makes a redelivery
// of the same thing the same fact. A zero Identity puts it into the channel's own stream.
type Fact struct {
	Key      string // e.g. "messenger/PAGE/mid/M"; never empty; ≤ 256 bytes
	Channel  string
	Identity Identity
	Event    Event
}

// Stream returns the journal stream the fact belongs to.
func (f Fact) Stream() string {
	if f.Identity.IsZero() {
		return ChannelStream(f.Channel)
	}
	return ThreadStream(f.Identity.Thread())
}
