package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
)

func openGroup(t *testing.T, g *redistest.Group, o redis.Options) *redis.Journal {
	t.Helper()
	o.Client = g.Client()
	j, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// load appends from some callers until it is stopped, each append again by its key until it is acknowledged.
type load struct {
	j       journal.Journal
	callers sync.WaitGroup
	stop    chan struct{}

	mu    sync.Mutex
	acked map[string]bool
}

func startLoad(t *testing.T, j journal.Journal, name string) *load {
	l := &load{j: j, stop: make(chan struct{}), acked: map[string]bool{}}
	for c := range 16 {
		l.callers.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%s/%d/%d", name, c, i)
				for end := time.Now().Add(40 * time.Second); ; time.Sleep(5 * time.Millisecond) {
					_, err := j.Append(context.Background(), chat(fmt.Sprint("s", c), key))
					if err == nil {
						break
					}
					if time.Now().After(end) {
						t.Errorf("%s: %v", key, err)
						return
					}
				}
				l.mu.Lock()
				l.acked[key] = true
				l.mu.Unlock()
				select {
				case <-l.stop:
					return
				default:
				}
			}
		})
	}
	return l
}

// more waits until n more appends were acknowledged.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	count := func() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.acked) }
	from := count()
	until(t, fmt.Sprint(n, " more appends"), func() bool { return count() >= from+n })
}

func (l *load) end() map[string]bool {
	close(l.stop)
	l.callers.Wait()
	return l.acked
}

// With WAIT for every replica a primary can die under load: what was acknowledged is there, once.
func TestAcknowledgedSurvivesTheDeathOfThePrimary(t *testing.T) {
	g := redistest.StartGroup(t, 2)
	j := openGroup(t, g, redis.Options{Replicas: 2})
	l := startLoad(t, j, "kill")
	l.more(t, 200)
	old := g.Primary()
	old.Kill()
	old.LaunchAsReplica(g.Promoted(old))
	l.more(t, 200)
	once(t, j, l.end())
}

// With one replica that is waited for, the death of the primary leaves nobody to wait for. The one that is left goes on.
func TestTheLastOneGoesOnAlone(t *testing.T) {
	g := redistest.StartGroup(t, 1, "--min-replicas-to-write", "0")
	j := openGroup(t, g, redis.Options{Replicas: -1, ReplicaWait: 200 * time.Millisecond})
	l := startLoad(t, j, "last")
	l.more(t, 200)
	old := g.Primary()
	old.Kill()
	g.Promoted(old)
	l.more(t, 200)
	old.LaunchAsReplica(g.Primary())
	l.more(t, 200)
	once(t, j, l.end())
}

// A primary that has lost its replica, and of which no majority of the sentinels says that it is one, may be cut off
// together with us.
func TestNobodyIsAloneWithoutTheSentinels(t *testing.T) {
	g := redistest.StartGroup(t, 1, "--min-replicas-to-write", "0")
	j := openGroup(t, g, redis.Options{Replicas: -1, ReplicaWait: 200 * time.Millisecond})
	if _, err := j.Append(t.Context(), chat("s", "before")); err != nil {
		t.Fatal(err)
	}
	primary := g.Primary()
	for _, s := range g.Sentinels[1:] {
		s.Kill()
	}
	for _, s := range g.Servers {
		if s != primary {
			s.Kill()
		}
	}
	for range 3 {
		if _, err := j.Append(t.Context(), chat("s", "after")); !errors.Is(err, journal.ErrUncertain) {
			t.Errorf("without replica and majority: %v", err)
		}
	}
}

// A primary that hangs is replaced; when it goes on, it believes for a moment that it still is one.
func TestAcknowledgedSurvivesAPrimaryThatHangs(t *testing.T) {
	g := redistest.StartGroup(t, 2)
	j := openGroup(t, g, redis.Options{Replicas: 2})
	l := startLoad(t, j, "hang")
	l.more(t, 200)
	old := g.Primary()
	old.Stop()
	g.Promoted(old)
	old.Continue()
	l.more(t, 200)
	once(t, j, l.end())
}

// reader folds what it reads and begins anew when it is told that the history is another one.
type reader struct {
	mu     sync.Mutex
	events []journal.Event
	forks  int
}

func (r *reader) has(log []journal.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.EqualFunc(r.events, log, func(a, b journal.Event) bool { return a.Sum() == b.Sum() })
}

func (r *reader) follow(ctx context.Context, j *redis.Journal) error {
	for ctx.Err() == nil {
		events, err := j.Read(ctx, journal.Pos(len(r.events)), 500, 100*time.Millisecond)
		r.mu.Lock()
		switch {
		case errors.Is(err, journal.ErrForked):
			j.Forget()
			r.events, r.forks = nil, r.forks+1
		case errors.Is(err, journal.ErrUnreachable), ctx.Err() != nil:
		case err != nil:
			r.mu.Unlock()
			return err
		}
		r.events = append(r.events, events...)
		r.mu.Unlock()
	}
	return nil
}

// A planned fail-over under load may lose what was acknowledged. Whoever has read it is told: no reader ever holds
// another history than the log.
func TestAPlannedFailOverIsNeverSilentlyAnotherHistory(t *testing.T) {
	g := redistest.StartGroup(t, 2, "--min-replicas-to-write", "0")
	j := openGroup(t, g, redis.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var r reader
	following := make(chan error, 1)
	go func() { following <- r.follow(ctx, j) }()
	l := startLoad(t, j, "planned")
	l.more(t, 500)
	g.Failover()
	l.more(t, 500)
	acked := l.end()
	log := whole(t, openGroup(t, g, redis.Options{}))
	until(t, "the reader has the same events as the log", func() bool { return r.has(log) })
	cancel()
	if err := <-following; err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range log {
		seen[e.Key] = true
	}
	lost := 0
	for key := range acked {
		if !seen[key] {
			lost++
		}
	}
	t.Logf("%d acknowledged, %d of them lost, %d events, the reader began anew %d times", len(acked), lost, len(log), r.forks)
}

// whole reads all of a log.
func whole(t *testing.T, j journal.Journal) (all []journal.Event) {
	t.Helper()
	for {
		events, err := read(t, j, journal.Pos(len(all)))
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, events...); len(events) == 0 {
			return all
		}
	}
}
