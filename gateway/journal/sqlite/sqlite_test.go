package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/journaltest"
	"backline/gateway/journal/sqlite"
)

func open(tb testing.TB, path string, o sqlite.Options) *sqlite.Journal {
	tb.Helper()
	j, err := sqlite.Open(context.Background(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { j.Close() })
	return j
}

func TestConformance(t *testing.T)         { conforms(t, sqlite.Options{}) }
func TestConformanceFromFile(t *testing.T) { conforms(t, sqlite.Forgetful()) }

func conforms(t *testing.T, o sqlite.Options) {
	path := ""
	journaltest.Run(t, journaltest.Engine{
		Open: func(t *testing.T) journal.Journal {
			path = t.TempDir() + "/j.db"
			return open(t, path, o)
		},
		Reopen: func(t *testing.T, j journal.Journal) journal.Journal {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, path, o)
		},
	})
}

// What is read from memory is what is read from the file, whatever the position and the limit.
func TestNewestEventsReadAsFromTheFile(t *testing.T) {
	path := t.TempDir() + "/j.db"
	j := open(t, path, sqlite.Options{})
	large := strings.Repeat("x", 100<<10)
	for i := range 3000 {
		data := fmt.Appendf(nil, `{"n":%d}`, i)
		if i%500 == 0 {
			data = []byte(large)
		}
		w := journal.Write{Stream: fmt.Sprint("s", i%7), Expect: journal.Any, Key: fmt.Sprint(i), Events: []journal.Event{
			{Type: "t", At: time.Now().Add(time.Duration(i)), Data: data}}}
		if i%3 == 0 {
			w.Key = ""
			w.Events = append(w.Events, journal.Event{Type: "u", At: time.Now()})
		}
		if _, err := j.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		clear(data) // it is the caller's again
	}
	_, head, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[journal.Pos][]journal.Event{}
	for after := range head {
		if got[after], err = j.Read(t.Context(), after, 1+int(after)%40, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path, sqlite.Options{})
	for after := range head {
		want, err := again.Read(t.Context(), after, 1+int(after)%40, 0)
		if err != nil || !reflect.DeepEqual(want, got[after]) {
			t.Fatalf("after %d: %v\nfrom the file %+v\nfrom memory %+v", after, err, want, got[after])
		}
	}
}

func TestFilesAreTheirOwnersAlone(t *testing.T) {
	path := t.TempDir() + "/j.db"
	j := open(t, path, sqlite.Options{})
	fill(t, j, 1)
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", suffix, info, err)
		}
	}
}

// A full file refuses with ErrFull and writes nothing; when there is room again it goes on by itself.
func TestFull(t *testing.T) {
	path := t.TempDir() + "/j.db"
	j := open(t, path, sqlite.Options{MaxPages: 64})
	data := []byte(`"` + string(make([]byte, 0, 8192)) + fmt.Sprintf("%08000d", 1) + `"`)
	kept := 0
	for ; kept < 1000; kept++ {
		_, err := j.Append(t.Context(), journal.Write{Stream: "a", Expect: uint64(kept), Key: fmt.Sprint(kept), Events: []journal.Event{{Type: "t", Data: data}}})
		if errors.Is(err, journal.ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if kept == 0 || kept == 1000 {
		t.Fatalf("full after %d appends", kept)
	}
	if got, err := j.Read(t.Context(), 0, 2000, 0); err != nil || len(got) != kept {
		t.Fatalf("%d events, %v; want %d", len(got), err, kept)
	}
	if err := j.Trim(t.Context(), journal.Pos(kept-1)); err != nil {
		t.Fatalf("make room: %v", err)
	}
	w := journal.Write{Stream: "a", Expect: uint64(kept), Key: fmt.Sprint(kept), Events: []journal.Event{{Type: "t", Data: data}}}
	if r, err := j.Append(t.Context(), w); err != nil || r.Pos != journal.Pos(kept+1) {
		t.Fatalf("after room was made: %+v %v", r, err)
	}
}

func TestTypesOfAJournalInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if types, err := sqlite.Types(t.Context(), path); len(types) > 0 || err != nil {
		t.Errorf("of no journal: %q, %v", types, err)
	}
	j, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, kind := range []string{"a.b", "c.d", "a.b"} {
		w := journal.Write{Stream: "s", Expect: journal.Any, Events: []journal.Event{{Type: kind, At: time.Now(), Data: []byte("{}")}}}
		if _, err := j.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	types, err := sqlite.Types(t.Context(), path)
	if slices.Sort(types); err != nil || !slices.Equal(types, []string{"a.b", "c.d"}) {
		t.Errorf("got %q, %v", types, err)
	}
}
