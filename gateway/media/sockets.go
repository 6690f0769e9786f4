package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"golang.org/x/net/netutil"
)

const (
	// socketBuffer asks the system to hold this much that nobody has read yet: half a second of a hundred
	// calls. Linux gives no more than net.core.rmem_max.
	socketBuffer = 4 << 20
	// tcpBacklog is what a TCP connection may have yet to take, about two seconds of a call; older sound is of
	// no use to anybody, so what does not fit is lost.
	tcpBacklog = 16 << 10
	// tcpInbox is how many packets of a TCP connection may wait to be read.
	tcpInbox = 32
	// maxTCP connections at once, and how long one may be open before it says which leg it is of.
	maxTCP      = 2 * MaxLegs
	tcpPatience = 5 * time.Second
	// maxTold is how many addresses of this machine a browser is told.
	maxTold = 8
	// portTries: with port 0 the UDP port that the system gives may be taken for TCP.
	portTries = 20
)

// sockets are the two ports that all legs share. Each has one candidate per address family, whatever the
// sockets listen on: with ICE-lite, candidates are only what browsers are told, and pion's would share, and
// steal, each other's packets if there were several on one socket.
type sockets struct {
	addr   netip.AddrPort
	public []netip.Addr // told to browsers instead of the machine's own; may be empty
	found  found        // what STUN servers say of us
	inner  *inner       // sockets of this process that lead here
	net    transport.Net
	levels bool // browsers are asked to say how loud packets are
	paths  *paths
	batch  *batch // nil: not the system's own socket
	serve  func() // lets pion read the sockets; once

	// Set by serve.
	serving atomic.Bool
	udp     *ice.UDPMuxDefault
	tcp     *ice.TCPMuxDefault
}

// Bound are the two sockets of an Engine, opened before it: by [Bind], or by another process that gave them away.
type Bound struct {
	UDP *net.UDPConn
	TCP net.Listener
}

// Bind opens the sockets that New would open for an address.
func Bind(listen string) (*Bound, error) {
	addr, err := resolve(listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: %w", listen, err)
	}
	system, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("read the network interfaces: %w", err)
	}
	udp, tcp, err := bind(system, addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return &Bound{UDP: udp.(*net.UDPConn), TCP: tcp}, nil
}

// listen opens both sockets and starts pion's read loops. Of sockets that are Bound it leaves that to Run: another
// process may still read them.
func listen(o Options, log *slog.Logger) (*sockets, error) {
	system := o.Net
	if system == nil {
		var err error
		if system, err = stdnet.NewNet(); err != nil {
			return nil, fmt.Errorf("read the network interfaces: %w", err)
		}
	}
	if o.Bound != nil {
		return newSockets(o, system, o.Bound.UDP, o.Bound.TCP, log), nil
	}
	addr, err := resolve(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: %w", o.Listen, err)
	}
	udp, tcp, err := bind(system, addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	s := newSockets(o, system, udp, tcp, log)
	s.serve()
	return s, nil
}

func newSockets(o Options, system transport.Net, udp transport.UDPConn, tcp net.Listener, log *slog.Logger) *sockets {
	// The system may refuse to hold that much; less only means less patience with a busy machine.
	_ = udp.SetReadBuffer(socketBuffer)
	bound := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	s := &sockets{addr: netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port()), public: o.PublicIPs, inner: newInner(), net: system, levels: o.Levels}
	s.paths = &paths{of: map[netip.AddrPort]*leg{}, inner: s.inner}
	var packets net.PacketConn = udp
	if c, ok := udp.(*net.UDPConn); ok {
		s.batch = newBatch(c, s.paths, log)
		packets = s.batch
	}
	s.serve = sync.OnceFunc(func() {
		s.udp = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: packets, Net: s.net, Logger: quiet{}})
		s.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: steadyListener{netutil.LimitListener(tcp, maxTCP), s.addr, log}, Logger: quiet{},
			ReadBufferSize: tcpInbox, WriteBufferSize: tcpBacklog,
			FirstStunBindTimeout: tcpPatience, AliveDurationForConnFromStun: tcpPatience,
		})
		s.serving.Store(true)
	})
	return s
}

// resolve reads "host:port"; an empty host is the unspecified address.
func resolve(listen string) (netip.AddrPort, error) {
	a, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if a.IP == nil {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(a.Port)), nil
	}
	ip, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port)), nil
}

// bind opens UDP and TCP on the same number.
func bind(n transport.Net, at netip.AddrPort) (transport.UDPConn, net.Listener, error) {
	var last error
	for range portTries {
		udp, err := n.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			return nil, nil, err
		}
		same := netip.AddrPortFrom(at.Addr(), uint16(udp.LocalAddr().(*net.UDPAddr).Port))
		tcp, err := n.ListenTCP("tcp", net.TCPAddrFromAddrPort(same))
		if err == nil {
			return udp, tcp, nil
		}
		last = errors.Join(err, udp.Close())
		if at.Port() != 0 {
			break
		}
	}
	return nil, nil, last
}

// close ends both sockets and waits for the TCP side; the UDP read loop ends with its socket.
func (s *sockets) close() error { return errors.Join(s.tcp.Close(), s.udp.Close()) }

// told is what browsers are told. What the configuration says wins. Else it is the address we listen on, or all
// that this machine has now, so that an interface that comes up later is offered to the next leg; and what STUN
// servers found, before the others.
func (s *sockets) told() ([]netip.Addr, error) {
	if len(s.public) > 0 {
		return s.public, nil
	}
	all := s.found.addrs()
	if at := s.addr.Addr(); !at.IsUnspecified() {
		all = slices.DeleteFunc(all, func(a netip.Addr) bool { return a == at || a.Is4() != at.Is4() })
		return append(all, at), nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("read the network interfaces: %w", err)
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		ip := p.Addr().Unmap()
		if err == nil && ip.IsGlobalUnicast() && (ip.Is4() || s.addr.Addr().Is6()) && len(all) < maxTold && !slices.Contains(all, ip) {
			all = append(all, ip)
		}
	}
	if len(all) == 0 { // a machine without a network still serves itself
		all = append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return all, nil
}

// home is the address of a candidate as pion knows it: the one we listen on, or, for all addresses, one from a
// block that is nobody's (RFC 5737, RFC 3849). Browsers are told others, by [sockets.tell].
func home(bound netip.Addr, is4 bool) netip.Addr {
	switch {
	case !bound.IsUnspecified():
		return bound
	case is4:
		return netip.AddrFrom4([4]byte{192, 0, 2, 1})
	}
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1})
}

// homeNet hides the machine's interfaces behind one that has the home addresses.
type homeNet struct {
	transport.Net
	homes []netip.Addr
}

func (n homeNet) Interfaces() ([]*transport.Interface, error) {
	i := transport.NewInterface(net.Interface{Index: 1, MTU: 1500, Name: "home", Flags: net.FlagUp})
	for _, a := range n.homes {
		i.AddAddress(&net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())})
	}
	return []*transport.Interface{i}, nil
}

// homeUDP is the UDP mux as reached at the home addresses only.
type homeUDP struct {
	*ice.UDPMuxDefault
	homes []netip.Addr
	port  uint16
}

func (m homeUDP) GetListenAddresses() []net.Addr {
	var all []net.Addr
	for _, a := range m.homes {
		all = append(all, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, m.port)))
	}
	return all
}
