package main

import (
	"context"
	"sync"

	"backline/gateway"
)

// Bounds of courtesies.
const (
	maxCourtesies   = 64 // waiting; more are left out
	courtesyWorkers = 4
)

// courtesies are signs to customers that somebody types, or has read. They are best effort and go out beside
// everything else: a network that hangs holds up no console.
type courtesies struct {
	waiting chan courtesy // never closed
}

// courtesy is one sign: give tells the network.
type courtesy struct {
	to   gateway.Identity
	give func(context.Context, gateway.Identity)
}

func newCourtesies() *courtesies { return &courtesies{waiting: make(chan courtesy, maxCourtesies)} }

// later returns give as a function that returns at once.
func (c *courtesies) later(give func(context.Context, gateway.Identity)) func(context.Context, gateway.Identity) {
	return func(_ context.Context, to gateway.Identity) {
		select {
		case c.waiting <- courtesy{to, give}:
		default: // a late sign is worth nothing
		}
	}
}

// Run gives signs until ctx ends, then returns nil.
func (c *courtesies) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range courtesyWorkers {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case s := <-c.waiting:
					s.give(ctx, s.to)
				}
			}
		})
	}
	workers.Wait()
	return nil
}
