package conversation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

func (f *Fold) messageReceived(r Record, e gateway.MessageReceived) {
	t := f.thread(r, e.Identity)
	if t == nil {
		return
	}
	if e.Echo {
		f.echo(r, t, e)
		return
	}
	if e.Via == "" { // the network's window is opened by what goes through it
		t.LastInbound = latest(t.LastInbound, e.SentAt, r.At)
		t.NotOurs = e.Standby
	}
	it := wire.Item{ID: string(e.Message), Position: r.Pos, Time: r.At, Kind: "message", Channel: e.Identity.Channel,
		Direction: gateway.Inbound, From: wire.From{Kind: "customer", Name: t.Contact.Name}, Text: e.Text,
		Attachments: e.Attachments, ProviderID: e.ProviderID, ClientID: e.ClientID, MessageKind: e.Kind, Extra: e.Extra, Standby: e.Standby}
	if e.Via != "" {
		it.Channel = e.Via
	}
	if c := t.live(); c != nil {
		f.inbound(r, t, c, it)
		return
	}
	f.want(r, t, it, isKeyword(e.Kind))
}

// want keeps a line of a thread without an open conversation; a decision to open one is due.
func (f *Fold) want(r Record, t *Thread, it wire.Item, keyword bool) {
	if t.cause == 0 {
		t.cause, t.first, t.keyword = r.Pos, it, true
	}
	t.keyword = t.keyword && keyword
	t.pending = append(t.pending, it)
	f.unrouted[t.ID] = struct{}{}
}

// isKeyword: words to the network and not to a person; they make no agent's console ring.
func isKeyword(kind string) bool { return kind == "optout" || kind == "optin" || kind == "help" }

// latest returns the person's time if it can be believed (not in the future), else ours.
func latest(before, theirs, ours time.Time) time.Time {
	at := theirs
	if at.IsZero() || at.After(ours) {
		at = ours
	}
	if at.Before(before) {
		return before
	}
	return at
}

// inbound adds a person's message to an open conversation.
func (f *Fold) inbound(r Record, t *Thread, c *Conversation, it wire.Item) {
	f.count(t, c, it)
	f.keep(r, c, it)
	if it.Direction == gateway.Inbound {
		c.Head.Unread++ // nobody has read what has just come
	}
	f.touch(r, c)
}

// count updates the head for a message of either direction.
func (f *Fold) count(t *Thread, c *Conversation, it wire.Item) {
	if it.Direction == gateway.Inbound {
		c.Head.Messages.Inbound++
		last := t.LastInbound
		c.Head.LastInbound = &last
		c.Head.NotOurs = t.NotOurs
	} else {
		c.Head.Messages.Outbound++
	}
	c.Head.LastAt, c.Head.LastCall = it.Time, nil
	if c.due == dueClose {
		c.due = "" // there is something to answer after all
	}
	c.Head.Preview, c.Head.PreviewFrom = preview(it.Text), it.Direction
	switch {
	case it.MessageKind == "voice":
		c.Head.Preview = "🎤 " + span(it.Extra["voice_ms"])
	case it.MessageKind == "call_request":
		c.Head.Preview = preview("📞 " + it.Text)
	case it.Text == "" && len(it.Attachments) > 0:
		c.Head.Preview = "📎 " + it.Attachments[0].Kind
	}
}

// span writes milliseconds as minutes and seconds.
func span(ms string) string {
	n, _ := strconv.Atoi(ms) // 0:00 where it is not said
	return fmt.Sprintf("%d:%02d", n/60_000, n/1000%60)
}

// echo is a message our side sent: our own coming back (EchoOf), or a colleague's from the provider's inbox.
func (f *Fold) echo(r Record, t *Thread, e gateway.MessageReceived) {
	if e.EchoOf != "" {
		f.report(r, t, gateway.DeliveryReported{Message: e.EchoOf, ProviderID: e.ProviderID, State: gateway.DeliverySent})
		return
	}
	if c := t.live(); c != nil && e.ProviderID != "" {
		for _, it := range c.items {
			if it.Direction == gateway.Outbound && it.ProviderID == e.ProviderID {
				return // ours, known by the provider's id
			}
		}
	}
	it := wire.Item{ID: string(e.Message), Position: r.Pos, Time: r.At, Kind: "message", Channel: e.Identity.Channel,
		Direction: gateway.Outbound, From: wire.From{Kind: "colleague", ID: e.EchoBy}, Text: e.Text,
		Attachments: e.Attachments, ProviderID: e.ProviderID, Delivery: gateway.DeliverySent, Extra: e.Extra, Standby: e.Standby}
	c := t.live()
	if c == nil {
		t.pending = append(t.pending, it)
		return
	}
	f.count(t, c, it)
	f.keep(r, c, it)
	f.touch(r, c)
}

