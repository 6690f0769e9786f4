package media

import (
	"slices"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Tap takes what sides of a call say, as it came from the network: encoded, out of order, with what was lost
// missing. Sound is called where packets are read, so it must not wait; header and payload are the caller's again
// when it returns. level is 0, the loudest, to 127, or NoLevel where the browser does not say.
type Tap interface {
	Sound(side Side, h *rtp.Header, payload []byte, level uint8, now time.Time)
}

// NoLevel: how loud a packet is, is not known.
const NoLevel uint8 = 255

// LevelURI is RFC 6464. Its byte holds a flag for speech and 7 bits of level, in dB below the loudest.
const LevelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

// Tap gives what these sides of a call say to a tap, in place of what was given before; without sides, or with a
// nil tap, nobody's.
func (e *Engine) Tap(call string, to Tap, sides ...Side) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.calls[call]
	if c == nil {
		return
	}
	c.tap, c.taps = to, slices.Clone(sides)
	for _, l := range c.legs {
		c.tapLeg(l)
	}
}

// tapLeg brings a leg to what the call says. Callers hold Engine.mu.
func (c *call) tapLeg(l *leg) {
	want := c.tap
	if !slices.Contains(c.taps, l.key.Side) {
		want = nil
	}
	switch now := l.tap.Load(); {
	case want == nil:
		l.tap.Store(nil)
	case now == nil || *now != want:
		l.tap.Store(&want)
	}
}

// LevelID finds that extension among those that were negotiated; 0: it was not.
func LevelID(all []webrtc.RTPHeaderExtensionParameter) uint32 {
	for _, x := range all {
		if x.URI == LevelURI {
			return uint32(x.ID)
		}
	}
	return 0
}

// loudness reads a packet's level.
func (l *leg) loudness(h *rtp.Header) uint8 { return Level(h, l.level.Load()) }

// Level is how loud a packet says it is, in the extension of that number.
func Level(h *rtp.Header, id uint32) uint8 {
	if id == 0 || !h.Extension {
		return NoLevel
	}
	if b := h.GetExtension(uint8(id)); len(b) > 0 {
		return b[0] & 0x7f
	}
	return NoLevel
}
