// Package click2talk is the channel of people who came by a signed link, from a mail or a printed page: they
// call, or write, in their browser. Their page speaks the visitor's socket of package livechat, whose hello
// names the link; what agents write reaches it through the journal's tail.
//
// A link is a person; a public link, printed for everybody, is as many people as open it. Opening one has no
// effect: a call begins when the person speaks.
package click2talk

import (
	"context"

	"backline/channels"
	"backline/gateway"
)

// Channel is Click2Talk. The zero value is ready.
type Channel struct{}

var _ channels.Channel = Channel{}

// Name implements channels.Channel.
func (Channel) Name() string { return gateway.ChannelClick2Talk }

// Send implements channels.Channel. The message is in the journal already, whose tail the person's page follows.
func (Channel) Send(context.Context, channels.Outbound) (channels.Receipt, error) {
	return channels.Receipt{State: gateway.DeliverySent}, nil
}

// Run implements channels.Channel.
func (Channel) Run(ctx context.Context, _ channels.Sink) error {
	<-ctx.Done()
	return nil
}
