package router

// entry is one thing in one heap. pos is its place there, -1 when it is in none.
type entry struct {
	pos   int
	id    string // decides between equal keys, so that a rebuilt router has the same order
	work  *work
	agent *agent
	queue *queue
}

// key orders a heap: the smaller comes first.
type key struct{ a, b int64 }

type slot struct {
	key
	*entry
}

func (s slot) before(o slot) bool {
	if s.a != o.a {
		return s.a < o.a
	}
	if s.b != o.b {
		return s.b < o.b
	}
	return s.id < o.id
}

// heap is an indexed heap: any entry can be moved or removed in O(log n). The keys stand in the slots, so that
// comparing does not leave the slice; four children to a slot, because each level that a slot moves costs a
// write to its entry, which lies anywhere in memory.
type heap struct{ s []slot }

const arity = 4

func (h *heap) len() int { return len(h.s) }

// set adds e or gives it another key.
func (h *heap) set(e *entry, k key) {
	if e.pos < 0 {
		e.pos = len(h.s)
		h.s = append(h.s, slot{k, e})
		h.up(e.pos)
		return
	}
	if h.s[e.pos].key == k {
		return
	}
	h.s[e.pos].key = k
	h.down(e.pos)
	h.up(e.pos)
}

func (h *heap) remove(e *entry) {
	i, last := e.pos, len(h.s)-1
	if i < 0 {
		return
	}
	e.pos = -1
	moved := h.s[last]
	h.s[last] = slot{}
	h.s = h.s[:last]
	if i == last {
		return
	}
	h.s[i] = moved
	moved.pos = i
	h.down(i)
	h.up(moved.pos)
}

func (h *heap) up(i int) {
	x := h.s[i]
	for i > 0 {
		parent := (i - 1) / arity
		if !x.before(h.s[parent]) {
			break
		}
		h.s[i] = h.s[parent]
		h.s[i].pos = i
		i = parent
	}
	h.s[i] = x
	x.pos = i
}

func (h *heap) down(i int) {
	x := h.s[i]
	for {
		child := arity*i + 1
		if child >= len(h.s) {
			break
		}
		for c := child + 1; c < min(len(h.s), arity*i+arity+1); c++ {
			if h.s[c].before(h.s[child]) {
				child = c
			}
		}
		if !h.s[child].before(x) {
			break
		}
		h.s[i] = h.s[child]
		h.s[i].pos = i
		i = child
	}
	h.s[i] = x
	x.pos = i
}

// ahead counts the slots before x, at most limit. It looks only at those and their children.
func (h *heap) ahead(x slot, limit int) int {
	return h.aheadFrom(0, x, limit)
}

func (h *heap) aheadFrom(i int, x slot, limit int) int {
	if limit <= 0 || i >= len(h.s) || !h.s[i].before(x) {
		return 0
	}
	n := 1
	for c := arity*i + 1; c <= arity*i+arity; c++ {
		n += h.aheadFrom(c, x, limit-n)
	}
	return n
}
