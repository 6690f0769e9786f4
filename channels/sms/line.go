package sms

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"backline/channels"
)

// Line is what the transport told about one call to a provider: whether any of it may have left.
type Line struct{ asked, wrote atomic.Bool }

// Watch returns the context to make the call with.
func (l *Line) Watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { l.asked.Store(true) },
		WroteHeaders: func() { l.wrote.Store(true) },
	})
}

// Lost judges a call without an answer. It is certain that nothing left only when no connection came about,
// or when the transport says that it wrote nothing.
func (l *Line) Lost(err error) *channels.SendError {
	err = Bare(err)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" || l.asked.Load() && !l.wrote.Load() {
		return &channels.SendError{Code: channels.Temporary, Reason: "no_connection", Err: err}
	}
	return &channels.SendError{Code: channels.Uncertain, Reason: "no_answer", Err: err}
}

// Bare takes the address out of an error: it may name a person.
func Bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
