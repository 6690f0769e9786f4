package live

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/wire"
)

// attempts bounds how often a command that lost a race looks again.
const attempts = 8

// Result is what a command led to. Position is 0 when nothing had to change.
type Result struct {
	Position uint64
	Message  gateway.MessageID
}

// change runs a command on one conversation until it is appended at the version it saw.
func (l *Live) change(ctx context.Context, id gateway.ConversationID, key string, cmd command) (Result, error) {
	return l.run(ctx, id, key, false, cmd)
}

// say is change for what somebody has said. With several nodes it is a fact, kept although the journal that they share is
// away or loses its end; that the conversation has moved on at the same moment does not unsay it.
func (l *Live) say(ctx context.Context, id gateway.ConversationID, key string, cmd command) (Result, error) {
	return l.run(ctx, id, key, l.opts.Lead != nil, cmd)
}

// command checks what may be done and returns the event for it, or nil when there is nothing to do.
type command func(*conversation.Conversation, *conversation.Thread) (gateway.Event, error)

func (l *Live) run(ctx context.Context, id gateway.ConversationID, key string, fact bool, cmd command) (Result, error) {
	for range attempts {
		l.mu.Lock()
		c, ok := l.fold.Get(id)
		if !ok {
			l.mu.Unlock()
			return Result{}, gateway.Errorf(gateway.NotFound, "there is no open conversation %q", id)
		}
		t, _ := l.fold.Thread(c.Thread)
		ev, err := cmd(c, t)
		version := c.Version
		l.mu.Unlock()
		if err != nil || ev == nil {
			return Result{}, err
		}
		if fact {
			version = journal.Any
		}
		receipt, err := l.opts.Journal.Append(ctx, Write(gateway.ConversationStream(id), version, key, time.Now(), ev))
		var conflict *journal.Conflict
		switch {
		case err == nil:
			return Result{Position: receipt.Pos}, l.Wait(ctx, receipt.Pos)
		case !errors.As(err, &conflict):
			return Result{}, unavailable(err)
		}
		if err := l.CaughtUp(ctx); err != nil {
			return Result{}, err
		}
	}
	return Result{}, gateway.Errorf(gateway.Conflicting, "the conversation changes too fast; please try again")
}

// CaughtUp waits until everything in the journal has been folded.
func (l *Live) CaughtUp(ctx context.Context) error {
	_, head, err := l.opts.Journal.Bounds(ctx)
	if err != nil {
		return unavailable(err)
	}
	return l.Wait(ctx, head)
}

// Accept, Decline, Take, Assign, Return, Transfer, Close, Note, Read and Presence are what agents do.

func (l *Live) AcceptOffer(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, offer gateway.OfferID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Accept(by, offer)
	})
}

func (l *Live) Decline(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, offer gateway.OfferID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Decline(by, offer)
	})
}

func (l *Live) Take(ctx context.Context, by gateway.AgentID, id gateway.ConversationID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Take(by)
	})
}

// Return gives a conversation back to its queue.
func (l *Live) Return(ctx context.Context, by gateway.AgentID, id gateway.ConversationID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Queue(gateway.QueueTarget(c.Head.Queue), c.Head.Queue, "returned", by)
	})
}

// Transfer hands a conversation to a queue, or to an agent whose console rings.
func (l *Live) Transfer(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, to gateway.Target) (Result, error) {
	if err := l.checkTarget(to); err != nil {
		return Result{}, err
	}
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		queue := c.Head.Queue
		if q := to.Queue(); q != "" {
			queue = q
		}
		return c.Queue(to, queue, "transfer", by)
	})
}

// Assign gives a conversation to an agent at once, without ringing; to a queue it transfers.
func (l *Live) Assign(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, to gateway.Target) (Result, error) {
	if to.Agent() == "" {
		return l.Transfer(ctx, by, id, to)
	}
	if err := l.checkTarget(to); err != nil {
		return Result{}, err
	}
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		if c.Head.Call != nil { // somebody must pick up
			return c.Queue(to, c.Head.Queue, "transfer", by)
		}
		return c.Assign(to.Agent(), by, "assigned")
	})
}

func (l *Live) checkTarget(to gateway.Target) error {
	if _, err := gateway.ParseTarget(string(to)); err != nil {
		return &gateway.Error{Kind: gateway.Invalid, Field: "to", Msg: err.Error()}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if q := to.Queue(); q != "" {
		if _, ok := l.queues[q]; !ok {
			return &gateway.Error{Kind: gateway.Invalid, Field: "to", Msg: "there is no queue " + string(q)}
		}
		return nil
	}
	if a := l.agents[to.Agent()]; a == nil || a.removed {
		return &gateway.Error{Kind: gateway.Invalid, Field: "to", Msg: "there is no agent " + string(to.Agent())}
	}
	return nil
}

// Close ends a conversation.
func (l *Live) Close(ctx context.Context, by gateway.AgentID, id gateway.ConversationID) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Close(by, "")
	})
}

// Read marks messages as seen by an agent.
func (l *Live) Read(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, pos uint64) (Result, error) {
	return l.change(ctx, id, "", func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		if c.Head.Unread == 0 {
			return nil, nil
		}
		return gateway.ConversationRead{Agent: by, Position: pos}, nil
	})
}

