package messenger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"backline/gateway"
)

// pageInbox are the app ids of the page's own inbox: a human answered there. Meta's documentation also
// prints the second, with digits missing.
const (
	pageInbox      = "263902037430900"
	pageInboxTypo  = "26390203743090"
	echoByInbox    = "page_inbox"
	maxExtraBytes  = 1000 // Meta's limit of a payload
	maxMetadata    = 128
	maxMidsAnEvent = 1000
)

// handler turns one part of an event into facts. at is Meta's time, or the receive time where that is
// unusable. It returns why the event must be kept raw, "" when it was understood.
type handler func(e *event, f map[string]json.RawMessage, at time.Time) (why string)

// handlers is fixed: one line a kind of event.
var handlers = map[string]handler{
	"message":                onMessage,
	"postback":               onPostback,
	"referral":               onReferral,
	"delivery":               onDelivery,
	"read":                   onRead,
	"reaction":               onReaction,
	"message_edit":           onEdit,
	"optin":                  onOptin,
	"order":                  onOrder,
	"policy_enforcement":     onPolicy,
	"pass_thread_control":    onPassControl,
	"take_thread_control":    onTakeControl,
	"account_linking":        onOther("account_linking"),
	"request_thread_control": onOther("request_thread_control"),
	"app_roles":              onOther("app_roles"),
}

// onOther keeps what is known and means nothing to us.
func onOther(kind string) handler {
	return func(*event, map[string]json.RawMessage, time.Time) string { return kind }
}

// received is the common part of what a person said or did. mid may be empty.
func (e *event) received(mid, kind string, at time.Time) (string, gateway.MessageReceived) {
	key := factKey(e.page, "mid", mid)
	if mid == "" {
		key = e.own(kindOr(kind))
	}
	return key, gateway.MessageReceived{Message: messageID(key), Identity: e.identity(), ProviderID: mid,
		SentAt: at, Kind: kind, Standby: e.standby}
}

func kindOr(kind string) string {
	if kind == "" {
		return "message"
	}
	return kind
}

// messageID is our id of a message of theirs: the same whenever it is delivered.
func messageID(key string) gateway.MessageID {
	sum := sha256.Sum256([]byte(key))
	return gateway.MessageID("m" + hex.EncodeToString(sum[:12]))
}

func onMessage(e *event, f map[string]json.RawMessage, at time.Time) string {
	switch {
	case f == nil:
		return "bad_message"
	case e.person == "":
		return "no_sender"
	}
	mid := string(get[someText](f, "mid"))
	if e.fromUs || get[bool](f, "is_echo") {
		return e.echo(f, mid, at)
	}
	key, m := e.received(mid, "", at)
	m.Text = clean(string(get[someText](f, "text")), maxTextBytes)
	m.Attachments = attachments(f)
	m.ReplyTo = string(get[someText](fieldsOf(f["reply_to"]), "mid"))
	if q := fieldsOf(f["quick_reply"]); q != nil {
		m.Kind = "quick_reply"
		m.Extra = extra(m.Extra, "payload", get[someText](q, "payload"))
	}
	m.Extra = referral(m.Extra, fieldsOf(f["referral"]))
	if m.Text == "" && len(m.Attachments) == 0 && m.Kind == "" {
		return "empty_message"
	}
	e.add(key, m)
	return ""
}

