package redis_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/bus"
	"backline/gateway/bus/bustest"
	"backline/gateway/bus/redis"
	"backline/gateway/journal/redis/redistest"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.World {
		s := redistest.Start(t)
		c := goredis.NewClient(&goredis.Options{Addr: s.Addr})
		t.Cleanup(func() { c.Close() })
		return bustest.World{
			Join: func(_ *testing.T, name, address string) *bus.Bus {
				return redis.New(redis.Options{Client: goredis.UniversalOptions{Addrs: []string{s.Addr}}, Name: "test", Node: name, Address: address})
			},
			Publish: func(t *testing.T, payload string) {
				if err := c.Publish(t.Context(), "{test}:bus", payload).Err(); err != nil {
					t.Fatal(err)
				}
			},
			Cut:     func(*testing.T) { s.Kill() },
			Restore: func(*testing.T) { s.Launch() },
		}
	})
}

// A server that stops answering without closing anything is left as well, and found again.
func TestAFrozenServerCarriesNothing(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	b := redis.New(redis.Options{Client: goredis.UniversalOptions{Addrs: []string{s.Addr}}})
	run(t, b)
	wait(t, "the bus carries", b.Connected)
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr, ReadTimeout: time.Minute})
	defer c.Close()
	if err := c.Do(t.Context(), "CLIENT", "PAUSE", 4000, "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the freeze is noticed", func() bool { return !b.Connected() })
	wait(t, "the bus carries again", b.Connected)
}

// Sentinels name another primary after the first has died, and the nodes meet there.
func TestNodesMeetAtTheNewPrimary(t *testing.T) {
	t.Parallel()
	primary := redistest.Start(t)
	host, port, _ := net.SplitHostPort(primary.Addr)
	redistest.Start(t, "--replicaof", host+" "+port)
	sentinel := startSentinel(t, host, port)
	join := func(name string) *bus.Bus {
		b := redis.New(redis.Options{Client: goredis.UniversalOptions{Addrs: []string{sentinel}, MasterName: "main"}, Node: name})
		run(t, b)
		return b
	}
	a, b := join("a"), join("b")
	wait(t, "they meet", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 && a.Connected() && b.Connected() })
	c := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel})
	defer c.Close()
	wait(t, "the sentinel knows the replica", func() bool {
		m, err := c.Master(t.Context(), "main").Result()
		return err == nil && m["num-slaves"] == "1"
	})
	primary.Kill()
	wait(t, "it is noticed", func() bool { return !a.Connected() && !b.Connected() })
	wait(t, "they meet again", func() bool { return a.Connected() && b.Connected() })
	if len(a.Peers()) != 1 || len(b.Peers()) != 1 {
		t.Errorf("a knows %v, b knows %v after the fail-over", a.Peers(), b.Peers())
	}
}

func startSentinel(t *testing.T, host, port string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, own, _ := net.SplitHostPort(addr)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	conf := fmt.Sprintf("bind 127.0.0.1\nport %s\nsentinel monitor main %s %s 1\nsentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n", own, host, port)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("redis-server", file, "--sentinel")
	if err := child.Start(); err != nil {
		t.Fatalf("redis-server is needed for this test: %v", err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill() // it may have ended by itself
		_ = child.Wait()
	})
	return addr
}

func run(t *testing.T, b *bus.Bus) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}
