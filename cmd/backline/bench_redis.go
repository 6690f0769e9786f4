package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// benchRedis is a Redis of the bench's own: a primary that syncs every write, and replicas that do.
type benchRedis struct {
	addr     string // of the primary
	replicas int
	children []*exec.Cmd
}

// startRedis runs n servers in folders under dir; the first is the primary.
func startRedis(ctx context.Context, dir string, n int) (*benchRedis, error) {
	r := &benchRedis{replicas: n - 1}
	for i := range n {
		addr, err := freeAddress()
		if err != nil {
			return nil, errors.Join(err, r.stop())
		}
		folder := filepath.Join(dir, fmt.Sprint("redis", i))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, errors.Join(err, r.stop())
		}
		_, port, _ := net.SplitHostPort(addr)
		args := []string{"--bind", "127.0.0.1", "--port", port, "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
			"--repl-diskless-sync-delay", "0", "--loglevel", "warning"}
		if i == 0 {
			r.addr = addr
		} else {
			args = append(args, "--replicaof", strings.Replace(r.addr, ":", " ", 1))
		}
		c := exec.Command("redis-server", args...) // ends with stop, after the gateways
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			return nil, errors.Join(fmt.Errorf("redis-server is needed for --redis: %w", err), r.stop())
		}
		r.children = append(r.children, c)
	}
	if err := r.ready(ctx); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// ready waits until the primary answers and has all its replicas.
func (r *benchRedis) ready(ctx context.Context) error {
	c := goredis.NewClient(&goredis.Options{Addr: r.addr, MaxRetries: -1})
	defer c.Close()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		info, err := c.Info(ctx, "replication").Result()
		if err == nil && strings.Count(info, "state=online") == r.replicas {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("redis-server with %d replicas is not ready: %w", r.replicas, err)
		}
	}
}

func (r *benchRedis) stop() error {
	var errs []error
	for _, c := range r.children {
		errs = append(errs, c.Process.Kill())
		_ = c.Wait() // "signal: killed"
	}
	return errors.Join(errs...)
}

// head is the last position of the journal.
func (r *benchRedis) head(ctx context.Context) (uint64, error) {
	c := goredis.NewClient(&goredis.Options{Addr: r.addr})
	defer c.Close()
	return c.HGet(ctx, "{backline}:meta", "head").Uint64()
}

// trimmed is the position up to which records have left the journal.
func (r *benchRedis) trimmed(ctx context.Context) (uint64, error) {
	c := goredis.NewClient(&goredis.Options{Addr: r.addr})
	defer c.Close()
	return c.HGet(ctx, "{backline}:meta", "trimmed").Uint64()
}

// eventSize is how many bytes of fields the last event of the journal has.
func (r *benchRedis) eventSize(ctx context.Context) (int, error) {
	c := goredis.NewClient(&goredis.Options{Addr: r.addr})
	defer c.Close()
	last, err := c.XRevRangeN(ctx, "{backline}:log", "+", "-", 100).Result()
	if err != nil {
		return 0, err
	}
	if len(last) == 0 {
		return 0, errors.New("the journal on Redis is empty")
	}
	size := 0
	for _, m := range last {
		for name, v := range m.Values {
			size += len(name) + len(fmt.Sprint(v))
		}
	}
	return size / len(last), nil
}

// raw measures what the same Redis does by itself: XADD of an entry of a size, as many at once as there were webhooks.
// What redis-benchmark prints is given as it is.
func (r *benchRedis) raw(ctx context.Context, messages, callers, size int) (string, error) {
	host, port, _ := net.SplitHostPort(r.addr)
	out, err := exec.CommandContext(ctx, "redis-benchmark", "-h", host, "-p", port, "-n", fmt.Sprint(messages), "-c", fmt.Sprint(callers), "-q",
		"XADD", "bench", "*", "e", strings.Repeat("x", size)).Output()
	if err != nil {
		return "", fmt.Errorf("redis-benchmark is needed for --redis: %w", err)
	}
	lines := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\r' || r == '\n' })
	if len(lines) == 0 {
		return "", errors.New("redis-benchmark printed nothing")
	}
	text := lines[len(lines)-1]
	if _, after, ok := strings.Cut(text, ": "); ok {
		text = after // without the entry
	}
	c := goredis.NewClient(&goredis.Options{Addr: r.addr})
	defer c.Close()
	return text, c.Del(ctx, "bench").Err()
}
