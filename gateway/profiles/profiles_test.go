package profiles_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/profiles"
)

var who = gateway.Identity{Channel: "messenger", Account: "1", Remote: "2"}

// network knows one person, when it answers.
type network struct {
	asked atomic.Int32
	down  atomic.Bool
}

func (n *network) Profile(context.Context, gateway.Identity) (channels.ContactProfile, error) {
	n.asked.Add(1)
	if n.down.Load() {
		return channels.ContactProfile{}, errors.New("down")
	}
	return channels.ContactProfile{Name: "Henrik", PictureURL: "https://cdn.example/p"}, nil
}

type sink struct{ facts []gateway.Fact }

func (s *sink) Accept(_ context.Context, facts ...gateway.Fact) error {
	s.facts = append(s.facts, facts...)
	return nil
}

func wrote(echo bool) conversation.Record {
	return conversation.Record{Stream: gateway.ThreadStream(who.Thread()), Event: gateway.MessageReceived{Identity: who, Echo: echo}}
}

func TestNameIsAskedForOnceAndAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := &network{}, &sink{}
		n.down.Store(true)
		l := profiles.New(profiles.Options{Profilers: map[string]channels.Profiler{"messenger": n}, Sink: s, Log: slog.New(slog.DiscardHandler),
			Picture: func(context.Context, string) (gateway.FileID, error) { return "f1", nil }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		settle := func(want int32, when string) {
			t.Helper()
			synctest.Wait()
			if got := n.asked.Load(); got != want {
				t.Errorf("%s: asked %d times, want %d", when, got, want)
			}
		}
		l.Observe(wrote(false))
		settle(0, "during replay")
		l.Replayed()
		l.Observe(wrote(true))
		settle(0, "for what we sent ourselves")
		l.Observe(wrote(false))
		settle(1, "at the first message")
		n.down.Store(false)
		l.Observe(wrote(false))
		settle(1, "at once after a failure")
		time.Sleep(5 * time.Second)
		settle(2, "a moment after a failure")
		if len(s.facts) != 1 || s.facts[0].Event != (gateway.ContactLearned{Name: "Henrik", Picture: "f1"}) || s.facts[0].Identity != who {
			t.Errorf("learned %+v", s.facts)
		}
		l.Observe(wrote(false))
		settle(2, "when the name is known")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsKnownFromBeforeIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		l := profiles.New(profiles.Options{Profilers: map[string]channels.Profiler{"messenger": n}, Sink: &sink{}, Log: slog.New(slog.DiscardHandler)})
		l.Observe(conversation.Record{Stream: gateway.ThreadStream(who.Thread()), Event: gateway.ContactLearned{Name: "Henrik"}})
		l.Replayed()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		l.Observe(wrote(false))
		synctest.Wait()
		if got := n.asked.Load(); got != 0 {
			t.Errorf("asked %d times", got)
		}
		cancel()
		<-done
	})
}
