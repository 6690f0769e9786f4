package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"backline/gateway/journal"
)

// Where a segment ends follows from the events alone, so that all nodes cut at the same places.
const (
	maxEvents = 8192
	maxData   = 4 << 20 // bytes; the event that crosses it is the last
)

// Limits of what is read.
const (
	// MaxBytes is the size of a segment's file.
	MaxBytes = 32 << 20
	maxText  = 64 << 20 // of the export in it: data as base64, and names of the longest kind
)

// segment is what a file's name says: FIRST-LAST-SUM.gz, SUM in hex, of the last event.
type segment struct {
	first, last journal.Pos
	sum         uint64
}

func (s segment) name() string {
	return fmt.Sprintf("%016d-%016d-%016x.gz", s.first, s.last, s.sum)
}

// named reads a file's name; ok is false where it is none of ours.
func named(name string) (s segment, ok bool) {
	f := strings.Split(strings.TrimSuffix(name, ".gz"), "-")
	if len(f) != 3 {
		return s, false
	}
	var errs [3]error
	s.first, errs[0] = strconv.ParseUint(f[0], 10, 64)
	s.last, errs[1] = strconv.ParseUint(f[1], 10, 64)
	s.sum, errs[2] = strconv.ParseUint(f[2], 16, 64)
	return s, errors.Join(errs[:]...) == nil && s.name() == name && 0 < s.first && s.first <= s.last
}

// segmentOf names what events make.
func segmentOf(events []journal.Event) segment {
	last := events[len(events)-1]
	return segment{first: events[0].Pos, last: last.Pos, sum: last.Sum()}
}

// cut returns how many of the events make a segment of a size; 0: they are too few.
func cut(events []journal.Event, size int) int {
	data := 0
	for i, e := range events {
		if data += len(e.Data); data >= maxData || i+1 == size {
			return i + 1
		}
	}
	return 0
}

// stretch is a few events as a journal, for Export and ImportFrom.
type stretch struct {
	journal.Journal
	after  journal.Pos
	events []journal.Event
}

func (s *stretch) Bounds(context.Context) (trimmed, head journal.Pos, err error) {
	return s.after, s.after + journal.Pos(len(s.events)), nil
}

func (s *stretch) Read(_ context.Context, after journal.Pos, limit int, _ time.Duration) ([]journal.Event, error) {
	rest := s.events[after-s.after:]
	return rest[:min(limit, len(rest))], nil
}

func (s *stretch) Import(_ context.Context, events []journal.Event) error {
	s.events = append(s.events, events...)
	return nil
}

// encode makes the file of a segment.
func encode(ctx context.Context, events []journal.Event) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	err := journal.Export(ctx, &stretch{after: events[0].Pos - 1, events: events}, z)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("make a segment: %w", err)
	}
	return out.Bytes(), nil
}

// decode reads the file of a segment, and nothing that is damaged or too large.
func decode(ctx context.Context, file []byte) ([]journal.Event, error) {
	if len(file) > MaxBytes {
		return nil, fmt.Errorf("a segment of %d bytes: the limit is %d", len(file), MaxBytes)
	}
	z, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("read a segment: %w", err)
	}
	s := stretch{events: make([]journal.Event, 0, maxEvents)}
	text := io.LimitedReader{R: z, N: maxText}
	if err := journal.ImportFrom(ctx, &s, &text); err != nil {
		return nil, fmt.Errorf("read a segment: %w", err)
	}
	if _, err := io.Copy(io.Discard, &text); err != nil { // gzip's own sum stands at the end
		return nil, fmt.Errorf("read a segment: %w", err)
	}
	if len(s.events) == 0 || len(s.events) > maxEvents || text.N == 0 {
		return nil, fmt.Errorf("a segment of %d events in %d bytes", len(s.events), maxText-text.N)
	}
	return s.events, nil
}
