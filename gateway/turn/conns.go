package turn

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"backline/gateway/httpx"
)

const (
	// knocksPerSecond and knocksAtOnce are how many requests are answered to a network (IPv4 /32, IPv6 /64) from
	// ports that have no allocation. An office sends its requests at the start of calls only.
	knocksPerSecond = 50
	knocksAtOnce    = 400
	// errorPause is how long a socket is left alone after an error that may pass.
	errorPause = 100 * time.Millisecond
)

// knocks counts requests of strangers.
type knocks struct{ *httpx.Limiter }

func newKnocks() knocks { return knocks{httpx.NewLimiter(knocksPerSecond, time.Second, knocksAtOnce)} }

// doorUDP is the UDP socket, with strangers that knock too often left unanswered.
type doorUDP struct {
	*net.UDPConn
	server *Server
}

func (d doorUDP) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := d.UDPConn.ReadFromUDP(b)
		switch {
		case err == nil:
			if d.server.known(from) || d.server.knock.allow(from.AddrPort().Addr()) {
				return n, from, nil
			}
		case errors.Is(err, net.ErrClosed) || os.IsTimeout(err):
			return n, from, err
		default: // pion's loop would end, and with it every relay
			d.server.opts.Log.Warn("read TURN", "err", err)
			time.Sleep(errorPause)
		}
	}
}

func (k knocks) allow(a netip.Addr) bool {
	_, ok := k.Allow(httpx.Prefix(a))
	return ok
}

// known reports whether a client has an allocation.
func (s *Server) known(a net.Addr) bool {
	who := clientOf(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.owners[who]
	return ok
}

// client is where a client is.
type client struct {
	tcp bool
	at  netip.AddrPort
}

func clientOf(a net.Addr) client {
	switch a := a.(type) {
	case *net.UDPAddr:
		return client{at: a.AddrPort()}
	case *net.TCPAddr:
		return client{tcp: true, at: a.AddrPort()}
	}
	return client{}
}

// conns is a listener that knows its connections. One that makes no allocation is closed after a while; one
// whose allocation is over is closed then, and allocations end by themselves.
type conns struct {
	net.Listener

	mu   sync.Mutex
	open map[client]net.Conn // guarded by mu
	over bool                // guarded by mu
}

func newConns(l net.Listener) *conns {
	return &conns{Listener: netutil.LimitListener(l, MaxConns), open: map[client]net.Conn{}}
}

func (c *conns) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil, err
			}
			time.Sleep(errorPause) // too many open files; pion's loop would end
			continue
		}
		if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
			_ = conn.Close() // it is gone already
			continue
		}
		if k := (kept{conn, c}); c.keep(k) {
			return k, nil
		}
		_ = conn.Close()
	}
}

func (c *conns) keep(k kept) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.open[clientOf(k.RemoteAddr())] = k
	}
	return !c.over
}

// proved lifts the deadline of a connection that made an allocation.
func (c *conns) proved(who client) {
	if k := c.find(who); k != nil {
		_ = k.SetDeadline(time.Time{}) // fails only when it is closed
	}
}

// drop closes the connection of an allocation that is over.
func (c *conns) drop(who client) {
	if k := c.find(who); k != nil {
		_ = k.Close()
	}
}

func (c *conns) find(who client) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[who]
}

func (c *conns) closeAll() {
	c.mu.Lock()
	c.over = true
	all := make([]net.Conn, 0, len(c.open))
	for _, k := range c.open {
		all = append(all, k)
	}
	c.mu.Unlock()
	for _, k := range all {
		_ = k.Close()
	}
}

// kept is a connection that its listener knows.
type kept struct {
	net.Conn
	in *conns
}

func (k kept) Close() error {
	k.in.mu.Lock()
	delete(k.in.open, clientOf(k.RemoteAddr()))
	k.in.mu.Unlock()
	return k.Conn.Close()
}
