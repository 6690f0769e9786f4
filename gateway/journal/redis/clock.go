package redis

import "time"

// clock is the server's, by which keys are sorted into weeks: a node whose own is wrong must know what others have written, and be
// known. It goes on by the monotonic clock, which nobody sets. The zero value is of no use.
type clock struct {
	began  time.Time
	server time.Time // what the server said then
}

func newClock(server time.Time) clock { return clock{time.Now(), server} }

func (c clock) now() time.Time { return c.server.Add(time.Since(c.began)) }
