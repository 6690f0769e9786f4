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

// readTries bounds how often in a row a read is repeated because the server became another one meanwhile.
const readTries = 3

// errChanged: what was read and what a primary says of it do not belong together.
var errChanged = errors.New("the server changed while it was read")

// Read implements journal.Journal. ErrForked also when after is beyond the head: the log lost what was read from it.
func (j *Journal) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	tries := 0
	for end := time.Now().Add(wait); ; {
		events, err := j.read(ctx, after, limit, min(time.Until(end), readBlock))
		switch {
		case errors.Is(err, errChanged):
			if tries++; tries == readTries {
				return nil, j.failure(ctx, "read journal", err)
			}
			continue
		case err != nil || len(events) > 0:
			return events, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case wait <= 0 || !time.Now().Before(end):
			return nil, nil
		}
		tries = 0
	}
}

// entry is an event and the chain of the log up to it.
type entry struct {
	journal.Event
	chain string
}

func (j *Journal) read(ctx context.Context, after journal.Pos, limit int, block time.Duration) ([]journal.Event, error) {
	if j.isClosed() {
		return nil, journal.ErrClosed
	}
	if limit <= 0 {
		return nil, nil
	}
	mark, known, err := j.seen.at(after)
	if err != nil {
		return nil, err
	}
	entries, same, err := j.fetch(ctx, after, limit, block, known, mark)
	switch {
	case err != nil:
		return nil, err
	case known && !same:
		return nil, j.again(ctx, mark)
	case len(entries) == 0 && (known || after == 0):
		return nil, nil
	case len(entries) == 0:
		_, err := j.judge(ctx, after)
		return nil, err
	case entries[0].Pos != after+1:
		return nil, j.missing(ctx, after)
	case after == 0:
		if err := j.meet(entries[0]); err != nil {
			return nil, err
		}
	}
	if other, contradicted := j.seen.add(entries); contradicted {
		return nil, j.again(ctx, other)
	}
	events := make([]journal.Event, len(entries))
	for i, e := range entries {
		events[i] = e.Event
	}
	return events, nil
}

// fetch reads from one connection, and before it whether the log at the mark is the same.
func (j *Journal) fetch(ctx context.Context, after journal.Pos, limit int, block time.Duration, known bool, m mark) (entries []entry, same bool, err error) {
	if block < time.Millisecond {
		block = -1 // 0 would be for ever
	}
	p := j.reader.Pipeline()
	var before *goredis.XMessageSliceCmd
	if known {
		before = p.XRange(ctx, j.key.log, entryID(after), entryID(after))
	}
	got := p.XRead(ctx, &goredis.XReadArgs{Streams: []string{j.key.log, entryID(after)}, Count: int64(limit), Block: block})
	_, _ = p.Exec(ctx) // each command has its own error
	if known {
		messages, err := before.Result()
		if err != nil {
			return nil, false, j.failure(ctx, "read journal", err)
		}
		if len(messages) != 1 || messages[0].Values["c"] != m.chain {
			return nil, false, nil
		}
	}
	streams, err := got.Result()
	switch {
	case errors.Is(err, goredis.Nil):
		return nil, true, nil
	case err != nil:
		return nil, false, j.failure(ctx, "read journal", err)
	}
	for _, m := range streams[0].Messages {
		e, err := parse(m)
		if err != nil {
			return nil, false, fmt.Errorf("read journal: %w", err)
		}
		if len(entries) > 0 && e.Pos != entries[len(entries)-1].Pos+1 {
			break // the next read meets the hole
		}
		entries = append(entries, e)
	}
	return entries, true, nil
}

// bounds are what a primary says of the log to somebody who stands at a position.
type bounds struct {
	head, trimmed journal.Pos
	chain         string // at the position; "": no entry there
}

// judge asks a primary about a position. ErrTrimmed and ErrForked are certain.
func (j *Journal) judge(ctx context.Context, at journal.Pos) (bounds, error) {
	got, err := judgeScript.Run(ctx, j.client, []string{j.key.log, j.key.meta}, at).Slice()
	if err != nil {
		return bounds{}, j.failure(ctx, "read journal", err)
	}
	if len(got) != 4 {
		return bounds{}, fmt.Errorf("read journal: the script returned %v", got)
	}
	head, _ := got[0].(int64)
	trimmed, _ := got[1].(int64)
	b := bounds{head: uint64(head), trimmed: uint64(trimmed)}
	b.chain, _ = got[2].(string)
	have, _ := got[3].(string)
	if err := j.gone(b.head, have); err != nil {
		return b, err
	}
	switch {
	case at < b.trimmed:
		return b, journal.ErrTrimmed
	case at > b.head:
		return b, fmt.Errorf("%w: position %d was read, the log ends at %d", journal.ErrForked, at, b.head)
	}
	return b, nil
}

// again decides about a mark that was not found as it was: the log has forked, or reading once more is right.
func (j *Journal) again(ctx context.Context, m mark) error {
	b, err := j.judge(ctx, m.pos)
	switch {
	case m.pos <= b.trimmed && (err == nil || errors.Is(err, journal.ErrTrimmed)): // a trim is no fork
		j.seen.drop(m.pos)
		return errChanged
	case err == nil && b.chain != m.chain:
		err = fmt.Errorf("%w: position %d has another event than the one that was read", journal.ErrForked, m.pos)
	case err == nil:
		return errChanged
	}
	if errors.Is(err, journal.ErrForked) {
		j.seen.fork(err)
	}
	return err
}

// missing is why the event behind a position was not there although later ones were.
func (j *Journal) missing(ctx context.Context, after journal.Pos) error {
	if _, err := j.judge(ctx, after); err != nil {
		return err
	}
	if b, err := j.judge(ctx, after+1); err != nil || b.chain != "" {
		return errChanged
	}
	return fmt.Errorf("%w: position %d is missing", journal.ErrForked, after+1)
}

func entryID(pos journal.Pos) string { return strconv.FormatUint(pos, 10) + "-0" }

// parse reads one entry.
func parse(m goredis.XMessage) (entry, error) {
	text := func(name string) string { s, _ := m.Values[name].(string); return s }
	number, rest, _ := strings.Cut(m.ID, "-")
	pos, err1 := strconv.ParseUint(number, 10, 64)
	version, err2 := strconv.ParseUint(text("v"), 10, 64)
	at, err3 := strconv.ParseInt(text("a"), 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil || rest != "0" || text("s") == "" {
		return entry{}, fmt.Errorf("entry %q is damaged: %w", m.ID, err)
	}
	return entry{Event: journal.Event{Pos: pos, Stream: text("s"), Version: version, Type: text("t"), At: time.UnixMicro(at).UTC(),
		Key: text("k"), Data: []byte(text("d"))}, chain: text("c")}, nil
}
