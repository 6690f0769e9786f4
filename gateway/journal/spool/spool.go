// Package spool is the journal of one of several nodes: what the node accepts is durable in a local journal of its
// own before it is acknowledged, and is then brought to the shared journal, which orders it for all nodes.
//
//	Append without conditions → local journal (fsync) → accepted → shared journal, by key → seen in the tail → dropped
//	Append with Expect, Guard → shared journal
//	Read, Bounds, Trim        → shared journal
//
// An append without conditions is a fact: somebody wrote, a provider reported. It succeeds while the shared journal
// is away, slow or failing over; its receipt has position 0 when the position is not known by then. Facts are
// brought over in order of acceptance, each by its key (one is made where there is none), so that they can be brought
// twice and are there once. An append with a condition is a decision: it needs the shared journal, and fails while that
// is away.
//
// A shared journal that fails over can lose what it acknowledged (see package redis). So a fact counts as brought
// over only when this node's reader has seen it; until then it is brought again, and for Options.Keep after that it
// stays in the local journal, from where all of it is brought again at every Open. A reader that is ahead of the
// shared journal, or has read what is not in it any more, gets journal.ErrForked: who gets it must throw away what
// it has folded, and open everything anew. While the shared journal is away nothing is dropped: an empty server may be all
// that is left of it (journal.ErrGone), and somebody needs time to bring an export back.
//
// Read never fails because the shared journal is away: it waits, as for an event that has not been written. State
// tells since when.
//
// Concurrency: every method may be called from any goroutine. Two goroutines of its own, started by Open and ended
// by Close, bring facts over and drop old ones.
package spool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"backline/gateway/journal"
)

// Options of Open. Local and Dial are needed.
type Options struct {
	// Local keeps what this node has accepted. It belongs to the spool from now on.
	Local journal.Journal
	// Dial opens the shared journal. An error that is journal.ErrUnreachable is met by trying again, for ever.
	Dial func(context.Context) (journal.Journal, error)
	Log  *slog.Logger // nil: silent
	// OrderWait is how long an append waits to learn its position; default 200 ms. Nobody waits while the shared
	// journal is away, or so slow that somebody has waited in vain.
	OrderWait time.Duration
	// Keep is how long a fact that was seen in the shared journal stays in the local one; default 10 min. It must be
	// longer than a fail-over takes to be noticed.
	Keep time.Duration
	// Changed is called, by a goroutine of the spool or of a reader, when the shared journal went away or came back, and when
	// it turns out that it is gone (journal.ErrGone).
	// It must be quick. May be nil.
	Changed func(State)
}

// Times. Tests run them against a clock of their own (testing/synctest).
const (
	firstPause = 50 * time.Millisecond // between two tries to reach the shared journal; doubles
	lastPause  = time.Second
	unseenTime = 5 * time.Second // after which a fact that no reader has seen is brought again
	dropEvery  = 15 * time.Second
)

// State is how things stand between this node and the shared journal.
type State struct {
	Away    time.Time // since when the shared journal cannot be had; zero: it can
	Err     error     // why; journal.ErrGone: until somebody has brought it back
	Pending int       // facts that are accepted and not yet ordered
	Repeats uint64    // facts brought once more since Open, because no reader had seen them
}

// Journal implements journal.Journal.
type Journal struct {
	o      Options
	ctx    context.Context // of the goroutines
	cancel context.CancelFunc
	ended  sync.WaitGroup
	once   sync.Once
	err    error         // of Close; read after once
	dialed chan struct{} // closed when shared is set

	mu      sync.Mutex
	shared  journal.Journal // nil until dialed
	away    time.Time
	losses  uint64 // how often it could not be had
	why     error
	late    bool                                 // somebody waited in vain, and not all is ordered since
	waiters map[journal.Pos]chan journal.Receipt // capacity 1, by the local position of a fact's last event
	ordered *recent                              // receipts that nobody waited for yet
	upTo    journal.Pos                          // local position up to which facts are ordered
	moved   chan struct{}                        // closed, and another made, when upTo moves
	head    journal.Pos                          // local position of the last fact accepted
	unseen  map[string]fact                      // brought, not yet read, by key
	readTo  journal.Pos                          // shared position up to which events were read
	marks   []mark
	repeats uint64
}

// fact is where an append lies in the local journal.
type fact struct {
	first, last journal.Pos
	at          time.Time // when it was ordered; zero: it is on its way
}

// mark is how far facts were ordered at a time: what is old enough may go.
type mark struct {
	at   time.Time
	upTo journal.Pos
}

var _ journal.Journal = (*Journal)(nil)

