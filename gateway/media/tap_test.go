package media_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"backline/gateway/media"
)

// tape keeps the first byte of what a tap is given, by side.
type tape struct {
	mu  sync.Mutex
	got map[media.Side][]byte
}

func (p *tape) Sound(s media.Side, _ *rtp.Header, payload []byte, _ uint8, _ time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.got == nil {
		p.got = map[media.Side][]byte{}
	}
	p.got[s] = append(p.got[s], payload[0])
}

// take empties the tape.
func (p *tape) take() map[media.Side][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

func TestATapTakesWhatItsSidesSayOnUDPAndTCP(t *testing.T) {
	for _, path := range []setting{onlyUDP, onlyTCP} {
		e := start(t, media.Options{Levels: true})
		a, b := newClient(t, path), newClient(t, path)
		e.Hear("c1", both())
		a.call(e, customer, false)
		b.call(e, agent, false)
		p := &tape{}
		speak := func(n int) map[media.Side][]byte {
			p.take()
			for i := range n {
				a.say(960, 1, byte(i))
				b.say(960, 2, byte(i))
				time.Sleep(2 * time.Millisecond)
			}
			time.Sleep(100 * time.Millisecond)
			return p.take()
		}
		if got := speak(5); len(got) > 0 {
			t.Errorf("got %v before there was a tap", got)
		}
		e.Tap("c1", p, media.Customer, media.Agent)
		got := speak(20)
		if !bytes.Equal(got[media.Customer], bytes.Repeat([]byte{1}, 20)) || !bytes.Equal(got[media.Agent], bytes.Repeat([]byte{2}, 20)) {
			t.Errorf("got %v, want 20 packets of each side, once", got)
		}
		e.Tap("c1", p, media.Agent)
		if got := speak(5); len(got) != 1 || len(got[media.Agent]) != 5 {
			t.Errorf("got %v, want the agent alone", got)
		}
		e.Tap("c1", nil)
		if got := speak(5); len(got) > 0 {
			t.Errorf("got %v after the tap was taken away", got)
		}
		a.close()
		b.close()
	}
}

// clipOf is an Ogg file of n packets of 20 ms, each of three bytes with its number at the end.
func clipOf(n int) []byte {
	page := func(packets ...[]byte) []byte {
		b := append([]byte("OggS"), make([]byte, 22)...)
		b = append(b, byte(len(packets)))
		for _, p := range packets {
			b = append(b, byte(len(p)))
		}
		return append(b, bytes.Join(packets, nil)...)
	}
	ogg := append(page([]byte("OpusHead")), page([]byte("OpusTags"))...)
	for i := range n {
		ogg = append(ogg, page([]byte{0xf8, 0xff, byte(i)})...)
	}
	return ogg
}

func TestAClipIsPlayedOnceFromItsBeginningToAllWhoHearIt(t *testing.T) {
	ogg := clipOf(25)
	e := start(t, media.Options{Clips: map[string][]byte{"said": ogg}})
	if got := e.ClipTime("said"); got != 500*time.Millisecond {
		t.Fatalf("it lasts %v", got)
	}
	if e.ClipTime("other") != 0 {
		t.Error("a clip that is not there lasts some time")
	}
	a, b := newClient(t, onlyUDP), newClient(t, onlyUDP)
	defer a.close()
	defer b.close()
	a.call(e, customer, false)
	b.call(e, agent, false)
	hears := []media.Source{media.Clip("said")}
	e.Hear("c1", media.Table{media.Customer: hears, media.Agent: hears})
	time.Sleep(900 * time.Millisecond)
	one, other := payloads(a), payloads(b)
	if len(one) != 25 || len(other) != 25 || !slices.EqualFunc(one, other, bytes.Equal) {
		t.Errorf("they hear %d and %d packets, want 25 each, the same", len(one), len(other))
	}
	e.Hear("c1", both())
	e.Hear("c1", media.Table{media.Customer: hears})
	time.Sleep(900 * time.Millisecond)
	if again := payloads(a); len(again) != 25 || !bytes.Equal(again[0], one[0]) {
		t.Errorf("the second time %d packets were heard, want 25 from the beginning", len(again))
	}
}

func payloads(c *client) [][]byte {
	var all [][]byte
	for len(c.heard) > 0 {
		all = append(all, (<-c.heard).payload)
	}
	return all
}
