// Package channeltest holds the promises of package channels as tests that every channel passes.
package channeltest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"backline/channels"
	"backline/gateway"
)

// Harness is one channel under test.
type Harness struct {
	// New returns a channel in a world of its own.
	New func(t *testing.T) channels.Channel
	// Deliver brings one message of a customer in as the provider would, the same one each time, and reports
	// whether it was acknowledged. Nil: what customers write comes in by another channel's door.
	Deliver func(t *testing.T, ch channels.Channel, sink channels.Sink) bool
	// Out is a message for that customer.
	Out channels.Outbound
}

// Run runs all tests.
func Run(t *testing.T, h Harness) {
	t.Run("the name is stable", func(t *testing.T) {
		if a, b := h.New(t).Name(), h.New(t).Name(); a == "" || a != b {
			t.Errorf("names %q and %q", a, b)
		}
	})
	if h.Deliver != nil {
		t.Run("acknowledged when stored, never before", h.acknowledged)
		t.Run("a redelivery has the same keys", h.redelivered)
		t.Run("deliveries at once", h.atOnce)
	}
	t.Run("Run ends with its context", h.ends)
	t.Run("Send respects its context", h.sends)
}

// Sink keeps facts, unless it fails.
type Sink struct {
	mu    sync.Mutex
	facts []gateway.Fact
	err   error
}

// Accept implements channels.Sink.
func (s *Sink) Accept(_ context.Context, facts ...gateway.Fact) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.facts = append(s.facts, facts...)
	return nil
}

func (s *Sink) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, f := range s.facts {
		out = append(out, f.Key)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (h Harness) acknowledged(t *testing.T) {
	ch, s := h.New(t), &Sink{err: gateway.Errorf(gateway.Unavailable, "the disk is full")}
	if h.Deliver(t, ch, s) {
		t.Error("acknowledged what could not be stored")
	}
	s.err = nil
	if !h.Deliver(t, ch, s) {
		t.Fatal("not acknowledged")
	}
	if len(s.facts) == 0 {
		t.Fatal("acknowledged without a fact")
	}
	for _, f := range s.facts {
		if f.Key == "" || len(f.Key) > 256 || f.Channel != ch.Name() || f.Event == nil {
			t.Errorf("fact %+v", f)
		}
		if m, ok := f.Event.(gateway.MessageReceived); ok && (m.Identity != f.Identity || m.Message == "") {
			t.Errorf("message %+v of %+v", m, f.Identity)
		}
	}
}

func (h Harness) redelivered(t *testing.T) {
	first, second := &Sink{}, &Sink{}
	ch := h.New(t)
	if !h.Deliver(t, ch, first) || !h.Deliver(t, ch, second) {
		t.Fatal("not acknowledged")
	}
	if !slices.Equal(first.keys(), second.keys()) {
		t.Errorf("keys %v, then %v", first.keys(), second.keys())
	}
}

func (h Harness) atOnce(t *testing.T) {
	ch, s := h.New(t), &Sink{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if !h.Deliver(t, ch, s) {
				t.Error("not acknowledged")
			}
		})
	}
	all.Wait()
	one := &Sink{}
	h.Deliver(t, ch, one)
	if !slices.Equal(s.keys(), one.keys()) {
		t.Errorf("keys of eight %v, of one %v", s.keys(), one.keys())
	}
}

func (h Harness) ends(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ch := h.New(t)
	go func() { done <- ch.Run(ctx, &Sink{}) }()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Run goes on after its context has ended")
	}
}

func (h Harness) sends(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.New(t).Send(ctx, h.Out)
	if _, ok := errors.AsType[*channels.SendError](err); err != nil && !ok && !errors.Is(err, context.Canceled) {
		t.Errorf("Send: %v, want a *SendError or the context's error", err)
	}
}
