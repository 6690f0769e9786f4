package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
)

// payload is about the size of a chat message's event.
var payload = fmt.Appendf(nil, `{"text":"%0220d"}`, 1)

// BenchmarkRaw is what the disk allows: write and fdatasync of the same bytes, one after the other.
func BenchmarkRaw(b *testing.B) {
	report(b, raw(b, b.N))
}

// raw writes and syncs n times and returns how long each took.
func raw(b *testing.B, n int) []time.Duration {
	b.Helper()
	f, err := os.Create(b.TempDir() + "/raw")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	took := make([]time.Duration, 0, n)
	for range n {
		at := time.Now()
		if _, err := f.Write(payload); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(at))
	}
	return took
}

// rawSyncs are done just before appends are measured, so that a disk of many users is judged in the same moment.
const rawSyncs = 300

// BenchmarkAppend reports, beside appends/s, how many appends share the time of one raw write and sync: x-raw.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var alone time.Duration
			for _, d := range raw(b, rawSyncs) {
				alone += d
			}
			j := open(b, b.TempDir()+"/j.db", sqlite.Options{})
			var next atomic.Int64
			took := make([][]time.Duration, callers)
			var wg sync.WaitGroup
			b.ResetTimer()
			for c := range callers {
				wg.Go(func() {
					stream := fmt.Sprintf("c/%d", c)
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						at := time.Now()
						_, err := j.Append(context.Background(), journal.Write{Stream: stream, Expect: journal.Any, Key: fmt.Sprintf("k/%d", n),
							Events: []journal.Event{{Type: "message_received", At: at, Data: payload}}})
						if err != nil {
							b.Error(err)
							return
						}
						took[c] = append(took[c], time.Since(at))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			report(b, slices.Concat(took...))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()*alone.Seconds()/rawSyncs, "x-raw")
		})
	}
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkTail reads 100,000 events back.
func BenchmarkTail(b *testing.B) {
	const n = 100_000
	j := open(b, b.TempDir()+"/j.db", sqlite.Options{})
	w := journal.Write{Stream: "a", Expect: journal.Any}
	for range 200 {
		w.Events = append(w.Events, journal.Event{Type: "message_received", At: time.Now(), Data: payload})
	}
	for range n / 200 {
		if _, err := j.Append(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for e, err := range journal.Tail(b.Context(), j, 0) {
			if err != nil {
				b.Fatal(err)
			}
			if e.Pos == n {
				break
			}
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
