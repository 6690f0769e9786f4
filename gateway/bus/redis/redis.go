// Package redis carries the bus over Redis Pub/Sub: at most once, nothing is kept.
//
//	{name}:bus          to all nodes
//	{name}:bus:NODE     to one
//
// The channels have the journal's hash tag; a cluster carries Pub/Sub to all of its servers anyway. Connections are
// the bus's own. With sentinels both lines find the new primary: a demoted one closes them, and one that is
// silent for longer than [silence] is left (own beats are heard twice a second). Receiving reconnects by itself.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/bus"
)

const (
	silence   = 3 * bus.Beat // without a word on the line it counts as dead
	publishIn = 2 * time.Second
	again     = 200 * time.Millisecond // at most, before the next try to listen
)

// Options of New.
type Options struct {
	// Client says where Redis is, as for the journal.
	Client goredis.UniversalOptions
	// Name is the hash tag of the journal's keys; default "backline".
	Name string
	// Node and Address of this node; see bus.Options.
	Node    string
	Address string
	Log     *slog.Logger
}

// New returns a node's end of the bus; connections are opened by its Run.
func New(o Options) *bus.Bus {
	if o.Name == "" {
		o.Name = "backline"
	}
	o.Client.MaxRetries = -1 // at most once
	o.Client.DisableIdentity = true
	o.Client.ReadTimeout, o.Client.WriteTimeout, o.Client.DialTimeout = publishIn, publishIn, publishIn
	t := &transport{client: goredis.NewUniversalClient(&o.Client), channel: "{" + o.Name + "}:bus"}
	return bus.New(bus.Options{Name: o.Node, Address: o.Address, Transport: t, Log: o.Log})
}

type transport struct {
	client  goredis.UniversalClient
	channel string
}

func (t *transport) of(n bus.Node) string {
	if n == "" {
		return t.channel
	}
	return t.channel + ":" + string(n)
}

// Receive implements bus.Transport.
func (t *transport) Receive(ctx context.Context, self bus.Node, deliver func([]byte), listening func(bool)) error {
	for {
		_ = t.listen(ctx, self, deliver, listening) // why does not matter: it is tried again
		if ctx.Err() != nil {
			return nil
		}
		listening(false)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rand.N(again)):
		}
	}
}

// listen subscribes and hands over what comes, until the line is dead.
func (t *transport) listen(ctx context.Context, self bus.Node, deliver func([]byte), listening func(bool)) error {
	line := t.client.Subscribe(ctx)
	defer line.Close()
	stop := context.AfterFunc(ctx, func() { line.Close() }) // a read does not notice ctx
	defer stop()
	if err := line.Subscribe(ctx, t.channel, t.of(self)); err != nil {
		return err
	}
	for subscribed := 0; ; {
		got, err := line.ReceiveTimeout(ctx, silence)
		if err != nil {
			return err
		}
		switch m := got.(type) {
		case *goredis.Subscription:
			if subscribed++; subscribed == 2 {
				listening(true)
			}
			if subscribed > 2 {
				return errors.New("the line was replaced")
			}
		case *goredis.Message:
			deliver([]byte(m.Payload))
		}
	}
}

// Publish implements bus.Transport.
func (t *transport) Publish(ctx context.Context, letters []bus.Letter) error {
	p := t.client.Pipeline()
	for _, l := range letters {
		p.Publish(ctx, t.of(l.To), l.Payload)
	}
	if _, err := p.Exec(ctx); err != nil {
		return fmt.Errorf("publish: redis: %w", err)
	}
	return nil
}

// Close implements bus.Transport.
func (t *transport) Close() error { return t.client.Close() }
