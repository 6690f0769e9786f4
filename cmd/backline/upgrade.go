package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"

	"backline/gateway"
	"backline/gateway/control"
	"backline/gateway/takeover"
)

// Times of a handover.
const (
	// requestsTime is how long everybody waits for requests under way. Those that take longer, uploads and downloads on
	// slow lines, end in the old process.
	requestsTime = 2 * time.Second
	// lingerTime is how long the old process lives on for those.
	lingerTime = 5 * time.Minute
	// secureTime is how long clients with TLS are told to close their connections; secureSettle waits for handshakes.
	secureTime   = time.Second
	secureSettle = 300 * time.Millisecond
)

// handover is what came of handing over. The process before it goes on unless failed is nil.
type handover struct {
	to     takeover.Peer
	failed error
	kept   []*net.TCPConn // connections that were given, which are open here as well
	linger func()         // waits for long requests; nil when failed
}

// handOver gives everything to the process behind g:
//
//	finish what providers are being asked → accept nothing, send pages away, give connections → close the data folder
//	→ (the new process reads it; sound goes on here) → end sound → done
//
// It returns nil when the new process has died before anything was lost, and then everything goes on.
func (r *running) handOver(ctx context.Context, g *takeover.Giver) *handover {
	r.log.Info("handing over", "to", g.New.Build, "pid", g.New.PID)
	r.in.notify.reloading()
	_ = r.outbox.end() // always nil; while this takes, all is served, and messages wait
	if r.certs != nil {
		r.leaving.Store(true)
		time.Sleep(secureTime)
	}
	if err := g.Alive(); err != nil {
		g.Refuse(err.Error())
		r.leaving.Store(false)
		r.outbox = begin(r.work, r.App.outbox.Run)
		r.in.after.end(g.New, err)
		r.in.notify.say("READY=1")
		return nil
	}
	h := &handover{to: g.New}
	err := errors.Join(r.leave(ctx, g, h), r.close())
	if err == nil {
		err = g.Yours()
	}
	if err != nil {
		h.failed = err
		g.Refuse(err.Error())
		_ = r.sound.end()    // the next App takes its sockets
		_ = r.server.Close() // what still runs has no data folder any more
		return h
	}
	err = r.sound.end()
	r.in.notify.say(fmt.Sprint("MAINPID=", g.New.PID)) // before the new one speaks: only the main process is believed
	if err := errors.Join(err, g.Done()); err != nil {
		r.log.Warn("handing over", "err", err)
	}
	closeConns(h.kept)
	return h
}

// leave ends everything but sound and long requests, and gives quiet connections on.
func (r *running) leave(ctx context.Context, g *takeover.Giver, h *handover) error {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestsTime)
	defer cancel()
	r.listener.Pause()
	pages := make(chan struct{}) // closed when all sockets have ended
	go func() {
		defer close(pages)
		r.hub.Stop(grace, true)
		r.stopMeetings(grace)
		r.visitors(grace, r.inCall)
	}()
	within := requestsTime
	if r.certs != nil {
		within = secureSettle
	}
	left, err := r.door.Take(within, func(conns []*net.TCPConn) error {
		h.kept = append(h.kept, conns...)
		return g.Give(conns)
	})
	<-pages
	shut := r.shutdown(ctx)
	h.linger = func() { <-shut }
	if r.certs != nil {
		select {
		case <-shut:
		case <-grace.Done():
		}
	}
	r.log.Info("handed over", "connections", len(h.kept), "requests_left", left)
	if l, ok := r.in.control.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false)
	}
	r.stopWork()
	// How the lines of running calls were until now is not written: they end without a journal.
	return errors.Join(err, r.group.Wait(), r.meter.end())
}

// shutdown lets requests end that take long.
func (r *running) shutdown(ctx context.Context) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		long, cancel := context.WithTimeout(context.WithoutCancel(ctx), lingerTime)
		defer cancel()
		if err := r.server.Shutdown(long); err != nil {
			_ = r.server.Close() // they had their time
		}
	}()
	return done
}

// inCall reports whose pages come back first.
func (r *running) inCall(who gateway.Identity) bool {
	_, ok := r.live.CallOf(who)
	return ok
}

func closeConns(conns []*net.TCPConn) {
	for _, c := range conns {
		_ = c.Close() // the other process has its own hold of it
	}
}

func (m *Main) upgrade(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("upgrade", flag.ContinueOnError)
	var at place
	at.flags(fs)
	program := fs.String("program", "", "the new program; without it, the path by which the running one was started")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usagef("unknown argument %q", fs.Arg(0))
	}
	folder, err := at.folder(m.Environ)
	if err != nil {
		return err
	}
	client, err := control.Dial(folder)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("%w: there is nothing to upgrade", err)
	}
	if err != nil {
		return err
	}
	client.Timeout = 2 * (takeover.PrepareTime + takeover.ReadyTime)
	var done upgraded
	if err := call(ctx, client, http.MethodPost, upgradePath, upgradeBody{Program: *program}, &done); err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "%s runs now, as process %d; before it was %s\n", done.Build, done.PID, done.Before)
	return nil
}
