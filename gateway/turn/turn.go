// Package turn is a TURN server (RFC 8656) that leads to one place only: the port of package media. Browsers
// whose network lets neither UDP nor our media port through reach their call by it, over UDP, TCP or TLS.
//
// It is no open relay, and cannot be made one: what clients send goes into a socket that is connected to the
// media port, and there is no other. The relayed address that a client is told is a name; nobody else can send there.
//
//	credentials for one side of one call → allocation → the call has ended, or nobody refreshed it for 10 minutes
//
// Guarantees. [Server.Credentials] are good for [Lifetime] and for one side of one call; an allocation that was
// made in that time may be refreshed as long as the call lasts. After [Server.End] neither is good for anything:
// its allocations are gone at once. The secret decides alone which credentials are good, so that they survive a
// restart, and any gateway with the same secret takes them.
//
// Concurrency. All methods may be called from any goroutine. [New] binds the sockets and starts pion's loops;
// [Server.Run] closes everything when its context ends. Server.mu guards the allocations and is never held while
// something is read, written or closed.
//
// Limits: [MaxPerSide] allocations for one side of a call, [MaxAllocations] and [MaxConns] in all; a connection
// that makes no allocation within [Patience] is closed; an address without an allocation gets a bounded number of
// answers, so that it is of no use to those who forge addresses. TCP relaying (RFC 6062) is refused.
//
// Read next: credential.go, relay.go, conns.go; docs/networks.md for operators.
package turn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
)

// Bounds.
const (
	Lifetime       = 10 * time.Minute // of credentials
	MaxPerSide     = 12               // allocations: a phone has two networks, each with two families and three URLs
	MaxAllocations = 4000
	MaxConns       = 4000
	Patience       = 15 * time.Second // of a connection that makes no allocation
)

// realm is that of our credentials; it is part of the key and means nothing else.
const realm = "backline"

// Media is where everything leads; *media.Engine is one.
type Media interface {
	// Told reports whether browsers are told this address as that of the media port.
	Told(netip.Addr) bool
	// ToldIPv4 reports whether they are told an IPv4 address at all.
	ToldIPv4() bool
	// Addr is where the media port is bound.
	Addr() netip.AddrPort
	// Relay opens a socket that is connected to the media port. Its local address is what the media port sees.
	Relay(is4 bool) (net.Conn, error)
}

// Options of a Server. Secret and Media are needed, and one of Listen and TLS.
type Options struct {
	// Secret decides which credentials are good; ≥ 32 bytes.
	Secret []byte
	Media  Media
	// Listen is "host:port" of UDP and TCP; "" for none.
	Listen string
	// TLS hands out connections whose TLS is done; nil: none. The Server closes it.
	TLS net.Listener
	// Log may be nil: silent. Addresses of people are never logged.
	Log *slog.Logger
}

// Server relays. Make one with New, then Run it.
type Server struct {
	// Static after New.
	opts  Options
	pion  *turn.Server
	addr  netip.AddrPort // of Listen; invalid without
	conns []*conns
	knock knocks

	mu     sync.Mutex
	sides  map[string]map[*relay]struct{} // guarded by mu
	owners map[client]string              // client → side of its allocation; guarded by mu
	count  int                            // relays; guarded by mu
	ended  map[string]time.Time           // calls, until their credentials are no good any more; guarded by mu
}

// New binds the sockets and serves. A Server that is not wanted any more is ended by Run with a context that is
// over.
func New(o Options) (*Server, error) {
	if len(o.Secret) < 32 {
		return nil, errors.New("turn: the secret needs 32 bytes")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: o, knock: newKnocks(), sides: map[string]map[*relay]struct{}{}, owners: map[client]string{}, ended: map[string]time.Time{}}
	c := turn.ServerConfig{
		Realm: realm, AuthHandler: s.authenticate, QuotaHandler: s.within, LoggerFactory: quiet{},
		StrictAddressFamily: o.Media.ToldIPv4(), // browsers never ask for a family, and both lead to the same port
		EventHandler:        turn.EventHandler{OnAllocationCreated: s.created, OnAllocationDeleted: s.deleted},
	}
	if err := s.listen(&c); err != nil {
		return nil, err
	}
	server, err := turn.NewServer(c)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start TURN: %w", err), s.unbind(&c))
	}
	s.pion = server
	return s, nil
}

// listen binds UDP and TCP on the same number, and takes the TLS listener.
func (s *Server) listen(c *turn.ServerConfig) error {
	if s.opts.TLS != nil {
		c.ListenerConfigs = append(c.ListenerConfigs, s.listener(s.opts.TLS))
	}
	if s.opts.Listen == "" {
		return nil
	}
	udp, tcp, err := bind(s.opts.Listen)
	if err != nil {
		return err
	}
	s.addr = udp.LocalAddr().(*net.UDPAddr).AddrPort()
	c.PacketConnConfigs = []turn.PacketConnConfig{{PacketConn: doorUDP{udp, s}, RelayAddressGenerator: generator{s}, PermissionHandler: s.permit}}
	c.ListenerConfigs = append(c.ListenerConfigs, s.listener(tcp))
	return nil
}

func (s *Server) listener(l net.Listener) turn.ListenerConfig {
	c := newConns(l)
	s.conns = append(s.conns, c)
	return turn.ListenerConfig{Listener: c, RelayAddressGenerator: generator{s}, PermissionHandler: s.permit}
}

func (s *Server) unbind(c *turn.ServerConfig) error {
	var errs []error
	for _, p := range c.PacketConnConfigs {
		errs = append(errs, p.PacketConn.Close())
	}
	for _, l := range c.ListenerConfigs {
		errs = append(errs, l.Listener.Close())
	}
	return errors.Join(errs...)
}

// bindTries: with port 0 the UDP port that the system gives may be taken for TCP.
const bindTries = 20

func bind(listen string) (*net.UDPConn, net.Listener, error) {
	at, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return nil, nil, fmt.Errorf("listen address %q: %w", listen, err)
	}
	var last error
	for range bindTries {
		udp, err := net.ListenUDP("udp", at)
		if err != nil {
			return nil, nil, err
		}
		same := net.TCPAddr{IP: at.IP, Port: udp.LocalAddr().(*net.UDPAddr).Port}
		tcp, err := net.ListenTCP("tcp", &same)
		if err == nil {
			return udp, tcp, nil
		}
		last = errors.Join(err, udp.Close())
		if at.Port != 0 {
			break
		}
	}
	return nil, nil, last
}

// Addr is where UDP and TCP are bound; invalid without Options.Listen.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Run closes all sockets and connections when ctx ends.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	err := s.pion.Close()
	for _, c := range s.conns {
		c.closeAll()
	}
	s.mu.Lock()
	var all []*relay
	for _, relays := range s.sides {
		for r := range relays {
			all = append(all, r)
		}
	}
	s.mu.Unlock()
	closeRelays(all)
	if err != nil {
		return fmt.Errorf("stop TURN: %w", err)
	}
	return nil
}

// Stats of this moment.
type Stats struct {
	Allocations int
	Calls       int // sides of calls that have any
}

// Stats counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Allocations: s.count, Calls: len(s.sides)}
}

// quiet is pion's log, unsaid: its lines are full of people's addresses.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger { return quiet{} }

func (quiet) Trace(string)          {}
func (quiet) Tracef(string, ...any) {}
func (quiet) Debug(string)          {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Info(string)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warn(string)           {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Error(string)          {}
func (quiet) Errorf(string, ...any) {}