// echo is a message the page sent: by us, by another app, or by a human in the page's inbox.
func (e *event) echo(f map[string]json.RawMessage, mid string, at time.Time) string {
	if !e.fromUs {
		return "page_mismatch"
	}
	key, m := e.received(mid, "", at)
	m.Echo = true
	app := string(get[ident](f, "app_id"))
	inbox := app == pageInbox || app == pageInboxTypo
	ours := app == e.p.c.o.AppID || (e.p.c.o.AppID == "" && !inbox)
	if meta := get[string](f, "metadata"); ours && meta != "" && len(meta) <= maxMetadata {
		id, _, part := strings.Cut(meta, "#")
		if part {
			// The whole message is proved by its last part only.
			e.add(key, gateway.DeliveryReported{ProviderID: mid, State: gateway.DeliverySent})
			return ""
		}
		m.EchoOf = gateway.MessageID(id)
		e.add(key, m)
		return ""
	}
	m.EchoBy = app
	if inbox {
		m.EchoBy = echoByInbox
	}
	m.Text = clean(string(get[someText](f, "text")), maxTextBytes)
	m.Attachments = attachments(f)
	if m.Text == "" && len(m.Attachments) == 0 {
		return "empty_message"
	}
	e.add(key, m)
	return ""
}

func onPostback(e *event, f map[string]json.RawMessage, at time.Time) string {
	switch {
	case f == nil:
		return "bad_postback"
	case e.person == "":
		return "no_sender" // a checkbox plug-in: sender.user_ref
	}
	key, m := e.received(string(get[someText](f, "mid")), "postback", at)
	m.Text = clean(string(get[someText](f, "title")), maxTextBytes)
	m.Extra = referral(extra(nil, "payload", get[someText](f, "payload")), fieldsOf(f["referral"]))
	e.add(key, m)
	return ""
}

func onReferral(e *event, f map[string]json.RawMessage, at time.Time) string {
	switch {
	case f == nil:
		return "bad_referral"
	case e.person == "":
		return "no_sender"
	}
	key, m := e.received("", "referral", at)
	m.Extra = referral(nil, f)
	e.add(key, m)
	return ""
}

// referral adds where the person came from.
func referral(to map[string]string, f map[string]json.RawMessage) map[string]string {
	for _, name := range []string{"ref", "source", "type", "ad_id"} {
		to = extra(to, name, get[someText](f, name))
	}
	return extra(to, "ad_title", get[someText](fieldsOf(f["ads_context_data"]), "ad_title"))
}

func extra(to map[string]string, name string, value someText) map[string]string {
	if value == "" {
		return to
	}
	if to == nil {
		to = map[string]string{}
	}
	to[name] = clean(string(value), maxExtraBytes)
	return to
}

// onDelivery: the watermark covers all that was sent before it; mids, when they come, name messages.
func onDelivery(e *event, f map[string]json.RawMessage, _ time.Time) string {
	mark, mids := get[stamp](f, "watermark"), get[[]someText](f, "mids")
	if e.person == "" || (mark.at.IsZero() && len(mids) == 0) || len(mids) > maxMidsAnEvent {
		return "bad_delivery"
	}
	for _, mid := range mids {
		if mid != "" {
			e.add(factKey(e.page, "delivered", "mid", string(mid)), gateway.DeliveryReported{ProviderID: string(mid), State: gateway.DeliveryDelivered})
		}
	}
	e.watermark(mark, gateway.DeliveryDelivered)
	return ""
}

func onRead(e *event, f map[string]json.RawMessage, _ time.Time) string {
	mark := get[stamp](f, "watermark")
	if e.person == "" || mark.at.IsZero() {
		return "bad_read"
	}
	e.watermark(mark, gateway.DeliveryRead)
	return ""
}

func (e *event) watermark(mark stamp, state gateway.Delivery) {
	if !mark.at.IsZero() {
		e.add(factKey(e.page, string(state), e.person, mark.text), gateway.DeliveryReported{Watermark: mark.at, State: state})
	}
}

func onReaction(e *event, f map[string]json.RawMessage, _ time.Time) string {
	mid := string(get[someText](f, "mid"))
	if mid == "" || e.person == "" {
		return "bad_reaction"
	}
	r := gateway.Reacted{ProviderID: mid}
	switch get[string](f, "action") {
	case "unreact":
	case "react":
		r.Emoji = clip(string(get[someText](f, "emoji")), 64)
		r.Reaction = clip(string(get[someText](f, "reaction")), 64)
	default:
		return "bad_reaction"
	}
	e.add(e.own("reaction"), r)
	return ""
}

