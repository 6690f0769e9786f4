package takeover

// Hang up as a process does that is killed.

func (t *Taker) Hang() { _ = t.wire.conn.Close() }
func (g *Giver) Hang() { _ = g.wire.conn.Close() }
