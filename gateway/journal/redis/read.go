package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
)

// readBlock is the longest blocking read: the server does not notice that nobody waits for its answer any more.
const readBlock = time.Second

// Read implements journal.Journal. ErrForked also when after is beyond the head: the log lost what was read from it.
func (j *Journal) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	for end := time.Now().Add(wait); ; {
		events, err := j.read(ctx, after, limit, min(time.Until(end), readBlock))
		if err != nil || len(events) > 0 {
			return events, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if wait <= 0 || !time.Now().Before(end) {
			return nil, nil
		}
	}
}

func (j *Journal) read(ctx context.Context, after journal.Pos, limit int, block time.Duration) ([]journal.Event, error) {
	if j.isClosed() {
		return nil, journal.ErrClosed
	}
	if limit <= 0 {
		return nil, nil
	}
	if block < time.Millisecond {
		block = -1 // 0 would be for ever
	}
	got, err := j.reader.XRead(ctx, &goredis.XReadArgs{Streams: []string{j.key.log, entryID(after)}, Count: int64(limit), Block: block}).Result()
	switch {
	case errors.Is(err, goredis.Nil):
		return nil, j.beyond(ctx, after)
	case err != nil:
		return nil, j.failure("read journal", err)
	}
	events := make([]journal.Event, 0, len(got[0].Messages))
	for _, m := range got[0].Messages {
		e, err := event(m)
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		events = append(events, e)
	}
	if events[0].Pos != after+1 {
		return nil, j.missing(ctx, after)
	}
	return events, nil
}

// beyond tells a reader that is at the head from one that is ahead of it.
func (j *Journal) beyond(ctx context.Context, after journal.Pos) error {
	_, head, err := j.Bounds(ctx)
	if err == nil && after > head {
		return fmt.Errorf("%w: position %d was read, the log ends at %d", journal.ErrForked, after, head)
	}
	return err
}

func (j *Journal) missing(ctx context.Context, after journal.Pos) error {
	trimmed, _, err := j.Bounds(ctx)
	switch {
	case err != nil:
		return err
	case after < trimmed:
		return journal.ErrTrimmed
	}
	return fmt.Errorf("%w: position %d is missing", journal.ErrForked, after+1)
}

func entryID(pos journal.Pos) string { return strconv.FormatUint(pos, 10) + "-0" }

// event reads one entry.
func event(m goredis.XMessage) (journal.Event, error) {
	text := func(name string) string { s, _ := m.Values[name].(string); return s }
	number, rest, _ := strings.Cut(m.ID, "-")
	pos, err1 := strconv.ParseUint(number, 10, 64)
	version, err2 := strconv.ParseUint(text("v"), 10, 64)
	at, err3 := strconv.ParseInt(text("a"), 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil || rest != "0" || text("s") == "" {
		return journal.Event{}, fmt.Errorf("entry %q is damaged: %w", m.ID, err)
	}
	return journal.Event{Pos: pos, Stream: text("s"), Version: version, Type: text("t"), At: time.UnixMicro(at).UTC(),
		Key: text("k"), Data: []byte(text("d"))}, nil
}
