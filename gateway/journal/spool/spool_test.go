package spool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/journaltest"
	"backline/gateway/journal/memory"
	"backline/gateway/journal/spool"
	"backline/gateway/journal/sqlite"
)

func dial(j journal.Journal) func(context.Context) (journal.Journal, error) {
	return func(context.Context) (journal.Journal, error) { return j, nil }
}

func open(t *testing.T, o spool.Options) *spool.Journal {
	t.Helper()
	j, err := spool.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func TestConformance(t *testing.T) {
	journaltest.Run(t, journaltest.Engine{Open: func(t *testing.T) journal.Journal {
		local, err := sqlite.Open(t.Context(), t.TempDir()+"/spool.db", sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return open(t, spool.Options{Local: local, Dial: dial(memory.New())})
	}})
}

// weak is a shared journal that goes away, and forgets its end as a fail-over does.
type weak struct {
	mu   sync.Mutex
	j    *memory.Journal
	away error         // why it cannot be had; nil: it can
	slow time.Duration // before an append
	late time.Duration // after it: readers are faster than its receipt
}

var errAway = fmt.Errorf("%w: away", journal.ErrUnreachable)

func (w *weak) now() (*memory.Journal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		return nil, w.away
	}
	return w.j, nil
}

func (w *weak) set(away bool) {
	if away {
		w.lose(errAway)
		return
	}
	w.lose(nil)
}

func (w *weak) lose(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = why
}

func (w *weak) Append(ctx context.Context, x journal.Write) (journal.Receipt, error) {
	j, err := w.now()
	if err != nil {
		return journal.Receipt{}, err
	}
	time.Sleep(w.slow)
	r, err := j.Append(ctx, x)
	time.Sleep(w.late)
	return r, err
}

func (w *weak) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	j, err := w.now()
	if err != nil {
		return nil, err
	}
	return j.Read(ctx, after, limit, min(wait, time.Second))
}

func (w *weak) Bounds(ctx context.Context) (journal.Pos, journal.Pos, error) {
	j, err := w.now()
	if err != nil {
		return 0, 0, err
	}
	return j.Bounds(ctx)
}

func (w *weak) Trim(ctx context.Context, upTo journal.Pos) error { return w.j.Trim(ctx, upTo) }
func (w *weak) Close() error                                     { return nil }

func newWeak() *weak { return &weak{j: memory.New()} }

func fact(stream string, n int) journal.Write {
	return journal.Write{Stream: stream, Expect: journal.Any, Key: fmt.Sprintf("%s/%d", stream, n),
		Events: []journal.Event{{Type: "first", Data: fmt.Append(nil, n)}, {Type: "second", Data: fmt.Append(nil, n)}}}
}

// follow reads for ever and returns what it has read when asked.
func follow(ctx context.Context, j journal.Journal) func() []journal.Event {
	var mu sync.Mutex
	var got []journal.Event
	go func() {
		for e, err := range journal.Tail(ctx, j, 0) {
			if err != nil {
				return
			}
			mu.Lock()
			got = append(got, e)
			mu.Unlock()
		}
	}()
	return func() []journal.Event { mu.Lock(); defer mu.Unlock(); return got }
}

// check finds each fact whole, once, and in order in its stream.
func check(t *testing.T, events []journal.Event, streams, facts int) {
	t.Helper()
	next := map[string]int{}
	for i := 0; i < len(events); i += 2 {
		a, b := events[i], events[i+1]
		want := fmt.Sprint(next[a.Stream])
		if a.Type != "first" || b.Type != "second" || a.Stream != b.Stream || string(a.Data) != want || string(b.Data) != want {
			t.Fatalf("position %d: %s %s %s, %s %s %s; want %s of %s", a.Pos, a.Stream, a.Type, a.Data, b.Stream, b.Type, b.Data, want, a.Stream)
		}
		next[a.Stream]++
	}
	if len(next) != streams {
		t.Errorf("%d streams, want %d", len(next), streams)
	}
	for s, n := range next {
		if n != facts {
			t.Errorf("%s: %d facts, want %d", s, n, facts)
		}
	}
}

