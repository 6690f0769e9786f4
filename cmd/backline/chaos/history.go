package chaos

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"backline/gateway"
	"backline/gateway/journal"
)

// History returns what in a journal must not be, whatever was killed, frozen or cut off while it was written:
//
//	positions and the versions of each stream follow each other, no idempotency key is there twice
//	a provider's message, a page's message and an agent's answer are there once
//	a thread has one open conversation at most
//	an offer is accepted once, by one of those at whom it rang, and nobody takes what somebody holds
//	an attempt to send begins once, and not while another of the same message has no end
//
// sent says how often each text reached a provider: more often than once is right only where an attempt before had
// become uncertain.
func History(events []journal.Event, sent map[string]int) []string {
	h := &checking{sent: sent, versions: map[string]uint64{}, once: map[string]journal.Pos{}, talks: map[string]*talk{},
		open: map[gateway.ThreadID]string{}, messages: map[gateway.MessageID]*message{}}
	for _, e := range events {
		h.envelope(e)
		h.event(e)
	}
	h.providers()
	return h.wrong
}

// checking is a fold over one journal.
type checking struct {
	sent     map[string]int
	last     journal.Pos
	versions map[string]uint64      // by stream
	once     map[string]journal.Pos // what may be there once → where it is
	talks    map[string]*talk       // by stream
	open     map[gateway.ThreadID]string
	messages map[gateway.MessageID]*message
	wrong    []string
}

// talk is a conversation.
type talk struct {
	thread gateway.ThreadID
	holder gateway.AgentID
	offer  gateway.OfferID // "": none rings
	rings  []gateway.AgentID
}

// message is one on its way to a provider. Attempts may be there before it: after a fail-over each node brings again what it
// has.
type message struct {
	submitted bool
	text      string
	attempts  int
	running   int // the attempt without an end; 0: none
	uncertain bool
}

func (h *checking) fail(e journal.Event, format string, args ...any) {
	h.wrong = append(h.wrong, fmt.Sprintf("position %d, %s in %s: ", e.Pos, e.Type, e.Stream)+fmt.Sprintf(format, args...))
}

func (h *checking) envelope(e journal.Event) {
	if h.last != 0 && e.Pos != h.last+1 {
		h.fail(e, "follows position %d", h.last)
	}
	h.last = e.Pos
	if was, known := h.versions[e.Stream]; known && e.Version != was+1 {
		h.fail(e, "version %d follows %d", e.Version, was)
	}
	h.versions[e.Stream] = e.Version
	if e.Key != "" {
		h.single(e, "key "+e.Key)
	}
}

func (h *checking) single(e journal.Event, what string) {
	if at, known := h.once[what]; known {
		h.fail(e, "%s is at position %d already", what, at)
		return
	}
	h.once[what] = e.Pos
}

func (h *checking) event(raw journal.Event) {
	event, err := gateway.DecodeEvent(raw.Type, raw.Data)
	if err != nil {
		return // what is not about conversations is not ours to judge
	}
	switch e := event.(type) {
	case gateway.MessageReceived:
		if e.ProviderID != "" {
			h.single(raw, "message "+e.Identity.Channel+" "+e.ProviderID)
		}
		if e.ClientID != "" {
			h.single(raw, "message "+e.ClientID+" of "+raw.Stream)
		}
	case gateway.MessageSubmitted:
		h.single(raw, "answer "+e.ClientID+" in "+raw.Stream)
		m := h.message(e.Message)
		m.submitted, m.text = true, e.Text
	case gateway.AttemptStarted:
		h.begun(raw, e)
	case gateway.AttemptEnded:
		h.ended(raw, e)
	default:
		h.decision(raw, event)
	}
}

func (h *checking) message(id gateway.MessageID) *message {
	m := h.messages[id]
	if m == nil {
		m = &message{}
		h.messages[id] = m
	}
	return m
}

func (h *checking) begun(raw journal.Event, e gateway.AttemptStarted) {
	m := h.message(e.Message)
	h.single(raw, fmt.Sprintf("attempt %d of %s", e.Attempt, e.Message))
	if m.running != 0 {
		h.fail(raw, "attempt %d of %s begins while attempt %d has no end", e.Attempt, e.Message, m.running)
	}
	m.attempts, m.running = m.attempts+1, e.Attempt
}

