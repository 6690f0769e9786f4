package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bench puts load on a gateway and prints what it took. Without --url it starts one of its own, in a
// temporary folder and a process apart, so that it measures what `backline serve` does.
func (m *Main) bench(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "calls" {
		return m.benchCalls(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == "forwarder" {
		return m.benchForwarder(ctx, args[1:])
	}
	if len(args) > 0 && args[0] == "start" {
		return m.benchStart(ctx, args[1:])
	}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	o := benchOptions{}
	fs.StringVar(&o.url, "url", "", "a running gateway's `URL`; default: start one")
	fs.StringVar(&o.page, "page", "100000000000001", "Messenger page `ID` of that gateway")
	fs.StringVar(&o.agent, "agent", "bench", "agent to sign in with; the password comes from BACKLINE_BENCH_PASSWORD, the app secret from BACKLINE_BENCH_APP_SECRET")
	fs.IntVar(&o.messages, "messages", 100000, "signed webhooks in the first part; also the size of the journal for the start")
	fs.IntVar(&o.callers, "callers", 64, "webhooks at once")
	fs.IntVar(&o.rate, "rate", 1000, "messages a second in the second part")
	fs.DurationVar(&o.hold, "hold", 10*time.Second, "length of the second part")
	fs.IntVar(&o.visitors, "visitors", 50, "chats at once in the third part")
	fs.IntVar(&o.nodes, "nodes", 1, "gateways to start; more than one needs --redis")
	fs.IntVar(&o.redis, "redis", 0, "redis-servers to start for the gateways to share: a primary and replicas; 0: the embedded store")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	if o.nodes < 1 || o.nodes > 9 || o.redis < 0 || o.redis > 5 || o.nodes > 1 && o.redis == 0 || o.url != "" && o.nodes+o.redis > 1 {
		return usagef("want 1 to 9 nodes, those that are more than one with --redis of 1 to 5, and neither with --url")
	}
	if o.messages < 1 || o.callers < 1 || o.rate < 1 || o.visitors < 0 || o.hold <= 0 || o.hold > 10*time.Minute {
		return usagef("counts must be positive, and hold at most 10m")
	}
	b := &bench{benchOptions: o, out: m.Stdout, secret: lookupEnv(m.Environ, "BACKLINE_BENCH_APP_SECRET"),
		password: lookupEnv(m.Environ, "BACKLINE_BENCH_PASSWORD"), client: &http.Client{Timeout: 30 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: o.callers}}}
	fmt.Fprintf(m.Stdout, "backline %s, %s/%s, %d CPUs; the load comes from the same machine\n", build(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if o.url != "" {
		return b.load(ctx)
	}
	return b.own(ctx)
}

func lookupEnv(environ []string, key string) string {
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, key+"="); ok {
			return v
		}
	}
	return ""
}

type benchOptions struct {
	url, page, agent                  string
	messages, callers, rate, visitors int
	nodes, redis                      int
	hold                              time.Duration
	keep                              time.Duration // store.keep
}

// bench is one run.
type bench struct {
	benchOptions
	out              io.Writer
	secret, password string
	client           *http.Client
	urls             []string    // of all nodes, url first; empty: url alone
	shared           *benchRedis // nil: the embedded store
}

// node is where caller i sends to.
func (b *bench) node(i int) string {
	if len(b.urls) == 0 {
		return b.url
	}
	return b.urls[i%len(b.urls)]
}

func (b *bench) load(ctx context.Context) error {
	began := time.Now()
	if err := b.webhooks(ctx); err != nil {
		return err
	}
	if b.shared != nil {
		if err := b.beside(ctx, began); err != nil {
			return err
		}
	}
	if err := b.toSocket(ctx); err != nil {
		return err
	}
	if b.visitors == 0 {
		return nil
	}
	return b.chats(ctx)
}

// own starts gateways, loads them, and starts the first again on what they have written.
func (b *bench) own(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "backline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.redis > 0 {
		if b.shared, err = startRedis(ctx, dir, b.redis); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.shared.stop()) }()
	}
	b.secret, b.password = rand.Text(), rand.Text()
	var running []*exec.Cmd
	defer func() {
		for _, c := range running {
			err = errors.Join(err, stop(c))
		}
	}()
	for i := range b.nodes {
		c, err := b.ownNode(ctx, dir, i)
		if err != nil {
			return err
		}
		running = append(running, c)
	}
	if err := b.load(ctx); err != nil {
		return err
	}
	if err := stop(running[0]); err != nil {
		return err
	}
	running = running[1:]
	child, took, err := b.start(ctx, b.path(dir, 0), b.url)
	if err != nil {
		return err
	}
	running = append(running, child)
	time.Sleep(settleTime)
	events, err := b.metric(ctx, "backline_journal_position")
	fmt.Fprintf(b.out, "start to ready, %s events: %s; memory after it: %s\n", events, took.Round(time.Millisecond), memory(child.Process.Pid))
	return err
}

