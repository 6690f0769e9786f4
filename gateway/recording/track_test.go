package recording

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"backline/gateway/media"
)

// bench is a track that writes into memory, and a speaker.
type bench struct {
	track
	file bytes.Buffer
	seq  uint16
	ts   uint32
}

func newBench() *bench {
	b := &bench{seq: 65530, ts: 1<<32 - 5000} // both turn over soon
	b.ogg = &oggWriter{to: &b.file, serial: 7}
	b.ogg.begin()
	return b
}

// talk is a packet of 20 ms that can be told from others.
func talk(n int) []byte { return []byte{0x78, byte(n >> 8), byte(n), 1} }

// speak makes the next packet, gap ticks after the one before, which comes at a time.
func (b *bench) speak(n int, gap uint32, at int64) frame {
	b.seq++
	b.ts += gap
	return frame{ssrc: 9, seq: b.seq, ts: b.ts, at: at, level: 10, payload: talk(n)}
}

// packets ends the track and reads it with the reader of our music.
func (b *bench) packets(t *testing.T) [][]byte {
	t.Helper()
	for len(b.queue) > 0 {
		b.next()
	}
	b.ogg.end()
	p, err := media.OpusPackets(b.file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if end, err := scan(bytes.NewReader(b.file.Bytes())); err != nil || end.granule != uint64(len(p))*frameTicks || !end.last {
		t.Fatalf("it ends at %+v (%v), want %d packets and the last page", end, err, len(p))
	}
	return p
}

// placesOf finds talk packets: where each is.
func placesOf(p [][]byte) map[int]int {
	at := map[int]int{}
	for i, x := range p {
		if len(x) == 4 {
			at[int(x[1])<<8|int(x[2])] = i
		}
	}
	return at
}

func TestAPauseOfTheSpeakerIsThatLongInTheFile(t *testing.T) {
	b := newBench()
	b.take(b.speak(1, 0, 0))
	b.take(b.speak(2, 960, 960))
	b.take(b.speak(3, 400*48, 420*48)) // DTX: 400 ms later by both clocks
	b.take(b.speak(4, 960, 440*48))
	p := b.packets(t)
	if at := placesOf(p); len(p) != 23 || at[1] != 0 || at[2] != 1 || at[3] != 21 || at[4] != 22 {
		t.Fatalf("%d packets, spoken ones at %v", len(p), at)
	}
	for _, x := range p[2:21] {
		if !bytes.Equal(x, []byte{0x78}) {
			t.Fatalf("the pause holds %x, want the mode of the packet before and no frame", x)
		}
	}
	if b.lost != 0 {
		t.Errorf("%d packets are called lost: none is", b.lost)
	}
}

func TestALongPauseEndsInSilence(t *testing.T) {
	b := newBench()
	b.take(b.speak(1, 0, 0))
	b.take(b.speak(2, 10*48000, 10*48000))
	p := b.packets(t)
	if len(p) != 501 || len(p[50]) != 1 || !bytes.Equal(p[51], silence) || !bytes.Equal(p[499], silence) {
		t.Errorf("%d packets, after a second %x then %x", len(p), p[50], p[51])
	}
}

func TestWhatIsLostLeavesItsTime(t *testing.T) {
	b := newBench()
	b.take(b.speak(1, 0, 0))
	for range 3 {
		b.speak(9, 960, 0)
	}
	b.take(b.speak(2, 960, 4*960))
	p := b.packets(t)
	if at := placesOf(p); len(p) != 5 || at[2] != 4 || b.lost != 3 {
		t.Errorf("%d packets, the second at %d, %d lost", len(p), at[2], b.lost)
	}
}

func TestPacketsThatOvertookEachOtherAreInOrderAndOnce(t *testing.T) {
	b := newBench()
	var all []frame
	for i := range 200 {
		all = append(all, b.speak(i, 960, int64(i)*960))
	}
	for i := 0; i+5 <= len(all); i += 5 {
		rand.Shuffle(5, func(x, y int) { all[i+x], all[i+y] = all[i+y], all[i+x] })
	}
	for i, f := range all {
		b.take(f)
		b.take(f)
		b.settle(int64(i) * 960)
	}
	first := all[0]
	p := b.packets(t)
	at := placesOf(p)
	for n := int(first.payload[2]); n < 199; n++ {
		if at[n+1] != at[n]+1 {
			t.Fatalf("packet %d is at %d, %d at %d", n, at[n], n+1, at[n+1])
		}
	}
	if b.lost != 0 || len(at) < 195 {
		t.Errorf("%d lost, %d written", b.lost, len(at))
	}
}

func TestAPacketThatComesTooLateIsLeftOut(t *testing.T) {
	b := newBench()
	b.take(b.speak(1, 0, 0))
	late := b.speak(2, 960, 960)
	b.take(b.speak(3, 960, 1920))
	b.settle(2 * patience)
	b.take(late)
	p := b.packets(t)
	if len(p) != 3 || len(p[1]) != 1 || b.late != 1 {
		t.Errorf("%d packets, %d late", len(p), b.late)
	}
}

func TestASpeakerWhoComesLateOrAnewIsWhereTheClockIs(t *testing.T) {
	b := newBench()
	b.take(b.speak(1, 0, 5*48000)) // the first word after 5 s
	next := b.speak(2, 960, 8*48000)
	next.ssrc, next.ts = 77, 12345 // a new line: another clock
	b.take(next)
	p := b.packets(t)
	if at := placesOf(p); at[1] != 250 || at[2] != 400 {
		t.Errorf("they are at %v, want 250 and 400", at)
	}
	if !bytes.Equal(p[0], silence) || !bytes.Equal(p[249], silence) {
		t.Error("before the first word there is something else than silence")
	}
}

func TestACrowdedLineDoesNotMoveTheSpeaker(t *testing.T) {
	b := newBench()
	b.take(b.speak(0, 0, 0))
	for i := 1; i <= 60; i++ { // all come at once, after more than a second
		b.take(b.speak(i, 960, 60*960))
	}
	at := placesOf(b.packets(t))
	for i := range 61 {
		if at[i] != i {
			t.Fatalf("packet %d is at %d", i, at[i])
		}
	}
}

// Whatever comes: the file can be read by our own reader of music, time never leaps, and no packet is in it twice.
func TestWhateverComesTheFileIsWhole(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := newBench()
		now := int64(0)
		for i := range 300 {
			gap := uint32(960)
			if r.IntN(20) == 0 {
				gap = uint32(r.IntN(100000))
			}
			now += int64(gap)
			f := b.speak(i, gap, now+r.Int64N(4800))
			switch r.IntN(30) {
			case 0:
				continue
			case 1:
				f.ts += uint32(r.IntN(1 << 30))
			case 2:
				f.ssrc = r.Uint32()
			case 3:
				f.payload = make([]byte, r.IntN(1276)+1)
				f.payload[0] = 0x7b // any number of frames
			}
			if r.IntN(10) == 0 {
				b.take(f)
			}
			b.take(f)
			b.settle(now)
			if r.IntN(25) == 0 {
				b.ogg.flush()
			}
		}
		for len(b.queue) > 0 {
			b.next()
		}
		b.ogg.end()
		end, err := scan(bytes.NewReader(b.file.Bytes()))
		if err != nil || !end.last || end.bytes != int64(b.file.Len()) || end.granule != uint64(b.end) {
			t.Fatalf("seed %d: %+v, %v; %d bytes, end %d", seed, end, err, b.file.Len(), b.end)
		}
	}
}

