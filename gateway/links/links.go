// Package links makes the signed links of Click2Talk and Click2Meet and says what is behind one. The pages at
// /talk/{token} and /meet/{token}, calls, meetings and mails are others' business.
//
//	link   created → expired | revoked (alone, with its campaign, or with the key that signed it)
//
// # Guarantees
//
// The journal is the only truth: [Store] is a fold over it. A link is given out when it is durable. A write is
// applied at once, so whoever wrote sees it; when the tail brings the same event again it changes nothing.
// Resolving changes nothing, however often and by whomever: mail scanners open links, run their scripts and
// submit their forms.
//
// A token names its key and its link and is signed; see token.go. The signature is proved first, in constant
// time, and costs no look-up, so guessing is cheap for us and hopeless for others. A genuine token whose link
// is no longer known is an expired one: links are forgotten when they expire.
//
// # Limits
//
// One call at a time and a few tries an hour for each link, see [Store.Allow]. They are counted in memory: a
// restart forgets tries, and calls that go on after it are counted anew when they come back. A public link,
// printed for everybody, has neither limit.
//
// A link takes about 200 bytes of memory. Everything has a bound: see check.go.
//
// # Concurrency
//
// Every method may be called from any goroutine. mu guards the links, usesMu the limits; neither is held
// during I/O and they never nest. Links are made one batch after the other (making), so that one key never
// makes two.
//
// Errors are *gateway.Error, those of Resolve and Allow also [ErrUnknown], [ErrExpired], [ErrRevoked] and
// [TooManyError]. Read next: mint.go, then fold.go.
package links

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
)

// Appender is the part of a journal that links need.
type Appender interface {
	Append(ctx context.Context, w journal.Write) (journal.Receipt, error)
}

var _ Appender = journal.Journal(nil)

// Options of New. Journal and Ring are needed.
type Options struct {
	Journal Appender
	Ring    *Ring
	Log     *slog.Logger

	// PublicURL is where links lead to: scheme and host.
	PublicURL string
	// TTL of links that say none; zero means 72 h.
	TTL time.Duration
	// TriesPerHour of one link; zero means 10.
	TriesPerHour int
	// Known reports whether a target exists; nil: all do.
	Known func(gateway.Target) bool
}

// Defaults.
const (
	DefaultTTL          = 72 * time.Hour
	DefaultTriesPerHour = 10
)

// Link is one link as it is known.
type Link struct {
	ID        gateway.LinkID      `json:"id"`
	To        gateway.Target      `json:"to"`
	Contact   gateway.LinkContact `json:"contact"`
	Subject   string              `json:"subject"`
	Language  string              `json:"language"` // BCP 47; "" unknown
	CreatedAt time.Time           `json:"created_at"`
	ExpiresAt time.Time           `json:"expires_at"`
	Campaign  string              `json:"campaign"` // of a mailing; "" for single ones
	Public    bool                `json:"public"`   // printed for everybody
	Revoked   bool                `json:"revoked"`
	As        *gateway.Identity   `json:"as,omitempty"` // whose conversation it joins
	Pos       uint64              `json:"-"`            // in the journal
	Key       int                 `json:"-"`            // that signed it
	By        string              `json:"by"`
	Meet      bool                `json:"meet"` // leads to a video meeting, else to a call
}

// Why a token leads nowhere. The page that says so stays friendly: the person did nothing wrong.
var (
	// ErrUnknown: not signed by us, or cut off on its way.
	ErrUnknown = &gateway.Error{Kind: gateway.NotFound, Msg: "this link is not one of ours, or a part of it is missing"}
	// ErrExpired: it was one.
	ErrExpired = &gateway.Error{Kind: gateway.Forbidden, Msg: "this link has expired"}
	// ErrRevoked: somebody has ended it.
	ErrRevoked = &gateway.Error{Kind: gateway.Forbidden, Msg: "this link was taken back"}
)

// Store is the fold of links.
type Store struct {
	// Static after New.
	o      Options
	making chan struct{} // semaphore of Mint and Public; never closed

	// Guarded by mu.
	mu        sync.RWMutex
	links     map[id]*record
	order     []*record   // by position
	waiting   journal.Pos // how many links had no place in the journal when they were made
	campaigns map[string]*campaign
	revoked   map[int]bool // keys
	public    map[gateway.Target]*record
	sweepAt   time.Time // when expired links are looked for next
	replayed  bool

	// Guarded by usesMu.
	usesMu    sync.Mutex
	uses      map[id]*use
	usesSweep int // size at which old ones are looked for
}

// New returns an empty store; the caller replays the journal into Apply and then calls Replayed.
func New(o Options) *Store {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.TTL = cmp.Or(o.TTL, DefaultTTL)
	o.TriesPerHour = cmp.Or(o.TriesPerHour, DefaultTriesPerHour)
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	return &Store{o: o, making: make(chan struct{}, 1), links: map[id]*record{}, campaigns: map[string]*campaign{},
		revoked: map[int]bool{}, public: map[gateway.Target]*record{}, uses: map[id]*use{}}
}

// Token is what the address of a link ends in; "" when its key is gone from the ring.
func (s *Store) Token(l Link) string {
	i, ok := parseID(l.ID)
	secret := s.o.Ring.secret(l.Key)
	if !ok || secret == nil {
		return ""
	}
	return sign(secret, uint16(l.Key), i).String()
}

// URL is the address of a link, 54 characters behind scheme and host.
func (s *Store) URL(l Link) string {
	if l.Meet {
		return s.o.PublicURL + "/meet/" + s.Token(l)
	}
	return s.o.PublicURL + "/talk/" + s.Token(l)
}

// Resolve says what is behind a token, and changes nothing. The error is ErrUnknown, ErrExpired or ErrRevoked,
// then with as much of the Link as is still known (its language, say), or Unavailable while the journal is
// being read.
func (s *Store) Resolve(token string, now time.Time) (Link, error) {
	t, ok := parseToken(token)
	if !ok {
		return Link{}, ErrUnknown
	}
	secret := s.o.Ring.secret(int(t.key))
	if secret == nil || !t.genuine(secret) {
		return Link{}, ErrUnknown
	}
	l, err := s.find(t.id, now)
	// A key that others may know proves nothing about links that it did not sign.
	if l.Key != 0 && l.Key != int(t.key) {
		return Link{}, ErrUnknown
	}
	return l, err
}

func errStarting() error {
	return gateway.Errorf(gateway.Unavailable, "the gateway is starting; try again in a moment")
}

// find returns a link that may be used now.
func (s *Store) find(i id, now time.Time) (Link, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.links[i]
	switch {
	case !s.replayed: // a revocation may be yet to come
		return Link{}, errStarting()
	case !ok:
		return Link{}, ErrExpired
	}
	l := s.linkLocked(r)
	switch {
	case !now.Before(l.ExpiresAt):
		return l, ErrExpired
	case l.Revoked:
		return l, ErrRevoked
	}
	return l, nil
}

// Get returns a link that has not expired; a revoked one too.
func (s *Store) Get(l gateway.LinkID) (Link, bool) {
	i, ok := parseID(l)
	if !ok {
		return Link{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.links[i]
	if !ok || r.over(time.Now()) {
		return Link{}, false
	}
	return s.linkLocked(r), true
}
