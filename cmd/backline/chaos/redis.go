package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal/redis/redistest"
)

// MasterName is what the sentinels call the primary.
const MasterName = "backline"

// downAfter is how long sentinels wait for a server before they call it down.
const downAfter = time.Second

// Server is one process of Redis, reached by all others through its cable.
type Server struct {
	Name  string
	Cable *Cable
	Log   *Log

	t      testing.TB
	names  *Names
	port   string // its own, behind the cable
	dir    string
	args   []string
	child  *exec.Cmd
	frozen bool
}

// Sentinels is a primary with replicas, watched by three sentinels. Each is known to the others, and to nodes, by its
// cable alone.
type Sentinels struct {
	Servers []*Server // the first began as primary
	Watch   []*Server // the sentinels

	t testing.TB
}

// NewSentinels starts it; it ends with the test. names says who else dials (see [NewCable]); more are settings of the
// servers, by name and value.
func NewSentinels(t testing.TB, replicas int, names *Names, more ...string) *Sentinels {
	t.Helper()
	s := &Sentinels{t: t}
	for i := range replicas + 1 {
		x := newServer(t, fmt.Sprint("redis", i+1), names)
		host, port, _ := net.SplitHostPort(x.Cable.Addr)
		x.args = append([]string{"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "no", "--repl-diskless-sync-delay", "0", "--repl-timeout", "5",
			"--repl-ping-replica-period", "1", "--replica-announce-ip", host, "--replica-announce-port", port}, more...)
		s.Servers = append(s.Servers, x)
	}
	for i, x := range s.Servers {
		if i > 0 {
			x.args = append(x.args, "--replicaof", strings.Replace(s.Servers[0].Cable.Addr, ":", " ", 1))
		}
		x.Launch()
	}
	for i := range 3 {
		x := newServer(t, fmt.Sprint("sentinel", i+1), names)
		host, port, _ := net.SplitHostPort(x.Cable.Addr)
		text := fmt.Sprintf("sentinel announce-ip %s\nsentinel announce-port %s\nsentinel monitor %s %s 2\nsentinel down-after-milliseconds %[3]s %[5]d\nsentinel failover-timeout %[3]s 10000\nsentinel parallel-syncs %[3]s 1\n",
			host, port, MasterName, strings.Replace(s.Servers[0].Cable.Addr, ":", " ", 1), downAfter.Milliseconds())
		path := filepath.Join(x.dir, "sentinel.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		x.args = []string{path, "--sentinel"}
		s.Watch = append(s.Watch, x)
		x.Launch()
	}
	s.ready(replicas)
	return s
}

func newServer(t testing.TB, name string, names *Names) *Server {
	t.Helper()
	addr := redistest.FreeAddr(t)
	cable, err := NewCable(addr, names)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	x := &Server{Name: name, Cable: cable, Log: &Log{}, t: t, names: names, port: port, dir: t.TempDir()}
	t.Cleanup(func() {
		x.Kill()
		cable.Close()
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", name, x.Log.End())
		}
	})
	return x
}

// ready waits until the sentinels know each other and all replicas.
func (s *Sentinels) ready(replicas int) {
	s.t.Helper()
	for _, w := range s.Watch {
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			c := goredis.NewSentinelClient(&goredis.Options{Addr: w.Own(), MaxRetries: -1})
			m, err := c.Master(context.Background(), MasterName).Result()
			_ = c.Close()
			if err == nil && m["num-other-sentinels"] == "2" && m["num-slaves"] == fmt.Sprint(replicas) {
				break
			}
			if time.Now().After(end) {
				s.t.Fatalf("%s is not ready: %v %v", w.Name, m, err)
			}
		}
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		info, err := s.Servers[0].Info("replication")
		if err == nil && strings.Count(info, "state=online") == replicas {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("replicas do not come: %v %s", err, info)
		}
	}
}

// Addrs are the sentinels as nodes reach them.
func (s *Sentinels) Addrs() []string {
	var out []string
	for _, w := range s.Watch {
		out = append(out, w.Cable.Addr)
	}
	return out
}

