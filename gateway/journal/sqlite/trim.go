package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"backline/gateway/journal"
)

// Trim implements journal.Journal. It works in chunks; after an error or a cancelled ctx the chunks done stay
// done.
func (j *Journal) Trim(ctx context.Context, upTo journal.Pos) error {
	for {
		var more bool
		err := j.do(ctx, func(w *writer) (err error) {
			more, err = w.trim(upTo)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// do runs a task on the writer's connection.
func (j *Journal) do(ctx context.Context, task func(*writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{task: task, done: make(chan struct{})}
	if err := j.submit(ctx, r); err != nil {
		return err
	}
	select { // not ctx: the task writes to its caller's variables
	case <-r.done:
		return r.err
	case <-j.ended:
	}
	select {
	case <-r.done:
		return r.err
	default:
		return journal.ErrClosed
	}
}

// trim removes one chunk and remembers the checksum that the next row is chained to.
func (w *writer) trim(upTo journal.Pos) (more bool, err error) {
	j := w.j
	j.mu.Lock()
	head, trimmed := j.head, j.trimmed
	j.mu.Unlock()
	upTo = min(upTo, max(head, 1)-1)
	if upTo <= trimmed {
		return false, nil
	}
	end := min(upTo, trimmed+trimChunk)
	_, err = w.transact(func() error {
		at := driver.NamedValue{Ordinal: 1, Value: int64(end)}
		if err := w.exec("UPDATE trims SET (pos,sum) = (SELECT pos,sum FROM events WHERE pos=?)", at); err != nil {
			return err
		}
		return w.exec("DELETE FROM events WHERE pos<=?", at)
	})
	if err != nil {
		return false, fmt.Errorf("trim up to %d: %w", end, err)
	}
	j.mu.Lock()
	j.trimmed = end
	j.mu.Unlock()
	return end < upTo, nil
}
