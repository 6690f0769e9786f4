// Package profiles asks networks who somebody is, once a person writes whose name is not known: it looks the
// profile up, copies the picture before its address expires, and writes both down as a ContactLearned.
//
// Nothing waits for it: a message rings without a name, and the name comes a moment later. What fails is asked
// again with the person's next message, and after a failure nobody is asked for a moment: a network that is
// down is not asked once a message. Nothing is asked during replay.
//
// Concurrency: Observe is called by one goroutine, in order; Run works alone until its context ends.
// Limits: 1000 people wait; more are left out and found again with their next message.
package profiles

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/conversation"
)

const (
	maxWaiting = 1000
	lookUpTime = 15 * time.Second
	pauseTime  = 5 * time.Second // after a failure
)

// Options of a Lookup. All are needed.
type Options struct {
	Profilers map[string]channels.Profiler // by channel
	// Sink stores what was learned.
	Sink channels.Sink
	// Picture copies a picture and returns its file.
	Picture func(ctx context.Context, address string) (gateway.FileID, error)
	Log     *slog.Logger
}

// Lookup finds out who people are.
type Lookup struct {
	o       Options
	waiting chan gateway.Identity

	// Guarded by mu.
	mu       sync.Mutex
	known    map[gateway.ThreadID]bool // the name is known, or is being asked for
	replayed bool
}

// New returns a Lookup that has started nothing.
func New(o Options) *Lookup {
	return &Lookup{o: o, waiting: make(chan gateway.Identity, maxWaiting), known: map[gateway.ThreadID]bool{}}
}

// Replayed says that from now on records are news.
func (l *Lookup) Replayed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replayed = true
}

// Observe takes one journal record, in order of position.
func (l *Lookup) Observe(r conversation.Record) {
	const prefix = "thread/"
	switch e := r.Event.(type) {
	case gateway.ContactLearned:
		if e.Name != "" && len(r.Stream) > len(prefix) {
			l.mu.Lock()
			l.known[gateway.ThreadID(r.Stream[len(prefix):])] = true
			l.mu.Unlock()
		}
	case gateway.MessageReceived:
		if !e.Echo && l.o.Profilers[e.Identity.Channel] != nil {
			l.want(e.Identity)
		}
	}
}

func (l *Lookup) want(who gateway.Identity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.replayed || l.known[who.Thread()] {
		return
	}
	select {
	case l.waiting <- who:
		l.known[who.Thread()] = true
	default: // the next message asks again
	}
}

// Run asks, one after the other, until ctx ends.
func (l *Lookup) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case who := <-l.waiting:
			if err := l.ask(ctx, who); err != nil {
				l.o.Log.Debug("profile not learned; asked again with the next message", "contact", who, "err", err)
				l.mu.Lock()
				delete(l.known, who.Thread())
				l.mu.Unlock()
				select {
				case <-time.After(pauseTime):
				case <-ctx.Done():
				}
			}
		}
	}
}

func (l *Lookup) ask(ctx context.Context, who gateway.Identity) error {
	ctx, cancel := context.WithTimeout(ctx, lookUpTime)
	defer cancel()
	p, err := l.o.Profilers[who.Channel].Profile(ctx, who)
	if err != nil || p == (channels.ContactProfile{}) {
		return err
	}
	learned := gateway.ContactLearned{Name: p.Name, Language: p.Language}
	if p.PictureURL != "" {
		// A name without a picture is worth having.
		if learned.Picture, err = l.o.Picture(ctx, p.PictureURL); err != nil {
			l.o.Log.Debug("picture not copied", "contact", who, "err", err)
		}
	}
	key := fmt.Sprintf("%s/profile/%s/%d", who.Channel, who.Thread(), time.Now().UnixNano())
	return l.o.Sink.Accept(ctx, gateway.Fact{Key: key, Channel: who.Channel, Identity: who, Event: learned})
}
