package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
	"backline/gateway/journal/sqlite"
)

func embedded(t *testing.T, path string) *sqlite.Journal {
	t.Helper()
	j, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func exported(t *testing.T, j journal.Journal) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	if err := journal.Export(t.Context(), j, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

// An installation moves to Redis and back: the same events, the same exports, keys and versions go on.
func TestEmbeddedToRedisAndBack(t *testing.T) {
	dir := t.TempDir()
	first := embedded(t, dir+"/first.db")
	for i := range 1200 {
		w := chat(fmt.Sprint("s", i%50), fmt.Sprint("k", i))
		w.Events[0].Data = []byte([]string{`{"n":1}`, `{ "n": 2 }`, "\x00\xff", ""}[i%4])
		if _, err := first.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Trim(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	there := open(t, redistest.Start(t), redis.Options{})
	if err := there.Restore(t.Context(), exported(t, first)); err != nil {
		t.Fatal(err)
	}
	sound(t, there, 1200)
	if r, err := there.Append(t.Context(), chat("s0", "k1100")); err != nil || !r.Dup || r.Pos != 1101 {
		t.Errorf("a key from before: %+v %v", r, err)
	}
	back := dir + "/back.db"
	if err := sqlite.Restore(t.Context(), back, exported(t, there)); err != nil {
		t.Fatal(err)
	}
	if r, err := sqlite.Verify(t.Context(), back); err != nil || len(r.Findings) > 0 || r.Head != 1200 {
		t.Errorf("%+v %v", r, err)
	}
	if !bytes.Equal(exported(t, first).Bytes(), exported(t, embedded(t, back)).Bytes()) {
		t.Error("the export at the end is another one than at the beginning")
	}
}

// sound checks that nothing is found in a journal.
func sound(t *testing.T, j *redis.Journal, head journal.Pos) {
	t.Helper()
	if r, err := j.Verify(t.Context()); err != nil || len(r.Findings) > 0 || r.Head != head {
		t.Errorf("%+v %v, want nothing found up to %d", r, err, head)
	}
}

func TestAnImportThatFailsLeavesTheJournalEmpty(t *testing.T) {
	s := redistest.Start(t)
	j := open(t, s, redis.Options{})
	other := open(t, s, redis.Options{Name: "other"})
	appendN(t, other, "k", 1500)
	whole := exported(t, other).String()
	c := client(t, s.Addr)
	left := func() []string {
		keys, err := c.Keys(t.Context(), "{backline}*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	if err := j.Restore(t.Context(), strings.NewReader(whole[:len(whole)-200])); err == nil || len(left()) > 0 {
		t.Errorf("cut off: %v, it left %q", err, left())
	}
	// As a kill in the middle would leave it.
	if err := c.Set(t.Context(), "{backline}:import:log", "half", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := j.Restore(t.Context(), strings.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	sound(t, j, 1500)
	if keys := left(); slices.ContainsFunc(keys, func(k string) bool { return strings.Contains(k, "import") }) {
		t.Errorf("left behind: %q", keys)
	}
	if err := j.Restore(t.Context(), strings.NewReader(whole)); err == nil || !strings.Contains(err.Error(), "up to position 1500") {
		t.Errorf("into a journal that is there: %v", err)
	}
}

// appending is an import's source that appends to the journal when it is read.
type appending struct {
	*strings.Reader
	once sync.Once
	do   func()
}

func (a *appending) Read(p []byte) (int, error) {
	a.once.Do(a.do)
	return a.Reader.Read(p)
}

func TestWhoAppendsDuringAnImportKeepsWhatItWrote(t *testing.T) {
	s := redistest.Start(t)
	j := open(t, s, redis.Options{})
	other := open(t, s, redis.Options{Name: "other"})
	appendN(t, other, "k", 10)
	in := &appending{Reader: strings.NewReader(exported(t, other).String()), do: func() { appendN(t, j, "mine", 1) }}
	if err := j.Restore(t.Context(), in); err == nil || !strings.Contains(err.Error(), "somebody appended") {
		t.Errorf("%v, want the import refused", err)
	}
	sound(t, j, 1)
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	s := redistest.Start(t)
	c := client(t, s.Addr)
	ctx := context.Background()
	const tag = "{backline}:"
	for name, k := range map[string]struct {
		damage func() error
		want   string
	}{
		"nothing":                {func() error { return nil }, ""},
		"an entry is gone":       {func() error { return c.XDel(ctx, tag+"log", "7-0").Err() }, "position 8: stream \"s\": positions 7 to 7 are missing"},
		"the end is gone":        {func() error { return c.XDel(ctx, tag+"log", "11-0", "12-0").Err() }, "positions 11 to 12 are missing"},
		"the log is gone":        {func() error { return c.Del(ctx, tag+"log").Err() }, "positions 4 to 12 are missing"},
		"the head is behind":     {func() error { return c.HSet(ctx, tag+"meta", "head", 11).Err() }, "another chain"},
		"the head is gone":       {func() error { return c.HDel(ctx, tag+"meta", "head").Err() }, "trimmed up to 3 and ends at 0"},
		"a version is behind":    {func() error { return c.HSet(ctx, tag+"versions", "s", 11).Err() }, "says version 11, its last entry is version 12"},
		"a version is ahead":     {func() error { return c.HSet(ctx, tag+"versions", "s", 13).Err() }, "says version 13, its last entry is version 12"},
		"a version is no number": {func() error { return c.HSet(ctx, tag+"versions", "s", "x").Err() }, "no version"},
		"the versions are gone":  {func() error { return c.Del(ctx, tag+"versions").Err() }, "says version 0, its last entry is version 12"},
		"a key names another": {func() error {
			return c.HSet(ctx, mustKeys(t, c), "k5", "9,9").Err()
		}, `says "9,9" of its key`},
		"an entry is another":  {func() error { return replaceLast(ctx, c, "d", "{} ") }, "altered"},
		"an entry is no event": {func() error { return replaceLast(ctx, c, "a", "yesterday") }, "damaged"},
	} {
		if err := c.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		j := open(t, s, redis.Options{})
		appendN(t, j, "k", 12)
		if err := j.Trim(ctx, 3); err != nil {
			t.Fatal(err)
		}
		if err := k.damage(); err != nil {
			t.Fatal(err)
		}
		r, err := j.Verify(ctx)
		if err != nil || (k.want == "") != (len(r.Findings) == 0) || k.want != "" && !strings.Contains(r.Findings[0].String(), k.want) {
			t.Errorf("%s: %+v %v, want %q", name, r, err, k.want)
		}
	}
}

func mustKeys(t *testing.T, c *goredis.Client) string {
	t.Helper()
	keys, err := c.Keys(t.Context(), "{backline}:keys:*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	return keys[0]
}

// replaceLast writes the last entry again with another value.
func replaceLast(ctx context.Context, c *goredis.Client, field, value string) error {
	last, err := c.XRevRangeN(ctx, "{backline}:log", "+", "-", 1).Result()
	if err != nil {
		return err
	}
	last[0].Values[field] = value
	if err := c.XDel(ctx, "{backline}:log", last[0].ID).Err(); err != nil {
		return err
	}
	if err := c.Do(ctx, "XSETID", "{backline}:log", "11-0").Err(); err != nil {
		return err
	}
	return c.XAdd(ctx, &goredis.XAddArgs{Stream: "{backline}:log", ID: last[0].ID, Values: last[0].Values}).Err()
}

func TestVerifySeesAJournalInUseAsWhole(t *testing.T) {
	j := open(t, redistest.Start(t), redis.Options{})
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for w := range 8 {
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := j.Append(context.Background(), chat(fmt.Sprint("s", i%50), fmt.Sprint(w, "/", i))); err != nil {
					t.Error(err)
				}
				if i%100 == 99 {
					if err := j.Trim(context.Background(), journal.Pos(i/2)); err != nil && !errors.Is(err, journal.ErrClosed) {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 15 {
		if r, err := j.Verify(t.Context()); err != nil || len(r.Findings) > 0 {
			t.Errorf("findings in a journal that is only in use: %+v %v", r, err)
		}
	}
	close(stop)
	writing.Wait()
	_, head, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sound(t, j, head)
}
