package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
)

func fill(t *testing.T, j *sqlite.Journal, n int) {
	t.Helper()
	for i := range n {
		w := journal.Write{Stream: fmt.Sprint("s", i%3), Expect: journal.Any, Key: fmt.Sprint("k", i),
			Events: []journal.Event{{Type: "x", Data: []byte(`{"n":1}`)}}}
		if _, err := j.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
}

// filled returns the path of a journal of 12 events whose first 3 are trimmed; logged leaves the rest in the
// write-ahead log, as a kill does.
func filled(t *testing.T, logged bool) string {
	t.Helper()
	path := t.TempDir() + "/j.db"
	j := open(t, path, sqlite.Options{})
	fill(t, j, 12)
	if err := j.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if !logged {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	killed := t.TempDir() + "/k.db"
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+suffix, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return killed
}

func verified(t *testing.T, path string) journal.Report {
	t.Helper()
	r, err := sqlite.Verify(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyNamesWhatWasChanged(t *testing.T) {
	for stmt, want := range map[string]string{
		"SELECT 1": "",
		"UPDATE events SET data=x'7b7d' WHERE pos=7":                             `position 7: stream "s0": the row was altered`,
		"UPDATE events SET at=at+1 WHERE pos=7":                                  `position 7: stream "s0": the row was altered`,
		"DELETE FROM events WHERE pos=7":                                         `position 8: stream "s1": positions 7 to 7 are missing`,
		"DELETE FROM events WHERE pos=4":                                         `position 5: stream "s1": positions 4 to 4 are missing`,
		"DELETE FROM events WHERE pos=12":                                        `stream "s2": its head says version 4 at position 12`,
		"DELETE FROM events":                                                     "its head says",
		"UPDATE heads SET version=9 WHERE stream='s1'":                           `stream "s1": its head says version 9`,
		"DELETE FROM heads WHERE stream='s1'":                                    `position 11: stream "s1": the stream has no head`,
		"DELETE FROM keys WHERE key='k5'":                                        "position 6: stream \"s2\": its key is not among the keys",
		"UPDATE keys SET pos=8 WHERE key='k5'":                                   "position 6: stream \"s2\": its key is not among the keys",
		"INSERT INTO keys VALUES('x',8,1)":                                       "position 8: a key names this position",
		"DELETE FROM keys WHERE key='k1'; UPDATE trims SET pos=2":                "position 4: stream \"s0\": positions 3 to 3 are missing",
		"DROP TABLE events":                                                      "no such table",
		"DROP TABLE trims":                                                       "no journal",
		"UPDATE trims SET pos=0; DELETE FROM events; DELETE FROM heads; ANALYZE": "a key names this position",
	} {
		path := filled(t, false)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(stmt); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
		db.Close()
		got := verified(t, path).Findings
		if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0].String(), want) {
			t.Errorf("%s: %v, want %q", stmt, got, want)
		}
	}
}

func TestVerifyFindsTornFiles(t *testing.T) {
	alter := func(suffix string, f func([]byte) []byte) func(string) error {
		return func(path string) error {
			raw, err := os.ReadFile(path + suffix)
			if err != nil {
				return err
			}
			return os.WriteFile(path+suffix, f(raw), 0o600)
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 0xff; return b }
	}
	for _, c := range []struct {
		name   string
		logged bool
		damage func(path string) error
		want   string
	}{
		{"whole file", false, func(string) error { return nil }, ""},
		{"whole log", true, func(string) error { return nil }, ""},
		{"half a file", false, alter("", func(b []byte) []byte { return b[:len(b)/2] }), "malformed"},
		{"no file", false, alter("", func(b []byte) []byte { return nil }), "no journal"},
		{"another file", false, alter("", func(b []byte) []byte { return []byte(strings.Repeat("hello ", 2000)) }), "not a database"},
		{"log torn in its last frame", true, alter("-wal", func(b []byte) []byte { return b[:len(b)-100] }), ""},
		{"log altered in its last frame", true, alter("-wal", func(b []byte) []byte { b[len(b)-100] ^= 1; return b }), ""},
		{"log altered in the middle", true, alter("-wal", flip(logHead+3*frameBytes+500)), "frame 4 is damaged"},
		{"log altered in the head of a frame", true, alter("-wal", flip(logHead+2*frameBytes+17)), "frame 3 is damaged"},
		{"log without its head", true, alter("-wal", flip(9)), "frame 0 is damaged"},
	} {
		path := filled(t, c.logged)
		if err := c.damage(path); err != nil {
			t.Fatal(err)
		}
		got := verified(t, path).Findings
		if (c.want == "") != (len(got) == 0) || c.want != "" && !strings.Contains(got[0].String(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, got, c.want)
		}
	}
}

// Sizes of the write-ahead log's parts, with pages of 4096 bytes.
const logHead, frameBytes = 32, 24 + 4096

func TestVerifySeesAJournalInUseAsWhole(t *testing.T) {
	path := t.TempDir() + "/j.db"
	j := open(t, path, sqlite.Options{})
	var stop atomic.Bool
	var writing sync.WaitGroup
	for caller := range 8 {
		writing.Go(func() {
			for i := 0; !stop.Load(); i++ {
				w := journal.Write{Stream: fmt.Sprint("s", i%50), Expect: journal.Any, Key: fmt.Sprint(caller, "/", i),
					Events: []journal.Event{{Type: "x", Data: payload}}}
				if _, err := j.Append(t.Context(), w); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 15 {
		time.Sleep(10 * time.Millisecond)
		if r := verified(t, path); len(r.Findings) > 0 {
			t.Errorf("findings in a journal that is only in use: %v", r.Findings)
		}
	}
	stop.Store(true)
	writing.Wait()
	if _, head, _ := j.Bounds(t.Context()); verified(t, path).Head != head {
		t.Errorf("verified up to %d, the journal has %d", verified(t, path).Head, head)
	}
}

func TestFullDiskIsRefusedWithNothingWritten(t *testing.T) {
	path := t.TempDir() + "/j.db"
	j := open(t, path, sqlite.Options{MaxPages: 20})
	var n journal.Pos
	var err error
	for ; n < 100 && err == nil; n++ {
		_, err = j.Append(t.Context(), journal.Write{Stream: "s", Expect: journal.Any, Events: []journal.Event{{Type: "x", Data: make([]byte, 9000)}}})
	}
	if !errors.Is(err, journal.ErrFull) {
		t.Fatalf("%v after %d, want ErrFull", err, n)
	}
	if _, head, _ := j.Bounds(t.Context()); head != n-1 || j.Healthy() != nil {
		t.Errorf("head %d, want %d; %v", head, n-1, j.Healthy())
	}
	if err := j.Trim(t.Context(), n-2); err != nil {
		t.Fatal(err)
	}
	fill(t, j, 1)
}
