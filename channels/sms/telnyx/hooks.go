package telnyx

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
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
		ID        string    `json:"id"`
		EventType string    `json:"event_type"`
		At        time.Time `json:"occurred_at"`
		Payload   *message  `json:"payload"`
	} `json:"data"`
}

type message struct {
	ID     string    `json:"id"`
	From   address   `json:"from"`
	To     []address `json:"to"`
	Text   string    `json:"text"`
	Tags   []string  `json:"tags"`
	Errors []struct {
		Code string `json:"code"`
	} `json:"errors"`
	Media []struct {
		URL         string `json:"url"`
		ContentType string `json:"content_type"`
		Size        int64  `json:"size"`
	} `json:"media"`
}

type address struct {
	Number string `json:"phone_number"`
	Status string `json:"status"`
}

// parse turns a believed webhook into facts. The error is for what is no JSON of Telnyx's shape.
func (p *Provider) parse(body []byte) ([]gateway.Fact, error) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, &gateway.Error{Kind: gateway.Invalid, Msg: "the body is not the JSON of a Telnyx event", Err: err}
	}
	m := e.Data.Payload
	switch {
	case m == nil || m.ID == "":
		p.o.Log.Warn("a webhook names no message; kept as it came", "channel", gateway.ChannelSMS, "provider", p.Name())
		return []gateway.Fact{sms.Kept(p.Name(), e.Data.ID, "incomplete", body)}, nil
	case e.Data.EventType == "message.received":
		return p.inbound(e, body), nil
	case e.Data.EventType == "message.sent" || e.Data.EventType == "message.finalized":
		return p.reports(m), nil
	}
	return []gateway.Fact{sms.Kept(p.Name(), e.Data.ID, "unknown_event", body)}, nil
}

func (p *Provider) inbound(e event, body []byte) []gateway.Fact {
	m := e.Data.Payload
	i := slices.IndexFunc(m.To, func(a address) bool { return slices.Contains(p.o.Numbers, a.Number) })
	if m.From.Number == "" || i < 0 {
		p.o.Log.Warn("a message without sender, or to a number that no entry names; kept as it came", "channel", gateway.ChannelSMS, "provider", p.Name())
		return []gateway.Fact{sms.Kept(p.Name(), e.Data.ID, "unknown_number", body)}
	}
	in := sms.Incoming{Provider: p.Name(), ID: m.ID, From: m.From.Number, To: m.To[i].Number, Text: m.Text, At: e.Data.At}
	if in.At.IsZero() {
		in.At = p.o.Now().UTC()
	}
	for _, f := range m.Media[:min(len(m.Media), maxMedia)] {
		in.Attachments = append(in.Attachments, gateway.Attachment{URL: f.URL, Kind: sms.Kind(f.ContentType), ContentType: f.ContentType, SizeBytes: f.Size})
	}
	return in.Facts()
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

// reports are what a webhook says about each recipient of a message of ours.
func (p *Provider) reports(m *message) []gateway.Fact {
	r := sms.Report{Provider: p.Name(), ID: m.ID, Number: m.From.Number}
	for _, tag := range m.Tags {
		if attempt, ok := strings.CutPrefix(tag, tagPrefix); ok {
			r.Attempt = attempt
		}
	}
	if len(m.Errors) > 0 {
		r.Code = m.Errors[0].Code
	}
	var out []gateway.Fact
	for _, to := range m.To {
		state, known := states[to.Status]
		if !known || to.Number == "" || r.Number == "" {
			continue
		}
		one := r
		one.Remote, one.State, one.Status = to.Number, state, to.Status
		if state == gateway.DeliveryFailed {
			// Expired in Telnyx's own queue, or refused there: it never left. STOP is never a reason to try again.
			one.OptedOut = r.Code == "40300"
			one.SafeToResend = to.Status == "sending_failed" && !one.OptedOut
		}
		out = append(out, one.Facts()...)
	}
	return out
}
