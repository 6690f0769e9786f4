package mailing

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// State is how far one row has come.
type State string

const (
	StateOpen   State = ""       // nothing happened, or it is to be tried again
	StateTrying State = "trying" // it may have been on its way when a run ended
	StateSent   State = "sent"   // the relay has taken it
	StateFailed State = "failed" // refused for good
)

// Entry is one line of a ledger's file.
type Entry struct {
	At     time.Time `json:"at"`
	To     string    `json:"to"` // Row.Key
	State  State     `json:"state"`
	Code   int       `json:"code,omitempty"` // of the relay's answer
	Reason string    `json:"reason,omitempty"`
}

// Ledger is what happened to each row of one campaign: a file of JSON lines, mode 0600, only ever appended to.
// A line that a crash cut off is dropped when it is opened again.
//
// Locks: flushing, then mu.
type Ledger struct {
	file *os.File

	flushing sync.Mutex // held while writing; whoever gets it writes for all who wait

	mu      sync.Mutex
	last    map[string]Entry
	buffer  []byte
	filling uint64 // number of the batch in buffer
	flushed uint64 // number of the last batch on disk
	err     error  // of the first write that failed: nothing is promised after it
}

// OpenLedger opens the ledger at path, or makes it. While it is open no other process can open it.
func OpenLedger(path string) (*Ledger, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{file: f, last: map[string]Entry{}, filling: 1}
	if err := l.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("ledger %s: %w", path, err), f.Close())
	}
	return l, nil
}

func (l *Ledger) open() error {
	if err := unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.New("this campaign is being sent by another process")
	}
	end, err := l.read()
	if err != nil {
		return err
	}
	if err := l.file.Truncate(end); err != nil {
		return err
	}
	if _, err := l.file.Seek(end, io.SeekStart); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(l.file.Name()))
	if err != nil {
		return err
	}
	return errors.Join(l.file.Sync(), dir.Sync(), dir.Close())
}

// maxEntryBytes bounds a line; a reason is cut to much less.
const maxEntryBytes = 64 << 10

// read folds the lines and returns where the last whole one ends. A bad line is the end if none follows that is
// good; else the file is damaged.
func (l *Ledger) read() (end int64, err error) {
	r := bufio.NewReaderSize(l.file, maxEntryBytes)
	var pos int64
	bad := 0
	for line := 1; ; line++ {
		raw, err := r.ReadSlice('\n')
		pos += int64(len(raw))
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return 0, err
		}
		var e Entry
		switch good := err == nil && json.Unmarshal(raw, &e) == nil && e.To != ""; {
		case good && bad > 0:
			return 0, fmt.Errorf("line %d is damaged; move the file away only if nobody of this campaign may be left out", bad)
		case good:
			l.last[e.To], end = e, pos
		case bad == 0:
			bad = line
		}
	}
}

// State returns the last entry of a row; its State is StateOpen for one that is not there.
func (l *Ledger) State(key string) Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[key]
}

// Append writes entries and returns when they are on disk. Who comes while another writes is written with all
// who wait, by one fsync.
func (l *Ledger) Append(entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	mine, err := l.fill(entries)
	if err != nil {
		return err
	}
	l.flushing.Lock()
	defer l.flushing.Unlock()
	l.mu.Lock()
	batch, n, err := l.buffer, l.filling, l.err
	done := l.flushed >= mine
	if !done && err == nil {
		l.buffer, l.filling = nil, l.filling+1
	}
	l.mu.Unlock()
	if done || err != nil {
		return err
	}
	_, err = l.file.Write(batch)
	if err == nil {
		err = l.file.Sync()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.err = fmt.Errorf("write the ledger: %w", err)
		return l.err
	}
	l.flushed = n
	return nil
}

// fill puts entries into the buffer and returns the number of its batch.
func (l *Ledger) fill(entries []Entry) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	for _, e := range entries {
		if len(e.Reason) > 500 {
			e.Reason = e.Reason[:500]
		}
		line, err := json.Marshal(e)
		if err != nil {
			return 0, err
		}
		l.buffer = append(append(l.buffer, line...), '\n')
		l.last[e.To] = e
	}
	return l.filling, nil
}

// Close releases the file.
func (l *Ledger) Close() error { return l.file.Close() }
