package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"backline/cmd/backline/callbench"
)

// callRound is one measurement of one target.
type callRound struct {
	cpu        float64 // seconds of processor for each minute of a call
	before     float64 // bytes in use before the calls
	after      float64 // … with them
	memory     float64 // MiB for each call, over the least that its target has had in use without any
	p50, p99   time.Duration
	sent, lost int
	failed     int           // joins
	join       time.Duration // offer to the first sound of the other side; half of the calls are faster
	burdened   float64       // share of all processors that was busy meanwhile
}

// compare measures n calls on each target, in turns, and prints the medians.
func (b *callsBench) compare(ctx context.Context, n int) error {
	rounds := make([][]callRound, len(b.targets))
	for r := range b.rounds {
		order := make([]int, len(b.targets))
		for i := range order {
			order[i] = i
		}
		if r%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			m, err := b.measure(ctx, b.targets[i], n)
			if err != nil {
				return fmt.Errorf("%s, %d calls: %w", b.targets[i].name(), n, err)
			}
			rounds[i] = append(rounds[i], m)
			b.least[i] = min(b.least[i], m.before)
		}
	}
	fmt.Fprintf(b.out, "\n%d calls, %d rounds of %s in turns; medians\n", n, b.rounds, b.hold)
	for i, t := range b.targets {
		share(rounds[i], b.least[i], n)
		b.print(t.name(), rounds[i])
	}
	for i := 1; i < len(b.targets); i++ {
		b.ratios(b.targets[i].name(), rounds[0], rounds[i])
	}
	return nil
}

// share divides what n calls need over least by n. What earlier rounds left for the collector is no part of least: a
// target that collects late would look small.
func share(rounds []callRound, least float64, n int) {
	for i := range rounds {
		rounds[i].memory = (rounds[i].after - least) / (1 << 20) / float64(n-rounds[i].failed)
	}
}

// measure joins n calls, watches them for a while, and ends them.
func (b *callsBench) measure(ctx context.Context, t callTarget, n int) (callRound, error) {
	before, err := goMemory(ctx, t.url())
	if err != nil {
		return callRound{}, err
	}
	m := callRound{before: before}
	m.failed, m.join = b.joinAll(ctx, t, n)
	time.Sleep(callSettle)
	b.window++
	b.talk.Window(b.window, int(2*b.hold/(20*time.Millisecond)))
	began, cpu, all := time.Now(), processorTime(t.pid()), processorTime(0)
	select {
	case <-time.After(b.hold):
	case <-ctx.Done():
		return m, ctx.Err()
	}
	took := time.Since(began)
	m.cpu = (processorTime(t.pid()) - cpu).Seconds() / (took.Minutes() * float64(n-m.failed))
	m.burdened = (processorTime(0) - all).Seconds() / took.Seconds()
	b.talk.Window(0, 0)
	if m.after, err = goMemory(ctx, t.url()); err != nil {
		return m, err
	}
	time.Sleep(stragglers)
	lines := b.talk.Clear()
	c := callbench.Count(lines)
	m.p50, m.p99, m.sent, m.lost = c.At(.5), c.At(.99), c.Sent, c.Sent-c.Received
	for _, l := range lines {
		_ = l.Close() // the measurement is over
	}
	return m, t.leave(ctx)
}

// joinAll sets n calls up and returns how many failed, and how long it took half of the others.
func (b *callsBench) joinAll(ctx context.Context, t callTarget, n int) (failed int, half time.Duration) {
	var mu sync.Mutex
	var took []float64
	var wg sync.WaitGroup
	slots := make(chan struct{}, joinsAtOnce)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			d, err := b.joinOne(ctx, t)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				fmt.Fprintf(b.out, "%s: a call failed: %v\n", t.name(), err)
				return
			}
			took = append(took, float64(d))
		})
	}
	wg.Wait()
	return failed, time.Duration(median(took))
}

