package chaos

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Node is one gateway, a process of its own with a data folder of its own. A process that ends by itself is started
// again, as a supervisor does.
type Node struct {
	Name, URL, Data string
	Log             *Log // of all its lives

	t      testing.TB
	names  *Names
	wrap   []string
	env    []string // beside that of the test
	config string   // path

	mu       sync.Mutex
	binary   string        // guarded by mu
	child    *exec.Cmd     // nil: it is not to run; guarded by mu
	ended    chan struct{} // closed when child has; guarded by mu
	outcome  error         // of the last child; guarded by mu
	frozen   bool          // guarded by mu
	restarts int           // by itself; guarded by mu
}

// restartAfter is how long the supervisor waits.
const restartAfter = 200 * time.Millisecond

// Launch starts it.
func (n *Node) Launch() {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.launchLocked(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *Node) launchLocked() error {
	args := append(slices.Clone(n.wrap), n.binary, "serve", "--config", n.config)
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), n.env...)
	c.Stdout, c.Stderr = n.Log, n.Log
	if err := c.Start(); err != nil {
		return err
	}
	if n.names != nil {
		n.names.Set(c.Process.Pid, n.Name)
	}
	ended := make(chan struct{})
	n.child, n.ended = c, ended
	go func() { // ends with the process, for which Kill and Stop wait
		err := c.Wait()
		n.mu.Lock()
		defer n.mu.Unlock()
		n.outcome = err
		if n.child == c {
			n.restarts++
			n.child = nil
			time.AfterFunc(restartAfter, func() { n.again(ended) })
		}
		close(ended)
	}()
	return nil
}

// again starts it, unless somebody else has, or has ended it for good.
func (n *Node) again(ended chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended == ended {
		if err := n.launchLocked(); err != nil {
			n.t.Errorf("node %s: %v", n.Name, err)
		}
	}
}

// Use has it be another version from its next start on.
func (n *Node) Use(binary string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.binary = binary
}

// Start starts it and waits until it is ready.
func (n *Node) Start() time.Duration {
	n.t.Helper()
	n.Launch()
	return n.Becomes(http.StatusOK, 30*time.Second)
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

// forget takes the child from the supervisor.
func (n *Node) forget() (child *exec.Cmd, ended chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	child, ended = n.child, n.ended
	n.child, n.ended, n.frozen = nil, nil, false
	return child, ended
}

// Kill ends it as a power failure would.
func (n *Node) Kill() {
	if child, ended := n.forget(); child != nil {
		_ = child.Process.Kill() // it may have ended by itself
		<-ended
	}
}

// Stop ends it in order, and returns how long that took.
func (n *Node) Stop() time.Duration {
	n.t.Helper()
	n.Thaw()
	child, ended := n.forget()
	if child == nil {
		return 0
	}
	began := time.Now()
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Errorf("node %s: %v", n.Name, err)
	}
	select {
	case <-ended:
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.outcome != nil {
			n.t.Errorf("node %s did not stop in order: %v; the end of its log:\n%s", n.Name, n.outcome, n.Log.End())
		}
	case <-time.After(30 * time.Second):
		n.t.Errorf("node %s has not stopped after 30 s; the end of its log:\n%s", n.Name, n.Log.End())
		_ = child.Process.Kill()
		<-ended
	}
	return time.Since(began)
}

// Freeze stops it as a machine that hangs.
func (n *Node) Freeze() { n.t.Helper(); n.signal(syscall.SIGSTOP, true) }

// Thaw lets it go on, if it was stopped.
func (n *Node) Thaw() {
	n.t.Helper()
	n.mu.Lock()
	frozen := n.frozen
	n.mu.Unlock()
	if frozen {
		n.signal(syscall.SIGCONT, false)
	}
}

func (n *Node) signal(s syscall.Signal, frozen bool) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.child == nil {
		n.t.Errorf("node %s does not run", n.Name)
		return
	}
	if err := n.child.Process.Signal(s); err != nil {
		n.t.Errorf("node %s: %v", n.Name, err)
	}
	n.frozen = frozen
}

// Runs reports whether it is to run.
func (n *Node) Runs() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ended != nil
}

// Restarts counts how often it has ended by itself and was started again.
func (n *Node) Restarts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.restarts
}

// PID is its process, 0: none.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.child == nil {
		return 0
	}
	return n.child.Process.Pid
}

// Memory is its resident set in bytes.
func (n *Node) Memory() int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kb int64
			if _, err := fmt.Sscan(v, &kb); err == nil {
				return kb << 10
			}
		}
	}
	return 0
}

// Files counts the files and sockets that it has open.
func (n *Node) Files() int {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.PID()))
	if err != nil {
		return 0
	}
	return len(fds)
}

// Metric is what the node says of itself under a name without labels.
func (n *Node) Metric(name string) float64 {
	n.t.Helper()
	res, err := http.Get(n.URL + "/metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				n.t.Fatal(err)
			}
			return f
		}
	}
	n.t.Fatalf("no metric %s: %v", name, lines.Err())
	return 0
}

// Command executes a command of the same program with the node's configuration.
func (n *Node) Command(words ...string) {
	n.t.Helper()
	if out, err := n.run("", append(words, "--config", n.config)...); err != nil {
		n.t.Errorf("%v at node %s: %v: %s", words, n.Name, err, out)
	}
}

// run executes a command of the same program.
func (n *Node) run(stdin string, args ...string) (string, error) {
	n.mu.Lock()
	binary := n.binary
	n.mu.Unlock()
	c := exec.Command(binary, args...)
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
	Wrap   []string // a command that the nodes' is given to: prlimit --nofile=300
	Names  *Names   // that are told which process is whose; may be nil
	// Store of a node, as YAML of its configuration; empty: each has its own embedded one.
	Store func(node string) string
	// Env of a node, beside that of the test; may be nil.
	Env func(node string) []string
	// Data is where a node's data folder is made; "" or nil: where the test's files are.
	Data func(node string) string
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
		var env []string
		if o.Env != nil {
			env = o.Env(name)
		}
		data := dir
		if o.Data != nil {
			data = cmp.Or(o.Data(name), dir)
		}
		c.Nodes = append(c.Nodes, &Node{Name: name, URL: "http://" + addr, Data: filepath.Join(data, name), Log: &Log{},
			t: t, names: o.Names, binary: o.Binary, wrap: o.Wrap, env: env, config: filepath.Join(dir, name+".yaml")})
	}
	b, err := NewBalancer(addrs...)
	if err != nil {
		t.Fatal(err)
	}
	c.Balancer = b
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			n.Kill()
			if path := os.Getenv("BACKLINE_CHAOS_LOGS"); path != "" {
				if err := os.WriteFile(filepath.Join(path, n.Name+".log"), []byte(n.Log.String()), 0o600); err != nil {
					t.Error(err)
				}
			}
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

// Running are the nodes that are to run.
func (c *Cluster) Running() []*Node {
	var out []*Node
	for _, n := range c.Nodes {
		if n.Runs() {
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
