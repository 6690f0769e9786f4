package media

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// inner are the sockets of this process that are connected to the media port, those of relays. They are on the
// loopback and have a name beside it, one of the addresses that browsers are told: to ICE, and to the browser
// behind the relay, the name is where the browser is.
type inner struct {
	count atomic.Int32 // without relays nothing is looked up

	mu    sync.RWMutex
	names map[netip.AddrPort]netip.AddrPort // guarded by mu
	at    map[netip.AddrPort]netip.AddrPort // by name; guarded by mu
}

func newInner() *inner {
	return &inner{names: map[netip.AddrPort]netip.AddrPort{}, at: map[netip.AddrPort]netip.AddrPort{}}
}

func (i *inner) add(at, name netip.AddrPort) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.names[at], i.at[name] = name, at
	i.count.Store(int32(len(i.at)))
}

func (i *inner) remove(at, name netip.AddrPort) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.names, at)
	delete(i.at, name)
	i.count.Store(int32(len(i.at)))
}

// name is who a packet is from, as ICE may know it.
func (i *inner) name(from netip.AddrPort) netip.AddrPort {
	if i.count.Load() == 0 {
		return from
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	if name, ok := i.names[netip.AddrPortFrom(from.Addr().Unmap(), from.Port())]; ok {
		return name
	}
	return from
}

// where is the address behind a name, true for that of a relay.
func (i *inner) where(name netip.AddrPort) (netip.AddrPort, bool) {
	if i.count.Load() == 0 {
		return name, false
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	if at, ok := i.at[netip.AddrPortFrom(name.Addr().Unmap(), name.Port())]; ok {
		return at, true
	}
	return name, false
}

// Relay opens a socket that is connected to the media port, for a TURN server: it can send nowhere else. Its
// local address is the name that ICE knows it by. Legs that are reached through it have the path "relay" in
// their [Stats].
func (e *Engine) Relay(is4 bool) (net.Conn, error) {
	s := e.sockets
	at := s.addr.Addr()
	switch {
	case !at.IsUnspecified():
	case is4:
		at = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		at = netip.IPv6Loopback()
	}
	told, err := s.told()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(told, func(a netip.Addr) bool { return a.Is4() == is4 })
	if i < 0 {
		return nil, fmt.Errorf("browsers are told no address of this family")
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, s.addr.Port())))
	if err != nil {
		return nil, fmt.Errorf("open a relay's socket: %w", err)
	}
	from := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	name := netip.AddrPortFrom(told[i], from.Port())
	s.inner.add(from, name)
	return &innerConn{conn, net.UDPAddrFromAddrPort(name), sync.OnceFunc(func() { s.inner.remove(from, name) })}, nil
}

type innerConn struct {
	*net.UDPConn
	name net.Addr
	gone func()
}

func (c *innerConn) LocalAddr() net.Addr { return c.name }

func (c *innerConn) Close() error {
	c.gone()
	return c.UDPConn.Close()
}

// Told reports whether browsers are told this address as that of the media port.
func (e *Engine) Told(a netip.Addr) bool {
	told, err := e.sockets.told()
	return err == nil && slices.Contains(told, a)
}

// ToldIPv4 reports whether browsers are told an IPv4 address.
func (e *Engine) ToldIPv4() bool {
	told, err := e.sockets.told()
	return err == nil && slices.ContainsFunc(told, netip.Addr.Is4)
}

// Addresses are what browsers are told.
func (e *Engine) Addresses() ([]netip.Addr, error) { return e.sockets.told() }
