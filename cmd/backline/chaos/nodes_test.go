package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/cmd/backline/chaos"
	"backline/gateway"
	"backline/gateway/journal"
	"backline/gateway/journal/redis"
)

// cluster is a world of several nodes on Redis with sentinels.
type cluster struct {
	*world
	redis *chaos.Sentinels
}

// nodes begins one with three.
func nodes(t *testing.T, mix chaos.Mix, settings ...string) *cluster {
	t.Helper()
	return nodesWith(t, chaos.Options{}, mix, settings...)
}

// nodesWith begins one whose nodes are special.
func nodesWith(t *testing.T, o chaos.Options, mix chaos.Mix, settings ...string) *cluster {
	t.Helper()
	o.Nodes, o.Names = 3, &chaos.Names{}
	s := chaos.NewSentinels(t, 1, o.Names, settings...)
	o.Store = func(string) string {
		return fmt.Sprintf("store: {engine: redis, sentinels: ['%s'], master: %s}\n", strings.Join(s.Addrs(), "', '"), chaos.MasterName)
	}
	w := begin(t, o, mix)
	c := &cluster{world: w, redis: s}
	c.leader(20 * time.Second)
	time.Sleep(goesOn())
	return c
}

// events reads the shared journal.
func (c *cluster) events() []journal.Event {
	c.Helper()
	events, err := c.read()
	if err != nil {
		c.Fatal(err)
	}
	return events
}

func (c *cluster) read() ([]journal.Event, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p := c.redis.Primary()
	j, err := redis.Open(ctx, redis.Options{Client: goredis.UniversalOptions{Addrs: []string{p.Own()}}})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return readAll(ctx, j)
}

// leader waits until a node decides, and returns it; nil when its lease is another's than of our nodes.
func (c *cluster) leader(patience time.Duration) *chaos.Node {
	c.Helper()
	var last error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		events, err := c.read()
		if last = err; err != nil {
			continue
		}
		holder := ""
		for _, e := range events {
			if e.Stream == gateway.LeaseStream {
				var taken gateway.LeaseTaken
				if err := json.Unmarshal(e.Data, &taken); err != nil {
					c.Fatal(err)
				}
				if holder = taken.Node; e.Type != taken.EventType() {
					holder = ""
				}
			}
		}
		name, _, _ := strings.Cut(holder, "~")
		for _, n := range c.Nodes {
			if n.Name == name {
				return n
			}
		}
	}
	c.Fatalf("no node decides after %s: %v", patience, last)
	return nil
}

