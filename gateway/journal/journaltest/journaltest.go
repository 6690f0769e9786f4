// Package journaltest is the journal's contract as tests. Every engine passes [Run]; the durable ones also
// pass a crash suite of their own that kills real processes.
package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"backline/gateway/journal"
)

// Engine makes journals to test.
type Engine struct {
	// Open returns an empty journal.
	Open func(t *testing.T) journal.Journal
	// Reopen closes j and opens the same record again; nil when the engine has no disk.
	Reopen func(t *testing.T, j journal.Journal) journal.Journal
}

// Run tests an engine.
func Run(t *testing.T, e Engine) {
	tests := []struct {
		name string
		run  func(*testing.T, Engine)
	}{
		{"positions are dense and versions count per stream", order},
		{"what was written comes back byte by byte", bytesKept},
		{"an append is written whole or not at all", whole},
		{"an unexpected version is a conflict", conflicts},
		{"a guard holds back", guards},
		{"a guard holds back who has the version of another's append", guardsByKey},
		{"a key is written once", keys},
		{"one of many racing appends wins", race},
		{"a key that races is written once", raceOfKeys},
		{"limits refuse and write nothing", limits},
		{"read waits for the first event", waits},
		{"tail follows across a reopening", follow},
		{"trim keeps keys, versions and the last event", trims},
		{"an export fills an empty journal with the same record", exports},
		{"an export of a trimmed journal begins where it does", exportsTrimmed},
		{"an import that does not fit is refused", importsWhatFits},
		{"a closed journal says so", closes},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { c.run(t, e) })
	}
}

// at has microseconds, as journals store them.
var at = time.Date(2026, 3, 4, 5, 6, 7, 890_123_000, time.UTC)

func one(stream, key string, expect uint64) journal.Write {
	return journal.Write{Stream: stream, Key: key, Expect: expect, Events: []journal.Event{{Type: "t", At: at, Data: []byte(`{}`)}}}
}

func must(t *testing.T, j journal.Journal, w journal.Write) journal.Receipt {
	t.Helper()
	r, err := j.Append(t.Context(), w)
	if err != nil {
		t.Fatalf("append to %s: %v", w.Stream, err)
	}
	return r
}

