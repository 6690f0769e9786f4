package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"
)

// MaxHeard is how many sources one leg can hear at once: a call of eight, less oneself.
const MaxHeard = 7

// out is one track to a browser.
type out struct {
	*writer
	sender  *webrtc.RTPSender
	carries *stream // what it is fed from, nil: nothing; guarded by Engine.mu
	read    bool    // its RTCP is being read; guarded by Engine.mu
}

// addOuts makes the tracks of a leg: one on the line that also talks, spare ones on lines that only receive.
func (l *leg) addOuts(spare int) error {
	for i := range 1 + spare {
		id := "audio"
		if i > 0 {
			id = fmt.Sprint("audio", i)
		}
		// All in one stream, so that a page plays them together.
		t, err := webrtc.NewTrackLocalStaticRTP(opus.RTPCodecCapability, id, "backline")
		if err != nil {
			return fmt.Errorf("make a track: %w", err)
		}
		direction := webrtc.RTPTransceiverDirectionSendrecv
		if i > 0 {
			direction = webrtc.RTPTransceiverDirectionSendonly
		}
		o := &outlet{TrackLocalStaticRTP: t, direct: l.direct, out: l.engine.sockets.batch}
		tr, err := l.pc.AddTransceiverFromTrack(o, webrtc.RTPTransceiverInit{Direction: direction})
		if err != nil {
			return fmt.Errorf("add a track: %w", err)
		}
		l.outs = append(l.outs, &out{writer: newWriter(o), sender: tr.Sender()})
	}
	l.out, l.sender, l.outs[0].read = l.outs[0].writer, l.outs[0].sender, true // read by live
	return nil
}

// wire makes sound flow as the table says. Callers hold mu.
func (e *Engine) wire(c *call) {
	listeners := map[*stream][]*writer{}
	fresh := e.cue(c)
	for side, l := range c.legs {
		l.hear(e.sources(c, side))
		for _, o := range l.outs {
			if o.carries == e.music.stream {
				e.music.add(o.writer)
				continue
			}
			e.music.remove(o.writer)
			if o.carries != nil {
				listeners[o.carries] = append(listeners[o.carries], o.writer)
			}
		}
	}
	for _, l := range c.legs {
		l.in.feed(listeners[l.in])
		c.tapLeg(l)
	}
	if c.clip != nil {
		c.clip.stream.feed(listeners[c.clip.stream])
		if fresh {
			e.music.begin(c.clip)
		}
	}
}

// sources are the streams that a side hears now: those of the table that are there. Callers hold mu.
func (e *Engine) sources(c *call, side Side) []*stream {
	if !c.legs[side].up {
		return nil
	}
	var all []*stream
	for _, s := range c.table[side] {
		if s == Music {
			all = append(all, e.music.stream)
		} else if strings.HasPrefix(string(s), clipPrefix) {
			all = append(all, c.clip.stream) // cue made it
		} else if l := c.legs[Side(s)]; l != nil && Side(s) != side {
			all = append(all, l.in)
		}
	}
	return all
}

// hear gives each source a track. What a track carries stays on it, so that nobody's voice moves while another
// joins. Callers hold Engine.mu.
func (l *leg) hear(sources []*stream) {
	fresh := slices.Clone(sources)
	var free []*out
	for _, o := range l.outs {
		if i := slices.Index(fresh, o.carries); o.carries != nil && i >= 0 {
			fresh = slices.Delete(fresh, i, i+1)
			continue
		}
		free = append(free, o)
	}
	for _, o := range free {
		o.carries = nil
		if len(fresh) > 0 {
			o.carries, fresh = fresh[0], fresh[1:]
			l.readBack(o)
		}
		o.writer.hear(o.carries)
	}
}

// readBack reads what the browser reports about a track, from its first use on: reports that nobody reads would
// pile up. What the leg tells of itself is its first track's.
func (l *leg) readBack(o *out) {
	if o.read {
		return
	}
	o.read = true
	l.read(func() {
		buf := make([]byte, maxPacket)
		for {
			if _, _, err := o.sender.Read(buf); err != nil {
				return
			}
		}
	})
}

// unplug cuts a leg off from everything. Callers hold mu.
func (e *Engine) unplug(l *leg) {
	l.hear(nil)
	l.in.feed(nil)
	l.tap.Store(nil)
	for _, o := range l.outs {
		e.music.remove(o.writer)
	}
}
