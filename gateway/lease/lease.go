// Package lease chooses the one of several nodes that decides: routes, calls providers, answers by itself.
//
// The lease is a stream of the journal. Who takes it appends gateway.LeaseTaken at the version it saw, so that one of
// several wins; that version, with the append's random key, is the fencing token: each decision is appended with it
// as its guard, and the journal refuses those of a node that has lost the lease without knowing. A node leads from
// the moment its own reader passes its own record: it has folded all that was decided before, and nothing can be
// decided by another after.
//
// Time decides only when somebody tries, never who is right: a node that was not heard for Patience loses the lease
// to whoever tries first; one that stops in order gives it back, and somebody takes it at once.
//
// A node that has lost the lease is told by ErrDeposed, which is final: what it had decided and not written is in its
// memory and nowhere else, so it must throw that away and begin anew.
package lease

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
)

// ErrDeposed: another node decides.
var ErrDeposed = errors.New("another node has taken the lease")

// Options of New. Append, Node, Alive and Lead are needed.
type Options struct {
	Append func(context.Context, journal.Write) (journal.Receipt, error)
	// Node is this process: NAME~RANDOM, as package bus has it. Two processes of one NAME never run at once, so an earlier one is known to be dead.
	Node string
	// Alive reports whether the process was heard of lately; known is false while nobody can tell, because this node
	// hears nobody.
	Alive func(node string) (alive, known bool)
	// Lead is called once, when this node begins to lead, by who calls Apply.
	Lead func()
	Log  *slog.Logger // nil: silent
	// Patience is how long the holder must be silent, as Alive sees it, before its lease is taken; default 1 s.
	Patience time.Duration
}

// Times.
const (
	// renewEvery is less than the time for which a journal knows a key: a guard whose key is forgotten holds no more.
	renewEvery  = 24 * time.Hour
	lookEvery   = 100 * time.Millisecond
	releaseTime = 2 * time.Second
)

// Lease is one node's view of who leads.
type Lease struct {
	o        Options
	replayed chan struct{} // closed by Replayed
	once     sync.Once
	lost     chan struct{} // closed when deposed

	mu      sync.Mutex
	version uint64
	holder  string // "": nobody
	token   string // the key of our own last try
	triedAt uint64 // the version it was made at
	leads   bool
	deposed bool
	since   time.Time // when our last record was read
	silent  time.Time // since when the holder is not heard; zero: it is
}

// New returns a view that has read nothing.
func New(o Options) *Lease {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience <= 0 {
		o.Patience = time.Second
	}
	return &Lease{o: o, replayed: make(chan struct{}), lost: make(chan struct{})}
}

// Apply takes one journal event, in order of position.
func (l *Lease) Apply(e journal.Event) {
	if e.Stream != gateway.LeaseStream {
		return
	}
	var taken gateway.LeaseTaken
	if e.Type == taken.EventType() {
		if err := json.Unmarshal(e.Data, &taken); err != nil {
			l.o.Log.Error("lease record not understood", "pos", e.Pos, "err", err)
		}
	}
	if l.apply(e, taken.Node) {
		l.o.Log.Info("this node decides", "lease", e.Version)
		l.o.Lead()
	}
}

// apply returns whether this node begins to lead. taken is "" for a lease that was given back.
func (l *Lease) apply(e journal.Event, taken string) (begins bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version, l.holder, l.silent = e.Version, taken, time.Time{}
	switch ours := taken != "" && e.Key == l.token; {
	case ours:
		begins, l.leads, l.since = !l.leads, true, time.Now()
		return begins
	case l.leads && taken != "":
		l.leads, l.deposed = false, true
		close(l.lost)
	case l.leads: // given back by ourselves
		l.leads = false
	}
	return false
}

// Replayed says that Apply has seen the journal up to the start.
func (l *Lease) Replayed() { l.once.Do(func() { close(l.replayed) }) }

// Guard returns the precondition of every decision; false when this node does not lead.
func (l *Lease) Guard() (journal.Guard, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return journal.Guard{Stream: gateway.LeaseStream, Version: l.version, Key: l.token}, l.leads
}

// Holder is the node that leads, "" when none does.
func (l *Lease) Holder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder
}

// Run takes the lease when it is free, and gives it back when ctx ends. ErrDeposed when it was lost.
func (l *Lease) Run(ctx context.Context) error {
	select {
	case <-l.replayed:
	case <-ctx.Done():
		return nil
	}
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.release(ctx)
		case <-l.lost:
			return ErrDeposed
		case <-t.C:
			if l.free(time.Now()) || l.old(time.Now()) {
				l.take(ctx)
			}
		}
	}
}

// free reports whether the lease may be tried for.
func (l *Lease) free(now time.Time) bool {
	l.mu.Lock()
	holder, done := l.holder, l.leads || l.deposed
	l.mu.Unlock()
	if done {
		return false
	}
	if name, _, _ := strings.Cut(l.o.Node, "~"); holder == "" || strings.HasPrefix(holder, name+"~") {
		return true
	}
	alive, known := l.o.Alive(holder)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case alive || !known || holder != l.holder:
		l.silent = time.Time{}
	case l.silent.IsZero():
		l.silent = now
	}
	return !l.silent.IsZero() && now.Sub(l.silent) >= l.o.Patience
}

// old reports whether our lease is to be renewed.
func (l *Lease) old(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leads && now.Sub(l.since) >= renewEvery
}

func (l *Lease) take(ctx context.Context) {
	l.mu.Lock()
	version, holder := l.version, l.holder
	if l.token == "" || l.triedAt != version { // else the same try again, which may be in and not yet read
		l.token, l.triedAt = "lease/"+rand.Text(), version
	}
	token := l.token
	l.mu.Unlock()
	_, err := l.append(ctx, version, token, gateway.LeaseTaken{Node: l.o.Node})
	if c, ok := errors.AsType[*journal.Conflict](err); ok {
		l.o.Log.Debug("another node was faster to take the lease", "version", c.Have)
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			l.o.Log.Warn("the lease cannot be taken; trying again", "err", err)
		}
		return
	}
	l.o.Log.Info("lease taken", "from", holder)
}

func (l *Lease) append(ctx context.Context, expect uint64, key string, e gateway.Event) (journal.Receipt, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return journal.Receipt{}, err
	}
	return l.o.Append(ctx, journal.Write{Stream: gateway.LeaseStream, Expect: expect, Key: key,
		Events: []journal.Event{{Type: e.EventType(), At: time.Now().UTC(), Data: data}}})
}

// release gives the lease back, so that nobody needs to wait for our silence.
func (l *Lease) release(ctx context.Context) error {
	l.mu.Lock()
	leads, version := l.leads, l.version
	l.leads = false
	l.mu.Unlock()
	if !leads {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if _, err := l.append(ctx, version, "lease/"+rand.Text(), gateway.LeaseReleased{Node: l.o.Node}); err != nil {
		l.o.Log.Warn("the lease was not given back; the others take it when they miss this node", "err", fmt.Errorf("append: %w", err))
	}
	return nil
}
