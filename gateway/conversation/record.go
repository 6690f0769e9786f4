// Package conversation is the fold that turns the journal into conversations: one matter with one customer,
// from the message that opened it to its end. It is pure: no I/O, no clock, no goroutine, no lock.
//
// [Fold.Apply] takes every journal record in order and returns the [Change]s it made: heads for lists and
// sockets, items for timelines. Live state, the history database and the sockets all live on these changes,
// so that there is one reading of the journal and not three.
//
// The commands (Accept, Transfer, Close …) check a conversation's state and return the event to append, or a
// *gateway.Error that a person can read. They are proved against the fold by the invariants in
// conversation_test.go.
package conversation

import (
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// Record is one decoded journal event.
type Record struct {
	Pos     uint64
	Stream  string
	Version uint64 // of the stream, after this event
	At      time.Time
	Event   gateway.Event // nil: a type this version does not know
}

// Change is one consequence of a record. Exactly one of the pointers is set.
type Change struct {
	Pos    uint64
	Thread gateway.ThreadID

	Conversation *wire.Conversation // the new head
	Item         *wire.Item         // a new line, or a line again with a higher Rev
	Patch        *Patch             // a line that is no longer in memory changed
}

// Patch changes outbound messages of a thread that have left memory: those with Message, with ProviderID,
// or all sent at or before Watermark, or up to Position. A state never goes back (see Rank).
type Patch struct {
	Message    gateway.MessageID
	ProviderID string
	Watermark  time.Time
	Position   uint64
	State      gateway.Delivery
	Info       string
	Text       *string // an edit of an inbound message
}

// Rank orders delivery states: reports arrive in any order and a state never goes to a lower rank.
// Delivered may replace failed (a late receipt).
func Rank(d gateway.Delivery) int {
	switch d {
	case gateway.DeliveryPending:
		return 1
	case gateway.DeliveryUncertain:
		return 2
	case gateway.DeliverySent:
		return 3
	case gateway.DeliveryFailed:
		return 4
	case gateway.DeliveryDelivered:
		return 5
	case gateway.DeliveryRead:
		return 6
	}
	return 0
}
