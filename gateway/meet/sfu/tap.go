package sfu

import (
	"time"

	"github.com/pion/rtp"

	"backline/gateway/media"
)

// tapped is where a source's sound goes beside the others, and under which name.
type tapped struct {
	to   media.Tap
	side media.Side
}

// Tap gives what these participants say, as they are called there, to a tap, in place of what was given before; with a
// nil tap nobody's. Whom an agent has muted says nothing. Sound that comes on a connection yet to be made is given, too.
func (r *Room) Tap(to media.Tap, who map[string]media.Side) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taps = map[string]*tapped{}
	for peer, side := range who {
		if to != nil {
			r.taps[peer] = &tapped{to, side}
		}
	}
	for peer, c := range r.conns {
		if s := c.sources[Audio]; s != nil {
			s.tap.Store(r.taps[peer])
		}
	}
}

// record gives a packet to the tap, if there is one.
func (s *source) record(p *rtp.Packet, now time.Time) {
	if t := s.tap.Load(); t != nil {
		t.to.Sound(t.side, &p.Header, p.Payload, media.Level(&p.Header, s.level.Load()), now)
	}
}
