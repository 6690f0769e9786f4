package recording

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pion/rtp"

	"backline/gateway"
	"backline/gateway/media"
)

const (
	// writeEvery is how often what was heard goes to the disk: what a crash takes is less than a second.
	writeEvery = 500 * time.Millisecond
	// maxBuffer is what may wait for a slow disk, in bytes: about 20 s of a call between two. More is dropped.
	// maxBufferMeeting is as much for ten who all speak.
	maxBuffer        = 256 << 10
	maxBufferMeeting = 1 << 20
	// entryHead is what the buffer keeps of a packet beside its payload.
	entryHead = 22
)

// file is what a tape writes to; an *os.File is one.
type file interface {
	io.Writer
	Sync() error
	Close() error
}

// tape records one call or meeting. Sound may be called from anywhere and never waits for the disk; one goroutine of the Store
// runs the rest.
type tape struct {
	// Static.
	id     gateway.RecordingID
	dir    string
	began  time.Time
	create func(path string) (file, error)
	name   func(id gateway.RecordingID, side string) string // of a meeting's participant
	room   int                                              // bytes that may wait for the disk
	stop   chan struct{}                                    // closed by finish

	mu      sync.Mutex
	buf     []byte               // guarded by mu: entries since the last write
	sides   []media.Side         // guarded by mu, in order of their first sound: the number of a track is its place
	dropped int                  // guarded by mu: packets that the buffer had no room for
	without []media.Side         // guarded by mu: for whom there was no track; no more of them are counted than tracks
	why     gateway.RecordingEnd // guarded by mu: of finish
	over    bool                 // guarded by mu

	// Owned by run.
	spare  []byte
	tracks []*spool
}

// spool is a track with its files.
type spool struct {
	track
	side   media.Side
	file   file
	levels file
	told   int // levels that were written
}

var _ media.Tap = (*tape)(nil)

// Sound implements media.Tap. An entry is: track 1 byte, level 1, length 2, SSRC 4, number 2, timestamp 4, time of
// arrival in ticks 8, payload.
func (t *tape) Sound(side media.Side, h *rtp.Header, payload []byte, level uint8, now time.Time) {
	at := int64(now.Sub(t.began).Seconds() * clockRate)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	n, ok := t.numberLocked(side)
	if !ok || at < 0 {
		return
	}
	if len(t.buf)+entryHead+len(payload) > t.room {
		t.dropped++
		return
	}
	b := append(t.buf, n, level)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, h.SSRC)
	b = binary.LittleEndian.AppendUint16(b, h.SequenceNumber)
	b = binary.LittleEndian.AppendUint32(b, h.Timestamp)
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	t.buf = append(b, payload...)
}

// leftOut is how many people had no track.
func (t *tape) leftOut() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.without)
}

// maxTracks of one recording: who can be heard in a call, and as many who have left it; the ten of a meeting, and six
// who have left it.
const maxTracks = 16

func (t *tape) numberLocked(side media.Side) (byte, bool) {
	for i, s := range t.sides {
		if s == side {
			return byte(i), true
		}
	}
	if len(t.sides) >= maxTracks {
		if len(t.without) < maxTracks && !slices.Contains(t.without, side) {
			t.without = append(t.without, side)
		}
		return 0, false
	}
	t.sides = append(t.sides, side)
	return byte(len(t.sides) - 1), true
}

// finish ends the recording; the first reason counts.
func (t *tape) finish(why gateway.RecordingEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.over, t.why = true, why
		close(t.stop)
	}
}

// run writes until finish, and returns what became of it. What fails to be written ends the recording, never the
// call.
func (t *tape) run() (gateway.CallRecordingEnded, error) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	var err error
	for err == nil {
		select {
		case <-tick.C:
			err = t.write(time.Now())
			if time.Since(t.began) >= MaxLength {
				t.finish(gateway.RecordingLimit)
			}
			continue
		case <-t.stop:
			err = t.write(time.Now())
		}
		break
	}
	if err != nil {
		t.finish(gateway.RecordingFailed)
	}
	return t.close(err)
}