func all(t *testing.T, j journal.Journal, after journal.Pos) []journal.Event {
	t.Helper()
	events, err := j.Read(t.Context(), after, 10_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func order(t *testing.T, e Engine) {
	j := e.Open(t)
	w := journal.Write{Stream: "a", Expect: 0, Key: "k1", Events: []journal.Event{
		{Type: "one", At: at, Data: []byte(`{"n":1}`)}, {Type: "two", At: at.Add(time.Microsecond), Data: []byte(`{"n":2}`)}}}
	if r := must(t, j, w); r != (journal.Receipt{Pos: 2, Version: 2}) {
		t.Errorf("receipt %+v", r)
	}
	if r := must(t, j, one("b", "", 0)); r != (journal.Receipt{Pos: 3, Version: 1}) {
		t.Errorf("receipt %+v", r)
	}
	must(t, j, one("a", "k2", 2))
	want := []journal.Event{
		{Pos: 1, Stream: "a", Version: 1, Type: "one", At: at, Data: []byte(`{"n":1}`)},
		{Pos: 2, Stream: "a", Version: 2, Type: "two", At: at.Add(time.Microsecond), Key: "k1", Data: []byte(`{"n":2}`)},
		{Pos: 3, Stream: "b", Version: 1, Type: "t", At: at, Data: []byte(`{}`)},
		{Pos: 4, Stream: "a", Version: 3, Type: "t", At: at, Key: "k2", Data: []byte(`{}`)},
	}
	if d := cmp.Diff(want, all(t, j, 0)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want[2:], all(t, j, 2)); d != "" {
		t.Error(d)
	}
	if trimmed, head, err := j.Bounds(t.Context()); trimmed != 0 || head != 4 || err != nil {
		t.Error(trimmed, head, err)
	}
	if few, err := j.Read(t.Context(), 0, 2, 0); len(few) != 2 || err != nil {
		t.Error(few, err)
	}
}

func bytesKept(t *testing.T, e Engine) {
	j := e.Open(t)
	odd := []string{"\x00", " ", "  1 2 3 ", "a\x00b", "\xff\xfe", "ü📎", "'\"", "%", "\n"}
	var want []journal.Event
	for i, s := range odd {
		for k, data := range []string{s, strings.Repeat(s, 3000), "{}", ""} {
			ev := journal.Event{Type: s, At: at.AddDate(-20*i, 0, 0), Data: []byte(data)}
			r := must(t, j, journal.Write{Stream: s + "/" + s, Expect: journal.Any, Key: s + fmt.Sprint(k), Events: []journal.Event{ev}})
			ev.Pos, ev.Stream, ev.Version, ev.Key = r.Pos, s+"/"+s, r.Version, s+fmt.Sprint(k)
			want = append(want, ev)
		}
	}
	if d := cmp.Diff(want, all(t, j, 0), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func whole(t *testing.T, e Engine) {
	j := e.Open(t)
	w := one("a", "", 0)
	w.Events = append(w.Events, journal.Event{Type: "", At: at})
	if _, err := j.Append(t.Context(), w); !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("%v, want ErrInvalid", err)
	}
	if got := all(t, j, 0); len(got) != 0 {
		t.Error(got)
	}
}

func conflicts(t *testing.T, e Engine) {
	j := e.Open(t)
	must(t, j, one("a", "", 0))
	for _, expect := range []uint64{0, 2} {
		_, err := j.Append(t.Context(), one("a", "", expect))
		var c *journal.Conflict
		if !errors.As(err, &c) || c.Stream != "a" || c.Want != expect || c.Have != 1 || c.Guarded {
			t.Errorf("expect %d: %v", expect, err)
		}
	}
	if r := must(t, j, one("a", "", journal.Any)); r.Version != 2 {
		t.Errorf("%+v", r)
	}
}

func guards(t *testing.T, e Engine) {
	j := e.Open(t)
	must(t, j, one("lease", "", 0))
	w := one("a", "k", 0)
	w.Guard = &journal.Guard{Stream: "lease", Version: 2}
	_, err := j.Append(t.Context(), w)
	var c *journal.Conflict
	if !errors.As(err, &c) || !c.Guarded || c.Stream != "lease" || c.Have != 1 {
		t.Fatalf("%v, want a guarded conflict", err)
	}
	w.Guard.Version = 1
	must(t, j, w)
	w.Guard.Version = 9
	if r, err := j.Append(t.Context(), w); err != nil || !r.Dup {
		t.Errorf("%+v %v: a known key comes before the guard", r, err)
	}
}

func guardsByKey(t *testing.T, e Engine) {
	j := e.Open(t)
	must(t, j, one("lease", "mine", 0))
	must(t, j, one("other", "elsewhere", 0)) // is at version 1, too
	must(t, j, one("other", "later", 1))
	guarded := func(version uint64, key string) journal.Write {
		w := one("a", "", journal.Any)
		w.Guard = &journal.Guard{Stream: "lease", Version: version, Key: key}
		return w
	}
	refused := func(j journal.Journal, w journal.Write, have uint64) {
		t.Helper()
		r, err := j.Append(t.Context(), w)
		var c *journal.Conflict
		if !errors.As(err, &c) || !c.Guarded || c.Stream != "lease" || c.Want != w.Guard.Version || c.Have != have {
			t.Errorf("guard %+v: %+v %v, want a guarded conflict that has %d", *w.Guard, r, err, have)
		}
	}
	must(t, j, guarded(1, "mine"))
	refused(j, guarded(1, "theirs"), 1)
	refused(j, guarded(1, "later"), 1) // known, but another version
	refused(j, guarded(2, "mine"), 1)
	refused(j, guarded(2, "later"), 1)
	must(t, j, one("lease", "theirs", 1))
	refused(j, guarded(1, "mine"), 2)
	refused(j, guarded(2, "mine"), 2)
	if e.Reopen != nil {
		j = e.Reopen(t, j)
	}
	must(t, j, guarded(2, "theirs"))
	refused(j, guarded(2, "mine"), 2)
	invalid := guarded(2, "theirs")
	invalid.Guard.Stream = ""
	if _, err := j.Append(t.Context(), invalid); !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("a guard without a stream: %v, want ErrInvalid", err)
	}
	if got := len(all(t, j, 0)); got != 6 {
		t.Errorf("%d events, want 6: what was refused wrote nothing", got)
	}
}

func keys(t *testing.T, e Engine) {
	j := e.Open(t)
	first := must(t, j, one("a", "k", 0))
	must(t, j, one("a", "", 1))
	for _, w := range []journal.Write{one("a", "k", 0), one("a", "k", 99), one("b", "k", 0)} {
		r := must(t, j, w)
		if want := (journal.Receipt{Pos: first.Pos, Version: first.Version, Dup: true}); r != want {
			t.Errorf("%+v, want %+v", r, want)
		}
	}
	if got := len(all(t, j, 0)); got != 2 {
		t.Errorf("%d events", got)
	}
}

func race(t *testing.T, e Engine) {
	j := e.Open(t)
	const callers, rounds = 16, 20
	for round := range rounds {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range callers {
			wg.Go(func() {
				_, err := j.Append(t.Context(), one("a", "", uint64(round)))
				var c *journal.Conflict
				switch {
				case err == nil:
					mu.Lock()
					won++
					mu.Unlock()
				case !errors.As(err, &c):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("round %d: %d appends won", round, won)
		}
	}
}

func raceOfKeys(t *testing.T, e Engine) {
	j := e.Open(t)
	const callers, rounds = 64, 10
	for round := range rounds {
		var wg sync.WaitGroup
		receipts := make([]journal.Receipt, callers)
		for i := range callers {
			wg.Go(func() {
				r, err := j.Append(t.Context(), one(fmt.Sprint("s", i%3), fmt.Sprint("k", round), journal.Any))
				if err != nil {
					t.Error(err)
				}
				receipts[i] = r
			})
		}
		wg.Wait()
		first := 0
		for _, r := range receipts {
			if !r.Dup {
				first++
			}
			if r.Pos != journal.Pos(round+1) {
				t.Errorf("round %d: %+v, want position %d for all", round, r, round+1)
			}
		}
		if first != 1 {
			t.Errorf("round %d: %d appends were the first", round, first)
		}
	}
}

func limits(t *testing.T, e Engine) {
	j := e.Open(t)
	long := make([]byte, journal.MaxDataBytes+1)
	tooMany := one("a", "", journal.Any)
	for range journal.MaxEvents {
		tooMany.Events = append(tooMany.Events, tooMany.Events[0])
	}
	big := one("a", "", journal.Any)
	big.Events[0].Data = long
	for name, w := range map[string]journal.Write{
		"no stream":  one("", "", journal.Any),
		"long name":  one(string(long[:journal.MaxStreamBytes+1]), "", journal.Any),
		"long key":   one("a", string(long[:journal.MaxKeyBytes+1]), journal.Any),
		"no events":  {Stream: "a", Expect: journal.Any},
		"many":       tooMany,
		"large data": big,
	} {
		if _, err := j.Append(t.Context(), w); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	if got := all(t, j, 0); len(got) != 0 {
		t.Error(got)
	}
}

func waits(t *testing.T, e Engine) {
	j := e.Open(t)
	got := make(chan []journal.Event, 1)
	go func() {
		events, err := j.Read(t.Context(), 0, 10, time.Minute)
		if err != nil {
			t.Error(err)
		}
		got <- events
	}()
	must(t, j, one("a", "", 0))
	if events := <-got; len(events) != 1 {
		t.Error(events)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Read(ctx, 1, 10, time.Minute); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func follow(t *testing.T, e Engine) {
	j := e.Open(t)
	must(t, j, one("a", "", 0))
	must(t, j, one("a", "", 1))
	last := journal.Pos(0)
	for ev, err := range journal.Tail(t.Context(), j, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if last = ev.Pos; last == 2 {
			break
		}
	}
	if e.Reopen != nil {
		j = e.Reopen(t, j)
	}
	var writing sync.WaitGroup
	defer writing.Wait() // an event may be read before its append has returned
	writing.Go(func() {
		for i := range 50 {
			if _, err := j.Append(t.Context(), one("b", fmt.Sprint(i), uint64(i))); err != nil {
				t.Error(err)
			}
		}
	})
	for ev, err := range journal.Tail(t.Context(), j, last) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Pos != last+1 {
			t.Fatalf("position %d follows %d", ev.Pos, last)
		}
		if last = ev.Pos; last == 52 {
			break
		}
	}
}

func trims(t *testing.T, e Engine) {
	j := e.Open(t)
	for i := range 5 {
		must(t, j, one("a", fmt.Sprint("k", i), uint64(i)))
	}
	if err := j.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Read(t.Context(), 0, 10, 0); !errors.Is(err, journal.ErrTrimmed) {
		t.Errorf("%v, want ErrTrimmed", err)
	}
	if r := must(t, j, one("a", "k0", 0)); !r.Dup || r.Pos != 1 {
		t.Errorf("%+v: the key is forgotten", r)
	}
	if err := j.Trim(t.Context(), 99); err != nil {
		t.Fatal(err)
	}
	if e.Reopen != nil {
		j = e.Reopen(t, j)
	}
	if trimmed, head, err := j.Bounds(t.Context()); trimmed != 4 || head != 5 || err != nil {
		t.Error(trimmed, head, err)
	}
	if got := all(t, j, 4); len(got) != 1 || got[0].Pos != 5 {
		t.Error(got)
	}
	if r := must(t, j, one("a", "", 5)); r.Pos != 6 || r.Version != 6 {
		t.Errorf("%+v", r)
	}
}

// fillable is the journal as one that an export can fill. A journal that lies before another one is none.
func fillable(t *testing.T, j journal.Journal) journal.Restorer {
	t.Helper()
	to, ok := j.(journal.Restorer)
	if !ok {
		t.Skipf("%T is not filled itself", j)
	}
	return to
}

// restored exports j into a new journal of the same engine.
func restored(t *testing.T, e Engine, j journal.Journal) journal.Journal {
	t.Helper()
	var out bytes.Buffer
	if err := journal.Export(t.Context(), j, &out); err != nil {
		t.Fatal(err)
	}
	to := e.Open(t)
	if err := journal.ImportFrom(t.Context(), fillable(t, to), &out); err != nil {
		t.Fatal(err)
	}
	return to
}

func exports(t *testing.T, e Engine) {
	j := e.Open(t)
	for i := range 1500 { // more than one batch
		w := one(fmt.Sprint("s", i%7), "", journal.Any)
		if i%2 == 0 {
			w.Key = fmt.Sprint("k", i)
		}
		w.Events[0].Data = []byte([]string{`{"n":1}`, ` { "n" : 1 }`, "", "null", "\xff\x00", `"ü\u2028<&>"`}[i%6])
		w.Events = append(w.Events, journal.Event{Type: "u", At: at.Add(time.Duration(i) * time.Microsecond), Data: []byte(`[]`)})
		must(t, j, w)
	}
	to := restored(t, e, j)
	if e.Reopen != nil {
		to = e.Reopen(t, to)
	}
	if d := cmp.Diff(all(t, j, 0), all(t, to, 0), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if r := must(t, to, one("other", "k1498", 0)); !r.Dup || r.Pos != 2998 {
		t.Errorf("%+v: the key is forgotten", r)
	}
	if r := must(t, to, one("s0", "", 430)); r.Dup || r.Pos != 3001 {
		t.Errorf("%+v: it goes on otherwise", r)
	}
}

func exportsTrimmed(t *testing.T, e Engine) {
	j := e.Open(t)
	for i := range 5 {
		must(t, j, one("a", fmt.Sprint("k", i), uint64(i)))
	}
	if err := j.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	to := restored(t, e, j)
	if trimmed, head, err := to.Bounds(t.Context()); trimmed != 3 || head != 5 || err != nil {
		t.Error(trimmed, head, err)
	}
	if _, err := to.Read(t.Context(), 0, 10, 0); !errors.Is(err, journal.ErrTrimmed) {
		t.Errorf("%v, want ErrTrimmed", err)
	}
	if r := must(t, to, one("a", "", 5)); r.Pos != 6 || r.Version != 6 {
		t.Errorf("%+v", r)
	}
}

func importsWhatFits(t *testing.T, e Engine) {
	j := e.Open(t)
	must(t, j, one("a", "", 0))
	first := all(t, j, 0)[0]
	for _, pos := range []journal.Pos{1, 3} {
		ev := first
		ev.Pos, ev.Version = pos, 2
		if err := fillable(t, j).Import(t.Context(), []journal.Event{ev}); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("position %d after 1: %v, want ErrInvalid", pos, err)
		}
	}
	var out bytes.Buffer
	if err := journal.Export(t.Context(), j, &out); err != nil {
		t.Fatal(err)
	}
	if err := journal.ImportFrom(t.Context(), fillable(t, j), &out); err == nil {
		t.Error("an export was taken into a journal that is not empty")
	}
	if got := len(all(t, j, 0)); got != 1 {
		t.Errorf("%d events", got)
	}
}

func closes(t *testing.T, e Engine) {
	j := e.Open(t)
	must(t, j, one("a", "", 0))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), one("a", "", 1)); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if _, err := j.Read(t.Context(), 0, 1, 0); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}
