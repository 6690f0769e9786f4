package spool

import (
	"errors"
	"time"

	"backline/gateway/journal"
)

// carryEvents is how many are read from the local journal at once.
const carryEvents = 1024

// part is one append as it lies in the local journal.
type part struct {
	write       journal.Write
	first, last journal.Pos
}

// carry brings facts over, in order.
func (j *Journal) carry() {
	if !j.dial() {
		return
	}
	after, _, err := j.o.Local.Bounds(j.ctx) // the first result: what was trimmed is seen
	for err == nil {
		var events []journal.Event
		events, err = j.o.Local.Read(j.ctx, after, carryEvents, time.Second)
		if err != nil {
			break
		}
		parts := split(events)
		if len(parts) == 0 {
			if len(events) > 0 { // one append with more events than we read: cannot be, see journal.MaxEvents
				err = errors.New("spool: an append has no end")
				break
			}
			err = j.again()
			continue
		}
		if err = j.bring(parts); err == nil {
			after = parts[len(parts)-1].last
			j.passed(after)
			err = j.again()
		}
	}
	if j.ctx.Err() == nil {
		j.o.Log.Error("facts are not brought to the shared journal any more", "err", err)
		j.lost(err)
	}
}

// split finds the appends again: an append's key is on its last event. What has no end yet is left out.
func split(events []journal.Event) []part {
	var out []part
	from := 0
	for i, e := range events {
		if e.Key == "" {
			continue
		}
		p := part{first: events[from].Pos, last: e.Pos, write: journal.Write{Stream: e.Stream, Expect: journal.Any, Key: e.Key}}
		for _, x := range events[from : i+1] {
			p.write.Events = append(p.write.Events, journal.Event{Type: x.Type, At: x.At, Data: x.Data})
		}
		out, from = append(out, p), i+1
	}
	return out
}

// bring appends all parts, in order. It returns when all are in, or the spool is closed: an error is met by the same
// appends with the same keys.
func (j *Journal) bring(parts []part) error {
	j.expect(parts)
	again := false
	for pause := firstPause; len(parts) > 0; {
		losses := j.lossesNow()
		receipts, err := j.appendInOrder(parts)
		for i, r := range receipts {
			r.Dup = r.Dup && !again // else the try before was written after all
			j.order(parts[i], r)
		}
		parts = parts[len(receipts):]
		if len(receipts) > 0 {
			j.found(losses)
			pause = firstPause
		}
		if err == nil {
			continue
		}
		if j.ctx.Err() != nil || errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrInvalid) {
			return err
		}
		j.lost(err)
		if !j.sleep(pause) {
			return j.ctx.Err()
		}
		again, pause = true, min(2*pause, lastPause)
	}
	return nil
}

// appendInOrder returns the receipts of the first parts, and the error of the next.
func (j *Journal) appendInOrder(parts []part) ([]journal.Receipt, error) {
	if s, ok := j.shared.(journal.Sequencer); ok {
		writes := make([]journal.Write, len(parts))
		for i, p := range parts {
			writes[i] = p.write
		}
		return s.AppendInOrder(j.ctx, writes)
	}
	var done []journal.Receipt
	for _, p := range parts {
		r, err := j.shared.Append(j.ctx, p.write)
		if err != nil {
			return done, err
		}
		done = append(done, r)
	}
	return done, nil
}

// expect notes what is brought: a reader can see it before the append returns.
func (j *Journal) expect(parts []part) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range parts {
		j.unseen[p.write.Key] = fact{first: p.first, last: p.last}
	}
}

// order notes that a fact has its place. Where that was known before and a reader has been there, it is seen.
func (j *Journal) order(p part, r journal.Receipt) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch f, unseen := j.unseen[p.write.Key]; {
	case unseen && r.Dup && r.Pos <= j.readTo:
		delete(j.unseen, p.write.Key)
	case unseen:
		f.at = time.Now()
		j.unseen[p.write.Key] = f
	}
	if ch := j.waiters[p.last]; ch != nil {
		ch <- r
		delete(j.waiters, p.last)
	}
	j.ordered.put(p.last, r)
}

// passed notes that everything up to a local position is ordered.
func (j *Journal) passed(upTo journal.Pos) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.upTo, j.head = upTo, max(j.head, upTo)
	close(j.moved)
	j.moved = make(chan struct{})
	j.late = j.late && j.upTo < j.head
	now := time.Now()
	if n := len(j.marks); n == 0 || now.Sub(j.marks[n-1].at) >= dropEvery {
		j.marks = append(j.marks, mark{now, upTo})
	}
}

// seen notes what this node's reader has read.
func (j *Journal) seen(events []journal.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(events) == 0 {
		return
	}
	j.readTo = max(j.readTo, events[len(events)-1].Pos)
	for _, e := range events {
		if e.Key != "" {
			delete(j.unseen, e.Key)
		}
	}
}

// again brings facts once more that were ordered and have not been seen for long: the shared journal may have lost
// them in a fail-over. Where it has not, the key makes it a repetition; then the reader is late, and is given time.
func (j *Journal) again() error {
	j.mu.Lock()
	var late []fact
	now := time.Now()
	for _, f := range j.unseen {
		if !f.at.IsZero() && now.Sub(f.at) >= unseenTime {
			late = append(late, f)
		}
	}
	j.repeats += uint64(len(late))
	j.mu.Unlock()
	for _, f := range late {
		events, err := j.o.Local.Read(j.ctx, f.first-1, int(f.last-f.first)+1, 0)
		if err != nil {
			return err
		}
		if err := j.bring(split(events)); err != nil {
			return err
		}
	}
	return nil
}

// drop removes from the local journal what has been ordered and seen for long enough.
func (j *Journal) drop() {
	for j.sleep(dropEvery) {
		if upTo := j.droppable(time.Now()); upTo > 0 {
			if err := j.o.Local.Trim(j.ctx, upTo); err != nil && j.ctx.Err() == nil {
				j.o.Log.Warn("old facts are not dropped from the spool", "err", err)
			}
		}
	}
}

// droppable is the local position up to which nothing is needed any more.
func (j *Journal) droppable(now time.Time) journal.Pos {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.away.IsZero() {
		return 0
	}
	var upTo journal.Pos
	n := 0
	for n < len(j.marks) && now.Sub(j.marks[n].at) >= j.o.Keep {
		upTo = j.marks[n].upTo
		n++
	}
	for _, f := range j.unseen {
		upTo = min(upTo, f.first-1)
	}
	j.marks = j.marks[n:]
	return upTo
}

// recent keeps the latest receipts for those who come to ask a moment later.
type recent struct {
	byPos map[journal.Pos]journal.Receipt
	order []journal.Pos // a ring
	next  int
}

const maxRecent = 8192

func newRecent() *recent {
	return &recent{byPos: map[journal.Pos]journal.Receipt{}, order: make([]journal.Pos, maxRecent)}
}

func (r *recent) put(pos journal.Pos, receipt journal.Receipt) {
	delete(r.byPos, r.order[r.next])
	r.order[r.next] = pos
	r.next = (r.next + 1) % len(r.order)
	r.byPos[pos] = receipt
}

func (r *recent) get(pos journal.Pos) (journal.Receipt, bool) {
	receipt, ok := r.byPos[pos]
	return receipt, ok
}
