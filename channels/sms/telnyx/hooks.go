package telnyx

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"backline/channels"
	"backline/channels/sms"
	"backline/gateway"
	"backline/gateway/httpx"
)

const (
	maxBodyBytes = 1 << 20
	maxMedia     = 10
	maxAge       = 300 * time.Second // of a webhook's signature; Telnyx's own libraries have the same
)

// Routes implements sms.Provider.
func (p *Provider) Routes(sink channels.Sink) map[string]http.Handler {
	return map[string]http.Handler{"POST /hooks/telnyx": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.receive(w, r, sink) })}
}

func (p *Provider) receive(w http.ResponseWriter, r *http.Request, sink channels.Sink) {
	body, err := httpx.ReadBody(w, r, maxBodyBytes)
	if err != nil {
		if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind == gateway.TooLarge {
			p.o.OnRejected("too_large")
		}
		httpx.Problem(w, r, err)
		return
	}
	if !p.signed(r, body) {
		p.o.OnRejected("signature")
		httpx.Problem(w, r, gateway.Errorf(gateway.Forbidden, "the signature does not fit, or is older than five minutes"))
		return
	}
	facts, err := p.parse(body)
	if err != nil {
		p.o.OnRejected("malformed")
		httpx.Problem(w, r, err)
		return
	}
	if len(facts) > 0 {
		if err := sink.Accept(r.Context(), facts...); err != nil {
			httpx.Problem(w, r, err)
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

// signed reports whether the body is Telnyx's: Ed25519 over timestamp, "|" and the raw body.
func (p *Provider) signed(r *http.Request, body []byte) bool {
	stamps, sums := r.Header.Values("Telnyx-Timestamp"), r.Header.Values("Telnyx-Signature-Ed25519")
	if len(stamps) != 1 || len(sums) != 1 {
		return false
	}
	at, err := strconv.ParseInt(stamps[0], 10, 64)
	if err != nil {
		return false
	}
	if age := p.o.Now().Sub(time.Unix(at, 0)); age > maxAge || age < -maxAge {
		return false
	}
	sum, err := base64.StdEncoding.DecodeString(sums[0])
	return err == nil && len(sum) == ed25519.SignatureSize && ed25519.Verify(p.key, append([]byte(stamps[0]+"|"), body...), sum)
}

// event is a webhook's body, as far as it is read.
type event struct {
	Data struct {
		ID        word     `json:"id"`
		EventType word     `json:"event_type"`
		At        moment   `json:"occurred_at"`
		Payload   *message `json:"payload"`
	} `json:"data"`
}

type message struct {
	ID     word      `json:"id"`
	From   address   `json:"from"`
	To     []address `json:"to"`
	Text   word      `json:"text"`
	Tags   []word    `json:"tags"`
	Errors []struct {
		Code word `json:"code"`
	} `json:"errors"`
	Media []struct {
		URL         word  `json:"url"`
		ContentType word  `json:"content_type"`
		Size        int64 `json:"size"`
	} `json:"media"`
}

type address struct {
	Number word `json:"phone_number"`
	Status word `json:"status"`
}

// word is a string, or a number as it stands; anything else is "".
type word string

func (w *word) UnmarshalJSON(data []byte) error {
	*w = ""
	switch data[0] {
	case '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*w = word(s)
	case '{', '[', 'n', 't', 'f':
	default:
		*w = word(data)
	}
	return nil
}

// moment is a time; zero where it cannot be read.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(data []byte) error {
	if m.Time.UnmarshalJSON(data) != nil {
		m.Time = time.Time{} // the receive time stands in
	}
	return nil
}

// decode reads a body. A field of another type than expected is left out and costs no message; the error is for
// what is no JSON object.
func decode(body []byte) (e event, err error) {
	err = json.Unmarshal(body, &e)
	if _, odd := errors.AsType[*json.UnmarshalTypeError](err); odd && bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		err = nil // encoding/json has read all the rest
	}
	return e, err
}

// parse turns a believed webhook into facts. The error is for what is no JSON of Telnyx's shape.
func (p *Provider) parse(body []byte) ([]gateway.Fact, error) {
	e, err := decode(body)
	if err != nil {
		return nil, &gateway.Error{Kind: gateway.Invalid, Msg: "the body is not the JSON of a Telnyx event", Err: err}
	}
	m := e.Data.Payload
	switch {
	case m == nil || m.ID == "" || !sms.Plausible(string(m.ID), string(m.From.Number)):
		p.o.Log.Warn("a webhook names no message; kept as it came", "channel", gateway.ChannelSMS, "provider", p.Name())
		return []gateway.Fact{sms.Kept(p.Name(), string(e.Data.ID), "incomplete", body)}, nil
	case e.Data.EventType == "message.received":
		return p.inbound(e, body), nil
	case e.Data.EventType == "message.sent" || e.Data.EventType == "message.finalized":
		return p.reports(m), nil
	}
	return []gateway.Fact{sms.Kept(p.Name(), string(e.Data.ID), "unknown_event", body)}, nil
}

func (p *Provider) inbound(e event, body []byte) []gateway.Fact {
	m := e.Data.Payload
	ours := p.entryOf(m.To)
	if m.From.Number == "" || ours == "" {
		p.o.Log.Warn("a message without sender, or to a number that no entry names; kept as it came", "channel", gateway.ChannelSMS, "provider", p.Name())
		return []gateway.Fact{sms.Kept(p.Name(), string(e.Data.ID), "unknown_number", body)}
	}
	in := sms.Incoming{Provider: p.Name(), ID: string(m.ID), From: string(m.From.Number), To: ours, Text: string(m.Text), At: e.Data.At.UTC()}
	if in.At.IsZero() {
		in.At = p.o.Now().UTC()
	}
	for _, f := range m.Media[:min(len(m.Media), maxMedia)] {
		in.Attachments = append(in.Attachments, sms.Media(string(f.URL), string(f.ContentType), f.Size))
	}
	return in.Facts()
}

// entryOf returns the entry that a message came to, "" when none of the numbers is ours. In a group one of many is.
func (p *Provider) entryOf(to []address) string {
	for _, a := range to {
		if entry, ok := p.o.Numbers.Entry(string(a.Number)); ok {
			return entry
		}
	}
	return ""
}

// states of a recipient. What is not here (queued, sending, delivery_unconfirmed, a word to come) changes nothing.
var states = map[string]gateway.Delivery{
	"sent":            gateway.DeliverySent,
	"delivered":       gateway.DeliveryDelivered,
	"read":            gateway.DeliveryRead,
	"sending_failed":  gateway.DeliveryFailed,
	"delivery_failed": gateway.DeliveryFailed,
	"expired":         gateway.DeliveryFailed,
}

// reported are codes of messages that were not delivered, as agents must read them.
// Source: Telnyx, Messaging error codes.
var reported = map[string]channels.Code{
	"40001": channels.Unreachable, // not routable: a landline
	"40002": channels.Rejected,    // taken for spam
	"40003": channels.Rejected,
	"40004": channels.Rejected,
	"40005": channels.ProviderDown, // expired
	"40006": channels.ProviderDown, // the carrier is down
	"40008": channels.Unreachable,
	"40011": channels.ProviderDown, // the carrier asks to go slower
	"40012": channels.Unreachable,  // no valid number
	"40013": channels.ProviderDown, // ours is none for Telnyx
	"40014": channels.ProviderDown, // expired in Telnyx's queue
	"40300": channels.OptedOut,
}

// reports are what a webhook says about each recipient of a message of ours.
func (p *Provider) reports(m *message) []gateway.Fact {
	r := sms.Report{Provider: p.Name(), ID: string(m.ID), Number: string(m.From.Number)}
	if entry, ok := p.o.Numbers.Entry(r.Number); ok {
		r.Number = entry
	}
	for _, tag := range m.Tags {
		if attempt, ok := strings.CutPrefix(string(tag), tagPrefix); ok {
			r.Attempt = attempt
		}
	}
	if len(m.Errors) > 0 {
		r.Code = string(m.Errors[0].Code)
	}
	var out []gateway.Fact
	for _, to := range m.To {
		state, known := states[string(to.Status)]
		if !known || to.Number == "" || r.Number == "" || !sms.Plausible(string(to.Number), r.Code) {
			continue
		}
		one := r
		one.Remote, one.State, one.Status = string(to.Number), state, string(to.Status)
		if state == gateway.DeliveryFailed {
			// Expired in Telnyx's own queue, or refused there: it never left. Another provider may try unless the
			// person or the text is the reason.
			one.Why, one.OptedOut = reported[r.Code], r.Code == "40300"
			one.SafeToResend = to.Status == "sending_failed" && (one.Why == "" || one.Why == channels.ProviderDown)
		}
		out = append(out, one.Facts()...)
	}
	return out
}
