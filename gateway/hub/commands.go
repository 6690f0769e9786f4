package hub

import (
	"context"
	"errors"

	"backline/gateway"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// commands: one name, one function. Those that are not acknowledged are in command.
var commands = map[string]func(context.Context, *conn, wire.Command) (live.Result, error){
	"accept": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.AcceptOffer(ctx, c.agent, m.Conversation, m.Offer)
	},
	"decline": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Decline(ctx, c.agent, m.Conversation, m.Offer)
	},
	"take": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Take(ctx, c.agent, m.Conversation)
	},
	"close": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Close(ctx, c.agent, m.Conversation)
	},
	"return": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Return(ctx, c.agent, m.Conversation)
	},
	"transfer": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Transfer(ctx, c.agent, m.Conversation, m.To)
	},
	"send": sendMessage,
	"resend": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Resend(ctx, c.agent, m.Conversation, m.Message)
	},
	"note": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Note(ctx, c.agent, m.Conversation, m.ClientID, m.Text)
	},
	"read": readMessages,
	"presence": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.SetPresence(ctx, c.agent, m.Presence)
	},
}

func sendMessage(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
	if len(m.Files) > wire.MaxAttachments {
		return live.Result{}, &gateway.Error{Kind: gateway.TooLarge, Field: "files", Msg: "at most 10 files a message"}
	}
	var files []gateway.Attachment
	for _, id := range m.Files {
		a, err := c.hub.opts.Files(ctx, id)
		if err != nil {
			return live.Result{}, err
		}
		files = append(files, a)
	}
	return c.hub.opts.Live.Submit(ctx, c.agent, m.Conversation, m.ClientID, m.Text, files)
}

func readMessages(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
	res, err := c.hub.opts.Live.Read(ctx, c.agent, m.Conversation, m.Position)
	if err == nil && res.Position > 0 && c.hub.opts.Seen != nil {
		if v, ok := c.hub.opts.Live.Conversation(m.Conversation); ok && v.Agent == c.agent && len(v.Contact.Identities) > 0 {
			c.hub.opts.Seen(ctx, v.Contact.Identities[0])
		}
	}
	return res, err
}

// command runs one command and acknowledges it.
func (c *conn) command(ctx context.Context, sub *live.Subscription, m wire.Command) {
	switch m.Do {
	case "typing":
		if who, ok := c.hub.opts.Live.AgentTyping(c.agent, m.Conversation); ok && c.hub.opts.Typing != nil {
			c.hub.opts.Typing(ctx, who)
		}
		return
	case "view":
		c.hub.opts.Live.View(sub, m.Conversation)
		return
	}
	run, ok := commands[m.Do]
	if !ok {
		c.answer(ctx, wire.Ack{ID: m.ID, Failure: &wire.Failure{Kind: gateway.Invalid, Field: "do", Detail: "unknown command"}})
		return
	}
	res, err := run(ctx, c, m)
	ack := wire.Ack{ID: m.ID, Position: res.Position, Message: res.Message}
	if err != nil {
		ack.Failure = c.failure(err)
	}
	c.answer(ctx, ack)
}

// failure shows what a person can act on; an unknown error is internal and shows no text.
func (c *conn) failure(err error) *wire.Failure {
	var e *gateway.Error
	if errors.As(err, &e) {
		return &wire.Failure{Kind: e.Kind, Detail: e.Msg, Field: e.Field}
	}
	c.hub.opts.Log.Error("console command failed", "agent", c.agent, "err", err)
	return &wire.Failure{Kind: gateway.Internal, Detail: "something went wrong here; please try again"}
}
