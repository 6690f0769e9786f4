package messenger_test

import (
	"testing"
	"time"

	"backline/channels/messenger"
	"backline/gateway/wire"
	"github.com/google/go-cmp/cmp"
)

func TestWindowEndsAtItsLastInstant(t *testing.T) {
	last := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	open := &wire.Window{State: "open", Until: last.Add(day)}
	human := &wire.Window{State: "human_agent", Until: last.Add(7 * day)}
	closed := &wire.Window{State: "closed"}
	for _, tt := range []struct {
		after time.Duration
		want  *wire.Window
	}{
		{-time.Minute, open}, // a clock that is fast
		{0, open},
		{day - 1, open},
		{day, human},
		{7*day - 1, human},
		{7 * day, closed},
		{365 * day, closed},
	} {
		if diff := cmp.Diff(tt.want, messenger.Window(last, last.Add(tt.after))); diff != "" {
			t.Errorf("after %v: %s", tt.after, diff)
		}
	}
	if diff := cmp.Diff(closed, messenger.Window(time.Time{}, last)); diff != "" {
		t.Errorf("never wrote: %s", diff)
	}
}
