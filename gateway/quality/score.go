package quality

import "time"

const (
	// Poor is a mean opinion below which many are dissatisfied (ITU-T G.107, table B.1: R < 70, MOS 3.6; the
	// usual limit of alarms is 3.5).
	Poor = 3.5
	// bestRating is what is left of R with perfect transmission (Cole and Rosenbluth, eq. 2).
	bestRating = 94.2
	// kneeDelay: from here on delay disturbs the taking of turns (eq. 3), in ms.
	kneeDelay = 177.3
	// lossRobustness is Bpl of G.107, 7-29. G.113 has no value for Opus; this is that of G.711 with concealment
	// and random loss (G.113, table I.4), which Opus with its own concealment does not fall below.
	lossRobustness = 25.1
	// codecDelay is a packet of 20 ms and the look-ahead of Opus, 6.5 ms (RFC 6716, 2), in ms.
	codecDelay = 26.5
	// leastBuffer is what a browser's jitter buffer holds at least, about one packet, in ms.
	leastBuffer = 20
)

// Score estimates the mean opinion of a line, 1 to 4.4: loss is a share, 0 to 1; half of the round trip counts as
// delay, and twice the jitter as the buffer that hides it.
func Score(loss float64, jitter, roundTrip time.Duration) float64 {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	delay := ms(roundTrip)/2 + codecDelay + max(leastBuffer, 2*ms(jitter))
	r := bestRating - 0.024*delay
	if delay > kneeDelay {
		r -= 0.11 * (delay - kneeDelay)
	}
	percent := 100 * min(max(loss, 0), 1)
	r -= 95 * percent / (percent + lossRobustness)
	return opinion(r)
}

// opinion is G.107, annex B: R to MOS.
func opinion(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r))
}
