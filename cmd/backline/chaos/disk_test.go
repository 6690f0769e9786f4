package chaos_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backline/cmd/backline/chaos"
)

// stall is how long a disk does not answer.
func stall() time.Duration {
	if *long {
		return 30 * time.Second
	}
	return 4 * time.Second
}

// onTheWay is how long an answer that was given before a fault may take to be read.
const onTheWay = 500 * time.Millisecond

// The harness itself: what was not synced is lost, and what was is not.
func TestDiskCutLosesWhatWasNotSynced(t *testing.T) {
	d := chaos.NewDisk(t)
	write := func(name string, sync bool) {
		f, err := os.Create(filepath.Join(d.Dir, name))
		if err == nil {
			_, err = f.WriteString("here")
		}
		if err == nil && sync {
			err = f.Sync()
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	write("synced", true)
	write("not synced", false)
	d.Cut()
	d.Repair()
	if b, err := os.ReadFile(filepath.Join(d.Dir, "synced")); err != nil || string(b) != "here" {
		t.Errorf("%q %v: what was synced", b, err)
	}
	if b, err := os.ReadFile(filepath.Join(d.Dir, "not synced")); err == nil && len(b) > 0 {
		t.Errorf("%q: what was not synced is there", b)
	}
}

// Row 10: the disk does not answer. Nothing is acknowledged, and the node says that it is not ready; when the disk is back, all
// that waited is taken, by the same process.
func TestOneNodeDiskStalls(t *testing.T) {
	lengthy(t)
	d := chaos.NewDisk(t)
	w := begin(t, chaos.Options{Nodes: 1, Data: func(string) string { return d.Dir }}, usual)
	defer d.Thaw() // before the node is killed, which would wait
	n := w.Nodes[0]
	time.Sleep(goesOn())
	pid := n.PID()
	w.breaks()
	d.Freeze()
	began := time.Now()
	w.note("not ready after %s", n.Becomes(http.StatusServiceUnavailable, 10*time.Second).Round(10*time.Millisecond))
	time.Sleep(time.Until(began.Add(stall())))
	if got := w.load.Ledger.AckedBetween(began.Add(onTheWay), time.Now()); got > 0 {
		w.Errorf("%d texts were acknowledged by a disk that does not answer", got)
	}
	d.Thaw()
	back := time.Now()
	n.Becomes(http.StatusOK, 30*time.Second)
	w.note("ready %s after its return", time.Since(back).Round(10*time.Millisecond))
	if n.PID() != pid {
		w.Error("the process has ended")
	}
	w.settles(w.embedded(n))
}

// Row 6: the power fails, again and again, at random moments. What was acknowledged is there; what had not reached the disk is
// gone, be it half a record.
func TestOneNodePowerCut(t *testing.T) {
	lengthy(t)
	d := chaos.NewDisk(t)
	w := begin(t, chaos.Options{Nodes: 1, Data: func(string) string { return d.Dir }}, usual)
	const rounds = 12
	for range rounds {
		time.Sleep(w.sometime(2 * goesOn()))
		w.breaks()
		w.powerFails(w.Nodes[0], d)
	}
	w.note("%d power cuts", rounds)
	w.settles(w.embedded(w.Nodes[0]))
}

// powerFails takes a node's power and gives it back.
func (w *world) powerFails(n *chaos.Node, d *chaos.Disk) {
	w.Helper()
	d.Cut()
	n.Kill()
	d.Repair()
	n.Start()
}

// Row 6 in a cluster: the power of one node fails, the one that decides first.
func TestNodesPowerCut(t *testing.T) {
	lengthy(t)
	d := chaos.NewDisk(t)
	c := nodesWith(t, chaos.Options{Data: atNodeA(d)}, usual)
	c.decides(c.Nodes[0])
	const rounds = 6
	for range rounds {
		c.breaks()
		c.powerFails(c.Nodes[0], d)
		time.Sleep(c.sometime(2 * goesOn()))
	}
	c.note("%d power cuts", rounds)
	c.settles()
}

// Row 9: the disk fails under the only node, which ends and does not come back on such a disk. All that was acknowledged is
// there when the disk is.
func TestOneNodeDiskFails(t *testing.T) {
	lengthy(t)
	d := chaos.NewDisk(t)
	w := begin(t, chaos.Options{Nodes: 1, Data: func(string) string { return d.Dir }}, usual)
	n := w.Nodes[0]
	time.Sleep(goesOn())
	w.breaks()
	d.Fail()
	began := time.Now()
	w.ends(n, 20*time.Second)
	w.note("ended after %s", time.Since(began).Round(10*time.Millisecond))
	time.Sleep(goesOn())
	if got := w.load.Ledger.AckedBetween(began.Add(onTheWay), time.Now()); got > 0 {
		w.Errorf("%d texts were acknowledged by a disk that takes nothing", got)
	}
	n.Kill()
	d.Repair()
	n.Start()
	w.settles(w.embedded(n))
}

// ends waits until a node has ended by itself, and said that its disk is why.
func (w *world) ends(n *chaos.Node, patience time.Duration) {
	w.Helper()
	for end := time.Now().Add(patience); n.Restarts() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("node %s goes on with a disk that does not keep what it takes", n.Name)
		}
	}
	if len(n.Log.Lines("this gateway cannot go on")) == 0 || len(n.Log.Lines("disk I/O error")) == 0 {
		w.Errorf("node %s does not say why it has ended", n.Name)
	}
}

