package media

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkAnswer answers offers of a browser with and without tracks to spare, and says what memory a leg keeps.
func BenchmarkAnswer(b *testing.B) {
	plain := offers(b)["chromium.sdp"]
	line := plain[strings.Index(plain, "m="):]
	group := plain
	for i := 1; i < MaxHeard; i++ {
		more := strings.Replace(line, "a=mid:0", "a=mid:"+strconv.Itoa(i), 1)
		group += strings.Replace(more, "a=sendrecv", "a=recvonly", 1)
	}
	for name, offer := range map[string]string{"one voice": plain, "seven voices": group} {
		b.Run(name, func(b *testing.B) {
			e := loopback(b)
			before := heap()
			for i := range b.N {
				if _, err := e.Offer(b.Context(), LegKey{Call: strconv.Itoa(i % MaxLegs), Side: Customer}, offer, false); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(heap()-before)/float64(min(b.N, MaxLegs))/1024, "KiB/leg")
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
