package redis

import (
	"fmt"
	"sync"

	"backline/gateway/journal"
)

// origin is which journal this is: the chain of its first event.
type origin struct {
	mu    sync.Mutex
	known string // "": not yet
}

func (o *origin) get() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known
}

// gone is the error of a server that has the journal with this head and origin, which is empty in one that an earlier
// version began; nil: it is ours.
func (j *Journal) gone(head journal.Pos, have string) error {
	want := j.origin.get()
	switch {
	case want == "":
		return nil
	case head == 0:
		return fmt.Errorf("%w: %w: Redis has no %s any more", journal.ErrUnreachable, journal.ErrGone, j.key.log)
	case have != "" && have != want:
		return fmt.Errorf("%w: %w: Redis has another %s, which somebody has begun anew", journal.ErrUnreachable, journal.ErrGone, j.key.log)
	}
	return nil
}

// meet compares the first event of the log with what is known, and learns it where nothing is.
func (j *Journal) meet(first entry) error {
	if j.origin.get() == "" && j.opts.Learned != nil {
		if err := j.opts.Learned(first.chain); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
	}
	j.origin.mu.Lock()
	if j.origin.known == "" {
		j.origin.known = first.chain
	}
	j.origin.mu.Unlock()
	return j.gone(first.Pos, first.chain)
}