// atNodeA puts the first node on a disk of its own.
func atNodeA(d *chaos.Disk) func(string) string {
	return func(node string) string {
		if node == "a" {
			return d.Dir
		}
		return ""
	}
}

// decides has the first node decide: the others are away until it does.
func (c *cluster) decides(n *chaos.Node) {
	c.Helper()
	for _, x := range c.Nodes {
		if x != n {
			x.Stop()
		}
	}
	for end := time.Now().Add(20 * time.Second); c.leader(20*time.Second) != n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("node %s does not decide", n.Name)
		}
	}
	for _, x := range c.Nodes {
		if x != n {
			x.Start()
		}
	}
	time.Sleep(goesOn())
}

// Row 9: the disk of the node that decides fails. Another one decides, and the node is back when its disk is.
func TestNodesDiskFails(t *testing.T) {
	lengthy(t)
	d := chaos.NewDisk(t)
	c := nodesWith(t, chaos.Options{Data: atNodeA(d)}, usual)
	n := c.Nodes[0]
	c.decides(n)
	c.breaks()
	d.Fail()
	c.moves(n, 10*time.Second)
	c.ends(n, 10*time.Second)
	c.comesBack(n, d.Repair)
}

// comesBack starts a node again, on a disk that was mended, when the others have gone on without it for a while.
func (c *cluster) comesBack(n *chaos.Node, mend func()) {
	c.Helper()
	time.Sleep(2 * goesOn())
	n.Kill()
	mend()
	n.Start()
	time.Sleep(goesOn())
	c.settles()
}

// Row 9: fsync fails, and would succeed when asked again, without what it was asked for.
func TestNodesDiskLosesWhatItTook(t *testing.T) {
	lengthy(t)
	d := chaos.NewDisk(t)
	c := nodesWith(t, chaos.Options{Data: atNodeA(d)}, usual)
	n := c.Nodes[0]
	c.decides(n)
	c.breaks()
	d.Starve()
	c.ends(n, 20*time.Second)
	c.note("node a ended after %s", time.Since(c.broken).Round(10*time.Millisecond))
	c.moves(n, 10*time.Second)
	c.comesBack(n, func() {
		d.Feed()
		d.Repair()
	})
}

// Row 10: the disk of the node that decides does not answer. The others take what comes in.
func TestNodesDiskStalls(t *testing.T) {
	lengthy(t)
	d := chaos.NewDisk(t)
	c := nodesWith(t, chaos.Options{Data: atNodeA(d)}, usual)
	defer d.Thaw() // before the node is killed, which would wait
	n := c.Nodes[0]
	c.decides(n)
	c.breaks()
	d.Freeze()
	began := time.Now()
	c.note("not ready after %s", n.Becomes(http.StatusServiceUnavailable, 10*time.Second).Round(10*time.Millisecond))
	time.Sleep(time.Until(began.Add(stall())))
	if got, want := c.load.Ledger.Gap(began, time.Now()), 8*time.Second; got > want {
		c.Errorf("nobody was acknowledged anything for %s", got)
	}
	d.Thaw()
	back := time.Now()
	c.alike(30 * time.Second)
	c.note("all alike %s after its return", time.Since(back).Round(10*time.Millisecond))
	c.settles()
}
