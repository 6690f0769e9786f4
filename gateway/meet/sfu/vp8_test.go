package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// vp8Packet is a whole frame in one packet: descriptor with 15-bit picture id and TL0PICIDX, then a frame header.
func vp8Packet(pic uint16, tl0 uint8, key bool, height int) []byte {
	p := []byte{0x90, 0xc0, 0x80 | byte(pic>>8), byte(pic), tl0}
	if !key {
		return append(p, 0x01, 0, 0, byte(height), byte(height>>8), 0, 0, 0, 0, 0)
	}
	return append(p, 0x00, 0, 0, 0x9d, 0x01, 0x2a, 0, 1, byte(height), byte(height>>8))
}

func TestReadsWhereAKeyFrameBeginsAndHowHighItIs(t *testing.T) {
	f, ok := readVP8(vp8Packet(300, 7, true, 360))
	if !ok || !f.first || !f.key || f.height != 360 || f.pic != 300 || f.tl0 != 7 || !f.wide {
		t.Errorf("got %+v, %v", f, ok)
	}
	if f, ok = readVP8(vp8Packet(301, 7, false, 360)); !ok || !f.first || f.key || f.height != 0 {
		t.Errorf("an inter frame: got %+v, %v", f, ok)
	}
	continued := vp8Packet(301, 7, true, 360)
	continued[0] &^= 0x10
	if f, ok = readVP8(continued); !ok || f.first || f.key {
		t.Errorf("the middle of a frame: got %+v, %v", f, ok)
	}
}

func TestPictureNumbersGoOnWhenTheSourceChanges(t *testing.T) {
	n := pictures{pic: 0x7ffe, tl0: 255}
	for i, in := range []struct{ pic, want uint16 }{{100, 0x7fff}, {101, 0}, {102, 1}, {101, 0}} {
		p := vp8Packet(in.pic, uint8(in.pic), i == 0, 180)
		f, _ := readVP8(p)
		if i == 0 {
			n.join(f)
		}
		n.write(p, f)
		got, _ := readVP8(p)
		if got.pic != in.want || got.tl0 != uint8(in.pic-100) {
			t.Errorf("packet %d: got picture %d, TL0PICIDX %d, want %d, %d", i, got.pic, got.tl0, in.want, in.pic-100)
		}
	}
	if n.pic != 1 {
		t.Errorf("a late packet moved the highest picture to %d", n.pic)
	}
}

func FuzzReadVP8(f *testing.F) {
	f.Add(vp8Packet(1, 2, true, 720))
	f.Add([]byte{0x80, 0x80, 0x7f, 0x01})
	f.Add([]byte{0x10, 0x00})
	f.Add([]byte{0x90, 0xf0, 0xff})
	f.Fuzz(func(t *testing.T, p []byte) {
		f, ok := readVP8(p)
		if !ok {
			return
		}
		if f.height < 0 || f.height > 0x3fff || f.picAt >= len(p) || f.tl0At >= len(p) {
			t.Fatalf("got %+v of %d bytes", f, len(p))
		}
		// An independent reading of the same bytes.
		var other codecs.VP8Packet
		if _, err := other.Unmarshal(p); err == nil {
			if f.picAt > 0 && other.PictureID != f.pic || f.tl0At > 0 && other.TL0PICIDX != f.tl0 || f.first != (other.S == 1 && other.PID == 0) {
				t.Fatalf("got %+v, pion reads %+v", f, other)
			}
		}
		// Rewriting changes the numbers and nothing else.
		before := append([]byte(nil), p...)
		n := pictures{pic: 5, tl0: 9}
		n.join(f)
		n.write(p, f)
		g, ok := readVP8(p)
		if !ok || g.first != f.first || g.key != f.key || g.picAt != f.picAt || g.wide != f.wide {
			t.Fatalf("%x became %x", before, p)
		}
	})
}

// heard is a track that remembers what was sent.
type heard struct{ packets []rtp.Packet }

func (h *heard) WriteRTP(p *rtp.Packet) error {
	c := *p
	c.Payload = append([]byte(nil), p.Payload...)
	h.packets = append(h.packets, c)
	return nil
}

// feeder makes the packets of one layer.
type feeder struct {
	ssrc   uint32
	seq    uint16
	ts     uint32
	pic    uint16
	height int
}

func (f *feeder) next(key bool) *rtp.Packet {
	f.seq, f.ts, f.pic = f.seq+1, f.ts+3000, f.pic+1
	return &rtp.Packet{Header: rtp.Header{Version: 2, SSRC: f.ssrc, SequenceNumber: f.seq, Timestamp: f.ts, Marker: true},
		Payload: vp8Packet(f.pic, uint8(f.pic), key, f.height)}
}

func push(s *slot, from *source, layer int, p *rtp.Packet, now time.Time) {
	f, _ := readVP8(p.Payload)
	s.picture(from, layer, p, f, now)
}

