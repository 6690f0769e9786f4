package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"backline/cmd/backline/callbench"
	"backline/gateway"
	"backline/gateway/wire"
)

// deskTarget makes calls at a gateway as pages do: a visitor's socket for each customer, one console's for all
// agents' sides, since a person may take as many calls as they like.
type deskTarget struct {
	bench   *callsBench
	in      *bench
	site    string // of the entry that customers call at
	origin  string // of its pages
	process int
	ws      *websocket.Conn
	over    chan struct{} // closed by close
	readers sync.WaitGroup

	writing sync.Mutex // of ws

	mu       sync.Mutex
	waiting  map[gateway.CallID]chan gateway.ConversationID // guarded by mu
	answers  map[string]chan wire.Ack                       // by command; guarded by mu
	visitors []*websocket.Conn                              // guarded by mu
	calls    []takenCall                                    // guarded by mu
}

type takenCall struct {
	call         gateway.CallID
	conversation gateway.ConversationID
}

func openDesk(ctx context.Context, b *callsBench, in *bench, pid int) (*deskTarget, error) {
	d := &deskTarget{bench: b, in: in, process: pid, site: "bench", origin: in.url,
		waiting: map[gateway.CallID]chan gateway.ConversationID{}, answers: map[string]chan wire.Ack{}}
	var err error
	if d.ws, err = in.console(ctx); err != nil {
		return d, err
	}
	d.over = make(chan struct{})
	d.readers.Go(d.read)
	d.readers.Go(d.beat)
	return d, nil
}

func (d *deskTarget) name() string { return "gateway" }
func (d *deskTarget) pid() int     { return d.process }
func (d *deskTarget) url() string  { return d.in.url }

func (d *deskTarget) close() error {
	if d.ws == nil {
		return nil
	}
	err := d.ws.Close()
	if d.over != nil {
		close(d.over)
	}
	d.readers.Wait()
	return err
}

// beat says that the agent is there; the calls of one who is not are given back.
func (d *deskTarget) beat() {
	tick := time.NewTicker(wire.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-d.over:
			return
		case <-tick.C:
		}
		d.writing.Lock()
		err := d.ws.WriteJSON(map[string]string{"t": "ping"})
		d.writing.Unlock()
		if err != nil {
			return
		}
	}
}

// read hands what the console hears to those who wait for it.
func (d *deskTarget) read() {
	for {
		_, raw, err := d.ws.ReadMessage()
		if err != nil {
			return
		}
		var u struct {
			wire.Ack
			Conversation *wire.Conversation `json:"conversation"`
		}
		t, err := decode(raw, &u)
		if err != nil {
			continue // a frame in which the same names mean something else
		}
		d.mu.Lock()
		switch {
		case t == "ack":
			if c := d.answers[u.ID]; c != nil {
				delete(d.answers, u.ID)
				c <- u.Ack
			}
		case t == "update" && u.Conversation != nil && u.Conversation.Call != nil:
			if c := d.waiting[u.Conversation.Call.ID]; c != nil {
				delete(d.waiting, u.Conversation.Call.ID)
				c <- u.Conversation.ID
			}
		}
		d.mu.Unlock()
	}
}

// command sends one and waits for its answer.
func (d *deskTarget) command(ctx context.Context, do string, c wire.Command) (wire.Ack, error) {
	c.ID, c.Do = rand.Text(), do
	answer := make(chan wire.Ack, 1)
	d.mu.Lock()
	d.answers[c.ID] = answer
	d.mu.Unlock()
	d.writing.Lock()
	err := d.ws.WriteJSON(struct {
		T string `json:"t"`
		wire.Command
	}{"cmd", c})
	d.writing.Unlock()
	if err != nil {
		return wire.Ack{}, err
	}
	select {
	case a := <-answer:
		if a.Failure != nil {
			return a, fmt.Errorf("%s was refused: %s", do, a.Failure.Detail)
		}
		return a, nil
	case <-ctx.Done():
		return wire.Ack{}, fmt.Errorf("%s was not answered: %w", do, ctx.Err())
	}
}

// join calls as a customer, takes the call as an agent, and connects both.
func (d *deskTarget) join(ctx context.Context, name string) (*callPair, error) {
	id := gateway.CallID(name)
	rings := make(chan gateway.ConversationID, 1)
	d.mu.Lock()
	d.waiting[id] = rings
	d.mu.Unlock()
	customer, err := d.customer(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("customer: %w", err)
	}
	d.bench.talk.Add(customer) // the call begins with its first sound
	agent := callbench.NewLine(d.bench.id, d.bench.began)
	var conversation gateway.ConversationID
	select {
	case conversation = <-rings:
	case <-ctx.Done():
		return nil, fmt.Errorf("the call did not reach the console: %w", ctx.Err())
	}
	d.mu.Lock()
	d.calls = append(d.calls, takenCall{id, conversation})
	d.mu.Unlock()
	if _, err := d.command(ctx, "take", wire.Command{Conversation: conversation}); err != nil {
		return nil, err
	}
	ack, err := d.command(ctx, "offer", wire.Command{Conversation: conversation, Call: id, SDP: agent.Offer()})
	if err != nil {
		return nil, err
	}
	if err := agent.Join(ctx, ack.SDP); err != nil {
		return nil, errors.Join(fmt.Errorf("agent: %w", err), agent.Close())
	}
	d.bench.talk.Add(agent)
	return &callPair{customer, agent}, nil
}

// customer connects the customer's side.
func (d *deskTarget) customer(ctx context.Context, id gateway.CallID) (*callbench.Line, error) {
	ws, err := d.in.dial(ctx, d.in.url, "/ws/visitor", http.Header{"Origin": {d.origin}}, map[string]any{"t": "hello", "version": wire.Version, "site": d.site})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.visitors = append(d.visitors, ws)
	d.mu.Unlock()
	l := callbench.NewLine(d.bench.id, d.bench.began)
	if err := ws.WriteJSON(map[string]any{"t": "call.offer", "call": id, "sdp": l.Offer()}); err != nil {
		return nil, err
	}
	answer, err := awaitAnswer(ctx, ws)
	if err != nil {
		return nil, err
	}
	d.readers.Go(func() { // answers the gateway's pings
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
		}
	})
	if err := l.Join(ctx, answer); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func awaitAnswer(ctx context.Context, ws *websocket.Conn) (string, error) {
	until, _ := ctx.Deadline()
	if err := ws.SetReadDeadline(until); err != nil {
		return "", err
	}
	for {
		_, raw, err := ws.ReadMessage()
		if err != nil {
			return "", err
		}
		var a wire.CallAnswer
		t, err := decode(raw, &a)
		if err != nil || t != "call.answer" {
			continue
		}
		if a.Failure != nil {
			return "", fmt.Errorf("the offer was refused: %s", a.Failure.Detail)
		}
		return a.SDP, ws.SetReadDeadline(time.Time{})
	}
}

// leave hangs up, closes the conversations and the pages.
func (d *deskTarget) leave(ctx context.Context) error {
	d.mu.Lock()
	calls, visitors := d.calls, d.visitors
	d.calls, d.visitors = nil, nil
	clear(d.waiting)
	d.mu.Unlock()
	var errs []error
	for _, c := range calls {
		if _, err := d.command(ctx, "hangup", wire.Command{Conversation: c.conversation, Call: c.call}); err != nil {
			errs = append(errs, err)
			continue
		}
		_, err := d.command(ctx, "close", wire.Command{Conversation: c.conversation})
		errs = append(errs, err)
	}
	for _, ws := range visitors {
		errs = append(errs, ws.Close())
	}
	return errors.Join(errs...)
}
