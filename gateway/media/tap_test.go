package media_test

import (
	"bytes"
	"strconv"
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

// wait returns when n packets are there, or will not come.
func (p *tape) wait(n int) {
	there := func() (all int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, got := range p.got {
			all += len(got)
		}
		return all
	}
	for end := time.Now().Add(10 * time.Second); there() < n && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
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
		// speak has both say n packets and checks what the tape gets of each side until both have heard all.
		speak := func(when string, n, ofCustomer, ofAgent int) {
			t.Helper()
			for i := range n {
				a.say(960, 1, byte(i))
				b.say(960, 2, byte(i))
				time.Sleep(2 * time.Millisecond)
			}
			for range n {
				a.hear()
				b.hear()
			}
			p.wait(ofCustomer + ofAgent)
			got := p.take()
			if !bytes.Equal(got[media.Customer], bytes.Repeat([]byte{1}, ofCustomer)) || !bytes.Equal(got[media.Agent], bytes.Repeat([]byte{2}, ofAgent)) {
				t.Errorf("%s: got %v, want %d packets of the customer and %d of the agent", when, got, ofCustomer, ofAgent)
			}
		}
		speak("before there is a tap", 5, 0, 0)
		e.Tap("c1", p, media.Customer, media.Agent)
		speak("of both", 20, 20, 20)
		e.Tap("c1", p, media.Agent)
		speak("of the agent alone", 5, 0, 5)
		e.Tap("c1", nil)
		speak("after it was taken away", 5, 0, 0)
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
	a.hearClip(25)
	b.hearClip(25)
	e.Hear("c1", both())
	e.Hear("c1", media.Table{media.Customer: hears})
	a.hearClip(25)
	for _, c := range []*client{a, b} { // for as long as the first packets of another round would take
		c.silent(5 * 20 * time.Millisecond)
	}
}

// A clip does not begin before those who hear it are wired: what is sent to nobody is lost.
func TestTheFirstPacketOfAClipIsHeard(t *testing.T) {
	const packets, calls, rounds = 2, 4, 40
	e := start(t, media.Options{Clips: map[string][]byte{"said": clipOf(packets)}})
	var all []*client
	key := func(i int) media.LegKey { return media.LegKey{Call: strconv.Itoa(i), Side: media.Customer} }
	for i := range calls {
		c := newClient(t, onlyUDP)
		defer c.close()
		c.call(e, key(i), false)
		all = append(all, c)
	}
	for range rounds {
		for i := range all {
			e.Hear(key(i).Call, media.Table{media.Customer: {media.Clip("said")}})
		}
		for i, c := range all {
			c.hearClip(packets)
			e.Hear(key(i).Call, nil)
		}
	}
}

// hearClip waits for the n packets of a clip, in order from its beginning.
func (c *client) hearClip(n int) {
	c.t.Helper()
	for want := range n {
		if h := c.hear(); h.payload[len(h.payload)-1] != byte(want) {
			c.t.Errorf("packet %d of the clip is heard where %d should be", h.payload[len(h.payload)-1], want)
			return
		}
	}
}
