package click2meet_test

import (
	"errors"
	"testing"

	"backline/channels"
	"backline/channels/channeltest"
	"backline/channels/click2meet"
	"backline/gateway"
)

func out(text string) channels.Outbound {
	return channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "click2meet", Account: "link", Remote: "l1"}, Text: text}
}

func TestKeepsTheContract(t *testing.T) {
	channeltest.Run(t, channeltest.Harness{
		New: func(*testing.T) channels.Channel {
			return click2meet.Channel{Say: func(gateway.Identity, gateway.MessageID, string) bool { return true }}
		},
		Out: out("hi"),
	})
}

func TestWhoIsNotInTheMeetingCannotBeReached(t *testing.T) {
	for name, c := range map[string]click2meet.Channel{
		"not there": {Say: func(gateway.Identity, gateway.MessageID, string) bool { return false }}, "no meetings": {},
	} {
		_, err := c.Send(t.Context(), out("hi"))
		if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != channels.Unreachable {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
