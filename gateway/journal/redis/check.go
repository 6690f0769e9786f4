package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
)

// minVersion has XTRIM MINID (redis.io/commands/xtrim).
const minVersion = "6.2"

// Level is how a finding is to be taken.
type Level string

// Levels. Open refuses a server with a finding of Refused.
const (
	Fine    Level = "fine"
	Warning Level = "warning" // it works, and a fail-over can lose more than it must
	Refused Level = "refused" // what was acknowledged can be lost, or nothing works
)

// Finding is one property of a server that decides about what it keeps.
type Finding struct {
	What   string `json:"what"` // a setting of Redis, or version, role, keys
	Level  Level  `json:"level"`
	Detail string `json:"detail"`        // what is there, and what comes of it
	Fix    string `json:"fix,omitempty"` // what to do, or why; empty where all is fine
}

// Check looks at the server of a journal, which need not be open elsewhere: can it lose what it acknowledges, has it
// done so? The error is that of a server that cannot be asked.
func Check(ctx context.Context, o Options) ([]Finding, error) {
	j := connect(o)
	found, err := j.examine(ctx)
	if err == nil {
		found = append(found, j.emptying(ctx), j.torn(ctx), j.presence(ctx))
	}
	return found, errors.Join(err, j.client.Close(), j.reader.Close())
}

// emptying says whether a command would throw the journal away. No gateway needs it.
func (j *Journal) emptying(ctx context.Context) Finding {
	f := Finding{What: "FLUSHALL", Level: Fine, Detail: "the server has no FLUSHALL"}
	got, err := j.client.Do(ctx, "COMMAND", "INFO", "FLUSHALL").Slice()
	switch {
	case err != nil:
		f.Level, f.Detail, f.Fix = Warning, "the server does not say whether it has FLUSHALL: "+err.Error(), "see deploy/redis.conf"
	case len(got) == 1 && got[0] != nil:
		f.Level, f.Detail = Warning, "FLUSHALL and FLUSHDB throw the journal away, on all replicas at once"
		f.Fix = `rename-command FLUSHALL "" and rename-command FLUSHDB "" in the configuration of all servers`
	}
	return f
}

// torn says whether the server mends the end of its file by itself after a crash. Redis 7.0.15 leaves half a transaction then,
// which takes the place of an acknowledged one at the start after (seen; deploy/mend-aof.sh tells how).
func (j *Journal) torn(ctx context.Context) Finding {
	f := Finding{What: "aof-load-truncated", Level: Fine}
	got, err := setting(ctx, j.client, f.What)
	switch {
	case err != nil:
		f.Level, f.Detail, f.Fix = Warning, "the server does not say: "+err.Error(), "see deploy/redis.conf"
	case got == "no":
		f.Detail = `aof-load-truncated is "no"`
	default:
		f.Level, f.Detail = Warning, fmt.Sprintf("aof-load-truncated is %q: after two crashes one can lose what was acknowledged in between", got)
		f.Fix = "aof-load-truncated no, and deploy/mend-aof.sh before each start of the server"
	}
	return f
}

// presence says whether the journal is the one that is expected.
func (j *Journal) presence(ctx context.Context) Finding {
	f := Finding{What: "journal", Level: Fine}
	_, head, err := j.Bounds(ctx)
	switch {
	case err != nil:
		f.Level, f.Detail, f.Fix = Refused, err.Error(), "bring it back: Redis on its own append-only file, or journal import of the last export"
	case head == 0:
		f.Detail = "there is none yet"
	default:
		f.Detail = fmt.Sprintf("it ends at position %d", head)
	}
	return f
}

// check refuses a server that may lose what it acknowledged.
func (j *Journal) check(ctx context.Context) error {
	found, err := j.examine(ctx)
	if err != nil {
		return err
	}
	for _, f := range found {
		switch {
		case f.Level != Refused:
		case f.What == "role" && j.moves():
			return fmt.Errorf("%w: %s", journal.ErrUnreachable, f.Detail)
		default:
			return fmt.Errorf("%s: %s", f.Detail, f.Fix)
		}
	}
	return nil
}

// moves reports whether somebody makes another server the primary when it must be.
func (j *Journal) moves() bool {
	_, cluster := j.client.(*goredis.ClusterClient)
	return cluster || j.opts.Client.MasterName != ""
}

