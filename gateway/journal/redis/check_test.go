package redis_test

import (
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
)

func contains(text string, all ...string) bool {
	for _, part := range all {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

// finding is what Check says of one thing.
func finding(t *testing.T, s *redistest.Server, what string) redis.Finding {
	t.Helper()
	found, err := redis.Check(t.Context(), redis.Options{Client: goredis.UniversalOptions{Addrs: []string{s.Addr}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.What == what {
			return f
		}
	}
	t.Fatalf("nothing is said of %s: %+v", what, found)
	return redis.Finding{}
}

func TestCheckSaysWhatAServerMayLose(t *testing.T) {
	s := redistest.Start(t)
	want := func(s *redistest.Server, what string, level redis.Level, detail string) {
		t.Helper()
		f := finding(t, s, what)
		if f.Level != level || !strings.Contains(f.Detail, detail) || (f.Fix == "") != (level == redis.Fine) {
			t.Errorf("%+v, want %s %q", f, level, detail)
		}
	}
	for _, what := range []string{"version", "role", "appendonly", "appendfsync", "maxmemory-policy", "aof-load-truncated", "keys"} {
		want(s, what, redis.Fine, "")
	}
	want(s, "min-replicas-to-write", redis.Fine, "on this server's disk alone")
	s.Config("appendfsync", "everysec")
	want(s, "appendfsync", redis.Refused, `is "everysec" and must be "always"`)
	s.Config("appendfsync", "always")
	s.Config("aof-load-truncated", "yes")
	want(s, "aof-load-truncated", redis.Warning, "after two crashes")

	host, port, _ := strings.Cut(s.Addr, ":")
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	until(t, "the replica is in step", func() bool {
		info, err := client(t, s.Addr).Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(info, "state=online")
	})
	want(replica, "role", redis.Refused, "is a slave")
	want(s, "min-replicas-to-write", redis.Warning, "is 0 with 1 replicas")
	open(t, s, redis.Options{}) // a warning is no refusal
	s.Config("min-replicas-to-write", "1")
	until(t, "the replica counts", func() bool { return finding(t, s, "min-replicas-to-write").Level == redis.Fine })
	want(s, "FLUSHALL", redis.Warning, "throw the journal away")
	want(redistest.Start(t, "--rename-command", `FLUSHALL ""`), "FLUSHALL", redis.Fine, "has no FLUSHALL")
	want(s, "journal", redis.Fine, "none yet")
	appendN(t, open(t, s, redis.Options{}), "k", 3)
	want(s, "journal", redis.Fine, "position 3")
	found, err := redis.Check(t.Context(), redis.Options{Client: goredis.UniversalOptions{Addrs: []string{s.Addr}}, Origin: "another's"})
	if f := found[len(found)-1]; err != nil || f.What != "journal" || f.Level != redis.Refused || !strings.Contains(f.Fix, "journal import") {
		t.Errorf("%+v %v: it is another journal than was expected", f, err)
	}
	s.Config("min-replicas-to-write", "2")
	want(s, "min-replicas-to-write", redis.Warning, "nothing is written")
}
