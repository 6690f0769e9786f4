package media

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

func TestTheLifeOfALeg(t *testing.T) {
	const (
		up   = webrtc.PeerConnectionStateConnected
		ice  = webrtc.PeerConnectionStateConnecting
		lost = webrtc.PeerConnectionStateDisconnected
		bye  = webrtc.PeerConnectionStateClosed
	)
	type step struct {
		at    time.Duration // since the leg was made
		pc    webrtc.PeerConnectionState
		heard bool
		want  []State
		again time.Duration // since the leg was made; zero: when something changes
	}
	s := func(d int) time.Duration { return time.Duration(d) * time.Second }
	for name, steps := range map[string][]step{
		"a good call": {
			{s(0), ice, false, nil, s(30)},
			{s(1), up, false, []State{Connected}, 0},
			{s(2), up, true, []State{Connected}, 0}, // first audio
			{s(3), up, true, nil, 0},
			{s(9), bye, true, []State{Closed}, 0},
		},
		"sound before we looked": {{s(1), up, true, []State{Connected, Connected}, 0}},
		"never connected":        {{s(1), ice, false, nil, s(30)}, {s(30), ice, false, []State{Gone, Closed}, 0}},
		"a short loss": {
			{s(1), up, false, []State{Connected}, 0},
			{s(2), lost, false, nil, s(4)},
			{s(3), up, false, nil, 0},
			{s(5), lost, false, nil, s(7)},
		},
		"a long loss, healed, and then for good": {
			{s(1), up, false, []State{Connected}, 0},
			{s(2), lost, false, nil, s(4)},
			{s(4), lost, false, []State{Interrupted}, s(32)},
			{s(5), ice, false, nil, s(32)}, // an ICE restart
			{s(6), up, false, []State{Connected}, 0},
			{s(7), lost, false, nil, s(9)},
			{s(9), lost, false, []State{Interrupted}, s(37)},
			{s(37), lost, false, []State{Gone, Closed}, 0},
		},
		"looked too late": {
			{s(1), up, false, []State{Connected}, 0},
			{s(2), lost, false, nil, s(4)},
			{s(60), lost, false, []State{Gone, Closed}, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1e9, 0)
			f := life{state: Connecting, lost: start}
			for _, st := range steps {
				tell, again := f.step(start.Add(st.at), st.pc, st.heard)
				var got []State
				for _, ev := range tell {
					got = append(got, ev.State)
				}
				if !slices.Equal(got, st.want) {
					t.Errorf("at %v: told %v, want %v", st.at, got, st.want)
				}
				if want := start.Add(st.again); (st.again == 0) != again.IsZero() || st.again != 0 && !again.Equal(want) {
					t.Errorf("at %v: look again after %v, want %v", st.at, again.Sub(start), st.again)
				}
			}
		})
	}
}
