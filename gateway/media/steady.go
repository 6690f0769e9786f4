package media

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"
)

// errorPause is how long a socket is left alone after an error before it is read again.
const errorPause = 100 * time.Millisecond

// passing says whether an error of a socket may pass, as too many open files do: it is logged and waited out,
// since pion's loops would end, and no call would connect again before a restart.
func passing(err error, what string, log *slog.Logger) bool {
	if err == nil || errors.Is(err, net.ErrClosed) || os.IsTimeout(err) {
		return false
	}
	log.Warn(what, "err", err)
	time.Sleep(errorPause)
	return true
}

// steadyListener goes on after an error, and makes all connections look as if they came in at the home address
// of their family, because the TCP mux tells connections apart by local address as well.
type steadyListener struct {
	net.Listener
	bound netip.AddrPort
	log   *slog.Logger
}

func (l steadyListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if passing(err, "accept a TCP connection for sound", l.log) {
			continue
		}
		if err != nil {
			return nil, err
		}
		remote, ok := c.RemoteAddr().(*net.TCPAddr)
		if !ok {
			return c, nil
		}
		at := home(l.bound.Addr(), remote.AddrPort().Addr().Unmap().Is4())
		return homeConn{c, net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, l.bound.Port()))}, nil
	}
}

type homeConn struct {
	net.Conn
	local net.Addr
}

func (c homeConn) LocalAddr() net.Addr { return c.local }
