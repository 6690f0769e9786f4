package calls

import (
	"slices"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/quality"
)

// Line says whose line a leg is; false when its call is not known. It makes Desk a quality.Desk.
func (d *Desk) Line(key media.LegKey) (quality.Who, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.calls[gateway.CallID(key.Call)]
	if c == nil || !c.known {
		return quality.Who{}, false
	}
	w := quality.Who{Customer: c.who, Agent: agentOf(key.Side)}
	for _, l := range c.is.Legs {
		w.Hidden = w.Hidden || w.Agent != "" && l.Agent == w.Agent && l.Hidden
	}
	return w, true
}

// Agents are those who are in a call.
func (d *Desk) Agents(id gateway.CallID) []gateway.AgentID {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.calls[id]
	if c == nil || !c.known {
		return nil
	}
	return slices.Clone(inCall(&c.is))
}