// Primary is the server that most sentinels call so.
func (s *Sentinels) Primary() *Server {
	s.t.Helper()
	votes := map[*Server]int{}
	for _, w := range s.Watch {
		if w.child == nil || w.frozen {
			continue
		}
		c := goredis.NewSentinelClient(&goredis.Options{Addr: w.Own(), MaxRetries: -1})
		addr, err := c.GetMasterAddrByName(context.Background(), MasterName).Result()
		_ = c.Close()
		if err != nil {
			continue
		}
		for _, x := range s.Servers {
			if votes[x]++; x.Cable.Addr != strings.Join(addr, ":") {
				votes[x]--
			}
		}
	}
	best := s.Servers[0]
	for x, n := range votes {
		if n > votes[best] {
			best = x
		}
	}
	return best
}

// Moves waits until the primary is another server than it was, which takes writes, and returns it.
func (s *Sentinels) Moves(from *Server, patience time.Duration) *Server {
	s.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if p := s.Primary(); p != from {
			if info, err := p.Info("replication"); err == nil && strings.Contains(info, "role:master") {
				return p
			}
		}
	}
	s.t.Fatalf("no other primary after %s", patience)
	return nil
}

// Own is its address without the cable.
func (x *Server) Own() string { return "127.0.0.1:" + x.port }

// Client speaks with it past the cable; the caller closes it.
func (x *Server) Client() *goredis.Client {
	return goredis.NewClient(&goredis.Options{Addr: x.Own(), MaxRetries: -1, DialTimeout: time.Second})
}

// Info is what it says about itself.
func (x *Server) Info(section string) (string, error) {
	c := x.Client()
	defer c.Close()
	return c.Info(context.Background(), section).Result()
}

// Do sends it a command past the cable.
func (x *Server) Do(args ...any) {
	x.t.Helper()
	c := x.Client()
	defer c.Close()
	if err := c.Do(context.Background(), args...).Err(); err != nil && !errors.Is(err, goredis.Nil) {
		x.t.Errorf("%s: %v: %v", x.Name, args, err)
	}
}

// Launch starts it, again on what it has.
func (x *Server) Launch() {
	x.t.Helper()
	args := append(append([]string{}, x.args...), "--port", x.port, "--bind", "127.0.0.1", "--dir", x.dir, "--loglevel", "notice")
	if strings.HasPrefix(x.Name, "sentinel") { // the file comes first
		args = append([]string{x.args[0], "--port", x.port, "--bind", "127.0.0.1", "--dir", x.dir}, x.args[1:]...)
	}
	redistest.Mend(x.t, x.dir)
	x.child = exec.Command("redis-server", args...)
	x.child.Stdout, x.child.Stderr = x.Log, x.Log
	if err := x.child.Start(); err != nil {
		x.t.Fatalf("redis-server is needed for this test: %v", err)
	}
	if x.names != nil {
		x.names.Set(x.child.Process.Pid, x.Name)
	}
	c := x.Client()
	defer c.Close()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := c.Ping(context.Background()).Err()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			x.t.Fatalf("%s does not answer: %v\n%s", x.Name, err, x.Log.End())
		}
	}
}

// Kill ends it as a power failure would.
func (x *Server) Kill() {
	if x.child == nil {
		return
	}
	if err := x.child.Process.Kill(); err != nil {
		x.t.Error(err)
	}
	_ = x.child.Wait() // "signal: killed"
	x.child, x.frozen = nil, false
}

// Freeze stops it as a machine that hangs.
func (x *Server) Freeze() { x.signal(syscall.SIGSTOP); x.frozen = true }

// Thaw lets it go on.
func (x *Server) Thaw() { x.signal(syscall.SIGCONT); x.frozen = false }

func (x *Server) signal(s syscall.Signal) {
	x.t.Helper()
	if err := x.child.Process.Signal(s); err != nil {
		x.t.Errorf("%s: %v", x.Name, err)
	}
}
