package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"backline/cmd/backline/callbench"
)

const (
	joinPatience = 20 * time.Second       // for one call, from the offer to sound both ways
	joinsAtOnce  = 8                      // calls that are being set up
	callSettle   = 2 * time.Second        // between the last join and the measurement
	stragglers   = 500 * time.Millisecond // for what is on its way when a measurement ends
)

// callsBench compares what calls cost the gateway with what they cost the least forwarder of the same library.
// The load comes from this process; the gateway and the forwarders are processes of their own.
type callsBench struct {
	out     io.Writer
	counts  []int
	rounds  int
	hold    time.Duration
	began   time.Time
	id      *callbench.Identity
	talk    *callbench.Talk
	window  uint32
	targets []callTarget
	least   []float64 // bytes that each target has had in use without calls
}

// callTarget is something that carries calls.
type callTarget interface {
	name() string
	pid() int
	url() string
	// join sets one call up and returns its lines, which talk already.
	join(ctx context.Context, call string) (*callPair, error)
	// leave ends all calls.
	leave(ctx context.Context) error
}

// callPair is one call that is up.
type callPair struct{ customer, agent *callbench.Line }

func (m *Main) benchCalls(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench calls", flag.ContinueOnError)
	counts := fs.String("calls", "25,50,100", "calls at once, one measurement for each of the `LIST`; up to 500")
	b := &callsBench{out: m.Stdout, talk: &callbench.Talk{}, began: time.Now()}
	fs.IntVar(&b.rounds, "rounds", 5, "times that each is measured, in turns")
	fs.DurationVar(&b.hold, "hold", 10*time.Second, "length of one measurement")
	against := fs.String("against", "bare,defaults", "forwarders to compare with: bare (no interceptors), defaults (pion's own), or none")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	for _, n := range strings.Split(*counts, ",") {
		v, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil || v < 1 || v > 500 {
			return usagef("calls at once are between 1 and 500, not %q", n)
		}
		b.counts = append(b.counts, v)
	}
	if b.rounds < 1 || b.hold < time.Second || b.hold > 10*time.Minute {
		return usagef("at least one round, of 1s to 10m")
	}
	fmt.Fprintf(m.Stdout, "backline %s, %s/%s, %d CPUs; the load comes from the same machine, in another process\n", build(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	return b.run(ctx, *against)
}

// run starts everything, measures, and stops it again.
func (b *callsBench) run(ctx context.Context, against string) (err error) {
	if b.id, err = callbench.NewIdentity(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "backline-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	stops, err := b.start(ctx, dir, against)
	defer func() {
		for _, s := range slices.Backward(stops) {
			err = errors.Join(err, s())
		}
	}()
	if err != nil {
		return err
	}
	b.least = slices.Repeat([]float64{math.Inf(1)}, len(b.targets))
	talking, silence := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { b.talk.Run(talking) })
	defer wg.Wait()
	defer silence()
	for _, n := range b.counts {
		if err := b.compare(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// start brings the gateway and the forwarders up. What is to be stopped is returned with an error too.
func (b *callsBench) start(ctx context.Context, dir, against string) (stops []func() error, err error) {
	g, stopGateway, err := b.startGateway(ctx, dir)
	if stopGateway != nil {
		stops = append(stops, stopGateway)
	}
	if err != nil {
		return stops, err
	}
	b.targets = []callTarget{g}
	for _, kind := range strings.Split(against, ",") {
		if kind == "none" {
			continue
		}
		f, stop, err := b.startForwarder(ctx, kind)
		if err != nil {
			return stops, err
		}
		stops = append(stops, stop)
		b.targets = append(b.targets, f)
	}
	return stops, nil
}

func (b *callsBench) startGateway(ctx context.Context, dir string) (callTarget, func() error, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	in := &bench{benchOptions: benchOptions{url: "http://" + addr, agent: "bench", page: "100000000000001"}, out: b.out,
		secret: rand.Text(), password: rand.Text(), client: &http.Client{Timeout: 30 * time.Second}}
	path := filepath.Join(dir, "backline.yaml")
	text := append(in.configuration(addr, dir, 0), "rtc: {media: \"127.0.0.1:0\"}\n"...)
	text = []byte(strings.Replace(string(text), "burst: 10000", "burst: 10000, visitors_per_address: 2000", 1))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, nil, err
	}
	if err := in.agentIn(ctx, in.data(dir, 0)); err != nil {
		return nil, nil, err
	}
	child, took, err := in.start(ctx, path, in.url)
	if err != nil {
		return nil, nil, err
	}
	end := func() error { return stop(child) }
	time.Sleep(settleTime)
	fmt.Fprintf(b.out, "gateway: ready after %s; memory idle: %s\n", took.Round(time.Millisecond), memory(child.Process.Pid))
	desk, err := openDesk(ctx, b, in, child.Process.Pid)
	return desk, func() error { return errors.Join(desk.close(), end()) }, err
}

// startForwarder runs `backline bench forwarder`.
func (b *callsBench) startForwarder(ctx context.Context, kind string) (callTarget, func() error, error) {
	if kind != "bare" && kind != "defaults" {
		return nil, nil, usagef("forwarders are bare and defaults, not %q", kind)
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	f := &forwarderTarget{bench: b, kind: kind, base: "http://" + addr}
	child, _, err := startSelf(ctx, f.base+"/metrics", "bench", "forwarder", "--listen", addr, "--kind", kind)
	if err != nil {
		return nil, nil, err
	}
	f.process = child.Process.Pid
	time.Sleep(settleTime)
	fmt.Fprintf(b.out, "%s: memory idle: %s\n", f.name(), memory(f.process))
	return f, func() error { return stop(child) }, nil
}

// benchForwarder is the process behind --against.
func (m *Main) benchForwarder(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("bench forwarder", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:0", "address of the signalling")
	kind := fs.String("kind", "bare", "bare or defaults")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	_ = udp.SetReadBuffer(4 << 20) // as the gateway's has
	f := &callbench.Forwarder{Defaults: *kind == "defaults"}
	return f.Run(ctx, l, udp)
}

// forwarderTarget speaks with a forwarder.
type forwarderTarget struct {
	bench      *callsBench
	kind, base string
	process    int

	mu    sync.Mutex
	calls []string // guarded by mu
}

func (f *forwarderTarget) name() string {
	if f.kind == "bare" {
		return "bare pion"
	}
	return "pion with its defaults"
}

func (f *forwarderTarget) pid() int    { return f.process }
func (f *forwarderTarget) url() string { return f.base }

func (f *forwarderTarget) join(ctx context.Context, call string) (*callPair, error) {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	customer, err := f.line(ctx, call)
	if err != nil {
		return nil, err
	}
	agent, err := f.line(ctx, call)
	if err != nil {
		return nil, errors.Join(err, customer.Close())
	}
	f.bench.talk.Add(customer)
	f.bench.talk.Add(agent)
	return &callPair{customer, agent}, nil
}

func (f *forwarderTarget) line(ctx context.Context, call string) (*callbench.Line, error) {
	l := callbench.NewLine(f.bench.id, f.bench.began)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.base+"/?call="+call, strings.NewReader(l.Offer()))
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	sdp, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the forwarder answered %s", res.Status)
	}
	if err := l.Join(ctx, string(sdp)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (f *forwarderTarget) leave(ctx context.Context) error {
	f.mu.Lock()
	calls := f.calls
	f.calls = nil
	f.mu.Unlock()
	for _, c := range calls {
		req, err := http.NewRequestWithContext(ctx, http.MethodDelete, f.base+"/?call="+c, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		res.Body.Close()
	}
	return nil
}
