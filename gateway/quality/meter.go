package quality

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/wire"
)

const (
	// Every is how often running lines are looked at.
	Every = 3 * time.Second
	// MaxPending lines that ended and are not written down yet; the oldest is given up for one more.
	MaxPending = 10_000
	// shortest line that says something.
	shortest = 2 * time.Second
	// lastWrites is the time to write down what ended with the gateway.
	lastWrites = 2 * time.Second
)

// Engine carries the lines; *media.Engine is one.
type Engine interface{ All() []media.LegStats }

// Who is whose line it is.
type Who struct {
	Customer gateway.Identity
	Agent    gateway.AgentID // "" for the customer's line
	Hidden   bool            // a supervisor's that only they know of
}

// Desk knows calls; *calls.Desk is one.
type Desk interface {
	// Line says whose line a leg is; false when the call is not known (yet, or any more).
	Line(media.LegKey) (Who, bool)
	// Agents are those in a call.
	Agents(gateway.CallID) []gateway.AgentID
}

// Options of a Meter. All are needed but OnLook and OnEnd.
type Options struct {
	Engine Engine
	Desk   Desk
	// Append makes a fact durable in the customer's stream, once for each key.
	Append func(ctx context.Context, who gateway.Identity, key string, e gateway.Event) error
	Tell   func(gateway.AgentID, any)
	// OnLook hears of all running lines at each look, OnEnd of each that ended: for metrics.
	OnLook func([]wire.LineQuality)
	OnEnd  func(gateway.LineMeasured)
	Log    *slog.Logger
}

// Meter watches lines. Make one with New.
type Meter struct {
	opts Options

	mu      sync.Mutex
	lines   map[media.LegKey]*watched // guarded by mu
	pending []ended                   // guarded by mu
	failed  bool                      // the journal refused last; guarded by mu
	wake    chan struct{}             // one slot; never closed
}

// watched is a line that runs.
type watched struct {
	who    Who
	before media.Stats
	at     time.Time
}

type ended struct {
	who  gateway.Identity
	key  string
	fact gateway.LineMeasured
}

// New returns a Meter.
func New(o Options) *Meter {
	if o.OnLook == nil {
		o.OnLook = func([]wire.LineQuality) {}
	}
	if o.OnEnd == nil {
		o.OnEnd = func(gateway.LineMeasured) {}
	}
	return &Meter{opts: o, lines: map[media.LegKey]*watched{}, wake: make(chan struct{}, 1)}
}

// Run looks and writes until ctx ends, and then writes what is left.
func (m *Meter) Run(ctx context.Context) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
			defer cancel()
			m.write(last)
			return nil
		case <-m.wake:
		case now := <-tick.C:
			m.look(now)
		}
		m.write(ctx)
	}
}

// look tells agents how the lines of their calls are.
func (m *Meter) look(now time.Time) {
	calls := map[gateway.CallID][]heldLine{}
	var all []wire.LineQuality
	for _, s := range m.opts.Engine.All() {
		if s.State != media.Connected {
			continue
		}
		if l, ok := m.measure(s, now); ok {
			id := gateway.CallID(s.Key.Call)
			calls[id] = append(calls[id], l)
			all = append(all, l.LineQuality)
		}
	}
	m.opts.OnLook(all)
	for id, lines := range calls {
		for _, a := range m.opts.Desk.Agents(id) {
			m.opts.Tell(a, wire.CallQuality{Call: id, Lines: visible(lines, a)})
		}
	}
}

type heldLine struct {
	wire.LineQuality
	hidden bool
}

// visible leaves out those whose presence an agent must not know of.
func visible(lines []heldLine, to gateway.AgentID) []wire.LineQuality {
	out := []wire.LineQuality{}
	for _, l := range lines {
		if !l.hidden || l.Agent == to {
			out = append(out, l.LineQuality)
		}
	}
	return out
}

