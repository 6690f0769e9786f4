package messenger

import (
	"time"

	"backline/gateway/wire"
)

// Meta: a page may answer for 24 h after the person's last word, a human for 7 days.
const (
	standardWindow = 24 * time.Hour
	humanWindow    = 7 * 24 * time.Hour
)

// States of wire.Window.
const (
	windowOpen   = "open"
	windowHuman  = "human_agent"
	windowClosed = "closed"
)

// Window says how a person who last wrote at lastInbound may be answered now: open (anybody), human_agent
// (a person only) or closed. A window ends at its last instant exactly: at 24 h sharp it is not open. A
// person who never wrote cannot be written to.
func Window(lastInbound, now time.Time) *wire.Window {
	standard, human := lastInbound.Add(standardWindow), lastInbound.Add(humanWindow)
	switch {
	case lastInbound.IsZero():
		return &wire.Window{State: windowClosed}
	case now.Before(standard):
		return &wire.Window{State: windowOpen, Until: standard.UTC()}
	case now.Before(human):
		return &wire.Window{State: windowHuman, Until: human.UTC()}
	}
	return &wire.Window{State: windowClosed}
}
