package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"backline/gateway/journal"
)

// group is how many rows one statement writes or looks up; the rest goes one by one. Larger groups were not
// faster.
const group = 32

// Columns of the tables.
const (
	eventColumns = 8
	keyColumns   = 3
	headColumns  = 3
)

type outcome struct {
	receipt journal.Receipt
	err     error
}

type head struct {
	version uint64
	pos     journal.Pos
}

// plan is what one transaction will write. It is decided in memory first, so that a refused append cannot
// touch its neighbours.
type plan struct {
	w        *writer
	batch    []*request
	outcomes []outcome
	decided  bool
	keys     map[string]journal.Receipt // known before the batch, then those of the batch too
	heads    map[string]head            // changed by the batch
	newKeys  []driver.Value             // key, pos, version, …
	rows     []driver.Value             // the columns of events, row after row
	events   []journal.Event
	head     journal.Pos
	sum      uint32
}

func newPlan(w *writer, batch []*request) *plan {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	n := len(batch) // most appends have one event
	return &plan{w: w, batch: batch, outcomes: make([]outcome, n), keys: make(map[string]journal.Receipt, n),
		heads: map[string]head{}, newKeys: make([]driver.Value, 0, keyColumns*n), rows: make([]driver.Value, 0, eventColumns*n),
		events: make([]journal.Event, 0, n), head: w.j.head, sum: w.j.sum}
}

// look reads the keys and versions that the batch asks about.
func (p *plan) look() error {
	var keys, streams []string
	asked := map[string]bool{}
	stream := func(s string) {
		if _, known := p.w.heads[s]; !known && !asked[s] {
			asked[s] = true
			streams = append(streams, s)
		}
	}
	if len(p.w.heads) > maxHeads {
		clear(p.w.heads)
	}
	for _, r := range p.batch {
		if r.write.Key != "" {
			keys = append(keys, r.write.Key)
		}
		stream(r.write.Stream)
		if r.write.Guard != nil {
			stream(r.write.Guard.Stream)
			if r.write.Guard.Key != "" {
				keys = append(keys, r.write.Guard.Key)
			}
		}
	}
	err := p.w.lookup("SELECT key,pos,version FROM keys WHERE key IN ", keys, func(row []driver.Value) {
		p.keys[row[0].(string)] = journal.Receipt{Pos: uint64(row[1].(int64)), Version: uint64(row[2].(int64)), Dup: true}
	})
	if err != nil {
		return err
	}
	for _, s := range streams {
		p.w.heads[s] = 0
	}
	err = p.w.lookup("SELECT stream,version,pos FROM heads WHERE stream IN ", streams, func(row []driver.Value) {
		p.w.heads[row[0].(string)] = uint64(row[1].(int64))
	})
	if err != nil {
		clear(p.w.heads)
	}
	return err
}

// lookup asks for many values with few statements. A short group is filled with its last value.
func (w *writer) lookup(query string, values []string, each func([]driver.Value)) error {
	for len(values) > 0 {
		n := group
		if len(values) == 1 {
			n = 1
		}
		args := make([]driver.NamedValue, n)
		for i := range args {
			args[i] = driver.NamedValue{Ordinal: i + 1, Value: values[min(i, len(values)-1)]}
		}
		rows, err := w.query(query+"("+strings.Repeat(",?", n)[1:]+")", args, 3)
		if err != nil {
			return err
		}
		for _, row := range rows {
			each(row)
		}
		values = values[min(n, len(values)):]
	}
	return nil
}

// decide judges each append in the order in which they came: key, guard, version.
func (p *plan) decide() {
	p.decided = true
	for i, r := range p.batch {
		p.outcomes[i] = p.judge(&r.write)
	}
}

