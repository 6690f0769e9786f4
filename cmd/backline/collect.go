package main

import (
	"context"
	"runtime"
	rtmetrics "runtime/metrics"
	"time"
)

// The heap is small and short-lived: collecting it at half of Go's pace saves some of the time under load; later still, and
// what lives is scattered over so much memory that 50 calls need half as much again. And calls allocate while they are set
// up and then hardly any more, so that what their beginning left would stay until others come: it is collected when
// all is quiet.
const (
	collectPercent = 200
	quietTime      = 2 * time.Second
)

// heap is how much is in use, how much of it was in use after the last collection, and how much was allocated ever, in
// bytes.
type heap struct{ objects, live, allocated uint64 }

func readHeap(samples []rtmetrics.Sample) heap {
	rtmetrics.Read(samples)
	return heap{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()}
}

// dirty reports whether a collection is worth its time: a fifth of the heap may be garbage, and at the pace of the last
// quietTime a fifth would not be again for twice as long.
func dirty(before, now heap) bool {
	return now.objects > now.live+now.live/4 && now.allocated-before.allocated < now.live/8
}

// collectWhenQuiet runs until ctx ends.
func collectWhenQuiet(ctx context.Context) error {
	samples := []rtmetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	tick := time.NewTicker(quietTime)
	defer tick.Stop()
	before := readHeap(samples)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := readHeap(samples)
		if dirty(before, now) {
			runtime.GC()
			now = readHeap(samples)
		}
		before = now
	}
}
