package conversation

import (
	"backline/gateway"
	"backline/gateway/wire"
)

// maxLines of a call are kept with it; one that was interrupted again and again has many.
const maxLines = 20

// lineMeasured keeps with a call how good one of its lines was. A line that nobody may know of is not kept here.
func (f *Fold) lineMeasured(r Record, e gateway.LineMeasured) {
	t := f.thread(r, gateway.Identity{})
	if t == nil || t.Current() == nil || e.Hidden {
		return
	}
	c := t.Current()
	it := c.item(callItemID(e.Call))
	if it == nil || len(it.Lines) >= maxLines {
		return
	}
	it.Lines = append(it.Lines, wire.LineQuality{Agent: e.Agent, Path: e.Path, LossIn: e.LossIn, LossOut: e.LossOut,
		JitterMS: e.JitterMS, RTTMS: e.RTTMS, Kbps: e.Kbps, MOS: e.MOS})
	f.emitItem(r, c, it)
}
