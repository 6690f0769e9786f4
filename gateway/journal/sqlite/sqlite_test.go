package sqlite_test

import (
	"context"
	"testing"
	"time"

	"backline/gateway/journal"
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

func TestRoundTrip(t *testing.T) {
	j := open(t, t.TempDir()+"/j.db", sqlite.Options{})
	r, err := j.Append(t.Context(), journal.Write{Stream: "a", Key: "k", Events: []journal.Event{{Type: "x", At: time.Now(), Data: []byte(`{"a":1}`)}}})
	if err != nil || r.Pos != 1 || r.Version != 1 {
		t.Fatal(r, err)
	}
	r, err = j.Append(t.Context(), journal.Write{Stream: "a", Key: "k", Events: []journal.Event{{Type: "x", At: time.Now(), Data: []byte(`{"a":1}`)}}})
	if err != nil || !r.Dup || r.Pos != 1 {
		t.Fatal(r, err)
	}
	got, err := j.Read(t.Context(), 0, 10, 0)
	if err != nil || len(got) != 1 || got[0].Key != "k" {
		t.Fatal(got, err)
	}
}
