// Package telnyx carries text messages over Telnyx, by plain HTTP: its webhooks in, its v2 messages out.
//
// A webhook is believed when its Ed25519 signature fits the raw body and its time is within five minutes.
// Telnyx waits two seconds for the answer and tries three times, so facts are stored first and everything
// else comes later. What names our attempt is a tag, which is part of what is signed.
//
// There is no look-up by our own key: a call whose answer is lost stays uncertain until a report comes.
// Concurrency: all methods may be called from any goroutine.
// Sources: Telnyx, Receiving webhooks; Messages; API errors; Messaging error codes; Rate limiting.
package telnyx

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backline/channels"
	"backline/channels/sms"
)

// Options of a Provider. HTTP, OnRejected and Now may be nil.
type Options struct {
	APIKey             string
	PublicKey          string // base64, 32 bytes
	MessagingProfileID string // sends instead of the number
	APIURL             string // https://api.telnyx.com
	PublicURL          string // where Telnyx reaches us
	Numbers            sms.Numbers
	HTTP               *http.Client
	OnRejected         func(reason string)
	Log                *slog.Logger
	Now                func() time.Time // for signed fixtures
}

// Provider is one Telnyx account.
type Provider struct {
	o    Options
	key  ed25519.PublicKey
	http *http.Client
}

var _ sms.Provider = (*Provider)(nil)

const (
	callTimeout    = 15 * time.Second
	maxAnswerBytes = 256 << 10
)

// New checks the options and returns a Provider.
func New(o Options) (*Provider, error) {
	key, err := base64.StdEncoding.DecodeString(o.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("telnyx: public_key is not base64 of 32 bytes")
	}
	if u, err := url.Parse(o.APIURL); err != nil || u.Host == "" || o.APIKey == "" {
		return nil, errors.New("telnyx: api_key and api_url are needed")
	}
	if o.OnRejected == nil {
		o.OnRejected = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Provider{o: o, key: key, http: o.HTTP}
	if p.http == nil {
		p.http = &http.Client{Timeout: callTimeout}
	}
	own := *p.http
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.http = &own
	return p, nil
}

// Name implements sms.Provider.
func (p *Provider) Name() string { return "telnyx" }

// PrepareMedia implements sms.Provider: Telnyx's media need no credentials; their addresses expire.
func (p *Provider) PrepareMedia(*http.Request) {}

// request is the body of POST /v2/messages.
type request struct {
	From               string   `json:"from,omitempty"`
	MessagingProfileID string   `json:"messaging_profile_id,omitempty"`
	To                 string   `json:"to"`
	Text               string   `json:"text,omitempty"`
	MediaURLs          []string `json:"media_urls,omitempty"`
	WebhookURL         string   `json:"webhook_url"`
	UseProfileWebhooks bool     `json:"use_profile_webhooks"`
	Encoding           string   `json:"encoding"`
	Tags               []string `json:"tags"`
}

// tagPrefix stands before the attempt's name in a tag.
const tagPrefix = "backline:"

// Send implements sms.Provider.
func (p *Provider) Send(ctx context.Context, m sms.Outgoing) (string, error) {
	body, err := json.Marshal(request{From: p.o.Numbers.Own(m.From), MessagingProfileID: p.o.MessagingProfileID, To: m.To, Text: m.Text, MediaURLs: m.Media,
		WebhookURL: strings.TrimSuffix(p.o.PublicURL, "/") + "/hooks/telnyx", Encoding: "auto", Tags: []string{tagPrefix + m.Attempt}})
	if err != nil {
		return "", &channels.SendError{Code: channels.Rejected, Reason: "request", Err: err}
	}
	line := new(sms.Line)
	req, err := http.NewRequestWithContext(line.Watch(ctx), http.MethodPost, strings.TrimSuffix(p.o.APIURL, "/")+"/v2/messages", bytes.NewReader(body))
	if err != nil {
		return "", &channels.SendError{Code: channels.Rejected, Reason: "request", Err: sms.Bare(err)}
	}
	req.Header.Set("Authorization", "Bearer "+p.o.APIKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.http.Do(req)
	if err != nil {
		return "", line.Lost(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if resp.StatusCode/100 != 2 {
		return "", refused(resp, answer)
	}
	var out struct{ Data struct{ ID string } }
	if err != nil || json.Unmarshal(answer, &out) != nil || out.Data.ID == "" {
		return "", &channels.SendError{Code: channels.Uncertain, Reason: "answer", Err: errors.New("telnyx's answer names no message")}
	}
	return out.Data.ID, nil
}

// codes are Telnyx's API errors as the outbox must take them; those that are missing blame the request.
var codes = map[string]channels.Code{
	"10007": channels.Temporary,
	"10008": channels.Temporary,
	"10009": channels.ProviderDown, // authentication
	"10010": channels.ProviderDown, // authorization
	"10011": channels.Throttled,
	"40300": channels.OptedOut, // blocked by STOP
	"40012": channels.Unreachable,
	"40013": channels.ProviderDown, // our number cannot send here
}

// refused judges an answer that is not 2xx, by Telnyx's code first.
func refused(resp *http.Response, answer []byte) *channels.SendError {
	var body struct{ Errors []struct{ Code string } }
	e := &channels.SendError{Reason: "http/" + strconv.Itoa(resp.StatusCode), Err: fmt.Errorf("telnyx answered %d", resp.StatusCode)}
	isTelnyx := json.Unmarshal(answer, &body) == nil && len(body.Errors) > 0 && body.Errors[0].Code != ""
	code, known := channels.Code(""), false
	if isTelnyx {
		e.Reason = body.Errors[0].Code
		code, known = codes[body.Errors[0].Code]
	}
	switch {
	case known:
		e.Code = code
	case resp.StatusCode == http.StatusTooManyRequests:
		e.Code = channels.Throttled
	case resp.StatusCode >= 500:
		e.Code = channels.Uncertain
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		e.Code = channels.ProviderDown
	case isTelnyx:
		e.Code = channels.Rejected
	default:
		e.Code = channels.Temporary // a proxy's voice
	}
	if e.Code == channels.Throttled {
		for _, name := range []string{"X-Ratelimit-Reset", "Retry-After"} {
			if n, err := strconv.Atoi(resp.Header.Get(name)); err == nil && n > 0 {
				e.RetryAfter = min(time.Duration(n)*time.Second, 24*time.Hour)
				break
			}
		}
	}
	return e
}
