package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/gateway/control"
	"backline/gateway/httpx"
	"backline/gateway/takeover"
)

// stopGrace is how long requests and sockets have to end.
const stopGrace = 10 * time.Second

// anewGrace is the same where the process begins anew: whoever is cut off comes back to it.
const anewGrace = time.Second

// entrance is what an App is reached by, and who came before it and may come after it.
type entrance struct {
	http, control net.Listener
	taken         []*net.TCPConn  // connections of the process before
	before        *takeover.Taker // nil: an ordinary start
	after         *succession     // nil: nobody may take over
	notify        notifier        // hears what becomes of the process
	stopping      func()          // told when it stops for good; may be nil
}

// section is something that may end before, or after, all else.
type section struct {
	stop  context.CancelFunc
	ended chan struct{}
	err   error // read after ended
}

func begin(ctx context.Context, run func(context.Context) error) *section {
	ctx, stop := context.WithCancel(ctx)
	p := &section{stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.err = run(ctx)
	}()
	return p
}

func (p *section) end() error {
	p.stop()
	<-p.ended
	return p.err
}

// running is an App that runs.
type running struct {
	*App
	in       entrance
	work     context.Context // of everything but sound
	stopWork context.CancelFunc
	group    *errgroup.Group
	failed   context.Context // ended, with the cause, when one of the group failed
	outbox   *section
	sound    *section
	meter    *section
	door     *takeover.Door
	listener *takeover.Listener
	server   *http.Server
	open     chan struct{} // closed when the world may come in
	leaving  atomic.Bool   // another process takes over
	draining atomic.Bool   // it stops, and other nodes go on
}

// Run serves on l until ctx ends, then stops in order: refuse new, say goodbye, finish what is under way.
func (a *App) Run(ctx context.Context, l net.Listener) error {
	// Before anything answers: a command that sees the gateway ready must find its socket.
	commands, err := control.Listen(a.config.Data)
	if err != nil {
		return errors.Join(err, l.Close(), a.close())
	}
	_, err = a.run(ctx, entrance{http: l, control: commands})
	return err
}

// run is Run that may end by handing everything over.
func (a *App) run(ctx context.Context, in entrance) (*handover, error) {
	r := a.start(ctx, in)
	var next chan *takeover.Giver // nil: nobody comes
	if in.after != nil {
		next = in.after.next
	}
	for {
		select {
		case <-ctx.Done():
			return nil, r.stop(ctx)
		case <-r.failed.Done():
			if r.App.lease != nil && beginsAnew(context.Cause(r.failed)) {
				return nil, r.end(ctx, anewGrace)
			}
			r.log.Error("this gateway cannot go on", "err", context.Cause(r.failed))
			return nil, r.stop(ctx)
		case g := <-next:
			if h := r.handOver(ctx, g); h != nil {
				return h, nil
			}
		}
	}
}

// start starts everything. What is outside comes in at once, or, where another process gives way, when that has.
func (a *App) start(ctx context.Context, in entrance) *running {
	r := &running{App: a, in: in, open: make(chan struct{})}
	r.work, r.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	group, failed := errgroup.WithContext(r.work)
	r.group, r.failed = group, failed
	if in.before == nil {
		close(r.open)
	}
	r.inside()
	r.outbox = begin(r.work, a.outbox.Run)
	r.sound = begin(context.WithoutCancel(ctx), r.carry)
	r.meter = begin(context.WithoutCancel(ctx), r.measure)
	r.outside()
	return r
}

// inside starts what needs nobody outside.
func (r *running) inside() {
	a, work := r.App, r.work
	r.goes(a.live.Run, a.fetcher.Run, a.profiles.Run, a.courtesies.Run, a.recordings.Run, a.ticks, a.settle, r.pack, r.watch)
	if a.past != (past{}) {
		r.goes(a.confirmPast)
	}
	if a.lease != nil {
		r.goes(a.journal.bus.Run, a.lease.Run, a.takeKeys, a.journal.archive.Run)
	}
	for name, ch := range a.channels {
		r.group.Go(func() error {
			if err := ch.Run(work, a.live); err != nil {
				return fmt.Errorf("channel %s: %w", name, err)
			}
			return nil
		})
	}
}

func (r *running) goes(runs ...func(context.Context) error) {
	for _, run := range runs {
		r.group.Go(func() error { return run(r.work) })
	}
}

// outside starts what others reach.
func (r *running) outside() {
	a := r.App
	r.door = takeover.NewDoor(httpx.IdleTimeout)
	r.listener = r.door.Listen(r.in.http, r.in.taken)
	var l net.Listener = r.listener
	r.server = newServer(a)
	r.server.ConnState = r.door.State
	r.server.Handler = r.sayGoodbye(r.server.Handler)
	if a.certs != nil {
		secure, port := a.secure(l)
		l = secure
		r.goes(r.whenOpen(port.Run))
	}
	if a.calls != nil {
		r.goes(r.whenOpen(a.calls.Run), a.checks.Run)
	}
	if a.meetings != nil {
		r.goes(r.whenOpen(a.meetings.Run))
	}
	if a.relay != nil {
		r.goes(a.relay.server.Run)
	}
	r.goes(r.admit, r.whenOpen(r.serve(l)), r.commands)
}

