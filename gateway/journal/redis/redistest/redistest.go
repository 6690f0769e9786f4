// Package redistest runs real Redis servers for tests, as child processes on loopback: one ([Start]), or a primary with
// replicas and three sentinels ([StartGroup]). All of them end with the test, what they write is in its folders.
//
// The program is redis-server, or what the environment variable REDIS_SERVER names, such as valkey-server.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Server is one redis-server, or a sentinel.
type Server struct {
	Addr string

	t     testing.TB
	args  []string // of the program
	child *exec.Cmd
}

// Start runs a server that syncs every write to a folder of the test's, with further settings: "--name", "value".
func Start(t testing.TB, extra ...string) *Server {
	t.Helper()
	s := prepare(t, extra...)
	s.Launch()
	return s
}

// prepare writes the settings of a server. They are in a file because Sentinel changes them there.
func prepare(t testing.TB, extra ...string) *Server {
	t.Helper()
	settings := append([]string{"--save", `""`, "--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "no", "--repl-diskless-sync-delay", "0"}, extra...)
	return configured(t, "redis.conf", settings)
}

func configured(t testing.TB, name string, settings []string) *Server {
	t.Helper()
	addr, dir := FreeAddr(t), t.TempDir()
	host, port, _ := net.SplitHostPort(addr)
	settings = append([]string{"--bind", host, "--port", port, "--dir", dir, "--loglevel", "warning"}, settings...)
	var text strings.Builder
	for i := 0; i+1 < len(settings); i += 2 {
		fmt.Fprintf(&text, "%s %s\n", strings.TrimPrefix(settings[i], "--"), settings[i+1])
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: addr, t: t, args: []string{file}}
	t.Cleanup(s.Kill)
	return s
}

// FreeAddr is a free address on loopback, drawn from many: the next free one would often be that of a primary which
// another test has killed, and whose replica goes on asking there for it.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000)) // below the ports of outgoing connections
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
}

func program() string {
	if p := os.Getenv("REDIS_SERVER"); p != "" {
		return p
	}
	return "redis-server"
}

// patience bounds how long a process or a group may take for what was asked of it.
const patience = 20 * time.Second

// Mend takes away the torn end of what a server has written in dir, as deploy/redis.sh does before each start.
func Mend(t testing.TB, dir string) {
	t.Helper()
	root, err := os.Getwd() // of tests: their package's
	if err != nil {
		t.Fatal(err)
	}
	for ; !isFile(filepath.Join(root, "go.mod")); root = filepath.Dir(root) {
		if root == filepath.Dir(root) {
			t.Fatal("there is no go.mod above the test")
		}
	}
	if out, err := exec.Command("sh", filepath.Join(root, "deploy", "mend-aof.sh"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Dir is where it keeps its files.
func (s *Server) Dir() string { return filepath.Dir(s.args[0]) }

// Launch starts it, again on what it has, and returns when it answers.
func (s *Server) Launch() {
	s.t.Helper()
	Mend(s.t, s.Dir())
	s.child = exec.Command(program(), s.args...)
	if err := s.child.Start(); err != nil {
		s.child = nil
		s.t.Fatalf("%s is needed for this test: %v", program(), err)
	}
	s.until("it answers", func(c *goredis.Client) bool { return c.Ping(context.Background()).Err() == nil })
}

// until waits for what a command says.
func (s *Server) until(what string, ok func(*goredis.Client) bool) {
	s.t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true})
	defer c.Close()
	for end := time.Now().Add(patience); !ok(c); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("redis at %s: waited %s in vain: %s", s.Addr, patience, what)
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

// LaunchAsReplica starts it again as a replica of a primary, as an operator would.
func (s *Server) LaunchAsReplica(of *Server) {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(of.Addr)
	file, err := os.OpenFile(s.args[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = fmt.Fprintf(file, "\nreplicaof %s %s\n", host, port)
	if err := errors.Join(err, file.Close()); err != nil {
		s.t.Fatal(err)
	}
	s.Launch()
}

// Stop freezes it: it keeps its memory and its connections, and does nothing.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Continue ends Stop.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(what syscall.Signal) {
	s.t.Helper()
	if err := s.child.Process.Signal(what); err != nil {
		s.t.Fatal(err)
	}
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