func TestALayerChangesAtItsKeyFrameAndTheNumbersGoOn(t *testing.T) {
	out := &heard{}
	s := newSlot(false, out)
	from := &source{kind: Camera}
	low, high := &feeder{1, 65530, 90, 32760, 180}, &feeder{2, 100, 4_000_000_000, 5, 360}
	now := time.Now()
	step := func() time.Time { now = now.Add(33 * time.Millisecond); return now }
	s.give(from)
	push(s, from, 0, low.next(true), step())
	if len(out.packets) != 0 {
		t.Fatal("sent before a layer was chosen")
	}
	s.aim(0)
	push(s, from, 0, low.next(false), step())
	if len(out.packets) != 0 {
		t.Fatal("began without a key frame")
	}
	for i := range 10 {
		push(s, from, 0, low.next(i == 0), step())
	}
	s.aim(1)
	for range 3 {
		at := step()
		push(s, from, 1, high.next(false), at) // waits for its key frame
		push(s, from, 0, low.next(false), at)  // and the other goes on meanwhile
	}
	late := low.next(false)
	at := step()
	push(s, from, 1, high.next(true), at)
	push(s, from, 0, late, at)
	for range 4 {
		push(s, from, 1, high.next(false), step())
	}
	if len(out.packets) != 18 {
		t.Fatalf("got %d packets, want 18", len(out.packets))
	}
	for i := 1; i < len(out.packets); i++ {
		a, b := out.packets[i-1], out.packets[i]
		fa, _ := readVP8(a.Payload)
		fb, _ := readVP8(b.Payload)
		if b.SequenceNumber != a.SequenceNumber+1 || fb.pic != (fa.pic+1)&0x7fff || fb.tl0 != fa.tl0+1 {
			t.Errorf("packet %d: sequence %d after %d, picture %d after %d, TL0PICIDX %d after %d", i, b.SequenceNumber, a.SequenceNumber, fb.pic, fa.pic, fb.tl0, fa.tl0)
		}
		if d := b.Timestamp - a.Timestamp; d < 2900 || d > 3100 {
			t.Errorf("packet %d: %d ticks after the one before, want about 3000", i, d)
		}
	}
	if f, _ := readVP8(out.packets[13].Payload); !f.key || f.height != 360 {
		t.Errorf("the change is not at a key frame of the higher layer: %+v", f)
	}
}

func TestAPausedPictureBeginsAgainWithAKeyFrame(t *testing.T) {
	out := &heard{}
	s := newSlot(false, out)
	from := &source{kind: Camera}
	low := &feeder{1, 7, 90, 1, 180}
	s.give(from)
	s.aim(0)
	push(s, from, 0, low.next(true), time.Now())
	s.aim(none)
	push(s, from, 0, low.next(false), time.Now())
	s.aim(0)
	push(s, from, 0, low.next(false), time.Now())
	if len(out.packets) != 1 {
		t.Errorf("got %d packets, want 1: a picture without its key frame is grey", len(out.packets))
	}
	push(s, from, 0, low.next(true), time.Now())
	if len(out.packets) != 2 || out.packets[1].SequenceNumber != out.packets[0].SequenceNumber+1 {
		t.Errorf("after the pause: %d packets", len(out.packets))
	}
}

func TestFillingLeavesNoGap(t *testing.T) {
	out := &heard{}
	s := newSlot(false, out)
	from := &source{kind: Camera}
	low := &feeder{1, 7, 90, 1, 180}
	s.give(from)
	s.aim(0)
	push(s, from, 0, low.next(true), time.Now())
	low.pic--
	s.skip(from, 0, &low.next(false).Header)
	push(s, from, 0, low.next(false), time.Now())
	if n := len(out.packets); n != 2 || out.packets[1].SequenceNumber != out.packets[0].SequenceNumber+1 {
		t.Errorf("got %d packets with a gap", n)
	}
}

func TestALateSoundOfTheSourceBeforeIsNotSentUnderANumberTwice(t *testing.T) {
	out := &heard{}
	s := newSlot(true, out)
	a, b := &source{kind: Audio}, &source{kind: Audio}
	say := func(from *source, ssrc uint32, seq uint16) {
		s.sound(from, &rtp.Packet{Header: rtp.Header{SSRC: ssrc, SequenceNumber: seq, Timestamp: uint32(seq) * 960}, Payload: []byte{1}}, time.Now())
	}
	s.give(a)
	say(a, 1, 10)
	say(a, 1, 12) // 11 is late
	s.give(b)
	say(b, 2, 500)
	say(b, 2, 499) // would get the number of a's last
	say(a, 1, 11)
	if len(out.packets) != 3 {
		t.Fatalf("got %d packets, want 3", len(out.packets))
	}
	if d := out.packets[2].SequenceNumber - out.packets[1].SequenceNumber; d != 1 || !out.packets[2].Marker {
		t.Errorf("the new voice begins %d later, marker %v", d, out.packets[2].Marker)
	}
}
