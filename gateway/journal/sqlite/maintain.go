package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"backline/gateway/journal"
)

// Import implements journal.Importer: into an empty journal, keeping positions, versions and keys.
func (j *Journal) Import(ctx context.Context, events []journal.Event) error {
	for len(events) > 0 {
		n := min(len(events), maxBatch)
		if err := j.importBatch(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (j *Journal) importBatch(ctx context.Context, events []journal.Event) error {
	return j.do(ctx, func(w *writer) error {
		p := newPlan(w, nil)
		empty := p.head == 0
		for _, e := range events {
			if !empty || p.head != 0 {
				if e.Pos != p.head+1 {
					return fmt.Errorf("%w: import: position %d follows %d", journal.ErrInvalid, e.Pos, p.head)
				}
			}
			p.add(e)
		}
		took, err := w.transact(func() error {
			if empty && len(events) > 0 {
				first := driver.NamedValue{Ordinal: 1, Value: int64(events[0].Pos) - 1}
				if err := w.exec("UPDATE trims SET pos=?, sum=0", first); err != nil {
					return err
				}
			}
			return p.store()
		})
		if err != nil {
			return err
		}
		if empty && len(events) > 0 {
			j.mu.Lock()
			j.trimmed = events[0].Pos - 1
			j.mu.Unlock()
		}
		p.publish(took)
		return nil
	})
}

// Restore makes the journal at path from an export ([journal.Export]). The file bears its name only when all of it is
// there and on the disk; what goes wrong leaves none.
func Restore(ctx context.Context, path string, in io.Reader) error {
	lock, err := lockFile(path + ".lock") // nobody opens it meanwhile
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s is there already: import into an empty folder", path)
	}
	part := path + ".part"
	discard(part)
	j, err := Open(ctx, part, Options{})
	if err == nil {
		err = errors.Join(journal.ImportFrom(ctx, j, in), j.Close())
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		discard(part)
		return errors.Join(err, os.Remove(path+".lock"))
	}
	_ = os.Remove(part + ".lock") // empty, and in nobody's way
	return syncDir(filepath.Dir(path))
}

// discard removes what an import has left. A rest is found by the next one.
func discard(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		_ = os.Remove(path + suffix)
	}
}
