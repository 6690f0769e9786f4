package redis_test

import (
	"bytes"
	"errors"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
)

// named opens a journal by what it learned of it before.
func named(s *redistest.Server, origin *string) redis.Options {
	return redis.Options{Client: goredis.UniversalOptions{Addrs: []string{s.Addr}}, Origin: *origin,
		Learned: func(o string) error { *origin = o; return nil }}
}

// gone wants a journal to be gone for who writes, who reads on, who asks, and who comes.
func gone(t *testing.T, s *redistest.Server, j *redis.Journal, origin *string) {
	t.Helper()
	is := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, journal.ErrGone) || !errors.Is(err, journal.ErrUnreachable) || errors.Is(err, journal.ErrForked) {
			t.Errorf("%s: %v, want ErrGone", what, err)
		}
	}
	_, err := j.Append(t.Context(), chat("s", "new"))
	is("append", err)
	_, err = j.AppendInOrder(t.Context(), []journal.Write{chat("s", "new")})
	is("append in order", err)
	_, err = j.Read(t.Context(), 10, 10, 0)
	is("read on", err)
	_, _, err = j.Bounds(t.Context())
	is("bounds", err)
	_, err = redis.Open(t.Context(), named(s, origin))
	is("open", err)
}

func TestNothingIsWrittenToAServerThatWasEmptied(t *testing.T) {
	s := redistest.Start(t)
	c := client(t, s.Addr)
	origin := ""
	j := open(t, s, named(s, &origin))
	appendN(t, j, "k", 10)
	if events, err := j.Read(t.Context(), 0, 10, 0); err != nil || len(events) != 10 || origin == "" {
		t.Fatalf("%d events, %v, origin %q", len(events), err, origin)
	}
	var export bytes.Buffer
	if err := journal.Export(t.Context(), j, &export); err != nil {
		t.Fatal(err)
	}
	appendN(t, j, "later", 2)
	if _, err := j.Read(t.Context(), 10, 10, 0); err != nil {
		t.Fatal(err)
	}
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	gone(t, s, j, &origin)
	if keys, err := c.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("%v %v: something was written where an export is to be brought back", keys, err)
	}

	restored := open(t, s, redis.Options{})
	if err := restored.Restore(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	if r, err := j.Append(t.Context(), chat("s", "k3")); err != nil || !r.Dup || r.Pos != 4 {
		t.Errorf("%+v %v: what the export has is known again", r, err)
	}
	if _, err := j.Read(t.Context(), 12, 10, 0); !errors.Is(err, journal.ErrForked) {
		t.Errorf("%v: who had read more than the export must fold anew", err)
	}
	if _, err := open(t, s, named(s, &origin)).Append(t.Context(), chat("s", "new")); err != nil {
		t.Error(err)
	}
}

func TestNothingIsWrittenToAJournalThatSomebodyElseHasBegun(t *testing.T) {
	s := redistest.Start(t)
	origin := ""
	j := open(t, s, named(s, &origin))
	appendN(t, j, "k", 10)
	if _, err := j.Read(t.Context(), 0, 10, 0); err != nil {
		t.Fatal(err)
	}
	if err := client(t, s.Addr).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	other := ""
	stranger := open(t, s, named(s, &other))
	appendN(t, stranger, "x", 20)
	gone(t, s, j, &origin)
	if events, err := stranger.Read(t.Context(), 0, 30, 0); err != nil || len(events) != 20 {
		t.Errorf("%d events, %v: the other journal is untouched", len(events), err)
	}
}

// A journal that an earlier version began does not say where it comes from.
func TestAJournalWithoutAnOriginIsTaken(t *testing.T) {
	s := redistest.Start(t)
	origin := ""
	j := open(t, s, named(s, &origin))
	appendN(t, j, "k", 10)
	if _, err := j.Read(t.Context(), 0, 10, 0); err != nil {
		t.Fatal(err)
	}
	if err := client(t, s.Addr).HDel(t.Context(), "{backline}:meta", "origin").Err(); err != nil {
		t.Fatal(err)
	}
	j = open(t, s, named(s, &origin))
	appendN(t, j, "more", 1)
	if events, err := j.Read(t.Context(), 0, 30, 0); err != nil || len(events) != 11 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestWhatIsNotLearnedIsReadAgain(t *testing.T) {
	s := redistest.Start(t)
	full := errors.New("no space")
	fail := true
	j := open(t, s, redis.Options{Learned: func(string) error {
		if fail {
			return full
		}
		return nil
	}})
	appendN(t, j, "k", 3)
	if _, err := j.Read(t.Context(), 0, 10, 0); !errors.Is(err, full) {
		t.Errorf("%v, want what Learned said", err)
	}
	fail = false
	if events, err := j.Read(t.Context(), 0, 10, 0); err != nil || len(events) != 3 {
		t.Errorf("%d events, %v", len(events), err)
	}
}
