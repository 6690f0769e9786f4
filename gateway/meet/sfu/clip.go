package sfu

import (
	"time"

	"github.com/pion/rtp"
)

// clip is a sound that one participant hears in place of the others: the notice of a recording, say. It begins when
// their connection is up and has a line for it, and begins anew when that breaks in the middle, so that whoever is
// said to have heard it was sent all of it.
type clip struct {
	name    string
	packets [][]byte
	source  *source // what the line is fed from; its participant is ""

	// Owned by the room's goroutine.
	conn *conn // it is being played on
	next int   // packet
	due  time.Time
	head rtp.Header
}

// clipRest is how long what was sent may be on its way; the others are not heard before it is over.
const clipRest = 10 * soundFrame

// Play plays a clip to a participant, from its beginning; they hear nobody meanwhile. With "", or the end of the clip,
// they hear the others again. One that is being played goes on.
func (r *Room) Play(peer, name string) {
	r.mu.Lock()
	if now := r.clips[peer]; now == nil && name == "" || now != nil && now.name == name {
		r.mu.Unlock()
		return
	}
	delete(r.clips, peer)
	if packets := r.sfu.opts.Clips[name]; len(packets) > 0 {
		r.clips[peer] = &clip{name: name, packets: packets, source: &source{kind: Audio}}
	}
	r.mu.Unlock()
	r.assign()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// playClips sends what is due of all clips; false: there is none.
func (r *Room) playClips(now time.Time) bool {
	type playing struct {
		peer string
		clip *clip
		to   *conn // nil: it is not up
	}
	r.mu.Lock()
	var all []playing
	for peer, c := range r.clips {
		to := r.conns[peer]
		if to != nil && !to.up {
			to = nil
		}
		all = append(all, playing{peer, c, to})
	}
	r.mu.Unlock()
	for _, p := range all {
		if p.clip.step(p.to, now) {
			r.played(p.peer, p.clip)
		}
	}
	return len(all) > 0
}

// played gives the participant the others back, unless somebody has stopped or changed the clip.
func (r *Room) played(peer string, c *clip) {
	r.mu.Lock()
	mine := r.clips[peer] == c
	if mine {
		delete(r.clips, peer)
	}
	r.mu.Unlock()
	if mine {
		r.assign()
		r.sfu.opts.OnPlayed(r.name, peer, c.name)
	}
}

// step sends what is due to a participant; true: it is over.
func (c *clip) step(to *conn, now time.Time) bool {
	heard := c.source.heard()
	if to == nil || len(heard) == 0 {
		c.conn = nil
		return false
	}
	if c.conn != to {
		c.conn, c.next, c.due = to, 0, now
		c.head.Version, c.head.SSRC, c.head.Marker = 2, 1, true
	}
	for ; c.next < len(c.packets) && !c.due.After(now); c.next++ {
		c.head.SequenceNumber++
		c.head.Timestamp += audioClock / 50
		p := &rtp.Packet{Header: c.head, Payload: c.packets[c.next]}
		for _, s := range heard {
			s.sound(c.source, p, now)
		}
		c.head.Marker, c.due = false, c.due.Add(soundFrame)
	}
	return c.next == len(c.packets) && now.Sub(c.due) >= clipRest
}
