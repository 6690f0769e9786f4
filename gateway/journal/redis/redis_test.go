package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
	"backline/gateway/journal/journaltest"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
)

func open(t testing.TB, s *redistest.Server, o redis.Options) *redis.Journal {
	t.Helper()
	o.Client = goredis.UniversalOptions{Addrs: []string{s.Addr}}
	j, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestConformance(t *testing.T) {
	s := redistest.Start(t)
	name, opened := "", 0
	journaltest.Run(t, journaltest.Engine{
		Open: func(t *testing.T) journal.Journal {
			opened++
			name = fmt.Sprint("j", opened)
			return open(t, s, redis.Options{Name: name})
		},
		Reopen: func(t *testing.T, j journal.Journal) journal.Journal {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			s.Kill()
			s.Launch()
			return open(t, s, redis.Options{Name: name})
		},
	})
}

func TestServersThatMayLoseTheJournalAreRefused(t *testing.T) {
	s := redistest.Start(t)
	for name, bad := range map[string]string{"appendonly": "no", "appendfsync": "everysec", "maxmemory-policy": "allkeys-lru"} {
		good := map[string]string{"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}[name]
		s.Config(name, bad)
		_, err := redis.Open(t.Context(), redis.Options{Client: goredis.UniversalOptions{Addrs: []string{s.Addr}}})
		if err == nil || !strings.Contains(err.Error(), name+` is "`+bad) {
			t.Errorf("%s %s: %v, want it refused by name", name, bad, err)
		}
		s.Config(name, good)
	}
	open(t, s, redis.Options{})
}

func TestAReplicaAndAForeignKeyAreRefused(t *testing.T) {
	s := redistest.Start(t)
	host, port, _ := strings.Cut(s.Addr, ":")
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	_, err := redis.Open(t.Context(), redis.Options{Client: goredis.UniversalOptions{Addrs: []string{replica.Addr}}})
	if err == nil || !strings.Contains(err.Error(), "is a slave") {
		t.Errorf("%v, want the replica refused", err)
	}
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr})
	defer c.Close()
	if err := c.Set(t.Context(), "{backline}:log", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, err = redis.Open(t.Context(), redis.Options{Client: goredis.UniversalOptions{Addrs: []string{s.Addr}}})
	if err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("%v, want the key refused", err)
	}
}

func chat(stream, key string) journal.Write {
	return journal.Write{Stream: stream, Expect: journal.Any, Key: key, Events: []journal.Event{{Type: "t", At: time.Now(), Data: []byte(`{}`)}}}
}

// The server is killed under load, again and again. What was acknowledged is there, once; what was uncertain is
// there at most once after it was said again by its key.
func TestSurvivesKill(t *testing.T) {
	const rounds, callers = 8, 32
	s := redistest.Start(t)
	j := open(t, s, redis.Options{})
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for round := range rounds {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for c := range callers {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					key := fmt.Sprintf("%d/%d/%d", round, c, i)
					_, err := j.Append(context.Background(), chat(fmt.Sprint("s", c), key))
					for tries := 0; err != nil && tries < 2000; tries++ {
						time.Sleep(5 * time.Millisecond)
						_, err = j.Append(context.Background(), chat(fmt.Sprint("s", c), key))
					}
					if err != nil {
						t.Errorf("%s: %v", key, err)
						return
					}
					mu.Lock()
					acknowledged[key] = true
					mu.Unlock()
				}
			})
		}
		time.Sleep(50 * time.Millisecond)
		s.Kill()
		s.Launch()
		time.Sleep(20 * time.Millisecond)
		close(stop)
		wg.Wait()
	}
	once(t, j, acknowledged)
}