// moves waits until another node decides.
func (c *cluster) moves(from *chaos.Node, patience time.Duration) *chaos.Node {
	c.Helper()
	began := time.Now()
	for time.Since(began) < patience {
		if n := c.leader(patience); n != from {
			c.note("node %s decides after %s", n.Name, time.Since(began).Round(10*time.Millisecond))
			return n
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.Fatalf("node %s still decides after %s", from.Name, patience)
	return nil
}

func (c *cluster) settles() {
	c.Helper()
	for _, n := range c.Nodes {
		if r := n.Restarts(); r > 0 {
			c.note("node %s began anew %d times", n.Name, r)
		}
	}
	c.world.settles(c.events)
}

// only makes a fault of those that are named.
func only(f chaos.Fault, names ...string) func(string) chaos.Fault {
	return func(who string) chaos.Fault {
		for _, n := range names {
			if n == who {
				return f
			}
		}
		return chaos.Fault{}
	}
}

// hold is a silent cut, as of a cable: nothing comes back, not even a refusal.
var hold = chaos.Fault{Up: true, Down: true}

// Rows 1 to 4 and 15: nodes die at random moments, the one that decides among them, and come back.
func TestNodesKilled(t *testing.T) {
	c := nodes(t, usual)
	rounds := 2
	if *long {
		rounds = 12
	}
	for i := range rounds {
		n := c.Nodes[c.random.IntN(len(c.Nodes))]
		if i == 0 {
			n = c.leader(20 * time.Second)
		}
		c.breaks()
		n.Kill()
		time.Sleep(goesOn()/2 + c.sometime(goesOn()))
		n.Start()
		time.Sleep(c.sometime(goesOn()))
	}
	c.note("%d kills", rounds)
	c.settles()
}

// Row 15: the node that decides is gone. Another decides within 10 s, and has everything but what was acknowledged while
// Redis did not answer in time: that is on the disk of the one that is gone, and there when the disk comes back.
func TestNodesOneGoneForLong(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	gone := c.leader(20 * time.Second)
	c.breaks()
	gone.Kill()
	c.moves(gone, 10*time.Second)
	time.Sleep(2 * goesOn())
	c.load.Finish(30 * time.Second)
	views, _ := c.load.Settle(c.Running(), 10*time.Second)
	c.note("%d of the acknowledged were on its disk alone", len(c.load.Ledger.Check(views[:1]).Lost))
	gone.Start()
	c.settles()
}

// Row 16: the node that decides hangs for 10 s, another one takes over, and the first goes on as if nothing were. What it
// still wants to decide is refused.
func TestNodesDecidingOneFrozen(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	old := c.leader(20 * time.Second)
	c.breaks()
	old.Freeze()
	began := time.Now()
	c.moves(old, 10*time.Second)
	time.Sleep(time.Until(began.Add(10 * time.Second)))
	old.Thaw()
	time.Sleep(2 * goesOn())
	c.settles()
}

// Row 12: the primary dies.
func TestNodesPrimaryKilled(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	old := c.redis.Primary()
	c.breaks()
	old.Kill()
	c.redis.Moves(old, time.Minute)
	c.note("another primary after %s", time.Since(c.broken).Round(10*time.Millisecond))
	time.Sleep(2 * goesOn())
	old.Launch()
	time.Sleep(goesOn())
	c.settles()
}

// Row 12: the primary hangs, is replaced, and comes back believing that it is still one.
func TestNodesPrimaryFrozen(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	old := c.redis.Primary()
	c.breaks()
	old.Freeze()
	c.redis.Moves(old, time.Minute)
	c.note("another primary after %s", time.Since(c.broken).Round(10*time.Millisecond))
	time.Sleep(goesOn())
	old.Thaw()
	time.Sleep(2 * goesOn())
	c.settles()
}

// Row 12: the network parts. The old primary stays with the node that decides, and with nobody else; the other nodes, the
// replica and the sentinels are on the other side. Later the network is whole again.
func TestNodesPrimaryCutOffWithTheDecidingOne(t *testing.T) {
	c := nodes(t, usual)
	old, first := c.redis.Primary(), c.leader(20*time.Second)
	c.breaks()
	old.Cable.Break(func(who string) chaos.Fault {
		if who == first.Name {
			return chaos.Fault{}
		}
		return hold
	})
	for _, x := range append(append([]*chaos.Server{}, c.redis.Watch...), c.redis.Servers...) {
		if x != old {
			x.Cable.Break(only(hold, first.Name, old.Name))
		}
	}
	c.redis.Moves(old, time.Minute)
	c.note("another primary after %s", time.Since(c.broken).Round(10*time.Millisecond))
	c.moves(first, 30*time.Second)
	time.Sleep(3 * goesOn())
	for _, x := range append(append([]*chaos.Server{}, c.redis.Watch...), c.redis.Servers...) {
		x.Cable.Mend()
	}
	time.Sleep(3 * goesOn())
	c.settles()
}

// A planned fail-over under load, which loses what Redis had acknowledged: what nodes have accepted is brought again.
func TestNodesPlannedFailOver(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	old := c.redis.Primary()
	c.breaks()
	c.redis.Watch[0].Do("SENTINEL", "FAILOVER", chaos.MasterName)
	c.redis.Moves(old, time.Minute)
	c.note("another primary after %s", time.Since(c.broken).Round(10*time.Millisecond))
	time.Sleep(2 * goesOn())
	if got, want := c.load.Ledger.Gap(c.broken, time.Now()), 4*time.Second; got > want {
		c.Errorf("nothing was acknowledged for %s: all nodes begin anew, and none takes what comes in", got)
	}
	c.settles()
}

// Row 11: no Redis at all. Customers and providers do not notice; what they sent is routed within 30 s after its return.
func TestNodesRedisAway(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	away := 5 * time.Second
	if *long {
		away = time.Minute
	}
	c.breaks()
	for _, x := range c.redis.Servers {
		x.Cable.All(chaos.Fault{Cut: true})
	}
	began := time.Now()
	time.Sleep(away)
	if got, want := c.load.Ledger.Gap(began, time.Now()), 2*time.Second; got > want {
		c.Errorf("nothing was acknowledged for %s while Redis was away", got)
	}
	c.note("acknowledged meanwhile: half within %s, 99 %% within %s", c.load.Ledger.Acknowledging(began, .5).Round(time.Millisecond), c.load.Ledger.Acknowledging(began, .99).Round(time.Millisecond))
	for _, x := range c.redis.Servers {
		x.Cable.Mend()
	}
	back := time.Now()
	c.alike(30 * time.Second)
	c.note("routed %s after its return", time.Since(back).Round(10*time.Millisecond))
	c.settles()
}

// alike waits until all nodes show all that was acknowledged up to now.
func (c *cluster) alike(patience time.Duration) {
	c.Helper()
	want := c.load.Ledger.Acknowledged()
	views, _ := c.load.SettleOn(c.Running(), want, patience)
	for _, v := range views {
		for _, text := range want {
			if len(v.Items[text]) == 0 {
				c.Errorf("after %s %s does not show %q", patience, v.Of, text)
				return
			}
		}
	}
}

// Row 14: Redis answers after 2 s. Intake does not wait for it.
func TestNodesRedisSlow(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	c.breaks()
	for _, x := range c.redis.Servers {
		x.Cable.Break(only(chaos.Fault{Delay: time.Second}, "a", "b", "c")) // each way
	}
	time.Sleep(time.Second) // whoever had begun waits once
	began := time.Now()
	time.Sleep(4 * goesOn())
	p99 := c.load.Ledger.Acknowledging(began, .99)
	if p99 > time.Second {
		c.Errorf("with a Redis that takes 2 s, 1 in 100 waits longer than %s", p99)
	}
	c.note("acknowledged meanwhile: half within %s, 99 %% within %s", c.load.Ledger.Acknowledging(began, .5).Round(time.Millisecond), p99.Round(time.Millisecond))
	for _, x := range c.redis.Servers {
		x.Cable.Mend()
	}
	c.settles()
}

// Row 13: Redis is full. It says so, and takes everything when there is room.
func TestNodesRedisFull(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	c.breaks()
	for _, x := range c.redis.Servers {
		x.Do("CONFIG", "SET", "maxmemory", "1mb")
	}
	began := time.Now()
	time.Sleep(3 * goesOn())
	if got := c.load.Ledger.Gap(began, time.Now()); got > 2*time.Second {
		c.Errorf("nothing was acknowledged for %s while Redis was full", got)
	}
	for _, x := range c.redis.Servers {
		x.Do("CONFIG", "SET", "maxmemory", "0")
	}
	c.alike(30 * time.Second)
	c.settles()
}

// emptied waits until every node says that the journal is gone, and looks whether they go on taking what comes in and
// leave Redis as it is. One of them is killed and comes back meanwhile: it must not begin a journal of its own.
func (c *cluster) emptied() {
	c.Helper()
	for _, n := range c.Nodes {
		for end := time.Now().Add(10 * time.Second); len(n.Log.Lines("journal: it is gone")) == 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				c.Fatalf("node %s does not notice that the journal is gone", n.Name)
			}
		}
	}
	c.note("all have noticed after %s", time.Since(c.broken).Round(10*time.Millisecond))
	n := c.Nodes[c.random.IntN(len(c.Nodes))]
	n.Kill()
	time.Sleep(goesOn() / 2)
	n.Launch()
	began := time.Now()
	time.Sleep(2 * goesOn())
	if got, want := c.load.Ledger.Gap(began, time.Now()), 2*time.Second; got > want {
		c.Errorf("nothing was acknowledged for %s while the journal was gone", got)
	}
	p := c.redis.Primary().Client()
	defer p.Close()
	if n, err := p.Exists(context.Background(), "{backline}:log", "{backline}:meta").Result(); err != nil || n > 0 {
		c.Errorf("%d %v: somebody has begun another journal", n, err)
	}
}

