// Package hub serves the agents' console socket, /ws/console: one connection, one owner, resume by position.
//
// A connection has two goroutines: the reader (ServeHTTP's own) and the writer, which alone writes frames.
// The reader ends first or the writer's failure closes the connection, so both always end; ServeHTTP waits
// for the writer. Stop sends every console "bye" with a time to come back, spread at random, and waits.
//
// The socket is the agent's heartbeat: each ping says that a console is there.
package hub

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// Options of a Hub.
type Options struct {
	Live     *live.Live
	Who      func(*http.Request) (Caller, bool) // the signed-in agent
	Origin   func(*http.Request) bool           // may this page open a socket
	Files    func(context.Context, gateway.FileID) (gateway.Attachment, error)
	Typing   func(context.Context, gateway.Identity) // shows the customer that somebody types; best effort
	Seen     func(context.Context, gateway.Identity) // tells the customer's network that it was read
	Calls    Calls                                   // nil: calls cannot be had
	Meetings Meetings                                // nil: there are no video meetings
	// Relays are the ways for a console whose line does not come up directly; nil: there are none.
	Relays  func(call gateway.CallID, side string) []wire.ICEServer
	Company wire.Company
	Replies []wire.Reply
	Build   string
	Log     *slog.Logger
}

// Calls takes the lines of agents; see package calls.
type Calls interface {
	AgentOffer(ctx context.Context, agent gateway.AgentID, conversation gateway.ConversationID, call gateway.CallID, sdp string, restart bool) (answer string, err error)
	AgentHangup(ctx context.Context, agent gateway.AgentID, conversation gateway.ConversationID, call gateway.CallID) error
}

// Meetings opens video meetings; see package meet.
type Meetings interface {
	// Invite opens a conversation's meeting, or finds the one that is open, and returns its link.
	Invite(ctx context.Context, agent gateway.AgentID, conversation gateway.ConversationID) (url string, err error)
}

// Caller is who opens a socket, and by which session.
type Caller struct {
	Agent   gateway.AgentID
	Session string // as access names it; "" for one without
}

// Hub holds the consoles' connections.
type Hub struct {
	opts     Options
	upgrader websocket.Upgrader

	mu      sync.Mutex
	conns   map[*conn]struct{}
	stopped bool
	stay    bool          // another process takes over at once; set before bye is closed
	spread  time.Duration // over which consoles come back; set before bye is closed
	wg      sync.WaitGroup
}

// New returns a Hub.
func New(o Options) *Hub {
	return &Hub{opts: o, conns: map[*conn]struct{}{},
		upgrader: websocket.Upgrader{ReadBufferSize: 4 << 10, WriteBufferSize: 8 << 10, CheckOrigin: o.Origin, EnableCompression: true}}
}

// writeWait bounds one write to a console.
const writeWait = 10 * time.Second

// When consoles come back: after a restart, which takes a moment, or to another process that is there.
const (
	restartPause     = 200 * time.Millisecond
	restartSpread    = 1800 * time.Millisecond
	stayLeast        = 50 * time.Millisecond
	returnsPerSecond = 500
)

// listChunk is how many heads go into one frame.
const listChunk = 500

// conn is one console.
type conn struct {
	hub     *Hub
	ws      *websocket.Conn
	agent   gateway.AgentID
	session string
	out     chan any      // answers; never closed
	done    chan struct{} // closed when the reader has ended
	bye     chan struct{} // closed by Stop
	over    chan struct{} // closed when the session is over
	ended   bool          // over is closed; guarded by Hub.mu
}

// ServeHTTP upgrades a signed-in agent's request.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, ok := h.opts.Who(r)
	ws, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer ws.Close()
	if !ok {
		closeWith(ws, wire.CloseUnauthorized, "sign in")
		return
	}
	c := &conn{hub: h, ws: ws, agent: caller.Agent, session: caller.Session, out: make(chan any, 64), done: make(chan struct{}), bye: make(chan struct{}), over: make(chan struct{})}
	if !h.add(c) {
		closeWith(ws, wire.CloseRestarting, "restarting")
		return
	}
	defer h.remove(c)
	err = c.serve(r.Context())
	h.opts.Log.Debug("console socket ended", "agent", c.agent, "err", err)
}

func (h *Hub) add(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return false
	}
	h.conns[c] = struct{}{}
	h.wg.Add(1)
	return true
}

func (h *Hub) remove(c *conn) {
	h.mu.Lock()
	delete(h.conns, c)
	h.mu.Unlock()
	h.wg.Done()
}

// Stop says goodbye to every console and waits until all connections have ended or ctx is over. With stay another
// process takes over: consoles come back at once, a few hundred a second.
func (h *Hub) Stop(ctx context.Context, stay bool) {
	h.mu.Lock()
	h.stopped, h.stay, h.spread = true, stay, restartSpread
	if stay {
		h.spread = stayLeast + time.Duration(len(h.conns))*time.Second/returnsPerSecond
	}
	for c := range h.conns {
		close(c.bye)
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() { h.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		h.mu.Lock()
		for c := range h.conns {
			c.ws.Close()
		}
		h.mu.Unlock()
		<-done
	}
}

// Drop ends the sockets of an agent who was removed.
func (h *Hub) Drop(agent gateway.AgentID) {
	h.drop(func(c *conn) bool { return c.agent == agent })
}

// DropSession ends the sockets of a session that was signed out or revoked.
func (h *Hub) DropSession(session string) {
	h.drop(func(c *conn) bool { return c.session == session && session != "" })
}

// drop waits for nobody: the sockets' own writers say goodbye.
func (h *Hub) drop(which func(*conn) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		if which(c) && !c.ended {
			c.ended = true
			close(c.over)
		}
	}
}

