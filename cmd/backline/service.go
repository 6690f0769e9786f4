package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"backline/gateway"
	"backline/gateway/config"
	"backline/gateway/control"
	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
	"backline/gateway/lease"
	"backline/gateway/media"
	"backline/gateway/takeover"
)

// service is the gateway of a process: an App, and after a handover that failed another one on the same sockets.
type service struct {
	config *config.Config
	log    *slog.Logger
	out    io.Writer
	set    *takeover.Set // the sockets, which outlive an App
	after  *succession
	notify notifier
	served bool // an App was there before, and began anew
	anew   bool // … because the journal has lost what it had read
}

// Names of sockets in a takeover; they stay, because versions meet.
const (
	socketHTTP     = "http"
	socketControl  = "control"
	socketMediaUDP = "media-udp"
	socketMediaTCP = "media-tcp"
)

func (m *Main) newService(c *config.Config, path string) *service {
	s := &service{config: c, log: newLog(m.Stderr, c.Log), out: m.Stdout, set: &takeover.Set{}, notify: newNotifier(m.Environ)}
	s.after = &succession{program: ownPath(), args: []string{"serve", "--config", path, "--takeover"}, check: []string{"config", "check", path},
		environ: m.Environ, out: [2]*os.File{fileOf(m.Stdout), fileOf(m.Stderr)}, log: s.log, next: make(chan *takeover.Giver), over: make(chan struct{})}
	return s
}

// fileOf is what another process can write to after this one has ended.
func fileOf(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok {
		return f
	}
	return nil
}

// ask meets the running gateway; nil when there is none. What comes back is prepared: the configuration was read,
// the sockets are here, the journal can be read by this version.
func (s *service) ask(ctx context.Context) (*takeover.Taker, error) {
	conn, err := control.DialConn(s.config.Data)
	if errors.Is(err, control.ErrNotRunning) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := takeover.Ask(ctx, conn, build())
	if err != nil {
		return nil, err
	}
	s.set = t.Set
	if err := s.prepare(ctx); err != nil {
		t.Refuse(err)
		return nil, err
	}
	s.log.Info("taking over", "from", t.Old.Build, "pid", t.Old.PID)
	if err := t.Prepared(); err != nil {
		t.Refuse(err)
		return nil, err
	}
	return t, nil
}

// prepare finds as much as it can of what would go wrong, while the old process still serves.
func (s *service) prepare(ctx context.Context) error {
	l, err := s.http()
	if err != nil {
		return err
	}
	_ = l.Close() // the socket stays open in the set
	if at := s.config.RTC.Media; at != config.NoMedia {
		b, err := s.media(at)
		if err != nil {
			return noMedia(at, err)
		}
		_, _ = b.UDP.Close(), b.TCP.Close() // as above
	}
	types, err := sqlite.Types(ctx, filepath.Join(s.config.Data, diskFile(s.config)))
	if err != nil {
		return err
	}
	for _, t := range types {
		if _, err := gateway.DecodeEvent(t, []byte("{}")); errors.Is(err, gateway.ErrUnknownEvent) {
			return fmt.Errorf("the journal holds records of a newer version (%s)", t)
		}
	}
	return nil
}

// run serves until ctx ends or another process has taken over. before is who gives way, nil for nobody.
func (s *service) run(ctx context.Context, before *takeover.Taker) error {
	defer s.set.Close()
	s.after.set = s.set
	err := s.serve(ctx, before)
	close(s.after.over)
	s.after.asking.Wait()
	if err != nil && before != nil {
		before.Refuse(err) // if it is not too late
	}
	return err
}

func (s *service) serve(ctx context.Context, before *takeover.Taker) error {
	var taken []*net.TCPConn
	if before != nil {
		taken = before.Conns()
	}
	h, err := s.runOnce(ctx, before, taken)
	for s.mustBeginAnew(err) && ctx.Err() == nil {
		s.log.Error("beginning anew", "why", err)
		s.served, s.anew = true, errors.Is(err, journal.ErrForked)
		if !sleep(ctx, anewPause) {
			return nil
		}
		h, err = s.runOnce(ctx, nil, nil)
	}
	for err == nil && h != nil {
		if h.failed == nil {
			return s.farewell(h)
		}
		s.after.end(takeover.Peer{}, h.failed)
		h, err = s.again(ctx, h.kept)
	}
	return err
}

