package local_test

import (
	"testing"

	"backline/gateway/bus"
	"backline/gateway/bus/bustest"
	"backline/gateway/bus/local"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(*testing.T) bustest.World {
		var h local.Hub
		return bustest.World{
			Join: func(_ *testing.T, name, address string) *bus.Bus { return h.Join(name, address, nil) },
			Publish: func(t *testing.T, payload string) {
				if err := h.Publish([]byte(payload)); err != nil {
					t.Fatal(err)
				}
			},
			Cut:     func(*testing.T) { h.Cut() },
			Restore: func(*testing.T) { h.Restore() },
		}
	})
}