// Note adds an internal note. The same clientID again is the same note.
func (l *Live) Note(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, clientID, text string) (Result, error) {
	if err := checkText(clientID, text, true); err != nil {
		return Result{}, err
	}
	message := messageID("n", id, clientID)
	res, err := l.say(ctx, id, "note/"+string(message), func(c *conversation.Conversation, _ *conversation.Thread) (gateway.Event, error) {
		return c.Note(message, clientID, by, text)
	})
	res.Message = message
	return res, err
}

// Submit hands a message to the outbox. The same clientID again is the same message.
func (l *Live) Submit(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, clientID, text string, files []gateway.Attachment) (Result, error) {
	if err := checkText(clientID, text, len(files) == 0); err != nil {
		return Result{}, err
	}
	message := messageID("m", id, clientID)
	res, err := l.say(ctx, id, "submit/"+string(message), func(c *conversation.Conversation, t *conversation.Thread) (gateway.Event, error) {
		return c.Submit(t, gateway.MessageSubmitted{Message: message, ClientID: clientID, Text: text, Attachments: files, Agent: by})
	})
	res.Message = message
	return res, err
}

// SubmitTo hands a message to the outbox that goes another way than the conversation's own: a text message to
// somebody who came by the website.
func (l *Live) SubmitTo(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, clientID, text string, to gateway.Identity) (Result, error) {
	if err := checkText(clientID, text, true); err != nil {
		return Result{}, err
	}
	message := messageID("m", id, clientID)
	res, err := l.say(ctx, id, "submit/"+string(message), func(c *conversation.Conversation, t *conversation.Thread) (gateway.Event, error) {
		return c.Submit(t, gateway.MessageSubmitted{Message: message, ClientID: clientID, Text: text, Agent: by, Identity: to})
	})
	res.Message = message
	return res, err
}

// Resend submits a failed or uncertain message once more, as a message of its own.
func (l *Live) Resend(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, failed gateway.MessageID) (Result, error) {
	again := messageID("m", id, "resend/"+string(failed))
	res, err := l.say(ctx, id, "submit/"+string(again), func(c *conversation.Conversation, t *conversation.Thread) (gateway.Event, error) {
		for _, it := range c.Items() {
			if it.ID != string(failed) {
				continue
			}
			if it.Delivery != gateway.DeliveryFailed && it.Delivery != gateway.DeliveryUncertain {
				return nil, gateway.Errorf(gateway.Conflicting, "this message is %s: there is nothing to send again", it.Delivery)
			}
			return c.Submit(t, gateway.MessageSubmitted{Message: again, ClientID: "resend/" + string(failed), Text: it.Text,
				Attachments: it.Attachments, Agent: by, ResendOf: failed})
		}
		return nil, gateway.Errorf(gateway.NotFound, "there is no such message in this conversation")
	})
	res.Message = again
	return res, err
}

// SetPresence is an agent's own choice.
func (l *Live) SetPresence(ctx context.Context, id gateway.AgentID, p gateway.Presence) (Result, error) {
	if p != gateway.PresenceReady && p != gateway.PresenceAway {
		return Result{}, &gateway.Error{Kind: gateway.Invalid, Field: "presence", Msg: `presence is "ready" or "away"`}
	}
	w := Write(gateway.AgentStream(id), journal.Any, "", time.Now(), gateway.PresenceChanged{Agent: id, Presence: p, Reason: "chosen"})
	receipt, err := l.opts.Journal.Append(ctx, w)
	if err != nil {
		return Result{}, unavailable(err)
	}
	return Result{Position: receipt.Pos}, l.Wait(ctx, receipt.Pos)
}

func checkText(clientID, text string, needText bool) error {
	switch {
	case clientID == "" || len(clientID) > 128:
		return &gateway.Error{Kind: gateway.Invalid, Field: "client_id", Msg: "client_id is 1 to 128 characters, made by you: the same one again is the same message"}
	case needText && strings.TrimSpace(text) == "":
		return &gateway.Error{Kind: gateway.Invalid, Field: "text", Msg: "the text is empty"}
	case utf8.RuneCountInString(text) > wire.MaxTextRunes:
		return &gateway.Error{Kind: gateway.TooLarge, Field: "text", Msg: "the text is longer than " + strconv.Itoa(wire.MaxTextRunes) + " characters"}
	case !utf8.ValidString(text):
		return &gateway.Error{Kind: gateway.Invalid, Field: "text", Msg: "the text is not UTF-8"}
	}
	return nil
}

// messageID is the same for the same client id in the same conversation.
func messageID(prefix string, id gateway.ConversationID, clientID string) gateway.MessageID {
	sum := sha256.Sum256([]byte(string(id) + "\x00" + clientID))
	return gateway.MessageID(prefix + hex.EncodeToString(sum[:12]))
}

// Conversation returns the head of one conversation in memory.
func (l *Live) Conversation(id gateway.ConversationID) (wire.Conversation, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.fold.Get(id)
	if !ok {
		return wire.Conversation{}, false
	}
	return seenBy(l.viewLocked(c.Head, c.Thread, time.Now()), ""), true
}

// Conversations returns the heads of all conversations in memory that keep says yes to.
func (l *Live) Conversations(keep func(*wire.Conversation) bool) []wire.Conversation {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	out := []wire.Conversation{}
	for c := range l.fold.All {
		if keep(&c.Head) {
			out = append(out, seenBy(l.viewLocked(c.Head, c.Thread, now), ""))
		}
	}
	return out
}
