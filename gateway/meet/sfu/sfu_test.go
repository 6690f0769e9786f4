package sfu_test

import (
	"strings"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/meet/sfu"
)

func TestEverybodyHearsAndSeesEverybody(t *testing.T) {
	h := newHouse(t)
	ids := names(3)
	pages := map[string]*page{}
	for _, id := range ids {
		pages[id] = h.page(id, 3, 3)
		h.room().Want(id, everybody(id, 150, ids...))
	}
	for _, id := range ids {
		for _, other := range ids {
			if id == other {
				continue
			}
			pages[id].gets(other, sfu.Audio, func(received) bool { return true })
			if r := pages[id].sees(other, sfu.Camera, 180); r.gaps > 0 {
				t.Errorf("%s of %s: %+v", id, other, r)
			}
		}
	}
	if rooms, peers := h.sfu.Stats(); rooms != 1 || peers != 3 {
		t.Errorf("got %d rooms, %d peers", rooms, peers)
	}
}

func TestABiggerTileGetsABiggerPictureWithoutAGap(t *testing.T) {
	h := newHouse(t)
	a, _ := h.page("a", 1, 1), h.page("b", 1, 1)
	h.room().Want("a", everybody("", 150, "b"))
	a.sees("b", sfu.Camera, 180)
	h.room().Want("a", everybody("", 400, "b"))
	a.sees("b", sfu.Camera, 360)
	h.room().Want("a", everybody("", 150, "b"))
	if r := a.sees("b", sfu.Camera, 180); r.gaps > 0 || r.keys < 3 {
		t.Errorf("two changes: %+v", r)
	}
}

func TestLayersThatNobodyHasUseForAreNotSentUntilSomebodyHas(t *testing.T) {
	h := newHouse(t)
	a, _, c := h.page("a", 1, 1), h.page("b", 1, 1), h.page("c", 2, 2)
	h.room().Want("a", everybody("", 150, "b"))
	a.sees("b", sfu.Camera, 180)
	for end := time.Now().Add(20 * time.Second); h.useful("b") != 1; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("b is still told to send %d layers", h.useful("b"))
		}
	}
	h.room().Want("c", everybody("", 700, "b"))
	c.sees("b", sfu.Camera, 720)
	a.sees("b", sfu.Camera, 180)
	if n := h.useful("b"); n != 3 {
		t.Errorf("b is told to send %d layers, want 3", n)
	}
}

func TestJoiningAndLeavingNeedsNoNewOffer(t *testing.T) {
	h := newHouse(t)
	a := h.page("a", 1, 1)
	b := h.page("b", 1, 1)
	h.room().Want("a", everybody("", 150, "b", "c"))
	first := h.carries("a", "b", sfu.Camera)
	a.sees("b", sfu.Camera, 0)
	h.room().Leave("b")
	b.close()
	h.page("c", 1, 1)
	a.sees("c", sfu.Camera, 0)
	if got := h.carries("a", "c", sfu.Camera); first != "" && got != first {
		t.Errorf("c came on line %s, want the line of b, %s", got, first)
	}
	if h.carries("a", "b", sfu.Camera) != "" {
		t.Error("b still has a line")
	}
}

func TestAPageAsksForMoreLinesOnTheSameConnection(t *testing.T) {
	h := newHouse(t)
	a := h.page("a", 1, 1)
	h.page("b", 1, 1)
	h.page("c", 1, 1)
	h.room().Want("a", everybody("", 150, "b")) // whose camera comes first has the line
	a.sees("b", sfu.Camera, 0)
	h.room().Want("a", everybody("", 150, "b", "c"))
	if h.carries("a", "c", sfu.Camera) != "" {
		t.Fatal("two pictures on one line")
	}
	a.more(1, 1)
	a.offer()
	a.sees("c", sfu.Camera, 0)
	a.gets("c", sfu.Audio, func(received) bool { return true })
	a.sees("b", sfu.Camera, 0)
}

