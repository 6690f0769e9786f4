package smstest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// TelnyxOptions of a stand-in. Client, OnChange and Log may be nil.
type TelnyxOptions struct {
	APIKey    string
	Key       ed25519.PrivateKey // signs webhooks
	Number    string             // the company's, at Telnyx
	Remote    string             // the customer's
	PublicURL string             // the gateway's; what the phone writes goes there
	Client    *http.Client
	OnChange  func()
	Log       *slog.Logger
}

// Telnyx stands in for the company of that name, for one account, one number and one phone.
type Telnyx struct {
	phone
	o       TelnyxOptions
	reports chan telnyxReport
	failing chan Fault
}

// telnyxReport is a webhook about a message, to be posted.
type telnyxReport struct {
	m      *Message
	to     string // address
	kind   string // event_type
	status string // of the recipient
	tags   []string
}

// NewTelnyx returns a stand-in.
func NewTelnyx(o TelnyxOptions) *Telnyx {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 15 * time.Second}
	}
	if o.OnChange == nil {
		o.OnChange = func() {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Telnyx{phone: phone{changed: o.OnChange}, o: o, reports: make(chan telnyxReport, 4*maxMessages), failing: make(chan Fault, 100)}
}

// PublicKey is what the gateway's configuration needs.
func (t *Telnyx) PublicKey() string {
	return base64.StdEncoding.EncodeToString(t.o.Key.Public().(ed25519.PublicKey))
}

// Fail makes the next call that sends a message end so.
func (t *Telnyx) Fail(f Fault) { t.failing <- f }

// Run posts reports until ctx ends.
func (t *Telnyx) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-t.reports:
			err := t.post(ctx, r.to, r.kind, map[string]any{"id": r.m.id, "direction": "outbound", "tags": r.tags, "errors": []any{},
				"from": number(t.o.Number, ""), "to": []any{number(t.o.Remote, r.status)}, "text": r.m.Text})
			if err != nil && ctx.Err() == nil {
				t.o.Log.Warn("a status report was not taken", "err", err)
			}
			t.mark(r.m, r.status)
		}
	}
}

func number(n, status string) map[string]any {
	return map[string]any{"phone_number": n, "status": status, "carrier": "", "line_type": "Wireless"}
}

// Say writes from the phone. It returns when the gateway has taken the message.
func (t *Telnyx) Say(ctx context.Context, text string) error {
	m := t.show(&Message{From: "customer", Text: text, Status: Sending, At: time.Now().UTC(), id: newID("")})
	err := t.post(ctx, strings.TrimSuffix(t.o.PublicURL, "/")+"/hooks/telnyx", "message.received", map[string]any{"id": m.id, "direction": "inbound",
		"from": number(t.o.Remote, ""), "to": []any{number(t.o.Number, "webhook_delivered")}, "text": text, "media": []any{}, "errors": []any{}})
	if err != nil {
		t.mark(m, Failed)
		return err
	}
	t.mark(m, Sent)
	return nil
}

// post delivers one signed event.
func (t *Telnyx) post(ctx context.Context, address, kind string, payload map[string]any) error {
	id := newID("e")
	return deliver(ctx, t.o.Client, func() (*http.Request, error) {
		now := time.Now().UTC()
		body, err := json.Marshal(map[string]any{"data": map[string]any{"record_type": "event", "id": id, "event_type": kind,
			"occurred_at": now.Format(time.RFC3339Nano), "payload": payload}, "meta": map[string]any{"attempt": 1, "delivered_to": address}})
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		stamp := strconv.FormatInt(now.Unix(), 10)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Telnyx-Timestamp", stamp)
		req.Header.Set("Telnyx-Signature-Ed25519", base64.StdEncoding.EncodeToString(ed25519.Sign(t.o.Key, append([]byte(stamp+"|"), body...))))
		return req, nil
	})
}

// ServeHTTP is Telnyx's API: POST /v2/messages.
func (t *Telnyx) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		From, To, Text string
		WebhookURL     string `json:"webhook_url"`
		Tags           []string
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in)
	var fault *Fault
	select {
	case next := <-t.failing:
		fault = &next
	default:
	}
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/v2/messages":
		telnyxError(w, http.StatusNotFound, "10005")
	case r.Header.Get("Authorization") != "Bearer "+t.o.APIKey:
		telnyxError(w, http.StatusUnauthorized, "10009")
	case fault != nil && fault.Status != 0:
		for name, values := range fault.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body) // the caller may have gone
	case err != nil || in.To != t.o.Remote || in.Text == "":
		telnyxError(w, http.StatusBadRequest, "10015")
	case in.From != t.o.Number:
		telnyxError(w, http.StatusBadRequest, "40013")
	case t.stopped():
		telnyxError(w, http.StatusBadRequest, "40300")
	default:
		t.take(w, in.Text, in.WebhookURL, in.Tags, fault != nil)
	}
}

// take shows a message on the phone and plans its reports; cut loses the answer.
func (t *Telnyx) take(w http.ResponseWriter, text, to string, tags []string, cut bool) {
	m := t.show(&Message{From: "company", Text: text, Status: Queued, At: time.Now().UTC(), id: newID("")})
	for kind, status := range map[string]string{"message.sent": "sent", "message.finalized": "delivered"} { // in any order, as Telnyx does
		select {
		case t.reports <- telnyxReport{m, to, kind, status, tags}:
		default: // nobody runs Run
		}
	}
	if cut {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"record_type": "message", "id": m.id, "text": text, "to": []any{number(t.o.Remote, "queued")}}})
}

func telnyxError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"errors": []any{map[string]any{"code": code, "title": "stand-in", "detail": "stand-in"}}})
}
