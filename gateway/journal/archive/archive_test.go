package archive_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway/journal"
	"backline/gateway/journal/archive"
	"backline/gateway/journal/journaltest"
	"backline/gateway/journal/memory"
)

const (
	keep = 30 * 24 * time.Hour
	size = 200 // events of a segment

	apart = 8 * time.Hour // from one event to the next
)

// kept outlives the Close of a node, as the shared journal does.
type kept struct{ *memory.Journal }

func (kept) Close() error { return nil }

// node is one of several that share a journal.
type node struct {
	*archive.Journal
	folder *archive.Folder
	peers  []*node // that live
}

func newNode(t *testing.T, shared *memory.Journal, dir string, peers ...*node) *node {
	t.Helper()
	f, err := archive.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	f.Cut(size)
	n := &node{folder: f, peers: peers}
	n.Journal = archive.New(archive.Options{Folder: f, Shared: kept{shared}, Keep: keep, Leads: func() bool { return true }, Fetch: n.fetch, Everywhere: n.everywhere})
	return n
}

func (n *node) fetch(_ context.Context, after journal.Pos, sum uint64) ([]byte, error) {
	for _, p := range n.peers {
		if file, err := p.folder.File(after, sum); !errors.Is(err, archive.ErrNone) {
			return file, err
		}
	}
	return nil, archive.ErrNone
}

func (n *node) everywhere(ctx context.Context, pos journal.Pos, sum uint64) error {
	for _, p := range n.peers {
		if err := p.folder.Has(ctx, pos, sum); err != nil {
			return err
		}
	}
	if len(n.peers) == 0 {
		return errors.New("alone")
	}
	return nil
}

// run lets nodes do their work for a while.
func run(t *testing.T, d time.Duration, nodes ...*node) {
	t.Helper()
	stop := running(t, nodes...)
	time.Sleep(d)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// running has nodes do their work until the returned function is called, which gives the errors of Run.
func running(t *testing.T, nodes ...*node) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { done <- n.Run(ctx) }()
	}
	return func() (err error) {
		cancel()
		for range nodes {
			err = errors.Join(err, <-done)
		}
		return err
	}
}

// filled is a shared journal with events, the last of which is of this moment.
func filled(t *testing.T, events int, apart time.Duration, text string) *memory.Journal {
	t.Helper()
	j := memory.New()
	at := time.Now().Add(-time.Duration(events) * apart)
	var all []journal.Event
	for i := range events {
		all = append(all, journal.Event{Pos: uint64(i + 1), Stream: fmt.Sprint("s", i%7), Version: uint64(i/7 + 1), Type: "said", At: at.Add(time.Duration(i+1) * apart),
			Key: fmt.Sprint("k", i), Data: fmt.Appendf(nil, `{"text":%q}`, text)})
	}
	if err := j.Import(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	return j
}

// all reads a journal to its head.
func all(t *testing.T, j journal.Journal) []journal.Event {
	t.Helper()
	_, head, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []journal.Event
	for journal.Pos(len(out)) < head {
		events, err := j.Read(t.Context(), journal.Pos(len(out)), 70, 10*time.Second)
		if err != nil || len(events) == 0 {
			t.Fatalf("after %d of %d: %v", len(out), head, err)
		}
		out = append(out, events...)
	}
	return out
}

func wantAll(t *testing.T, j journal.Journal, want []journal.Event) {
	t.Helper()
	if got := all(t, j); !reflect.DeepEqual(got, want) {
		t.Errorf("%d events, want %d, or they are not the same: %.1000s", len(got), len(want), cmp.Diff(want[:10], got[:10]))
	}
}

func wantBounds(t *testing.T, j journal.Journal, trimmed journal.Pos) {
	t.Helper()
	if got, _, err := j.Bounds(t.Context()); err != nil || got != trimmed {
		t.Errorf("trimmed up to %d (%v), want %d", got, err, trimmed)
	}
}

func TestConformance(t *testing.T) {
	journaltest.Run(t, journaltest.Engine{Open: func(t *testing.T) journal.Journal {
		f, err := archive.OpenFolder(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return archive.New(archive.Options{Folder: f, Shared: memory.New()})
	}})
}

// Four segments of events: 300 days.
func TestWhatIsOldLeavesTheSharedJournalAndIsReadAsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := filled(t, 4*size+100, apart, "hello")
		want := all(t, shared)
		a, b := newNode(t, shared, t.TempDir()), newNode(t, shared, t.TempDir())
		a.peers, b.peers = []*node{b}, []*node{a}
		run(t, 20*time.Minute, a, b)
		young := int(keep / apart)
		cut := (len(want) - young) / size * size
		wantBounds(t, shared, journal.Pos(cut-1))
		late := newNode(t, shared, t.TempDir(), b) // comes later, and has nothing
		stop := running(t, late)
		for _, n := range []*node{a, b, late} {
			wantAll(t, n, want)
			wantBounds(t, n, 0)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestNothingIsDroppedWhileANodeLacksIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := filled(t, 4*size, apart, "hello")
		a, b := newNode(t, shared, t.TempDir()), newNode(t, shared, t.TempDir())
		run(t, 20*time.Minute, a)
		wantBounds(t, shared, 0) // alone
		a.peers = []*node{b}
		run(t, 20*time.Minute, a)
		wantBounds(t, shared, 0) // b has written nothing
		run(t, 20*time.Minute, a, b)
		if trimmed, _, _ := shared.Bounds(t.Context()); trimmed == 0 {
			t.Error("nothing was dropped although both have it")
		}
	})
}

func TestYoungEventsAreInNoSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := filled(t, 2*size, time.Millisecond, "hello")
		a := newNode(t, shared, t.TempDir())
		run(t, 55*time.Minute, a)
		if head, _ := a.folder.Head(); head != 0 {
			t.Errorf("archived up to %d", head)
		}
		run(t, 10*time.Minute, a)
		if head, _ := a.folder.Head(); head != 2*size {
			t.Errorf("an hour later it is archived up to %d", head)
		}
	})
}

// archived is a shared journal whose beginning is in a and b and nowhere else.
func archived(t *testing.T, text string) (shared *memory.Journal, a, b *node, want []journal.Event) {
	t.Helper()
	shared = filled(t, 4*size+100, apart, text)
	want = all(t, shared)
	a, b = newNode(t, shared, t.TempDir()), newNode(t, shared, filepath.Join(t.TempDir(), "archive"))
	a.peers, b.peers = []*node{b}, []*node{a}
	run(t, 20*time.Minute, a, b)
	return shared, a, b, want
}

func TestANodeWaitsForOneThatHasWhatItLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, a, _, want := archived(t, "hello")
		c := newNode(t, shared, t.TempDir())
		stop := running(t, c)
		began := time.Now()
		if events, err := c.Read(t.Context(), 0, 10, time.Minute); err != nil || len(events) != 0 || time.Since(began) < 50*time.Second {
			t.Errorf("%d events, %v after %s; want none after a minute", len(events), err, time.Since(began))
		}
		if _, err := c.Read(t.Context(), 0, 10, 0); !errors.Is(err, journal.ErrTrimmed) {
			t.Errorf("%v, want ErrTrimmed at once", err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		c.peers = []*node{a}
		defer running(t, c)()
		wantAll(t, c, want)
	})
}

// late says only after a while that events were trimmed.
type late struct{ journal.Journal }

func (l late) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	events, err := l.Journal.Read(ctx, after, limit, wait)
	if errors.Is(err, journal.ErrTrimmed) {
		time.Sleep(10 * time.Second)
	}
	return events, err
}

func TestWhatComesWhileItIsAskedForIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, a, _, _ := archived(t, "hello")
		c := newNode(t, shared, t.TempDir(), a)
		c.Journal = archive.New(archive.Options{Folder: c.folder, Shared: late{shared}, Fetch: c.fetch})
		stop := running(t, c)
		began := time.Now()
		if events, err := c.Read(t.Context(), 0, 10, time.Minute); err != nil || len(events) != 10 || time.Since(began) > 11*time.Second {
			t.Errorf("%d events, %v after %s", len(events), err, time.Since(began))
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestADamagedSegmentIsFetchedAgain(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"altered": func(path string) error {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw[len(raw)/2] ^= 1
			return os.WriteFile(path, raw, 0o600)
		},
		"cut off": func(path string) error { return os.Truncate(path, 100) },
		"gone":    os.Remove,
	} {
		synctest.Test(t, func(t *testing.T) {
			shared, a, _, want := archived(t, "hello")
			dir := t.TempDir()
			c := newNode(t, shared, dir, a)
			run(t, time.Minute, c)
			files, err := filepath.Glob(dir + "/*.gz")
			if err != nil || len(files) < 3 {
				t.Fatal(name, files, err)
			}
			if err := damage(files[1]); err != nil {
				t.Fatal(err)
			}
			var r journal.Report
			if c = newNode(t, shared, dir, a); c.folder.Verify(t.Context(), &r) != nil || len(r.Findings) != 1 {
				if name != "gone" || len(r.Findings) > 0 { // what is behind a gap counts as not there
					t.Errorf("%s: %v", name, r.Findings)
				}
			}
			stop := running(t, c)
			wantAll(t, c, want)
			if err := stop(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			c = newNode(t, shared, dir)
			wantAll(t, c, want)
		})
	}
}

// Somebody put another journal in place: the files are no part of it, and are kept.
func TestAnArchiveOfAnotherPastIsMovedAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _, _ := archived(t, "hello")
		head, _ := a.folder.Head()
		dir := t.TempDir()
		c := newNode(t, filled(t, 4*size+100, apart, "hello"), dir, a)
		run(t, time.Minute, c)
		other := filled(t, 4*size+100, apart, "good bye")
		want := all(t, other)
		c = newNode(t, other, dir)
		if got, _ := c.folder.Head(); got != head {
			t.Fatalf("archived up to %d, want %d", got, head)
		}
		if _, err := c.Read(t.Context(), head, 10, time.Minute); !errors.Is(err, journal.ErrForked) {
			t.Errorf("%v, want ErrForked", err)
		}
		c = newNode(t, other, dir)
		wantAll(t, c, want)
		kept, err := filepath.Glob(dir + "/aside-*/*.gz")
		if err != nil || len(kept) != 4 {
			t.Errorf("%v %v, want four files that are kept", kept, err)
		}
	})
}

// A Redis that is empty by mistake moves the files aside; when the right one is back, people move them back.
func TestFilesMovedAsideCanBeMovedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, a, _, want := archived(t, "hello")
		dir := t.TempDir()
		c := newNode(t, shared, dir, a)
		run(t, time.Minute, c)
		wrong := newNode(t, filled(t, 4*size+100, apart, "good bye"), dir)
		if err := wrong.Run(t.Context()); !errors.Is(err, journal.ErrForked) {
			t.Errorf("%v, want ErrForked", err)
		}
		kept, err := filepath.Glob(dir + "/aside-*/*.gz")
		if err != nil || len(kept) != 4 {
			t.Fatal(kept, err)
		}
		for _, path := range kept {
			if err := os.Rename(path, filepath.Join(dir, filepath.Base(path))); err != nil {
				t.Fatal(err)
			}
		}
		wantAll(t, newNode(t, shared, dir), want)
	})
}

// A node that was away reads on with the help of another, which knows whether they have the same past.
func TestANodeOfAnotherPastIsNotGivenWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, a, _, want := archived(t, "hello")
		dir := t.TempDir()
		old := newNode(t, filled(t, 2*size+100, apart, "good bye"), dir)
		run(t, time.Minute, old)
		if head, _ := old.folder.Head(); head != 2*size {
			t.Fatal(head)
		}
		c := newNode(t, shared, dir, a)
		if err := c.Run(t.Context()); !errors.Is(err, journal.ErrForked) {
			t.Errorf("%v, want ErrForked", err)
		}
		c = newNode(t, shared, dir, a)
		defer running(t, c)()
		wantAll(t, c, want)
	})
}

func TestAKilledWriteLeavesNoSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := filled(t, 2*size, apart, "hello")
		dir := t.TempDir()
		a := newNode(t, shared, dir)
		run(t, 2*time.Hour, a)
		files, err := filepath.Glob(dir + "/*.gz")
		if err != nil || len(files) != 2 {
			t.Fatal(files, err)
		}
		if err := os.Rename(files[1], files[1]+".part"); err != nil {
			t.Fatal(err)
		}
		a = newNode(t, shared, dir)
		if head, _ := a.folder.Head(); head != size {
			t.Errorf("archived up to %d, want %d", head, size)
		}
		run(t, time.Minute, a)
		if head, _ := a.folder.Head(); head != 2*size {
			t.Errorf("archived up to %d, want %d", head, 2*size)
		}
	})
}

func TestExportIsWholeAfterTrimming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _, want := archived(t, "hello")
		var out strings.Builder
		if err := journal.Export(t.Context(), a, &out); err != nil {
			t.Fatal(err)
		}
		into := memory.New()
		if err := journal.ImportFrom(t.Context(), into, strings.NewReader(out.String())); err != nil {
			t.Fatal(err)
		}
		wantAll(t, into, want)
	})
}