// anewPause keeps a process that must begin anew again and again from doing nothing else.
const anewPause = 100 * time.Millisecond

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// mustBeginAnew: the process must begin anew, without ending. What it had read is not the truth any more, or what it
// had decided is not its to decide. A journal that nobody shares does not fork: there it is damage.
func (s *service) mustBeginAnew(err error) bool {
	return s.config.Store.Engine == redisEngine && beginsAnew(err)
}

func beginsAnew(err error) bool {
	return errors.Is(err, journal.ErrForked) || errors.Is(err, lease.ErrDeposed)
}

// farewell lets long requests end; the other process serves already.
func (s *service) farewell(h *handover) error {
	s.after.end(h.to, nil)
	h.linger()
	s.log.Info("replaced", "by", h.to.Build, "pid", h.to.PID)
	return nil
}

// againTime is how long the data folder may still be held by a process that failed to take over.
const againTime = 10 * time.Second

// again goes on after a handover that failed.
func (s *service) again(ctx context.Context, kept []*net.TCPConn) (*handover, error) {
	for end := time.Now().Add(againTime); ; time.Sleep(100 * time.Millisecond) {
		a, err := s.open(ctx)
		if err == nil {
			return s.runApp(ctx, a, nil, kept)
		}
		if time.Now().After(end) || ctx.Err() != nil {
			closeConns(kept)
			return nil, fmt.Errorf("go on after an upgrade that failed: %w", err)
		}
	}
}

func (s *service) runOnce(ctx context.Context, before *takeover.Taker, taken []*net.TCPConn) (*handover, error) {
	a, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.runApp(ctx, a, before, taken)
}

func (s *service) open(ctx context.Context) (*App, error) {
	return Open(ctx, s.config, s.log, AppOptions{Out: s.out, Media: s.media, Served: s.served, Anew: s.anew})
}

func (s *service) runApp(ctx context.Context, a *App, before *takeover.Taker, taken []*net.TCPConn) (*handover, error) {
	in := entrance{taken: taken, before: before, after: s.after, notify: s.notify,
		// A socket of which there is a duplicate would go on letting callers in who then wait for nobody.
		stopping: func() { _ = s.set.Close() }}
	var err error
	if in.http, err = s.http(); err != nil {
		return nil, fmt.Errorf("%w (is another gateway running?)", errors.Join(err, a.unbind(), a.close()))
	}
	if in.control, err = s.control(); err != nil {
		return nil, errors.Join(err, in.http.Close(), a.unbind(), a.close())
	}
	return a.run(ctx, in)
}

// socket takes a listener from the set, where bind puts it when it is not there.
func (s *service) socket(name, address string, bind func() (net.Listener, error)) (net.Listener, error) {
	l, err := s.set.Listener(name, address)
	if l != nil || err != nil {
		return l, err
	}
	if l, err = bind(); err != nil {
		return nil, err
	}
	c, ok := l.(syscall.Conn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s: a %T cannot be kept", name, l), l.Close())
	}
	return l, s.set.Keep(name, address, c)
}

func (s *service) http() (net.Listener, error) {
	at := s.config.Listen
	return s.socket(socketHTTP, at, func() (net.Listener, error) {
		l, err := net.Listen("tcp", at)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", at, err)
		}
		return l, nil
	})
}

// control is the control socket. Its file goes when the gateway stops, unless another process has it by then.
func (s *service) control() (net.Listener, error) {
	at, err := control.Path(s.config.Data)
	if err != nil {
		return nil, err
	}
	l, err := s.socket(socketControl, at, func() (net.Listener, error) { return control.Listen(s.config.Data) })
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(true)
	}
	return l, err
}

// media are the sockets of calls.
func (s *service) media(at string) (*media.Bound, error) {
	p, err := s.set.PacketConn(socketMediaUDP, at)
	if err != nil {
		return nil, err
	}
	if udp, ok := p.(*net.UDPConn); ok {
		tcp, err := s.set.Listener(socketMediaTCP, at)
		if err != nil || tcp == nil {
			return nil, errors.Join(errors.New("half of the sockets are missing"), err, udp.Close())
		}
		return &media.Bound{UDP: udp, TCP: tcp}, nil
	}
	b, err := media.Bind(at)
	if err != nil {
		return nil, err
	}
	return b, errors.Join(s.set.Keep(socketMediaUDP, at, b.UDP), s.set.Keep(socketMediaTCP, at, b.TCP.(syscall.Conn)))
}
