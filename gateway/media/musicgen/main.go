// Command musicgen composes the hold music: forty calm seconds of eight chords and a few bells, which end in a
// rest, so that the loop has no seam to hear. It writes a mono WAV of 48 kHz to standard output, always the
// same. The music is our own work, under the licence of the repository. From gateway/media:
//
//	go run ./musicgen | opusenc --quiet --discard-comments --serial 1 --music --cvbr --bitrate 32 --framesize 20 - hold.opus
//
// (opusenc is in Debian's opus-tools.) `ffmpeg -i hold.opus -af ebur128 -f null -` says how loud it is: -23 LUFS.
package main

import (
	"bufio"
	"encoding/binary"
	"log"
	"math"
	"os"
)

const (
	rate     = 48000
	length   = 40.0  // seconds of the loop
	chord    = 4.7   // seconds of one chord; the rest of the loop belongs to the last one's end
	rest     = 0.3   // seconds at the end in which everything fades to nothing
	loudness = 0.095 // of the sum, measured to give -23 LUFS
)

// chords as semitones from A3: C, Am, F, G, Em, Am, Dm, C, all with their sevenths or ninths.
var chords = [][]int{
	{-9, 3, 7, 10, 14}, {-12, 0, 3, 7, 10}, {-16, -4, 3, 7, 12}, {-14, -2, 2, 5, 12},
	{-17, -5, 2, 7, 10}, {-12, 0, 3, 7, 14}, {-7, 0, 5, 8, 12}, {-9, 3, 7, 10, 15},
}

// bells are notes of the chord, by index, at quarters of its time; -1 is none.
var bells = [][4]int{
	{2, -1, 4, 3}, {3, 4, -1, 2}, {-1, 4, 3, -1}, {2, 3, 4, -1},
	{4, -1, 3, 2}, {-1, 2, 4, -1}, {3, -1, 2, 4}, {2, 4, -1, -1},
}

func main() {
	dry := make([]float64, rate*length)
	for i, notes := range chords {
		at := float64(i) * chord
		for _, n := range notes {
			pad(dry, at, hertz(n))
		}
		for quarter, n := range bells[i] {
			if n >= 0 {
				bell(dry, at+float64(quarter)*chord/4, hertz(notes[n]+12))
			}
		}
	}
	if err := write(finish(dry)); err != nil {
		log.Fatal(err)
	}
}

// hertz of a note, in semitones from A3.
func hertz(semitones int) float64 { return 220 * math.Pow(2, float64(semitones)/12) }

// pad adds a soft chord note: two slightly detuned voices that swell and fade into the next chord.
func pad(to []float64, at, f float64) {
	const attack, release, level = 1.3, 1.6, 0.11
	for i := range int((chord + release) * rate) {
		t := float64(i) / rate
		env := level * math.Min(1, t/attack) * math.Min(1, (chord+release-t)/release)
		env *= env / level * (0.9 + 0.1*math.Sin(2*math.Pi*0.21*(at+t)))
		v := 0.0
		for _, detune := range []float64{0.9992, 1.0008} {
			p := 2 * math.Pi * f * detune * t
			v += math.Sin(p) + 0.3*math.Sin(2*p) + 0.1*math.Sin(3*p)
		}
		add(to, at, i, env*4*v)
	}
}

// bell adds one struck note that rings out.
func bell(to []float64, at, f float64) {
	const level, attack, decay = 0.28, 0.008, 0.75
	for i := range int(3 * rate) {
		t := float64(i) / rate
		env := level * math.Min(1, t/attack) * math.Exp(-t/decay) * (1 - t/3)
		brightness := 0.9 * math.Exp(-t/0.25)
		add(to, at, i, env*math.Sin(2*math.Pi*f*t+brightness*math.Sin(4*math.Pi*f*t)))
	}
}

// add mixes in sample i of a note that begins at a time.
func add(to []float64, at float64, i int, v float64) {
	if i += int(at * rate); i < len(to) {
		to[i] += v
	}
}

// finish gives the sound a room and its end.
func finish(dry []float64) []float64 {
	wet := make([]float64, len(dry))
	for _, ms := range []float64{29.7, 37.1, 41.1, 43.7} { // combs, as Schroeder made rooms of
		comb(dry, wet, int(ms*rate/1000), math.Pow(10, -3*ms/1100))
	}
	out := make([]float64, len(dry))
	for i := range dry {
		left := float64(len(dry)-i) / rate
		out[i] = loudness * (dry[i] + 0.08*wet[i]) * math.Min(1, left/rest)
	}
	return out
}

func comb(in, out []float64, delay int, feedback float64) {
	line := make([]float64, delay)
	low := 0.0
	for i, v := range in {
		back := line[i%delay]
		low += 0.45 * (back - low) // a room swallows the high notes first
		line[i%delay] = v + feedback*low
		out[i] += back
	}
}

// write writes a WAV file: 16 bit, one channel.
func write(samples []float64) error {
	w := bufio.NewWriter(os.Stdout)
	size := uint32(2 * len(samples))
	header := struct {
		RIFF         [4]byte
		Size         uint32
		WAVE, Fmt    [4]byte
		FmtSize      uint32
		PCM, Chans   uint16
		Rate, Bytes  uint32
		Align, Width uint16
		Data         [4]byte
		DataSize     uint32
	}{
		[4]byte{'R', 'I', 'F', 'F'}, 36 + size, [4]byte{'W', 'A', 'V', 'E'}, [4]byte{'f', 'm', 't', ' '},
		16, 1, 1, rate, 2 * rate, 2, 16, [4]byte{'d', 'a', 't', 'a'}, size,
	}
	pcm := make([]int16, len(samples))
	for i, v := range samples {
		pcm[i] = int16(math.Round(32767 * math.Max(-1, math.Min(1, v))))
	}
	for _, part := range []any{header, pcm} {
		if err := binary.Write(w, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return w.Flush()
}
