package chaos_test

import (
	"strings"
	"testing"
	"time"

	"backline/cmd/backline/chaos"
)

// few is what a scenario takes in the short form, many at length.
func few(short, many int) int {
	if *long {
		return many
	}
	return short
}

// within waits until something is so, and returns how long it took.
func (w *world) within(patience time.Duration, what string, so func() bool) time.Duration {
	w.Helper()
	began := time.Now()
	for !so() {
		if time.Since(began) > patience {
			w.Fatalf("after %s not yet: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began).Round(10 * time.Millisecond)
}

// Row 31: all pages lose their gateway at once and come back.
func TestOneNodeStorm(t *testing.T) {
	lengthy(t)
	n := few(300, 5000)
	w := begin(t, chaos.Options{Nodes: 1}, usual)
	crowd := chaos.NewCrowd(t, w.Balancer.URL, n)
	w.within(time.Minute, "all pages are open", func() bool { return crowd.Open() == n })
	w.breaks()
	w.Nodes[0].Kill()
	w.within(10*time.Second, "pages notice", func() bool { return crowd.Open() == 0 })
	w.Nodes[0].Start()
	took := w.within(time.Minute, "all pages are back", func() bool { return crowd.Open() == n })
	w.note("%d pages are back %s after the start; %d MB", n, took, w.Nodes[0].Memory()>>20)
	crowd.Leave()
	w.settles(w.embedded(w.Nodes[0]))
}

// Row 29: connections that never say anything, and pages that are open and idle.
func TestOneNodeIdle(t *testing.T) {
	lengthy(t)
	mute, pages := few(1000, 10000), few(200, 2500)
	w := begin(t, chaos.Options{Nodes: 1}, usual)
	n := w.Nodes[0]
	before := n.Files()
	crowd := chaos.NewCrowd(t, w.Balancer.URL, pages)
	w.within(time.Minute, "all pages are open", func() bool { return crowd.Open() == pages })
	w.breaks()
	conns := chaos.Mute(strings.TrimPrefix(n.URL, "http://"), mute)
	if len(conns) != mute {
		t.Errorf("%d of %d connections were taken", len(conns), mute)
	}
	began := time.Now()
	time.Sleep(3 * goesOn())
	p99 := w.load.Ledger.Acknowledging(began, .99)
	if mb := n.Memory() >> 20; mb > 400 {
		t.Errorf("%d MB with them", mb)
	}
	w.note("with %d mute connections and %d pages: %d MB, acknowledged within %s (99 %%)", mute, pages, n.Memory()>>20, p99.Round(time.Millisecond))
	for _, c := range conns {
		c.Close()
	}
	crowd.Leave()
	took := w.within(10*time.Second, "what was theirs is free", func() bool { return n.Files() < before+100 })
	w.note("all free after %s", took)
	w.settles(w.embedded(n))
}

// Row 30: a console that does not read. It is cut off, and nobody else waits for it.
func TestOneNodeDeafConsole(t *testing.T) {
	lengthy(t)
	w := begin(t, chaos.Options{Nodes: 1}, usual)
	n := w.Nodes[0]
	time.Sleep(goesOn())
	consoles := func() int { return int(n.Metric("backline_consoles")) }
	before, calm := consoles(), w.load.Ledger.Acknowledging(time.Time{}, .99)
	leave := w.load.Deaf(n, 2)
	defer leave()
	w.breaks()
	began := time.Now()
	w.within(10*time.Second, "it is in", func() bool { return consoles() == before+1 })
	took := w.within(2*time.Minute, "it is cut off", func() bool { return consoles() == before })
	p99 := w.load.Ledger.Acknowledging(began, .99)
	if p99 > 250*time.Millisecond {
		t.Errorf("meanwhile one in 100 waited longer than %s", p99)
	}
	w.note("cut off after %s; 99 %% acknowledged within %s, before %s; %d MB", took, p99.Round(time.Millisecond), calm.Round(time.Millisecond), n.Memory()>>20)
	w.settles(w.embedded(n))
}

// Row 33: no file is left to open. Who is in goes on, and when others leave all is well again.
func TestOneNodeOutOfFiles(t *testing.T) {
	lengthy(t)
	const files = 200
	w := begin(t, chaos.Options{Nodes: 1, Wrap: []string{"prlimit", "--nofile=200"}}, usual)
	n := w.Nodes[0]
	time.Sleep(goesOn())
	w.breaks()
	conns := chaos.Mute(strings.TrimPrefix(n.URL, "http://"), files)
	w.within(10*time.Second, "no file is left", func() bool { return n.Files() >= files-1 })
	time.Sleep(2 * goesOn())
	for _, c := range conns {
		c.Close()
	}
	closed := time.Now()
	n.Becomes(200, 10*time.Second)
	w.note("ready %s after there were files again", time.Since(closed).Round(10*time.Millisecond))
	if n.Restarts() > 0 {
		t.Errorf("it ended by itself: %s", n.Log.End())
	}
	w.settles(w.embedded(n))
}

// Row 32: 256 MB of memory, pages, and a flood of webhooks as large as they may be that never end. The kernel kills nobody, and
// whoever has something to say is heard.
func TestOneNodeLittleMemory(t *testing.T) {
	lengthy(t)
	pages, heavy := few(300, 2000), few(600, 600)
	m := chaos.NewMemoryLimit(t, 256<<20)
	w := begin(t, chaos.Options{Nodes: 1, Wrap: m.Wrap()}, usual)
	n := w.Nodes[0]
	crowd := chaos.NewCrowd(t, w.Balancer.URL, pages)
	w.within(time.Minute, "all pages are open", func() bool { return crowd.Open() == pages })
	w.breaks()
	began := time.Now()
	for range 3 {
		conns := chaos.Heavy(strings.TrimPrefix(n.URL, "http://"), heavy, 1<<20)
		time.Sleep(goesOn())
		for _, c := range conns {
			c.Close()
		}
	}
	w.note("%d MB in use at most; 99 %% acknowledged within %s", m.Peak()>>20, w.load.Ledger.Acknowledging(began, .99).Round(time.Millisecond))
	if kills := m.Kills(); kills > 0 || n.Restarts() > 0 {
		t.Errorf("the kernel has killed %d times, the gateway has ended %d times", kills, n.Restarts())
	}
	crowd.Leave()
	w.settles(w.embedded(n))
}
