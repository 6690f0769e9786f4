// Package click2meet is the channel of people who came by a link to a video meeting that belongs to no earlier
// conversation. Their page speaks the meetings' socket of package gateway/meet; what agents write from the console
// is shown in the meeting's chat, as long as the person is there.
package click2meet

import (
	"context"

	"backline/channels"
	"backline/gateway"
)

// Channel is Click2Meet.
type Channel struct {
	// Say shows a text to the people in somebody's meeting; false: they are not there. The same id again is the
	// same text. Nil: there are no meetings.
	Say func(who gateway.Identity, id gateway.MessageID, text string) bool
}

var _ channels.Channel = Channel{}

// Name implements channels.Channel.
func (Channel) Name() string { return gateway.ChannelClick2Meet }

// Send implements channels.Channel. Nobody can be reached after the meeting, and no file during it.
func (c Channel) Send(_ context.Context, m channels.Outbound) (channels.Receipt, error) {
	switch {
	case len(m.Attachments) > 0:
		return channels.Receipt{}, &channels.SendError{Code: channels.Rejected, Reason: "files"}
	case c.Say == nil || !c.Say(m.To, m.Key, m.Text):
		return channels.Receipt{}, &channels.SendError{Code: channels.Unreachable, Reason: "not_in_meeting"}
	}
	return channels.Receipt{State: gateway.DeliveryDelivered}, nil
}

// Run implements channels.Channel.
func (Channel) Run(ctx context.Context, _ channels.Sink) error {
	<-ctx.Done()
	return nil
}