func (f *Fold) edited(r Record, e gateway.MessageEdited) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	c, it := t.byProviderID(e.ProviderID)
	if it == nil {
		text := e.Text
		f.patch(r, t.ID, Patch{ProviderID: e.ProviderID, Text: &text})
		return
	}
	it.Text, it.Edited = e.Text, true
	f.emitItem(r, c, it)
}

func (f *Fold) reacted(r Record, e gateway.Reacted) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	if c, it := t.byProviderID(e.ProviderID); it != nil {
		it.Reaction = e.Emoji
		if it.Reaction == "" {
			it.Reaction = e.Reaction
		}
		f.emitItem(r, c, it)
	}
}

// byProviderID finds a line of the current conversation. Split texts carry several ids, joined by spaces.
func (t *Thread) byProviderID(id string) (*Conversation, *wire.Item) {
	if t.current == nil || id == "" {
		return nil, nil
	}
	for _, it := range t.current.items {
		if it.ProviderID == id || (strings.Contains(it.ProviderID, " ") && slices.Contains(strings.Fields(it.ProviderID), id)) {
			return t.current, it
		}
	}
	return nil, nil
}

func (f *Fold) contactLearned(r Record, e gateway.ContactLearned) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	set := func(to *string, v string) {
		if v != "" {
			*to = v
		}
	}
	set(&t.Contact.Name, e.Name)
	set(&t.Contact.Email, e.Email)
	set(&t.Contact.Phone, e.Phone)
	set(&t.Contact.Language, e.Language)
	set(&t.Contact.Page, e.Page)
	set(&t.Subject, e.Subject)
	if e.Picture != "" {
		t.Contact.Picture = e.Picture
	}
	if c := t.current; c != nil {
		c.Head.Contact, c.Head.Subject = t.Contact, t.Subject
		f.touch(r, c)
	}
}

func (f *Fold) attachmentStored(r Record, e gateway.AttachmentStored) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	for i := range t.pending {
		if it := &t.pending[i]; it.ID == string(e.Message) && e.Index < len(it.Attachments) && e.Index >= 0 {
			it.Attachments = slices.Clone(it.Attachments)
			it.Attachments[e.Index] = e.Attachment
		}
	}
	if t.current == nil {
		return
	}
	for _, it := range t.current.items {
		if it.ID == string(e.Message) && e.Index >= 0 && e.Index < len(it.Attachments) {
			it.Attachments = slices.Clone(it.Attachments)
			it.Attachments[e.Index] = e.Attachment
			f.emitItem(r, t.current, it)
		}
	}
}

func (f *Fold) consentChanged(r Record, e gateway.ConsentChanged) {
	t := f.thread(r, gateway.Identity{})
	if t == nil || t.OptedOut == e.OptedOut {
		return
	}
	t.OptedOut = e.OptedOut
	c := t.live()
	if c == nil {
		return
	}
	c.Head.OptedOut = e.OptedOut
	name := "opted_in"
	if e.OptedOut {
		name = "opted_out"
	}
	f.event(r, c, name, map[string]string{"word": e.Word})
	f.touch(r, c)
}

func (f *Fold) controlChanged(r Record, e gateway.ThreadControlChanged) {
	t := f.thread(r, gateway.Identity{})
	if t == nil {
		return
	}
	t.NotOurs = !e.Ours
	c := t.live()
	if c == nil {
		return
	}
	c.Head.NotOurs = t.NotOurs
	name := "control_lost"
	if e.Ours {
		name = "control_ours"
	}
	f.event(r, c, name, map[string]string{"owner": e.Owner})
	f.touch(r, c)
}
