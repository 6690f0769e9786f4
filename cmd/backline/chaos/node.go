package chaos

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Node is one gateway, a process of its own with a data folder of its own.
type Node struct {
	Name, URL, Data string
	Log             *Log // of all its lives

	t      testing.TB
	binary string
	config string // path
	child  *exec.Cmd
	frozen bool
}

// Launch starts it.
func (n *Node) Launch() {
	n.t.Helper()
	n.child = exec.Command(n.binary, "serve", "--config", n.config)
	n.child.Stdout, n.child.Stderr = n.Log, n.Log
	if err := n.child.Start(); err != nil {
		n.t.Fatal(err)
	}
}

// Start starts it and waits until it is ready.
func (n *Node) Start() {
	n.t.Helper()
	n.Launch()
	n.Becomes(http.StatusOK, 20*time.Second)
}

// Becomes waits until /readyz answers so, and returns how long it took.
func (n *Node) Becomes(status int, patience time.Duration) time.Duration {
	n.t.Helper()
	client := &http.Client{Timeout: lookPatience}
	defer client.CloseIdleConnections()
	began := time.Now()
	for time.Since(began) < patience {
		if got, err := look(context.Background(), client, n.URL+"/readyz"); err == nil && got == status {
			return time.Since(began)
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.t.Fatalf("node %s: /readyz is not %d after %s; the end of its log:\n%s", n.Name, status, patience, n.Log.End())
	return 0
}

// Kill ends it as a power failure would.
func (n *Node) Kill() {
	n.t.Helper()
	if n.child == nil {
		return
	}
	if err := n.child.Process.Kill(); err != nil {
		n.t.Error(err)
	}
	_ = n.child.Wait() // "signal: killed"
	n.child, n.frozen = nil, false
}

// Stop ends it in order, and returns how long that took.
func (n *Node) Stop() time.Duration {
	n.t.Helper()
	if n.child == nil {
		return 0
	}
	n.Thaw()
	began := time.Now()
	n.signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- n.child.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			n.t.Errorf("node %s did not stop in order: %v; the end of its log:\n%s", n.Name, err, n.Log.End())
		}
	case <-time.After(30 * time.Second):
		n.t.Errorf("node %s has not stopped after 30 s; the end of its log:\n%s", n.Name, n.Log.End())
		_ = n.child.Process.Kill()
		<-ended
	}
	n.child = nil
	return time.Since(began)
}

// Freeze stops it as a machine that hangs; Thaw lets it go on.
func (n *Node) Freeze() { n.t.Helper(); n.signal(syscall.SIGSTOP); n.frozen = true }

// Thaw lets it go on.
func (n *Node) Thaw() {
	n.t.Helper()
	if n.frozen {
		n.signal(syscall.SIGCONT)
		n.frozen = false
	}
}

func (n *Node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.child.Process.Signal(s); err != nil {
		n.t.Errorf("node %s: %v", n.Name, err)
	}
}

// Runs reports whether it was started and not ended by us.
func (n *Node) Runs() bool { return n.child != nil }

// PID is its process, 0: none.
func (n *Node) PID() int {
	if n.child == nil {
		return 0
	}
	return n.child.Process.Pid
}

// run executes a command of the same program.
func (n *Node) run(stdin string, args ...string) (string, error) {
	c := exec.Command(n.binary, args...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	return string(out), err
}

// Log is what a process has written; the last of it is kept.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// keptLog bounds what is kept of a log, in bytes.
const keptLog = 16 << 20

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len() > keptLog {
		l.buf.Next(keptLog / 2)
	}
	return l.buf.Write(p)
}

// String is all of it that is kept.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// End is what of it one can read.
func (l *Log) End() string {
	s := l.String()
	return s[max(0, len(s)-6<<10):]
}

// Lines are those that contain a text.
func (l *Log) Lines(part string) []string {
	var out []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, part) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// Options of a cluster.
