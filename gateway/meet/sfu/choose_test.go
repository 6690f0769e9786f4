package sfu

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func threeLayers() []layerNow {
	return []layerNow{{180, 150_000, true}, {360, 500_000, true}, {720, 1_500_000, true}}
}

func TestATileGetsTheLayerThatFillsIt(t *testing.T) {
	for _, c := range []struct{ tile, want int }{{90, 0}, {180, 0}, {225, 0}, {240, 1}, {450, 1}, {500, 2}, {1080, 2}, {0, 0}} {
		if got := choose([]ask{{layers: threeLayers(), height: c.tile, now: none}}, 10_000_000, true); got[0] != c.want {
			t.Errorf("a tile of %d pixels gets layer %d, want %d", c.tile, got[0], c.want)
		}
	}
}

func TestEverybodyIsSeenBeforeAnybodyIsSharp(t *testing.T) {
	asks := []ask{{layers: threeLayers(), height: 720, now: none}, {layers: threeLayers(), height: 200, now: none}, {layers: threeLayers(), height: 200, now: none}}
	for _, c := range []struct {
		budget int
		want   []int
	}{
		{5_000_000, []int{2, 0, 0}},
		{1_000_000, []int{1, 0, 0}},
		{450_000, []int{0, 0, 0}},
		{310_000, []int{0, 0, none}},
		{100_000, []int{none, none, none}},
		{-1, []int{none, none, none}},
	} {
		if got := choose(asks, c.budget, true); !slices.Equal(got, c.want) {
			t.Errorf("with %d bits a second: got %v, want %v", c.budget, got, c.want)
		}
	}
}

func TestASharedScreenGoesFirst(t *testing.T) {
	asks := []ask{{layers: threeLayers(), height: 900, now: none}, {layers: threeLayers(), height: 300, screen: true, now: none}}
	if got := choose(asks, 700_000, true); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("got %v, want the screen sharper", got)
	}
}

func TestABetterLayerNeedsRoomAndCalm(t *testing.T) {
	asks := []ask{{layers: threeLayers(), height: 360, now: 0}}
	for _, c := range []struct {
		budget  int
		mayRise bool
		want    int
	}{{520_000, true, 0}, {620_000, true, 1}, {620_000, false, 0}} {
		if got := choose(asks, c.budget, c.mayRise); got[0] != c.want {
			t.Errorf("with %d, may rise %v: got %d, want %d", c.budget, c.mayRise, got[0], c.want)
		}
	}
	asks[0].now = 1
	if got := choose(asks, 520_000, false); got[0] != 1 {
		t.Errorf("what fits stays: got %d", got[0])
	}
}

func TestALayerThatIsNotSentIsNotChosen(t *testing.T) {
	layers := threeLayers()
	layers[2].alive, layers[0].alive = false, false
	if got := choose([]ask{{layers: layers, height: 1000, now: 2}}, 10_000_000, true); got[0] != 1 {
		t.Errorf("got %d, want the only one there is", got[0])
	}
	for i := range layers {
		layers[i].alive = false
	}
	if got := choose([]ask{{layers: layers, height: 1000, now: none}}, 10_000_000, true); got[0] != none {
		t.Errorf("got %d of a source that sends nothing", got[0])
	}
}

// Whatever is asked: what is chosen fits, sends, and is not more than the tile has use for.
func TestChoicesKeepToTheBudget(t *testing.T) {
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		asks := make([]ask, rnd.IntN(10))
		for i := range asks {
			asks[i] = ask{height: rnd.IntN(1200), screen: rnd.IntN(5) == 0, now: rnd.IntN(4) - 1, layers: threeLayers()}
			for l := range asks[i].layers {
				asks[i].layers[l].alive = rnd.IntN(4) > 0
				asks[i].layers[l].rate += rnd.IntN(100_000)
			}
		}
		budget, spent := rnd.IntN(6_000_000), 0
		got := choose(asks, budget, rnd.IntN(2) == 0)
		for i, l := range got {
			if l == none {
				continue
			}
			spent += asks[i].layers[l].rate
			if !asks[i].layers[l].alive || l > asks[i].top() {
				t.Fatalf("seed %d: picture %d gets layer %d of %+v", seed, i, l, asks[i])
			}
		}
		if spent > budget {
			t.Fatalf("seed %d: %d bits a second of %d", seed, spent, budget)
		}
	}
}