func TestLongPacketsAndFullPages(t *testing.T) {
	var file bytes.Buffer
	o := &oggWriter{to: &file, serial: 1}
	o.begin()
	var want [][]byte
	for i := range 400 {
		p := bytes.Repeat([]byte{byte(i)}, []int{1, 254, 255, 256, 510, 1276}[i%6])
		p[0] = 0xf8
		want = append(want, p)
		o.packet(p, frameTicks)
	}
	o.end()
	got, err := media.OpusPackets(file.Bytes())
	if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d packets come back of %d (%v)", len(got), len(want), err)
	}
}

// A file that was cut off or damaged anywhere has an end before that place, at a page.
func FuzzScan(f *testing.F) {
	b := newBench()
	for i := range 100 {
		b.take(b.speak(i, 960, int64(i)*960))
		if i%25 == 24 {
			b.settle(1 << 40)
			b.ogg.flush()
		}
	}
	b.ogg.end()
	whole := b.file.Bytes()
	f.Add(whole, 0, byte(0))
	f.Add(whole, 300, byte(1))
	f.Add(whole[:333], 0, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte) {
		data = slices.Clone(data)
		if len(data) > 0 && at >= 0 {
			data[at%len(data)] ^= flip
		}
		end, err := scan(bytes.NewReader(data))
		if end.bytes > int64(len(data)) {
			t.Fatalf("it ends at %d of %d bytes", end.bytes, len(data))
		}
		if err != nil {
			return
		}
		again, err := scan(bytes.NewReader(data[:end.bytes]))
		if err != nil || again != end {
			t.Errorf("cut off there it ends at %+v (%v), not %+v", again, err, end)
		}
	})
}
