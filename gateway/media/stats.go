package media

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"
)

// Stats of one leg.
type Stats struct {
	Side  Side
	State State
	Path  string        // "udp", "tcp" or "relay" (TURN); empty until connected
	In    Flow          // what we got from the browser
	Out   Flow          // what it got from us; lost and jitter as it reports them
	RTT   time.Duration // as its reports tell; zero as long as it hears nothing
}

// LegStats are Stats with the leg they are of.
type LegStats struct {
	Key LegKey
	Stats
}

// Measured is what a leg counted in its life.
type Measured struct {
	LegStats
	Lasted  time.Duration // since it was connected first
	Network string        // where it came from, to the /24 or /48; empty: from a relay, or not known
}

// Flow is the sound in one direction since the leg was made.
type Flow struct {
	Packets uint64
	Bytes   uint64 // In: of RTP packets; Out: of their payload
	Lost    uint64 // on the way; Out includes what never reached us from the other side
	Dropped uint64 // Out only: the transport did not take them
	Jitter  time.Duration
}

// Stats of the legs of a call, by side; empty for a call that has none.
func (e *Engine) Stats(call string) []Stats {
	e.mu.Lock()
	var legs []*leg
	if c := e.calls[call]; c != nil {
		for _, l := range c.legs {
			legs = append(legs, l)
		}
	}
	e.mu.Unlock()
	var all []Stats
	for _, l := range legs {
		all = append(all, l.stats())
	}
	slices.SortFunc(all, func(a, b Stats) int { return cmp.Compare(a.Side, b.Side) })
	return all
}

// All are the Stats of every leg, in no order.
func (e *Engine) All() []LegStats {
	e.mu.Lock()
	legs := make([]*leg, 0, e.count)
	for _, c := range e.calls {
		for _, l := range c.legs {
			legs = append(legs, l)
		}
	}
	e.mu.Unlock()
	all := make([]LegStats, len(legs))
	for i, l := range legs {
		all[i] = LegStats{l.key, l.stats()}
	}
	return all
}

// measured is called by live, at the leg's end.
func (l *leg) measured(now time.Time) Measured {
	if l.since.IsZero() {
		return Measured{}
	}
	m := Measured{LegStats: LegStats{l.key, l.stats()}, Lasted: now.Sub(l.since)}
	if m.Path != "relay" {
		m.Network = l.network()
	}
	return m
}

// network is the part of the browser's address that says which provider it is at, and not who.
func (l *leg) network() string {
	pair := l.pair()
	if pair == nil {
		return ""
	}
	ip, err := netip.ParseAddr(pair.Remote.Address)
	if err != nil {
		return ""
	}
	bits := 48
	if ip = ip.Unmap(); ip.Is4() {
		bits = 24
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// pair is the path that ICE has chosen, or had when the connection ended; nil before.
func (l *leg) pair() *webrtc.ICECandidatePair {
	if t := l.sender.Transport(); t != nil {
		if pair, err := t.ICETransport().GetSelectedCandidatePair(); err == nil && pair != nil {
			return pair
		}
	}
	return l.chosen.Load()
}

func (l *leg) stats() Stats {
	s := Stats{Side: l.key.Side, State: l.state.Load().(State), Path: l.transport()}
	s.In = l.received.flow()
	sent, _, _ := l.out.progress(time.Now())
	l.reported.mu.Lock()
	defer l.reported.mu.Unlock()
	s.Out = Flow{
		Packets: uint64(sent.Packets), Bytes: uint64(sent.Octets), Dropped: uint64(sent.Dropped),
		Lost: uint64(l.reported.lost), Jitter: ticks(float64(l.reported.jitter)),
	}
	s.RTT = l.reported.rtt
	return s
}

func (r *reception) flow() Flow {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packets == 0 {
		return Flow{}
	}
	return Flow{Packets: uint64(r.packets), Bytes: r.bytes, Lost: uint64(r.lost()), Jitter: ticks(r.jitter)}
}

func ticks(n float64) time.Duration { return time.Duration(n * float64(time.Second) / clockRate) }

// transport is that of the selected candidate pair. Relays are sockets of this process.
func (l *leg) transport() string {
	pair := l.pair()
	if pair == nil {
		return ""
	}
	if a, err := netip.ParseAddr(pair.Remote.Address); err == nil && pair.Local.Protocol == webrtc.ICEProtocolUDP {
		if _, relayed := l.engine.sockets.inner.where(netip.AddrPortFrom(a, pair.Remote.Port)); relayed {
			return "relay"
		}
	}
	return pair.Local.Protocol.String()
}
