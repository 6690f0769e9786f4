// Package redistest runs real Redis servers for tests, as child processes on loopback.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Server is one redis-server; it ends with the test.
type Server struct {
	Addr string

	t     testing.TB
	dir   string
	extra []string
	child *exec.Cmd
}

// Start runs a server that syncs every write to a folder of the test's, with further settings by name and value.
func Start(t testing.TB, extra ...string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &Server{Addr: l.Addr().String(), t: t, dir: t.TempDir(), extra: extra}
	l.Close()
	s.Launch()
	t.Cleanup(s.Kill)
	return s
}

// Launch starts it again on what it has.
func (s *Server) Launch() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", s.dir, "--save", "", "--appendonly", "yes",
		"--appendfsync", "always", "--repl-diskless-sync-delay", "0", "--loglevel", "warning"}, s.extra...)
	s.child = exec.Command("redis-server", args...)
	if err := s.child.Start(); err != nil {
		s.t.Fatalf("redis-server is needed for this test: %v", err)
	}
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr, MaxRetries: -1})
	defer c.Close()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := c.Ping(context.Background()).Err()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("redis-server does not answer: %v", err)
		}
	}
}

// Kill ends it as a power failure would.
func (s *Server) Kill() {
	if s.child == nil {
		return
	}
	if err := s.child.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	_ = s.child.Wait() // "signal: killed"
	s.child = nil
}

// Config changes a setting while it runs.
func (s *Server) Config(name, value string) {
	s.t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr})
	defer c.Close()
	if err := c.ConfigSet(context.Background(), name, value).Err(); err != nil {
		s.t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
}
