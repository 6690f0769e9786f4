package quality

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/wire"
)

var customer = gateway.Identity{Channel: "livechat", Account: "shop", Remote: "v1"}

// room is an engine, a desk and a journal.
type room struct {
	mu      sync.Mutex
	stats   []media.LegStats
	gone    bool // the desk knows the call no more
	refuses bool
	facts   map[string]gateway.LineMeasured
	told    map[gateway.AgentID][]wire.CallQuality
	ended   int
}

func (r *room) All() []media.LegStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.stats)
}

func (r *room) Line(key media.LegKey) (Who, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch key.Side {
	case media.Customer:
		return Who{Customer: customer}, !r.gone
	case "agent/eve":
		return Who{Customer: customer, Agent: "eve", Hidden: true}, !r.gone
	}
	return Who{Customer: customer, Agent: "jana"}, !r.gone
}

func (r *room) Agents(gateway.CallID) []gateway.AgentID { return []gateway.AgentID{"jana", "eve"} }

func (r *room) append(_ context.Context, who gateway.Identity, key string, e gateway.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses {
		return errors.New("the disk is full")
	}
	if who == customer {
		r.facts[key] = e.(gateway.LineMeasured)
	}
	return nil
}

// say counts so many packets of 80 bytes in on a side, and so many lost.
func (r *room) say(side media.Side, packets, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.stats, func(s media.LegStats) bool { return s.Key.Side == side })
	if i < 0 {
		i = len(r.stats)
		r.stats = append(r.stats, media.LegStats{Key: media.LegKey{Call: "c", Side: side}, Stats: media.Stats{State: media.Connected, Path: "udp"}})
	}
	in := &r.stats[i].In
	in.Packets, in.Bytes, in.Lost = in.Packets+packets, in.Bytes+80*packets, in.Lost+lost
}

// metered runs a Meter in a bubble.
func metered(t *testing.T, f func(t *testing.T, r *room, m *Meter)) {
	synctest.Test(t, func(t *testing.T) {
		r := &room{facts: map[string]gateway.LineMeasured{}, told: map[gateway.AgentID][]wire.CallQuality{}}
		m := New(Options{Engine: r, Desk: r, Append: r.append, Log: slog.New(slog.DiscardHandler),
			Tell:  func(id gateway.AgentID, f any) { r.told[id] = append(r.told[id], f.(wire.CallQuality)) },
			OnEnd: func(gateway.LineMeasured) { r.ended++ }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		f(t, r, m)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAgentsHearHowTheLinesOfTheirCallAreNow(t *testing.T) {
	metered(t, func(t *testing.T, r *room, _ *Meter) {
		r.say(media.Customer, 100, 50) // before the first look: of no account later
		r.say("agent/eve", 100, 0)
		time.Sleep(Every + time.Millisecond)
		r.say(media.Customer, 135, 15)
		r.say("agent/eve", 150, 0)
		time.Sleep(Every)
		synctest.Wait()
		told := r.told["jana"]
		if len(told) != 1 || len(told[0].Lines) != 1 {
			t.Fatalf("got %+v, want one frame with the customer's line", told)
		}
		l := told[0].Lines[0]
		if l.Agent != "" || l.LossIn != 10 || l.Kbps != 28 || l.Path != "udp" || l.MOS < 2.5 || l.MOS > 3.6 {
			t.Errorf("got %+v, want 10 %% lost of 28 kbit/s", l)
		}
		if eve := r.told["eve"]; len(eve) != 1 || len(eve[0].Lines) != 2 {
			t.Errorf("who listens unseen sees %+v, want her own line too", eve)
		}
	})
}

func TestWhatEndedIsWrittenDownAlsoWhenTheCallIsForgotten(t *testing.T) {
	metered(t, func(t *testing.T, r *room, m *Meter) {
		r.say(media.Customer, 1000, 0)
		time.Sleep(Every + time.Millisecond)
		r.mu.Lock()
		r.gone = true
		e := media.Measured{LegStats: r.stats[0], Lasted: 20 * time.Second, Network: "203.0.113.0/24"}
		r.mu.Unlock()
		m.Ended(e)
		synctest.Wait()
		if len(r.facts) != 1 || r.ended != 1 {
			t.Fatalf("got %v", r.facts)
		}
		for _, f := range r.facts {
			if f.Call != "c" || f.Entry != "livechat/shop" || f.Seconds != 20 || f.Network != "203.0.113.0/24" || f.Path != "udp" || f.MOS < 4.3 {
				t.Errorf("got %+v", f)
			}
		}
	})
}

func TestALineThatWasNothingIsNotWrittenDown(t *testing.T) {
	metered(t, func(t *testing.T, r *room, m *Meter) {
		key := media.LegKey{Call: "c", Side: media.Customer}
		m.Ended(media.Measured{LegStats: media.LegStats{Key: key}, Lasted: time.Minute})
		m.Ended(media.Measured{LegStats: media.LegStats{Key: key, Stats: media.Stats{In: media.Flow{Packets: 5}}}, Lasted: time.Second})
		synctest.Wait()
		if len(r.facts) != 0 {
			t.Errorf("got %v", r.facts)
		}
	})
}

func TestWhatTheJournalRefusesIsWrittenWhenItTakesItAgain(t *testing.T) {
	metered(t, func(t *testing.T, r *room, m *Meter) {
		r.refuses = true
		for range 3 {
			m.Ended(media.Measured{LegStats: media.LegStats{Key: media.LegKey{Call: "c", Side: "agent/jana"},
				Stats: media.Stats{In: media.Flow{Packets: 500}}}, Lasted: 10 * time.Second})
			time.Sleep(time.Second)
		}
		r.mu.Lock()
		r.refuses = false
		r.mu.Unlock()
		time.Sleep(Every)
		synctest.Wait()
		if len(r.facts) != 3 {
			t.Errorf("%d of 3 lines were written down", len(r.facts))
		}
	})
}
