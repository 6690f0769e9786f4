package sfu

import (
	"cmp"
	"slices"
)

// none is the layer of who gets no picture.
const none = -1

// layerNow is one layer of a source at this moment.
type layerNow struct {
	height int // of the picture in pixels
	rate   int // bits a second
	alive  bool
}

// ask is one picture that a receiver wants to see.
type ask struct {
	layers []layerNow // from small to large
	height int        // of its tile, in pixels of the screen
	screen bool       // a shared screen goes before faces
	now    int        // the layer that is sent; none
}

// rise is how much of the estimate must be free, of a hundred, before a better layer is tried: an estimate shakes.
const rise = 120

// choose gives each picture a layer that its tile has use for, as far as budget (bits a second) goes. Each gets its
// smallest layer first, then they rise in turns: a shared screen before the large tiles, these before the small
// ones. Who does not fit is given none. Without mayRise nothing gets better than it is.
func choose(asks []ask, budget int, mayRise bool) []int {
	order := make([]int, len(asks))
	got := make([]int, len(asks))
	for i := range asks {
		order[i], got[i] = i, none
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := asks[a], asks[b]
		if x.screen != y.screen {
			return cmp.Compare(b2i(y.screen), b2i(x.screen))
		}
		return cmp.Compare(y.height, x.height)
	})
	spent := 0
	for climbing := true; climbing; {
		climbing = false
		for _, i := range order {
			next := asks[i].above(got[i])
			if next == none || next > asks[i].top() {
				continue
			}
			cost := asks[i].layers[next].rate
			if got[i] != none {
				cost -= asks[i].layers[got[i]].rate
			}
			if !fits(spent+cost, budget, next > asks[i].now && asks[i].now != none, mayRise) {
				continue
			}
			got[i], climbing = next, true
			spent += cost
		}
	}
	return got
}

func fits(sum, budget int, better, mayRise bool) bool {
	if !better {
		return sum <= budget
	}
	return mayRise && sum*rise/100 <= budget
}

// above is the next layer that sends; none when there is none.
func (a ask) above(l int) int {
	for i := l + 1; i < len(a.layers); i++ {
		if a.layers[i].alive {
			return i
		}
	}
	return none
}

// top is the smallest layer that fills the tile. A picture may be stretched by a quarter: nobody sees that.
func (a ask) top() int {
	last := none
	for i, l := range a.layers {
		if !l.alive {
			continue
		}
		last = i
		if l.height*5/4 >= a.height {
			break
		}
	}
	return last
}

// useful is how many layers, from the smallest, the tile has use for, whether they are sent or not.
func (a ask) useful() int {
	for i, l := range a.layers {
		if l.height*5/4 >= a.height {
			return i + 1
		}
	}
	return len(a.layers)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
