package emergency

import (
	"fmt"
	"strings"

	"backline/gateway"
)

// Answers is the fold of automatic first answers: which conversations are to be told of the emergency and have
// not been. Package live tells it what happens; it is pure like the rest and belongs to the same goroutine.
//
// Who is told: whoever comes by Messenger or SMS, because there no page shows the notice.
//
//   - A conversation that opens or reopens while it is on.
//   - A conversation that waits for somebody when it is switched on: this person has been told nothing yet, and
//     may be about to pick up the phone. One that an agent holds is not told: there a person speaks already.
//
// Each thread once in an emergency, however often its conversations end and begin. An agent's own message before
// the automatic one makes it needless.
type Answers struct {
	number uint64
	due    map[gateway.ConversationID]gateway.ThreadID
	told   map[gateway.ThreadID]bool
}

// NewAnswers returns those of a switch that is off.
func NewAnswers() *Answers { return &Answers{due: map[gateway.ConversationID]gateway.ThreadID{}} }

// Answered reports whether a channel's customers are told by a message.
func Answered(channel string) bool {
	return channel == gateway.ChannelMessenger || channel == gateway.ChannelSMS
}

// Begin starts an emergency.
func (a *Answers) Begin(number uint64) {
	a.number = number
	clear(a.due)
	a.told = map[gateway.ThreadID]bool{}
}

// End ends it; what was not yet said is not said any more.
func (a *Answers) End() {
	a.number, a.told = 0, nil
	clear(a.due)
}

// Want notes that a conversation is to be told.
func (a *Answers) Want(c gateway.ConversationID, t gateway.ThreadID, channel string) {
	if a.number != 0 && Answered(channel) && !a.told[t] {
		a.due[c] = t
	}
}

// Submitted notes a message of ours.
func (a *Answers) Submitted(c gateway.ConversationID, m gateway.MessageSubmitted) {
	switch {
	case a.number == 0:
	case m.Automatic && m.ClientID == ClientID(a.number):
		a.told[m.Thread] = true
		delete(a.due, c)
	case m.Agent != "":
		delete(a.due, c)
	}
}

// Done takes a conversation off the list: it was closed, or cannot be told.
func (a *Answers) Done(c gateway.ConversationID) { delete(a.due, c) }

// Due returns up to limit conversations that are to be told.
func (a *Answers) Due(limit int) []gateway.ConversationID {
	var out []gateway.ConversationID
	for c := range a.due {
		if len(out) == limit {
			break
		}
		out = append(out, c)
	}
	return out
}

// Waits reports whether a conversation is still to be told.
func (a *Answers) Waits(c gateway.ConversationID) bool {
	_, ok := a.due[c]
	return ok
}

// ClientID marks the automatic answers of one emergency.
func ClientID(number uint64) string { return fmt.Sprintf("emergency/%d", number) }

// Key makes the answer of one emergency to one thread the same however often it is tried.
func Key(number uint64, t gateway.ThreadID) string {
	return strings.Join([]string{ClientID(number), string(t)}, "/")
}
