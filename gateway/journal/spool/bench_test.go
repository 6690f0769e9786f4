package spool_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
	"backline/gateway/journal/spool"
	"backline/gateway/journal/sqlite"
)

// BenchmarkAppend is what 64 callers get done on one real Redis, with the spool in front and without, while somebody
// follows.
func BenchmarkAppend(b *testing.B) {
	server := redistest.Start(b)
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("spool=%v", with), func(b *testing.B) {
			dial := func(ctx context.Context) (journal.Journal, error) {
				name := fmt.Sprintf("bench-%v-%d", with, time.Now().UnixNano())
				return redis.Open(ctx, redis.Options{Client: goredis.UniversalOptions{Addrs: []string{server.Addr}}, Name: name})
			}
			measure(b, with, dial)
		})
	}
}

func measure(b *testing.B, with bool, dial func(context.Context) (journal.Journal, error)) {
	j, err := dial(b.Context())
	if with && err == nil {
		_ = j.Close()
		local, e := sqlite.Open(b.Context(), b.TempDir()+"/spool.db", sqlite.Options{})
		if e != nil {
			b.Fatal(e)
		}
		j, err = spool.Open(b.Context(), spool.Options{Local: local, Dial: dial})
	}
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	ctx, cancel := context.WithCancel(b.Context())
	var reader, callers sync.WaitGroup
	reader.Go(func() {
		for _, err := range journal.Tail(ctx, j, 0) {
			if err != nil {
				return
			}
		}
	})
	var next atomic.Int64
	b.ResetTimer()
	for c := range 64 {
		callers.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				w := journal.Write{Stream: fmt.Sprintf("thread/%d", c), Expect: journal.Any, Key: fmt.Sprint("k", n),
					Events: []journal.Event{{Type: "message.received", At: time.Now(), Data: []byte(`{"text":"Is anybody there who can tell me where my order is?"}`)}}}
				if _, err := j.Append(b.Context(), w); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	cancel()
	reader.Wait()
}
