// Package local carries the bus inside one process: the one node of an installation that has no other, and several
// nodes in tests. A member whose mailbox is full loses what comes (at most once).
package local

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"backline/gateway/bus"
)

const mailbox = 1024 // letters

// Hub joins its members. The zero value is ready.
type Hub struct {
	mu      sync.Mutex
	members map[bus.Node]*member
	cut     bool
}

type member struct {
	letters   chan []byte // never closed
	listening func(bool)
}

// Join returns a member that is there while it runs. Name and address as in bus.Options.
func (h *Hub) Join(name, address string, log *slog.Logger) *bus.Bus {
	return bus.New(bus.Options{Name: name, Address: address, Transport: transport{h}, Log: log})
}

// Cut makes the hub carry nothing, as when Redis is away; Restore ends that.
func (h *Hub) Cut() { h.set(true) }

// Restore ends a Cut.
func (h *Hub) Restore() { h.set(false) }

func (h *Hub) set(cut bool) {
	h.mu.Lock()
	h.cut = cut
	var all []*member
	for _, m := range h.members {
		all = append(all, m)
	}
	h.mu.Unlock()
	for _, m := range all {
		m.listening(!cut)
	}
}

// Publish sends a payload to all members, from nobody in particular.
func (h *Hub) Publish(payload []byte) error {
	return transport{h}.Publish(context.Background(), []bus.Letter{{Payload: payload}})
}

type transport struct{ hub *Hub }

func (t transport) Receive(ctx context.Context, self bus.Node, deliver func([]byte), listening func(bool)) error {
	m := &member{letters: make(chan []byte, mailbox), listening: listening}
	t.hub.mu.Lock()
	if t.hub.members == nil {
		t.hub.members = map[bus.Node]*member{}
	}
	t.hub.members[self] = m
	cut := t.hub.cut
	t.hub.mu.Unlock()
	defer func() {
		t.hub.mu.Lock()
		delete(t.hub.members, self)
		t.hub.mu.Unlock()
	}()
	listening(!cut)
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-m.letters:
			deliver(p)
		}
	}
}

var errCut = errors.New("the hub is cut")

func (t transport) Publish(_ context.Context, letters []bus.Letter) error {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	if t.hub.cut {
		return errCut
	}
	for _, l := range letters {
		for n, m := range t.hub.members {
			if l.To != "" && l.To != n {
				continue
			}
			select {
			case m.letters <- l.Payload:
			default:
			}
		}
	}
	return nil
}

func (transport) Close() error { return nil }
