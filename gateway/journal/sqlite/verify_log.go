package sqlite

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"backline/gateway/journal"
)

// The write-ahead log (sqlite.org/fileformat2.html#walformat): a head of 32 bytes, then frames, each a head
// of 24 bytes and a page. The salts of a frame are those of the log's head, else it is left over from before;
// its checksum covers everything up to it.
const (
	logHeadBytes   = 32
	frameHeadBytes = 24
	logMagic       = 0x377f0682 // bit 0: the checksums read big-endian words
)

// logScans is how often a log that looks damaged is read: it may have been written to meanwhile.
const (
	logScans = 4
	logPause = 50 * time.Millisecond
)

// log looks for damage in the middle of the write-ahead log. SQLite reads the log up to the first frame that
// does not fit and drops the rest without a word. A last frame that does not fit is what a kill leaves and was
// never acknowledged; one with frames of the same salts behind it has been altered or torn afterwards.
func (v *verifier) log(ctx context.Context, path string) error {
	before := -1
	for range logScans {
		bad, lost, err := scanLog(path)
		if err != nil || lost == 0 {
			return err
		}
		if bad == before {
			v.report.Add(journal.Event{}, "write-ahead log: frame %d is damaged, and %d frames behind it cannot be read", bad, lost)
			return nil
		}
		before = bad
		select {
		case <-time.After(logPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil // each time another one: it is being written
}

// scanLog returns the first frame that does not fit, counted from 1, and how many frames of this log stand
// behind it. A damaged head is frame 0.
func scanLog(path string) (bad, lost int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer f.Close() // read only: nothing to lose
	r := bufio.NewReaderSize(f, 1<<20)
	head := make([]byte, logHeadBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, 0, unlessEnd(err) // empty: all of it is in the file
	}
	l, ok := newLogSum(head)
	if !ok {
		info, err := f.Stat()
		if err != nil {
			return 0, 0, err
		}
		return 0, int(info.Size()-logHeadBytes) / 4096, nil
	}
	frame := make([]byte, frameHeadBytes+l.pageBytes)
	for n := 1; ; n++ {
		if _, err := io.ReadFull(r, frame); err != nil {
			return bad, lost, unlessEnd(err)
		}
		switch {
		case [8]byte(frame[8:16]) != l.salts: // left over from before
		case bad > 0:
			lost++
		case !l.fits(frame):
			bad = n
		}
	}
}

func unlessEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// logSum is the running checksum of a log.
type logSum struct {
	order     binary.ByteOrder
	pageBytes int
	salts     [8]byte
	s0, s1    uint32
}

func newLogSum(head []byte) (*logSum, bool) {
	magic := binary.BigEndian.Uint32(head)
	l := &logSum{order: binary.LittleEndian, pageBytes: int(binary.BigEndian.Uint32(head[8:])), salts: [8]byte(head[16:24])}
	if magic&1 == 1 {
		l.order = binary.BigEndian
	}
	if magic&^1 != logMagic || l.pageBytes < 512 || l.pageBytes > 64<<10 {
		return nil, false
	}
	l.add(head[:24])
	return l, l.is(head[24:32])
}

// fits adds a frame and reports whether its checksum is right.
func (l *logSum) fits(frame []byte) bool {
	l.add(frame[:8])
	l.add(frame[frameHeadBytes:])
	return l.is(frame[16:24])
}

func (l *logSum) add(b []byte) {
	for i := 0; i+8 <= len(b); i += 8 {
		l.s0 += l.order.Uint32(b[i:]) + l.s1
		l.s1 += l.order.Uint32(b[i+4:]) + l.s0
	}
}

func (l *logSum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == l.s0 && binary.BigEndian.Uint32(b[4:]) == l.s1
}