// Open starts to bring over what the local journal holds. It fails when the shared journal answers and refuses; when
// that cannot be reached it goes on trying.
func Open(ctx context.Context, o Options) (*Journal, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OrderWait <= 0 {
		o.OrderWait = 200 * time.Millisecond
	}
	if o.Keep <= 0 {
		o.Keep = 10 * time.Minute
	}
	j := &Journal{o: o, dialed: make(chan struct{}), waiters: map[journal.Pos]chan journal.Receipt{}, ordered: newRecent(), unseen: map[string]fact{}, moved: make(chan struct{})}
	trimmed, head, err := o.Local.Bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	j.upTo, j.head = trimmed, head
	shared, err := o.Dial(ctx)
	switch {
	case err == nil:
		j.use(shared)
	case errors.Is(err, journal.ErrUnreachable):
		j.lost(err)
	default:
		return nil, err
	}
	j.ctx, j.cancel = context.WithCancel(context.WithoutCancel(ctx))
	j.ended.Go(j.carry)
	j.ended.Go(j.drop)
	return j, nil
}

func (j *Journal) use(shared journal.Journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shared = shared
	close(j.dialed)
}

// dial waits until there is a shared journal; false when the spool was closed first.
func (j *Journal) dial() bool {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		losses := j.lossesNow()
		if j.theShared() != nil {
			return true
		}
		shared, err := j.o.Dial(j.ctx)
		if err == nil {
			j.use(shared)
			j.found(losses)
			return true
		}
		j.lost(err)
		if !j.sleep(pause) {
			return false
		}
	}
}

// reachable is the shared journal, unless it is known to be away: nobody is to wait for what cannot come.
func (j *Journal) reachable() (journal.Journal, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.away.IsZero() {
		return nil, fmt.Errorf("%w: the shared journal is away: %w", journal.ErrUnreachable, j.why)
	}
	if j.shared == nil {
		return nil, fmt.Errorf("%w: the shared journal was not reached since the start", journal.ErrUnreachable)
	}
	return j.shared, nil
}

func (j *Journal) theShared() journal.Journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.shared
}

// sleep returns false when the spool was closed meanwhile.
func (j *Journal) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-j.ctx.Done():
		return false
	}
}

// Append implements journal.Journal. A receipt with position 0 is one of a fact that is durable here and not yet
// ordered.
func (j *Journal) Append(ctx context.Context, w journal.Write) (journal.Receipt, error) {
	if w.Guard != nil || w.Expect != journal.Any {
		shared, err := j.reachable()
		if err != nil {
			return journal.Receipt{}, fmt.Errorf("append: %w", err)
		}
		return shared.Append(ctx, w)
	}
	if w.Key == "" {
		w.Key = "spool/" + rand.Text()
	}
	here, err := j.o.Local.Append(ctx, w)
	if err != nil {
		return journal.Receipt{}, err
	}
	r := j.await(ctx, here.Pos)
	if here.Dup && r.Pos == 0 {
		r = j.first(ctx, w)
	}
	r.Dup = r.Dup || here.Dup
	return r, nil
}

// first asks the shared journal for the receipt of a fact that was brought over some time ago.
func (j *Journal) first(ctx context.Context, w journal.Write) journal.Receipt {
	j.mu.Lock()
	shared, wait := j.shared, j.away.IsZero() && !j.late
	j.mu.Unlock()
	if !wait {
		return journal.Receipt{}
	}
	ctx, cancel := context.WithTimeout(ctx, j.o.OrderWait)
	defer cancel()
	r, err := shared.Append(ctx, w)
	if err != nil {
		return journal.Receipt{} // it is durable here
	}
	return r
}

// Keep has what was appended to the shared journal, as a decision, brought there again should it get lost: it has become a fact,
// because somebody is about to act on it. The write is that of the decision without its conditions.
func (j *Journal) Keep(ctx context.Context, w journal.Write) error {
	w.Expect, w.Guard = journal.Any, nil
	r, err := j.o.Local.Append(ctx, w)
	if err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.head = max(j.head, r.Pos)
	return nil
}

// Ordered waits until all facts that were accepted before are in the shared journal. Who decides on one of them must not be
// there first.
func (j *Journal) Ordered(ctx context.Context) error {
	j.mu.Lock()
	want := j.head
	for j.upTo < want {
		moved := j.moved
		j.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-j.ctx.Done():
			return journal.ErrClosed
		}
		j.mu.Lock()
	}
	j.mu.Unlock()
	return nil
}

