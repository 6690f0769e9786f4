package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"backline/gateway/journal"
)

// Folder is the segments of a folder, from the first event on without a gap. Every method may be called from any
// goroutine.
type Folder struct {
	dir  string
	size int // events of a segment; tests have shorter ones

	adding sync.Mutex // held while a file is written or moved: one at a time

	mu       sync.Mutex
	segments []segment
	latest   []journal.Event // of the segment that was read last
	grown    chan struct{}   // closed and replaced when a segment is added
}

// asideFormat names the folders, in the archive's, of files that did not fit. They are kept for people, who may put
// them back, and never read.
const asideFormat = "aside-20060102T150405.000"

// OpenFolder reads the names in a folder, which need not exist. What lies behind a gap counts as not there.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{dir: dir, size: maxEvents, grown: make(chan struct{})}
	entries, err := os.ReadDir(dir) // in order of names
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	for _, e := range entries {
		if s, ok := named(e.Name()); ok && s.first == f.headLocked().last+1 {
			f.segments = append(f.segments, s)
		}
	}
	return f, nil
}

// headLocked is the last segment, or a zero one.
func (f *Folder) headLocked() segment {
	if len(f.segments) == 0 {
		return segment{}
	}
	return f.segments[len(f.segments)-1]
}

// Head is the last position in the folder and the sum of the event there; 0: it is empty.
func (f *Folder) Head() (pos journal.Pos, sum uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.headLocked()
	return s.last, s.sum
}

// Has reads the segment that ends at a position with an event of that sum. ErrNone: there is none.
func (f *Folder) Has(ctx context.Context, pos journal.Pos, sum uint64) error {
	f.mu.Lock()
	i := slices.IndexFunc(f.segments, func(s segment) bool { return s.last == pos && s.sum == sum })
	if i < 0 {
		f.mu.Unlock()
		return ErrNone
	}
	s := f.segments[i]
	f.mu.Unlock()
	_, err := f.load(ctx, s)
	return err
}

// behind returns the segments that end behind a position.
func (f *Folder) behind(pos journal.Pos) []segment {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []segment
	for _, s := range f.segments {
		if s.last > pos {
			out = append(out, s)
		}
	}
	return out
}

// File returns the file of the segment behind a position at which one ends (or 0). ErrNone: there is none yet.
// ErrOtherPast: another event is at that position here.
func (f *Folder) File(after journal.Pos, sum uint64) ([]byte, error) {
	next, err := f.next(after, sum)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(f.dir, next.name()))
}

func (f *Folder) next(after journal.Pos, sum uint64) (segment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := segment{}
	for _, s := range f.segments {
		if s.first > after {
			if before.last != after || before.sum != sum {
				return segment{}, ErrOtherPast
			}
			return s, nil
		}
		before = s
	}
	return segment{}, ErrNone
}

// read returns events after a position, none where the folder ends. A segment that is damaged is moved aside with all
// behind it.
func (f *Folder) read(ctx context.Context, after journal.Pos, limit int) ([]journal.Event, error) {
	f.mu.Lock()
	if after >= f.headLocked().last || limit <= 0 {
		f.mu.Unlock()
		return nil, nil
	}
	s := f.segments[slices.IndexFunc(f.segments, func(s segment) bool { return s.last > after })]
	events := f.latest
	f.mu.Unlock()
	if len(events) == 0 || events[0].Pos != s.first {
		var err error
		if events, err = f.load(ctx, s); err != nil {
			return nil, err
		}
		f.mu.Lock()
		f.latest = events
		f.mu.Unlock()
	}
	events = events[after+1-s.first:]
	return events[:min(limit, len(events)):min(limit, len(events))], nil
}

// load reads a segment and holds it against its name.
func (f *Folder) load(ctx context.Context, s segment) ([]journal.Event, error) {
	file, err := os.ReadFile(filepath.Join(f.dir, s.name()))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EIO):
		return nil, &damagedError{s, err}
	case err != nil:
		return nil, fmt.Errorf("read archive: %w", err)
	}
	events, err := decode(ctx, file)
	if err == nil && segmentOf(events) != s {
		err = fmt.Errorf("it holds %+v", segmentOf(events))
	}
	if err != nil {
		return nil, &damagedError{s, err}
	}
	return events, nil
}

// damagedError says which segment cannot be read.
type damagedError struct {
	segment segment
	err     error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("segment %s is damaged: %v", e.segment.name(), e.err)
}

// add writes the next segment; what does not follow the last one is not taken. It returns when the file is on the disk.
func (f *Folder) add(events []journal.Event, file []byte) error {
	f.adding.Lock()
	defer f.adding.Unlock()
	s := segmentOf(events)
	if head, _ := f.Head(); s.first != head+1 {
		return nil // somebody else was faster
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	path := filepath.Join(f.dir, s.name())
	if err := writeSynced(path, file); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.segments = append(f.segments, s)
	f.latest = events // somebody may wait for them
	close(f.grown)
	f.grown = make(chan struct{})
	return nil
}

// changed is closed when the next segment is there.
func (f *Folder) changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.grown
}

// aside takes the segments from a position on out of the archive. Their files stay in a folder beside.
func (f *Folder) aside(from journal.Pos) error {
	f.adding.Lock()
	defer f.adding.Unlock()
	f.mu.Lock()
	i := slices.IndexFunc(f.segments, func(s segment) bool { return s.last >= from })
	if i < 0 {
		f.mu.Unlock()
		return nil
	}
	gone := f.segments[i:]
	f.segments, f.latest = slices.Clone(f.segments[:i]), nil
	f.mu.Unlock()
	dir := filepath.Join(f.dir, time.Now().UTC().Format(asideFormat))
	errs := []error{os.MkdirAll(dir, 0o700)}
	for _, s := range slices.Backward(gone) { // a crash in between leaves no gap
		if err := os.Rename(filepath.Join(f.dir, s.name()), filepath.Join(dir, s.name())); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// writeSynced gives a file its name when all of it is on the disk.
func writeSynced(path string, data []byte) error {
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Verify reads every segment and adds what is wrong to a report.
func (f *Folder) Verify(ctx context.Context, r *journal.Report) error {
	f.mu.Lock()
	segments := slices.Clone(f.segments)
	f.mu.Unlock()
	for _, s := range segments {
		_, err := f.load(ctx, s)
		var damaged *damagedError
		switch {
		case errors.As(err, &damaged):
			r.Add(journal.Event{Pos: s.first}, "%v", err)
		case err != nil:
			return err
		}
	}
	return ctx.Err()
}