func (p *plan) judge(w *journal.Write) outcome {
	if w.Key != "" {
		if receipt, known := p.keys[w.Key]; known {
			return outcome{receipt: receipt}
		}
	}
	if g := w.Guard; g != nil && !p.holds(g) {
		return outcome{err: &journal.Conflict{Stream: g.Stream, Want: g.Version, Have: p.version(g.Stream), Guarded: true}}
	}
	have := p.version(w.Stream)
	if w.Expect != journal.Any && w.Expect != have {
		return outcome{err: &journal.Conflict{Stream: w.Stream, Want: w.Expect, Have: have}}
	}
	for i, e := range w.Events {
		e.Pos, e.Stream, e.Version, e.Key = p.head+1, w.Stream, have+1+uint64(i), ""
		if i == len(w.Events)-1 {
			e.Key = w.Key
		}
		p.add(e)
	}
	receipt := journal.Receipt{Pos: p.head, Version: have + uint64(len(w.Events))}
	if w.Key != "" {
		p.keys[w.Key] = journal.Receipt{Pos: receipt.Pos, Version: receipt.Version, Dup: true}
	}
	return outcome{receipt: receipt}
}

func (p *plan) holds(g *journal.Guard) bool {
	by, known := p.keys[g.Key]
	return p.version(g.Stream) == g.Version && (g.Key == "" || known && by.Version == g.Version)
}

func (p *plan) version(stream string) uint64 {
	if h, changed := p.heads[stream]; changed {
		return h.version
	}
	return p.w.heads[stream]
}

// add appends one event with its position and version to what will be stored.
func (p *plan) add(e journal.Event) {
	p.sum = checksum(p.sum, &e)
	var key driver.Value
	if e.Key != "" {
		key = e.Key
		p.newKeys = append(p.newKeys, e.Key, int64(e.Pos), int64(e.Version))
	}
	data := e.Data
	if data == nil {
		data = []byte{}
	}
	p.rows = append(p.rows, int64(e.Pos), e.Stream, int64(e.Version), e.Type, e.At.UnixMicro(), key, data, int64(p.sum))
	p.heads[e.Stream] = head{version: e.Version, pos: e.Pos}
	p.head = e.Pos
	p.events = append(p.events, stored(e))
}

func (p *plan) store() error {
	if err := p.w.insert("INSERT INTO events(pos,stream,version,type,at,key,data,sum) VALUES ", eventColumns, p.rows); err != nil {
		return err
	}
	if err := p.w.insert("INSERT INTO keys(key,pos,version) VALUES ", keyColumns, p.newKeys); err != nil {
		return err
	}
	streams := make([]string, 0, len(p.heads))
	for s := range p.heads {
		streams = append(streams, s)
	}
	slices.Sort(streams) // neighbours share pages
	heads := make([]driver.Value, 0, headColumns*len(streams))
	for _, s := range streams {
		heads = append(heads, s, int64(p.heads[s].version), int64(p.heads[s].pos))
	}
	return p.w.insert("REPLACE INTO heads(stream,version,pos) VALUES ", headColumns, heads)
}

// insert writes rows of the given width, a group at a time.
func (w *writer) insert(query string, width int, values []driver.Value) error {
	one := "(" + strings.Repeat(",?", width)[1:] + ")"
	args := make([]driver.NamedValue, min(len(values), group*width))
	for len(values) > 0 {
		n := group
		if len(values) < group*width {
			n = 1
		}
		for i, v := range values[:n*width] {
			args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
		}
		if err := w.exec(query+strings.Repeat(","+one, n)[1:], args[:n*width]...); err != nil {
			return err
		}
		values = values[n*width:]
	}
	return nil
}

// publish makes the committed batch visible and wakes the readers.
func (p *plan) publish(took time.Duration) {
	for s, h := range p.heads {
		p.w.heads[s] = h.version
	}
	j := p.w.j
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Appends += uint64(len(p.batch))
	if len(p.events) == 0 {
		return
	}
	if !j.forgetful {
		j.recent.add(p.events)
	}
	j.full = false
	j.stats.Batches++
	j.stats.Events += uint64(len(p.events))
	j.stats.Fsync += took
	j.head, j.sum = p.head, p.sum
	close(j.changed)
	j.changed = make(chan struct{})
}

// checksum is the CRC-32C of the row before and of every column of this one, lengths included.
func checksum(before uint32, e *journal.Event) uint32 {
	b := make([]byte, 0, 512)
	b = binary.BigEndian.AppendUint32(b, before)
	b = binary.BigEndian.AppendUint64(b, e.Pos)
	b = binary.BigEndian.AppendUint64(b, e.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	for _, s := range [...]string{e.Stream, e.Type, e.Key} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, e.Data)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
