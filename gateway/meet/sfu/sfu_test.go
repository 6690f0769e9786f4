package sfu_test

import (
	"strings"
	"testing"
	"time"

	"backline/gateway"
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
	if h.tap.Load() == 0 {
		t.Error("nothing came by the tap")
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
