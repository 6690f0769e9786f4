package turn

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"

	"backline/gateway"
)

const (
	// maxRate and burst of what one allocation sends, in bytes: several times a camera's simulcast.
	maxRate = 1 << 20
	burst   = 256 << 10
	// relayBuffer is what the system holds for an allocation whose client does not take it: about a second of
	// sound. Older sound is of no use to anybody.
	relayBuffer = 32 << 10
)

var errNoTCP = errors.New("turn: no TCP is relayed")

// generator makes the far end of allocations.
type generator struct{ *Server }

func (generator) Validate() error { return nil }

func (g generator) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	return g.newRelay(c.UserID, c.Network == "udp4")
}

func (generator) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoTCP
}

func (generator) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errNoTCP }

// permit allows the media port's own addresses as peers.
func (s *Server) permit(_ net.Addr, peer net.IP) bool {
	ip, ok := netip.AddrFromSlice(peer)
	return ok && s.opts.Media.Told(ip.Unmap())
}

// within holds a side to its quota.
func (s *Server) within(user, _ string, _ net.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count < MaxAllocations && len(s.sides[user]) < MaxPerSide
}

// created and deleted note whose allocation a client's address has.
func (s *Server) created(from, _ net.Addr, _, user, _ string, _ net.Addr, _ int) {
	who := clientOf(from)
	s.mu.Lock()
	s.owners[who] = user
	s.mu.Unlock()
	for _, c := range s.conns {
		c.proved(who)
	}
}

func (s *Server) deleted(from, _ net.Addr, _, _, _ string) {
	who := clientOf(from)
	s.mu.Lock()
	delete(s.owners, who)
	s.mu.Unlock()
	for _, c := range s.conns {
		c.drop(who)
	}
}

// relay is the far end of one allocation: a socket connected to the media port.
type relay struct {
	server *Server
	user   string
	conn   net.Conn
	pace   *rate.Limiter
	peer   atomic.Pointer[net.UDPAddr] // the media port as this client calls it
	close  func() error
}

func (s *Server) newRelay(user string, is4 bool) (*relay, net.Addr, error) {
	conn, err := s.opts.Media.Relay(is4)
	if err != nil {
		s.opts.Log.Warn("relay to the media port", "err", err)
		return nil, nil, err
	}
	if c, ok := conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(relayBuffer) // the system's own is good too
	}
	r := &relay{server: s, user: user, conn: conn, pace: rate.NewLimiter(maxRate, burst)}
	r.close = sync.OnceValue(func() error { s.forget(r); return conn.Close() })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= MaxAllocations || len(s.sides[user]) >= MaxPerSide { // two at once had both been within
		return nil, nil, errors.Join(gateway.Errorf(gateway.TooMany, "too many allocations"), conn.Close())
	}
	if s.sides[user] == nil {
		s.sides[user] = map[*relay]struct{}{}
	}
	s.sides[user][r] = struct{}{}
	s.count++
	return r, conn.LocalAddr(), nil
}

// forget gives a relay's place back.
func (s *Server) forget(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sides[r.user], r)
	if len(s.sides[r.user]) == 0 {
		delete(s.sides, r.user)
	}
	s.count--
}

// WriteTo sends to the media port what the client addressed to it, and nothing else. Datagrams may be lost:
// what cannot be sent is no error.
func (r *relay) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok || a.Port != int(r.server.opts.Media.Addr().Port()) || !r.pace.AllowN(time.Now(), len(b)) {
		return len(b), nil
	}
	if r.called(a) {
		_, _ = r.conn.Write(b) // as on any network
	}
	return len(b), nil
}

// called reports whether this is how the client calls the media port. The first address that it uses is the one
// it gets answers from.
func (r *relay) called(a *net.UDPAddr) bool {
	peer := r.peer.Load()
	if peer == nil {
		r.peer.CompareAndSwap(nil, &net.UDPAddr{IP: slices.Clone(a.IP), Port: a.Port})
		peer = r.peer.Load()
	}
	return peer.IP.Equal(a.IP)
}

// ReadFrom returns what the media port sends, as from the address that the client knows it by.
func (r *relay) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := r.conn.Read(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return 0, nil, err
		case err != nil:
			time.Sleep(errorPause) // refused for a moment, as while the media port starts
		case r.peer.Load() != nil:
			return n, r.peer.Load(), nil
		}
	}
}

// Close ends the allocation's socket and gives its place back.
func (r *relay) Close() error { return r.close() }

func closeRelays(all []*relay) {
	for _, r := range all {
		_ = r.Close() // pion's loop notices and forgets the allocation
	}
}

func (r *relay) LocalAddr() net.Addr              { return r.conn.LocalAddr() }
func (r *relay) SetDeadline(time.Time) error      { return nil } // pion sets none
func (r *relay) SetReadDeadline(time.Time) error  { return nil }
func (r *relay) SetWriteDeadline(time.Time) error { return nil }
