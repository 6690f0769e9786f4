package redis

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Times of a primary that is alone.
const (
	aloneFor  = time.Second            // how long one look holds
	settled   = 3 * time.Second        // it must have been so for, without a look that said otherwise
	askedTime = 500 * time.Millisecond // for one sentinel
)

// isAlone reports whether the last look said that there is no replica to wait for; an old look is made again.
func (j *Journal) isAlone(ctx context.Context) bool {
	until := j.alone.Load()
	if until == 0 || j.clock.now().UnixNano() < until {
		return until != 0
	}
	return j.lookAlone(ctx)
}

// lookAlone looks whether the primary has lost all replicas and is the primary none the less: nobody would gain by
// waiting for who is dead. A primary that was cut off, with us, looks the same; but then no majority of the sentinels
// says so. Where there are none nobody makes another server the primary, and a cluster's own majority watches it. One look
// is not enough: in a planned fail-over a primary that is about to step down has lost its replica, which is the new primary,
// about a second before the sentinels say so.
func (j *Journal) lookAlone(ctx context.Context) bool {
	alone := false
	if c, err := j.home(ctx); err == nil {
		info, err := c.Info(ctx, "server", "replication").Result()
		alone = err == nil && field(info, "role") == "master" && field(info, "connected_slaves") == "0" && j.elected(ctx, field(info, "run_id"))
	}
	now := j.clock.now()
	if !alone {
		j.aloneSince.Store(0)
		j.alone.Store(0)
		return false
	}
	j.aloneSince.CompareAndSwap(0, now.UnixNano())
	if since := j.aloneSince.Load(); since == 0 || now.UnixNano()-since < int64(j.settles()) {
		return false
	}
	j.alone.Store(now.Add(aloneFor).UnixNano())
	return true
}

// settles is how long a primary must have been alone. One server that nobody watches has no successor.
func (j *Journal) settles() time.Duration {
	if j.opts.Client.MasterName == "" && len(j.opts.Client.Addrs) == 1 {
		return 0
	}
	return settled
}

// elected reports whether a majority of the sentinels hold the server of this run for the primary, and well.
func (j *Journal) elected(ctx context.Context, run string) bool {
	o := j.opts.Client
	if o.MasterName == "" {
		return true
	}
	var votes atomic.Int64
	var asked sync.WaitGroup
	for _, addr := range o.Addrs {
		asked.Go(func() {
			s := goredis.NewSentinelClient(&goredis.Options{Addr: addr, Username: o.SentinelUsername, Password: o.SentinelPassword, TLSConfig: o.TLSConfig,
				Dialer: o.Dialer, DialTimeout: askedTime, ReadTimeout: askedTime, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true})
			defer s.Close() // nothing was written
			m, err := s.Master(ctx, o.MasterName).Result()
			if err == nil && m["runid"] == run && !strings.Contains(m["flags"], "down") {
				votes.Add(1)
			}
		})
	}
	asked.Wait()
	return 2*int(votes.Load()) > len(o.Addrs)
}
