// Package oneport lets two protocols live on one port: HTTPS and TURN over TLS. A network that lets nothing out
// but port 443 lets this out.
//
//	accepted → TLS → by ALPN, else by its first byte → queue of HTTPS or queue of TURN → whoever accepts there
//
// ALPN decides where the client names one: "stun.turn" (RFC 7443) or HTTP's. Some browsers name none for TURN; of
// those the first byte decides, which is 0 in a STUN request and a letter in HTTP.
//
// Guarantees. A client that says nothing holds up nobody but itself, and is closed after [Patience]. Run returns
// when every connection has been handed on or closed.
//
// Concurrency: [Port.Run] owns one goroutine for each connection that has not been handed on yet, [MaxNew] at
// most; when there are more, the next wait in the system's backlog. Read next: certificate.go.
package oneport

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Bounds.
const (
	Patience = 10 * time.Second // from accepted until TLS is done and, where needed, the first byte is there
	MaxNew   = 1024
	// errorPause is how long accepting rests after an error that may pass, as too many open files do.
	errorPause = 100 * time.Millisecond
)

// turnProtocol is the ALPN of TURN (RFC 7443).
const turnProtocol = "stun.turn"

// Port splits the connections of a listener. Make one with New, then Run it.
type Port struct {
	listener net.Listener
	config   *tls.Config
	https    *Queue
	turn     *Queue
	log      *slog.Logger
}

// New returns a Port over l, which Run closes. turn may be nil: then all is HTTPS. The certificate is that of c.
func New(l net.Listener, c *tls.Config, turn *Queue, log *slog.Logger) *Port {
	c = c.Clone()
	c.NextProtos = []string{"h2", "http/1.1"}
	if turn != nil {
		c.NextProtos = append(c.NextProtos, turnProtocol)
	}
	return &Port{listener: l, config: c, https: NewQueue(l.Addr()), turn: turn, log: log}
}

// HTTPS is where an HTTP server accepts. Closing it ends Run.
func (p *Port) HTTPS() net.Listener { return closer{p.https, p.listener} }

// Run accepts until ctx ends or the HTTPS side is closed.
func (p *Port) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.listener.Close() })
	defer stop()
	slots := make(chan struct{}, MaxNew)
	var fresh sync.WaitGroup
	defer fresh.Wait()
	defer cancel()
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			_ = p.https.Close()
			return nil
		}
		if err != nil {
			p.log.Warn("accept", "err", err)
			time.Sleep(errorPause)
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			_ = conn.Close()
			continue
		}
		fresh.Go(func() {
			defer func() { <-slots }()
			p.sort(ctx, conn)
		})
	}
}

// sort does TLS and hands the connection on, or closes it.
func (p *Port) sort(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	cut := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // a read that waits ends
	secure := tls.Server(conn, p.config)
	to, out, err := p.choose(ctx, secure)
	if !cut() {
		err = ctx.Err()
	}
	if err == nil {
		err = to.put(ctx, out)
	}
	if err != nil {
		_ = conn.Close() // strangers break off all the time
	}
}

func (p *Port) choose(ctx context.Context, c *tls.Conn) (*Queue, net.Conn, error) {
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, nil, err
	}
	switch protocol := c.ConnectionState().NegotiatedProtocol; {
	case protocol == turnProtocol:
		return p.turn, c, nil
	case protocol != "" || p.turn == nil:
		return p.https, c, nil
	}
	first := make([]byte, 1)
	if _, err := c.Read(first); err != nil {
		return nil, nil, err
	}
	to := p.https
	if first[0] == 0 { // of a STUN request: two zero bits and the upper bits of its method (RFC 8489)
		to = p.turn
	}
	return to, &begun{Conn: c, first: first}, nil
}

// begun is a connection whose first byte was read already.
type begun struct {
	net.Conn
	first []byte // owned by the reader
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 && len(p) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.Conn.Read(p)
}

// closer closes the listener beneath a queue as well.
type closer struct {
	*Queue
	beneath net.Listener
}

func (c closer) Close() error { return errors.Join(c.beneath.Close(), c.Queue.Close()) }

// Queue is a listener whose connections somebody else has accepted.
type Queue struct {
	addr  net.Addr
	conns chan net.Conn // never closed
	over  chan struct{} // closed by Close
	close func()
}

// NewQueue returns an empty one that says it listens at addr.
func NewQueue(addr net.Addr) *Queue {
	q := &Queue{addr: addr, conns: make(chan net.Conn), over: make(chan struct{})}
	q.close = sync.OnceFunc(func() { close(q.over) })
	return q
}

func (q *Queue) put(ctx context.Context, c net.Conn) error {
	select {
	case q.conns <- c:
		return nil
	case <-q.over:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept implements net.Listener.
func (q *Queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *Queue) Close() error { q.close(); return nil }

// Addr implements net.Listener.
func (q *Queue) Addr() net.Addr { return q.addr }
