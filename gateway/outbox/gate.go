package outbox

import (
	"container/heap"
	"time"

	"backline/channels"
	"backline/gateway"
)

// gateKey names a way out. Provider wholeAccount stands for everything that leaves through the account.
type gateKey struct{ channel, account, provider string }

const wholeAccount = "*"

// tolerance is to how many people calls may go wrong in a row before a way counts as down. One person whom the
// network does not reach, for having blocked us, says nothing about the others.
const tolerance = 5

// gate holds messages back: for a while after the provider asked for it, or, when it is down, for growing
// intervals, after each of which one message is let through as a probe.
type gate struct {
	until   time.Time
	down    bool
	probes  int                       // that failed
	trouble map[gateway.ThreadID]bool // calls in a row without a clear answer were to these
}

func (o *Outbox) gate(m *message, provider string) *gate {
	k := gateKey{m.sub.Identity.Channel, m.sub.Identity.Account, provider}
	g := o.gates[k]
	if g == nil {
		g = &gate{}
		o.gates[k] = g
	}
	return g
}

// pass lets the caller through. Through a gate that is down goes one probe: the others wait until its call
// must have ended.
func (g *gate) pass(now time.Time, call time.Duration) {
	if g.down {
		g.until = now.Add(call)
	}
}

// pick chooses the provider for the next attempt: the first that is free, but one that failed twice comes
// after those that did not. Without any it returns the gate that opens first.
func (o *Outbox) pick(m *message, now time.Time) (provider string, wait *gate) {
	whole := o.gate(m, wholeAccount)
	if now.Before(whole.until) {
		return "", whole
	}
	found, best := false, 0
	for _, p := range o.providers(m) {
		if m.excluded[p] {
			continue
		}
		g := o.gate(m, p)
		if now.Before(g.until) {
			if wait == nil || g.until.Before(wait.until) {
				wait = g
			}
			continue
		}
		if rank := m.temporary[p] / 2; !found || rank < best {
			found, best, provider = true, rank, p
		}
	}
	if !found {
		return "", wait
	}
	whole.pass(now, o.sendTimeout)
	o.gate(m, provider).pass(now, o.sendTimeout)
	return provider, nil
}

// otherFree reports whether another provider than the given one could take m now.
func (o *Outbox) otherFree(m *message, provider string, now time.Time) bool {
	for _, p := range o.providers(m) {
		if p != provider && !m.excluded[p] && !now.Before(o.gate(m, p).until) {
			return true
		}
	}
	return false
}

// works opens both gates of a call that was answered.
func (o *Outbox) works(m *message, provider string) {
	for _, g := range []*gate{o.gate(m, provider), o.gate(m, wholeAccount)} {
		g.trouble = nil
		if g.down {
			*g = gate{}
			o.reopen(g)
		}
	}
}

// hold keeps messages back until the given time.
func (g *gate) hold(until time.Time) {
	if until.After(g.until) {
		g.until = until
	}
}

// shut marks the way as down and returns when the next probe may go.
func (o *Outbox) shut(g *gate, now time.Time) time.Time {
	g.down = true
	g.until = now.Add(firstDelay*5 + o.jitter(g.probes))
	g.probes++
	o.reopen(g)
	return g.until
}

// stumbles counts a call without a clear answer. A way that was being probed stays down.
func (o *Outbox) stumbles(g *gate, to gateway.ThreadID, now time.Time) {
	if g.trouble == nil {
		g.trouble = map[gateway.ThreadID]bool{}
	}
	g.trouble[to] = true
	if g.down || len(g.trouble) >= tolerance {
		o.shut(g, now)
	}
}

// reopen plans all threads that wait at g anew. It looks at every planned thread: gates change rarely.
func (o *Outbox) reopen(g *gate) {
	for _, t := range o.due {
		if t.gate == g && t.queue[0].retryAt.After(g.until) {
			t.queue[0].retryAt = g.until
			t.at = g.until
		}
	}
	heap.Init(&o.due)
	o.nudge()
}

// jitter is the back-off after n failures: anything up to 1 s · 2^n, at most 5 min (full jitter).
func (o *Outbox) jitter(n int) time.Duration {
	top := maxDelay
	if n < 9 {
		top = min(maxDelay, firstDelay<<n)
	}
	return max(minDelay, time.Duration(o.rand.Int64N(int64(top))))
}

// providers lists the ways of m's channel; a channel with one way has the way "".
func (o *Outbox) providers(m *message) []string {
	if list := o.ways[m.sub.Identity.Channel]; len(list) > 0 {
		return list
	}
	return oneWay
}

var oneWay = []string{""} // never changes

func waysOf(all map[string]channels.Channel) map[string][]string {
	ways := map[string][]string{}
	for name, ch := range all {
		if p, ok := ch.(channels.Providers); ok {
			ways[name] = p.Providers()
		}
	}
	return ways
}

// alarmKey names one alarm; alarm is its last change in the journal.
type alarmKey struct{ channel, account, code string }

type alarm struct {
	active bool
	pos    uint64 // of its last change, 0: never raised
}

// alarmCode tells apart the alarms of a channel's providers.
func (o *Outbox) alarmCode(m *message, code, provider string) string {
	if len(o.providers(m)) > 1 && code == string(providerDown) {
		return code + "/" + provider
	}
	return code
}

func (o *Outbox) alarmsOf(m *message, provider string) []alarmKey {
	id := m.sub.Identity
	var keys []alarmKey
	for _, code := range []string{string(channelDown), o.alarmCode(m, string(providerDown), provider)} {
		k := alarmKey{id.Channel, id.Account, code}
		if o.alarms[k].active {
			keys = append(keys, k)
		}
	}
	return keys
}

// alarmEvent is the record that changes an alarm.
func alarmEvent(k alarmKey, detail string, cleared bool) gateway.ChannelAlarm {
	return gateway.ChannelAlarm{Channel: k.channel, Account: k.account, Code: k.code, Detail: detail, Cleared: cleared}
}