// Appends that are sent in one go are in their order, in one stream as in several, also when the server is killed in
// between and forgets the script.
func TestAppendsInOrderSurviveKill(t *testing.T) {
	const writes, streams = 3000, 3
	s := redistest.Start(t)
	j := open(t, s, redis.Options{})
	all, keys := make([]journal.Write, writes), map[string]bool{}
	for i := range all {
		all[i] = chat(fmt.Sprint("s", i%streams), fmt.Sprint(i))
		keys[all[i].Key] = true
	}
	var killing sync.WaitGroup
	killing.Go(func() {
		for range 3 {
			time.Sleep(30 * time.Millisecond)
			s.Kill()
			s.Launch()
		}
	})
	tries := 0
	for left := all; len(left) > 0; tries++ {
		receipts, err := j.AppendInOrder(t.Context(), left)
		if (err == nil) != (len(receipts) == len(left)) || tries > 5000 {
			t.Fatalf("try %d: %d receipts for %d writes, and %v", tries, len(receipts), len(left), err)
		}
		left = left[len(receipts):]
		if err != nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
	killing.Wait()
	once(t, j, keys)
	next := map[string]int{}
	for after := journal.Pos(0); after < writes; {
		events, err := j.Read(t.Context(), after, 1000, 0)
		if err != nil || len(events) == 0 {
			t.Fatalf("after %d of %d: %v", after, writes, err)
		}
		for _, e := range events {
			if i, _ := strconv.Atoi(e.Key); i < next[e.Stream] {
				t.Fatalf("%s is behind %d", e.Key, next[e.Stream])
			} else {
				next[e.Stream] = i
			}
			after = e.Pos
		}
	}
	if _, err := j.AppendInOrder(t.Context(), []journal.Write{chat("s0", "last"), {}}); !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("%v, want ErrInvalid", err)
	}
	t.Logf("%d calls", tries)
}

// once checks that every key is in the log exactly once, and positions without a hole.
func once(t *testing.T, j journal.Journal, keys map[string]bool) {
	t.Helper()
	_, head, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen, last := map[string][]string{}, journal.Pos(0)
	for last < head {
		events, err := j.Read(t.Context(), last, 1000, 0)
		if err != nil || len(events) == 0 {
			t.Fatalf("after %d of %d: %v", last, head, err)
		}
		for _, e := range events {
			if e.Pos != last+1 {
				t.Fatalf("position %d follows %d", e.Pos, last)
			}
			last = e.Pos
			seen[e.Key] = append(seen[e.Key], fmt.Sprint(e.Pos, " ", e.Stream))
		}
	}
	if len(keys) < 100 {
		t.Errorf("only %d appends were acknowledged", len(keys))
	}
	for k := range keys {
		if len(seen[k]) != 1 {
			t.Errorf("%s was acknowledged and is there %d times: %v", k, len(seen[k]), seen[k])
		}
	}
}

// A server was killed while it wrote a transaction. It must not come to life at the start after the next, where another
// event has its position.
func TestATornTransactionDoesNotComeBack(t *testing.T) {
	s := redistest.Start(t)
	write := func(key string) journal.Receipt {
		t.Helper()
		j := open(t, s, redis.Options{})
		r, err := j.Append(t.Context(), chat("a", key))
		if err := errors.Join(err, j.Close()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	write("before")
	write("torn")
	s.Kill()
	file := incremental(t, s)
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.LastIndex(written, []byte("HSET")) // behind its event, before all that belongs to it
	if err := os.Truncate(file, int64(half)); err != nil {
		t.Fatal(err)
	}
	s.Launch()
	want := write("kept")
	s.Kill()
	s.Launch()
	j := open(t, s, redis.Options{})
	events, err := j.Read(t.Context(), want.Pos-1, 10, 0)
	if err != nil || len(events) != 1 || events[0].Key != "kept" {
		t.Errorf("behind position %d: %+v %v, want what was acknowledged", want.Pos-1, events, err)
	}
}

// incremental is the file that a server appends to.
func incremental(t *testing.T, s *redistest.Server) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0]
}

func TestFullMemoryIsRefusedAndHeals(t *testing.T) {
	s := redistest.Start(t)
	j := open(t, s, redis.Options{})
	s.Config("maxmemory", "1")
	if _, err := j.Append(t.Context(), chat("a", "k")); !errors.Is(err, journal.ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	s.Config("maxmemory", "0")
	if r, err := j.Append(t.Context(), chat("a", "k")); err != nil || r.Dup || r.Pos != 1 {
		t.Errorf("%+v %v, want it written", r, err)
	}
}

func TestTooFewReplicasAreUncertainAndSaidAgainHarmless(t *testing.T) {
	s := redistest.Start(t)
	j := open(t, s, redis.Options{Replicas: 1, ReplicaWait: 50 * time.Millisecond})
	if _, err := j.Append(t.Context(), chat("a", "k")); !errors.Is(err, journal.ErrUncertain) {
		t.Fatalf("%v without a replica, want ErrUncertain", err)
	}
	host, port, _ := strings.Cut(s.Addr, ":")
	redistest.Start(t, "--replicaof", host+" "+port)
	var r journal.Receipt
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if r, err = j.Append(t.Context(), chat("a", "k")); err == nil {
			break
		}
	}
	if err != nil || !r.Dup || r.Pos != 1 {
		t.Errorf("%+v %v, want the receipt of the first time", r, err)
	}
}

