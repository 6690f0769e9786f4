package profiles_test

import (
	"context"
	"errors"
	"log/slog"
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
	asked int
	err   error
}

func (n *network) Profile(context.Context, gateway.Identity) (channels.ContactProfile, error) {
	n.asked++
	return channels.ContactProfile{Name: "Henrik", PictureURL: "https://cdn.example/p"}, n.err
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
		n, s := &network{err: errors.New("down")}, &sink{}
		l := profiles.New(profiles.Options{Profilers: map[string]channels.Profiler{"messenger": n}, Sink: s, Log: slog.New(slog.DiscardHandler),
			Picture: func(context.Context, string) (gateway.FileID, error) { return "f1", nil }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		settle := func(want int, when string) {
			t.Helper()
			synctest.Wait()
			if n.asked != want {
				t.Errorf("%s: asked %d times, want %d", when, n.asked, want)
			}
		}
		l.Observe(wrote(false))
		settle(0, "during replay")
		l.Replayed()
		l.Observe(wrote(true))
		settle(0, "for what we sent ourselves")
		l.Observe(wrote(false))
		settle(1, "at the first message")
		n.err = nil
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
		if n.asked != 0 {
			t.Errorf("asked %d times", n.asked)
		}
		cancel()
		<-done
	})
}
