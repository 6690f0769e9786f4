package chaos_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backline/cmd/backline/chaos"
	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
)

// Flags: `go test ./cmd/backline/chaos -args -long -seed 7`.
var (
	long = flag.Bool("long", false, "all scenarios, at length")
	seed = flag.Uint64("seed", 0, "seed of pauses and moments; 0: by the clock")
)

// binaryAt says where the program under test is; TestMain builds it where nobody says.
const binaryAt = "BACKLINE_CHAOS_BINARY"

// olderAt says where an older version is, for the scenario with two.
const olderAt = "BACKLINE_CHAOS_OLDER"

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	if os.Getenv(binaryAt) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "backline-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "backline")
	if out, err := exec.Command("go", "build", "-o", path, "backline/cmd/backline").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build backline: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(binaryAt, path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// world is one scenario under way.
type world struct {
	*testing.T
	*chaos.Cluster
	load   *chaos.Load
	random *rand.Rand
	seed   uint64
	broken time.Time // of the first fault
	notes  []string
}

// begin gives a scenario its world.
func begin(t *testing.T, o chaos.Options, mix chaos.Mix) *world {
	t.Helper()
	w := &world{T: t, seed: *seed}
	if w.seed == 0 {
		w.seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", w.seed)
	w.random = rand.New(rand.NewPCG(w.seed, 2))
	o.Binary = cmp.Or(o.Binary, os.Getenv(binaryAt))
	w.Cluster = chaos.NewCluster(t, o)
	w.load = chaos.NewLoad(t, w.Cluster, mix, w.seed)
	return w
}

// lengthy leaves a scenario to make chaos.
func lengthy(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("at length only: make chaos")
	}
}

// usual is the load of most scenarios.
var usual = chaos.Mix{Messenger: 3, SMS: 2, Visitors: 6, Agents: 2, Redeliver: 0.05}

// sometime is a random time up to d.
func (w *world) sometime(d time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(d)))
}

// breaks notes that the fault begins now.
func (w *world) breaks() {
	if w.broken.IsZero() {
		w.broken = time.Now()
	}
}

// note keeps a figure for the last line.
func (w *world) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// goesOn is how long the load goes on before, between and after faults.
func goesOn() time.Duration {
	if *long {
		return 3 * time.Second
	}
	return time.Second
}

// settles ends the load and judges: nothing lost, nothing doubled, at any node and in the journal.
func (w *world) settles(read func() []journal.Event) {
	w.Helper()
	time.Sleep(goesOn())
	w.load.Finish(30 * time.Second)
	views, took := w.load.Settle(w.Running(), 40*time.Second)
	r := w.load.Ledger.Check(views)
	if !r.Good() {
		w.Errorf("%s", r)
	}
	if r.Acked < 50 {
		w.Errorf("only %d texts were acknowledged: no load", r.Acked)
	}
	for _, n := range w.Nodes {
		n.Stop()
	}
	events := read()
	if len(r.Lost) > 0 {
		w.Logf("what the journal says of the first that is lost:\n%s", chaos.Trace(events, r.FirstLost))
	}
	wrong := chaos.History(events, w.Providers.Sent())
	for _, what := range wrong[:min(len(wrong), 10)] {
		w.Errorf("the journal: %s", what)
	}
	if answers := len(w.Providers.Sent()); answers < 5 {
		w.Errorf("only %d answers reached providers: the agents do not work", answers)
	}
	failed, why := w.load.Failed()
	w.Logf("%s", r)
	w.Logf("acknowledged in each second after the first fault: %v", w.load.Ledger.Rate(w.broken))
	w.Logf("%d events, %d wrong; %d requests failed %v; longest without an acknowledgement %s, to a screen %s; all nodes alike after %s%s", len(events), len(wrong), failed, why,
		w.load.Ledger.Gap(w.broken, w.load.Halted()).Round(time.Millisecond), w.load.Ledger.Screen(w.broken).Round(time.Millisecond), took.Round(time.Millisecond), strings.Join(append([]string{""}, w.notes...), "; "))
}

// embedded reads the journal of a node that has stopped.
func (w *world) embedded(n *chaos.Node) func() []journal.Event {
	return func() []journal.Event {
		w.Helper()
		j, err := sqlite.Open(context.Background(), filepath.Join(n.Data, "journal.db"), sqlite.Options{})
		if err != nil {
			w.Fatal(err)
		}
		defer j.Close()
		events, err := readAll(context.Background(), j)
		if err != nil {
			w.Fatal(err)
		}
		return events
	}
}

// readAll reads a journal.
func readAll(ctx context.Context, j journal.Journal) ([]journal.Event, error) {
	trimmed, head, err := j.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	var out []journal.Event
	for after := trimmed; after < head; {
		part, err := j.Read(ctx, after, 1000, 0)
		if err != nil {
			return nil, err
		}
		if len(part) == 0 {
			return nil, fmt.Errorf("the journal has nothing after position %d, and its head is %d", after, head)
		}
		out = append(out, part...)
		after = part[len(part)-1].Pos
	}
	return out, nil
}

// Rows 1 to 4 on one machine: killed at random moments, before and after a write, before and after its
// acknowledgement, before and after what was decided.
func TestOneNodeKilled(t *testing.T) {
	w := begin(t, chaos.Options{Nodes: 1}, usual)
	rounds := 3
	if *long {
		rounds = 12
	}
	for range rounds {
		time.Sleep(goesOn()/2 + w.sometime(goesOn()))
		w.breaks()
		w.Nodes[0].Kill()
		w.Nodes[0].Start()
	}
	w.note("%d kills", rounds)
	w.settles(w.embedded(w.Nodes[0]))
}

// A machine that hangs and goes on: nothing was lost on the way, and what was due meanwhile is done once.
func TestOneNodeFrozen(t *testing.T) {
	lengthy(t)
	w := begin(t, chaos.Options{Nodes: 1}, usual)
	time.Sleep(goesOn())
	w.breaks()
	w.Nodes[0].Freeze()
	time.Sleep(3 * time.Second)
	w.Nodes[0].Thaw()
	w.settles(w.embedded(w.Nodes[0]))
}

// Row 19: what was acknowledged comes again, at once and after a restart. It is there once.
func TestOneNodeRedelivered(t *testing.T) {
	lengthy(t)
	mix := usual
	mix.Redeliver = 0.9
	w := begin(t, chaos.Options{Nodes: 1}, mix)
	time.Sleep(goesOn())
	w.breaks()
	w.load.Again(5)
	w.Nodes[0].Stop()
	w.Nodes[0].Start()
	w.load.Again(100)
	w.settles(w.embedded(w.Nodes[0]))
}
