// Package access knows who may in: agents and their passwords, sessions, API tokens and the one-time setup of
// the first administrator. It decides nothing about conversations.
//
//	session   opened → (seen …) → closed | expired: 12 h idle, 7 days in all
//	token     saved → revoked
//	setup     offered (24 h) → completed
//
// # Guarantees
//
// The journal is the only truth: [Store] is a fold over it and survives a restart by replay. A write is
// appended first and then applied at once, so whoever wrote sees it; when the tail brings the same event
// again, or late, it changes nothing, because each stream's version is remembered. What a person or a
// program holds (cookie, token, link) is 256 random bits and is kept as its SHA-256 only; passwords are
// kept as argon2id.
//
// An agent has 12 hours, not the 30 minutes of an office application: in an outage nobody may be thrown out
// in the middle of a shift. The idle limit is exact to [seenEvery], the interval in which it is written.
//
// # Concurrency and limits
//
// Every method may be called from any goroutine. mu guards the maps and is never held during I/O or hashing.
// At most 2 passwords are hashed at once (19 MiB and ~25 ms each); more wait, and give up with their context.
// Sign-in attempts are limited to 5 in 20 s per address and 20 in 5 min per account, before any hashing.
//
// Errors are *gateway.Error. A wrong password and an unknown account read alike.
// Read next: fold.go, then http.go.
package access

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/journal"
)

// Roles. A supervisor may do all that an agent may, and join colleagues' calls; an admin all that a supervisor may.
const (
	RoleAgent      = "agent"
	RoleSupervisor = "supervisor"
	RoleAdmin      = "admin"
)

// Times.
const (
	SessionIdle = 12 * time.Hour
	SessionMax  = 7 * 24 * time.Hour
	SetupTime   = 24 * time.Hour
	seenEvery   = 10 * time.Minute
)

// Appender is the part of a journal that access needs.
type Appender interface {
	Append(ctx context.Context, w journal.Write) (journal.Receipt, error)
}

var _ Appender = journal.Journal(nil)

// Options of New.
type Options struct {
	Journal Appender
	Log     *slog.Logger

	// PublicURL decides the cookie: over https it is __Host-backline and Secure; over plain http (loopback)
	// browsers refuse that, so it is backline without Secure.
	PublicURL string

	// SetupQueues are answered by the first administrator, when the configuration does not name the account:
	// a new gateway has nobody else.
	SetupQueues []gateway.QueueID

	// CatchUp waits, not for long, until what was in the journal a moment ago has been read: who signed in at another
	// node is not a stranger. nil: there is no other node.
	CatchUp func(context.Context)

	// DemoAgents may sign in with one click and no password. Only `backline demo` sets it.
	DemoAgents []gateway.AgentID
}

// Store is the fold of agents, sessions, tokens and setup.
type Store struct {
	// Static after New.
	o          Options
	hashing    chan struct{} // semaphore of running hashes; never closed
	perAddress *httpx.Limiter
	perAccount *httpx.Limiter
	crossSite  *http.CrossOriginProtection

	// Guarded by mu.
	mu       sync.RWMutex
	streams  map[string]mark
	agents   map[gateway.AgentID]gateway.AgentSaved
	sessions map[string]session
	tokens   map[string]gateway.TokenSaved
	setup    gateway.SetupOffered // Hash "" when no link is open
}

// mark is how much of a stream is folded in.
type mark struct {
	version uint64
	pos     journal.Pos
	ended   bool // nothing can follow but repetitions
}

// New returns an empty store; the caller replays the journal into Apply.
func New(o Options) *Store {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		o:          o,
		hashing:    make(chan struct{}, maxHashing),
		perAddress: httpx.NewLimiter(5, 20*time.Second, 5),
		perAccount: httpx.NewLimiter(20, 5*time.Minute, 20),
		crossSite:  http.NewCrossOriginProtection(),
		streams:    map[string]mark{},
		agents:     map[gateway.AgentID]gateway.AgentSaved{},
		sessions:   map[string]session{},
		tokens:     map[string]gateway.TokenSaved{},
	}
	s.crossSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpx.Problem(w, r, gateway.Errorf(gateway.Forbidden, "this request came from another website"))
	}))
	// The proxy before us may change Host; the browser's Origin is still ours. A bad URL trusts nobody.
	_ = s.crossSite.AddTrustedOrigin(strings.TrimSuffix(o.PublicURL, "/"))
	return s
}

// write appends one event and applies it.
func (s *Store) write(ctx context.Context, stream string, expect uint64, e gateway.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return &gateway.Error{Kind: gateway.Internal, Err: err}
	}
	je := journal.Event{Stream: stream, Type: e.EventType(), At: time.Now().UTC(), Data: data}
	r, err := s.o.Journal.Append(ctx, journal.Write{Stream: stream, Expect: expect, Events: []journal.Event{je}})
	if err != nil {
		return writeError(err)
	}
	je.Pos, je.Version = r.Pos, r.Version
	s.fold(je, e)
	return nil
}

func writeError(err error) error {
	if c, ok := errors.AsType[*journal.Conflict](err); ok {
		return &gateway.Error{Kind: gateway.Conflicting, Msg: "it was changed at the same moment; try again", Err: c}
	}
	return &gateway.Error{Kind: gateway.Unavailable, Msg: "the change could not be stored; try again in a moment", Err: err}
}