func onEdit(e *event, f map[string]json.RawMessage, at time.Time) string {
	mid, text := string(get[someText](f, "mid")), clean(string(get[someText](f, "text")), maxTextBytes)
	if mid == "" || text == "" || e.person == "" {
		return "bad_edit"
	}
	key := factKey(e.page, "edit", mid, string(get[someText](f, "num_edit")))
	if get[someText](f, "num_edit") == "" {
		key = e.own("edit")
	}
	e.add(key, gateway.MessageEdited{ProviderID: mid, Text: text, At: at})
	return ""
}

// onOptin is about notices on one topic, not about the conversation: it is no gateway.ConsentChanged, and a
// person who stops the notices may still be answered. The token in it is kept raw.
func onOptin(e *event, f map[string]json.RawMessage, at time.Time) string {
	if e.person == "" || f == nil {
		return "optin"
	}
	kind := "optin"
	if strings.HasPrefix(get[string](f, "notification_messages_status"), "STOP") {
		kind = "optout"
	}
	key, m := e.received("", kind, at)
	m.Text = clean(string(get[someText](f, "title")), maxTextBytes)
	for name, field := range map[string]string{"payload": "payload", "ref": "ref", "type": "type", "status": "notification_messages_status"} {
		m.Extra = extra(m.Extra, name, get[someText](f, field))
	}
	e.add(key, m)
	if _, ok := f["notification_messages_token"]; ok {
		return "optin"
	}
	return ""
}

func onOrder(e *event, f map[string]json.RawMessage, at time.Time) string {
	if e.person == "" || f == nil {
		return "bad_order"
	}
	key, m := e.received("", "order", at)
	m.Text = clean(string(get[someText](f, "note")), maxTextBytes)
	var lines []string
	for _, raw := range get[[]json.RawMessage](f, "products") {
		p := fieldsOf(raw)
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s × %s %s %s", get[someText](p, "quantity"), get[someText](p, "name"),
			get[someText](p, "unit_price"), get[someText](p, "currency"))))
	}
	m.Extra = extra(nil, "products", someText(strings.Join(lines, "\n")))
	e.add(key, m)
	return ""
}

// onPolicy: Meta warns or blocks the page. A person must act.
func onPolicy(e *event, f map[string]json.RawMessage, _ time.Time) string {
	a := gateway.ChannelAlarm{Channel: gateway.ChannelMessenger, Account: e.page, Code: "policy_block", Detail: clean(string(get[someText](f, "reason")), maxExtraBytes)}
	switch get[string](f, "action") {
	case "block":
	case "warning":
		a.Code = "policy_warning"
	case "unblock":
		a.Cleared, a.Detail = true, "Meta has unblocked the page"
	default:
		return "bad_policy"
	}
	e.person = "" // it is about the page
	e.add(e.own("policy"), a)
	return ""
}

// onPassControl: the thread was given to an app, or to nobody, which leaves it free to answer.
func onPassControl(e *event, f map[string]json.RawMessage, _ time.Time) string {
	owner := string(get[ident](f, "new_owner_app_id"))
	ours := owner == "" || owner == e.p.c.o.AppID || (e.p.c.o.AppID == "" && owner != pageInbox)
	return e.control(f, owner, ours)
}

// onTakeControl: an app took the thread; without AppID it can only be another one, for Meta tells the loser.
func onTakeControl(e *event, f map[string]json.RawMessage, _ time.Time) string {
	owner := string(get[ident](f, "new_owner_app_id"))
	return e.control(f, owner, owner != "" && owner == e.p.c.o.AppID)
}

func (e *event) control(f map[string]json.RawMessage, owner string, ours bool) string {
	if e.person == "" || f == nil {
		return "bad_thread_control"
	}
	e.add(e.own("control"), gateway.ThreadControlChanged{Ours: ours, Owner: owner})
	return ""
}
