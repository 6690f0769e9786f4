package sqlite

import (
	"bytes"
	"slices"
	"time"

	"backline/gateway/journal"
)

// Bounds of the newest events in memory.
const (
	maxRecent      = 2048
	maxRecentBytes = 1 << 20 // of data
)

// recent holds the newest events for those who follow closely: reading back what was just written costs as much
// as writing it. Guarded by Journal.mu.
type recent struct {
	events []journal.Event // without a gap, oldest first
	bytes  int
}

// add takes what was just committed.
func (r *recent) add(events []journal.Event) {
	for _, e := range events {
		r.events = append(r.events, e)
		r.bytes += len(e.Data)
	}
	drop := max(0, len(r.events)-maxRecent)
	for _, e := range r.events[:drop] {
		r.bytes -= len(e.Data)
	}
	for ; r.bytes > maxRecentBytes; drop++ {
		r.bytes -= len(r.events[drop].Data)
	}
	clear(r.events[:drop])
	r.events = r.events[drop:]
}

// after copies up to limit events behind a position; none when they begin earlier. Their data is shared: see owned.
func (r *recent) after(pos journal.Pos, limit int) []journal.Event {
	if len(r.events) == 0 || pos+1 < r.events[0].Pos {
		return nil
	}
	from := pos + 1 - r.events[0].Pos
	if from >= uint64(len(r.events)) {
		return nil
	}
	return slices.Clone(r.events[from:min(len(r.events), int(from)+limit)])
}

// owned gives the events data of their own, as reading from the file does.
func owned(events []journal.Event) []journal.Event {
	for i := range events {
		events[i].Data = bytes.Clone(events[i].Data)
	}
	return events
}

// stored is an event as reading it from the file gives it. Its data stays with whoever appended it.
func stored(e journal.Event) journal.Event {
	e.At = time.UnixMicro(e.At.UnixMicro()).UTC()
	e.Data = append([]byte{}, e.Data...)
	return e
}
