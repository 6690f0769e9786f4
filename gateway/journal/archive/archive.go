// Package archive keeps what is old of a shared journal on the disk of each node, so that the shared one can be kept
// short, and shows both as one journal: whoever reads it begins with the first event there ever was.
//
//	archive (files of this node)      | shared journal
//	1 … … … … … … … … … … … … … … … W | W … … … … … … head
//
// A segment is an export of a stretch of the journal (package journal), compressed with gzip, under the name
// FIRST-LAST-SUM.gz. Segments begin with position 1 and have no gap. Where one ends follows from the events alone, so
// all nodes have the same ones, and give each other what one lacks. A file is written once, synced, and never changed.
//
//	event → an hour old → in a segment here → in one at all nodes, and older than Keep → dropped from the shared journal
//
// W, the last event of the last segment that everybody has, stays in the shared journal as a witness: who goes on from
// the archive to the shared journal compares it first. Where they differ, the shared journal lost more than an hour or
// is another one: the files are moved aside, for people, and Read is journal.ErrForked; whoever opens the journal anew
// reads what is there now.
//
// Guarantees: nothing is dropped from the shared journal before this node and every other one that lives, at least one,
// has it on its disk. A segment that cannot be read is moved aside and taken from the shared journal or another node.
// Read waits where only a node that is away has what is next.
//
// Concurrency: every method of Journal and [Folder] may be called from any goroutine; Run is the one that fetches,
// writes segments and trims. Limits: a segment has 8192 events or 4 MiB of data; a reader keeps one in memory.
//
// Read next: segment.go (the bytes), folder.go (the files).
package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"backline/gateway/journal"
)

// Options of New. Folder and Shared are needed.
type Options struct {
	Folder *Folder
	// Shared is the journal that the nodes have in common. It belongs to the archive's Journal from now on.
	Shared journal.Journal
	// Fetch asks other nodes for the file of the segment behind a position, as Folder.File there gives it. Run needs it,
	// and what follows but Keep and Log.
	Fetch func(ctx context.Context, after journal.Pos, sum uint64) ([]byte, error)
	// Keep is how long events stay in the shared journal; 0: for ever, and no segments are written.
	Keep time.Duration
	// Leads says whether this node is the one to trim.
	Leads func() bool
	// Everywhere returns nil if each other node that lives, at least one, has a segment that ends there (Folder.Has).
	Everywhere func(ctx context.Context, pos journal.Pos, sum uint64) error
	Log        *slog.Logger // nil: silent
}

// Times.
const (
	settled    = time.Hour        // the age of an event that no fail-over takes back
	lookEvery  = time.Minute      // for what is to be written and dropped
	lookAgain  = 15 * time.Second // after something went wrong, or another node was late
	fetchPause = time.Second
	patience   = 10 * time.Second // with other nodes, which a start has not heard of yet
)

var (
	// ErrNone: there is no such segment here, or not yet.
	ErrNone = errors.New("archive: no such segment here")
	// ErrOtherPast: who asks has another event at that position.
	ErrOtherPast = errors.New("archive: another event is at that position")
)

// Journal implements journal.Journal.
type Journal struct {
	journal.Journal // the shared one
	o               Options

	wanted chan struct{} // capacity 1, never closed: a reader misses something

	mu     sync.Mutex
	agreed bool // the shared journal has the archive's last event, or had it
}

// New shows a folder and a shared journal as one. It starts nothing.
func New(o Options) *Journal {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Journal{Journal: o.Shared, o: o, wanted: make(chan struct{}, 1)}
}

// Bounds implements journal.Journal: nothing is trimmed where the archive reaches the shared journal.
func (j *Journal) Bounds(ctx context.Context) (trimmed, head journal.Pos, err error) {
	trimmed, head, err = j.o.Shared.Bounds(ctx)
	if archived, _ := j.o.Folder.Head(); archived >= trimmed {
		trimmed = 0
	}
	return trimmed, head, err
}

