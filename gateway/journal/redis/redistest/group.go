package redistest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// GroupName is what the sentinels call the primary.
const GroupName = "backline"

// sentinels of a group; two of them must agree.
const sentinels = 3

// Group is a primary with replicas and sentinels that watch them.
type Group struct {
	Servers   []*Server // the first one began as the primary
	Sentinels []*Server

	t testing.TB
}

// StartGroup runs a primary with some replicas, which take writes only while one replica at least is there
// (min-replicas-to-write; further settings come behind and win), and three sentinels that call a server down after
// a second. It returns when all of them know each other.
func StartGroup(t testing.TB, replicas int, extra ...string) *Group {
	t.Helper()
	extra = append([]string{"--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"}, extra...)
	g := &Group{t: t}
	primary := prepare(t, extra...)
	g.Servers = append(g.Servers, primary)
	host, port, _ := net.SplitHostPort(primary.Addr)
	for range replicas {
		g.Servers = append(g.Servers, prepare(t, append(extra, "--replicaof", host+" "+port)...))
	}
	for _, s := range g.Servers {
		s.Launch()
	}
	primary.until("its replicas are in step", func(c *goredis.Client) bool {
		info, err := c.Info(context.Background(), "replication").Result()
		return err == nil && strings.Count(info, "state=online") == replicas
	})
	for range sentinels {
		s := configured(t, "sentinel.conf", []string{
			"--sentinel", fmt.Sprintf("monitor %s %s %s 2", GroupName, host, port),
			"--sentinel", "down-after-milliseconds " + GroupName + " 1000",
			"--sentinel", "failover-timeout " + GroupName + " 5000",
			"--sentinel", fmt.Sprintf("parallel-syncs %s %d", GroupName, max(replicas, 1)),
		})
		s.args = append(s.args, "--sentinel")
		g.Sentinels = append(g.Sentinels, s)
		s.Launch()
	}
	g.Settled(replicas)
	return g
}

// Settled waits until every sentinel knows so many replicas that are up, and the other sentinels.
func (g *Group) Settled(replicas int) {
	g.t.Helper()
	for _, s := range g.Sentinels {
		s.until("it knows the group", func(c *goredis.Client) bool { return g.knows(c, replicas) })
	}
}

func (g *Group) knows(c *goredis.Client, replicas int) bool {
	ctx := context.Background()
	m := goredis.NewMapStringStringCmd(ctx, "sentinel", "master", GroupName)
	if err := c.Process(ctx, m); err != nil || m.Val()["flags"] != "master" || m.Val()["num-other-sentinels"] != fmt.Sprint(sentinels-1) {
		return false
	}
	all := goredis.NewMapStringInterfaceSliceCmd(ctx, "sentinel", "replicas", GroupName)
	if err := c.Process(ctx, all); err != nil {
		return false
	}
	up := 0
	for _, r := range all.Val() {
		if r["flags"] == "slave" && r["master-link-status"] == "ok" {
			up++
		}
	}
	return up >= replicas
}

// Client says how to reach the group: by its sentinels.
func (g *Group) Client() goredis.UniversalOptions {
	o := goredis.UniversalOptions{MasterName: GroupName}
	for _, s := range g.Sentinels {
		o.Addrs = append(o.Addrs, s.Addr)
	}
	return o
}

// Primary is the server that the sentinels name, nil if they name none.
func (g *Group) Primary() *Server {
	g.t.Helper()
	var primary *Server
	g.Sentinels[0].until("it names a primary", func(c *goredis.Client) bool {
		at := goredis.NewStringSliceCmd(context.Background(), "sentinel", "get-master-addr-by-name", GroupName)
		if err := c.Process(context.Background(), at); err != nil || len(at.Val()) != 2 {
			return false
		}
		for _, s := range g.Servers {
			if s.Addr == net.JoinHostPort(at.Val()[0], at.Val()[1]) {
				primary = s
			}
		}
		return true
	})
	return primary
}

// Promoted waits until the sentinels name another primary than this one.
func (g *Group) Promoted(old *Server) *Server {
	g.t.Helper()
	primary := old
	g.Sentinels[0].until("another primary", func(*goredis.Client) bool {
		primary = g.Primary()
		return primary != old
	})
	return primary
}

// Failover has the sentinels promote a replica although the primary is well, and waits until they have.
func (g *Group) Failover() *Server {
	g.t.Helper()
	old := g.Primary()
	g.Sentinels[0].until("it takes the fail-over", func(c *goredis.Client) bool {
		return c.Do(context.Background(), "sentinel", "failover", GroupName).Err() == nil
	})
	return g.Promoted(old)
}
