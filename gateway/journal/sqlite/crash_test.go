package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
)

// TestMain turns the test binary into the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("JOURNAL_CRASH_CHILD"); path != "" {
		if err := writeUntilKilled(path, os.Getenv("JOURNAL_CRASH_ROUND")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled appends from many callers and says each key on stdout once it is durable.
func writeUntilKilled(path, round string) error {
	j, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		return err
	}
	var out sync.Mutex
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			stream := fmt.Sprintf("s/%s/%d", round, caller)
			for i := uint64(0); ; i++ {
				key := fmt.Sprintf("%s/%d", stream, i)
				w := journal.Write{Stream: stream, Expect: 2 * i, Key: key, Events: []journal.Event{{Type: "a", Data: []byte(`{}`)}, {Type: "b", Data: []byte(`{}`)}}}
				if _, err := j.Append(context.Background(), w); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(key)
				out.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// A process is killed 60 times under load, at random moments. Whatever it acknowledged is there, whole and
// once, and the file verifies.
func TestSurvivesKill(t *testing.T) {
	const rounds = 60
	path := t.TempDir() + "/j.db"
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	acked := map[string]bool{}
	for round := range rounds {
		for _, key := range killed(t, path, round, time.Duration(5+random.IntN(120))*time.Millisecond) {
			acked[key] = true
		}
	}
	if len(acked) < rounds {
		t.Fatalf("only %d appends were acknowledged: no load", len(acked))
	}
	j := open(t, path, sqlite.Options{})
	checkKept(t, j, acked)
	if r, err := sqlite.Verify(t.Context(), path); err != nil || len(r.Findings) > 0 {
		t.Errorf("verify: %v %v", r.Findings, err)
	}
	t.Logf("%d kills, %d acknowledged appends", rounds, len(acked))
}

func checkKept(t *testing.T, j journal.Journal, acked map[string]bool) {
	t.Helper()
	seen := map[string]int{}
	versions := map[string]uint64{}
	_, head, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range journal.Tail(t.Context(), j, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if versions[e.Stream]++; e.Version != versions[e.Stream] {
			t.Fatalf("%s: version %d follows %d", e.Stream, e.Version, versions[e.Stream]-1)
		}
		if e.Key != "" {
			seen[e.Key]++
		}
		if e.Pos == head {
			break
		}
	}
	for stream, n := range versions {
		if n%2 != 0 {
			t.Errorf("%s has half of an append", stream)
		}
	}
	for key := range acked {
		if seen[key] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", key, seen[key])
		}
	}
}

// killed runs the child for about that long after its first acknowledgement, kills it and returns what it
// acknowledged.
func killed(t *testing.T, path string, round int, after time.Duration) []string {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "JOURNAL_CRASH_CHILD="+path, fmt.Sprintf("JOURNAL_CRASH_ROUND=%d", round))
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var keys []string
	var kill *time.Timer
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // a torn last line was not read as an acknowledgement
			break
		}
		keys = append(keys, strings.TrimSpace(line))
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = c.Process.Kill() })
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = c.Wait() // killed: an error by design
	if stderr.Len() > 0 || kill == nil {
		t.Fatalf("round %d: the child failed: %s", round, stderr.String())
	}
	return keys
}