func TestFactsAreTakenWhileTheSharedJournalIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newWeak()
		var states []bool
		j := open(t, spool.Options{Local: memory.New(), Dial: dial(shared), Changed: func(s spool.State) { states = append(states, s.Away.IsZero()) }})
		ctx, cancel := context.WithCancel(t.Context())
		got := follow(ctx, j)
		if r, err := j.Append(t.Context(), fact("a", 0)); err != nil || r.Pos != 2 {
			t.Fatalf("%+v %v", r, err)
		}
		shared.set(true)
		for n := 1; n < 100; n++ {
			begin := time.Now()
			r, err := j.Append(t.Context(), fact("a", n))
			if err != nil || r.Pos != 0 {
				t.Fatalf("%+v %v: want a receipt without a position", r, err)
			}
			if took := time.Since(begin); took > 0 && n > 1 {
				t.Fatalf("fact %d waited %s for nothing", n, took)
			}
		}
		decision := journal.Write{Stream: "d", Expect: 0, Events: []journal.Event{{Type: "x"}}}
		if _, err := j.Append(t.Context(), decision); !errors.Is(err, journal.ErrUnreachable) {
			t.Errorf("a decision without the shared journal: %v", err)
		}
		time.Sleep(time.Minute)
		if s := j.State(); s.Away.IsZero() || s.Pending < 99 {
			t.Errorf("%+v", s)
		}
		shared.set(false)
		time.Sleep(2 * time.Second)
		check(t, got(), 1, 100)
		if s := j.State(); !s.Away.IsZero() || s.Pending != 0 {
			t.Errorf("%+v", s)
		}
		if fmt.Sprint(states) != "[false true]" {
			t.Errorf("told %v", states)
		}
		cancel()
		_ = j.Close()
	})
}

func TestWhatAFailOverLostIsBroughtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newWeak()
		j := open(t, spool.Options{Local: memory.New(), Dial: dial(shared)})
		for n := range 10 {
			if _, err := j.Append(t.Context(), fact("a", n)); err != nil {
				t.Fatal(err)
			}
		}
		shared.mu.Lock()
		shared.j = memory.New() // all is lost, and nobody had read it
		shared.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		got := follow(ctx, j)
		time.Sleep(20 * time.Second)
		seen := map[string]bool{}
		for _, e := range got() {
			seen[e.Key] = true
		}
		for n := range 10 {
			if !seen[fmt.Sprintf("a/%d", n)] {
				t.Errorf("a/%d is lost", n)
			}
		}
		if len(got()) != 20 {
			t.Errorf("%d events, want 20", len(got()))
		}
		cancel()
		_ = j.Close()
	})
}

// Who reads what is appended learns of it before the receipt has come back, and a process that begins anew reads what
// the one before it has appended. Neither is a reason to bring it again.
func TestWhatWasReadBeforeItsReceiptIsNotBroughtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, local := newWeak(), memory.New()
		shared.late = 20 * time.Millisecond
		for round := range 2 {
			j := open(t, spool.Options{Local: keep{local}, Dial: dial(shared)})
			ctx, cancel := context.WithCancel(t.Context())
			got := follow(ctx, j)
			for n := range 50 {
				if _, err := j.Append(t.Context(), fact(fmt.Sprint("s", round), n)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(30 * time.Second)
			check(t, got(), round+1, 50)
			if s := j.State(); s.Repeats != 0 {
				t.Errorf("round %d: %d facts were brought again", round, s.Repeats)
			}
			cancel()
			_ = j.Close()
		}
	})
}

// The process dies while the shared journal is away; the next one brings over what the first accepted.
func TestAnotherProcessGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, local := newWeak(), memory.New()
		shared.set(true)
		unreachable := func(context.Context) (journal.Journal, error) {
			if _, err := shared.now(); err != nil {
				return nil, err
			}
			return shared, nil
		}
		for _, s := range []string{"a", "b", "c"} {
			for n := range 30 {
				j := open(t, spool.Options{Local: keep{local}, Dial: unreachable})
				if r, err := j.Append(t.Context(), fact(s, n)); err != nil || r.Pos != 0 {
					t.Fatal(r, err)
				}
				_ = j.Close()
			}
		}
		shared.set(false)
		j := open(t, spool.Options{Local: keep{local}, Dial: unreachable})
		ctx, cancel := context.WithCancel(t.Context())
		got := follow(ctx, j)
		time.Sleep(time.Second)
		check(t, got(), 3, 30)
		cancel()
		_ = j.Close()
	})
}

// keep outlives the spool's Close, as a file does.
type keep struct{ journal.Journal }

func (keep) Close() error { return nil }

func TestASlowSharedJournalHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newWeak()
		shared.slow = 2 * time.Second
		j := open(t, spool.Options{Local: memory.New(), Dial: dial(shared)})
		worst := time.Duration(0)
		for n := range 50 {
			begin := time.Now()
			if _, err := j.Append(t.Context(), fact(fmt.Sprint("s", n), 0)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); n > 0 {
				worst = max(worst, took)
			}
		}
		if worst > 0 {
			t.Errorf("an append took %s although it was known that the shared journal is slow", worst)
		}
		_ = j.Close()
	})
}

func TestOldFactsLeaveTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, local := newWeak(), memory.New()
		j := open(t, spool.Options{Local: local, Dial: dial(shared)})
		ctx, cancel := context.WithCancel(t.Context())
		got := follow(ctx, j)
		for n := range 40 {
			if _, err := j.Append(t.Context(), fact("a", n)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		trimmed, head, err := local.Bounds(t.Context())
		if err != nil || head != 80 || trimmed < 50 || trimmed > 62 {
			t.Errorf("dropped up to %d of %d (%v); want about what is ten minutes old", trimmed, head, err)
		}
		check(t, got(), 1, 40)
		cancel()
		_ = j.Close()
	})
}

// Somebody takes an hour to bring the shared journal back. What it had just acknowledged when it went is still here then, and
// is brought again.
func TestNothingLeavesTheSpoolWhileTheSharedJournalIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, local := newWeak(), memory.New()
		var told []spool.State
		j := open(t, spool.Options{Local: local, Dial: dial(shared), Changed: func(s spool.State) { told = append(told, s) }})
		ctx, cancel := context.WithCancel(t.Context())
		got := follow(ctx, j)
		for n := range 30 {
			if _, err := j.Append(t.Context(), fact("a", n)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		check(t, got(), 1, 30)
		shared.lose(errAway)
		time.Sleep(time.Minute)
		shared.lose(fmt.Errorf("%w: %w", journal.ErrUnreachable, journal.ErrGone))
		time.Sleep(time.Hour)
		shared.lose(nil)
		time.Sleep(20 * time.Second)
		if trimmed, head, err := local.Bounds(t.Context()); err != nil || trimmed != 0 || head != 60 {
			t.Errorf("dropped up to %d of %d (%v) although nobody knows yet what has come back", trimmed, head, err)
		}
		if len(told) != 3 || errors.Is(told[0].Err, journal.ErrGone) || !errors.Is(told[1].Err, journal.ErrGone) || !told[1].Away.Equal(told[0].Away) || !told[2].Away.IsZero() {
			t.Errorf("told %+v; want that it is away, that it is gone, that it is back", told)
		}
		cancel()
		_ = j.Close()
	})
}

// An attempt to send is a decision; once it is made the message goes out, and no fail-over can undo that.
func TestADecisionThatWasActedOnIsBroughtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, local := newWeak(), memory.New()
		decision := fact("a", 0)
		decision.Expect = 0
		j := open(t, spool.Options{Local: keep{local}, Dial: dial(shared)})
		if _, err := j.Append(t.Context(), decision); err != nil {
			t.Fatal(err)
		}
		if err := j.Keep(t.Context(), decision); err != nil {
			t.Fatal(err)
		}
		_ = j.Close()
		j = open(t, spool.Options{Local: keep{local}, Dial: dial(newWeak())}) // it has lost everything
		ctx, cancel := context.WithCancel(t.Context())
		got := follow(ctx, j)
		time.Sleep(time.Second)
		check(t, got(), 1, 1)
		cancel()
		_ = j.Close()
	})
}

func TestOrderedWaitsForWhatWasAcceptedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newWeak()
		j := open(t, spool.Options{Local: memory.New(), Dial: dial(shared)})
		if err := j.Ordered(t.Context()); err != nil {
			t.Errorf("nothing was accepted: %v", err)
		}
		shared.set(true)
		if r, err := j.Append(t.Context(), fact("a", 0)); err != nil || r.Pos != 0 {
			t.Fatal(r, err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := j.Ordered(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, while the fact is here only", err)
		}
		cancel()
		shared.set(false)
		if err := j.Ordered(t.Context()); err != nil {
			t.Error(err)
		}
		if _, head, err := shared.Bounds(t.Context()); err != nil || head != 2 {
			t.Errorf("head %d, %v: the fact is not there", head, err)
		}
		shared.set(true)
		if _, err := j.Append(t.Context(), fact("a", 1)); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- j.Ordered(context.Background()) }()
		synctest.Wait()
		_ = j.Close()
		if err := <-closed; !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	})
}

func TestAForkIsTold(t *testing.T) {
	shared := newWeak()
	j := open(t, spool.Options{Local: memory.New(), Dial: dial(shared)})
	for n := range 5 {
		if _, err := j.Append(t.Context(), fact("a", n)); err != nil {
			t.Fatal(err)
		}
	}
	forked := &forkedJournal{weak: shared}
	k := open(t, spool.Options{Local: memory.New(), Dial: dial(forked)})
	if _, err := k.Read(t.Context(), 10, 1, time.Minute); !errors.Is(err, journal.ErrForked) {
		t.Errorf("%v, want ErrForked", err)
	}
}

type forkedJournal struct{ *weak }

func (f *forkedJournal) Read(context.Context, journal.Pos, int, time.Duration) ([]journal.Event, error) {
	return nil, fmt.Errorf("%w: test", journal.ErrForked)
}
