// Package channels is the contract between the gateway and the outside networks it speaks with. A channel
// turns what comes in into facts and what goes out into provider calls. It knows its provider and nothing
// else: no queue, no agent, no console, no journal.
//
// A fact is received when [Sink.Accept] returned nil: it is on disk. Only then may a webhook be answered
// with 200. Redelivered facts carry the same key and are kept once.
//
// Concurrency: Send, the handlers and the extra powers may be called from any goroutine at the same time.
// Read next: package channeltest, the promises as tests; package sms, the channel to imitate.
package channels

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"backline/gateway"
)

// Sink takes facts in.
type Sink interface {
	// Accept returns nil when all facts lie durably in the journal, in this order. A fact whose key is
	// already known is dropped silently. On an error none, some or all are stored: the caller must have the
	// provider deliver again. The error is a *gateway.Error: Unavailable → 503.
	Accept(ctx context.Context, facts ...gateway.Fact) error
}

// Channel joins one outside network to the gateway.
type Channel interface {
	// Name is stable, because the journal stores it: gateway.ChannelSMS …
	Name() string

	// Send hands m to the network and returns when the provider answered. The error is a *SendError or
	// ctx.Err(). It never retries by itself: the outbox does.
	Send(ctx context.Context, m Outbound) (Receipt, error)

	// Run does what the channel needs in the background (polling, profile look-ups) until ctx ends, then
	// returns nil. It leaves no goroutine behind.
	Run(ctx context.Context, sink Sink) error
}

// Webhooker is a channel that providers call. Routes are patterns of http.ServeMux, "POST /hooks/telnyx".
type Webhooker interface {
	Routes(sink Sink) map[string]http.Handler
}

// Typist is a channel that can show the customer that an agent is typing. Best effort, no error.
type Typist interface {
	Typing(ctx context.Context, to gateway.Identity)
}

// Reader is a channel that can tell the customer that their messages were seen. Best effort.
type Reader interface {
	MarkSeen(ctx context.Context, to gateway.Identity)
}

// Profiler looks up who a person is (name, picture URL). It returns a zero ContactProfile when the
// provider says nothing about the person.
type Profiler interface {
	Profile(ctx context.Context, who gateway.Identity) (ContactProfile, error)
}

// ContactProfile is what a provider tells about a person.
type ContactProfile struct {
	Name       string
	PictureURL string // expires; fetch at once
	Language   string
}

// MediaFetcher is a channel whose attachment URLs need its credentials. The request's Authorization is set
// only for the provider's own host.
type MediaFetcher interface {
	PrepareMedia(req *http.Request)
}

// Outbound is one message to send. Key is our message id, the same on every attempt. LastInbound is when
// the person last wrote (reply windows count from it). Human is true when a person wrote the text.
type Outbound struct {
	Key         gateway.MessageID
	Attempt     int    // 1, 2, …
	Provider    string // which provider of the channel to use; "" = the only one
	To          gateway.Identity
	Text        string
	Attachments []OutboundFile
	LastInbound time.Time
	Human       bool
}

// OutboundFile is a file to send: URL is a public, unguessable address at which the provider can fetch it.
type OutboundFile struct {
	URL         string
	Kind        string // image, audio, video, file
	Name        string
	ContentType string
	SizeBytes   int64
}

// Receipt is the provider's word that it has the message. ProviderIDs has one id a part.
type Receipt struct {
	ProviderIDs []string
	State       gateway.Delivery // sent, or delivered where the channel is its own proof (livechat)
}

// Providers is a channel with several providers; the outbox fails over in this order.
type Providers interface {
	Providers() []string
}

// SendError is why a message did not go out (or why nobody knows).
type SendError struct {
	Code       Code
	RetryAfter time.Duration // with Throttled or Temporary: at least this long; 0 = the outbox decides
	Provider   string
	Reason     string // the provider's code, "190/460", "21610": for log and console, no personal data
	Err        error  // for the log; never a URL with a token
	// Sent lists the provider ids of parts that went out before this error.
	Sent []string
}

// Code says what the outbox does next.
type Code string

const (
	Temporary    Code = "temporary"     // certainly not sent; try again later
	Throttled    Code = "throttled"     // certainly not sent; slow down
	Uncertain    Code = "uncertain"     // may be sent: never repeated without a look-up or a person
	SentAnyway   Code = "sent_anyway"   // the provider reports an error but documents the message as sent
	WindowClosed Code = "window_closed" // the network's reply window is over
	OptedOut     Code = "opted_out"     // the person said STOP: no provider may be tried
	Unreachable  Code = "unreachable"   // this person cannot be reached on this channel
	Rejected     Code = "rejected"      // bad content or number: trying again changes nothing
	Unroutable   Code = "unroutable"    // this provider does not carry to this number; another may
	ProviderDown Code = "provider_down" // this provider cannot send at all (auth, suspended): fail over, alarm
	ChannelDown  Code = "channel_down"  // the whole channel must stop until a person acts
)

func (e *SendError) Error() string {
	s := fmt.Sprintf("send: %s", e.Code)
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *SendError) Unwrap() error { return e.Err }

// MayFailOver reports whether another provider of the channel may be tried: only when this one certainly
// did not send and the reason lies with the provider, not with the person or the text.
func (e *SendError) MayFailOver() bool {
	switch e.Code {
	case Throttled, ProviderDown, Temporary, Unroutable:
		return true
	}
	return false
}

// Resolver finds out what became of an attempt whose outcome is unknown (a look-up at the provider).
type Resolver interface {
	// Resolve returns sent = true with the receipt, or sent = false when the provider certainly does not
	// have the message. An error means: still unknown.
	Resolve(ctx context.Context, m Outbound, startedAt time.Time) (r Receipt, sent bool, err error)
}

// Guest is a customer who came by a signed link.
type Guest struct {
	Link   gateway.LinkID
	Public bool // the link is everybody's: each visitor of it is a person of their own
	Calls  bool // it may still be called with
	About  gateway.ContactLearned
	// As is whose thread the guest speaks in, from Since on: the link was made in their conversation. Zero: the
	// link is a thread of its own.
	As    gateway.Identity
	Since uint64 // a position of the journal: what was said before is not shown

	To      string    // name of the queue or the agent it leads to
	Expires time.Time // when it ends, or ended
}
