package live

import (
	"time"

	"backline/gateway/conversation"
	"backline/gateway/router"
)

// The journal has times of the wall clock, by which the router judges: they must mean something after a restart, and at
// another node. Who sets the clock, or decides with one that goes wrong by an hour, must not end what rings, take agents for
// silent, or have something ring for an hour.

// setBy is from when on a change of the wall clock against the monotonic one is one; time servers make smaller ones all the time.
const setBy = 2 * time.Second

// clock notices when the wall clock was set.
type clock struct {
	began time.Time
	off   time.Duration // what it was set by since then
}

// set reports whether, and by how much, it was set since it was asked last.
func (c *clock) set(now time.Time) (by time.Duration, set bool) {
	off := now.Round(0).Sub(c.began.Round(0)) - now.Sub(c.began)
	if by = off - c.off; by.Abs() < setBy {
		return 0, false
	}
	c.off = off
	return by, true
}

// restartRouterLocked has the router begin with the time as it is now. What it has measured is lost, the rest is the fold's.
func (l *Live) restartRouterLocked(now time.Time) {
	l.router = router.New(l.opts.Settings, l.opts.Queues)
	l.followRulesLocked()
	for id := range l.agents {
		l.putAgentLocked(id, now)
	}
	for c := range l.fold.All {
		l.putWorkLocked(c)
	}
}

// asOf is a time of this process as the wall clock of now has it.
func asOf(now, at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return now.Add(at.Sub(now))
}

// soundLocked bounds what only a clock that was set, or goes wrong elsewhere, can have made: nothing waits since the future, and
// nothing rings for longer than it may.
func (l *Live) soundLocked(w router.Work, now time.Time) router.Work {
	if w.Since.After(now) {
		w.Since = now
	}
	if last := now.Add(l.router.RingTimeFor(w.Queue)); w.Until.After(last) {
		w.Until = last
	}
	return w
}

// wrapUpClockLocked is the time by which a wrap-up is judged: one that would last longer than it may has ended.
func (l *Live) wrapUpClockLocked(c *conversation.Conversation, now time.Time) time.Time {
	if until := *c.Head.WrapUpUntil; until.Sub(now) > l.router.WrapUpFor(c.Head.Queue)+setBy {
		return until
	}
	return now
}