// await returns the receipt of the shared journal, or an empty one when that takes too long.
func (j *Journal) await(ctx context.Context, pos journal.Pos) journal.Receipt {
	j.mu.Lock()
	j.head = max(j.head, pos)
	if r, ok := j.ordered.get(pos); ok || pos <= j.upTo || !j.away.IsZero() || j.late {
		j.mu.Unlock()
		return r
	}
	ch := j.waiters[pos]
	if ch == nil {
		ch = make(chan journal.Receipt, 1)
		j.waiters[pos] = ch
	}
	j.mu.Unlock()
	t := time.NewTimer(j.o.OrderWait)
	defer t.Stop()
	select {
	case r := <-ch:
		ch <- r // somebody else may have appended the same
		return r
	case <-t.C:
	case <-ctx.Done():
	case <-j.ctx.Done():
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.waiters, pos)
	j.late = ctx.Err() == nil
	return journal.Receipt{}
}

// Read implements journal.Journal: it waits while the shared journal is away.
func (j *Journal) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	end := time.Now().Add(wait)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		losses := j.lossesNow()
		events, err := j.read(ctx, after, limit, max(time.Until(end), 0))
		if err == nil {
			if !j.behind() { // where facts wait, it is for the next of them to show that it can be had
				j.found(losses)
			}
			j.seen(events)
			return events, nil
		}
		if ctx.Err() != nil || final(err) {
			return nil, err
		}
		j.lost(err)
		if !time.Now().Add(pause).Before(end) {
			return nil, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (j *Journal) read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	if j.ctx.Err() != nil {
		return nil, journal.ErrClosed
	}
	if shared := j.theShared(); shared != nil {
		return shared.Read(ctx, after, limit, wait)
	}
	select {
	case <-j.dialed:
	case <-time.After(wait):
	case <-j.ctx.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, nil
}

// final tells what trying again does not mend.
func final(err error) bool {
	for _, e := range []error{journal.ErrForked, journal.ErrTrimmed, journal.ErrClosed, journal.ErrInvalid} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Bounds implements journal.Journal. ErrUnreachable while the shared journal is away.
func (j *Journal) Bounds(ctx context.Context) (trimmed, head journal.Pos, err error) {
	shared, err := j.reachable()
	if err != nil {
		return 0, 0, fmt.Errorf("bounds: %w", err)
	}
	return shared.Bounds(ctx)
}

// Trim implements journal.Journal.
func (j *Journal) Trim(ctx context.Context, upTo journal.Pos) error {
	shared, err := j.reachable()
	if err != nil {
		return fmt.Errorf("trim: %w", err)
	}
	return shared.Trim(ctx, upTo)
}

// Close implements journal.Journal. What is accepted and not yet ordered stays in the local journal for the next
// Open.
func (j *Journal) Close() error {
	j.once.Do(func() {
		j.cancel()
		shared := j.theShared()
		if shared != nil {
			j.err = shared.Close()
		}
		j.ended.Wait()
		j.err = errors.Join(j.err, j.o.Local.Close())
	})
	return j.err
}

// State tells how things stand.
func (j *Journal) State() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stateLocked()
}

func (j *Journal) stateLocked() State {
	return State{Away: j.away, Err: j.why, Pending: int(j.head - min(j.head, j.upTo)), Repeats: j.repeats}
}

// behind reports whether facts are not ordered yet.
func (j *Journal) behind() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stateLocked().Pending > 0
}

// lost and found note whether the shared journal can be had.
func (j *Journal) lost(err error) {
	j.mu.Lock()
	news := j.away.IsZero() || errors.Is(err, journal.ErrGone) != errors.Is(j.why, journal.ErrGone)
	j.losses++
	if j.away.IsZero() {
		j.away = time.Now()
	}
	j.why = err
	s := j.stateLocked()
	j.mu.Unlock()
	if news {
		j.o.Log.Error("the shared journal cannot be had; what customers and providers send is kept here, and nothing is routed until it is back", "err", err)
		j.tell(s)
	}
}

// lossesNow is to be asked before what found is told of.
func (j *Journal) lossesNow() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.losses
}

// found: something succeeded that was begun after so many losses. What was begun before the last one proves nothing.
func (j *Journal) found(losses uint64) {
	j.mu.Lock()
	if j.away.IsZero() || losses != j.losses {
		j.mu.Unlock()
		return
	}
	since := j.away
	j.away, j.why = time.Time{}, nil
	for i := range j.marks { // what was young when it went is young now: it may have been lost, and the reader is about to find out
		j.marks[i].at = j.marks[i].at.Add(time.Since(since))
	}
	s := j.stateLocked()
	j.mu.Unlock()
	j.o.Log.Info("the shared journal is back", "after", time.Since(since).Round(time.Millisecond), "pending", s.Pending)
	j.tell(s)
}

func (j *Journal) tell(s State) {
	if j.o.Changed != nil {
		j.o.Changed(s)
	}
}
