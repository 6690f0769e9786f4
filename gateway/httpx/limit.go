package httpx

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"backline/gateway"
)

// maxBuckets bounds a Limiter's memory: about 100 bytes each. When that many keys are live, those unknown
// share one bucket: a flood from a million addresses slows strangers, never a known visitor.
const maxBuckets = 50_000

// Limiter is a token bucket per key. A bucket that has been full again for a while is forgotten, which
// changes nothing for its key.
type Limiter struct {
	limit rate.Limit // static
	burst int        // static
	keep  time.Duration

	// Guarded by mu.
	mu      sync.Mutex
	buckets map[string]*bucket
	others  *rate.Limiter
	sweepAt time.Time
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

// NewLimiter allows, for each key, events per period in the long run, and at most burst at once.
func NewLimiter(events int, period time.Duration, burst int) *Limiter {
	limit := rate.Limit(float64(events) / period.Seconds())
	return &Limiter{
		limit:   limit,
		burst:   burst,
		keep:    time.Duration(float64(burst) / float64(limit) * float64(time.Second)),
		buckets: map[string]*bucket{},
		others:  rate.NewLimiter(limit, burst),
	}
}

// Allow takes one token of key. When there is none it returns how long until there will be one.
func (l *Limiter) Allow(key string) (wait time.Duration, ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	r := l.bucket(key, now).ReserveN(now, 1)
	if !r.OK() {
		return time.Minute, false // burst 0: nothing is ever allowed
	}
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (l *Limiter) bucket(key string, now time.Time) *rate.Limiter {
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			return l.others
		}
		b = &bucket{Limiter: rate.NewLimiter(l.limit, l.burst)}
		l.buckets[key] = b
	}
	b.used = now
	return b.Limiter
}

// sweep forgets full buckets, at most once in a while: its cost is spread over the calls between.
func (l *Limiter) sweep(now time.Time) {
	if now.Before(l.sweepAt) {
		return
	}
	l.sweepAt = now.Add(max(l.keep, time.Second))
	for key, b := range l.buckets {
		if now.Sub(b.used) > l.keep {
			delete(l.buckets, key)
		}
	}
}

// Len is the number of live keys.
func (l *Limiter) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.buckets)
}

// Prefix is the key of an address: itself for IPv4, its /64 for IPv6, because one visitor owns that much.
func Prefix(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}

func limitRate(next http.Handler, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.Unlimited == nil || !o.Unlimited(r) {
			if wait, ok := o.Limiter.Allow(Prefix(ClientIP(r.Context()))); !ok {
				TooMany(w, r, wait)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// TooMany answers 429 with Retry-After.
func TooMany(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	RetryAfter(w, wait)
	Problem(w, r, gateway.Errorf(gateway.TooMany, "too many requests from this address; wait a moment"))
}