// bye sends a console away, to come back at a moment of its own.
func (h *Hub) bye() wire.Bye {
	wait := rand.N(h.spread)
	if !h.stay {
		wait += restartPause
	}
	return wire.Bye{RetryMS: int(wait.Milliseconds()), Stay: h.stay}
}

func closeWith(ws *websocket.Conn, code int, reason string) {
	_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second)) // the peer may be gone
}

// serve runs one connection: hello, then the writer beside the reader. It returns why it ended.
func (c *conn) serve(ctx context.Context) error {
	c.ws.SetReadLimit(wire.MaxFrameBytes)
	hello, err := c.hello()
	if err != nil {
		closeWith(c.ws, wire.CloseProtocol, "hello expected")
		return err
	}
	live := c.hub.opts.Live
	live.Heartbeat(c.agent)
	sub, snap, err := live.Subscribe(ctx, c.agent, hello.After)
	if err != nil {
		closeWith(c.ws, wire.CloseRestarting, "not ready")
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var writer sync.WaitGroup
	writer.Go(func() {
		c.write(ctx, sub, snap)
		c.ws.Close() // ends the reader
	})
	err = c.read(ctx, sub)
	cancel()
	live.Unsubscribe(sub)
	writer.Wait()
	return err
}

// hello reads the first frame, which must come at once.
func (c *conn) hello() (wire.ConsoleHello, error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(wire.HelloTimeout)) // fails only on a closed connection; the read says so
	var f struct {
		T string `json:"t"`
		wire.ConsoleHello
	}
	if err := c.ws.ReadJSON(&f); err != nil {
		return f.ConsoleHello, err
	}
	if f.T != "hello" || f.Version != wire.Version {
		return f.ConsoleHello, errors.New("first frame is not hello of version 1")
	}
	return f.ConsoleHello, nil
}

// write sends the snapshot, then answers and live frames in the order in which they come.
func (c *conn) write(ctx context.Context, sub *live.Subscription, snap live.Snapshot) {
	if err := c.sendSnapshot(snap); err != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.bye:
			_ = c.send(c.hub.bye()) // it may be gone already
			closeWith(c.ws, wire.CloseRestarting, "restarting")
			return
		case <-c.over:
			closeWith(c.ws, wire.CloseUnauthorized, "signed out")
			return
		case f := <-c.out:
			if c.send(f) != nil {
				return
			}
		case f, ok := <-sub.Frames:
			if !ok {
				closeWith(c.ws, wire.CloseSlow, "too slow")
				return
			}
			if c.send(f) != nil {
				return
			}
		}
	}
}

func (c *conn) sendSnapshot(snap live.Snapshot) error {
	o := c.hub.opts
	w := wire.ConsoleWelcome{Version: wire.Version, Build: o.Build, Company: o.Company, Resumed: snap.Resumed, Head: snap.Head,
		Agents: snap.Agents, Queues: snap.Queues, Alarms: snap.Alarms, Replies: o.Replies, Emergency: snap.Emergency, Calls: o.Calls != nil, Meetings: o.Meetings != nil, Supervision: o.Live.Supervision(),
		ServerNow: time.Now().UTC()}
	for _, a := range snap.Agents {
		if a.ID == c.agent {
			w.Me = a
		}
	}
	if err := c.send(w); err != nil {
		return err
	}
	for rest := snap.Conversations; len(rest) > 0; {
		n := min(listChunk, len(rest))
		if err := c.send(wire.ConsoleList{Conversations: rest[:n]}); err != nil {
			return err
		}
		rest = rest[n:]
	}
	for i := range snap.Items {
		if err := c.send(wire.ConsoleUpdate{Position: snap.Items[i].Rev, Item: &snap.Items[i]}); err != nil {
			return err
		}
	}
	return c.send(wire.ConsoleReady{Head: snap.Head})
}

// send writes one frame with its type.
func (c *conn) send(frame any) error {
	data, err := wire.Marshal(frame)
	if err != nil {
		return err
	}
	_ = c.ws.SetWriteDeadline(time.Now().Add(writeWait)) // fails only on a closed connection; the write says so
	return c.ws.WriteMessage(websocket.TextMessage, data)
}

// read handles the agent's frames until the connection ends.
func (c *conn) read(ctx context.Context, sub *live.Subscription) error {
	for {
		_ = c.ws.SetReadDeadline(time.Now().Add(wire.DeadAfter)) // fails only on a closed connection
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			return err
		}
		var f struct {
			T string `json:"t"`
			wire.Command
		}
		if err := json.Unmarshal(data, &f); err != nil {
			closeWith(c.ws, wire.CloseProtocol, "not JSON")
			return err
		}
		switch f.T {
		case "ping":
			c.hub.opts.Live.Heartbeat(c.agent)
			c.answer(ctx, wire.Pong{})
		case "cmd":
			c.command(ctx, sub, f.Command)
		default:
			closeWith(c.ws, wire.CloseProtocol, "unknown frame")
			return errors.New("unknown frame " + f.T)
		}
	}
}

// answer waits for the writer: an agent who does not read cannot send more.
func (c *conn) answer(ctx context.Context, frame any) {
	select {
	case c.out <- frame:
	case <-ctx.Done():
	}
}
