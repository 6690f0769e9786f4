package redis_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
)

// exchange leads every connection to the server it was told last.
type exchange struct {
	mu    sync.Mutex
	addr  string
	conns []net.Conn
}

func (x *exchange) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c, err := (&net.Dialer{}).DialContext(ctx, network, x.addr)
	if err == nil {
		x.conns = append(x.conns, c)
	}
	return c, err
}

// to ends what is connected, as Sentinel does with the clients of a primary that is none any more.
func (x *exchange) to(addr string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.addr = addr
	for _, c := range x.conns {
		c.Close()
	}
	x.conns = nil
}

// through opens a journal whose server can be changed under it.
func through(t *testing.T, addr string) (*redis.Journal, *exchange) {
	t.Helper()
	x := &exchange{addr: addr}
	j, err := redis.Open(t.Context(), redis.Options{Client: goredis.UniversalOptions{Addrs: []string{addr}, Dialer: x.dial}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, x
}

func client(t *testing.T, addr string) *goredis.Client {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { c.Close() })
	return c
}

// until waits for something that another process does.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func appendN(t *testing.T, j journal.Journal, prefix string, n int) {
	t.Helper()
	for i := range n {
		if _, err := j.Append(t.Context(), chat("s", fmt.Sprint(prefix, i))); err != nil {
			t.Fatal(err)
		}
	}
}

// lossy appends 10 events to a primary, of which a replica gets the first 6, and promotes the replica.
func lossy(t *testing.T) (j *redis.Journal, promote func(), promoted *redistest.Server) {
	t.Helper()
	primary := redistest.Start(t)
	host, port, _ := strings.Cut(primary.Addr, ":")
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	j, x := through(t, primary.Addr)
	appendN(t, j, "kept", 6)
	c := client(t, replica.Addr)
	until(t, "the replica has six events", func() bool {
		n, err := c.XLen(t.Context(), "{backline}:log").Result()
		return err == nil && n == 6
	})
	if err := c.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	appendN(t, j, "lost", 4)
	return j, func() {
		primary.Kill()
		x.to(replica.Addr)
	}, replica
}

// read reads without waiting, and once more while the server cannot be reached.
func read(t *testing.T, j journal.Journal, after journal.Pos) (events []journal.Event, err error) {
	t.Helper()
	until(t, "a server that answers", func() bool {
		events, err = j.Read(t.Context(), after, 100, 0)
		return !errors.Is(err, journal.ErrUnreachable)
	})
	return events, err
}

func TestAFailOverThatLosesEventsIsAFork(t *testing.T) {
	for _, c := range []struct {
		name  string
		after journal.Pos // where the reader stood: it read up to there
		again int         // appends after the fail-over, onto the six that were kept
		want  error
	}{
		{"the log ends before the reader", 10, 2, journal.ErrForked},
		{"the log ends where the reader stands, with another event", 10, 4, journal.ErrForked},
		{"the log has grown beyond the reader", 10, 30, journal.ErrForked},
		{"the reader stands on an event that was given away", 8, 30, journal.ErrForked},
		{"the reader had read what was kept", 6, 30, nil},
		{"the reader had read less", 3, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, promote, _ := lossy(t)
			if got, err := j.Read(t.Context(), 0, int(c.after), 0); err != nil || len(got) != int(c.after) {
				t.Fatalf("%d events, %v", len(got), err)
			}
			promote()
			until(t, "the promoted server takes appends", func() bool {
				_, err := j.Append(t.Context(), chat("s", "kept0"))
				return err == nil
			})
			appendN(t, j, "new", c.again)
			events, err := read(t, j, c.after)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if c.want == nil {
				if len(events) != 6+c.again-int(c.after) {
					t.Errorf("%d events after %d", len(events), c.after)
				}
				return
			}
			if _, err := j.Read(t.Context(), 2, 1, 0); !errors.Is(err, journal.ErrForked) {
				t.Errorf("%v: another reader of the same history goes on", err)
			}
			j.Forget()
			if events, err := j.Read(t.Context(), 0, 100, 0); err != nil || len(events) != 6+c.again {
				t.Errorf("folding anew: %d events, %v", len(events), err)
			}
			if _, err := j.Read(t.Context(), journal.Pos(6+c.again), 100, 0); err != nil {
				t.Errorf("folding on: %v", err)
			}
		})
	}
}

// The event where the reader stands can come back at its old position while another one was given away before it.
func TestAForkBehindAnEventThatCameBackIsFound(t *testing.T) {
	j, promote, _ := lossy(t)
	last, err := j.Read(t.Context(), 0, 10, 0)
	if err != nil || len(last) != 10 {
		t.Fatal(len(last), err)
	}
	promote()
	again := func(e journal.Event, key string) {
		w := journal.Write{Stream: e.Stream, Expect: journal.Any, Key: key, Events: []journal.Event{{Type: e.Type, At: e.At, Data: e.Data}}}
		if _, err := j.Append(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the promoted server takes appends", func() bool {
		_, err := j.Append(t.Context(), chat("s", "kept0"))
		return err == nil
	})
	again(last[6], last[6].Key)
	again(last[7], "somebody else's")
	again(last[8], last[8].Key)
	again(last[9], last[9].Key)
	if _, err := read(t, j, 10); !errors.Is(err, journal.ErrForked) {
		t.Errorf("%v: position 8 has another event than the one that was read", err)
	}
}

