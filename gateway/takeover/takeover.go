// Package takeover lets a gateway give all it is reached by to another process of the same machine: its
// listening sockets and the connections on which nobody speaks, so that nobody outside notices that the program
// was exchanged. What is in the data folder is not its business: it says only whose turn it is.
//
// The two speak over the control socket, which nobody else can reach. A frame is a length of four bytes, JSON of
// so many bytes, and file descriptors beside it (SCM_RIGHTS):
//
//	new                       old
//	hello      ──────────▶           who I am
//	           ◀──────────  sockets  the listening sockets, or no
//	prepared   ──────────▶           my configuration is good, all that can be done before is done; or no
//	           ◀──────────  conns    connections between two requests, as often as need be
//	           ◀──────────  yours    the data folder is closed
//	ready      ──────────▶           it is open, and has been read; or no
//	           ◀──────────  done     media has ended: go; or no, it took too long
//
// Until yours, whatever goes wrong leaves the old process serving: for the new one, an end of the connection means
// no. After yours, the end of the connection means done for the new one (the old process has died), and no for the
// old one, which then opens the data folder again.
//
// Concurrency: a [Giver], a [Taker] is used by one goroutine at a time; a [Set] and a [Door] by any.
// Limits: a frame is at most 64 KiB and carries at most 64 descriptors; each step has a time, named below.
//
// Read next: conns.go, how a connection leaves an http.Server without anybody noticing; set.go, the sockets.
package takeover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// Path and Upgrade are how the new process asks for the old one at the control socket: a request to upgrade the
// connection.
const (
	Path    = "/takeover"
	Upgrade = "backline-takeover/1"
)

// Times that the steps may take.
const (
	StepTime    = 5 * time.Second  // an answer that takes no work
	PrepareTime = 30 * time.Second // until prepared
	ReadyTime   = 60 * time.Second // from yours to ready: reading the journal
)

// maxFiles are passed with one frame; Linux takes 253.
const maxFiles = 64

// kind of a frame.
const (
	isHello    = "hello"
	isSockets  = "sockets"
	isPrepared = "prepared"
	isConns    = "conns"
	isYours    = "yours"
	isReady    = "ready"
	isDone     = "done"
	isNo       = "no"
)

// frame is one message. Files is how many descriptors come with it.
type frame struct {
	Kind    string   `json:"kind"`
	PID     int      `json:"pid,omitempty"`
	Build   string   `json:"build,omitempty"`
	Why     string   `json:"why,omitempty"`
	Sockets []socket `json:"sockets,omitempty"`
	Files   int      `json:"files,omitempty"`
}

// Refused is what the other side said instead of going on.
type Refused struct{ Why string }

func (e *Refused) Error() string { return e.Why }

// Peer is the process at the other end.
type Peer struct {
	PID   int
	Build string
}

// Giver is the old side of one takeover.
type Giver struct {
	wire *wire
	New  Peer
}

