// Package twilio carries text messages over Twilio: its webhooks in, its Messages resource out.
//
// A webhook is believed when its signature fits the address we are known by (PublicURL), never the Host header.
// It is answered when its facts are stored: 503 makes Twilio come again where the number's webhook says so
// (#rp=all), and a message that comes twice has the same MessageSid.
//
// Sending has no idempotency key at Twilio: a call whose answer is lost is Uncertain, and Find looks in the
// account's list before anybody sends again. Status reports carry our attempt in the address they are sent to,
// because they may overtake the answer to the call.
//
// Concurrency: all methods may be called from any goroutine.
// Sources: Twilio, Messaging webhooks; Security; Messages resource; Error and warning dictionary.
package twilio

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"backline/channels/sms"
)

// Options of a Provider. HTTP and OnRejected may be nil.
type Options struct {
	AccountSID          string
	AuthToken           string // signs webhooks, and our calls where APIKey is empty
	AuthTokenSecondary  string // accepted for webhooks too, while tokens are rotated
	APIKey, APISecret   string
	MessagingServiceSID string // sends instead of the number; with one entry all its numbers are that entry's
	APIURL              string // https://api.twilio.com
	PublicURL           string // where Twilio reaches us
	Numbers             sms.Numbers
	HTTP                *http.Client
	OnRejected          func(reason string)
	Log                 *slog.Logger
}

// Provider is one Twilio account.
type Provider struct {
	o    Options
	api  *url.URL
	http *http.Client
}

var (
	_ sms.Provider = (*Provider)(nil)
	_ sms.Finder   = (*Provider)(nil)
)

// callTimeout is for one call; Twilio answers within a second or two.
const callTimeout = 15 * time.Second

// New checks the options and returns a Provider.
func New(o Options) (*Provider, error) {
	api, err := url.Parse(o.APIURL)
	switch {
	case err != nil || api.Host == "":
		return nil, errors.New("twilio: the API's address is not a URL")
	case o.AccountSID == "" || o.AuthToken == "":
		return nil, errors.New("twilio: account_sid and auth_token are needed")
	}
	if o.OnRejected == nil {
		o.OnRejected = func(string) {}
	}
	p := &Provider{o: o, api: api, http: o.HTTP}
	if p.http == nil {
		p.http = &http.Client{Timeout: callTimeout}
	}
	// A redirected POST would lose its body; Twilio's API does not redirect.
	own := *p.http
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.http = &own
	return p, nil
}

// Name implements sms.Provider.
func (p *Provider) Name() string { return "twilio" }

// PrepareMedia implements sms.Provider. Twilio asks for basic authentication on all media; where it redirects
// to, nobody may see it.
func (p *Provider) PrepareMedia(req *http.Request) {
	ours := strings.TrimSuffix(p.api.Path, "/") + "/2010-04-01/Accounts/" + p.o.AccountSID + "/"
	if req.URL.Scheme == p.api.Scheme && req.URL.Host == p.api.Host && strings.HasPrefix(req.URL.Path, ours) {
		req.SetBasicAuth(p.credentials())
	}
}

func (p *Provider) credentials() (user, password string) {
	if p.o.APIKey != "" {
		return p.o.APIKey, p.o.APISecret
	}
	return p.o.AccountSID, p.o.AuthToken
}
