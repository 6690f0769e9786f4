// Package memory is a journal without a disk, for simulations and tests in virtual time. It passes the same
// conformance suite as the durable engines, but for surviving a crash.
package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"backline/gateway/journal"
)

// Journal implements journal.Journal. The zero value is not usable; see New.
type Journal struct {
	mu       sync.Mutex
	events   []journal.Event
	trimmed  journal.Pos
	versions map[string]uint64
	keys     map[string]journal.Receipt
	changed  chan struct{} // closed and replaced on every append
	closed   bool
	fail     func(journal.Write) error
}

// New returns an empty journal.
func New() *Journal {
	return &Journal{versions: map[string]uint64{}, keys: map[string]journal.Receipt{}, changed: make(chan struct{})}
}

var (
	_ journal.Journal  = (*Journal)(nil)
	_ journal.Importer = (*Journal)(nil)
)

// FailWith makes appends fail: fault is asked before each and its error is returned. nil ends it.
func (j *Journal) FailWith(fault func(journal.Write) error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = fault
}

// Append implements journal.Journal.
func (j *Journal) Append(ctx context.Context, w journal.Write) (journal.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return journal.Receipt{}, err
	}
	if err := journal.Check(w); err != nil {
		return journal.Receipt{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.Receipt{}, journal.ErrClosed
	}
	if j.fail != nil {
		if err := j.fail(w); err != nil {
			return journal.Receipt{}, err
		}
	}
	if r, known := j.keys[w.Key]; known && w.Key != "" {
		r.Dup = true
		return r, nil
	}
	if g := w.Guard; g != nil && !j.holds(g) {
		return journal.Receipt{}, &journal.Conflict{Stream: g.Stream, Want: g.Version, Have: j.versions[g.Stream], Guarded: true}
	}
	if have := j.versions[w.Stream]; w.Expect != journal.Any && w.Expect != have {
		return journal.Receipt{}, &journal.Conflict{Stream: w.Stream, Want: w.Expect, Have: have}
	}
	return j.write(w), nil
}

func (j *Journal) holds(g *journal.Guard) bool {
	by, known := j.keys[g.Key]
	return j.versions[g.Stream] == g.Version && (g.Key == "" || known && by.Version == g.Version)
}

func (j *Journal) write(w journal.Write) journal.Receipt {
	for i, e := range w.Events {
		j.versions[w.Stream]++
		e.Pos = j.trimmed + uint64(len(j.events)) + 1
		e.Stream, e.Version, e.Key = w.Stream, j.versions[w.Stream], ""
		e.At, e.Data = e.At.UTC().Truncate(time.Microsecond), slices.Clone(e.Data)
		if i == len(w.Events)-1 {
			e.Key = w.Key
		}
		j.events = append(j.events, e)
	}
	r := journal.Receipt{Pos: j.trimmed + uint64(len(j.events)), Version: j.versions[w.Stream]}
	if w.Key != "" {
		j.keys[w.Key] = r
	}
	close(j.changed)
	j.changed = make(chan struct{})
	return r
}

// Import implements journal.Importer.
func (j *Journal) Import(_ context.Context, events []journal.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	head := j.trimmed + uint64(len(j.events))
	for i, e := range events {
		if i == 0 && head == 0 {
			head = e.Pos - 1
		}
		if e.Pos != head+1+uint64(i) {
			return fmt.Errorf("%w: import: position %d follows %d", journal.ErrInvalid, e.Pos, head+uint64(i))
		}
	}
	if len(j.events) == 0 {
		j.trimmed = head
	}
	for _, e := range events {
		e.At, e.Data = e.At.UTC().Truncate(time.Microsecond), slices.Clone(e.Data)
		j.events = append(j.events, e)
		j.versions[e.Stream] = e.Version
		if e.Key != "" {
			j.keys[e.Key] = journal.Receipt{Pos: e.Pos, Version: e.Version}
		}
	}
	close(j.changed)
	j.changed = make(chan struct{})
	return nil
}

// Read implements journal.Journal.
func (j *Journal) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		j.mu.Lock()
		changed := j.changed
		switch {
		case j.closed:
			j.mu.Unlock()
			return nil, journal.ErrClosed
		case after < j.trimmed:
			j.mu.Unlock()
			return nil, journal.ErrTrimmed
		}
		if i := after - j.trimmed; i < uint64(len(j.events)) {
			out := slices.Clone(j.events[i:min(uint64(len(j.events)), i+uint64(limit))])
			j.mu.Unlock()
			return out, nil
		}
		j.mu.Unlock()
		if wait <= 0 {
			return nil, ctx.Err()
		}
		select {
		case <-changed:
		case <-timeout.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Bounds implements journal.Journal.
func (j *Journal) Bounds(context.Context) (trimmed, head journal.Pos, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return 0, 0, journal.ErrClosed
	}
	return j.trimmed, j.trimmed + uint64(len(j.events)), nil
}

// Trim implements journal.Journal.
func (j *Journal) Trim(_ context.Context, upTo journal.Pos) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	head := j.trimmed + uint64(len(j.events))
	if upTo = min(upTo, max(head, 1)-1); upTo > j.trimmed {
		j.events = slices.Clone(j.events[upTo-j.trimmed:])
		j.trimmed = upTo
	}
	return nil
}

// Close implements journal.Journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.closed = true
		close(j.changed)
	}
	return nil
}
