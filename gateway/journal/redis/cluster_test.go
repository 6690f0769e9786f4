package redis_test

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
	"backline/gateway/journal/journaltest"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
)

// cluster starts servers that share the slots of a cluster, and returns its addresses.
func cluster(t *testing.T, shards int) []string {
	t.Helper()
	var addrs []string
	for i := range shards {
		s := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(freePort(t)))
		c := client(t, s.Addr)
		const slots = 16384
		if err := c.Do(t.Context(), "cluster", "addslotsrange", i*slots/shards, (i+1)*slots/shards-1).Err(); err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, s.Addr)
	}
	first := client(t, addrs[0])
	for _, a := range addrs[1:] {
		host, port, _ := net.SplitHostPort(a)
		bus, err := client(t, a).ConfigGet(t.Context(), "cluster-port").Result()
		if err == nil {
			err = first.Do(t.Context(), "cluster", "meet", host, port, bus["cluster-port"]).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range addrs {
		c := client(t, a)
		until(t, "the cluster is whole", func() bool {
			info, err := c.ClusterInfo(t.Context()).Result()
			known, err2 := c.ClusterNodes(t.Context()).Result()
			return err == nil && err2 == nil && contains(info, "cluster_state:ok", "cluster_slots_ok:16384") && len(lines(known)) == shards
		})
	}
	return addrs
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestConformanceOnACluster(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(strconv.Itoa(shards), func(t *testing.T) {
			addrs := cluster(t, shards)
			name, opened := "", 0
			on := func(t *testing.T) journal.Journal {
				t.Helper()
				j, err := redis.Open(t.Context(), redis.Options{Name: name, Client: goredis.UniversalOptions{Addrs: addrs, IsClusterMode: true}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { j.Close() })
				return j
			}
			journaltest.Run(t, journaltest.Engine{
				Open: func(t *testing.T) journal.Journal {
					opened++
					name = fmt.Sprint("j", opened) // another slot, and so another server
					return on(t)
				},
				Reopen: func(t *testing.T, j journal.Journal) journal.Journal {
					if err := j.Close(); err != nil {
						t.Fatal(err)
					}
					return on(t)
				},
			})
		})
	}
}

// WAIT names no key and must reach the server that has the journal's: there it counts that server's replicas.
func TestWaitOnAClusterAsksTheServerOfTheJournal(t *testing.T) {
	addrs := cluster(t, 3)
	replicated := addrs[1]
	id, err := client(t, replicated).Do(t.Context(), "cluster", "myid").Text()
	if err != nil {
		t.Fatal(err)
	}
	replica := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(freePort(t)))
	c := client(t, replica.Addr)
	bus, err := client(t, replicated).ConfigGet(t.Context(), "cluster-port").Result()
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(replicated)
	if err := c.Do(t.Context(), "cluster", "meet", host, port, bus["cluster-port"]).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "the replica follows", func() bool {
		_ = c.Do(t.Context(), "cluster", "replicate", id).Err() // until it knows the node
		info, err := client(t, replicated).Info(t.Context(), "replication").Result()
		return err == nil && contains(info, "state=online")
	})
	for i := range 12 {
		name := fmt.Sprint("j", i)
		slot, err := c.Do(t.Context(), "cluster", "keyslot", "{"+name+"}:log").Int()
		if err != nil {
			t.Fatal(err)
		}
		j, err := redis.Open(t.Context(), redis.Options{Name: name, Replicas: 1, ReplicaWait: 200 * time.Millisecond,
			Client: goredis.UniversalOptions{Addrs: addrs, IsClusterMode: true}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Append(t.Context(), chat("s", "k"))
		if has := slot >= 16384/3 && slot < 2*16384/3; has && err != nil || !has && !errors.Is(err, journal.ErrUncertain) {
			t.Errorf("slot %d, with a replica: %v, %v", slot, has, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}
