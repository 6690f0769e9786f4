package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway"
	"backline/gateway/wire"
)

// signIn returns the cookie of an agent's session.
func (l *Load) signIn(agent string) string {
	l.t.Helper()
	body, err := json.Marshal(map[string]string{"agent": agent, "password": password})
	if err != nil {
		l.t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		res, err := l.client.Post(l.url+"/api/v1/session", "application/json", bytes.NewReader(body))
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
			res.Body.Close()
			if res.StatusCode == http.StatusOK && len(res.Cookies()) > 0 {
				return res.Cookies()[0].Name + "=" + res.Cookies()[0].Value
			}
			err = fmt.Errorf("%s", res.Status)
		}
		if time.Now().After(end) {
			l.t.Fatalf("sign in as %s: %v", agent, err)
		}
	}
}

// answersEach is how often an agent answers in a conversation before closing it.
const answersEach = 3

// desk is an agent's console.
type desk struct {
	load   *Load
	agent  gateway.AgentID
	cookie string
	random *rand.Rand
	ws     *websocket.Conn
	after  uint64

	writing sync.Mutex // of ws

	waiting map[string]wire.Command // by command id: sends without an answer, sent again on the next socket
	answers map[gateway.ConversationID]int
	holds   map[gateway.ConversationID]bool
	missed  map[gateway.OfferID]bool // offers that were looked at, and whether they are left to ring
	n       int
}

// agent works at a console until ctx ends.
func (l *Load) agent(id string) {
	d := &desk{load: l, agent: gateway.AgentID(id), cookie: l.signIn(id), random: l.random("agent "+id, 0),
		waiting: map[string]wire.Command{}, answers: map[gateway.ConversationID]int{}, holds: map[gateway.ConversationID]bool{}, missed: map[gateway.OfferID]bool{}}
	l.desks.Go(func() {
		for {
			if d.connect() {
				d.work()
			}
			d.close()
			select {
			case <-l.ctx.Done():
				return
			case <-time.After(time.Duration(50+d.random.IntN(200)) * time.Millisecond): // jitter, as the page's
			}
		}
	})
}

// Deaf opens a console at a node that says hello and never reads; close ends it.
func (l *Load) Deaf(n *Node, agent int) (close func()) {
	l.t.Helper()
	few := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { // of what the system would read for it
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }), err)
	}}
	ws, _, err := (&websocket.Dialer{NetDialContext: few.DialContext}).DialContext(l.ctx, strings.Replace(n.URL, "http", "ws", 1)+"/ws/console",
		http.Header{"Cookie": {l.signIn(agents[agent])}, "Origin": {l.url}})
	if err != nil {
		l.t.Fatal(err)
	}
	d := &desk{ws: ws}
	if err := d.write(struct {
		T string `json:"t"`
		wire.ConsoleHello
	}{"hello", wire.ConsoleHello{Version: wire.Version}}); err != nil {
		l.t.Fatal(err)
	}
	return d.close
}

func (d *desk) close() {
	if d.ws != nil {
		d.ws.Close()
		d.ws = nil
	}
}

func (d *desk) connect() bool {
	ctx, cancel := context.WithTimeout(d.load.ctx, 5*time.Second)
	defer cancel()
	ws, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(d.load.url, "http", "ws", 1)+"/ws/console",
		http.Header{"Cookie": {d.cookie}, "Origin": {d.load.url}})
	if err != nil {
		d.load.fails(fmt.Errorf("console's socket: %w", err))
		return false
	}
	d.ws = ws
	return d.write(struct {
		T string `json:"t"`
		wire.ConsoleHello
	}{"hello", wire.ConsoleHello{Version: wire.Version, After: d.after}}) == nil
}

func (d *desk) write(frame any) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.ws.WriteJSON(frame)
}

// command sends one; its answer comes with the frames.
func (d *desk) command(c wire.Command) error {
	return d.write(struct {
		T string `json:"t"`
		wire.Command
	}{"cmd", c})
}

// work reads what the console is shown and does what an agent does, until the socket ends.
func (d *desk) work() {
	beat := time.NewTicker(wire.PingEvery)
	ended := make(chan struct{})
	var beating sync.WaitGroup
	ws := d.ws
	beating.Go(func() {
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				_ = d.write(map[string]string{"t": "ping"}) // who reads notices
			case <-d.load.ctx.Done():
				ws.Close()
				return
			case <-ended:
				return
			}
		}
	})
	defer beating.Wait()
	defer close(ended)
	for {
		_ = d.ws.SetReadDeadline(time.Now().Add(2 * wire.PingEvery))
		var f consoleFrame
		if d.ws.ReadJSON(&f) != nil || f.T == "bye" || d.take(f) != nil {
			return
		}
	}
}

