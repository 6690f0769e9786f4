package chaos_test

import (
	"encoding/json"
	"testing"
	"time"

	"backline/cmd/backline/chaos"
	"backline/gateway"
	"backline/gateway/journal"
)

// Row 17: clocks are set under running nodes, that of the deciding node first, later all of them. What rings goes on ringing as
// long as it should, nobody is taken for silent, nobody's session ends.
func TestNodesClocksSet(t *testing.T) {
	lengthy(t)
	clocks := map[string]*chaos.Clock{}
	mix := usual
	mix.Miss = 0.15
	c := nodesWith(t, chaos.Options{Binary: chaos.BuildWithClock(t), Env: func(node string) []string {
		clocks[node] = chaos.NewClock(t)
		return clocks[node].Env()
	}}, mix)
	first := c.leader(20 * time.Second)
	c.breaks()
	began := time.Now()
	steps := []time.Duration{time.Hour, 0, -time.Hour, 0, -time.Since(time.Unix(0, 0)).Truncate(time.Second), 0}
	for _, all := range []bool{false, true} {
		for _, by := range steps {
			for name, clock := range clocks {
				if all || name == first.Name {
					clock.Set(by)
				}
			}
			before := len(c.missed())
			set := time.Now()
			c.within(20*time.Second, "an offer that nobody takes ends", func() bool {
				time.Sleep(200 * time.Millisecond) // it reads the whole journal
				return len(c.missed()) > before
			})
			c.note("by %s (all: %v): an offer ends after %s", by, all, time.Since(set).Round(10*time.Millisecond))
			time.Sleep(goesOn())
		}
	}
	if got, want := c.load.Ledger.Gap(began, time.Now()), 2*time.Second; got > want {
		c.Errorf("nobody was acknowledged anything for %s", got)
	}
	if last := c.leader(20 * time.Second); last != first {
		c.Errorf("node %s decides now instead of %s", last.Name, first.Name)
	}
	for _, e := range c.of(gateway.PresenceChanged{}) {
		var p gateway.PresenceChanged
		if err := json.Unmarshal(e.Data, &p); err != nil {
			c.Fatal(err)
		}
		if p.Reason == "silent" {
			c.Errorf("at position %d %s was taken for silent", e.Pos, p.Agent)
		}
	}
	c.settles()
}

// of are the events of a type.
func (c *cluster) of(kind gateway.Event) []journal.Event {
	c.Helper()
	var out []journal.Event
	for _, e := range c.events() {
		if e.Type == kind.EventType() {
			out = append(out, e)
		}
	}
	return out
}

// missed are the ends of offers that nobody took in time.
func (c *cluster) missed() []gateway.OfferEnded {
	c.Helper()
	var out []gateway.OfferEnded
	for _, e := range c.of(gateway.OfferEnded{}) {
		var end gateway.OfferEnded
		if err := json.Unmarshal(e.Data, &end); err != nil {
			c.Fatal(err)
		}
		if end.Outcome == "timed_out" {
			out = append(out, end)
		}
	}
	return out
}
