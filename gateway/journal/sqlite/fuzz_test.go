package sqlite_test

import (
	"bytes"
	"testing"

	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
)

// FuzzImport feeds damaged exports: what is accepted must be what was exported.
func FuzzImport(f *testing.F) {
	j := open(f, f.TempDir()+"/j.db", sqlite.Options{})
	for i := range uint64(3) {
		if _, err := j.Append(f.Context(), journal.Write{Stream: "a", Expect: i, Key: string(rune('a' + i)), Events: []journal.Event{{Type: "t", Data: []byte(`{"n":1}`)}}}); err != nil {
			f.Fatal(err)
		}
	}
	var whole bytes.Buffer
	if err := j.Export(f.Context(), &whole); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:whole.Len()/2])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		to := open(t, t.TempDir()+"/j.db", sqlite.Options{})
		if err := to.ImportFrom(t.Context(), bytes.NewReader(raw)); err != nil {
			return
		}
		var again bytes.Buffer
		if err := to.Export(t.Context(), &again); err != nil {
			t.Fatal(err)
		}
		second := open(t, t.TempDir()+"/k.db", sqlite.Options{})
		if err := second.ImportFrom(t.Context(), &again); err != nil {
			t.Errorf("its own export is refused: %v", err)
		}
	})
}
