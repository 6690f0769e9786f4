package click2talk_test

import (
	"testing"

	"backline/channels"
	"backline/channels/channeltest"
	"backline/channels/click2talk"
	"backline/gateway"
)

func TestKeepsTheContract(t *testing.T) {
	channeltest.Run(t, channeltest.Harness{
		New: func(*testing.T) channels.Channel { return click2talk.Channel{} },
		Out: channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "click2talk", Account: "link", Remote: "l1"}, Text: "hi"},
	})
}
