package recording

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"backline/gateway"
	"backline/gateway/journal"
	"backline/gateway/media"
)

func (w *world) fact(key string, e gateway.Event) {
	w.t.Helper()
	data, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.Append(w.t.Context(), journal.Write{Stream: "thread/t", Key: key, Events: []journal.Event{{Type: e.EventType(), At: time.Now(), Data: data}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// meet begins the recording of a meeting.
func (w *world) meet() media.Tap {
	w.t.Helper()
	w.fact("started", gateway.MeetingRecordingStarted{Meeting: "m", Recording: id, Conversation: "cx", Queue: "main", By: "anna", Ask: true})
	return w.s.Record(id)
}

func (w *world) told(participant, name string, agent gateway.AgentID) {
	w.fact("told "+participant, gateway.MeetingRecordingTold{Meeting: "m", Recording: id, Participant: participant, Name: name, Agent: agent, Notice: "notice/en"})
}

// voice says so many packets of 20 ms on one side.
func voice(tap media.Tap, ssrc uint32, side media.Side, from, n int) {
	for i := from; i < from+n; i++ {
		tap.Sound(side, &rtp.Header{SSRC: ssrc, SequenceNumber: uint16(i), Timestamp: uint32(i) * 960}, talk(i), 20, time.Now())
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) met() gateway.MeetingRecordingEnded {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.log {
		if e.Type == "meeting.recording_ended" {
			var x gateway.MeetingRecordingEnded
			if err := json.Unmarshal(e.Data, &x); err != nil {
				w.t.Fatal(err)
			}
			return x
		}
	}
	w.t.Fatal("no end is in the journal")
	return gateway.MeetingRecordingEnded{}
}

func TestEachParticipantHasATrackFromTheSameStart(t *testing.T) {
	inWorld(t, func(w *world) {
		tap := w.meet()
		w.told("a", "Anna Berg", "anna")
		w.told("b", "Miriam", "")
		voice(tap, 1, "agent/anna", 0, 50)
		w.fact("agreed", gateway.MeetingRecordingAnswered{Meeting: "m", Participant: "b", Agreed: true})
		voice(tap, 2, "guest/b", 0, 50)
		w.told("c", "Jonas", "") // comes later
		voice(tap, 3, "guest/c", 0, 50)
		w.s.Finish(id, gateway.RecordingMet)
		synctest.Wait()
		e := w.met()
		if e.Meeting != "m" || e.Reason != gateway.RecordingMet || e.DurationMS != 3000 || len(e.Tracks) != 3 || e.Tracks[1].Side != "guest/b" || e.Tracks[1].Name != "Miriam" {
			t.Errorf("it ended as %+v", e)
		}
		for n, first := range []int{0, 50, 100} {
			p, err := media.OpusPackets(w.track(n))
			if err != nil || len(p) != 150 {
				t.Fatalf("track %d has %d packets (%v), want 3 s", n, len(p), err)
			}
			if places := placesOf(p); places[0] != first {
				t.Errorf("on track %d somebody speaks from packet %d on, want %d", n, places[0], first)
			}
		}
		v, err := w.s.View(id)
		if err != nil || v.Meeting != "m" || v.Call != "" || !v.Ask || v.Tracks[0].Name != "Anna Berg" || v.Tracks[1].AgreedAt == nil || v.Tracks[2].AgreedAt != nil {
			t.Errorf("it is seen as %+v (%v)", v, err)
		}
		b, err := os.ReadFile(filepath.Join(w.s.dir(id), "about.json"))
		if err != nil || !strings.Contains(string(b), `"meeting":"m"`) {
			t.Errorf("the folder says %s (%v)", b, err)
		}
	})
}

func TestACrashOfAMeetingLeavesTracksWithNames(t *testing.T) {
	inWorld(t, func(w *world) {
		tap := w.meet()
		w.told("a", "Anna Berg", "anna")
		w.told("b", "Miriam", "")
		voice(tap, 1, "agent/anna", 0, 100)
		voice(tap, 2, "guest/b", 0, 100)
		synctest.Wait()
		kept := t.TempDir()
		if err := os.CopyFS(kept, os.DirFS(w.dir)); err != nil {
			t.Fatal(err)
		}
		before := w.log
		w.close()
		w.log, w.had, w.dir = before[:3], map[string]bool{}, kept
		w.open()
		synctest.Wait()
		e := w.met()
		if e.Reason != gateway.RecordingRestart || e.Meeting != "m" || e.DurationMS < 3000 || len(e.Tracks) != 2 || e.Tracks[1].Side != "guest/b" || e.Tracks[1].Name != "Miriam" {
			t.Errorf("it ended as %+v", e)
		}
		for n := range 2 {
			if p, err := media.OpusPackets(w.track(n)); err != nil || int64(len(p))*20 != e.DurationMS {
				t.Errorf("track %d has %d packets (%v), want %d ms", n, len(p), err, e.DurationMS)
			}
		}
		if f, _, err := w.s.Open(t.Context(), id, 1, "anna"); err != nil {
			t.Error(err)
		} else {
			f.Close()
		}
		if w.count("recording.heard") != 1 {
			t.Error("who listens is not in the journal")
		}
	})
}

func TestForWhomThereIsNoTrackIsCounted(t *testing.T) {
	inWorld(t, func(w *world) {
		tap := w.meet()
		for i := range maxTracks + 2 {
			voice(tap, uint32(i), GuestSide(fmt.Sprint(i)), 0, 5)
		}
		w.s.Finish(id, gateway.RecordingStopped)
		synctest.Wait()
		e := w.met()
		v, err := w.s.View(id)
		if len(e.Tracks) != maxTracks || e.LeftOut != 2 || err != nil || v.LeftOut != 2 {
			t.Errorf("%d tracks, %d left out, seen as %d (%v)", len(e.Tracks), e.LeftOut, v.LeftOut, err)
		}
	})
}

func TestTenWhoAllSpeakWaitForASlowDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		slow := make(chan struct{})
		w.s.create = func(path string) (file, error) {
			<-slow
			return createFile(path)
		}
		tap := w.meet()
		for i := range 250 { // 5 s of 40 kbit/s each
			said := append(talk(i), make([]byte, 100)...)
			for n := range 10 {
				tap.Sound(GuestSide(fmt.Sprint(n)), &rtp.Header{SSRC: uint32(n), SequenceNumber: uint16(i), Timestamp: uint32(i) * 960}, said, 20, time.Now())
			}
			time.Sleep(20 * time.Millisecond)
		}
		close(slow)
		w.s.Finish(id, gateway.RecordingStopped)
		synctest.Wait()
		if e := w.met(); e.DroppedMS > 0 || e.DurationMS != 5000 {
			t.Errorf("it ended as %+v", e)
		}
	})
}