// write brings what was heard so far to the files.
func (t *tape) write(now time.Time) error {
	t.mu.Lock()
	full := t.buf
	t.buf, t.spare = t.spare[:0], nil
	sides := t.sides[:len(t.sides):len(t.sides)]
	t.mu.Unlock()
	for len(t.tracks) < len(sides) {
		if err := t.addTrack(sides[len(t.tracks)]); err != nil {
			return err
		}
	}
	for b := full; len(b) >= entryHead; {
		n := int(binary.LittleEndian.Uint16(b[2:]))
		t.tracks[b[0]].take(frame{level: b[1], ssrc: binary.LittleEndian.Uint32(b[4:]), seq: binary.LittleEndian.Uint16(b[8:]),
			ts: binary.LittleEndian.Uint32(b[10:]), at: int64(binary.LittleEndian.Uint64(b[14:])), payload: b[entryHead : entryHead+n : entryHead+n]})
		b = b[entryHead+n:]
	}
	at := int64(now.Sub(t.began).Seconds() * clockRate)
	for _, s := range t.tracks {
		s.keep()
		s.settle(at)
		if err := s.save(false); err != nil {
			return err
		}
	}
	t.spare = full
	return nil
}

// keep copies what waits for others: the buffer is used again.
func (s *spool) keep() {
	for i, w := range s.queue {
		s.queue[i].payload = append([]byte(nil), w.payload...)
	}
}

// save writes the page and the levels that are complete; all of them at the end.
func (s *spool) save(all bool) error {
	s.ogg.flush()
	whole := len(s.track.levels)
	if !all {
		whole = min(whole, int(s.end/levelTicks))
	}
	if s.ogg.err == nil && whole > s.told {
		_, s.ogg.err = s.levels.Write(s.track.levels[s.told:whole])
		s.told = whole
	}
	return s.ogg.err
}

func (t *tape) addTrack(side media.Side) error {
	n := len(t.tracks)
	f, err := t.create(trackPath(t.dir, n))
	if err != nil {
		return err
	}
	l, err := t.create(levelsPath(t.dir, n))
	if err == nil {
		who := string(side)
		if name := t.name(t.id, who); name != "" {
			who += "\n" + name
		}
		err = os.WriteFile(sidePath(t.dir, n), []byte(who), 0o600) // for who mends it after a crash
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s := &spool{side: side, file: f, levels: l, track: track{ogg: &oggWriter{to: f, serial: serialOf(t.id, n)}}}
	s.ogg.begin()
	t.tracks = append(t.tracks, s)
	return s.ogg.err
}

// close ends all tracks at the same time and says what was recorded.
func (t *tape) close(failed error) (gateway.CallRecordingEnded, error) {
	t.mu.Lock()
	e := gateway.CallRecordingEnded{Recording: t.id, Reason: t.why, DroppedMS: int64(t.dropped) * 20, Tracks: []gateway.RecordedTrack{}}
	t.mu.Unlock()
	end := int64(0)
	for _, s := range t.tracks {
		end = max(end, s.reach())
	}
	e.DurationMS = end * 1000 / clockRate
	for _, s := range t.tracks {
		for len(s.queue) > 0 {
			s.next()
		}
		if failed == nil {
			s.fill(end)
			s.ogg.end()
		}
		failed = errors.Join(failed, s.save(true), s.file.Sync(), s.file.Close(), s.levels.Close())
		e.Tracks = append(e.Tracks, gateway.RecordedTrack{Side: string(s.side), Name: t.name(t.id, string(s.side)), Lost: s.lost, Late: s.late + s.bad})
	}
	if failed != nil {
		e.Reason = gateway.RecordingFailed
	}
	return e, failed
}

func trackPath(dir string, n int) string  { return filepath.Join(dir, strconv.Itoa(n)+".ogg") }
func sidePath(dir string, n int) string   { return filepath.Join(dir, strconv.Itoa(n)+".side") }
func levelsPath(dir string, n int) string { return filepath.Join(dir, strconv.Itoa(n)+".levels") }

func serialOf(id gateway.RecordingID, n int) uint32 {
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%s/%d", id, n) // it cannot fail
	return h.Sum32()
}

// createFile makes a file that its owner alone can read.
func createFile(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a track: %w", err)
	}
	return f, nil
}

// writeJSON replaces a file as a whole.
func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
