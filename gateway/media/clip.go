package media

import (
	"slices"
	"strings"
	"time"

	"github.com/pion/rtp"
)

// clip is a sound on its way to one call. Its packets are sent by the music's goroutine; when they are over it is
// silence for as long as the table has it.
type clip struct {
	name    Source
	stream  *stream
	packets [][]byte

	// Owned by the music's goroutine.
	at     int
	packet rtp.Packet
}

func newClips(files map[string][]byte) (map[string][][]byte, error) {
	clips := map[string][][]byte{}
	for name, ogg := range files {
		packets, err := opusPackets(ogg)
		if err != nil {
			return nil, err
		}
		clips[name] = packets
	}
	return clips, nil
}

// ClipTime is how long a clip lasts; zero when there is none of that name.
func (e *Engine) ClipTime(name string) time.Duration {
	return time.Duration(len(e.clips[name])) * frameTime
}

// OpusPackets are the packets of a file that can be a clip or music, all of 20 ms. The error is a *gateway.Error of
// kind gateway.Invalid.
func OpusPackets(ogg []byte) ([][]byte, error) { return opusPackets(ogg) }

// play sends the next packet, if one is left.
func (c *clip) play(scratch *rtp.Packet, now time.Time) {
	if c.at >= len(c.packets) {
		return
	}
	c.packet.SequenceNumber++
	c.packet.Timestamp += frameTicks
	c.packet.Payload = c.packets[c.at]
	c.at++
	c.stream.forward(&c.packet, scratch, now)
}

// cue brings the clip of a call to what its table says, and reports whether it is another one, which is to begin when
// all who hear it are wired: its first packet would be lost. Callers hold mu.
func (e *Engine) cue(c *call) (fresh bool) {
	want := c.wants()
	if c.clip != nil && c.clip.name == want {
		return false
	}
	if c.clip != nil {
		e.music.drop(c.clip)
		c.clip = nil
	}
	if want == "" {
		return false
	}
	name, _ := strings.CutPrefix(string(want), clipPrefix)
	c.clip = &clip{name: want, stream: &stream{}, packets: e.clips[name]}
	return true
}

// wants is the clip of a table: one call hears one at a time.
func (c *call) wants() Source {
	for _, hears := range c.table {
		for _, s := range hears {
			if strings.HasPrefix(string(s), clipPrefix) {
				return s
			}
		}
	}
	return ""
}

// begin and drop change what is being played. Callers hold Engine.mu.
func (m *music) begin(c *clip) {
	all := append(slices.Clone(m.playing()), c)
	m.clips.Store(&all)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *music) drop(c *clip) {
	all := slices.DeleteFunc(slices.Clone(m.playing()), func(x *clip) bool { return x == c })
	m.clips.Store(&all)
}

func (m *music) playing() []*clip {
	if p := m.clips.Load(); p != nil {
		return *p
	}
	return nil
}
