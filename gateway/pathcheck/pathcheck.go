// Package pathcheck proves from outside which ways lead to the gateway: a page, opened by somebody's phone with a
// one-time link, tries UDP, TCP and each relay, and what came of it is told to whoever made the link.
//
//	made → started (by the first page that opens it; no other may) → a result for each path → done
//	     ↘ over after [Lifetime], whatever happened
//
// A way is proved when the browser hears the music that the gateway sends over it, and the gateway sees the
// connection come by that way. What only one of the two says is not believed.
//
// Concurrency: all methods may be called from any goroutine; [Checks.Run] owns the one that ends what has been open
// for too long. Checks.mu is never held over a call to media.
//
// Limits: [MaxChecks] at once; one line for each path of a check, for [LineTime]. A link counts as used when a page
// asks to start, not when it is opened: scanners of mails and chats open links. Errors are *gateway.Error.
package pathcheck

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// Bounds.
const (
	Lifetime  = 15 * time.Minute
	LineTime  = 20 * time.Second // of one path's line
	MaxChecks = 20
	maxWords  = 300 // of what a page says, in bytes
)

// Path names a way to the gateway.
type Path string

// The ways there are, in the order in which a call tries them.
const (
	UDP     Path = "udp"      // directly
	TCP     Path = "tcp"      // ICE over TCP
	TurnUDP Path = "turn-udp" // by the relay
	TurnTCP Path = "turn-tcp"
	TurnTLS Path = "turn-tls"
)

// seenAs is what media calls a leg that came by a path.
func (p Path) seenAs() string {
	switch p {
	case UDP, TCP:
		return string(p)
	}
	return "relay"
}

// Media carries the lines; *media.Engine does.
type Media interface {
	Offer(ctx context.Context, key media.LegKey, sdp string, restart bool) (answer string, err error)
	Hear(call string, table media.Table)
	End(call string)
	Stats(call string) []media.Stats
}

// Options of Checks. Relays and End may be nil: then there are no relays.
type Options struct {
	Media  Media
	Relays func(call gateway.CallID, side string) []wire.ICEServer
	End    func(call string) // the relays' credentials are of no use any more
	Paths  []Path            // the ways that the configuration has
}

// Checks are those under way.
type Checks struct {
	opts Options

	mu  sync.Mutex
	all map[string]*check // by token; guarded by mu
}

// check is guarded by Checks.mu.
type check struct {
	token, key string
	expires    time.Time
	results    []Result
	done       bool
	news       chan struct{} // closed, and made anew, when there is something to tell
	lines      map[string]time.Time
}

// Result is what came of one path.
type Result struct {
	Path   Path   `json:"path"`
	OK     bool   `json:"ok"`
	MS     int    `json:"ms"`               // from the offer to the first sound
	Detail string `json:"detail,omitempty"` // why not; from the page, or ours
}

// New returns Checks; it starts nothing.
func New(o Options) *Checks {
	if o.Relays == nil {
		o.Relays = func(gateway.CallID, string) []wire.ICEServer { return nil }
	}
	if o.End == nil {
		o.End = func(string) {}
	}
	return &Checks{opts: o, all: map[string]*check{}}
}

// Make begins a check and returns the token of its link.
func (c *Checks) Make() (token string, expires time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= MaxChecks {
		return "", time.Time{}, gateway.Errorf(gateway.TooMany, "too many checks at once; each is over after %s", Lifetime)
	}
	k := &check{token: rand.Text(), expires: time.Now().Add(Lifetime), news: make(chan struct{}), lines: map[string]time.Time{}}
	c.all[k.token] = k
	return k.token, k.expires, nil
}

// Start is what the page needs; the first that asks gets it.
type Start struct {
	Key   string           `json:"key"`
	Paths []Path           `json:"paths"`
	ICE   []wire.ICEServer `json:"ice"`
}

// Start takes the link of a check.
func (c *Checks) Start(token string) (Start, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.all[token]
	switch {
	case k == nil:
		return Start{}, errOver()
	case k.key != "":
		return Start{}, gateway.Errorf(gateway.Conflicting, "this link has been used; each is good once")
	}
	k.key = rand.Text()
	k.tell()
	return Start{Key: k.key, Paths: c.opts.Paths, ICE: c.opts.Relays(gateway.CallID(callOf(token)), "check")}, nil
}

