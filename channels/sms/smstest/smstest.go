// Package smstest holds stand-ins for text message providers, each with the customer's phone behind it: what
// the phone writes goes to the gateway as a signed webhook, what the gateway sends is checked as the provider
// checks it and shown on the phone. The demo and the tests use them.
//
// Concurrency: all methods may be called from any goroutine. Run posts reports until its context ends.
package smstest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Status of a message: of the company's those of the provider, of the customer's "sending", "sent", "failed".
const (
	Sending   = "sending"
	Sent      = "sent"
	Queued    = "queued"
	Delivered = "delivered"
	Failed    = "failed"
)

// Message as the phone shows it.
type Message struct {
	From   string    `json:"from"` // customer, company
	Text   string    `json:"text"`
	Media  string    `json:"media,omitempty"` // address of a picture
	Status string    `json:"status"`
	At     time.Time `json:"at"`

	id string // the provider's
}

// maxMessages a phone remembers.
const maxMessages = 500

// phone is the customer's: it remembers messages and says when something changed.
type phone struct {
	changed func()

	mu       sync.Mutex
	messages []*Message
	media    [][]byte
}

func (p *phone) show(m *Message) *Message {
	p.mu.Lock()
	p.messages = append(p.messages, m)
	if extra := len(p.messages) - maxMessages; extra > 0 {
		p.messages = slices.Delete(p.messages, 0, extra)
	}
	p.mu.Unlock()
	p.changed()
	return m
}

// mark moves a message on, but not back from delivered: reports come in any order.
func (p *phone) mark(m *Message, status string) {
	p.mu.Lock()
	if m.Status != Delivered {
		m.Status = status
	}
	p.mu.Unlock()
	p.changed()
}

// keep stores a picture and returns its number.
func (p *phone) keep(data []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.media = append(p.media, data)
	return len(p.media) - 1
}

func (p *phone) picture(n int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < 0 || n >= len(p.media) {
		return nil
	}
	return p.media[n]
}

// stopped reports whether the customer's last such word was STOP: providers refuse by themselves then.
func (p *phone) stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(p.messages) {
		switch word := strings.ToUpper(strings.TrimSpace(m.Text)); {
		case m.From != "customer":
		case word == "STOP":
			return true
		case word == "START":
			return false
		}
	}
	return false
}

// Messages returns what the phone shows, oldest first.
func (p *phone) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Message, len(p.messages))
	for i, m := range p.messages {
		out[i] = *m
	}
	return out
}

// A webhook that fails is tried again, for 20 s: a gateway may be starting, on a busy machine.
const (
	tries    = 40
	tryAgain = 500 * time.Millisecond
)

// deliver posts one webhook until it is taken.
func deliver(ctx context.Context, c *http.Client, build func() (*http.Request, error)) error {
	var last error
	for try := range tries {
		if try > 0 {
			select {
			case <-time.After(tryAgain):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		req, err := build()
		if err != nil {
			return err
		}
		resp, err := c.Do(req.WithContext(ctx))
		if err != nil {
			last = fmt.Errorf("the gateway does not answer: %w", bare(err))
			continue
		}
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // for the message only
		resp.Body.Close()
		switch {
		case resp.StatusCode/100 == 2:
			return nil
		case resp.StatusCode < 500:
			return fmt.Errorf("the gateway answered %s: %s", resp.Status, answer)
		}
		last = fmt.Errorf("the gateway answered %s: %s", resp.Status, answer)
	}
	return last
}

func bare(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}

func newID(prefix string) string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand
	return prefix + hex.EncodeToString(id[:])
}

func numberOf(path string) int {
	n, err := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return -1
	}
	return n
}
