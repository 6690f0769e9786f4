package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"testing"

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

func TestVerifyNamesWhatWasChanged(t *testing.T) {
	for stmt, pos := range map[string]journal.Pos{
		"SELECT 1": 0,
		"UPDATE events SET data=x'7b7d' WHERE pos=7": 7,
		"DELETE FROM events WHERE pos=7":             8,
		"DELETE FROM events WHERE pos=4":             5,
	} {
		path := t.TempDir() + "/j.db"
		j := open(t, path, sqlite.Options{})
		fill(t, j, 12)
		if err := j.Trim(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		j.Close()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(stmt); err != nil {
			t.Fatal(err)
		}
		db.Close()
		got, err := sqlite.Verify(t.Context(), path)
		if err != nil || (pos == 0) != (len(got) == 0) || pos != 0 && got[0].Pos != pos {
			t.Errorf("%s: %v %v, want position %d", stmt, got, err, pos)
		}
	}
}

func TestExportComesBackAndAlteredIsRefused(t *testing.T) {
	j := open(t, t.TempDir()+"/a.db", sqlite.Options{})
	fill(t, j, 5)
	var out bytes.Buffer
	if err := j.Export(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	b := open(t, t.TempDir()+"/b.db", sqlite.Options{})
	if err := b.ImportFrom(t.Context(), bytes.NewReader(out.Bytes())); err != nil {
		t.Fatal(err)
	}
	if _, head, _ := b.Bounds(t.Context()); head != 5 {
		t.Errorf("head %d, want 5", head)
	}
	c := open(t, t.TempDir()+"/c.db", sqlite.Options{})
	if err := c.ImportFrom(t.Context(), bytes.NewReader(bytes.Replace(out.Bytes(), []byte(`"n":1`), []byte(`"n":2`), 1))); err == nil {
		t.Error("an altered export was taken")
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