// ownNode starts one gateway; the first gives the agent.
func (b *bench) ownNode(ctx context.Context, dir string, i int) (*exec.Cmd, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	url := "http://" + addr
	if i == 0 {
		b.url = url
	}
	b.urls = append(b.urls, url)
	if err := os.WriteFile(b.path(dir, i), b.configuration(addr, dir, i), 0o600); err != nil {
		return nil, err
	}
	child, took, err := b.start(ctx, b.path(dir, i), url)
	if err != nil {
		return nil, err
	}
	time.Sleep(settleTime)
	fmt.Fprintf(b.out, "start to ready, empty journal: %s; memory idle: %s\n", took.Round(time.Millisecond), memory(child.Process.Pid))
	if i == 0 {
		if err := b.agentIn(ctx, b.data(dir, i)); err != nil {
			return nil, errors.Join(err, stop(child))
		}
	}
	return child, nil
}

func (b *bench) path(dir string, i int) string {
	return filepath.Join(dir, fmt.Sprintf("node%d.yaml", i))
}
func (b *bench) data(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("node%d", i)) }

// settleTime is what a start does after it is ready: pages are packed, memory is given back.
const settleTime = 3 * time.Second

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (b *bench) configuration(addr, dir string, i int) []byte {
	store := ""
	if b.shared != nil {
		store = fmt.Sprintf("rtc: {media: none, turn: \"\"}\nstore: {engine: redis, url: \"redis://%s\", keep: %s}\nnode: {name: n%d, address: \"http://%s\"}\n", b.shared.addr, b.keep, i, addr)
	}
	return fmt.Appendf(nil, `version: 1
listen: %[1]s
public_url: %[6]s
data: %[2]s
queues: [{id: main}]
agents: [{id: %[3]s, queues: [main], capacity: {text: 4}}]
entries:
  - {channel: livechat, site: bench, to: queue/main, origins: ["%[6]s"]}
  - {channel: messenger, page: "%[4]s", to: queue/main}
messenger: {app_id: "1", app_secret: %[5]s, verify_token: bench-verify, page_token: bench-token, graph_url: "http://127.0.0.1:9"}
limits: {requests_per_second: 10000, burst: 10000}
log: {level: warn}
%[7]s`, addr, b.data(dir, i), b.agent, b.page, b.secret, b.url, store)
}

func (b *bench) agentIn(ctx context.Context, data string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	return withControl(ctx, data, func(c *http.Client) error {
		body := map[string]any{"id": b.agent, "name": b.agent, "role": "agent", "queues": []string{"main"},
			"call_capacity": 1, "text_capacity": 4, "password": b.password}
		return call(ctx, c, http.MethodPost, "/agents", body, nil)
	})
}

// start runs `backline serve` and waits until /readyz says yes.
func (b *bench) start(ctx context.Context, config, url string) (*exec.Cmd, time.Duration, error) {
	return startSelf(ctx, url+"/readyz", "serve", "--config", config)
}

// startSelf runs this program once more and waits until the address answers with 200.
func startSelf(ctx context.Context, ready string, args ...string) (*exec.Cmd, time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Stderr = os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 20 * time.Second
	began := time.Now()
	if err := c.Start(); err != nil {
		return nil, 0, err
	}
	for time.Since(began) < time.Minute && ctx.Err() == nil {
		if res, err := http.Get(ready); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return c, time.Since(began), nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, 0, fmt.Errorf("%s was not ready within a minute: %w", args[0], stop(c))
}

func stop(c *exec.Cmd) error {
	if err := c.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return c.Wait()
}

// memory is the resident set of a process.
func memory(pid int) string { return processStatus(pid, "VmRSS") }

// processStatus reads an amount of memory of a process from /proc; other systems do not have it.
func processStatus(pid int, name string) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "not known here"
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			var kb int
			if _, err := fmt.Sscan(v, &kb); err == nil {
				return fmt.Sprintf("%.1f MB", float64(kb)/1024)
			}
		}
	}
	return "not known here"
}

