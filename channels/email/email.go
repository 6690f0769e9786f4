// Package email is the way of a single mail to a customer who asked for one: the link to talk, when it is their turn.
// Nothing comes in by it; who answers the mail writes to the company's own mailbox.
//
// A mail that the relay has taken is sent; what became of it nobody hears. Its Message-ID follows from the message's
// id, so that a mail that goes twice after a crash is one mail to most mailboxes.
//
// Concurrency: everything may be called from any goroutine; each mail has a session of its own. Read next: package
// mailing, which has the relay and sends to many.
package email

import (
	"context"

	"backline/channels"
	"backline/gateway"
)

// Relay takes mails of plain text. The id is the same on each attempt. The error is a *channels.SendError or ctx.Err().
type Relay interface {
	Send(ctx context.Context, id, to, subject, text string) error
}

// Options of a Channel.
type Options struct {
	Relay   Relay
	Subject string // of each mail: the company
}

// Channel is the way by mail.
type Channel struct{ opts Options }

var _ channels.Channel = (*Channel)(nil)

// New returns a Channel; it starts nothing.
func New(o Options) *Channel { return &Channel{o} }

// Name implements channels.Channel.
func (*Channel) Name() string { return gateway.ChannelEmail }

// Send implements channels.Channel.
func (c *Channel) Send(ctx context.Context, m channels.Outbound) (channels.Receipt, error) {
	if err := c.opts.Relay.Send(ctx, string(m.Key), m.To.Remote, c.opts.Subject, m.Text); err != nil {
		return channels.Receipt{}, err
	}
	return channels.Receipt{State: gateway.DeliverySent}, nil
}

// Run implements channels.Channel.
func (*Channel) Run(ctx context.Context, _ channels.Sink) error {
	<-ctx.Done()
	return nil
}
