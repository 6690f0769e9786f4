package links_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
	"backline/gateway/links"
)

const mailing = 100_000

func specs() []links.Spec {
	out := make([]links.Spec, mailing)
	for i := range out {
		mail := fmt.Sprintf("customer%06d@example.org", i)
		out[i] = links.Spec{To: "queue/main", Subject: "Your delivery", Language: "de", Campaign: "outage", Key: "outage/" + mail,
			Contact: gateway.LinkContact{Name: fmt.Sprintf("Customer %06d", i), Email: mail}}
	}
	return out
}

func benchStore(b *testing.B) (*links.Store, *sqlite.Journal) {
	b.Helper()
	j, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "journal.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	ring, err := links.OpenRing(filepath.Join(b.TempDir(), "links.key"))
	if err != nil {
		b.Fatal(err)
	}
	s := links.New(links.Options{Journal: j, Ring: ring, PublicURL: "https://gw.example.org"})
	s.Replayed()
	return s, j
}

// BenchmarkMint makes the 100,000 links of one mailing, durable in SQLite; an op is all of them.
func BenchmarkMint(b *testing.B) {
	for b.Loop() {
		s, _ := benchStore(b)
		if _, err := s.Mint(b.Context(), specs()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(mailing)*float64(b.N)/b.Elapsed().Seconds(), "links/s")
}

// BenchmarkReplay folds 100,000 links, as a start does, and says how much memory one takes.
func BenchmarkReplay(b *testing.B) {
	s, j := benchStore(b)
	if _, err := s.Mint(b.Context(), specs()); err != nil {
		b.Fatal(err)
	}
	var events []journal.Event
	for len(events) < mailing {
		more, err := j.Read(b.Context(), uint64(len(events)), 1024, 0)
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, more...)
	}
	for b.Loop() {
		before := heap()
		s, _ := benchStore(b)
		for _, e := range events {
			if err := s.Apply(e); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/mailing, "B/link")
		runtime.KeepAlive(s)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkResolve is one opening of the page.
func BenchmarkResolve(b *testing.B) {
	s, _ := benchStore(b)
	l, err := s.Create(b.Context(), links.Spec{To: "queue/main"})
	if err != nil {
		b.Fatal(err)
	}
	token, now := s.Token(l), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Resolve(token, now); err != nil {
			b.Fatal(err)
		}
	}
}