// examine asks the server for all that matters.
func (j *Journal) examine(ctx context.Context) ([]Finding, error) {
	c, err := j.home(ctx)
	if err != nil {
		return nil, j.failure(ctx, "look at the server", err)
	}
	info, err := c.Info(ctx, "server", "replication").Result()
	if err != nil {
		return nil, j.failure(ctx, "look at the server", err)
	}
	at, err := c.Time(ctx).Result()
	if err != nil {
		return nil, j.failure(ctx, "ask the server for the time", err)
	}
	j.clock = newClock(at)
	connected, _ := strconv.Atoi(field(info, "connected_slaves")) // what is no number is none
	if j.opts.Replicas < 0 {
		j.opts.Replicas, j.optional = 1, true
		if connected == 0 { // as long as we know: nobody has said anything yet that could get lost
			j.aloneSince.Store(j.clock.now().Add(-settled).UnixNano())
			j.lookAlone(ctx)
		}
	}
	found := []Finding{version(info), role(info)}
	for _, want := range durable {
		got, err := setting(ctx, c, want.name)
		if err != nil {
			return nil, j.failure(ctx, "read "+want.name, err)
		}
		f := Finding{What: want.name, Level: Fine, Detail: fmt.Sprintf("%s is %q", want.name, got)}
		if got != want.value {
			f.Level, f.Detail = Refused, fmt.Sprintf("%s and must be %q", f.Detail, want.value)
			f.Fix = want.why
		}
		found = append(found, f)
	}
	least, err := setting(ctx, c, "min-replicas-to-write")
	if err != nil {
		return nil, j.failure(ctx, "read min-replicas-to-write", err)
	}
	found = append(found, replicas(info, connected, least))
	foreign, err := j.kind(ctx)
	if err != nil {
		return nil, j.failure(ctx, "look at the keys", err)
	}
	return append(found, foreign), nil
}

// durable are the settings without which a server loses what it acknowledged.
var durable = []struct{ name, value, why string }{
	{"appendonly", "yes", "a crash would lose everything since the last snapshot"},
	{"appendfsync", "always", "a power failure would lose the last second"},
	{"maxmemory-policy", "noeviction", "a full memory would throw the journal away"},
}

func setting(ctx context.Context, c goredis.UniversalClient, name string) (string, error) {
	got, err := c.ConfigGet(ctx, name).Result()
	return got[name], err
}

func version(info string) Finding {
	v := field(info, "redis_version")
	f := Finding{What: "version", Level: Fine, Detail: "version " + v}
	if older(v, minVersion) {
		f.Level, f.Detail, f.Fix = Refused, f.Detail+" is too old", "at least "+minVersion+" is needed"
	}
	return f
}

func role(info string) Finding {
	r := field(info, "role")
	if r == "master" {
		return Finding{What: "role", Level: Fine, Detail: "this server is the primary"}
	}
	return Finding{What: "role", Level: Refused, Detail: "this server is a " + r, Fix: "name the primary, or the sentinels with the primary's name"}
}

// replicas judges min-replicas-to-write. Without it a primary that was cut off goes on taking what the one that was
// promoted meanwhile does not have (redis.io/docs/latest/operate/oss_and_stack/management/replication).
func replicas(info string, connected int, least string) Finding {
	f := Finding{What: "min-replicas-to-write", Level: Fine}
	n, _ := strconv.Atoi(least) // the server's own number
	good, _ := strconv.Atoi(field(info, "min_slaves_good_slaves"))
	switch {
	case n > 0 && good < n:
		f.Level, f.Detail = Warning, fmt.Sprintf("min-replicas-to-write is %d and %d replicas are in step: nothing is written", n, good)
		f.Fix = "look why the replicas are away"
	case n > 0:
		f.Detail = fmt.Sprintf("min-replicas-to-write is %d, %d replicas are in step", n, good)
	case connected > 0:
		f.Level = Warning
		f.Detail = fmt.Sprintf("min-replicas-to-write is 0 with %d replicas: a primary that is cut off from them goes on taking what a fail-over then throws away", connected)
		f.Fix = "set min-replicas-to-write 1 and min-replicas-max-lag 5 on all servers"
	default:
		f.Detail = "no replica is connected: what is written is on this server's disk alone"
	}
	return f
}

// kind finds keys that are there and are not ours.
func (j *Journal) kind(ctx context.Context) (Finding, error) {
	f := Finding{What: "keys", Level: Fine, Detail: "the keys " + tagged(j.opts.Name) + "* are free or a journal's"}
	for key, want := range map[string]string{j.key.log: "stream", j.key.versions: "hash", j.key.meta: "hash"} {
		got, err := j.client.Type(ctx, key).Result()
		if err != nil && !errors.Is(err, goredis.Nil) {
			return f, err
		}
		if got != "none" && got != want {
			f.Level, f.Detail = Refused, fmt.Sprintf("%s is a %s and must be a %s", key, got, want)
			f.Fix = "another program uses the name"
		}
	}
	return f, nil
}

func field(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func older(have, want string) bool {
	h, w := strings.Split(have, "."), strings.Split(want, ".")
	for i := range w {
		a, _ := strconv.Atoi(at(h, i)) // what is no number is old
		b, _ := strconv.Atoi(w[i])
		if a != b {
			return a < b
		}
	}
	return false
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return ""
}
