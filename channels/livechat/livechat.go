// Package livechat is the chat on a company's own website: the widget's socket, /ws/visitor, its uploads and
// what its loader asks for before anybody has pressed anything.
//
// A page says hello and gets a token, which is the visitor: 128 random bits, the day, and a MAC that binds
// both to the site. Nothing is kept about a visitor who does not write. From then on
//
//	hello → welcome, what was missed, status, ready → message ⇄ ack, item, typing, seen …
//
// A message is acknowledged when it is in the journal, never before; sent again under the same client_id it
// is the same message. What agents write reaches the page through the journal's tail, so Send has nothing to
// do: "sent" is true at once, "delivered" and "read" are what the page says.
//
// Concurrency: a socket has two goroutines, the reader (ServeHTTP's own) and the follower; both write under
// the socket's lock and both end when either fails. Close waits for all of them.
//
// The page of a signed link (Click2Talk) speaks the same: its hello names the link in place of a site, and it
// is the gateway's own page.
//
// Limits: see package wire; further one address holds a bounded number of sockets, and a visitor sends at
// most 20 messages in 10 s, 10 files, 600 pieces of voice messages and 30 lines of calls a minute. Read next: package wire, webclient/src/widget.
package livechat

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/wire"
)

// Feed is what the gateway tells visitors.
type Feed interface {
	// Follow emits what who has missed since after, a status and "ready", then what happens, until ctx ends
	// (nil), emit fails (its error) or the page is too slow (an error). emit is called by one goroutine.
	// language is that of the page, BCP 47, or "".
	Follow(ctx context.Context, who gateway.Identity, language string, after uint64, emit func(frame any) error) error
	// Status is the truth for somebody who has not written yet.
	Status(who gateway.Identity, language string) wire.Status
	// VisitorTyping tells the agents that who types.
	VisitorTyping(who gateway.Identity)
}

// Calls takes the calls of pages; see package calls.
type Calls interface {
	CustomerOffer(ctx context.Context, who gateway.Identity, call gateway.CallID, sdp string, restart bool) (answer string, err error)
	CustomerHangup(ctx context.Context, who gateway.Identity, call gateway.CallID) error
	CustomerConsent(ctx context.Context, who gateway.Identity, call gateway.CallID, agreed bool, language string) error
}

// Voice keeps voice messages that come in pieces; see package files. The key is the visitor's secret.
type Voice interface {
	// Have is how many bytes are on disk.
	Have(key string) (int64, error)
	// Add puts a piece at offset and returns how much is on disk now. A piece that does not begin at the end is
	// Conflicting.
	Add(key string, offset int64, piece []byte, limit int64) (int64, error)
	// Finish makes it a file. Said again it is the same file; a size that is not what is on disk is Conflicting.
	Finish(ctx context.Context, key, name, contentType string, size int64) (gateway.Attachment, error)
}

// Site is a website that shows the widget. Origins are those of its pages, "https://shop.example.org".
type Site struct {
	Name    string
	Origins []string
}

// Options of a Channel. OnRejected, Voice, Calls and Guest may be nil.
type Options struct {
	Sites      []Site
	Secret     []byte // ≥ 32 bytes; tokens live as long as it does
	OwnOrigin  string // of the gateway's own pages: allowed for every site
	Feed       Feed
	Company    wire.Company
	Save       func(ctx context.Context, name, contentType string, r io.Reader) (gateway.Attachment, error)
	File       func(ctx context.Context, id gateway.FileID) (gateway.Attachment, error)
	Voice      Voice // nil: no voice messages
	PerAddress int   // sockets one address (IPv6: /64) may hold
	OnRejected func(reason string)
	Calls      Calls // nil: no calls
	// Relays are the ways for a page whose call does not come up directly; nil: there are none.
	Relays func(call gateway.CallID, side string) []wire.ICEServer
	// Guest says who came by a link; nil: nobody does.
	Guest func(token string) (channels.Guest, error)
	Log   *slog.Logger
}

// Channel is the websites' chat.
type Channel struct {
	opts     Options
	upgrader websocket.Upgrader
	messages *httpx.Limiter
	uploads  *httpx.Limiter
	pieces   *httpx.Limiter
	offers   *httpx.Limiter

	// Guarded by mu.
	mu        sync.Mutex
	sockets   map[*socket]struct{}
	addresses map[string]int
	closed    bool
	wg        sync.WaitGroup
}

var (
	_ channels.Channel   = (*Channel)(nil)
	_ channels.Webhooker = (*Channel)(nil)
)