func TestALogThatLostWhatWasReadIsForked(t *testing.T) {
	s := redistest.Start(t)
	j := open(t, s, redis.Options{})
	if _, err := j.Append(t.Context(), chat("a", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Read(t.Context(), 7, 10, time.Millisecond); !errors.Is(err, journal.ErrForked) {
		t.Errorf("%v, want ErrForked", err)
	}
}

// Keys move on week by week: a guard and a repeated append find them for two weeks and not for ever.
func TestKeysAreKnownForTwoWeeks(t *testing.T) {
	s := redistest.Start(t)
	j := open(t, s, redis.Options{})
	if _, err := j.Append(t.Context(), chat("lease", "mine")); err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr})
	defer c.Close()
	now, err := c.Keys(t.Context(), "{backline}:keys:*").Result()
	if err != nil || len(now) != 1 {
		t.Fatalf("%v %v, want the keys of one week", now, err)
	}
	week, err := strconv.ParseInt(strings.TrimPrefix(now[0], "{backline}:keys:"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	guarded := chat("a", "")
	guarded.Guard = &journal.Guard{Stream: "lease", Version: 1, Key: "mine"}
	for age, from := int64(1), now[0]; age <= 3; age++ {
		to := fmt.Sprintf("{backline}:keys:%d", week-age)
		if err := c.Rename(t.Context(), from, to).Err(); err != nil {
			t.Fatal(err)
		}
		from = to
		_, err := j.Append(t.Context(), guarded)
		if _, refused := errors.AsType[*journal.Conflict](err); refused != (age == 3) || !refused && err != nil {
			t.Errorf("guard with a key of %d weeks ago: %v", age, err)
		}
		if r, err := j.Append(t.Context(), chat("lease", "mine")); err != nil || r.Dup != (age < 3) {
			t.Errorf("key of %d weeks ago: %+v %v", age, r, err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := redistest.Start(b)
			j := open(b, s, redis.Options{})
			b.SetParallelism((callers + 1) / 2)
			data := []byte(fmt.Sprintf(`{"text":"%0220d"}`, 1))
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					w := journal.Write{Stream: "a", Expect: journal.Any, Events: []journal.Event{{Type: "message_received", At: time.Now(), Data: data}}}
					if _, err := j.Append(context.Background(), w); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}

// BenchmarkMemory says what a record costs the server: 100,000 messages of 1,000 threads, each with the key of its
// provider's message. Run it once (-benchtime 1x).
func BenchmarkMemory(b *testing.B) {
	const records = 100_000
	s := redistest.Start(b)
	j := open(b, s, redis.Options{})
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr})
	defer c.Close()
	used := func() float64 {
		info, err := c.InfoMap(b.Context(), "memory").Result()
		if err != nil {
			b.Fatal(err)
		}
		n, err := strconv.ParseFloat(info["Memory"]["used_memory"], 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	before := used()
	var callers sync.WaitGroup
	for w := range 64 {
		callers.Go(func() {
			for i := w; i < records; i += 64 {
				data := fmt.Sprintf(`{"message":"m%020d","text":"%0180d"}`, i, i)
				e := journal.Event{Type: "message.received", At: time.Now(), Data: []byte(data)}
				write := journal.Write{Stream: fmt.Sprintf("thread/messenger/%016d", i%1000), Expect: journal.Any, Key: fmt.Sprintf("messenger/m_%024d", i), Events: []journal.Event{e}}
				if _, err := j.Append(context.Background(), write); err != nil {
					b.Error(err)
				}
			}
		})
	}
	callers.Wait()
	b.ReportMetric((used()-before)/records, "B/record")
	for _, part := range []string{"log", "keys:*", "versions"} {
		names, err := c.Keys(b.Context(), "{backline}:"+part).Result()
		if err != nil || len(names) != 1 {
			b.Fatal(names, err)
		}
		n, err := c.MemoryUsage(b.Context(), names[0], 0).Result()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n)/records, "B/record-in-"+strings.Trim(part, ":*"))
	}
}
