package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// minVersion has XTRIM MINID (redis.io/commands/xtrim).
const minVersion = "6.2"

// check refuses a server that may lose what it acknowledges.
func (j *Journal) check(ctx context.Context) error {
	info, err := j.client.Info(ctx, "server", "replication").Result()
	if err != nil {
		return err
	}
	if v := field(info, "redis_version"); older(v, minVersion) {
		return fmt.Errorf("version %s is too old; at least %s is needed", v, minVersion)
	}
	if role := field(info, "role"); role != "master" {
		return fmt.Errorf("this server is a %s: name the primary, or the sentinels with the primary's name", role)
	}
	for _, want := range []struct{ name, value, why string }{
		{"appendonly", "yes", "a crash would lose everything since the last snapshot"},
		{"appendfsync", "always", "a power failure would lose the last second"},
		{"maxmemory-policy", "noeviction", "a full memory would throw the journal away"},
	} {
		got, err := j.client.ConfigGet(ctx, want.name).Result()
		if err != nil {
			return fmt.Errorf("read %s: %w", want.name, err)
		}
		if got[want.name] != want.value {
			return fmt.Errorf("%s is %q and must be %q: %s", want.name, got[want.name], want.value, want.why)
		}
	}
	if j.opts.Replicas < 0 {
		n, err := strconv.Atoi(field(info, "connected_slaves"))
		if err != nil {
			return fmt.Errorf("read connected_slaves: %w", err)
		}
		j.opts.Replicas = min(n, 1)
	}
	return j.kind(ctx)
}

// kind refuses keys that are there and are not ours.
func (j *Journal) kind(ctx context.Context) error {
	for key, want := range map[string]string{j.key.log: "stream", j.key.versions: "hash", j.key.meta: "hash"} {
		got, err := j.client.Type(ctx, key).Result()
		if err != nil && !errors.Is(err, goredis.Nil) {
			return err
		}
		if got != "none" && got != want {
			return fmt.Errorf("%s is a %s and must be a %s: another program uses the name", key, got, want)
		}
	}
	return nil
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