// Row 13: somebody empties Redis. Nodes keep what comes in and say what has happened, until the last command is taken off the
// append-only files; then they go on as if nothing had been.
func TestNodesRedisFlushedAndUnflushed(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	c.breaks()
	c.redis.Primary().Do("FLUSHALL")
	c.emptied()
	for _, x := range c.redis.Servers {
		x.Kill()
	}
	for _, x := range c.redis.Servers {
		x.Unflush()
		x.Launch()
	}
	c.routesAgain()
}

// routesAgain waits until all nodes are alike, now that the journal is back.
func (c *cluster) routesAgain() {
	c.Helper()
	back := time.Now()
	c.alike(30 * time.Second)
	c.note("routed %s after its return", time.Since(back).Round(10*time.Millisecond))
	c.settles()
}

// Row 13: Redis comes back with an empty disk, and its replica copies that. An export is brought back while the gateways run, and
// they add what they have taken since.
func TestNodesRedisEmptiedAndRestored(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	export := filepath.Join(t.TempDir(), "last.export")
	c.Nodes[0].Command("journal", "export", "--file", export)
	time.Sleep(goesOn())
	c.breaks()
	p := c.redis.Primary()
	p.Kill()
	p.Wipe()
	p.Launch() // before the sentinels miss it
	c.emptied()
	c.Nodes[0].Command("journal", "import", "--file", export)
	c.routesAgain()
}

