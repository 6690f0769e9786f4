package main

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"backline/gateway"
)

func TestANetworkThatHangsHoldsUpNoConsole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourtesies()
		var given atomic.Int32
		hang := c.later(func(ctx context.Context, _ gateway.Identity) { given.Add(1); <-ctx.Done() })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		for range 10 * maxCourtesies {
			hang(ctx, gateway.Identity{}) // returns, or the bubble is stuck
			synctest.Wait()
		}
		if given.Load() != courtesyWorkers {
			t.Errorf("%d signs under way, want %d", given.Load(), courtesyWorkers)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