// New checks the options and returns a Channel; it starts nothing.
func New(o Options) (*Channel, error) {
	if len(o.Secret) < 32 {
		return nil, errors.New("livechat: the secret needs 32 bytes")
	}
	if o.OnRejected == nil {
		o.OnRejected = func(string) {}
	}
	if o.Relays == nil {
		o.Relays = func(gateway.CallID, string) []wire.ICEServer { return nil }
	}
	return &Channel{opts: o, sockets: map[*socket]struct{}{}, addresses: map[string]int{},
		messages: httpx.NewLimiter(20, 10*time.Second, 20), uploads: httpx.NewLimiter(10, time.Minute, 10),
		pieces: httpx.NewLimiter(600, time.Minute, 200),
		offers: httpx.NewLimiter(30, time.Minute, 15),
		// The origin is checked against the site, which only hello names.
		upgrader: websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 4 << 10, CheckOrigin: func(*http.Request) bool { return true }}}, nil
}

// Name implements channels.Channel.
func (c *Channel) Name() string { return gateway.ChannelLivechat }

// Send implements channels.Channel. The message is in the journal already, and the journal's tail is what
// pages follow: there is nobody else to hand it to.
func (c *Channel) Send(context.Context, channels.Outbound) (channels.Receipt, error) {
	return channels.Receipt{State: gateway.DeliverySent}, nil
}

// Run implements channels.Channel; the sockets' goroutines belong to the HTTP server and to Close.
func (c *Channel) Run(ctx context.Context, _ channels.Sink) error {
	<-ctx.Done()
	return nil
}

// Routes implements channels.Webhooker.
func (c *Channel) Routes(sink channels.Sink) map[string]http.Handler {
	return map[string]http.Handler{
		"GET /ws/visitor":    http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serveSocket(w, r, sink) }),
		"POST /w/files":      c.ofVisitor(c.upload),
		"OPTIONS /w/files":   http.HandlerFunc(c.preflight),
		"GET /w/site/{site}": http.HandlerFunc(c.site),

		"GET /w/voice/{clip}":     c.ofVisitor(c.voiceHas),
		"PUT /w/voice/{clip}":     c.ofVisitor(c.voicePiece),
		"POST /w/voice/{clip}":    c.ofVisitor(c.voiceDone),
		"OPTIONS /w/voice/{clip}": http.HandlerFunc(c.preflight),
	}
}

// linkSite is the site of pages of links, in tokens and uploads. No configured site can have this name.
const linkSite = "link:"

// knows reports whether there is such a site.
func (c *Channel) knows(site string) bool {
	return site == linkSite && c.opts.Guest != nil || slices.ContainsFunc(c.opts.Sites, func(s Site) bool { return s.Name == site })
}

// allowed reports whether a page of this origin may show the site's chat. What sends no Origin is no browser,
// and no page can hide behind it.
func (c *Channel) allowed(site, origin string) bool {
	if origin == "" || origin == c.opts.OwnOrigin {
		return true
	}
	for _, s := range c.opts.Sites {
		if s.Name == site && slices.Contains(s.Origins, origin) {
			return true
		}
	}
	return false
}

// Close tells every page to come back elsewhere or later, spread over time, and waits until all sockets have
// ended or ctx is over. No socket is accepted after it. Unless first is nil, another process takes over at once:
// pages come back to it, those of whom first is true, because they are in a call, before the others.
func (c *Channel) Close(ctx context.Context, first func(gateway.Identity) bool) {
	c.mu.Lock()
	c.closed = true
	open := make([]*socket, 0, len(c.sockets))
	for s := range c.sockets {
		open = append(open, s)
	}
	c.mu.Unlock()
	var farewells sync.WaitGroup
	for _, s := range open {
		farewells.Go(func() { s.bye(ctx, comeBack(len(open), first, s.who)) })
	}
	farewells.Wait()
	done := make(chan struct{})
	go func() { c.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		for _, s := range open {
			s.ws.Close()
		}
		<-done
	}
}

// returnsPerSecond is how many pages a second a restarted gateway should get back.
const returnsPerSecond = 500

// When pages come back: after a restart, which takes a moment, or to another process that is there.
const (
	restartPause  = 200 * time.Millisecond
	restartSpread = 2 * time.Second
	stayLeast     = 50 * time.Millisecond
)

// comeBack says to one of n pages when it should come back, and whether to the same place. They are spread over
// time.
func comeBack(n int, first func(gateway.Identity) bool, who gateway.Identity) wire.Bye {
	all := time.Duration(n) * time.Second / returnsPerSecond
	switch {
	case first == nil:
		return wire.Bye{RetryMS: int((restartPause + rand.N(max(restartSpread, all))).Milliseconds())}
	case first(who):
		return wire.Bye{RetryMS: int(rand.N(stayLeast).Milliseconds()), Stay: true}
	}
	return wire.Bye{RetryMS: int(rand.N(stayLeast + all).Milliseconds()), Stay: true}
}
