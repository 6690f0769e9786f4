package meet

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// hears plays what is played to somebody to its end.
func (p *page) hears() *page {
	p.w.t.Helper()
	synctest.Wait()
	clip := p.w.media.clip(p.place.You)
	if clip == "" {
		p.w.t.Errorf("nothing is played to %s", p.place.You)
	}
	p.w.media.note(func() { delete(p.w.media.clips, p.place.You) })
	p.w.desk.OnPlayed(string(p.w.meetingID()), p.place.You, clip)
	return p.read()
}

func (w *world) meetingID() gateway.MeetingID {
	ch, _ := w.book.MeetingOf(customer)
	return ch.Meeting.ID
}

// wantTaped says who is recorded.
func (w *world) wantTaped(want ...media.Side) {
	w.t.Helper()
	synctest.Wait()
	w.media.note(func() {
		if got := slices.Sorted(maps.Values(w.media.tapped)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			w.t.Errorf("recorded are %v, want %v", got, want)
		}
	})
}

// wantState says what a page shows of the recording.
func (p *page) wantState(want wire.RecordingState) {
	p.w.t.Helper()
	p.read()
	got := wire.RecordingState("")
	if r := p.room.Recording; r != nil {
		got = r.State
	}
	if got != want {
		p.w.t.Errorf("the page shows %q, want %q", got, want)
	}
}

func guest(p *page) media.Side { return media.Side("guest/" + p.place.You) }

// recording is a meeting that is recorded.
func (w *world) recording() (host, guest *page) {
	w.t.Helper()
	w.rule.Store(live.RecordAgent)
	host, guest = w.meeting()
	if f := host.do("record", ""); f != nil {
		w.t.Fatal(f)
	}
	host.hears()
	guest.hears()
	return host, guest
}

func TestNobodyIsRecordedBeforeTheyHaveHeardTheNotice(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.rule.Store(live.RecordAgent)
		host, miriam := w.meeting()
		if host.read(); !host.room.MayRecord || miriam.room.MayRecord {
			t.Error("agents may record here, guests never")
		}
		if f := miriam.do("record", ""); f == nil || f.Kind != gateway.Forbidden {
			t.Errorf("a guest begins a recording: %+v", f)
		}
		if f := host.do("record", ""); f != nil {
			t.Fatal(f)
		}
		host.wantState(wire.RecordingNotice)
		miriam.wantState(wire.RecordingNotice)
		w.wantTaped()
		host.hears()
		w.wantTaped("agent/anna")
		miriam.wantState(wire.RecordingOn)
		miriam.hears()
		w.wantTaped("agent/anna", guest(miriam))
		if host.read(); !host.room.People[0].Recorded || !host.room.People[1].Recorded {
			t.Errorf("the agent sees %+v", host.room.People)
		}
		jonas := w.page("").join("Jonas")
		host.do("admit", jonas.place.You)
		jonas.wantState(wire.RecordingOn)
		w.wantTaped("agent/anna", guest(miriam))
		jonas.hears()
		w.wantTaped("agent/anna", guest(miriam), guest(jonas))
		if len(w.recorder.begun) != 1 || len(w.book.line().Recordings) != 1 {
			t.Errorf("recorded into %v, the line has %v", w.recorder.begun, w.book.line().Recordings)
		}
	})
}

func TestWhoIsAloneIsNotRecorded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.rule.Store(live.RecordAgent)
		host := w.page("anna").join("Anna")
		host.do("record", "")
		time.Sleep(5 * time.Second)
		if clip := w.media.clip(host.place.You); clip != "" {
			t.Errorf("%q is played to who is alone", clip)
		}
		guest := w.page("").join("Miriam")
		host.do("admit", guest.place.You)
		host.hears()
		guest.hears()
		host.wantState(wire.RecordingOn)
	})
}

func TestOfGuestsWhoAreAskedOnlyWhatTheyAgreeToIsTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.desk.mu.Lock()
		w.desk.opts.Recording.Ask = true
		w.desk.mu.Unlock()
		host, miriam := w.recording()
		w.wantTaped("agent/anna")
		if r := miriam.room.Recording; r == nil || !r.Ask || r.Answer != wire.AnswerNone {
			t.Errorf("the guest sees %+v, want a question", r)
		}
		if r := host.room.Recording; r == nil || r.Ask {
			t.Errorf("the agent sees %+v, want no question", r)
		}
		answer := func(agreed bool) {
			miriam.say(wire.MeetConsent{ID: fmt.Sprint("c", time.Now().UnixNano()), Agreed: agreed, Language: "en"})
			time.Sleep(time.Second)
		}
		answer(false)
		w.wantTaped("agent/anna")
		answer(true)
		w.wantTaped("agent/anna", guest(miriam))
		if miriam.read(); miriam.room.Recording.Answer != wire.AnswerAgreed {
			t.Errorf("the guest sees %+v", miriam.room.Recording)
		}
		answer(false) // taken back
		w.wantTaped("agent/anna")
		host.say(wire.MeetConsent{ID: "h", Agreed: true})
		if f := host.read().acks[len(host.acks)-1]; f == nil {
			t.Error("an agent's answer is taken")
		}
	})
}

