package media

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestOurMusicIsShortAndCalmToLoad(t *testing.T) {
	m, err := newMusic(nil)
	if err != nil {
		t.Fatal(err)
	}
	if seconds := len(*m.packets.Load()) / 50; seconds < 30 || seconds > 60 || len(holdMusic) > 250_000 {
		t.Errorf("the loop has %d s in %d bytes, want 30 to 60 s in at most 250,000", seconds, len(holdMusic))
	}
	for i, p := range *m.packets.Load() {
		if len(p) > 300 {
			t.Errorf("packet %d has %d bytes", i, len(p))
		}
	}
}

func TestMusicGoesRoundWithoutAGap(t *testing.T) {
	m, err := newMusic(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench()
	b.listen(m.stream)
	var p *rtp.Packet
	for range 2*len(*m.packets.Load()) + 10 {
		p = m.next()
		b.now = b.now.Add(frameTime)
		m.stream.forward(p, &rtp.Packet{}, b.now)
	}
	if !bytes.Equal(p.Payload, (*m.packets.Load())[9]) {
		t.Error("the loop is out of step")
	}
	for i, h := range b.tape.got[1:] {
		if h.SequenceNumber != b.tape.got[i].SequenceNumber+1 || h.Timestamp != b.tape.got[i].Timestamp+960 {
			t.Fatalf("packet %d does not follow the one before", i+1)
		}
	}
}

// page is an Ogg page as far as we read it: the rest of the header is not looked at.
func page(table []byte, body []byte) []byte {
	h := append([]byte("OggS"), make([]byte, 22)...)
	h = append(h, byte(len(table)))
	return append(append(h, table...), body...)
}

func headers() []byte {
	return append(page([]byte{8}, []byte("OpusHead")), page([]byte{8}, []byte("OpusTags"))...)
}

// celt20 is a packet of n bytes that lasts 20 ms: configuration 31, one frame.
func celt20(n int, fill byte) []byte {
	return append([]byte{31 << 3}, bytes.Repeat([]byte{fill}, n-1)...)
}

func TestPagesAreSplitByTheLacingTable(t *testing.T) {
	a, b, c := celt20(3, 1), celt20(300, 2), celt20(510, 3)
	file := headers()
	// Page one: a, b (255+45), and the first 255 bytes of c; page two: the other 255 and the 0 that ends it.
	file = append(file, page([]byte{3, 255, 45, 255}, bytes.Join([][]byte{a, b, c[:255]}, nil))...)
	file = append(file, page([]byte{255, 0}, c[255:])...)
	got, err := opusPackets(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], b) || !bytes.Equal(got[2], c) {
		t.Errorf("got %d packets, want the three that went in", len(got))
	}
}

func TestMusicCanBeChangedWhileItPlays(t *testing.T) {
	m, err := newMusic(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		m.next()
	}
	short := append(headers(), page([]byte{3, 3}, append(celt20(3, 1), celt20(3, 2)...))...)
	if long, err := m.set(short); err != nil || long != 2*frameTime {
		t.Fatalf("%v, %v", long, err)
	}
	for i, want := range [][]byte{celt20(3, 1), celt20(3, 2), celt20(3, 1)} {
		if got := m.next().Payload; !bytes.Equal(got, want) {
			t.Errorf("packet %d after the change is %v", i, got)
		}
	}
	if _, err := m.set([]byte("nothing")); err == nil || len(*m.packets.Load()) != 2 {
		t.Error("bad music was taken, or the good one is gone")
	}
}

func TestOperatorsMusicIsChecked(t *testing.T) {
	if long, err := CheckMusic(holdMusic); err != nil || long < 30*time.Second {
		t.Errorf("our own: %v, %v", long, err)
	}
	if _, err := CheckMusic(append(headers(), page([]byte{3}, celt20(3, 1))...)); err == nil {
		t.Error("20 ms of music were taken")
	}
	if _, err := CheckMusic(make([]byte, MaxMusicBytes+1)); err == nil {
		t.Error("a file that is too large was taken")
	}
	two := bytes.Clone(holdMusic)
	second := bytes.LastIndex(two, []byte("OggS"))
	two[second+14] ^= 1 // the serial number of the last page
	if _, err := CheckMusic(two); err == nil {
		t.Error("a file of two streams was taken")
	}
}

func TestBadMusicIsRefused(t *testing.T) {
	good := append(headers(), page([]byte{3}, celt20(3, 1))...)
	if _, err := opusPackets(good); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"nothing":         {},
		"no Ogg":          []byte("RIFF, and then some more, to be long enough for a page"),
		"cut off":         good[:len(good)-1],
		"no Opus":         page([]byte{1}, []byte{1}),
		"headers only":    headers(),
		"60 ms a packet":  append(headers(), page([]byte{2}, []byte{3 << 3, 1})...),
		"an empty packet": append(headers(), page([]byte{0}, nil)...),
	} {
		if _, err := opusPackets(file); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestOpusTicks(t *testing.T) {
	for toc, want := range map[byte]int{ // RFC 6716, table 2
		0 << 3: 480, 1 << 3: 960, 3 << 3: 2880, 12 << 3: 480, 13 << 3: 960, 16 << 3: 120, 19 << 3: 960, 31 << 3: 960,
		18<<3 | 1: 960, 31<<3 | 2: 1920,
	} {
		if got := opusTicks([]byte{toc}); got != want {
			t.Errorf("a packet that begins %08b lasts %d ticks, want %d", toc, got, want)
		}
	}
	if got := opusTicks([]byte{17<<3 | 3, 4}); got != 960 {
		t.Errorf("four frames of 5 ms last %d ticks, want 960", got)
	}
}

func FuzzOpusPackets(f *testing.F) {
	f.Add(holdMusic[:2000])
	f.Add(append(headers(), page([]byte{3, 255, 45}, make([]byte, 303))...))
	f.Fuzz(func(t *testing.T, file []byte) {
		packets, err := opusPackets(file)
		if err != nil {
			return
		}
		size := 0
		for _, p := range packets {
			size += len(p)
			if len(p) == 0 || !bytes.Contains(file, p[:min(len(p), 255)]) {
				t.Fatalf("a packet of %d bytes is not in the file", len(p))
			}
		}
		if size > len(file) {
			t.Fatalf("%d bytes came out of %d", size, len(file))
		}
	})
}
