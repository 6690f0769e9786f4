// Package messenger joins Facebook pages to the gateway: webhooks in, the Send API out.
//
// # In
//
// Meta signs each webhook over its raw bytes and may put up to 1,000 events into one. The life of a webhook:
//
//	read (≤ 1 MiB) → signature → batch → facts, one event at a time → one Sink.Accept → 200
//
// An event that cannot be understood becomes a gateway.RawKept and loses no neighbour. So does one for a
// page that is not ours. The answer is 200 only when all facts are on disk; anything else makes Meta deliver
// again, and the keys of the facts, made of Meta's own ids and times, make the repetition harmless. Nothing
// is fetched while a webhook waits: Meta wants an answer within 5 s, and attachment URLs are not trusted.
//
// # Out
//
// A long text goes out in parts of at most 2,000 UTF-16 units, then each attachment by its URL. The last
// part carries our message id as metadata, so that its echo proves the whole message; earlier parts carry
// "ID#1/3". Meta knows no idempotency key and no way to ask what became of a call: an attempt without an
// answer stays uncertain until its echo comes, and there is no channels.Resolver.
//
// A text is a RESPONSE within 24 h of the person's last word; a human may answer up to 7 days with the tag
// HUMAN_AGENT; later the window is closed ([Window]).
//
// # In the background
//
// Meta unsubscribes an app whose webhook failed for an hour. Run looks every 10 min and subscribes again.
//
// # Secrets
//
// The page token travels in a header, never in a URL. No error and no log line holds a token, a proof, a
// name, an id of a person or a word of a message.
//
// A Channel is static after New and may be used from any goroutine.
// Read next: hook.go (receiving), send.go (sending), codes.go (Meta's errors), package messengertest.
package messenger

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"backline/channels"
	"backline/gateway"
)

// Defaults of Options.
const (
	DefaultGraphURL     = "https://graph.facebook.com"
	DefaultGraphVersion = "v25.0"
)

// Options of New. AppSecret, VerifyToken and PageToken are required.
type Options struct {
	Pages        []string // page ids that are ours; events of others are kept raw
	AppID        string   // tells our own echoes and our own threads from those of other apps
	AppSecret    string   // signs webhooks and calls
	VerifyToken  string   // what we chose when subscribing
	PageToken    string
	GraphURL     string // "" means DefaultGraphURL
	GraphVersion string // "" means DefaultGraphVersion

	HTTP *http.Client // nil means an own client with timeouts; redirects are never followed
	Log  *slog.Logger // nil means silence

	// OnRejected counts webhooks that were refused: signature, too_large, malformed. May be nil.
	OnRejected func(reason string)
}

// Channel is Messenger.
type Channel struct {
	o    Options
	http *http.Client
	log  *slog.Logger
}

var (
	_ channels.Channel   = (*Channel)(nil)
	_ channels.Webhooker = (*Channel)(nil)
	_ channels.Typist    = (*Channel)(nil)
	_ channels.Reader    = (*Channel)(nil)
	_ channels.Profiler  = (*Channel)(nil)
)

// New checks the options. It dials nothing.
func New(o Options) (*Channel, error) {
	for name, v := range map[string]string{"app secret": o.AppSecret, "verify token": o.VerifyToken, "page token": o.PageToken} {
		if v == "" {
			return nil, fmt.Errorf("messenger: no %s", name)
		}
	}
	if slices.Contains(o.Pages, "") {
		return nil, errors.New("messenger: an empty page id")
	}
	o.Pages = slices.Clone(o.Pages)
	o.GraphURL = strings.TrimRight(cmp.Or(o.GraphURL, DefaultGraphURL), "/")
	o.GraphVersion = cmp.Or(o.GraphVersion, DefaultGraphVersion)
	if u, err := url.Parse(o.GraphURL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" {
		return nil, errors.New("messenger: the Graph URL must be an http or https address")
	}
	if o.OnRejected == nil {
		o.OnRejected = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Channel{o: o, http: client(o.HTTP), log: o.Log.With("channel", gateway.ChannelMessenger)}, nil
}

// client follows no redirect: Graph answers without one, and our token goes to no other host.
func client(given *http.Client) *http.Client {
	c := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 25 * time.Second, // Meta fetches an attachment before it answers: 10 s
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       60 * time.Second,
		ForceAttemptHTTP2:     true,
	}}
	if given != nil {
		c = *given
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// Name is "messenger".
func (c *Channel) Name() string { return gateway.ChannelMessenger }
