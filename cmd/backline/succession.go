package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/takeover"
)

// checkTime is how long the new program may take to judge the configuration, and endTime a process that was told
// to end.
const (
	checkTime = 20 * time.Second
	endTime   = 5 * time.Second
)

const upgradePath = "/upgrade"

// upgradeBody is what `backline upgrade` asks, upgraded what it is answered.
type upgradeBody struct {
	Program string `json:"program"`
}

type upgraded struct {
	Build  string `json:"build"`
	PID    int    `json:"pid"`
	Before string `json:"before"`
}

// succession is how another process takes this one's place: it comes by itself, or is started here. One at a time.
type succession struct {
	set     *takeover.Set
	program string   // how this process was started
	args    []string // of the new one
	check   []string // of the new program, to judge the configuration
	environ []string
	out     [2]*os.File // the terminal or log: standard output and error of the new process
	log     *slog.Logger
	next    chan *takeover.Giver // a process that is prepared; never closed
	over    chan struct{}        // closed when nobody gives way any more
	asking  sync.WaitGroup       // requests that were hijacked

	mu       sync.Mutex
	starting bool       // guarded by mu
	taking   bool       // guarded by mu
	outcome  chan error // of the takeover that starting waits for, capacity 1; guarded by mu
	build    string     // of the new process; guarded by mu
}

// routes adds what the control socket answers. A nil succession refuses.
func (s *succession) routes(mux *http.ServeMux) {
	refuse := func(w http.ResponseWriter, r *http.Request) {
		httpx.Problem(w, r, gateway.Errorf(gateway.Conflicting, "this gateway cannot be upgraded while it runs: stop it and start the new version"))
	}
	if s == nil {
		mux.HandleFunc("POST "+takeover.Path, refuse)
		mux.HandleFunc("POST "+upgradePath, refuse)
		return
	}
	mux.HandleFunc("POST "+takeover.Path, s.take)
	mux.HandleFunc("POST "+upgradePath, s.upgrade)
}

// take meets a process that wants to take over.
func (s *succession) take(w http.ResponseWriter, r *http.Request) {
	if !s.begin(&s.taking) {
		httpx.Problem(w, r, gateway.Errorf(gateway.Conflicting, "another process is taking over"))
		return
	}
	s.asking.Add(1)
	defer s.asking.Done()
	conn, err := hijack(w)
	if err == nil {
		_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+takeover.Upgrade+"\r\n\r\n")
	}
	if err != nil {
		s.end(takeover.Peer{}, err)
		return
	}
	g, err := takeover.Accept(conn, s.set, build())
	if err != nil {
		s.end(takeover.Peer{}, err)
		return
	}
	select {
	case s.next <- g:
	case <-s.over:
		g.Refuse("the gateway is stopping")
		s.end(g.New, errors.New("the gateway is stopping"))
	}
}

func hijack(w http.ResponseWriter) (net.Conn, error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	return conn, err
}

func (s *succession) begin(what *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *what {
		return false
	}
	*what = true
	return true
}

// end says what came of a takeover.
func (s *succession) end(by takeover.Peer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taking, s.build = false, by.Build
	if s.outcome != nil {
		s.outcome <- err
		s.outcome = nil
	}
	if err != nil {
		s.log.Error("another process did not take over; this one goes on", "err", err)
	}
}

// upgrade starts the new program and answers when it runs, or why it does not.
func (s *succession) upgrade(w http.ResponseWriter, r *http.Request) {
	var b upgradeBody
	if err := httpx.ReadJSON(w, r, &b); err != nil {
		httpx.Problem(w, r, err)
		return
	}
	if b.Program == "" {
		b.Program = s.program
	}
	if !s.begin(&s.starting) {
		httpx.Problem(w, r, gateway.Errorf(gateway.Conflicting, "an upgrade is under way"))
		return
	}
	defer func() {
		s.mu.Lock()
		s.starting, s.outcome = false, nil
		s.mu.Unlock()
	}()
	if err := s.judge(r.Context(), b.Program); err != nil {
		httpx.Problem(w, r, &gateway.Error{Kind: gateway.Invalid, Msg: err.Error()})
		return
	}
	// The control socket closes before the answer is known, and takes its requests with it, but not this one.
	s.asking.Add(1)
	defer s.asking.Done()
	conn, err := hijack(w)
	if err != nil {
		return
	}
	defer conn.Close()
	done, err := s.replace(b.Program)
	answer(conn, done, err)
}

// judge has the new program read the configuration.
func (s *succession) judge(ctx context.Context, program string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	c := exec.CommandContext(ctx, program, s.check...)
	c.Env = s.environ
	out, err := c.CombinedOutput()
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s refuses the configuration, or cannot be run: %w\n%s", program, err, strings.TrimSpace(string(out)))
}

// replace starts the new process and waits for what comes of it.
func (s *succession) replace(program string) (upgraded, error) {
	c := exec.Command(program, s.args...)
	c.Env, c.Stdout, c.Stderr = s.environ, s.out[0], s.out[1]
	outcome := make(chan error, 1)
	s.mu.Lock()
	s.outcome = outcome
	s.mu.Unlock()
	if err := c.Start(); err != nil {
		return upgraded{}, fmt.Errorf("start the new process: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- c.Wait() }() // ends with the new process, or with this one
	select {
	case err := <-outcome:
		if err != nil {
			s.reap(c, exited)
			return upgraded{}, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return upgraded{Build: s.build, PID: c.Process.Pid, Before: build()}, nil
	case err := <-exited:
		return upgraded{}, s.died(err, outcome)
	}
}

// died says why a new process ended; what was told about it says more than how it ended.
func (s *succession) died(exit error, outcome <-chan error) error {
	select {
	case err := <-outcome:
		if err != nil {
			return err
		}
	case <-time.After(time.Second):
	}
	if exit == nil {
		return errors.New("the new process ended at once; its log says why")
	}
	return fmt.Errorf("the new process ended: %w; its log says why", exit)
}

// reap sees to it that a new process that was refused ends.
func (s *succession) reap(c *exec.Cmd, exited <-chan error) {
	select {
	case <-exited:
	case <-time.After(endTime):
		_ = c.Process.Kill() // it may have ended by now
		<-exited
	}
}

// answer writes an HTTP answer by hand.
func answer(conn net.Conn, done upgraded, err error) {
	status, body := http.StatusOK, any(done)
	if err != nil {
		status, body = http.StatusConflict, map[string]string{"detail": err.Error()}
	}
	data, e := json.Marshal(body)
	if e != nil {
		return // strings and numbers always can be
	}
	_ = conn.SetWriteDeadline(time.Now().Add(takeover.StepTime)) // fails only on a closed connection
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(data), data) // the asker may have gone
}

// ownPath is the path by which this process was started, so that a link or a file that was replaced meanwhile
// leads to the new program.
func ownPath() string {
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		path = os.Args[0]
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