// measure is a line since the last look; false at the first.
func (m *Meter) measure(s media.LegStats, now time.Time) (heldLine, bool) {
	who, ok := m.opts.Desk.Line(s.Key)
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.lines[s.Key]
	if w == nil {
		w = &watched{}
		m.lines[s.Key] = w
	}
	if ok {
		w.who = who
	}
	before, since := w.before, w.at
	if w.at.IsZero() || s.In.Packets < before.In.Packets { // another line took its place
		before, since = media.Stats{}, time.Time{}
	}
	w.before, w.at = s.Stats, now
	if since.IsZero() || w.who.Customer == (gateway.Identity{}) {
		return heldLine{}, false
	}
	q := between(before, s.Stats, now.Sub(since))
	q.Agent = w.who.Agent
	return heldLine{q, w.who.Hidden}, true
}

// between judges the time from one count to another.
func between(a, b media.Stats, took time.Duration) wire.LineQuality {
	in := share(b.In.Lost-min(a.In.Lost, b.In.Lost), b.In.Packets-a.In.Packets)
	lostOut := b.Out.Lost - min(a.Out.Lost, b.Out.Lost)
	sent := b.Out.Packets - min(a.Out.Packets, b.Out.Packets)
	out := share(lostOut, sent-min(lostOut, sent))
	jitter := max(b.In.Jitter, b.Out.Jitter)
	return wire.LineQuality{
		Path: b.Path, LossIn: round(100*in, 10), LossOut: round(100*out, 10),
		JitterMS: round(millis(jitter), 10), RTTMS: round(millis(b.RTT), 10),
		Kbps: int(float64(8*(b.In.Bytes-a.In.Bytes)) / 1000 / took.Seconds()),
		MOS:  round(Score(max(in, out), jitter, b.RTT), 100),
	}
}

func share(lost, got uint64) float64 {
	if lost+got == 0 {
		return 0
	}
	return float64(lost) / float64(lost+got)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func round(v, to float64) float64 { return math.Round(v*to) / to }

// Ended takes what a line counted in its life; it is media.Options.OnMeasured.
func (m *Meter) Ended(e media.Measured) {
	who, ok := m.opts.Desk.Line(e.Key)
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.lines[e.Key]
	delete(m.lines, e.Key)
	if !ok && w != nil {
		who = w.who
	}
	if e.Lasted < shortest || e.In.Packets == 0 || who.Customer == (gateway.Identity{}) {
		return
	}
	q := between(media.Stats{}, e.Stats, e.Lasted)
	f := gateway.LineMeasured{
		Call: gateway.CallID(e.Key.Call), Agent: who.Agent, Hidden: who.Hidden, Path: q.Path, Network: e.Network,
		Entry: who.Customer.Channel + "/" + who.Customer.Account, Seconds: int(e.Lasted.Seconds()), LossIn: q.LossIn, LossOut: q.LossOut,
		JitterMS: q.JitterMS, RTTMS: q.RTTMS, Kbps: q.Kbps, MOS: q.MOS,
	}
	if len(m.pending) >= MaxPending {
		m.pending = m.pending[1:]
	}
	key := fmt.Sprintf("call/%s/line/%s/%d", e.Key.Call, e.Key.Side, time.Now().UnixNano())
	m.pending = append(m.pending, ended{who.Customer, key, f})
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// write makes durable what has ended. What the journal does not take stays for the next time.
func (m *Meter) write(ctx context.Context) {
	for {
		m.mu.Lock()
		if len(m.pending) == 0 {
			m.mu.Unlock()
			return
		}
		next := m.pending[0]
		m.mu.Unlock()
		if err := m.opts.Append(ctx, next.who, next.key, next.fact); err != nil {
			m.refused(err)
			return
		}
		m.opts.OnEnd(next.fact)
		m.mu.Lock()
		if len(m.pending) > 0 && m.pending[0].key == next.key {
			m.pending = m.pending[1:]
		}
		m.failed = false
		m.mu.Unlock()
	}
}

func (m *Meter) refused(err error) {
	m.mu.Lock()
	first := !m.failed
	m.failed = true
	m.mu.Unlock()
	if first {
		m.opts.Log.Error("how good a line was cannot be written down; trying again", "err", err)
	}
}
