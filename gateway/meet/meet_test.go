package meet

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

func TestAGuestKnocksAndAnAgentLetsThemIn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		guest := w.page("").join("Miriam")
		guest.wantAt("lobby", "")
		if got := w.book.wrote(); got != "contact.learned opened" {
			t.Errorf("a knock wrote %q", got)
		}
		host := w.page("anna").join("Anna")
		host.wantAt("in", "")
		if len(host.room.Lobby) != 1 || host.room.Lobby[0].Name != "Miriam" {
			t.Errorf("the agent sees %+v before the door", host.room.Lobby)
		}
		if f := host.do("admit", guest.place.You); f != nil {
			t.Fatal(f)
		}
		guest.wantAt("in", "")
		if len(guest.room.People) != 2 || len(guest.room.Lobby) != 0 {
			t.Errorf("the guest sees %+v", guest.room)
		}
		if w.media.hears(guest.place.You) {
			guest.say(wire.MeetMedia{Audio: true})
		}
		guest.leaves()
		guest.wantAt("over", "left")
		host.leaves()
		time.Sleep(EmptyAfter + 2*time.Second)
		if got := w.book.wrote(); got != "contact.learned opened joined:Anna joined:Miriam left:left left:left closed:empty" {
			t.Errorf("wrote %q", got)
		}
		if it := w.book.line(); it.Met == nil || it.Met.Outcome != "held" || len(it.Met.Names) != 2 {
			t.Errorf("the timeline has %+v", it.Met)
		}
		w.media.note(func() {
			if len(w.media.closed) != 1 || len(w.media.left) != 2 {
				t.Errorf("media: left %v, closed %v", w.media.left, w.media.closed)
			}
		})
	})
}

func TestWhoGivesUpBeforeTheDoorIsAMissedMeeting(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.page("").join("Miriam").leaves()
		time.Sleep(GaveUpAfter + 2*time.Second)
		if it := w.book.line(); it.Met == nil || it.Met.Outcome != "missed" || it.Met.Reason != gateway.CloseGaveUp {
			t.Errorf("the timeline has %+v", it.Met)
		}
	})
}

func TestAMeetingThatNobodyComesToCloses(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		url, err := w.desk.Invite(t.Context(), "anna", "c1")
		if err != nil || url == "" {
			t.Fatal(url, err)
		}
		time.Sleep(UnusedAfter - 2*time.Second)
		if w.book.line().Met != nil {
			t.Error("closed too early")
		}
		time.Sleep(4 * time.Second)
		if it := w.book.line(); it.Met == nil || it.Met.Outcome != "unused" {
			t.Errorf("the timeline has %+v", it)
		}
	})
}

func TestWhoComesBackInTimeHasNeverLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		guest.closes()
		if host.read(); !host.room.People[1].Away {
			t.Error("the agent does not see that the guest's line is broken")
		}
		time.Sleep(LostAfter - 2*time.Second)
		back := guest.again()
		back.wantAt("in", "")
		if back.place.You != guest.place.You {
			t.Error("who came back is somebody else")
		}
		time.Sleep(LostAfter)
		back.closes()
		time.Sleep(LostAfter + 2*time.Second)
		if got := w.book.wrote(); got != "contact.learned opened joined:Anna joined:Miriam left:lost" && got != "opened joined:Anna joined:Miriam left:lost" {
			t.Errorf("wrote %q", got)
		}
		back.again().wantAt("in", "") // and comes back without knocking
	})
}

func TestAfterARestartSeatsLeadBackIn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var running sync.WaitGroup
		w.start(ctx, &running) // another process, which reads the journal
		ch, _ := w.book.MeetingOf(customer)
		w.desk.MeetingChanged(ch)
		guest.again().wantAt("in", "")
		time.Sleep(LostAfter + 2*time.Second)
		if got := w.book.wrote(); got != "opened joined:Anna joined:Miriam left:lost" {
			t.Errorf("wrote %q: the agent did not come back", got)
		}
		host.again().wantAt("in", "")
		cancel()
		running.Wait()
	})
}

func TestTheSecondWindowTakesThePlace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, guest := w.meeting()
		guest.again().wantAt("in", "")
		guest.wantAt("over", "replaced")
		guest.closes()
		time.Sleep(2 * LostAfter)
		if got := w.book.wrote(); got != "opened joined:Anna joined:Miriam" {
			t.Errorf("wrote %q", got)
		}
	})
}

