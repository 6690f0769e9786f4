package media

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
)

// stumbling is a listener that has no file left at first, then one connection, then is closed.
type stumbling struct {
	net.Listener
	errs []error
}

func (s *stumbling) Accept() (net.Conn, error) {
	if len(s.errs) == 0 {
		return nil, net.ErrClosed
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	if err != nil {
		return nil, err
	}
	c, _ := net.Pipe()
	return c, nil
}

func TestAListenerOutlivesAnErrorThatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := steadyListener{
			&stumbling{errs: []error{syscall.EMFILE, syscall.ECONNABORTED, nil}},
			netip.MustParseAddrPort("127.0.0.1:7881"), slog.New(slog.DiscardHandler),
		}
		if _, err := l.Accept(); err != nil {
			t.Errorf("got %v, want the connection that comes after the errors", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want closed", err)
		}
	})
}