func (h *checking) ended(raw journal.Event, e gateway.AttemptEnded) {
	m := h.message(e.Message)
	if m.running != e.Attempt {
		h.fail(raw, "attempt %d of %s ends and is not under way", e.Attempt, e.Message)
		return
	}
	m.running = 0
	m.uncertain = m.uncertain || e.State == gateway.DeliveryUncertain
}

func (h *checking) decision(raw journal.Event, event gateway.Event) {
	t := h.talks[raw.Stream]
	if t == nil {
		t = &talk{}
		h.talks[raw.Stream] = t
	}
	switch e := event.(type) {
	case gateway.ConversationOpened:
		t.thread = e.Thread
		h.opens(raw, t)
	case gateway.ConversationReopened:
		t.holder, t.offer = "", ""
		h.opens(raw, t)
	case gateway.ConversationOffered:
		if t.holder != "" {
			h.fail(raw, "offered while %s holds it", t.holder)
		}
		h.single(raw, "offer "+string(e.Offer))
		t.offer, t.rings = e.Offer, e.Agents
	case gateway.OfferEnded:
		if t.offer == e.Offer {
			t.rings = slices.DeleteFunc(slices.Clone(t.rings), func(a gateway.AgentID) bool { return a == e.Agent })
		}
	case gateway.ConversationAssigned:
		h.assigned(raw, t, e)
	case gateway.ConversationQueued:
		t.holder, t.offer = "", ""
	case gateway.ConversationClosed:
		t.holder, t.offer = "", ""
		delete(h.open, t.thread)
	}
}

func (h *checking) opens(raw journal.Event, t *talk) {
	if other := h.open[t.thread]; other != "" && other != raw.Stream {
		h.fail(raw, "opened while %s of the same thread is open", other)
	}
	h.open[t.thread] = raw.Stream
}

func (h *checking) assigned(raw journal.Event, t *talk, e gateway.ConversationAssigned) {
	if e.Offer != "" {
		h.single(raw, "acceptance of offer "+string(e.Offer))
		if t.offer != e.Offer || !slices.Contains(t.rings, e.Agent) {
			h.fail(raw, "%s accepts offer %s, which does not ring there", e.Agent, e.Offer)
		}
	}
	if t.holder != "" && (e.How == "accepted" || e.How == "taken") {
		h.fail(raw, "%s by %s while %s holds it", e.How, e.Agent, t.holder)
	}
	t.holder, t.offer = e.Agent, ""
}

// providers looks at what reached them.
func (h *checking) providers() {
	byText := map[string]*message{}
	for id, m := range h.messages {
		if !m.submitted {
			h.wrong = append(h.wrong, fmt.Sprintf("attempts to send %s, which nobody submitted", id))
		}
		byText[m.text] = m
	}
	for text, n := range h.sent {
		switch m := byText[text]; {
		case m == nil:
			h.wrong = append(h.wrong, fmt.Sprintf("%q reached a provider and is in no journal", text))
		case n > m.attempts:
			h.wrong = append(h.wrong, fmt.Sprintf("%q reached a provider %d times with %d attempts", text, n, m.attempts))
		case n > 1 && !m.uncertain:
			h.wrong = append(h.wrong, fmt.Sprintf("%q reached a provider %d times and was never uncertain", text, n))
		}
	}
}

// Trace is what a journal holds of the customer who said a text, or was told it, around that moment: for who looks for
// the reason why it was not shown.
func Trace(events []journal.Event, text string) string {
	const before, after = 30, 60
	says := func(e journal.Event) bool { return bytes.Contains(e.Data, fmt.Appendf(nil, `"text":%q`, text)) }
	at := slices.IndexFunc(events, says)
	if at < 0 {
		return "nothing: it is not in the journal"
	}
	about := map[string]bool{gateway.LeaseStream: true, events[at].Stream: true}
	for _, e := range events {
		event, err := gateway.DecodeEvent(e.Type, e.Data)
		if err != nil {
			continue
		}
		if opened, ok := event.(gateway.ConversationOpened); ok && about[gateway.ThreadStream(opened.Thread)] {
			about[e.Stream] = true
		}
	}
	events = slices.DeleteFunc(slices.Clone(events), func(e journal.Event) bool { return !about[e.Stream] })
	at = slices.IndexFunc(events, says)
	var b strings.Builder
	for _, e := range events[max(0, at-before):min(len(events), at+after)] {
		fmt.Fprintf(&b, "%6d %s %s/%d %s %s %.200s\n", e.Pos, e.At.Format("04:05.000"), e.Stream, e.Version, e.Type, e.Key, e.Data)
	}
	return b.String()
}
