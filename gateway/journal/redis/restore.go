package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
)

// importGroup is how many events one script writes: the server does nothing else meanwhile.
const importGroup = 128

// Import implements journal.Importer: into an empty journal, keeping positions, versions and keys. Keys are known
// from now on for as long as if they had been written now. Import is for one caller, and nobody appends meanwhile.
func (j *Journal) Import(ctx context.Context, events []journal.Event) error {
	if j.isClosed() {
		return journal.ErrClosed
	}
	for i := 1; i < len(events); i++ {
		if events[i].Pos != events[i-1].Pos+1 {
			return fmt.Errorf("%w: import: position %d follows %d", journal.ErrInvalid, events[i].Pos, events[i-1].Pos)
		}
	}
	week := j.key.keys + strconv.FormatInt(weekOf(j.clock.now()), 10)
	for len(events) > 0 {
		n := min(len(events), importGroup)
		if err := j.importGroup(ctx, week, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (j *Journal) importGroup(ctx context.Context, week string, events []journal.Event) error {
	args := make([]any, 0, 1+7*len(events))
	args = append(args, int64(keyLife/time.Second))
	for _, e := range events {
		args = append(args, e.Pos, e.Stream, e.Version, e.Type, e.At.UnixMicro(), e.Key, e.Data)
	}
	got, err := j.confirmed(ctx, importScript, []string{j.key.log, j.key.versions, j.key.meta, week}, args...)
	if err != nil {
		return j.failure(ctx, "import", err)
	}
	if missing, _ := got.(int64); missing != 0 {
		return fmt.Errorf("%w: import: position %d follows %d", journal.ErrInvalid, events[0].Pos, missing-1)
	}
	return nil
}

// confirmed runs a script and waits for the replicas.
func (j *Journal) confirmed(ctx context.Context, s *goredis.Script, keys []string, args ...any) (any, error) {
	c, err := j.home(ctx)
	if err != nil {
		return nil, err
	}
	p := c.Pipeline()
	cmd := s.Eval(ctx, p, keys, args...)
	wait := j.wait(ctx, p)
	_, _ = p.Exec(ctx) // each command has its own error
	got, err := cmd.Result()
	if err == nil {
		err = j.short(ctx, wait)
	}
	return got, err
}

// Restore fills the journal, which must be empty, from an export ([journal.Export]). It is written beside the journal and
// takes its name as a whole: an import that fails or is killed leaves the journal empty, and a gateway that began to
// append meanwhile keeps what it wrote.
func (j *Journal) Restore(ctx context.Context, in io.Reader) error {
	beside := &Journal{opts: j.opts, optional: j.optional, clock: j.clock, client: j.client, reader: j.reader, key: namesOf(tagged(j.opts.Name) + "import:"), closed: j.closed}
	if err := beside.remove(ctx); err != nil { // what a killed one has left
		return err
	}
	if _, head, err := j.Bounds(ctx); err != nil || head != 0 {
		return errors.Join(err, notEmpty(head))
	}
	err := journal.ImportFrom(ctx, beside, in)
	if err == nil {
		err = j.adopt(ctx, beside)
	}
	if err != nil {
		return errors.Join(err, beside.remove(context.WithoutCancel(ctx)))
	}
	return nil
}

func notEmpty(head journal.Pos) error {
	if head == 0 {
		return nil
	}
	return fmt.Errorf("the journal is there already, up to position %d: import into an empty Redis or under another name", head)
}

// adopt makes the journal beside this one this one.
func (j *Journal) adopt(ctx context.Context, beside *Journal) error {
	now := j.clock.now()
	taken, err := j.confirmed(ctx, adoptScript, append(beside.all(now), j.all(now)...))
	if err != nil {
		return j.failure(ctx, "import", err)
	}
	if taken != "" {
		return fmt.Errorf("import: %v is there already: somebody appended meanwhile, and nothing was changed", taken)
	}
	return nil
}

func (j *Journal) remove(ctx context.Context) error {
	if err := j.client.Unlink(ctx, j.all(j.clock.now())...).Err(); err != nil {
		return j.failure(ctx, "import: remove a rest", err)
	}
	return nil
}

// all are the names of the keys that a journal can have.
func (j *Journal) all(now time.Time) []string {
	keys := []string{j.key.log, j.key.versions, j.key.meta}
	for i := range int64(keyLife/keyWeek) + 1 {
		keys = append(keys, j.key.keys+strconv.FormatInt(weekOf(now)-i, 10))
	}
	return keys
}