// A reader that waits finds the fork by itself, and others that read much meanwhile do not make it forget.
func TestAWaitingReaderKeepsItsMark(t *testing.T) {
	j, promote, _ := lossy(t)
	if _, err := j.Read(t.Context(), 0, 10, 0); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		if _, err := j.Read(t.Context(), journal.Pos(i%6), 1, 0); err != nil {
			t.Fatal(err)
		}
	}
	waiting := make(chan error, 1)
	go func() {
		for {
			if _, err := j.Read(context.Background(), 10, 10, time.Minute); !errors.Is(err, journal.ErrUnreachable) {
				waiting <- err
				return
			}
		}
	}()
	promote()
	select {
	case err := <-waiting:
		if !errors.Is(err, journal.ErrForked) {
			t.Errorf("%v, want ErrForked", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the reader waits for ever")
	}
}

// A replica that lags, or a server that is away, proves nothing.
func TestWhatIsNoPrimaryIsUnreachableAndNotForked(t *testing.T) {
	j, promote, promoted := lossy(t)
	if _, err := j.Read(t.Context(), 0, 10, 0); err != nil {
		t.Fatal(err)
	}
	other := redistest.Start(t)
	host, port, _ := strings.Cut(other.Addr, ":")
	c := client(t, promoted.Addr)
	other.Kill() // the replica waits for it and keeps what it has
	if err := c.ReplicaOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	promote()
	for range 5 {
		if _, err := j.Read(t.Context(), 10, 10, 0); !errors.Is(err, journal.ErrUnreachable) || errors.Is(err, journal.ErrForked) {
			t.Errorf("a replica: %v, want ErrUnreachable", err)
		}
		if _, err := j.Append(t.Context(), chat("s", "x")); !errors.Is(err, journal.ErrUnreachable) && !errors.Is(err, journal.ErrUncertain) {
			t.Errorf("a replica: %v, want ErrUnreachable", err)
		}
	}
	promoted.Kill()
	if _, err := j.Read(t.Context(), 10, 10, 0); !errors.Is(err, journal.ErrUnreachable) {
		t.Errorf("no server: %v, want ErrUnreachable", err)
	}
	if _, _, err := j.Bounds(t.Context()); !errors.Is(err, journal.ErrUnreachable) {
		t.Errorf("no server: %v, want ErrUnreachable", err)
	}
}

// answering is a server that says the same to everything but the greeting.
func answering(t *testing.T, reply string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { l.Close() })
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				for sc := bufio.NewScanner(c); sc.Scan(); {
					switch line := strings.ToUpper(sc.Text()); {
					case line == "HELLO":
						fmt.Fprint(c, "-ERR unknown command 'HELLO'\r\n")
					case line == "XREAD", line == "XRANGE", line == "HMGET", line == "EVALSHA", line == "EVAL":
						fmt.Fprintf(c, "-%s\r\n", reply)
					}
				}
			})
		}
	})
	return l.Addr().String()
}

func TestAnswersThatPassAndAnswersThatStay(t *testing.T) {
	s := redistest.Start(t)
	j, x := through(t, s.Addr)
	appendN(t, j, "k", 2)
	if _, err := j.Read(t.Context(), 0, 2, 0); err != nil {
		t.Fatal(err)
	}
	for reply, passes := range map[string]bool{
		"LOADING Redis is loading the dataset in memory":                          true,
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set": true,
		"READONLY You can't write against a read only replica.":                   true,
		"CLUSTERDOWN The cluster is down":                                         true,
		"UNBLOCKED force unblock from blocking operation, instance state changed": true,
		"ERR max number of clients reached":                                       true,
		"NOPERM this user has no permissions to run the 'xread' command":          false,
		"WRONGTYPE Operation against a key holding the wrong kind of value":       false,
		"ERR unknown command 'XREAD'":                                             false,
	} {
		x.to(answering(t, reply))
		_, err := j.Read(t.Context(), 2, 10, 0)
		if err == nil || errors.Is(err, journal.ErrUnreachable) != passes || errors.Is(err, journal.ErrForked) {
			t.Errorf("%s: %v, want it to pass: %v", reply, err, passes)
		}
		if _, _, err := j.Bounds(t.Context()); err == nil || errors.Is(err, journal.ErrUnreachable) != passes {
			t.Errorf("%s: bounds: %v, want it to pass: %v", reply, err, passes)
		}
	}
	x.to(s.Addr)
	if _, err := read(t, j, 2); err != nil {
		t.Errorf("back again: %v", err)
	}
}
