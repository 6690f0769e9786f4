package redis

import (
	"context"
	"errors"
	"fmt"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
)

// failure translates an error of the client.
func (j *Journal) failure(ctx context.Context, doing string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case j.isClosed() || errors.Is(err, goredis.ErrClosed):
		return journal.ErrClosed
	case transient(err):
		j.lookAround(ctx)
		return fmt.Errorf("%s: %w: redis: %w", doing, journal.ErrUnreachable, err)
	}
	return fmt.Errorf("%s: redis: %w", doing, err)
}

// passing are the answers of a server that will take the same command later, or another server will. UNBLOCKED: it
// became a replica under a waiting reader.
var passing = []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "BUSY", "UNBLOCKED",
	"NOREPLICAS", "OOM", "MISCONF"}

// transient tells a server that is away, or not ready, from one that refuses for good. What is no answer of the
// server, such as a broken connection, a timeout or sentinels that know no primary, is transient.
func transient(err error) bool {
	var answer goredis.Error
	if !errors.As(err, &answer) {
		return true
	}
	if goredis.IsMaxClientsError(err) {
		return true
	}
	for _, p := range passing {
		if goredis.HasErrorPrefix(err, p) {
			return true
		}
	}
	return false
}
