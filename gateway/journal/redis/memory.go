package redis

import (
	"slices"
	"sync"

	"backline/gateway/journal"
)

// maxMarks bounds how many ends of reads are remembered; the one that was not asked about for the longest time goes. A
// reader that waits asks every readBlock, and no other reads this often in between.
const maxMarks = 1024

// mark is where a reader stood: a position and the chain of the log there.
type mark struct {
	pos   journal.Pos
	chain string
	used  uint64 // when, counted in uses
}

// memory is what the readers of a journal have seen. The zero value has seen nothing.
type memory struct {
	mu     sync.Mutex
	marks  []mark
	uses   uint64
	forked error // the log is not the one that was read
}

// at returns the mark at a position, and the error of a log that has forked.
func (m *memory) at(pos journal.Pos) (k mark, known bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.marks {
		if k := &m.marks[i]; k.pos == pos {
			m.uses++
			k.used = m.uses
			return *k, true, m.forked
		}
	}
	return mark{}, false, m.forked
}

// add remembers the last of the entries that are about to be returned, or returns a mark that they contradict. Their
// positions are dense.
func (m *memory) add(entries []entry) (other mark, contradicted bool) {
	first, last := entries[0].Pos, entries[len(entries)-1]
	m.mu.Lock()
	defer m.mu.Unlock()
	known, oldest := false, 0
	for i, k := range m.marks {
		if k.used < m.marks[oldest].used {
			oldest = i
		}
		if k.pos < first || k.pos > last.Pos {
			continue
		}
		if entries[k.pos-first].chain != k.chain {
			return k, true
		}
		known = known || k.pos == last.Pos
	}
	if known {
		return mark{}, false
	}
	m.uses++
	if fresh := (mark{last.Pos, last.chain, m.uses}); len(m.marks) < maxMarks {
		m.marks = append(m.marks, fresh)
	} else {
		m.marks[oldest] = fresh
	}
	return mark{}, false
}

// drop forgets a mark whose entry was trimmed.
func (m *memory) drop(pos journal.Pos) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marks = slices.DeleteFunc(m.marks, func(k mark) bool { return k.pos == pos })
}

func (m *memory) fork(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forked = err
}
