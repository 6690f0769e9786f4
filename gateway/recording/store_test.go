package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"backline/gateway"
	"backline/gateway/journal"
	"backline/gateway/media"
)

const id gateway.RecordingID = "abcdefghijklmnopqrstuvwxyz"

// world is a store and its journal, which can refuse.
type world struct {
	t      *testing.T
	dir    string
	s      *Store
	refuse atomic.Bool
	shared bool
	cancel context.CancelFunc
	done   chan error

	mu  sync.Mutex
	log []journal.Event
	had map[string]bool
}

func (w *world) Append(_ context.Context, j journal.Write) (journal.Receipt, error) {
	if w.refuse.Load() {
		return journal.Receipt{}, journal.ErrFull
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.had[j.Key] {
		return journal.Receipt{Dup: true}, nil
	}
	w.had[j.Key] = true
	e := j.Events[0]
	e.Stream, e.Pos = j.Stream, uint64(len(w.log)+1)
	w.log = append(w.log, e)
	if err := w.s.Apply(e); err != nil {
		w.t.Error(err)
	}
	return journal.Receipt{Pos: e.Pos}, nil
}

// open starts a process on the same folder and journal.
func (w *world) open() {
	w.s = New(Options{Dir: w.dir, Append: w.Append, Keep: 48 * time.Hour, Shared: w.shared})
	w.mu.Lock()
	for _, e := range w.log {
		if err := w.s.Apply(e); err != nil {
			w.t.Error(err)
		}
	}
	w.mu.Unlock()
	w.s.Replayed()
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.done = cancel, make(chan error, 1)
	go func(s *Store) { w.done <- s.Run(ctx) }(w.s)
}

// close ends the process.
func (w *world) close() {
	w.cancel()
	if err := <-w.done; err != nil {
		w.t.Error(err)
	}
}

// begin writes that a recording has begun and returns where its sound goes.
func (w *world) begin() media.Tap {
	data, _ := json.Marshal(gateway.CallRecordingStarted{Call: "c1", Recording: id, Conversation: "cx", Queue: "main", Notice: "de"})
	_, err := w.Append(context.Background(), journal.Write{Stream: "thread/t", Key: "started",
		Events: []journal.Event{{Type: "call.recording_started", At: time.Now(), Data: data}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.s.Record(id)
}

func (w *world) ended() gateway.CallRecordingEnded {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.log {
		if e.Type == "call.recording_ended" {
			var x gateway.CallRecordingEnded
			if err := json.Unmarshal(e.Data, &x); err != nil {
				w.t.Fatal(err)
			}
			return x
		}
	}
	w.t.Fatal("no end is in the journal")
	return gateway.CallRecordingEnded{}
}

func (w *world) count(kind string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.log {
		if e.Type == kind {
			n++
		}
	}
	return n
}

func inWorld(t *testing.T, f func(w *world)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, dir: dir, had: map[string]bool{}}
		w.open()
		f(w)
		w.close()
	})
}

// say speaks on both sides for so many packets of 20 ms.
func say(tap media.Tap, from, n int) {
	for i := from; i < from+n; i++ {
		h := rtp.Header{SSRC: 1, SequenceNumber: uint16(i), Timestamp: uint32(i) * 960}
		tap.Sound(media.Customer, &h, talk(i), 20, time.Now())
		h.SSRC = 2
		tap.Sound("agent/anna", &h, talk(i), media.NoLevel, time.Now())
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) track(n int) []byte {
	b, err := os.ReadFile(trackPath(w.s.dir(id), n))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func TestBothSidesAreInStepAndEquallyLong(t *testing.T) {
	inWorld(t, func(w *world) {
		tap := w.begin()
		time.Sleep(time.Second)
		say(tap, 0, 100)
		for i := 100; i < 150; i++ { // the customer alone
			tap.Sound(media.Customer, &rtp.Header{SSRC: 1, SequenceNumber: uint16(i), Timestamp: uint32(i) * 960}, talk(i), 0, time.Now())
			time.Sleep(20 * time.Millisecond)
		}
		w.s.Finish(id, gateway.RecordingDone)
		synctest.Wait()
		e := w.ended()
		if e.Reason != gateway.RecordingDone || e.DurationMS != 4000 || len(e.Tracks) != 2 || e.Tracks[0].Side != "customer" || e.Tracks[1].Side != "agent/anna" || e.Call != "c1" {
			t.Errorf("it ended as %+v", e)
		}
		for n := range 2 {
			p, err := media.OpusPackets(w.track(n))
			if err != nil || len(p) != 200 || placesOf(p)[99] != 149 {
				t.Errorf("track %d: %d packets, the 100th at %d (%v)", n, len(p), placesOf(p)[99], err)
			}
		}
		v, err := w.s.View(id)
		if err != nil || v.State != StateKept || len(v.Tracks[0].Peaks) != 40 || v.Tracks[0].Peaks[15] != 66 || v.Tracks[0].Peaks[0] != 0 || v.Tracks[0].Peaks[39] != 100 {
			t.Errorf("it is seen as %+v (%v)", v, err)
		}
		if info, err := os.Stat(trackPath(w.s.dir(id), 0)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file's mode is %v (%v)", info.Mode(), err)
		}
		var about gateway.CallRecordingStarted
		b, err := os.ReadFile(filepath.Join(w.s.dir(id), "about.json"))
		if err != nil || json.Unmarshal(b, &about) != nil || about.Notice != "de" {
			t.Errorf("the folder says %s (%v)", b, err)
		}
	})
}

func TestACrashLeavesFilesThatPlayAndTheNextStartEndsThem(t *testing.T) {
	inWorld(t, func(w *world) {
		tap := w.begin()
		say(tap, 0, 125)
		synctest.Wait()
		// What a killed process leaves: files as they are now, and half a page more.
		kept := t.TempDir()
		if err := os.CopyFS(kept, os.DirFS(w.dir)); err != nil {
			t.Fatal(err)
		}
		before := w.log
		w.close()
		w.log, w.had, w.dir = before[:1], map[string]bool{"started": true}, kept
		for _, n := range []int{0, 1} {
			b, err := os.ReadFile(trackPath(filepath.Join(kept, "ab", string(id)), n))
			if err != nil {
				t.Fatal(err)
			}
			if p, err := media.OpusPackets(b); err != nil || len(p) < 75 {
				t.Errorf("track %d as it was left has %d packets (%v), want all but a second", n, len(p), err)
			}
			if err := os.WriteFile(trackPath(filepath.Join(kept, "ab", string(id)), n), append(b, "OggS\x00half"[:5+n]...), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.open()
		if again := w.s.Record(id); again != nil {
			t.Error("it goes on in another process")
		}
		synctest.Wait()
		e := w.ended()
		if e.Reason != gateway.RecordingRestart || e.DurationMS < 1500 || len(e.Tracks) != 2 || e.Tracks[1].Side != "agent/anna" {
			t.Errorf("it ended as %+v", e)
		}
		for n := range 2 {
			p, err := media.OpusPackets(w.track(n))
			end, scanned := scan(bytes.NewReader(w.track(n)))
			if err != nil || scanned != nil || !end.last || int64(len(p))*20 != e.DurationMS {
				t.Errorf("track %d: %d packets, %+v (%v)", n, len(p), end, err)
			}
		}
	})
}

// A node that starts does not end what another one is recording.
func TestWhatIsOnAnotherNodesDiskIsLeftAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		elsewhere := w.dir
		w.begin()
		w.mu.Lock()
		started := w.log[:1]
		w.mu.Unlock()
		w.close()
		for _, shared := range []bool{true, false} {
			w.log, w.had, w.dir, w.shared = started[:1:1], map[string]bool{"started": true}, elsewhere+"/another", shared
			w.open()
			synctest.Wait()
			if got := w.count("call.recording_ended"); (got == 0) != shared {
				t.Errorf("shared %t: ended %d times", shared, got)
			}
			if shared {
				w.close()
			}
		}
	})
}

// disk is one that answers when it is let, or never takes more than so much.
type disk struct {
	file
	slow *atomic.Bool
	room *atomic.Int64
}

func (d disk) Write(b []byte) (int, error) {
	for d.slow.Load() {
		time.Sleep(100 * time.Millisecond)
	}
	if d.room.Add(-int64(len(b))) < 0 {
		return 0, &os.PathError{Op: "write", Err: syscall.ENOSPC}
	}
	return d.file.Write(b)
}

func (w *world) on(slow *atomic.Bool, room *atomic.Int64) {
	w.s.create = func(path string) (file, error) {
		f, err := createFile(path)
		return disk{f, slow, room}, err
	}
}

func TestASlowDiskHoldsNobodyUpAndIsSaid(t *testing.T) {
	inWorld(t, func(w *world) {
		var slow atomic.Bool
		var room atomic.Int64
		room.Store(1 << 40)
		w.on(&slow, &room)
		tap := w.begin()
		say(tap, 0, 50)
		slow.Store(true)
		began := time.Now()
		payload := append([]byte{0x78}, make([]byte, 199)...)
		for i := 50; i < 50+60*50; i++ { // a minute
			tap.Sound(media.Customer, &rtp.Header{SSRC: 1, SequenceNumber: uint16(i), Timestamp: uint32(i) * 960}, payload, 20, time.Now())
			time.Sleep(20 * time.Millisecond)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("a minute of sound took %v", took)
		}
		slow.Store(false)
		time.Sleep(time.Second)
		say(tap, 50+61*50, 50)
		w.s.Finish(id, gateway.RecordingDone)
		synctest.Wait()
		e := w.ended()
		if e.Reason != gateway.RecordingDone || e.DroppedMS < 30000 || e.DroppedMS > 50000 || e.DurationMS != 63000 {
			t.Errorf("it ended as %+v", e)
		}
		p, err := media.OpusPackets(w.track(0))
		if err != nil || int64(len(p))*20 != e.DurationMS {
			t.Errorf("%d packets (%v)", len(p), err)
		}
	})
}

func TestAFullDiskEndsTheRecordingAndNothingElse(t *testing.T) {
	inWorld(t, func(w *world) {
		var slow atomic.Bool
		var room atomic.Int64
		room.Store(3000)
		w.on(&slow, &room)
		tap := w.begin()
		say(tap, 0, 500)
		synctest.Wait()
		if e := w.ended(); e.Reason != gateway.RecordingFailed || e.DurationMS == 0 {
			t.Errorf("it ended as %+v", e)
		}
		say(tap, 500, 10) // into nothing
		if v, err := w.s.View(id); err != nil || v.State != StateKept {
			t.Errorf("%+v, %v", v, err)
		}
		if p, err := media.OpusPackets(w.track(0)); err != nil || len(p) < 25 {
			t.Errorf("what fitted does not play: %d packets (%v)", len(p), err)
		}
	})
}

func TestAFolderThatCannotBeMadeEndsTheRecording(t *testing.T) {
	inWorld(t, func(w *world) {
		if err := os.WriteFile(filepath.Join(w.dir, "ab"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		say(w.begin(), 0, 10)
		synctest.Wait()
		if e := w.ended(); e.Reason != gateway.RecordingFailed {
			t.Errorf("it ended as %+v", e)
		}
	})
}

func TestWhoListensIsInTheJournalFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		tap := w.begin()
		if _, _, err := w.s.Open(t.Context(), id, 0, "jana"); kindOf(err) != gateway.Conflicting {
			t.Errorf("one that runs: %v", err)
		}
		say(tap, 0, 50)
		w.s.Finish(id, gateway.RecordingDone)
		synctest.Wait()
		w.refuse.Store(true)
		if _, _, err := w.s.Open(t.Context(), id, 0, "jana"); kindOf(err) != gateway.Unavailable {
			t.Errorf("with a journal that refuses: %v", err)
		}
		w.refuse.Store(false)
		for range 5 {
			for n := range 2 {
				f, _, err := w.s.Open(t.Context(), id, n, "jana")
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(f); err != nil || len(b) == 0 {
					t.Errorf("%d bytes, %v", len(b), err)
				}
				f.Close()
			}
		}
		time.Sleep(heardAgain)
		for _, by := range []string{"jana", "tom"} {
			f, _, err := w.s.Open(t.Context(), id, 0, by)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		v, err := w.s.View(id)
		if err != nil || len(v.Heard) != 3 || v.Heard[0].By != "jana" || v.Heard[2].By != "tom" {
			t.Errorf("heard by %+v (%v)", v.Heard, err)
		}
		if _, _, err := w.s.Open(t.Context(), id, 2, "jana"); kindOf(err) != gateway.NotFound {
			t.Errorf("a third track: %v", err)
		}
		if _, _, err := w.s.Open(t.Context(), "../../etc/passwd", 0, "jana"); kindOf(err) != gateway.NotFound {
			t.Errorf("another file: %v", err)
		}
	})
}

func TestARecordingIsDeletedWhenItsTimeIsOverOrByHand(t *testing.T) {
	for _, by := range []string{"", "tom"} {
		inWorld(t, func(w *world) {
			tap := w.begin()
			if err := w.s.Delete(t.Context(), id, "tom"); kindOf(err) != gateway.Conflicting {
				t.Errorf("one that runs: %v", err)
			}
			say(tap, 0, 50)
			w.s.Finish(id, gateway.RecordingDone)
			synctest.Wait()
			if by != "" {
				if err := w.s.Delete(t.Context(), id, by); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			} else {
				time.Sleep(47 * time.Hour)
				if _, err := os.Stat(w.s.dir(id)); err != nil {
					t.Errorf("before its time: %v", err)
				}
				time.Sleep(2 * time.Hour)
			}
			if _, err := os.Stat(w.s.dir(id)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the files are still there: %v", err)
			}
			v, err := w.s.View(id)
			if err != nil || v.State != StateDeleted || v.Deleted.By != by || w.count("recording.deleted") != 1 {
				t.Errorf("%+v, %v", v, err)
			}
			if _, _, err := w.s.Open(t.Context(), id, 0, "jana"); kindOf(err) != gateway.NotFound {
				t.Errorf("a deleted one: %v", err)
			}
		})
	}
}

func TestTheSoundIsWrittenEachHalfSecond(t *testing.T) {
	inWorld(t, func(w *world) {
		tap := w.begin()
		say(tap, 0, 60)
		synctest.Wait()
		if p, err := media.OpusPackets(w.track(0)); err != nil || len(p) < 35 {
			t.Errorf("after 1.2 s %d packets are in the file (%v)", len(p), err)
		}
	})
}

func TestNamesOfFoldersAreChecked(t *testing.T) {
	for _, bad := range []string{"", "a", strings.Repeat("A", 26), "../../../../../../../../ab", strings.Repeat("a", 27), strings.Repeat("1", 26)} {
		if gateway.ValidRecordingID(gateway.RecordingID(bad)) {
			t.Errorf("%q is taken", bad)
		}
	}
	if !gateway.ValidRecordingID(id) {
		t.Error("a good one is not")
	}
}

func kindOf(err error) gateway.Kind {
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		return e.Kind
	}
	return ""
}

func BenchmarkSound(b *testing.B) {
	t := &tape{began: time.Now(), stop: make(chan struct{})}
	h, payload, now := rtp.Header{SSRC: 1}, make([]byte, 80), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		t.Sound(media.Customer, &h, payload, 20, now)
		if len(t.buf) > maxBuffer/2 {
			t.buf = t.buf[:0]
		}
	}
}