type Options struct {
	Binary string
	Nodes  int
	// Store of a node, as YAML of its configuration; empty: each has its own embedded one.
	Store func(node string) string
}

// Agents who answer, and their password.
const (
	password = "a kettle of chaotic geese"
	site     = "https://shop.example.org"
	page     = "100000000000001"
	number   = "+12025550100"
	secret   = "app-secret-of-the-chaos"
	account  = "AC00000000000000000000000000000001"
	token    = "auth-token-of-the-chaos"
)

var agents = []string{"jana", "emil", "ruth"}

// Cluster is nodes behind a balancer, and providers who send to it and take what it sends.
type Cluster struct {
	Nodes     []*Node
	Balancer  *Balancer
	Providers *Providers

	t testing.TB
}

// NewCluster starts one; it ends with the test.
func NewCluster(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Providers: NewProviders(t)}
	dir := t.TempDir()
	var addrs []string
	for i := range o.Nodes {
		addr := freeAddress(t)
		name := string(rune('a' + i))
		addrs = append(addrs, addr)
		c.Nodes = append(c.Nodes, &Node{Name: name, URL: "http://" + addr, Data: filepath.Join(dir, name), Log: &Log{},
			t: t, binary: o.Binary, config: filepath.Join(dir, name+".yaml")})
	}
	b, err := NewBalancer(addrs...)
	if err != nil {
		t.Fatal(err)
	}
	c.Balancer = b
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			n.Kill()
			if t.Failed() {
				t.Logf("the end of the log of node %s:\n%s", n.Name, n.Log.End())
			}
		}
		b.Close()
	})
	for i, n := range c.Nodes {
		store := ""
		if o.Store != nil {
			store = o.Store(n.Name) + fmt.Sprintf("node: {name: %s, address: %q}\n", n.Name, n.URL)
		}
		if err := os.WriteFile(n.config, c.configuration(n, addrs[i], store), 0o600); err != nil {
			t.Fatal(err)
		}
		n.Start()
	}
	for _, id := range agents {
		if out, err := c.Nodes[0].run(password+"\n", "agent", "add", "--config", c.Nodes[0].config, "--id", id, "--queues", "main"); err != nil {
			t.Fatalf("agent add: %v: %s", err, out)
		}
	}
	return c
}

func (c *Cluster) configuration(n *Node, listen, store string) []byte {
	text := fmt.Sprintf(`version: 1
listen: %s
public_url: %s
data: %s
company: {name: Nordwind, language: en}
rtc: {media: none, turn: ""}
queues: [{id: main, name: Service, ring: 5s}]
limits: {requests_per_second: 100000, burst: 100000, visitors_per_address: 20000}
log: {level: info}
agents:
`, listen, c.Balancer.URL, n.Data)
	for _, id := range agents {
		text += fmt.Sprintf("  - {id: %s, queues: [main], capacity: {text: 8}}\n", id)
	}
	return []byte(text + fmt.Sprintf(`entries:
  - {channel: livechat, site: shop, to: queue/main, origins: [%q]}
  - {channel: messenger, page: %q, to: queue/main}
  - {channel: sms, number: %q, to: queue/main}
messenger: {app_id: "1", app_secret: %s, verify_token: verify, page_token: page-token, graph_url: %q}
sms: {providers: [twilio], twilio: {account_sid: %s, auth_token: %s, api_url: %q}}
`, site, page, number, secret, c.Providers.URL, account, token, c.Providers.URL) + store)
}

// Names are the nodes' processes.
func (c *Cluster) Names() map[int]string {
	out := map[int]string{}
	for _, n := range c.Nodes {
		if pid := n.PID(); pid != 0 {
			out[pid] = n.Name
		}
	}
	return out
}

// Others are all nodes but one.
func (c *Cluster) Others(but *Node) []*Node {
	var out []*Node
	for _, n := range c.Nodes {
		if n != but {
			out = append(out, n)
		}
	}
	return out
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
