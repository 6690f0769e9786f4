package media_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"backline/gateway/media"
)

// spare lets a client hear n voices more than one.
func (c *client) spare(n int) *client {
	for range n {
		_, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		must(c.t, err)
	}
	return c
}

// voices collects who is heard on which track while everybody speaks for a moment, and returns when all that should be
// heard were, with what else came meanwhile. A packet says who speaks and when, since what was said before may still come.
func voices(c *client, want []byte, speakers ...*client) map[byte]uint32 {
	const packets = 20
	moment := byte(speakers[0].said())
	for n := range packets {
		for i, s := range speakers {
			s.say(960, byte(i+1), moment, byte(n))
		}
		time.Sleep(2 * time.Millisecond)
	}
	got, ended := map[byte]uint32{}, map[byte]bool{}
	take := func(h heard) {
		if h.payload[1] == moment {
			got[h.payload[0]] = h.SSRC
			ended[h.payload[0]] = ended[h.payload[0]] || h.payload[2] == packets-1
		}
	}
	for slices.ContainsFunc(want, func(who byte) bool { return !ended[who] }) {
		take(c.hear())
	}
	for rest := time.After(50 * time.Millisecond); ; {
		select {
		case h := <-c.heard:
			take(h)
		case <-rest:
			return got
		}
	}
}

func TestEachSpeakerHasATrackOfTheirOwnWithEachListener(t *testing.T) {
	e := start(t, media.Options{})
	const expert media.Side = "expert"
	a, b, x := newClient(t, onlyUDP).spare(media.MaxHeard-1), newClient(t, onlyUDP).spare(2), newClient(t, onlyUDP)
	for _, c := range []*client{a, b, x} {
		defer c.close()
	}
	e.Hear("c1", both())
	a.call(e, customer, false)
	b.call(e, agent, false)
	x.call(e, media.LegKey{Call: "c1", Side: expert}, false)
	before := voices(a, []byte{2}, a, b, x)
	if len(before) != 1 || before[2] == 0 {
		t.Fatalf("the customer hears %v, want the agent alone", before)
	}
	all := []media.Source{media.From(media.Customer), media.From(media.Agent), media.From(expert)}
	e.Hear("c1", media.Table{media.Customer: all, media.Agent: all, expert: all}) // nobody hears themselves
	with := voices(a, []byte{2, 3}, a, b, x)
	if len(with) != 2 || with[2] != before[2] || with[3] == 0 || with[3] == with[2] {
		t.Errorf("with three the customer hears %v, want the agent on the track of before and the expert on another", with)
	}
	if got := voices(x, []byte{1}, a, b, x); len(got) != 1 || got[1] == 0 {
		t.Errorf("a page that has room for one voice hears %v, want the first of the table", got)
	}
	e.Hear("c1", media.Table{media.Customer: {media.From(expert)}})
	if got := voices(a, []byte{3}, a, b, x); len(got) != 1 || got[3] != with[3] {
		t.Errorf("when one leaves, the customer hears %v, want the expert where they were", got)
	}
	e.Hangup(media.LegKey{Call: "c1", Side: expert})
	for stateOf(e, media.LegKey{Call: "c1", Side: expert}) != "" {
		time.Sleep(time.Millisecond)
	}
	if got := voices(a, nil, a, b); len(got) != 0 {
		t.Errorf("after all left, the customer hears %v", got)
	}
}
