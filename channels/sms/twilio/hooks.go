package twilio

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"backline/channels"
	"backline/channels/sms"
	"backline/gateway"
	"backline/gateway/httpx"
)

const (
	maxBodyBytes = 1 << 20
	maxMedia     = 10 // Twilio's own limit
)

// handler turns a believed webhook's parameters into facts; none means there is nothing to store.
type handler func(params url.Values, query url.Values, body []byte) []gateway.Fact

// Routes implements sms.Provider. Twilio may be set to GET.
func (p *Provider) Routes(sink channels.Sink) map[string]http.Handler {
	inbound := p.hook(sink, p.inbound, func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Response></Response>`) // no automatic answer; Twilio left: it has been stored
	})
	status := p.hook(sink, p.status, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
	return map[string]http.Handler{
		"GET /hooks/twilio/sms": inbound, "POST /hooks/twilio/sms": inbound,
		"GET /hooks/twilio/status": status, "POST /hooks/twilio/status": status,
	}
}

func (p *Provider) hook(sink channels.Sink, read handler, answer func(http.ResponseWriter)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := httpx.ReadBody(w, r, maxBodyBytes)
		if err != nil {
			if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind == gateway.TooLarge {
				p.o.OnRejected("too_large")
			}
			httpx.Problem(w, r, err)
			return
		}
		params, ok := p.signed(r, body)
		if account := params.Get("AccountSid"); !ok || account != "" && account != p.o.AccountSID {
			p.o.OnRejected("signature")
			httpx.Problem(w, r, gateway.Errorf(gateway.Forbidden, "the signature does not fit; is public_url the address that Twilio calls?"))
			return
		}
		if r.Method == http.MethodGet {
			body = []byte(r.URL.RawQuery) // what is kept as it came
		}
		if facts := read(params, r.URL.Query(), body); len(facts) > 0 {
			if err := sink.Accept(r.Context(), facts...); err != nil {
				httpx.Problem(w, r, err)
				return
			}
		}
		answer(w)
	})
}

// first returns the first parameter of these names that has a value.
func first(params url.Values, names ...string) string {
	for _, name := range names {
		if v := params.Get(name); v != "" {
			return v
		}
	}
	return ""
}

// inbound reads a message of a customer.
func (p *Provider) inbound(params, _ url.Values, body []byte) []gateway.Fact {
	in := sms.Incoming{Provider: p.Name(), ID: first(params, "MessageSid", "SmsSid", "SmsMessageSid"), From: params.Get("From"),
		To: params.Get("To"), Text: params.Get("Body"), Consent: params.Get("OptOutType"), Attachments: media(params), At: time.Now().UTC()}
	entry, known := p.o.Numbers.Entry(in.To)
	if service := params.Get("MessagingServiceSid"); !known && service != "" && service == p.o.MessagingServiceSID {
		entry, known = p.o.Numbers.Only() // the service sent from a number of its own, and there it was answered
	}
	switch {
	case in.ID == "" || in.From == "" || in.To == "" || !sms.Plausible(in.ID, in.From):
		p.o.Log.Warn("a webhook names no message; kept as it came", "channel", gateway.ChannelSMS, "provider", p.Name())
		return []gateway.Fact{sms.Kept(p.Name(), in.ID, "incomplete", body)}
	case !known:
		p.o.Log.Warn("a message to a number that no entry names; kept as it came", "channel", gateway.ChannelSMS, "provider", p.Name())
		return []gateway.Fact{sms.Kept(p.Name(), in.ID, "unknown_number", body)}
	}
	in.To = entry
	return in.Facts()
}

// media reads MediaUrl0 …; NumMedia is a number that anybody may have written.
func media(params url.Values) []gateway.Attachment {
	n, err := strconv.Atoi(params.Get("NumMedia"))
	if err != nil || n < 0 {
		return nil
	}
	var out []gateway.Attachment
	for i := range min(n, maxMedia) {
		address := params.Get("MediaUrl" + strconv.Itoa(i))
		if address == "" {
			continue
		}
		out = append(out, sms.Media(address, params.Get("MediaContentType"+strconv.Itoa(i)), 0))
	}
	return out
}

// states of a message. What is not here (queued, sending, a word to come) changes nothing.
// Source: Twilio, MessageStatus.
var states = map[string]gateway.Delivery{
	"sent":        gateway.DeliverySent,
	"delivered":   gateway.DeliveryDelivered,
	"read":        gateway.DeliveryRead,
	"undelivered": gateway.DeliveryFailed,
	"failed":      gateway.DeliveryFailed,
	"canceled":    gateway.DeliveryFailed,
}

// status reads a report on a message of ours. Its address, which is signed too, names our attempt and our
// number: through a Messaging Service, From is the one that the service chose.
func (p *Provider) status(params, query url.Values, body []byte) []gateway.Fact {
	status := first(params, "MessageStatus", "SmsStatus")
	r := sms.Report{Provider: p.Name(), ID: first(params, "MessageSid", "SmsSid"), Attempt: query.Get("attempt"), Number: query.Get("number"),
		Remote: params.Get("To"), Code: params.Get("ErrorCode"), Status: status}
	if r.Number == "" {
		r.Number = params.Get("From")
		if entry, ok := p.o.Numbers.Entry(r.Number); ok {
			r.Number = entry
		}
	}
	var known bool
	if r.State, known = states[status]; !known {
		return nil
	}
	if r.ID == "" || r.Remote == "" || r.Number == "" || !sms.Plausible(r.ID, r.Remote, r.Number, r.Code) {
		return []gateway.Fact{sms.Kept(p.Name(), r.ID, "status", body)}
	}
	if r.Code == "0" {
		r.Code = ""
	}
	if r.State == gateway.DeliveryFailed {
		r.Why, r.SafeToResend, r.OptedOut = reported[r.Code], neverSent[r.Code], r.Code == "21610"
	}
	return r.Facts()
}