// Accept answers a request for Path: it sends the sockets and waits until the new process is prepared. The
// connection is closed when an error is returned.
func Accept(conn net.Conn, set *Set, build string) (*Giver, error) {
	w, err := newWire(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	g := &Giver{wire: w}
	if err := g.accept(set, build); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return g, nil
}

func (g *Giver) accept(set *Set, build string) error {
	hello, err := g.wire.expect(isHello, StepTime)
	if err != nil {
		return fmt.Errorf("meet the new process: %w", err)
	}
	g.New = Peer{PID: hello.PID, Build: hello.Build}
	sockets, fds := set.all()
	if err := g.wire.tell(frame{Kind: isSockets, PID: os.Getpid(), Build: build, Sockets: sockets}, fds); err != nil {
		return fmt.Errorf("send the sockets: %w", err)
	}
	if _, err := g.wire.expect(isPrepared, PrepareTime); err != nil {
		return fmt.Errorf("wait for the new process to prepare: %w", err)
	}
	return nil
}

// Alive reports whether the new process is still there.
func (g *Giver) Alive() error { return g.wire.alive() }

// Give passes connections on. They stay open here as well until the caller closes them.
func (g *Giver) Give(conns []*net.TCPConn) error {
	for len(conns) > 0 {
		some := conns[:min(maxFiles, len(conns))]
		conns = conns[len(some):]
		fds := make([]syscall.Conn, len(some))
		for i, c := range some {
			fds[i] = c
		}
		if err := g.wire.sendConns(frame{Kind: isConns}, fds); err != nil {
			return fmt.Errorf("give connections: %w", err)
		}
	}
	return nil
}

// Yours says that the data folder is closed, and waits until the new process has opened and read it.
func (g *Giver) Yours() error {
	if err := g.wire.tell(frame{Kind: isYours}, nil); err != nil {
		return fmt.Errorf("give the data folder: %w", err)
	}
	if _, err := g.wire.expect(isReady, ReadyTime); err != nil {
		return fmt.Errorf("wait for the new process to be ready: %w", err)
	}
	return nil
}

// Done ends it well.
func (g *Giver) Done() error {
	return errors.Join(g.wire.send(frame{Kind: isDone}, nil), g.wire.close())
}

// Refuse ends it otherwise: the new process has to end.
func (g *Giver) Refuse(why string) {
	_ = g.wire.send(frame{Kind: isNo, Why: why}, nil) // it may be gone
	_ = g.wire.close()
}

// Taker is the new side of one takeover.
type Taker struct {
	wire  *wire
	Old   Peer
	Set   *Set
	conns []*net.TCPConn
}

// Ask asks the gateway behind dial, its control socket, to give way, and takes its sockets.
func Ask(ctx context.Context, conn net.Conn, build string) (*Taker, error) {
	w, err := newWire(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	t := &Taker{wire: w}
	if err := t.ask(ctx, build); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return t, nil
}

func (t *Taker) ask(ctx context.Context, build string) error {
	if err := t.upgrade(ctx); err != nil {
		return err
	}
	if err := t.wire.send(frame{Kind: isHello, PID: os.Getpid(), Build: build}, nil); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	f, err := t.wire.expect(isSockets, StepTime)
	if err != nil {
		return fmt.Errorf("take the sockets: %w", err)
	}
	t.Old = Peer{PID: f.PID, Build: f.Build}
	t.Set, err = received(f.Sockets, t.wire.take(f.Files))
	return err
}

// upgrade asks for the other protocol. Nothing follows the answer before we have spoken, so that nothing but the
// answer is read with it.
func (t *Taker) upgrade(ctx context.Context) error {
	_ = t.wire.conn.SetDeadline(time.Now().Add(StepTime)) // fails only on a closed connection
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control"+Path, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", Upgrade)
	if err := req.Write(t.wire.conn); err != nil {
		return fmt.Errorf("ask the running gateway: %w", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(t.wire.conn), req)
	if err != nil {
		return fmt.Errorf("ask the running gateway: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	var problem struct{ Detail string }
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || problem.Detail == "" {
		return fmt.Errorf("the running gateway cannot be taken over: it answered %s", res.Status)
	}
	return &Refused{problem.Detail}
}

// Prepared says that all is done that can be, and waits until the data folder is ours. An error means that it is
// not: the old process goes on.
func (t *Taker) Prepared() error {
	if err := t.wire.send(frame{Kind: isPrepared}, nil); err != nil {
		return err
	}
	for {
		f, err := t.wire.read(0)
		switch {
		case err != nil:
			return err
		case f.Kind == isYours:
			return nil
		case f.Kind != isConns:
			return unexpected(f)
		}
		for _, fd := range t.wire.take(f.Files) {
			c, err := tcpConn(fd)
			if err != nil {
				return fmt.Errorf("take a connection: %w", err)
			}
			t.conns = append(t.conns, c)
		}
	}
}

// Conns are the connections that were given.
func (t *Taker) Conns() []*net.TCPConn { return t.conns }

// Ready says that the data folder is open and was read, and waits for the word to go. An old process that dies
// meanwhile is done.
func (t *Taker) Ready() error {
	if err := t.wire.send(frame{Kind: isReady}, nil); err != nil {
		return nil // it has died: nobody else is there
	}
	f, err := t.wire.read(ReadyTime)
	if err == nil && f.Kind == isNo {
		return &Refused{f.Why}
	}
	return t.wire.close()
}

// Refuse ends it: the old process goes on, or begins again.
func (t *Taker) Refuse(why error) {
	_ = t.wire.send(frame{Kind: isNo, Why: why.Error()}, nil) // it may be gone
	_ = t.wire.close()
	for _, c := range t.conns {
		_ = c.Close() // ours only; the old process has its own hold of it
	}
}

func unexpected(f frame) error {
	if f.Kind == isNo {
		return &Refused{f.Why}
	}
	return fmt.Errorf("the other process said %q out of turn", f.Kind)
}