// Rolling upgrade: one node after the other stops in order and starts again, under load. No request fails.
func TestNodesRollingUpgrade(t *testing.T) {
	lengthy(t)
	c := nodes(t, usual)
	before, _ := c.load.Failed()
	c.breaks()
	for _, n := range c.Nodes {
		took := n.Stop()
		c.note("%s stopped in %s", n.Name, took.Round(10*time.Millisecond))
		time.Sleep(goesOn() / 2)
		n.Start()
		time.Sleep(goesOn())
	}
	if after, why := c.load.Failed(); after != before {
		c.Errorf("%d requests failed: %v", after-before, why)
	}
	c.settles()
}

// Row 39 with two versions side by side: each node goes back to an older one and forward again, one after the other. No
// request fails.
func TestNodesOfTwoVersions(t *testing.T) {
	lengthy(t)
	older := os.Getenv(olderAt)
	if older == "" {
		t.Skip("no older version: make chaos OLDER=path/to/its/backline")
	}
	c := nodes(t, usual)
	before, _ := c.load.Failed()
	c.breaks()
	for _, version := range []string{older, os.Getenv(binaryAt)} {
		for _, n := range c.Nodes {
			n.Stop()
			n.Use(version)
			n.Start()
			time.Sleep(goesOn())
		}
	}
	if after, why := c.load.Failed(); after != before {
		c.Errorf("%d requests failed: %v", after-before, why)
	}
	c.settles()
}

// Row 19 on several nodes: what one node has acknowledged comes again at the others.
func TestNodesRedelivered(t *testing.T) {
	lengthy(t)
	mix := usual
	mix.Redeliver = 0.9
	c := nodes(t, mix)
	c.breaks()
	c.load.Again(100)
	c.settles()
}
