package live

import "time"

// ClockWasSet has the next decision find that the clock was set by an hour.
func ClockWasSet(l *Live) { l.clock.off = -time.Hour }