// consoleFrame is what a console looks at.
type consoleFrame struct {
	T             string              `json:"t"`
	ID            string              `json:"id"` // of the command that is answered
	Failure       *wire.Failure       `json:"failure"`
	Position      uint64              `json:"position"`
	Head          uint64              `json:"head"`
	Conversation  *wire.Conversation  `json:"conversation"`
	Item          *wire.Item          `json:"item"`
	Conversations []wire.Conversation `json:"conversations"`
	Agents        []wire.Agent        `json:"agents"`
}

func (d *desk) take(f consoleFrame) error {
	switch f.T {
	case "ready":
		d.after = max(d.after, f.Head)
		return d.begins()
	case "list":
		for i := range f.Conversations {
			if err := d.rings(&f.Conversations[i]); err != nil {
				return err
			}
		}
	case "agents":
		for _, a := range f.Agents {
			if a.ID == d.agent && a.Reason == "missed_offers" && !d.load.isOver() {
				return d.ready()
			}
		}
	case "ack":
		if c, mine := d.waiting[f.ID]; mine {
			return d.answered(c, f.Failure)
		}
	case "update":
		d.after = max(d.after, f.Position)
		if f.Item != nil && f.Item.Kind == "message" {
			d.load.Ledger.Shown("console of "+string(d.agent), f.Item.ID, f.Item.Text)
		}
		if f.Conversation != nil {
			if err := d.rings(f.Conversation); err != nil {
				return err
			}
		}
		return d.answer(f.Item)
	}
	return nil
}

// answered is what becomes of an answer. What the gateway cannot keep now is said again.
func (d *desk) answered(c wire.Command, failure *wire.Failure) error {
	if failure != nil && failure.Kind == gateway.Unavailable {
		time.Sleep(50 * time.Millisecond) // nothing else is urgent
		return d.command(c)
	}
	delete(d.waiting, c.ID)
	d.load.answers.Add(-1)
	if failure == nil {
		d.load.Ledger.Acked(c.Text)
	} else {
		d.load.Ledger.Refused(c.Text)
	}
	return nil
}

func (d *desk) ready() error {
	return d.command(wire.Command{ID: "ready", Do: "presence", Presence: gateway.PresenceReady})
}

// begins is done on each new socket.
func (d *desk) begins() error {
	err := d.ready()
	for _, c := range d.waiting {
		if err == nil {
			err = d.command(c)
		}
	}
	return err
}

// rings accepts what rings here, and notes what this agent has.
func (d *desk) rings(c *wire.Conversation) error {
	d.holds[c.ID] = c.Agent == d.agent && c.State == gateway.StateActive
	if c.Offer == nil || !slices.Contains(c.Offer.Agents, d.agent) || d.load.isOver() {
		return nil
	}
	miss, seen := d.missed[c.Offer.ID]
	if !seen {
		miss = d.random.Float64() < d.load.mix.Miss
		d.missed[c.Offer.ID] = miss
	}
	if miss {
		return nil
	}
	return d.command(wire.Command{ID: "accept " + string(c.Offer.ID), Do: "accept", Conversation: c.ID, Offer: c.Offer.ID})
}

// answer answers a customer's message, and closes after a few answers.
func (d *desk) answer(item *wire.Item) error {
	if item == nil || item.Kind != "message" || item.Direction != gateway.Inbound || !d.holds[item.Conversation] || d.load.isOver() {
		return nil
	}
	id := item.Conversation
	d.answers[id]++
	if d.answers[id]%(answersEach+1) == 0 {
		return d.command(wire.Command{ID: "close " + string(id), Do: "close", Conversation: id})
	}
	d.n++
	text := fmt.Sprintf("answer %s.%d", d.agent, d.n)
	cmd := wire.Command{ID: text, Do: "send", Conversation: id, ClientID: strings.ReplaceAll(text, " ", "-"), Text: text}
	d.waiting[text] = cmd
	d.load.answers.Add(1)
	d.load.Ledger.Sent(text)
	return d.command(cmd)
}
