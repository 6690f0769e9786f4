package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	if err := m.parse(fs, args); err != nil {
		return err
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
	hold                              time.Duration
}

// bench is one run.
type bench struct {
	benchOptions
	out              io.Writer
	secret, password string
	client           *http.Client
}

func (b *bench) load(ctx context.Context) error {
	if err := b.webhooks(ctx); err != nil {
		return err
	}
	if err := b.toSocket(ctx); err != nil {
		return err
	}
	if b.visitors == 0 {
		return nil
	}
	return b.chats(ctx)
}

// own starts a gateway, loads it, and starts it again on what it has written.
func (b *bench) own(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "backline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	b.url, b.secret, b.password = "http://"+addr, rand.Text(), rand.Text()
	path := filepath.Join(dir, "backline.yaml")
	if err := os.WriteFile(path, b.configuration(addr, dir), 0o600); err != nil {
		return err
	}
	if err := b.agentIn(ctx, filepath.Join(dir, "data")); err != nil {
		return err
	}
	child, took, err := b.start(ctx, path)
	if err != nil {
		return err
	}
	time.Sleep(settleTime)
	fmt.Fprintf(b.out, "start to ready, empty journal: %s; memory idle: %s\n", took.Round(time.Millisecond), memory(child.Process.Pid))
	err = b.load(ctx)
	if e := stop(child); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if child, took, err = b.start(ctx, path); err != nil {
		return err
	}
	time.Sleep(settleTime)
	events, err := b.metric(ctx, "backline_journal_position")
	fmt.Fprintf(b.out, "start to ready, %s events: %s; memory after it: %s\n", events, took.Round(time.Millisecond), memory(child.Process.Pid))
	if e := stop(child); err == nil {
		err = e
	}
	return err
}

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

func (b *bench) configuration(addr, dir string) []byte {
	return fmt.Appendf(nil, `version: 1
listen: %[1]s
public_url: http://%[1]s
data: %[2]s/data
queues: [{id: main}]
agents: [{id: %[3]s, queues: [main], capacity: {text: 4}}]
entries:
  - {channel: livechat, site: bench, to: queue/main, origins: ["http://%[1]s"]}
  - {channel: messenger, page: "%[4]s", to: queue/main}
messenger: {app_id: "1", app_secret: %[5]s, verify_token: bench-verify, page_token: bench-token, graph_url: "http://127.0.0.1:9"}
limits: {requests_per_second: 10000, burst: 10000}
log: {level: warn}
`, addr, dir, b.agent, b.page, b.secret)
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
func (b *bench) start(ctx context.Context, config string) (*exec.Cmd, time.Duration, error) {
	return startSelf(ctx, b.url+"/readyz", "serve", "--config", config)
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

// memory reads the resident set of a process from /proc; other systems do not have it.
func memory(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "not known here"
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kb int
			if _, err := fmt.Sscan(v, &kb); err == nil {
				return fmt.Sprintf("%.1f MB", float64(kb)/1024)
			}
		}
	}
	return "not known here"
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
			c, err := newCaller(ctx, b.url)
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

// processor is the time that the gateway has had of all processors; what else runs on the machine changes it
// less than it changes rates.
func (b *bench) processor(ctx context.Context) time.Duration {
	v, err := b.metric(ctx, "process_cpu_seconds_total")
	if err != nil {
		return 0
	}
	seconds, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return 0 // this system does not tell
	}
	return time.Duration(seconds * float64(time.Second))
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
