package hub

import (
	"context"
	"errors"

	"backline/gateway"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// commands: one name, one function. Those that are not acknowledged, and a call's line, are in command.
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
	"call": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		if c.hub.opts.Calls == nil {
			return live.Result{}, errNoCalls()
		}
		return c.hub.opts.Live.PlaceCall(ctx, c.agent, m.Conversation, m.Call)
	},
	"hangup": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		if c.hub.opts.Calls == nil {
			return live.Result{}, errNoCalls()
		}
		return live.Result{}, c.hub.opts.Calls.AgentHangup(ctx, c.agent, m.Conversation, m.Call)
	},
	"hold":        onCall((*live.Live).Hold),
	"resume":      onCall((*live.Live).Resume),
	"connect":     onCall((*live.Live).Connect),
	"back":        onCall((*live.Live).Back),
	"conference":  onCall((*live.Live).Conference),
	"record":      onCall((*live.Live).RecordCall),
	"record_stop": onCall((*live.Live).StopRecording),
	"leave":       onCall((*live.Live).LeaveCall),
	"consult": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Invite(ctx, c.agent, m.Conversation, m.Call, gateway.RoleConsult, m.To)
	},
	"invite": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Invite(ctx, c.agent, m.Conversation, m.Call, gateway.RoleGuest, m.To)
	},
	"remove": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.RemoveLeg(ctx, c.agent, m.Conversation, m.Call, m.Leg)
	},
	"supervise": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.Supervise(ctx, c.agent, m.Conversation, m.Call, m.Mode)
	},
	"pickup": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.PickUp(ctx, c.agent, m.Conversation, m.Offer)
	},
	"end_wrap_up": func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return c.hub.opts.Live.EndWrapUp(ctx, c.agent, m.Conversation)
	},
}

// onCall is a command of who holds a call that needs nothing but the call.
func onCall(run func(*live.Live, context.Context, gateway.AgentID, gateway.ConversationID, gateway.CallID) (live.Result, error)) func(context.Context, *conn, wire.Command) (live.Result, error) {
	return func(ctx context.Context, c *conn, m wire.Command) (live.Result, error) {
		return run(c.hub.opts.Live, ctx, c.agent, m.Conversation, m.Call)
	}
}

func errNoCalls() error { return gateway.Errorf(gateway.Conflicting, "calls are switched off here") }

// line answers an offer of this console for a call of its agent.
func (c *conn) line(ctx context.Context, m wire.Command) (string, error) {
	if c.hub.opts.Calls == nil {
		return "", errNoCalls()
	}
	if len(m.SDP) > wire.MaxSDPBytes {
		return "", &gateway.Error{Kind: gateway.TooLarge, Field: "sdp", Msg: "the offer is too long"}
	}
	return c.hub.opts.Calls.AgentOffer(ctx, c.agent, m.Conversation, m.Call, m.SDP, m.Restart)
}

// meet opens a video meeting in a conversation.
func (c *conn) meet(ctx context.Context, m wire.Command) (string, error) {
	if c.hub.opts.Meetings == nil {
		return "", gateway.Errorf(gateway.Conflicting, "video meetings are switched off here")
	}
	return c.hub.opts.Meetings.Invite(ctx, c.agent, m.Conversation)
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
	case "offer":
		sdp, err := c.line(ctx, m)
		ack := wire.Ack{ID: m.ID, Call: m.Call, SDP: sdp}
		if err == nil && c.hub.opts.Relays != nil {
			ack.ICE = c.hub.opts.Relays(m.Call, "agent/"+string(c.agent))
		}
		c.acknowledge(ctx, ack, err)
		return
	case "meet":
		url, err := c.meet(ctx, m)
		c.acknowledge(ctx, wire.Ack{ID: m.ID, URL: url}, err)
		return
	}
	run, ok := commands[m.Do]
	if !ok {
		c.answer(ctx, wire.Ack{ID: m.ID, Failure: &wire.Failure{Kind: gateway.Invalid, Field: "do", Detail: "unknown command"}})
		return
	}
	res, err := run(ctx, c, m)
	c.acknowledge(ctx, wire.Ack{ID: m.ID, Position: res.Position, Message: res.Message}, err)
}

func (c *conn) acknowledge(ctx context.Context, ack wire.Ack, err error) {
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
