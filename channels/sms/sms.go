// Package sms is text messages: one channel over several providers that a company pays for, so that one of
// them being down does not end the conversation.
//
// A provider turns its webhooks into facts and one outgoing message into calls. What is the same for all
// stands here: numbers, opt-out words, splitting, keys. Which provider sends is the outbox's choice (it fails
// over in the order of Options.Providers, and only when the first certainly did not send); an opt-out holds
// for all of them, because it is kept with the thread.
//
// Limits: 1600 characters a message, longer texts go in several; 10 media.
// Concurrency: everything may be called from any goroutine.
// Read next: packages twilio and telnyx (the providers), smstest (their stand-ins).
package sms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/nyaruka/phonenumbers"

	"backline/channels"
	"backline/gateway"
)

// Provider is one company that carries text messages.
type Provider interface {
	// Name is stable, because the journal stores it: "twilio", "telnyx".
	Name() string
	// Send hands one message over. The error is a *channels.SendError.
	Send(ctx context.Context, m Outgoing) (id string, err error)
	// Routes are the provider's webhooks.
	Routes(sink channels.Sink) map[string]http.Handler
	// PrepareMedia authorises a request for the provider's own media, and no other.
	PrepareMedia(req *http.Request)
}

// Finder is a provider that can be asked what became of a message whose sending got no answer.
type Finder interface {
	// Find returns the id of the message if the provider has it, "" if it certainly has not.
	Find(ctx context.Context, m Outgoing, startedAt time.Time) (id string, err error)
}

// Outgoing is one message for a provider. From is our number, To a valid number in E.164.
type Outgoing struct {
	From, To, Text string
	Media          []string
	Attempt        string // names our attempt in the provider's reports; see AttemptName
}

// Options of a Channel.
type Options struct {
	Providers []Provider // in the order of fail-over
	Log       *slog.Logger
}

// Channel is text messages over all providers.
type Channel struct {
	order     []string
	providers map[string]Provider
	log       *slog.Logger
}

var (
	_ channels.Channel      = (*Channel)(nil)
	_ channels.Webhooker    = (*Channel)(nil)
	_ channels.Providers    = (*Channel)(nil)
	_ channels.MediaFetcher = (*Channel)(nil)
	_ channels.Resolver     = (*Channel)(nil)
)

// New returns a Channel.
func New(o Options) (*Channel, error) {
	if len(o.Providers) == 0 {
		return nil, errors.New("sms: no provider")
	}
	c := &Channel{providers: map[string]Provider{}, log: o.Log}
	for _, p := range o.Providers {
		if c.providers[p.Name()] != nil {
			return nil, fmt.Errorf("sms: provider %s twice", p.Name())
		}
		c.providers[p.Name()] = p
		c.order = append(c.order, p.Name())
	}
	return c, nil
}

// Name implements channels.Channel.
func (c *Channel) Name() string { return gateway.ChannelSMS }

// Providers implements channels.Providers.
func (c *Channel) Providers() []string { return slices.Clone(c.order) }

// Run implements channels.Channel: providers call us, there is nothing to do in between.
func (c *Channel) Run(ctx context.Context, _ channels.Sink) error {
	<-ctx.Done()
	return nil
}

// Routes implements channels.Webhooker.
func (c *Channel) Routes(sink channels.Sink) map[string]http.Handler {
	out := map[string]http.Handler{}
	for _, p := range c.providers {
		maps.Copy(out, p.Routes(sink))
	}
	return out
}

// PrepareMedia implements channels.MediaFetcher. Each provider looks at the host itself.
func (c *Channel) PrepareMedia(req *http.Request) {
	for _, p := range c.providers {
		p.PrepareMedia(req)
	}
}

// Send implements channels.Channel.
func (c *Channel) Send(ctx context.Context, m channels.Outbound) (channels.Receipt, error) {
	p, err := c.provider(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	if err := reachable(m.To.Remote); err != nil {
		return channels.Receipt{}, err
	}
	r := channels.Receipt{State: gateway.DeliverySent}
	for _, part := range parts(m) {
		id, err := p.Send(ctx, part)
		if err != nil {
			if e, ok := errors.AsType[*channels.SendError](err); ok {
				e.Provider, e.Sent = p.Name(), r.ProviderIDs
			}
			return channels.Receipt{}, err
		}
		r.ProviderIDs = append(r.ProviderIDs, id)
	}
	return r, nil
}

// Resolve implements channels.Resolver: it asks the provider whether it has the message.
func (c *Channel) Resolve(ctx context.Context, m channels.Outbound, startedAt time.Time) (channels.Receipt, bool, error) {
	p, err := c.provider(m)
	if err != nil {
		return channels.Receipt{}, false, err
	}
	f, ok := p.(Finder)
	if !ok {
		return channels.Receipt{}, false, fmt.Errorf("%s cannot be asked about a message", p.Name())
	}
	r := channels.Receipt{State: gateway.DeliverySent}
	all := parts(m)
	for _, part := range all {
		id, err := f.Find(ctx, part, startedAt)
		if err != nil {
			return channels.Receipt{}, false, err
		}
		if id != "" {
			r.ProviderIDs = append(r.ProviderIDs, id)
		}
	}
	switch len(r.ProviderIDs) {
	case 0:
		return channels.Receipt{}, false, nil
	case len(all):
		return r, true, nil
	}
	return channels.Receipt{}, false, errors.New("some parts of the message went out, others did not")
}

func (c *Channel) provider(m channels.Outbound) (Provider, error) {
	name := m.Provider
	if name == "" {
		name = c.order[0]
	}
	p := c.providers[name]
	if p == nil {
		return nil, &channels.SendError{Code: channels.Rejected, Provider: name, Reason: "no_such_provider"}
	}
	return p, nil
}

// reachable refuses what cannot be answered: short codes, names, withheld numbers. ANONYMOUS on a keypad is
// how networks write the last: +266696687.
func reachable(remote string) error {
	n, err := phonenumbers.Parse(remote, "")
	if err != nil || remote == anonymous || !phonenumbers.IsPossibleNumber(n) || phonenumbers.Format(n, phonenumbers.E164) != remote {
		return &channels.SendError{Code: channels.Unreachable, Reason: "no_number", Err: errors.New("the sender has no number that can be answered")}
	}
	return nil
}

const anonymous = "+266696687"
