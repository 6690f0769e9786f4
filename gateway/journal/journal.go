// Package journal is the contract of the one truth: a durable, totally ordered log of events, with a
// version per stream and an idempotency key per append.
//
// Append returns when the events are durable. Positions are dense: the first event has position 1 and a
// hole proves a loss. Concurrent appends share one fsync inside the engine; an error of one append never
// touches its neighbours. Read and [Tail] give events in order of position.
//
// Every method may be called from any goroutine. Read next: package journaltest, the promises as tests.
package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"
)

// Pos is a dense position: first event 1, no gaps.
type Pos = uint64

// Any as Write.Expect skips the version check.
const Any = ^uint64(0)

// Limits of one event. An append over a limit is refused with ErrInvalid, nothing is written.
const (
	MaxStreamBytes = 256
	MaxTypeBytes   = 64
	MaxKeyBytes    = 256
	MaxDataBytes   = 1 << 20
	MaxEvents      = 256 // per append
)

// Event is one record. Pos and Version (1, 2, … in its stream) are given by the journal.
type Event struct {
	Pos     Pos
	Stream  string
	Version uint64
	Type    string
	At      time.Time // UTC, stored with microseconds
	Key     string    // idempotency key of the append that wrote it, on its last event only
	Data    []byte    // JSON
}

// Guard is a precondition on another stream: its version, a fencing token.
//
// A journal that lost its last events in a fail-over gives versions away again, so two holders may have been told the
// same one. With Key the guard holds only if, besides, the append with this idempotency key was given Version: what
// another append brought to Version does not do, nor does a key that the journal has forgotten (see Journal.Append).
type Guard struct {
	Stream  string
	Version uint64
	Key     string // "": the version is enough
}

// Write is one append: all events go into one stream, all or nothing. Expect is the stream's version before
// the write (0: the stream is new) or Any. Of Events only Type, At and Data are read.
type Write struct {
	Stream string
	Expect uint64
	Key    string // "" = not idempotent
	Guard  *Guard
	Events []Event
}

// Receipt names the last event of the append. Dup: the key was known, this is the receipt of the first time. Pos and
// Version are 0 when the events are durable and their place is not known yet (package spool).
type Receipt struct {
	Pos     Pos
	Version uint64
	Dup     bool
}

// Journal is implemented by package sqlite (one node) and later by others.
type Journal interface {
	// Append checks key, guard, version, in this order, and writes. A key is known for two weeks at least, in
	// an engine that has a disk of its own for ever. Errors: *Conflict, ErrInvalid,
	// ErrFull (disk; nothing written, try later), ErrUnreachable (nothing written, try later), ErrUncertain (may be
	// in or not: repeat with the same key), ErrClosed, ctx.Err() (the write may still happen: repeat with the same
	// key).
	Append(ctx context.Context, w Write) (Receipt, error)

	// Read returns up to limit events after a position, in order. With wait > 0 it blocks that long for the
	// first one; no event is no error. Errors: ErrTrimmed (events after `after` are gone), ErrForked (the log is
	// not the one that was read up to `after`), ErrUnreachable (ask again), ErrClosed, ctx.Err(), or what is wrong
	// with the record.
	Read(ctx context.Context, after Pos, limit int, wait time.Duration) ([]Event, error)

	// Bounds returns the position up to which events were trimmed (0: none) and the last position.
	Bounds(ctx context.Context) (trimmed, head Pos, err error)

	// Trim drops events up to and including upTo, never the last event. Keys and versions outlive it.
	Trim(ctx context.Context, upTo Pos) error

	// Close stops taking appends, finishes those under way and releases the file.
	Close() error
}

// Sequencer is a journal that takes many appends in one go.
type Sequencer interface {
	// AppendInOrder appends one write after the other. It returns the receipts of those that are in, up to the first
	// that is not, and that one's error, as of Append. Writes behind it may be in or not: repeat from there with the
	// same keys.
	AppendInOrder(ctx context.Context, writes []Write) ([]Receipt, error)
}

// Importer restores events, with positions, versions and keys, into an empty journal.
type Importer interface {
	Import(ctx context.Context, events []Event) error
}

var (
	ErrInvalid   = errors.New("journal: invalid write")
	ErrFull      = errors.New("journal: disk is full")
	ErrUncertain = errors.New("journal: outcome uncertain")
	ErrTrimmed   = errors.New("journal: events were trimmed")
	ErrForked    = errors.New("journal: history forked")
	ErrClosed    = errors.New("journal: closed")

	// ErrUnreachable: the engine's server does not answer, is starting or is no primary just now. Nothing is known
	// of the record by it, and asking again is right. Read, Bounds and Trim may return it, and Append when nothing
	// was written.
	ErrUnreachable = errors.New("journal: cannot be reached just now")

	// ErrGone: the engine's server is there and has no journal, or another one than before. It comes with ErrUnreachable:
	// who has read from the journal must keep what it has and ask again, until somebody has brought the journal back.
	ErrGone = errors.New("journal: it is gone")
)

// Conflict: the stream is not at the expected version. Guarded: the guard's stream is meant; with Have as wanted it
// was not the guard's append that brought the stream there.
type Conflict struct {
	Stream     string
	Want, Have uint64
	Guarded    bool
}

func (c *Conflict) Error() string {
	if c.Guarded && c.Have == c.Want {
		return fmt.Sprintf("journal: %s was brought to version %d by another append", c.Stream, c.Have)
	}
	return fmt.Sprintf("journal: %s is at version %d, not %d", c.Stream, c.Have, c.Want)
}

// tailBatch bounds how many events one Read of a Tail returns.
const tailBatch = 1024

// Bounds of the pause after ErrUnreachable.
const (
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// Tail yields the events after a position, in order, for ever: it waits for new ones, and for a journal that cannot
// be reached. It ends with ctx's error, or with the journal's when that is final (ErrTrimmed, ErrForked, ErrClosed,
// a hole in the positions).
func Tail(ctx context.Context, j Journal, after Pos) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for pause := minPause; ; {
			events, err := j.Read(ctx, after, tailBatch, time.Minute)
			if errors.Is(err, ErrUnreachable) {
				select {
				case <-time.After(rand.N(pause)): // many wait for the same server
					pause = min(2*pause, maxPause)
					continue
				case <-ctx.Done():
					err = ctx.Err()
				}
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
			pause = minPause
			for _, e := range events {
				if e.Pos != after+1 {
					yield(Event{}, fmt.Errorf("%w: position %d follows %d", ErrForked, e.Pos, after))
					return
				}
				if !yield(e, nil) {
					return
				}
				after = e.Pos
			}
			if ctx.Err() != nil {
				yield(Event{}, ctx.Err())
				return
			}
		}
	}
}
