package media

import (
	"maps"

	"backline/gateway"
)

// call is the table of one call and the legs it has just now. Guarded by Engine.mu.
type call struct {
	table Table
	legs  map[Side]*leg
	clip  *clip // nil: none is played
	tap   Tap   // nil: nobody records
	taps  []Side
}

// Hear sets who hears what in a call. The table replaces the one before; a side that it leaves out hears
// silence. Legs may come and go afterwards: the table stays until [Engine.End].
func (e *Engine) Hear(call string, table Table) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.call(call)
	c.table = maps.Clone(table)
	e.wire(c)
}

// Hangup closes one leg, if there is one. It does not wait: closed is told by an Event.
func (e *Engine) Hangup(key LegKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.calls[key.Call]; c != nil && c.legs[key.Side] != nil {
		c.legs[key.Side].end()
	}
}

// End forgets a call's table and closes its legs, as Hangup does.
func (e *Engine) End(call string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.calls[call]
	if c == nil {
		return
	}
	c.table, c.tap = nil, nil
	for _, l := range c.legs {
		l.end()
	}
	e.wire(c)
	e.tidy(call)
}

// call finds or makes a call. Callers hold mu.
func (e *Engine) call(id string) *call {
	c := e.calls[id]
	if c == nil {
		c = &call{legs: map[Side]*leg{}}
		e.calls[id] = c
	}
	return c
}

// tidy drops a call that has neither table nor legs. Callers hold mu.
func (e *Engine) tidy(id string) {
	if c := e.calls[id]; c != nil && len(c.table) == 0 && len(c.legs) == 0 {
		delete(e.calls, id)
	}
}

// install puts a leg in its place and lets it live. What was there before says nothing more and ends.
func (e *Engine) install(l *leg) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return gateway.Errorf(gateway.Unavailable, "calls are shutting down")
	}
	c := e.call(l.key.Call)
	old := c.legs[l.key.Side]
	if old == nil && e.count >= MaxLegs {
		e.tidy(l.key.Call)
		return gateway.Errorf(gateway.TooMany, "too many calls at once")
	}
	if old != nil {
		old.mute()
		old.end()
		e.unplug(old)
	} else {
		e.count++
	}
	c.legs[l.key.Side] = l
	e.wire(c)
	e.legs.Go(l.live)
	return nil
}

// remove takes a leg that has ended out of its call, unless another has taken its place.
func (e *Engine) remove(l *leg) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.calls[l.key.Call]
	if c == nil || c.legs[l.key.Side] != l {
		return
	}
	delete(c.legs, l.key.Side)
	e.count--
	e.unplug(l)
	e.wire(c)
	e.tidy(l.key.Call)
}

// connected lets a leg hear what the table says, for the first time.
func (e *Engine) connected(l *leg) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.calls[l.key.Call]; c != nil && c.legs[l.key.Side] == l {
		l.up = true
		e.wire(c)
	}
}

// leg finds a leg that lives.
func (e *Engine) leg(key LegKey) *leg {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.calls[key.Call]; c != nil {
		return c.legs[key.Side]
	}
	return nil
}
