package media

import (
	"io"
	"slices"
	"sync"

	"github.com/pion/transport/v5/packetio"
)

const (
	// maxStreams are the SSRCs of one leg's sound, and of its RTCP, that memory is held for. A browser has one, and
	// another after it has negotiated anew.
	maxStreams = 16
	// soundBuffer and rtcpBuffer are what pion holds of each until we read it, in bytes.
	soundBuffer = 64 << 10
	rtcpBuffer  = 16 << 10
)

// streams bounds what a leg can make us remember: each SSRC costs a buffer and the state of its encryption, and a
// browser could send with millions. The leg of one that sends with too many is ended.
type streams struct {
	many func() // static

	mu    sync.Mutex
	sound []uint32 // guarded by mu
	rtcp  int      // guarded by mu
}

// buffer is for pion: it makes one for each SSRC whose packets are rightly encrypted.
func (s *streams) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	b := packets{packetio.NewBuffer()}
	s.mu.Lock()
	if kind == packetio.RTPBufferPacket {
		b.SetLimitSize(soundBuffer)
		if len(s.sound) <= maxStreams {
			s.sound = append(s.sound, ssrc)
		}
	} else {
		b.SetLimitSize(rtcpBuffer)
		s.rtcp++
	}
	over := len(s.sound) > maxStreams || s.rtcp > 2*maxStreams
	s.mu.Unlock()
	if over {
		s.many()
	}
	return b
}

// known reports whether pion has had sound of this SSRC. It must not wait.
func (s *streams) known(ssrc uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.sound, ssrc)
}

// packets is pion's own buffer with the methods that its hook wants.
type packets struct{ *packetio.Buffer }

func (p packets) Read(b []byte) (int, error) {
	n, _, err := p.Buffer.Read(b, nil)
	return n, err
}

func (p packets) ReadWithAttributes(b []byte, a packetio.Attributes) (int, packetio.Attributes, error) {
	return p.Buffer.Read(b, a)
}

func (p packets) Write(b []byte) (int, error) { return p.Buffer.Write(b, nil) }

func (p packets) WriteWithAttributes(b []byte, a packetio.Attributes) (int, error) {
	return p.Buffer.Write(b, a)
}