func errOver() error {
	return gateway.Errorf(gateway.NotFound, "this check is over; make a new link")
}

// callOf is the check as media and relays know it.
func callOf(token string) string { return "check-" + token }

func lineOf(token string, p Path) string { return callOf(token) + "-" + string(p) }

// Offer answers the page's line for one path.
func (c *Checks) Offer(ctx context.Context, token, key string, p Path, sdp string) (string, error) {
	line := lineOf(token, p)
	err := c.with(token, key, func(k *check) error {
		if !slices.Contains(c.opts.Paths, p) {
			return gateway.Errorf(gateway.Invalid, "there is no such way here")
		}
		if _, again := k.lines[line]; again {
			return gateway.Errorf(gateway.Conflicting, "this way is being tried already")
		}
		k.lines[line] = time.Now().Add(LineTime)
		return nil
	})
	if err != nil {
		return "", err
	}
	c.opts.Media.Hear(line, media.Table{media.Customer: {media.Music}})
	return c.opts.Media.Offer(ctx, media.LegKey{Call: line, Side: media.Customer}, sdp, false)
}

// with finds a check by what only its page knows.
func (c *Checks) with(token, key string, do func(*check) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.all[token]
	if k == nil || k.key == "" || k.key != key || k.done {
		return errOver()
	}
	return do(k)
}

// Report takes what the page found of a path, and ends its line. A success counts when we have seen it too.
func (c *Checks) Report(token, key string, r Result) error {
	line := lineOf(token, r.Path)
	if err := c.with(token, key, func(*check) error { return nil }); err != nil {
		return err
	}
	if len(r.Detail) > maxWords {
		r.Detail = r.Detail[:maxWords]
	}
	if r.OK && !c.seen(line, r.Path) {
		r.OK, r.Detail = false, "the page says it works, but the connection did not come by this way"
	}
	c.opts.Media.End(line)
	return c.with(token, key, func(k *check) error {
		if slices.ContainsFunc(k.results, func(o Result) bool { return o.Path == r.Path }) || !slices.Contains(c.opts.Paths, r.Path) {
			return nil // said again
		}
		k.results = append(k.results, r)
		k.done = len(k.results) == len(c.opts.Paths)
		k.tell()
		return nil
	})
}

// seen reports whether the gateway has the line connected by this way.
func (c *Checks) seen(line string, p Path) bool {
	return slices.ContainsFunc(c.opts.Media.Stats(line), func(s media.Stats) bool {
		return s.State == media.Connected && s.Path == p.seenAs() && s.Out.Packets > 0
	})
}

// tell wakes who waits. Callers hold Checks.mu.
func (k *check) tell() {
	close(k.news)
	k.news = make(chan struct{})
}

// State is a check as its maker sees it.
type State struct {
	Started bool     `json:"started"`
	Done    bool     `json:"done"`
	Over    bool     `json:"over"` // its time has passed
	Results []Result `json:"results"`
}

// Wait returns the state once it has more than n results, or when something happens, at the latest when ctx ends.
func (c *Checks) Wait(ctx context.Context, token string, n int) State {
	for waited := false; ; waited = true {
		c.mu.Lock()
		k := c.all[token]
		if k == nil {
			c.mu.Unlock()
			return State{Over: true}
		}
		s := State{Started: k.key != "", Done: k.done, Results: slices.Clone(k.results)}
		news := k.news
		c.mu.Unlock()
		if waited || len(s.Results) > n || s.Done {
			return s
		}
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
}

// Run ends what has been open for too long, until ctx ends.
func (c *Checks) Run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			c.sweep(now)
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Checks) sweep(now time.Time) {
	var lines, calls []string
	c.mu.Lock()
	for token, k := range c.all {
		over := !now.Before(k.expires)
		for line, until := range k.lines {
			if over || !until.IsZero() && !now.Before(until) {
				lines = append(lines, line)
				k.lines[line] = time.Time{}
			}
		}
		if over {
			calls = append(calls, callOf(token))
			delete(c.all, token)
			k.tell()
		}
	}
	c.mu.Unlock()
	for _, line := range lines {
		c.opts.Media.End(line)
	}
	for _, call := range calls {
		c.opts.End(call)
	}
}