// Read implements journal.Journal. With wait 0 no other node is asked, and what is neither here nor in the
// shared journal is ErrTrimmed.
func (j *Journal) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	for end := time.Now().Add(wait); ; {
		changed := j.o.Folder.changed() // before it is read: what is added meanwhile counts
		events, err := j.old(ctx, after, limit)
		if err != nil || len(events) > 0 {
			return events, err
		}
		same, err := j.agree(ctx, max(time.Until(end), 0))
		if err != nil || !same {
			return nil, err
		}
		events, err = j.o.Shared.Read(ctx, after, limit, max(time.Until(end), 0))
		if !errors.Is(err, journal.ErrTrimmed) {
			return events, err
		}
		if wait <= 0 {
			return nil, err
		}
		if more, err := j.await(ctx, changed, end); err != nil || !more {
			return nil, err
		}
	}
}

// await has Run get what is missing here, and returns when there is more, or false at the end of the time.
func (j *Journal) await(ctx context.Context, changed <-chan struct{}, end time.Time) (more bool, err error) {
	select {
	case j.wanted <- struct{}{}:
	default:
	}
	select {
	case <-changed:
		return true, nil
	case <-time.After(time.Until(end)):
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// old reads from the archive. What is damaged is moved aside, and the shared journal or another node is asked.
func (j *Journal) old(ctx context.Context, after journal.Pos, limit int) ([]journal.Event, error) {
	events, err := j.o.Folder.read(ctx, after, limit)
	var damaged *damagedError
	if !errors.As(err, &damaged) {
		return events, err
	}
	j.o.Log.Error("the archive is damaged; what follows is taken from Redis or another gateway", "err", err)
	j.mu.Lock()
	j.agreed = false
	j.mu.Unlock()
	return nil, j.o.Folder.aside(damaged.segment.first)
}

// agree compares the archive's last event with the shared journal's, once. It reports false while nobody knows.
func (j *Journal) agree(ctx context.Context, wait time.Duration) (bool, error) {
	pos, sum := j.o.Folder.Head()
	j.mu.Lock()
	agreed := j.agreed
	j.mu.Unlock()
	if agreed || pos == 0 {
		return true, nil
	}
	events, err := j.o.Shared.Read(ctx, pos-1, 1, wait)
	switch {
	case errors.Is(err, journal.ErrTrimmed): // the node that gives us the next segment compares it
		return true, nil
	case errors.Is(err, journal.ErrForked):
		return false, j.other(err)
	case err != nil || len(events) == 0:
		return false, err
	case events[0].Sum() != sum:
		return false, j.other(fmt.Errorf("%w: the archive has another event at position %d", journal.ErrForked, pos))
	}
	j.mu.Lock()
	j.agreed = true
	j.mu.Unlock()
	return true, nil
}

// other moves aside an archive that belongs to another past than the shared journal.
func (j *Journal) other(err error) error {
	j.o.Log.Error("the archive has seen other events than the shared journal holds; its files are kept in a folder beside and not read", "err", err)
	return errors.Join(err, j.o.Folder.aside(1))
}

// Run gets from other nodes what has left the shared journal and is not here, writes segments, and trims the shared
// journal, until ctx ends. journal.ErrForked: the shared journal or another node has another past. What else goes wrong is
// logged and tried again.
func (j *Journal) Run(ctx context.Context) error {
	var missing time.Time // since when nobody has what is not here
	for said := ""; ; {
		pause := lookEvery
		err := j.fill(ctx)
		if err == nil && j.o.Keep > 0 {
			err = j.keep(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, journal.ErrForked):
			return err
		case err == nil:
			missing, said = time.Time{}, ""
		case errors.Is(err, ErrNone):
			pause = fetchPause
			if missing.IsZero() {
				missing = time.Now()
			}
		default:
			pause = lookAgain
		}
		if why := fmt.Sprint(err); err != nil && why != said && (missing.IsZero() || time.Since(missing) > patience) {
			j.o.Log.Warn("old records: not archived, or not to be had from another gateway; trying again", "err", err)
			said = why
		}
		select {
		case <-time.After(pause):
		case <-j.wanted:
		case <-ctx.Done():
			return nil
		}
	}
}

// fill gets what has left the shared journal and is not here. ErrNone: no other node has it now.
func (j *Journal) fill(ctx context.Context) error {
	for {
		trimmed, _, err := j.o.Shared.Bounds(ctx)
		if after, _ := j.o.Folder.Head(); err != nil || after >= trimmed {
			return err
		}
		if err := j.fetch(ctx); err != nil {
			return err
		}
	}
}

// fetch gets the next segment.
func (j *Journal) fetch(ctx context.Context) error {
	after, sum := j.o.Folder.Head()
	file, err := j.o.Fetch(ctx, after, sum)
	if errors.Is(err, ErrOtherPast) {
		return errors.Join(err, j.other(fmt.Errorf("%w: another gateway has another event at position %d", journal.ErrForked, after)))
	}
	var events []journal.Event
	if err == nil {
		events, err = decode(ctx, file)
	}
	if err == nil && events[0].Pos != after+1 {
		err = fmt.Errorf("it begins at position %d", events[0].Pos)
	}
	if err != nil {
		return fmt.Errorf("%w: what follows position %d: %w", ErrNone, after, err)
	}
	return j.o.Folder.add(events, file)
}

// keep brings the archive up to date, and where this node leads the shared journal, too.
func (j *Journal) keep(ctx context.Context) error {
	if err := j.write(ctx); err != nil || !j.o.Leads() {
		return err
	}
	return j.drop(ctx)
}

// write makes segments of all that is settled.
func (j *Journal) write(ctx context.Context) error {
	for {
		after, _ := j.o.Folder.Head()
		events, err := j.next(ctx, after)
		if err != nil || len(events) == 0 || time.Since(events[len(events)-1].At) < settled {
			return err
		}
		file, err := encode(ctx, events)
		if err == nil {
			err = j.o.Folder.add(events, file)
		}
		if err != nil {
			return err
		}
	}
}

// next returns the events of the next segment; none: they are too few.
func (j *Journal) next(ctx context.Context, after journal.Pos) ([]journal.Event, error) {
	if same, err := j.agree(ctx, 0); err != nil || !same {
		return nil, err
	}
	var all []journal.Event
	for len(all) < j.o.Folder.size {
		events, err := j.o.Shared.Read(ctx, after+journal.Pos(len(all)), 1024, 0)
		if err != nil || len(events) == 0 {
			return nil, err
		}
		all = append(all, events...)
		if n := cut(all, j.o.Folder.size); n > 0 {
			return all[:n], nil
		}
	}
	return nil, nil
}

// drop trims the shared journal segment by segment, each up to its last event, which stays.
func (j *Journal) drop(ctx context.Context) error {
	trimmed, _, err := j.o.Shared.Bounds(ctx)
	if err != nil {
		return err
	}
	for _, s := range j.o.Folder.behind(trimmed + 1) {
		events, err := j.o.Shared.Read(ctx, s.last-1, 1, 0)
		if err != nil || len(events) == 0 {
			return err
		}
		if events[0].Sum() != s.sum {
			return fmt.Errorf("the archive has another event at position %d than the shared journal; nothing is dropped", s.last)
		}
		if time.Since(events[0].At) < j.o.Keep {
			return nil
		}
		if err := j.o.Folder.Has(ctx, s.last, s.sum); err != nil {
			return err
		}
		if err := j.o.Everywhere(ctx, s.last, s.sum); err != nil {
			return err
		}
		if err := j.o.Shared.Trim(ctx, s.last-1); err != nil {
			return err
		}
	}
	return nil
}
