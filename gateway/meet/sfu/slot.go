package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	audioClock = 48000
	videoClock = 90000
	soundFrame = 20 * time.Millisecond
	imageFrame = 33 * time.Millisecond
	// packetHead is what a packet has on its way beside the payload: RTP, its extension, the tag of SRTP, UDP, IP.
	packetHead = 12 + 8 + 16 + 8 + 20
)

// track is where packets go: a *webrtc.TrackLocalStaticRTP, which sets SSRC and payload type.
type track interface{ WriteRTP(*rtp.Packet) error }

// slot is one line on which a page gets something.
type slot struct {
	audio  bool
	mid    string // "" until the answer; guarded by Room.mu
	to     track
	sender *webrtc.RTPSender
	sent   atomic.Uint64 // bytes since the last look

	mu      sync.Mutex
	from    *source // nil: free
	at      int     // layer that is sent; none
	target  int     // layer that is to be sent, from its next key frame on; none
	numbers numbers
	images  pictures
	scratch [maxPacket]byte
}

func newSlot(audio bool, to track) *slot {
	s := &slot{audio: audio, to: to, at: none, target: none}
	if s.numbers = newNumbers(videoClock, imageFrame); audio {
		s.numbers = newNumbers(audioClock, soundFrame)
	}
	return s
}

// give changes the source; nil frees the slot.
func (s *slot) give(from *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == from {
		return
	}
	s.from, s.at, s.target, s.numbers.ssrc = from, none, none, 0
}

// aim chooses a layer. What is sent goes on until the key frame comes; with none it stops at once.
func (s *slot) aim(layer int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.target = layer; layer == none {
		s.at = none
	}
}

// state is what is sent and what is waited for.
func (s *slot) state() (from *source, at, target int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from, s.at, s.target
}

// sound sends on a packet of sound.
func (s *slot) sound(from *source, in *rtp.Packet, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from != from {
		return
	}
	marker := in.Marker
	if s.numbers.broken(&in.Header) {
		s.numbers.join(&in.Header, now)
		marker = true
	}
	s.send(in, marker, in.Payload, now)
}

// picture sends on a packet of the layer that the page gets. It changes to the layer that it is to get when a
// key frame of that begins.
func (s *slot) picture(from *source, layer int, in *rtp.Packet, f frameStart, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from != from {
		return
	}
	broken := s.numbers.broken(&in.Header)
	if f.key && layer == s.target && (s.at != layer || broken) {
		s.at, broken = layer, false
		s.numbers.join(&in.Header, now)
		s.images.join(f)
	}
	if layer != s.at || broken {
		return
	}
	payload := s.scratch[:copy(s.scratch[:], in.Payload)]
	s.images.write(payload, f)
	s.send(in, in.Marker, payload, now)
}

// send writes one packet under mu: numbers and pictures must leave in one order.
func (s *slot) send(in *rtp.Packet, marker bool, payload []byte, now time.Time) {
	seq, ts, ok := s.numbers.take(&in.Header, now)
	if !ok {
		return
	}
	s.sent.Add(uint64(len(payload) + packetHead))
	// A transport that does not take it, or is closed, loses it; the page asks again.
	_ = s.to.WriteRTP(&rtp.Packet{
		Header:  rtp.Header{Version: 2, Marker: marker, SequenceNumber: seq, Timestamp: ts},
		Payload: payload,
	})
}

// skip closes the gap that a packet leaves which is not sent on.
func (s *slot) skip(from *source, layer int, in *rtp.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == from && s.at == layer && in.SSRC == s.numbers.ssrc && in.SequenceNumber+s.numbers.seqBy == s.numbers.seq+1 {
		s.numbers.seqBy--
	}
}

// readReports reads what the page says about this line until the connection ends; the interceptors see it on the way
// (repeats, the estimate). RTCP that nobody reads would stop everything.
func (s *slot) readReports() {
	buf := make([]byte, maxPacket)
	for {
		n, _, err := s.sender.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				s.needKey(time.Now())
			}
		}
	}
}

// needKey asks for a key frame of the layer that the page gets, or waits for.
func (s *slot) needKey(now time.Time) {
	if from, _, target := s.state(); from != nil && target != none {
		from.askKey(target, now)
	}
}