// joinOne returns how long it took from the customer's offer until both sides heard each other.
func (b *callsBench) joinOne(ctx context.Context, t callTarget) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	began := time.Since(b.began)
	p, err := t.join(ctx, rand.Text())
	if err != nil {
		return 0, err
	}
	for {
		one, ok := p.customer.Heard()
		other, ok2 := p.agent.Heard()
		if ok && ok2 {
			return max(one, other) - began, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return 0, fmt.Errorf("connected, but nothing was heard: %w", ctx.Err())
		}
	}
}

func (b *callsBench) print(name string, rounds []callRound) {
	f := func(of func(callRound) float64) float64 { return medianOf(rounds, of) }
	var sent, lost, failed int
	for _, r := range rounds {
		sent, lost, failed = sent+r.sent, lost+r.lost, failed+r.failed
	}
	fmt.Fprintf(b.out, "  %-23s %.3f CPU-s a call-minute, %.2f MiB a call, delay p50 %s p99 %s, lost %d of %d, failed joins %d, joined in %s; %.2f processors busy\n",
		name, f(func(r callRound) float64 { return r.cpu }), f(func(r callRound) float64 { return r.memory }),
		micro(f(func(r callRound) float64 { return float64(r.p50) })), micro(f(func(r callRound) float64 { return float64(r.p99) })),
		lost, sent, failed, time.Duration(f(func(r callRound) float64 { return float64(r.join) })).Round(time.Millisecond),
		f(func(r callRound) float64 { return r.burdened }))
}

func micro(d float64) time.Duration { return time.Duration(d).Round(time.Microsecond) }

// ratios prints the median of each round's own ratio: what else runs on the machine hits both of a round.
func (b *callsBench) ratios(name string, ours, theirs []callRound) {
	ratio := func(of func(callRound) float64) string {
		var all []float64
		for i := range ours {
			if v := of(theirs[i]); v > 0 {
				all = append(all, of(ours[i])/v)
			}
		}
		slices.Sort(all)
		if len(all) == 0 {
			return "?"
		}
		return fmt.Sprintf("%.2f (%.2f–%.2f)", median(all), all[0], all[len(all)-1])
	}
	fmt.Fprintf(b.out, "  gateway / %s: CPU %s, memory %s, delay p50 %s, p99 %s\n", name,
		ratio(func(r callRound) float64 { return r.cpu }), ratio(func(r callRound) float64 { return r.memory }),
		ratio(func(r callRound) float64 { return float64(r.p50) }), ratio(func(r callRound) float64 { return float64(r.p99) }))
}

func medianOf(rounds []callRound, of func(callRound) float64) float64 {
	var all []float64
	for _, r := range rounds {
		all = append(all, of(r))
	}
	return median(all)
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// goMemory is what a Go process uses of its memory, as /metrics tells: what is free for use again does not
// count, so that a start or a sign-in before the calls does not hide what they cost.
func goMemory(ctx context.Context, url string) (float64, error) {
	all, err := readMetrics(ctx, url)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, name := range []string{"heap_inuse", "stack_inuse", "mspan_inuse", "mcache_inuse", "gc_sys", "other_sys"} {
		f, err := strconv.ParseFloat(all["go_memstats_"+name+"_bytes"], 64)
		if err != nil {
			return 0, fmt.Errorf("memory of %s: %w", url, err)
		}
		sum += f
	}
	return sum, nil
}

// clockTick is the unit of times in /proc on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// processorTime is what a process has used, 0: what all have; both 0 where there is no /proc.
func processorTime(pid int) time.Duration {
	path, from, to := "/proc/stat", 1, 4 // user, nice, system
	if pid != 0 {
		path, from, to = fmt.Sprintf("/proc/%d/stat", pid), 11, 13 // utime, stime, counted after the name
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	if _, after, ok := strings.Cut(line, ") "); ok {
		line = after
	}
	var ticks int64
	for i, f := range strings.Fields(line) {
		if i >= from && i < to {
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick
}
