// Package gateway holds the words of Backline: the identifiers, people, messages and events that every
// other package speaks of. It imports the standard library only and does nothing by itself.
//
// A customer writes from an [Identity] (channel, account, remote) and so makes a thread. The first message
// of a thread opens a conversation, which waits in a queue, is offered to agents, is answered and closed:
//
//	waiting → offered → active → wrap-up → closed
//	   ↑________|          |_______________↑ (reopened within 30 min)
//
// What happens is written down as an [Event] in the journal; all state is a fold over those events.
// Read next: package conversation (the fold), package journal (where events live).
package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

// Identifiers are opaque strings of their own types, so that they cannot be swapped by mistake.
type (
	ConversationID string
	ContactID      string
	ThreadID       string
	MessageID      string
	AgentID        string
	QueueID        string
	OfferID        string
	FileID         string
	CallID         string // made by who begins the call: 16–64 of A-Z, a-z, 0-9, - and _
	LinkID         string
	LegID          string // of somebody in a call beside the customer and the holder; derived from the journal
)

// Channel names. They are stored in the journal and never change.
const (
	ChannelLivechat   = "livechat"
	ChannelClick2Talk = "click2talk" // the page of a signed link; Account is "link", Remote the link's id
	ChannelClick2Meet = "click2meet" // a meeting link without a conversation; Account and Remote as above
	ChannelMessenger  = "messenger"
	ChannelSMS        = "sms"
	ChannelEmail      = "email" // out only: links to talk, to somebody who asked for one
)

// Identity is how one person is reached on one channel: Account is our side (a site, a page id, our number
// in E.164), Remote is theirs (a visitor id, a PSID, their number). It identifies a thread.
type Identity struct {
	Channel string `json:"channel"`
	Account string `json:"account"`
	Remote  string `json:"remote"`
}

// Thread is the stable, opaque identifier of everything said between this remote and this account. It is a
// hash because journal streams must not show a phone number.
func (i Identity) Thread() ThreadID {
	sum := sha256.Sum256([]byte(i.Channel + "\x00" + i.Account + "\x00" + i.Remote))
	return ThreadID("t" + hex.EncodeToString(sum[:12]))
}

// IsZero reports whether nobody is identified.
func (i Identity) IsZero() bool { return i == Identity{} }

// LogValue hides the person: logs carry no phone number and no platform id.
func (i Identity) LogValue() slog.Value {
	return slog.StringValue(i.Channel + "/" + string(i.Thread())[:9])
}

// Target is where an entry or a transfer leads: "queue/main" or "agent/jana".
type Target string

// QueueTarget and AgentTarget build a Target.
func QueueTarget(q QueueID) Target { return Target("queue/" + string(q)) }
func AgentTarget(a AgentID) Target { return Target("agent/" + string(a)) }

// Queue returns the queue of a "queue/…" target, else "".
func (t Target) Queue() QueueID {
	id, ok := strings.CutPrefix(string(t), "queue/")
	if !ok {
		return ""
	}
	return QueueID(id)
}

// Agent returns the agent of an "agent/…" target, else "".
func (t Target) Agent() AgentID {
	id, ok := strings.CutPrefix(string(t), "agent/")
	if !ok {
		return ""
	}
	return AgentID(id)
}

// ParseTarget accepts "queue/ID" and "agent/ID"; an ID is 1–64 of a-z, 0-9, "-", "_", ".".
func ParseTarget(s string) (Target, error) {
	kind, id, ok := strings.Cut(s, "/")
	if !ok || (kind != "queue" && kind != "agent") || !ValidName(id) {
		return "", fmt.Errorf(`target %q: want "queue/ID" or "agent/ID"`, s)
	}
	return Target(s), nil
}

// ValidName reports whether s can name a queue, an agent or a site: 1–64 of a-z, 0-9, "-", "_", ".".
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return false
		}
	}
	return true
}

// ValidCallID reports whether id can name a call: long enough that nobody guesses it.
func ValidCallID(id CallID) bool {
	if len(id) < 16 || len(id) > 64 {
		return false
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

// State of a conversation.
type State string

const (
	StateWaiting State = "waiting" // in a queue, nobody rung
	StateOffered State = "offered" // ringing at one or more agents
	StateActive  State = "active"  // held by one agent
	StateWrapUp  State = "wrap-up" // held, the call is over, notes are being written
	StateClosed  State = "closed"
)

// Presence of an agent.
type Presence string

const (
	PresenceReady   Presence = "ready"
	PresenceBusy    Presence = "busy"    // derived: at capacity or in a call
	PresenceWrapUp  Presence = "wrap-up" // derived: after a call
	PresenceAway    Presence = "away"
	PresenceOffline Presence = "offline" // derived: no console open
)

// Direction of a message.
type Direction string

const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Delivery is how far one outbound message got, in rising order but for the failures.
type Delivery string

const (
	DeliveryPending   Delivery = "pending"   // in the outbox
	DeliverySent      Delivery = "sent"      // the provider has it
	DeliveryDelivered Delivery = "delivered" // the person's device has it
	DeliveryRead      Delivery = "read"
	DeliveryFailed    Delivery = "failed"    // certainly not delivered
	DeliveryUncertain Delivery = "uncertain" // nobody knows; a person decides about sending again
)

// Attachment is a file that came or goes with a message. Exactly one of File (kept by us, reached at
// /files/{File}) and URL (still at the provider, to be fetched) is set; Error says why a file is missing.
type Attachment struct {
	File        FileID `json:"file,omitempty"`
	URL         string `json:"url,omitempty"`
	Kind        string `json:"kind"` // image, audio, video, file, sticker, location, link
	Name        string `json:"name,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	SizeBytes   int64  `json:"size_bytes,omitempty"`
	Title       string `json:"title,omitempty"`
	Error       string `json:"error,omitempty"`
}

// Error is a failure a person or a program outside can act on. Err is for the log only.
type Error struct {
	Kind  Kind
	Field string // the bad field, if one is to blame
	Msg   string // for people
	Err   error
}

// Kind classifies an Error; package httpx maps it to a status and a socket close code.
type Kind string

const (
	NotFound     Kind = "not_found"
	Invalid      Kind = "invalid"
	Forbidden    Kind = "forbidden"
	Unauthorized Kind = "unauthorized"
	Conflicting  Kind = "conflict"
	TooLarge     Kind = "too_large"
	TooMany      Kind = "too_many"
	Unavailable  Kind = "unavailable"
	Internal     Kind = "internal"
)

func (e *Error) Error() string {
	s := string(e.Kind) + ": " + e.Msg
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error of the given kind.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, args...)}
}
