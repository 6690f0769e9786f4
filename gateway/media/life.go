package media

import (
	"time"

	"github.com/pion/webrtc/v4"
)

// life is the state of a leg as it is told, decided from what pion says. It knows no clock and starts nothing.
type life struct {
	state State     // told last
	lost  time.Time // when the other side was lost, or the leg was made; zero while connected
	heard bool      // first audio was told
}

// step takes the state of the connection and whether sound has come, and returns what to tell in that order
// and when to look again if nothing changes; zero means never. After Closed there are no more steps.
func (f *life) step(now time.Time, pc webrtc.PeerConnectionState, heard bool) (tell []Event, again time.Time) {
	switch pc {
	case webrtc.PeerConnectionStateConnected:
		f.lost = time.Time{}
		if f.state != Connected {
			tell = append(tell, f.to(Connected))
		}
		if heard && !f.heard {
			f.heard = true
			tell = append(tell, Event{State: Connected, FirstAudio: true})
		}
		return tell, time.Time{}
	case webrtc.PeerConnectionStateClosed: // the browser said goodbye, or we did
		return []Event{f.to(Closed)}, time.Time{}
	}
	if f.lost.IsZero() {
		f.lost = now
	}
	if !now.Before(f.lost.Add(GoneAfter)) {
		return []Event{f.to(Gone), f.to(Closed)}, time.Time{}
	}
	if f.state == Connected && !now.Before(f.lost.Add(Grace)) {
		tell = []Event{f.to(Interrupted)}
	}
	if f.state == Connected {
		return tell, f.lost.Add(Grace)
	}
	return tell, f.lost.Add(GoneAfter)
}

func (f *life) to(s State) Event {
	f.state = s
	return Event{State: s}
}