func TestAQueueMayHaveAllMeetingsRecorded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.rule.Store(live.RecordAlways)
		host, miriam := w.meeting()
		host.hears()
		miriam.hears()
		host.wantState(wire.RecordingOn)
		if f := host.do("record_stop", ""); f != nil {
			t.Fatal(f)
		}
		time.Sleep(5 * time.Second)
		host.wantState(wire.RecordingStopped) // the agent's word counts
		if f := host.do("record", ""); f != nil {
			t.Fatal(f)
		}
		host.hears() // once more
		w.wantTaped("agent/anna")
		w.rule.Store("") // as if it came to another queue
		time.Sleep(2 * time.Second)
		host.wantState("")
		w.wantTaped()
		if f := host.do("record", ""); f == nil || f.Kind != gateway.Forbidden {
			t.Errorf("it may be recorded where it may not: %+v", f)
		}
		w.recorder.mu.Lock()
		defer w.recorder.mu.Unlock()
		if len(w.recorder.begun) != 2 || !slices.Equal(w.recorder.ended, []string{"stopped", "stopped"}) {
			t.Errorf("recorded %v, ended %v", w.recorder.begun, w.recorder.ended)
		}
	})
}

func TestARecordingEndsWithItsMeeting(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, _ := w.recording()
		w.wantTaped("agent/anna", guest(w.lastGuest(host)))
		host.do("end", "")
		synctest.Wait()
		w.recorder.mu.Lock()
		defer w.recorder.mu.Unlock()
		if !slices.Equal(w.recorder.ended, []string{string(gateway.RecordingMet)}) {
			t.Errorf("ended %v", w.recorder.ended)
		}
		if it := w.book.line(); it.Met == nil || len(it.Recordings) != 1 {
			t.Errorf("the line is %+v", it)
		}
	})
}

// lastGuest is who came last, as a page without a socket.
func (w *world) lastGuest(host *page) *page {
	people := host.read().room.People
	return &page{place: wire.MeetPlace{You: people[len(people)-1].ID}}
}

func TestAFullDiskKeepsTheNoticeFromBeginningAndNobodyFromTalking(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.rule.Store(live.RecordAgent)
		host, miriam := w.meeting()
		host.do("record", "")
		synctest.Wait()
		w.book.setBroken(true)
		host.hears()
		miriam.hears()
		time.Sleep(5 * time.Second)
		w.wantTaped()
		if a, b := w.media.clip(host.place.You), w.media.clip(miriam.place.You); a+b != "" || len(w.recorder.begun) > 0 {
			t.Errorf("%q and %q are played again, recorded is %v", a, b, w.recorder.begun)
		}
		w.book.setBroken(false)
		time.Sleep(3 * time.Second)
		w.wantTaped("agent/anna", guest(miriam)) // they have heard it
	})
}

func TestOneThatCouldNotBeWrittenIsShownAsFailed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, miriam := w.recording()
		err := w.book.CallFact(t.Context(), customer, "ended", gateway.MeetingRecordingEnded{Meeting: w.meetingID(),
			Recording: w.recorder.begun[0], Reason: gateway.RecordingFailed})
		if err != nil {
			t.Fatal(err)
		}
		host.wantState(wire.RecordingFailed)
		miriam.wantState(wire.RecordingFailed)
		w.wantTaped()
	})
}

func TestAfterARestartAllAreToldAgainAndItGoesOnInAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, miriam := w.recording()
		first := w.recorder.begun[0]
		err := w.book.CallFact(t.Context(), customer, "ended", gateway.MeetingRecordingEnded{Meeting: w.meetingID(),
			Recording: first, Reason: gateway.RecordingRestart})
		if err != nil {
			t.Fatal(err)
		}
		host.wantState(wire.RecordingNotice)
		w.wantTaped()
		host.hears()
		miriam.hears()
		w.wantTaped("agent/anna", guest(miriam))
		if len(w.recorder.begun) != 2 || w.recorder.begun[1] == first {
			t.Errorf("recorded into %v", w.recorder.begun)
		}
	})
}

func TestWhoComesBackIsRecordedWithoutBeingToldAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, miriam := w.recording()
		miriam.closes()
		back := miriam.again()
		back.wantState(wire.RecordingOn)
		w.wantTaped("agent/anna", guest(miriam))
		time.Sleep(2 * time.Second)
		if w.media.clip(back.place.You) != "" {
			t.Error("they are told twice")
		}
	})
}

func TestAnAgentWithTwoPagesHasOneTrack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, miriam := w.recording()
		second := w.page("anna").join("Anna")
		second.hears()
		second.say(wire.MeetMedia{Audio: true})
		time.Sleep(2 * time.Second)
		w.wantTaped("agent/anna", guest(miriam))
		w.media.note(func() {
			if w.media.tapped[second.place.You] != "agent/anna" || w.media.tapped[host.place.You] != "" {
				t.Errorf("recorded are %v, want the page that sends sound", w.media.tapped)
			}
		})
	})
}
