package conversation

import (
	"slices"
	"strings"

	"backline/gateway"
	"backline/gateway/wire"
)

// submitted adds an agent's message.
func (f *Fold) submitted(r Record, c *Conversation, e gateway.MessageSubmitted) {
	t := f.threads[c.Thread] // the message itself may go another way
	if t == nil {
		return
	}
	it := wire.Item{ID: string(e.Message), Position: r.Pos, Time: r.At, Kind: "message", Channel: e.Identity.Channel,
		Direction: gateway.Outbound, From: f.agent(e.Agent), Text: e.Text, Attachments: e.Attachments,
		ClientID: e.ClientID, Delivery: gateway.DeliveryPending}
	if e.Automatic {
		it.MessageKind = "automatic"
	}
	f.count(t, c, it)
	f.keep(r, c, it)
	if e.Agent != "" {
		c.readTo, c.Seen = r.Pos, r.Pos // nobody answers what they have not read
		c.Head.Unread = 0
		c.Held = c.Held || e.Agent == c.Head.Agent
	}
	f.touch(r, c)
}

// attempt folds the outbox's records on one message.
func (f *Fold) attempt(r Record, c *Conversation) {
	if s, started := r.Event.(gateway.AttemptStarted); started {
		// Another way is tried after a failure that was certain: the failure is history.
		if it := c.item(string(s.Message)); it != nil && it.Delivery == gateway.DeliveryFailed {
			it.Delivery, it.DeliveryInfo, it.ProviderID = gateway.DeliveryPending, "", ""
			f.emitItem(r, c, it)
		}
		return
	}
	e, ok := r.Event.(gateway.AttemptEnded)
	if !ok {
		return
	}
	it := c.item(string(e.Message))
	if it == nil {
		f.patch(r, c.Thread, Patch{Message: e.Message, State: e.State, Info: reason(e.Code, e.Detail)})
		return
	}
	if len(e.ProviderIDs) > 0 {
		it.ProviderID = strings.Join(e.ProviderIDs, " ")
	}
	f.advance(it, e.State, reason(e.Code, e.Detail))
	f.emitItem(r, c, it)
}

// reason is why, for consoles: a word of ours that they translate and, in brackets, what else is known, mostly the
// provider's own code.
func reason(word, detail string) string {
	switch {
	case word == "":
		return detail
	case detail == "":
		return word
	}
	return word + " (" + detail + ")"
}

func (c *Conversation) item(id string) *wire.Item {
	for i := len(c.items) - 1; i >= 0; i-- {
		if c.items[i].ID == id {
			return c.items[i]
		}
	}
	return nil
}

// advance moves a delivery state forward, never back. It reports whether anything changed.
func (f *Fold) advance(it *wire.Item, to gateway.Delivery, info string) bool {
	if Rank(to) < Rank(it.Delivery) || (to == it.Delivery && info == it.DeliveryInfo) {
		return false
	}
	it.Delivery, it.DeliveryInfo = to, info
	return true
}

func (f *Fold) delivered(r Record, e gateway.DeliveryReported) {
	if t := f.thread(r, gateway.Identity{}); t != nil {
		f.report(r, t, e)
	}
}

// report applies a provider's or a widget's word on messages we sent.
func (f *Fold) report(r Record, t *Thread, e gateway.DeliveryReported) {
	if !e.Watermark.IsZero() || e.Position > 0 {
		f.watermark(r, t, e)
		return
	}
	info := reason(e.Detail, e.Code)
	c, it := t.reported(e)
	if it != nil && Stale(it.ProviderID, e.ProviderID, e.State) {
		return
	}
	if it == nil {
		f.patch(r, t.ID, Patch{Message: e.Message, ProviderID: e.ProviderID, State: e.State, Info: info})
		return
	}
	if it.ProviderID == "" {
		it.ProviderID = e.ProviderID
	}
	if f.advance(it, e.State, info) {
		f.emitItem(r, c, it)
	}
}

// reported finds the line a report is about. The provider's id goes before ours.
func (t *Thread) reported(e gateway.DeliveryReported) (*Conversation, *wire.Item) {
	if c, it := t.byProviderID(e.ProviderID); it != nil {
		return c, it
	}
	if t.current == nil || e.Message == "" {
		return nil, nil
	}
	return t.current, t.current.item(string(e.Message))
}

// Stale reports whether a report is late news of an earlier attempt: it names another of the provider's ids than
// the message has now, and its failure says nothing about the last attempt. That it arrived is always good news.
func Stale(have, reported string, state gateway.Delivery) bool {
	return state == gateway.DeliveryFailed && have != "" && reported != "" && !slices.Contains(strings.Fields(have), reported)
}

// watermark moves every message sent at or before a time (or, for our own widget, a position).
func (f *Fold) watermark(r Record, t *Thread, e gateway.DeliveryReported) {
	if t.current == nil {
		f.patch(r, t.ID, Patch{Watermark: e.Watermark, Position: e.Position, State: e.State})
		return
	}
	for _, it := range t.current.items {
		covered := it.Position <= e.Position
		if e.Position == 0 {
			covered = !it.Time.After(e.Watermark)
		}
		ours := it.Kind == "message" && it.Direction == gateway.Outbound
		if covered && ours && Watermarked(it.Delivery, e.Position > 0) && f.advance(it, e.State, "") {
			f.emitItem(r, t.current, it)
		}
	}
}

// Watermarked reports whether a message in this state is meant by a report on all messages up to a point. A
// provider's report means those it has, which of an uncertain one nobody knows: it waits for its echo. Our own
// widget, which reports by position, may show a message before the outbox has written down that it went out.
func Watermarked(d gateway.Delivery, byPosition bool) bool {
	switch d {
	case gateway.DeliverySent, gateway.DeliveryDelivered:
		return true
	case gateway.DeliveryPending, gateway.DeliveryUncertain:
		return byPosition
	}
	return false
}

func (f *Fold) patch(r Record, t gateway.ThreadID, p Patch) {
	if f.muted {
		return
	}
	f.changes = append(f.changes, Change{Pos: f.rev, Thread: t, Patch: &p})
}

// patchForgotten: delivery news of a conversation that has left memory.
func (f *Fold) patchForgotten(r Record) {
	if e, ok := r.Event.(gateway.AttemptEnded); ok {
		f.patch(r, "", Patch{Message: e.Message, State: e.State, Info: reason(e.Code, e.Detail)})
	}
}
