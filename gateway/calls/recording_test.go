package calls_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"backline/gateway"
	"backline/gateway/calls"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// recorder keeps what it is told.
type recorder struct {
	mu       sync.Mutex
	begun    []gateway.RecordingID
	finished map[gateway.RecordingID]gateway.RecordingEnd
}

type deaf struct{ _ byte }

func (*deaf) Sound(media.Side, *rtp.Header, []byte, uint8, time.Time) {}

func (r *recorder) Record(id gateway.RecordingID) media.Tap {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.begun, id) {
		r.begun = append(r.begun, id)
	}
	return &deaf{}
}

func (r *recorder) Finish(id gateway.RecordingID, why gateway.RecordingEnd) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finished[id] = why
}

// recordings are those that began, with why they ended.
func (r *recorder) recordings() (ids []gateway.RecordingID, why []gateway.RecordingEnd) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.begun {
		why = append(why, r.finished[id])
	}
	return slices.Clone(r.begun), why
}

const clipTime = 3 * time.Second

// recorded runs a house whose queue has a rule.
func recorded(t *testing.T, rule string, ask bool, f func(h *house, r *recorder)) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{finished: map[gateway.RecordingID]gateway.RecordingEnd{}}
		h := runWith(t, memory.New(), setup{rules: live.Recording{Queues: map[gateway.QueueID]string{"main": rule}, Ask: ask},
			recording: calls.Recording{Recorder: r, Ask: ask, Rule: func(gateway.QueueID) string { return rule },
				Clip: func(string) (string, time.Duration) { return "notice/de", clipTime }}})
		defer h.stop()
		h.agent("anna")
		f(h, r)
	})
}

// talking brings customer and anna together.
func (h *house) talking(id gateway.CallID) wire.Conversation {
	h.t.Helper()
	return h.talk(visitor(1), id, "anna")
}

func (h *house) recording() *wire.CallRecording {
	h.t.Helper()
	if c := h.only(); c.Call != nil && c.Call.Recording != nil {
		return c.Call.Recording
	}
	return &wire.CallRecording{}
}

func (h *house) tapped(id gateway.CallID) []media.Side {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	return slices.Clone(h.lines.taps[string(id)])
}

const clip = media.Source("clip/notice/de")

func TestACallIsRecordedFromTheEndOfTheNoticeOn(t *testing.T) {
	recorded(t, live.RecordAlways, false, func(h *house, r *recorder) {
		id := callID(1)
		c := h.talking(id)
		if got := h.lines.hear(id, media.Customer); got != clip || h.lines.hear(id, of("anna")) != clip {
			t.Fatalf("they hear %q and %q before a word is said, want the notice", got, h.lines.hear(id, of("anna")))
		}
		if rec := h.recording(); rec.State != wire.RecordingNotice || len(h.tapped(id)) > 0 {
			t.Errorf("during the notice: %+v, tapped %v", rec, h.tapped(id))
		}
		h.alive(clipTime+time.Second, "anna")
		synctest.Wait()
		if got := h.lines.hear(id, media.Customer); got != "agent/anna" {
			t.Errorf("after it the customer hears %q", got)
		}
		rec := h.recording()
		if rec.State != wire.RecordingOn || !slices.Equal(h.tapped(id), []media.Side{media.Customer, of("anna")}) {
			t.Errorf("after it: %+v, tapped %v", rec, h.tapped(id))
		}
		h.must(h.Hold(h.t.Context(), "anna", c.ID, id))
		synctest.Wait()
		if got := h.tapped(id); len(got) > 0 {
			t.Errorf("on hold %v are recorded", got)
		}
		h.must(h.Live.Resume(h.t.Context(), "anna", c.ID, id))
		synctest.Wait()
		if got := h.tapped(id); len(got) != 2 {
			t.Errorf("after the hold %v are recorded", got)
		}
		h.must(nil, h.desk.AgentHangup(h.t.Context(), "anna", c.ID, id))
		synctest.Wait()
		if ids, why := r.recordings(); len(ids) != 1 || ids[0] != rec.ID || why[0] != gateway.RecordingDone {
			t.Errorf("recordings %v ended as %v", ids, why)
		}
	})
}

func TestNothingIsRecordedWhereTheQueueHasNone(t *testing.T) {
	recorded(t, "", false, func(h *house, r *recorder) {
		id := callID(1)
		c := h.talking(id)
		if got := h.lines.hear(id, media.Customer); got != "agent/anna" {
			t.Errorf("the customer hears %q", got)
		}
		if _, err := h.RecordCall(h.t.Context(), "anna", c.ID, id); !refused(err, gateway.Forbidden) {
			t.Errorf("an agent may record: %v", err)
		}
		if ids, _ := r.recordings(); len(ids) > 0 || h.only().Call.Recording != nil {
			t.Errorf("%v are recorded", ids)
		}
	})
}

