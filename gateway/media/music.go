package media

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"backline/gateway"
)

// maxLag is how late the music may be before it leaves out what it missed, rather than send it in one burst.
const maxLag = 5 * frameTime

//go:embed hold.opus
var holdMusic []byte

// music plays one loop to all legs that hear it, and sleeps when none does. A caller comes in wherever the
// loop is.
type music struct {
	stream  *stream
	packets atomic.Pointer[[][]byte] // what plays now; never empty
	wake    chan struct{}            // one slot: there is a listener; never closed
	out     *batch                   // what listeners hear leaves together; nil: each by itself
	clips   atomic.Pointer[[]*clip]  // under way; replaced as a whole, by holders of Engine.mu

	// Owned by run.
	at              int // of the loop: the next packet
	packet, scratch rtp.Packet
}

func newMusic(ogg []byte) (*music, error) {
	m := &music{stream: &stream{}, wake: make(chan struct{}, 1)}
	_, err := m.set(ogg)
	return m, err
}

// set changes what plays, for those who listen too; nil is our own. It returns how long the loop is.
func (m *music) set(ogg []byte) (time.Duration, error) {
	if ogg == nil {
		ogg = holdMusic
	}
	packets, err := opusPackets(ogg)
	if err != nil {
		return 0, err
	}
	m.packets.Store(&packets)
	return time.Duration(len(packets)) * frameTime, nil
}

// Bounds of an operator's music.
const (
	MaxMusicBytes = 8 << 20
	MinMusic      = 2 * time.Second
	MaxMusic      = 15 * time.Minute
)

// CheckMusic tells how long an operator's Ogg file with Opus plays, or what is wrong with it (a *gateway.Error).
func CheckMusic(ogg []byte) (time.Duration, error) {
	if len(ogg) > MaxMusicBytes {
		return 0, gateway.Errorf(gateway.TooLarge, "music has at most %d MB", MaxMusicBytes>>20)
	}
	packets, err := opusPackets(ogg)
	if err != nil {
		return 0, err
	}
	long := time.Duration(len(packets)) * frameTime
	if long < MinMusic || long > MaxMusic {
		return 0, badMusic(fmt.Sprintf("it lasts %v, want %v to %v", long, MinMusic, MaxMusic))
	}
	return long, nil
}

// SetMusic changes the music, for those who hear it at this moment too; nil is our own. It returns how long it plays.
func (e *Engine) SetMusic(ogg []byte) (time.Duration, error) {
	if ogg != nil {
		if _, err := CheckMusic(ogg); err != nil {
			return 0, err
		}
	}
	return e.music.set(ogg)
}

// add and remove change who hears the music. Callers hold Engine.mu.
func (m *music) add(w *writer) {
	if now := m.listeners(); !slices.Contains(now, w) {
		m.stream.feed(append(slices.Clone(now), w))
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *music) remove(w *writer) {
	if i := slices.Index(m.listeners(), w); i >= 0 {
		m.stream.feed(slices.Delete(slices.Clone(m.listeners()), i, i+1))
	}
}

func (m *music) listeners() []*writer {
	if p := m.stream.listeners.Load(); p != nil {
		return *p
	}
	return nil
}

// run plays until ctx ends.
func (m *music) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
			m.play(ctx)
		}
	}
}

// play sends a packet each 20 ms as long as somebody listens.
func (m *music) play(ctx context.Context) {
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for due := time.Now(); len(m.listeners())+len(m.playing()) > 0; {
		now := time.Now()
		if now.Sub(due) > maxLag {
			due = now
		}
		m.out.hold()
		for ; !due.After(now); due = due.Add(frameTime) {
			m.stream.forward(m.next(), &m.scratch, now)
			for _, c := range m.playing() {
				c.play(&m.scratch, now)
			}
		}
		m.out.flush()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// next goes on by one packet.
func (m *music) next() *rtp.Packet {
	m.packet.SequenceNumber++
	m.packet.Timestamp += frameTicks
	packets := *m.packets.Load()
	if m.at >= len(packets) {
		m.at = 0 // it is another one now
	}
	m.packet.Payload = packets[m.at]
	m.at = (m.at + 1) % len(packets)
	return &m.packet
}