// beside says when all nodes had folded what was sent since, and what the same Redis does by itself.
func (b *bench) beside(ctx context.Context, began time.Time) error {
	var behind string
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		at := map[string]bool{}
		for _, url := range b.urls {
			all, err := readMetrics(ctx, url)
			if err != nil {
				return err
			}
			at[all["backline_journal_position"]] = true
			behind = fmt.Sprint(at)
		}
		head, err := b.shared.head(ctx)
		if err != nil {
			return err
		}
		if at[fmt.Sprint(head)] && len(at) == 1 && head >= uint64(b.messages) {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("nodes are at positions %s, and the journal is at %d", behind, head)
		}
	}
	took := time.Since(began)
	fmt.Fprintf(b.out, "first webhook → all in Redis and folded by every node: %s, %.0f/s\n", took.Round(time.Millisecond), float64(b.messages)/took.Seconds())
	size, err := b.shared.eventSize(ctx)
	if err != nil {
		return err
	}
	raw, err := b.shared.raw(ctx, b.messages, b.callers, size)
	fmt.Fprintf(b.out, "redis-benchmark, XADD of %d bytes by %d clients on the same Redis: %s\n", size, b.callers, raw)
	return err
}

func (b *bench) metric(ctx context.Context, name string) (string, error) {
	all, err := readMetrics(ctx, b.url)
	if v, ok := all[name]; ok {
		return v, nil
	}
	return "?", err
}

// readMetrics is an address's /metrics, by name and labels.
func readMetrics(ctx context.Context, url string) (map[string]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	all := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			all[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return all, err
}

// event is a signed Messenger webhook with one message.
func (b *bench) event(psid, mid string) (body []byte, signature string) {
	now := time.Now().UnixMilli()
	body = fmt.Appendf(nil, `{"object":"page","entry":[{"id":%[1]q,"time":%[2]d,"messaging":[{"sender":{"id":%[3]q},"recipient":{"id":%[1]q},"timestamp":%[2]d,"message":{"mid":%[4]q,"text":"Where is my delivery 48 211?"}}]}]}`,
		b.page, now, psid, mid)
	mac := hmac.New(sha256.New, []byte(b.secret))
	mac.Write(body)
	return body, "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// webhooks measures signed webhook → durable → 200, with as many at once as asked.
func (b *bench) webhooks(ctx context.Context) error {
	run := rand.Text()[:8]
	took := make([][]time.Duration, b.callers)
	var wg sync.WaitGroup
	errs := make(chan error, b.callers)
	before := b.processor(ctx)
	began := time.Now()
	for w := range b.callers {
		wg.Go(func() {
			c, err := newCaller(ctx, b.node(w))
			if err != nil {
				errs <- err
				return
			}
			defer c.conn.Close()
			for i := w; i < b.messages && ctx.Err() == nil; i += b.callers {
				body, sig := b.event(fmt.Sprintf("9%08d", i%1000), fmt.Sprintf("m_%s_%d", run, i))
				t := time.Now()
				if err := c.post(body, sig); err != nil {
					errs <- err
					return
				}
				took[w] = append(took[w], time.Since(t))
			}
		})
	}
	wg.Wait()
	all := time.Since(began)
	select {
	case err := <-errs:
		return err
	default:
	}
	fmt.Fprintf(b.out, "webhook → durable → 200: %d by %d callers, %.0f/s, %s; the gateway's processor time %s each\n", b.messages, b.callers,
		float64(b.messages)/all.Seconds(), percentiles(slices.Concat(took...)),
		((b.processor(ctx) - before) / time.Duration(b.messages)).Round(time.Microsecond))
	return nil
}

// processor is the time that the gateways have had of all processors; what else runs on the machine changes it
// less than it changes rates.
func (b *bench) processor(ctx context.Context) (sum time.Duration) {
	for i := range max(1, len(b.urls)) {
		all, err := readMetrics(ctx, b.node(i))
		if err != nil {
			return 0
		}
		seconds, err := strconv.ParseFloat(all["process_cpu_seconds_total"], 64)
		if err != nil {
			return 0 // this system does not tell
		}
		sum += time.Duration(seconds * float64(time.Second))
	}
	return sum
}

func percentiles(d []time.Duration) string {
	if len(d) == 0 {
		return "nothing measured"
	}
	slices.Sort(d)
	at := func(p float64) time.Duration {
		return d[min(len(d)-1, int(p*float64(len(d))))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %s, p99 %s, max %s", at(.5), at(.99), at(1))
}

// decode reads a frame's type and nothing that is not asked for.
func decode(raw []byte, v any) (string, error) {
	var t struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return "", err
	}
	return t.T, json.Unmarshal(raw, v)
}
