package email_test

import (
	"context"
	"testing"

	"backline/channels"
	"backline/channels/channeltest"
	"backline/channels/email"
	"backline/gateway"
)

type relay struct{ got []string }

func (r *relay) Send(ctx context.Context, id, to, subject, text string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.got = append(r.got, id, to, subject, text)
	return nil
}

func TestKeepsTheContract(t *testing.T) {
	channeltest.Run(t, channeltest.Harness{
		New: func(*testing.T) channels.Channel {
			return email.New(email.Options{Relay: &relay{}, Subject: "Nordwind"})
		},
		Out: channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "email", Account: "service@example.org", Remote: "anna@example.org"}, Text: "tap to talk"},
	})
}