// measure writes how lines were, until after the last has ended.
func (r *running) measure(ctx context.Context) error {
	if r.App.meter == nil {
		return nil
	}
	return r.App.meter.Run(ctx)
}

// whenOpen is run, later.
func (r *running) whenOpen(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-r.open:
			return run(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// admit lets the world in: at once, or when the process before has given way.
func (r *running) admit(ctx context.Context) error {
	select {
	case <-r.live.Replayed():
	case <-ctx.Done():
		return nil
	}
	if r.in.before != nil {
		if err := r.in.before.Ready(); err != nil {
			return fmt.Errorf("take over: %w", err)
		}
		close(r.open)
		r.log.Info("taken over", "from", r.in.before.Old.Build, "connections", len(r.in.taken))
	}
	r.in.notify.say("READY=1", "STATUS="+build())
	return nil
}

func (r *running) serve(l net.Listener) func(context.Context) error {
	return func(context.Context) error {
		if err := r.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("http server: %w", err)
		}
		return nil
	}
}

// carry runs the calls' sound, which may outlive the rest.
func (r *running) carry(ctx context.Context) error {
	if r.engine == nil {
		return nil
	}
	select {
	case <-r.open:
	case <-ctx.Done():
	}
	rooms := begin(ctx, func(ctx context.Context) error {
		if r.sfu == nil {
			return nil
		}
		return r.sfu.Run(ctx)
	})
	err := r.engine.Run(ctx)
	return errors.Join(err, rooms.end())
}

// commands serves the control socket.
func (r *running) commands(ctx context.Context) error {
	select {
	case <-r.open:
		return r.control(ctx, r.in.control, r.in.after)
	case <-ctx.Done():
		return r.in.control.Close()
	}
}

// pack prepares pages for sending. That is for later: they are served plain until then.
func (r *running) pack(ctx context.Context) error {
	select {
	case <-r.live.Replayed():
		err := r.pages.Run(ctx)
		debug.FreeOSMemory() // the start took several times what is needed from now on
		return err
	case <-ctx.Done():
		return nil
	}
}

// watch ends everything when the journal does: opening it again helps, and that is what a restart does.
func (r *running) watch(ctx context.Context) error {
	select {
	case <-r.journal.disk.Failed():
		return fmt.Errorf("journal: %w", r.journal.disk.Healthy())
	case <-ctx.Done():
		return nil
	}
}

// stop ends everything, for good.
func (r *running) stop(ctx context.Context) error {
	r.log.Info("stopping")
	r.in.notify.say("STOPPING=1")
	if r.in.stopping != nil {
		r.in.stopping()
	}
	r.drain()
	return r.end(ctx, stopGrace)
}

// drainTime is how long a balancer has to notice that a node stops: deploy/haproxy.cfg needs 1.2 s.
const drainTime = 2 * time.Second

// drain goes on serving while /readyz says no and connections are closed behind their answers, so that nobody meets a
// socket that is just being closed. A gateway alone has nobody to send them to.
func (r *running) drain() {
	if r.lease == nil {
		return
	}
	r.draining.Store(true)
	select {
	case <-time.After(drainTime):
	case <-r.failed.Done(): // it does not serve any more
	}
}

// end ends everything in order; requests and sockets have patience's time.
func (r *running) end(ctx context.Context, patience time.Duration) error {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	shut := make(chan error, 1)
	go func() { shut <- r.server.Shutdown(grace) }()
	r.hub.Stop(grace, false)
	r.stopMeetings(grace)
	r.visitors(grace, nil)
	err := <-shut
	if err != nil {
		err = errors.Join(err, r.server.Close()) // requests that took longer
	}
	r.stopWork()
	_ = r.listener.Close() // it is closed, unless it never served
	return errors.Join(r.group.Wait(), r.outbox.end(), r.sound.end(), r.meter.end(), err, r.close())
}

func (r *running) stopMeetings(ctx context.Context) {
	if r.meetings != nil {
		r.meetings.Stop(ctx)
	}
}

// sayGoodbye has clients close their connections: with TLS of our own they cannot move to another process, and when a node
// stops they shall find another one.
func (r *running) sayGoodbye(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.draining.Load() || r.leaving.Load() && r.certs != nil {
			w.Header().Set("Connection", "close")
		}
		if r.draining.Load() && req.URL.Path == "/readyz" {
			say(w, http.StatusServiceUnavailable, "stopping")
			return
		}
		next.ServeHTTP(w, req)
	})
}
