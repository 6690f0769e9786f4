package mailing

import (
	"context"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"backline/channels"
)

// Send hands one mail of plain text to the relay, in a session of its own. The id makes its Message-ID, the same on
// each attempt. The error is a *channels.SendError or ctx.Err().
func (r *Relay) Send(ctx context.Context, id, to, subject, text string) error {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(r.From)
	m.ToMailAddress(&mail.Address{Address: to})
	m.Subject(subject)
	m.SetMessageIDWithValue(id + "@" + r.From.Address[strings.LastIndexByte(r.From.Address, '@')+1:])
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer is wanted from a program
	m.SetBodyString(gomail.TypeTextPlain, text)
	c := connection{relay: r}
	if a := c.dial(ctx); a.kind != taken {
		return single(ctx, a, channels.Temporary)
	}
	defer c.close()
	return single(ctx, c.send(m), channels.Uncertain)
}

// single is an answer as the outbox wants it; cut is what a session that broke means at this moment.
func single(ctx context.Context, a Answer, cut channels.Code) error {
	code := channels.Code("")
	switch a.kind {
	case taken:
		return nil
	case later:
		code = channels.Temporary
	case refused:
		code = channels.Unreachable
	case everybody:
		code = channels.ChannelDown
	case broken:
		if ctx.Err() != nil && cut == channels.Temporary {
			return ctx.Err()
		}
		code = cut
	}
	return &channels.SendError{Code: code, Provider: "smtp", Reason: a.Reason}
}
