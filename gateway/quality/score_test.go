package quality

import (
	"testing"
	"time"
)

func TestScoreFollowsTheEModel(t *testing.T) {
	for _, c := range []struct {
		loss         float64
		jitter, trip time.Duration
		from, to     float64
	}{
		// R = 94.2 - 0.024·46.5 = 93.1 → 4.41; G.107, table B.1: 90 is 4.34, 94.2 is about 4.4.
		{0, 0, 0, 4.40, 4.42},
		// 3 % of G.711 with concealment is about 3.9 (R 83): 95·3/28.1 = 10.1 less.
		{.03, 0, 0, 4.05, 4.15},
		{.2, 5 * time.Millisecond, 50 * time.Millisecond, 2.2, 2.9},
		// Delay alone: beyond 177.3 ms each further ms costs 0.134.
		{0, 0, 600 * time.Millisecond, 3.4, 3.8},
		{1, time.Second, 10 * time.Second, 1, 1},
		{-1, 0, 0, 4.40, 4.42},
	} {
		if got := Score(c.loss, c.jitter, c.trip); got < c.from || got > c.to {
			t.Errorf("loss %v, jitter %v, round trip %v: got %.2f, want %v to %v", c.loss, c.jitter, c.trip, got, c.from, c.to)
		}
	}
}

func TestScoreNeverRisesWithWhatIsWorse(t *testing.T) {
	last := 5.0
	for loss := 0.0; loss <= 1; loss += 0.01 {
		if got := Score(loss, 0, 0); got > last || got < 1 {
			t.Fatalf("at %.0f %% loss the opinion is %.3f after %.3f", 100*loss, got, last)
		} else {
			last = got
		}
	}
}