func TestOnlyAgentsSteer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		other := w.page("").join("Jonas")
		for _, do := range []string{"admit", "deny", "mute", "mute_all", "remove", "lock", "unlock", "end"} {
			if f := guest.do(do, other.place.You); f == nil || f.Kind != gateway.Forbidden {
				t.Errorf("a guest may %s: %+v", do, f)
			}
			if f := other.do(do, guest.place.You); f == nil || f.Kind != gateway.Forbidden {
				t.Errorf("somebody before the door may %s: %+v", do, f)
			}
		}
		ben := w.page("ben").join("Ben")
		if f := ben.do("remove", host.place.You); f == nil || f.Kind != gateway.Forbidden {
			t.Errorf("an agent removes a colleague: %+v", f)
		}
		if f := ben.do("fly", ""); f == nil || f.Kind != gateway.Invalid {
			t.Errorf("an unknown command: %+v", f)
		}
		other.say(wire.MeetSay{ID: "1", Text: "let me in"})
		if f := other.read().acks[len(other.acks)-1]; f == nil {
			t.Error("somebody before the door writes into the chat")
		}
	})
}

func TestWhoIsDeniedOrRemovedIsOut(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		jonas := w.page("").join("Jonas")
		if f := host.do("deny", jonas.place.You); f != nil {
			t.Fatal(f)
		}
		jonas.wantAt("over", "denied")
		seat := guest.place.Seat
		if f := host.do("remove", guest.place.You); f != nil {
			t.Fatal(f)
		}
		guest.wantAt("over", "removed")
		guest.place.Seat = seat
		guest.again().wantAt("green", "")
		if f := host.do("remove", guest.place.You); f == nil || f.Kind != gateway.NotFound {
			t.Errorf("removed twice: %+v", f)
		}
	})
}

func TestALockedDoorHoldsStrangersOffAndNobodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		host.do("lock", "")
		w.page("").join("Jonas").wantAt("green", whyLocked)
		guest.closes()
		guest.again().wantAt("in", "")
		w.page("ben").join("Ben").wantAt("in", "")
		host.do("unlock", "")
		w.page("").join("Jonas").wantAt("lobby", "")
	})
}

func TestMutedByAnAgentIsMutedUntilThemselvesSayOtherwise(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		host.say(wire.MeetMedia{Audio: true})
		guest.say(wire.MeetMedia{Audio: true, Video: true})
		if host.do("mute_all", ""); guest.read().muted != 1 || host.muted != 0 {
			t.Errorf("the guest was told %d times, the agent %d times", guest.muted, host.muted)
		}
		if w.media.hears(guest.place.You) || !w.media.hears(host.place.You) {
			t.Error("the wrong ones are muted")
		}
		if guest.room.People[1].Audio || !guest.room.People[1].Video {
			t.Errorf("the others see %+v", guest.room.People[1])
		}
		guest.say(wire.MeetMedia{Audio: true})
		if !w.media.hears(guest.place.You) {
			t.Error("cannot speak again")
		}
	})
}

func TestTenAreIn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, _ := w.meeting()
		for i := range wire.MeetPeople - 2 {
			w.page(gateway.AgentID(fmt.Sprint("a", i))).join("A").wantAt("in", "")
		}
		w.page("late").join("L").wantAt("green", whyFull)
		guest := w.page("").join("Jonas")
		if f := host.do("admit", guest.place.You); f == nil || f.Kind != gateway.Conflicting {
			t.Errorf("the eleventh: %+v", f)
		}
	})
}

func TestChatIsShownWhenItIsOnDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		w.book.setBroken(true)
		guest.say(wire.MeetSay{ID: "1", Text: "hello"})
		if guest.read(); guest.acks[len(guest.acks)-1] == nil || len(host.read().chat) != 0 {
			t.Error("shown before it was stored")
		}
		w.book.setBroken(false)
		guest.say(wire.MeetSay{ID: "1", Text: "hello"})
		guest.say(wire.MeetSay{ID: "1", Text: "hello"}) // its ack was lost
		if guest.read(); len(guest.chat) != 1 || len(host.read().chat) != 1 || host.chat[0].Name != "Miriam" {
			t.Errorf("the guest sees %+v, the agent %+v", guest.chat, host.chat)
		}
		if !w.desk.Say(customer, "m1", "from the console") || len(guest.read().chat) != 2 {
			t.Error("what the console writes is not shown")
		}
		if late := w.page("ben").join("Ben"); len(late.chat) != 2 {
			t.Errorf("who comes later sees %d lines", len(late.chat))
		}
	})
}

func TestNobodyIsInBeforeItIsOnDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host := w.page("anna").join("Anna")
		guest := w.page("").join("Miriam")
		w.book.setBroken(true)
		if f := host.do("admit", guest.place.You); f == nil || f.Kind != gateway.Unavailable {
			t.Errorf("got %+v", f)
		}
		guest.wantAt("lobby", "")
		host.leaves() // is written as soon as the disk has room
		w.book.setBroken(false)
		time.Sleep(2 * time.Second)
		if got := w.book.wrote(); got != "opened joined:Anna left:left" {
			t.Errorf("wrote %q", got)
		}
	})
}

func TestEndingItEndsItForAll(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		host, guest := w.meeting()
		seat := guest.place.Seat
		host.do("end", "")
		guest.wantAt("over", "ended")
		host.wantAt("over", "ended")
		guest.place.Seat = seat
		guest.again().wantAt("green", "")
		guest.join("Miriam").wantAt("lobby", "") // and knocks at a new one
	})
}

func TestTheAgentOfTheConversationIsToldWhoWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		guest := w.page("").join("Miriam")
		w.book.assign("anna")
		time.Sleep(5 * time.Second)
		if told := w.book.notices(); len(told) < 1 || len(told) > 3 || told[0].Waiting[0] != "Miriam" {
			t.Errorf("told %+v", told)
		}
		guest.leaves()
		time.Sleep(2 * time.Second)
		told := w.book.notices()
		if last := told[len(told)-1]; len(last.Waiting) != 0 {
			t.Errorf("still waiting: %+v", last)
		}
	})
}

func TestASeatIsForOneMeetingAndCannotBeForged(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, guest := w.meeting()
		s, ok := w.desk.seat(guest.place.Seat)
		if !ok || !s.In || s.Name != "Miriam" {
			t.Fatalf("got %+v, %v", s, ok)
		}
		forged := []byte(guest.place.Seat)
		forged[5] ^= 1
		if _, ok := w.desk.seat(string(forged)); ok {
			t.Error("a forged seat is taken")
		}
		other := w.page("")
		other.socket.place.Who.Remote = "l2"
		if w.desk.rejoin(t.Context(), other.socket, s) {
			t.Error("a seat leads into another meeting")
		}
		agent := w.page("anna")
		if w.desk.rejoin(t.Context(), agent.socket, s) {
			t.Error("a guest's seat is taken by an agent's page")
		}
	})
}

func FuzzFrames(f *testing.F) {
	for _, s := range []string{`{"t":"hello","version":1,"link":"x"}`, `{"t":"join","name":"  Ann \u0000 a "}`, `{"t":"offer","line":1,"sdp":"v=0"}`,
		`{"t":"want","tiles":[{"peer":"a","kind":"camera","height":-3}]}`, `{"t":"say","id":"a","text":"\r\nhi"}`, `{"t":"do","id":"a","do":"end"}`, `[]`, `{"t":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := decodeFrame(data)
		if err != nil {
			return
		}
		switch m := frame.(type) {
		case wire.MeetJoin:
			if m.Name == "" || len([]rune(m.Name)) > maxName {
				t.Errorf("a name of %d bytes", len(m.Name))
			}
		case wire.MeetWant:
			for _, tile := range m.Tiles {
				if tile.Height < 0 || tile.Height > maxTile || len(m.Tiles) > maxTiles {
					t.Errorf("%+v", m.Tiles)
				}
			}
		case wire.MeetSay:
			if m.Text == "" || len([]rune(m.Text)) > wire.MaxMeetText {
				t.Errorf("a text of %d bytes", len(m.Text))
			}
		case wire.MeetOffer:
			if m.Line < 1 || len(m.SDP) > wire.MaxMeetSDPBytes {
				t.Errorf("line %d, %d bytes", m.Line, len(m.SDP))
			}
		}
	})
}

func FuzzSeat(f *testing.F) {
	d := New(Options{Secret: make([]byte, 32)})
	f.Add(d.mint(seat{Person: "p"}))
	f.Add("e30.AA")
	f.Fuzz(func(t *testing.T, text string) {
		if s, ok := d.seat(text); ok && d.mint(s) != text {
			t.Errorf("%q is read as %+v", text, s)
		}
	})
}