func TestASharedScreenComesBesideTheCamera(t *testing.T) {
	h := newHouse(t)
	a, b := h.page("a", 1, 2), h.page("b", 1, 2)
	h.room().Want("a", []sfu.Want{{Peer: "b", Kind: sfu.Screen, Height: 800}, {Peer: "b", Kind: sfu.Camera, Height: 100}})
	a.sees("b", sfu.Camera, 180)
	b.share.Store(true)
	a.sees("b", sfu.Screen, 1000)
	b.share.Store(false)
	a.sees("b", sfu.Camera, 180)
}

func TestWhoIsMutedIsNotHeardWhateverTheirPageSends(t *testing.T) {
	h := newHouse(t)
	a := h.page("a", 1, 1)
	h.page("b", 1, 1)
	a.gets("b", sfu.Audio, func(received) bool { return true })
	h.room().Mute("b", sfu.Audio, true)
	heard := func() int { return a.on(h.carries("a", "b", sfu.Audio)).packets }
	before, quiet := heard(), false
	for end := time.Now().Add(10 * time.Second); !quiet && time.Now().Before(end); { // what is on its way may still come
		time.Sleep(200 * time.Millisecond) // ten packets of b
		now := heard()
		before, quiet = now, now == before
	}
	if !quiet {
		t.Error("who is muted is heard")
	}
	h.room().Mute("b", sfu.Audio, false)
	a.gets("b", sfu.Audio, func(received) bool { return true })
}

// until waits for something; it fails the test after ten seconds.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

func TestATapGetsWhatIsSaidByWhomItNamesAndHowLoud(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{"a", "b", "c"} {
		h.page(id, 2, 2)
	}
	h.room().Tap(h, map[string]media.Side{"a": "guest/a", "b": "agent/b", "d": "guest/d"})
	h.page("d", 2, 2) // and who comes later
	until(t, "sound of those whom the tap names", func() bool {
		return h.taken("guest/a") > 10 && h.taken("agent/b") > 10 && h.taken("guest/d") > 10
	})
	h.room().Mute("a", sfu.Audio, true)
	until(t, "nothing of who is muted while the others speak", func() bool { // what is on its way may still come
		a, b := h.taken("guest/a"), h.taken("agent/b")
		until(t, "more of b", func() bool { return h.taken("agent/b") > b+10 })
		return h.taken("guest/a") == a
	})
	h.room().Tap(nil, nil)
	until(t, "silence", func() bool {
		before := h.taken("agent/b")
		time.Sleep(200 * time.Millisecond)
		return h.taken("agent/b") == before
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.heard) != 3 {
		t.Errorf("%d people were taken, want 3", len(h.heard))
	}
	if l := h.heard["guest/d"][5]; l != voiceLevel {
		t.Errorf("a packet is as loud as %d, want %d", l, voiceLevel)
	}
}

func TestANoticeIsHeardToItsEndAndNobodyElseMeanwhile(t *testing.T) {
	h := newHouse(t)
	a, b := h.page("a", 2, 2), h.page("b", 2, 2)
	a.gets("b", sfu.Audio, func(received) bool { return true })
	mid := h.carries("a", "b", sfu.Audio)
	h.room().Play("a", "notice")
	until(t, "the end of the notice", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.over) > 0 })
	if r := a.on(mid); r.notice != 10 || r.mixed > 0 || r.gaps > 0 {
		t.Errorf("on the line of the voice came %+v, want the notice in one piece", r)
	}
	a.gets("b", sfu.Audio, func(received) bool { return true })
	if r := b.on(h.carries("b", "a", sfu.Audio)); r.notice > 0 || r.packets == 0 {
		t.Errorf("who is not told hears %+v", r)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.over) != 1 || h.over[0] != "a notice" {
		t.Errorf("played to their end: %q", h.over)
	}
}