func TestAnAgentBeginsAndStops(t *testing.T) {
	recorded(t, live.RecordAgent, false, func(h *house, r *recorder) {
		id := callID(1)
		c := h.talking(id)
		if rec := h.recording(); rec.State != "" {
			t.Fatalf("before anybody said so: %+v", rec)
		}
		if _, err := h.RecordCall(h.t.Context(), "ben", c.ID, id); !refused(err, gateway.Conflicting) {
			t.Errorf("one who is not in the call may record it: %v", err)
		}
		for range 2 {
			h.must(h.RecordCall(h.t.Context(), "anna", c.ID, id))
			h.must(h.RecordCall(h.t.Context(), "anna", c.ID, id))
			synctest.Wait()
			if got := h.lines.hear(id, media.Customer); got != clip {
				t.Errorf("the customer hears %q, want the notice", got)
			}
			h.alive(clipTime+time.Second, "anna")
			synctest.Wait()
			if rec := h.recording(); rec.State != wire.RecordingOn || rec.By != "anna" {
				t.Errorf("%+v, want on", rec)
			}
			h.must(h.StopRecording(h.t.Context(), "anna", c.ID, id))
			synctest.Wait()
			if rec := h.recording(); rec.State != wire.RecordingStopped || len(h.tapped(id)) > 0 {
				t.Errorf("%+v, tapped %v, want stopped", rec, h.tapped(id))
			}
		}
		if ids, why := r.recordings(); len(ids) != 2 || why[0] != gateway.RecordingStopped || why[1] != gateway.RecordingStopped {
			t.Errorf("%v ended as %v", ids, why)
		}
	})
}

func TestWithoutTheCustomersClickNothingIsRecorded(t *testing.T) {
	recorded(t, live.RecordAlways, true, func(h *house, r *recorder) {
		id, who := callID(1), visitor(1)
		h.talking(id)
		h.alive(10*time.Second, "anna")
		synctest.Wait()
		if rec, got := h.recording(), h.lines.hear(id, media.Customer); rec.State != wire.RecordingAsked || got != "agent/anna" {
			t.Fatalf("before an answer: %+v, the customer hears %q", rec, got)
		}
		answer := func(agreed bool) {
			time.Sleep(time.Second)
			h.must(nil, h.desk.CustomerConsent(h.t.Context(), who, id, agreed, "de"))
			synctest.Wait()
		}
		answer(false)
		if rec := h.recording(); rec.State != wire.RecordingRefused {
			t.Errorf("after a no: %+v", rec)
		}
		if err := h.desk.CustomerConsent(h.t.Context(), visitor(2), id, true, "de"); err != nil || h.recording().State != wire.RecordingRefused {
			t.Errorf("another visitor's yes: %v, %+v", err, h.recording())
		}
		answer(true)
		h.alive(clipTime+time.Second, "anna")
		synctest.Wait()
		if rec := h.recording(); rec.State != wire.RecordingOn || rec.AgreedAt == nil || rec.AgreedIn != "de" {
			t.Errorf("after a yes: %+v", rec)
		}
		answer(false)
		if rec := h.recording(); rec.State != wire.RecordingRefused || len(h.tapped(id)) > 0 {
			t.Errorf("after a no that came later: %+v, tapped %v", rec, h.tapped(id))
		}
		if ids, why := r.recordings(); len(ids) != 1 || why[0] != gateway.RecordingStopped {
			t.Errorf("%v ended as %v", ids, why)
		}
	})
}

func TestANoticeThatWasInterruptedIsPlayedAgain(t *testing.T) {
	recorded(t, live.RecordAlways, false, func(h *house, r *recorder) {
		id := callID(1)
		c := h.talking(id)
		h.alive(clipTime-time.Second, "anna")
		h.must(h.Hold(h.t.Context(), "anna", c.ID, id))
		h.alive(clipTime, "anna")
		h.must(h.Live.Resume(h.t.Context(), "anna", c.ID, id))
		synctest.Wait()
		if got := h.lines.hear(id, media.Customer); got != clip {
			t.Errorf("after the hold the customer hears %q, want the notice from its beginning", got)
		}
		h.alive(clipTime-time.Second, "anna")
		if ids, _ := r.recordings(); len(ids) > 0 {
			t.Error("it is recorded before the notice was heard to its end")
		}
		h.alive(2*time.Second, "anna")
		synctest.Wait()
		if rec := h.recording(); rec.State != wire.RecordingOn {
			t.Errorf("%+v", rec)
		}
	})
}

func TestAfterARestartTheCallIsAnnouncedAndRecordedAnew(t *testing.T) {
	recorded(t, live.RecordAlways, false, func(h *house, r *recorder) {
		id := callID(1)
		h.talking(id)
		h.alive(clipTime+time.Second, "anna")
		synctest.Wait()
		first := h.recording().ID
		end := func(why gateway.RecordingEnd) {
			h.must(nil, h.CallFact(h.t.Context(), visitor(1), "end/"+string(h.recording().ID), gateway.CallRecordingEnded{Call: id, Recording: h.recording().ID, Reason: why}))
			synctest.Wait()
		}
		end(gateway.RecordingRestart)
		if rec := h.recording(); rec.State != wire.RecordingNotice {
			t.Errorf("%+v", rec)
		}
		h.alive(clipTime+time.Second, "anna")
		synctest.Wait()
		if rec := h.recording(); rec.State != wire.RecordingOn || rec.ID == first {
			t.Errorf("%+v, the first was %s", rec, first)
		}
		end(gateway.RecordingFailed)
		h.alive(clipTime+time.Second, "anna")
		synctest.Wait()
		if rec := h.recording(); rec.State != wire.RecordingFailed || len(h.tapped(id)) > 0 {
			t.Errorf("after a full disk: %+v, tapped %v", rec, h.tapped(id))
		}
		if got := h.lines.hear(id, media.Customer); got != "agent/anna" {
			t.Errorf("after a full disk the customer hears %q", got)
		}
	})
}
