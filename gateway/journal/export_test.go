package journal_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/memory"
)

func exported(t testing.TB, j journal.Journal) string {
	t.Helper()
	var out bytes.Buffer
	if err := journal.Export(t.Context(), j, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func filled(t testing.TB) *memory.Journal {
	t.Helper()
	j := memory.New()
	for i := range uint64(3) {
		w := journal.Write{Stream: "a", Expect: i, Key: fmt.Sprint("k", i), Events: []journal.Event{{Type: "t", At: time.UnixMicro(1), Data: []byte(`{"n":1}`)}}}
		if _, err := j.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestDamagedExportsAreRefused(t *testing.T) {
	whole := exported(t, filled(t))
	for name, c := range map[string]struct{ export, want string }{
		"altered":             {strings.Replace(whole, `"n":1`, `"n":2`, 1), "altered"},
		"a key altered":       {strings.Replace(whole, `"k2"`, `"k3"`, 1), "altered"},
		"a line missing":      {whole[:strings.Index(whole, `{"pos":2`)] + whole[strings.Index(whole, `{"pos":3`):], "out of order"},
		"a version missing":   {strings.Replace(whole, `"version":2`, `"version":3`, 1), "version 3 follows 1"},
		"without a trailer":   {whole[:strings.Index(whole, `{"sha256"`)], "cut off"},
		"half":                {whole[:len(whole)/2], "import position"},
		"nothing":             {"", "empty"},
		"another file":        {"PK\x03\x04", "no export"},
		"of a later format":   {strings.Replace(whole, `"backline_journal":"1"`, `"backline_journal":"2"`, 1), "format 1"},
		"data in two forms":   {strings.Replace(whole, `"data":{"n":1}`, `"data":{"n":1},"bytes":""`, 1), "incomplete"},
		"no data":             {strings.Replace(whole, `,"data":{"n":1}`, ``, 1), "incomplete"},
		"a stream too long":   {strings.Replace(whole, `"stream":"a"`, `"stream":"`+strings.Repeat("a", 300)+`"`, 1), "1 to 256 bytes"},
		"a line that is huge": {whole[:30] + strings.Repeat("x", 2<<20), "too long"},
	} {
		err := journal.ImportFrom(t.Context(), memory.New(), strings.NewReader(c.export))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := journal.ImportFrom(t.Context(), memory.New(), strings.NewReader(whole)); err != nil {
		t.Errorf("whole: %v", err)
	}
}

func TestWhatIsNoTextIsNotExportedAltered(t *testing.T) {
	j := filled(t)
	w := journal.Write{Stream: "a\xff", Expect: journal.Any, Events: []journal.Event{{Type: "t"}}}
	if _, err := j.Append(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if err := journal.Export(t.Context(), j, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "export position 4") {
		t.Errorf("%v, want the position refused", err)
	}
}

// FuzzImport feeds damaged exports: what is accepted must be what was exported.
func FuzzImport(f *testing.F) {
	whole := exported(f, filled(f))
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)/2]))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		to := memory.New()
		if err := journal.ImportFrom(t.Context(), to, bytes.NewReader(raw)); err != nil {
			return
		}
		second := memory.New()
		if err := journal.ImportFrom(t.Context(), second, strings.NewReader(exported(t, to))); err != nil {
			t.Fatalf("its own export is refused: %v", err)
		}
		_, head, _ := to.Bounds(t.Context())
		if _, again, _ := second.Bounds(t.Context()); again != head {
			t.Errorf("%d events came back of %d", again, head)
		}
	})
}
