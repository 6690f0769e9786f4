package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/memory"
)

// moody cannot be reached for the first reads, and ends with an error of its own.
type moody struct {
	journal.Journal
	away  int
	final error
}

func (m *moody) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	if m.away > 0 {
		m.away--
		return nil, fmt.Errorf("read: %w", journal.ErrUnreachable)
	}
	if m.final != nil && after > 0 {
		return nil, m.final
	}
	return m.Journal.Read(ctx, after, limit, wait)
}

func TestTailWaitsForAJournalThatCannotBeReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moody{Journal: memory.New(), away: 20, final: journal.ErrForked}
		w := journal.Write{Stream: "s", Expect: journal.Any, Events: []journal.Event{{Type: "t"}}}
		if _, err := m.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, err := range journal.Tail(t.Context(), m, 0) {
			if err == nil {
				got++
			} else if !errors.Is(err, journal.ErrForked) {
				t.Errorf("%v, want ErrForked", err)
			}
		}
		if got != 1 || m.away != 0 {
			t.Errorf("%d events, %d reads left", got, m.away)
		}
	})
}

func TestTailOfAJournalThatStaysAwayEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		m := &moody{Journal: memory.New(), away: 1 << 30}
		for _, err := range journal.Tail(ctx, m, 0) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		}
		if tries := 1<<30 - m.away; tries < 1800 || tries > 20_000 {
			t.Errorf("%d reads in an hour", tries)
		}
	})
}