func TestANoticeBeginsWhenThePageIsThereAndAnewOnAnotherConnection(t *testing.T) {
	h := newHouse(t)
	h.room().Play("a", "long") // before its connection
	a := h.page("a", 2, 2)
	until(t, "the beginning", func() bool { mid := h.carries("a", "", sfu.Audio); return mid != "" && a.on(mid).notice > 2 })
	a.close()
	again := h.page("a", 2, 2)
	until(t, "the end", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.over) == 1 })
	again.mu.Lock()
	defer again.mu.Unlock()
	total := 0
	for _, r := range again.got {
		total += r.notice
	}
	if total != 150 {
		t.Errorf("the new connection got %d packets of it, want all 150", total)
	}
}

func TestANoticeThatIsStoppedIsNotSaidToHaveBeenHeard(t *testing.T) {
	h := newHouse(t)
	a := h.page("a", 2, 2)
	h.page("b", 2, 2)
	h.room().Play("a", "notice")
	h.room().Play("a", "")
	a.gets("b", sfu.Audio, func(received) bool { return true })
	time.Sleep(500 * time.Millisecond)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.over) > 0 {
		t.Errorf("played to their end: %q", h.over)
	}
}

func TestWhoComesBackIsSeenAgain(t *testing.T) {
	h := newHouse(t)
	a := h.page("a", 1, 1)
	b := h.page("b", 1, 1)
	h.room().Want("a", everybody("", 150, "b"))
	a.sees("b", sfu.Camera, 0)
	b.close() // its network is gone: the gateway does not know yet
	h.page("b", 1, 1)
	if r := a.sees("b", sfu.Camera, 0); r.keys < 2 {
		t.Errorf("no key frame of the new connection: %+v", r)
	}
}

func TestAnotherPageOfAParticipantTakesTheirPlaceWhateverItsNumber(t *testing.T) {
	h := newHouse(t)
	a := h.page("a", 1, 1)
	h.page("b", 1, 1)
	h.room().Want("a", everybody("", 150, "b"))
	before := a.sees("b", sfu.Camera, 0)
	h.page("b", 1, 1) // the other goes on
	a.gets("b", sfu.Camera, func(r received) bool { return r.keys > before.keys })
}

func TestNoMoreThanTenAreInARoom(t *testing.T) {
	h := newHouse(t)
	for _, id := range names(sfu.MaxPeers) {
		h.page(id, 0, 0)
	}
	p := h.page("p0", 0, 0) // who is in may come again
	_, err := h.room().Offer(t.Context(), "one more", 1, p.pc.LocalDescription().SDP)
	if e, ok := err.(*gateway.Error); !ok || e.Kind != gateway.TooMany {
		t.Errorf("got %v", err)
	}
}

func TestBadOffersAreRefused(t *testing.T) {
	h := newHouse(t)
	p := h.page("a", 1, 1)
	good := p.pc.LocalDescription().SDP
	for name, sdp := range map[string]string{
		"empty": "", "no SDP": "hello", "too long": good + strings.Repeat("a=x\r\n", sfu.MaxSDPBytes/5),
		"data channel": strings.Replace(good, "m=audio", "m=application", 1),
		"no names":     strings.ReplaceAll(good, "a=mid:", "a=nid:"),
		"candidates":   good + strings.Repeat("a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n", sfu.MaxCandidates+1),
		"lines":        good + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\n", sfu.MaxMediaLines),
	} {
		_, err := h.room().Offer(t.Context(), "b", 1, sdp)
		if e, ok := err.(*gateway.Error); !ok || e.Kind != gateway.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzOffer(f *testing.F) {
	f.Add("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := sfu.ReadOffer(text)
		if err == nil && (lines == 0 || lines > sfu.MaxMediaLines || len(text) > sfu.MaxSDPBytes) {
			t.Errorf("an offer of %d lines was taken", lines)
		}
	})
}
