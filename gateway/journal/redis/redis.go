// Package redis is the journal on Redis Streams: one log that several nodes append to and follow.
//
//	{name}:log        the events; an entry's id is "position-0"
//	{name}:versions   hash: stream → version
//	{name}:meta       hash: head, trimmed, chain (of the last event), origin (the chain of the first)
//	{name}:keys:N     hash: idempotency key → "position,version", one for each week N, gone three weeks later
//	{name}:import:*   the same while an import is under way
//
// All keys share a hash tag, so that a cluster keeps them on one of its nodes: a cluster adds fail-over and not
// speed. Tried with Redis 7.0, alone, with Sentinel, and as a cluster of one shard and of three. Valkey was not tried.
//
// Append is decided by one Lua script on the server: key, guard, version, then all events or none. Concurrent
// appends travel in one pipeline; with replicas WAIT ends it, and an append whose events fewer replicas have than
// were asked for is ErrUncertain. It returns when the server has synced its append-only file: Open refuses a
// server that does not (appendfsync), that may throw the journal away (maxmemory-policy) or that is too old.
//
// What Redis cannot promise: Sentinel and Cluster fail over to a replica that lacks what was acknowledged last,
// and then give its positions to others (redis.io/docs/latest/operate/oss_and_stack/management/sentinel,
// "Sentinel + Redis distributed system does not guarantee"). Therefore each entry carries a hash over the whole log up
// to it, and Read, which remembers where its last readers stood, asks in the same breath whether the entry there is
// still the same. When it is not, or a reader is ahead of the log, a primary is asked to confirm it, and then every
// Read of this Journal is ErrForked: what was read from it is another history. Whoever folds anew opens the journal
// again. A process that was not running during the fail-over has nothing to compare with but what it has kept: the sum
// of the event that its history ends with.
//
// A server that was emptied (FLUSHALL, a new disk) is no fork: there is nothing to go on with. So a journal is known by
// its origin, the chain of its first event, which an export brought back has, too. Whoever names it in Options gets
// ErrGone from a server with no journal or another one, and nothing is written there.
//
// Concurrency: every method may be called from any goroutine; lanes goroutines of its own append, started by Open
// and ended by Close. Limits: a script's numbers are doubles, positions are exact up to 2^53.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
)

const (
	lanes    = 2   // pipelines under way at once: one travels while the other is answered
	maxBatch = 512 // appends in one pipeline
)

// Options of Open.
type Options struct {
	// Client says where Redis is: one address, several of a cluster, or sentinels with MasterName.
	Client goredis.UniversalOptions
	// Name is the hash tag of all keys; default "backline".
	Name string
	// Replicas must have an append before it is acknowledged; 0: the one server's disk is enough. -1: one, unless
	// the primary has lost all of them and is the primary none the less: a majority of the sentinels says so.
	Replicas int
	// ReplicaWait is how long they are waited for; default 1 s.
	ReplicaWait time.Duration
	// Origin is what Learned was told of this journal; "": any will do, or none.
	Origin string
	// Learned is called when the first event is read and Origin is not known. The read fails with its error, so that it can
	// be made again. May be nil.
	Learned func(origin string) error
}

// Journal implements journal.Journal.
type Journal struct {
	opts Options
	// optional: nobody is waited for where there is nobody. Set with Replicas when the server is looked at first.
	optional   bool
	alone      atomic.Int64 // until when nobody is waited for, in Unix nanoseconds; 0: replicas are
	aloneSince atomic.Int64 // since when there is none, in Unix nanoseconds; 0: there is one, or nobody has looked
	client     goredis.UniversalClient
	reader     goredis.UniversalClient // blocking reads: its own connections
	key        names
	seen       memory
	origin     origin
	clock      clock // set when the server is looked at first
	reqs       chan *request
	closed     chan struct{}
	once       sync.Once
	lanes      sync.WaitGroup
	err        error // of Close; read after once
}

var (
	_ journal.Journal   = (*Journal)(nil)
	_ journal.Sequencer = (*Journal)(nil)
	_ journal.Importer  = (*Journal)(nil)
)

// names are the keys of one journal.
type names struct{ log, versions, meta, keys string }

// namesOf takes what the names begin with: a hash tag, and more where it is a journal beside another.
func namesOf(prefix string) names {
	return names{log: prefix + "log", versions: prefix + "versions", meta: prefix + "meta", keys: prefix + "keys:"}
}

// tagged is the hash tag of a journal's keys.
func tagged(name string) string { return "{" + name + "}:" }

// Open connects and checks that the server keeps what it is given. ErrUnreachable: it does not answer, or the sentinels
// name no primary just now, and trying again is right; another error is what must be changed.
func Open(ctx context.Context, o Options) (*Journal, error) {
	j := connect(o)
	if err := j.check(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal on Redis at %s: %w", strings.Join(o.Client.Addrs, ", "), err), j.client.Close(), j.reader.Close())
	}
	if _, _, err := j.Bounds(ctx); errors.Is(err, journal.ErrGone) {
		return nil, errors.Join(err, j.client.Close(), j.reader.Close())
	}
	for range lanes {
		j.lanes.Go(j.lane)
	}
	return j, nil
}

// connect makes a journal that nobody has looked at.
func connect(o Options) *Journal {
	if o.Name == "" {
		o.Name = "backline"
	}
	if o.ReplicaWait <= 0 {
		o.ReplicaWait = time.Second
	}
	o.Client.MaxRetries = -1 // an append is repeated by its key and by nobody else
	o.Client.DialerRetries = 1
	o.Client.DisableIdentity = true
	blocking := o.Client
	blocking.ReadTimeout = readBlock + 5*time.Second
	return &Journal{opts: o, origin: origin{known: o.Origin}, clock: newClock(time.Now()), client: goredis.NewUniversalClient(&o.Client), reader: goredis.NewUniversalClient(&blocking), key: namesOf(tagged(o.Name)),
		reqs: make(chan *request, maxBatch), closed: make(chan struct{})}
}

// home is a client of the one server that has the journal's keys: commands that name none, such as WAIT, must reach
// it, too.
func (j *Journal) home(ctx context.Context) (goredis.UniversalClient, error) {
	if c, ok := j.client.(*goredis.ClusterClient); ok {
		return c.MasterForKey(ctx, j.key.log)
	}
	return j.client, nil
}

// lookAround has a cluster's client ask again who has which keys.
func (j *Journal) lookAround(ctx context.Context) {
	if c, ok := j.client.(*goredis.ClusterClient); ok {
		c.ReloadState(ctx)
	}
}

// Bounds implements journal.Journal.
func (j *Journal) Bounds(ctx context.Context) (trimmed, head journal.Pos, err error) {
	if j.isClosed() {
		return 0, 0, journal.ErrClosed
	}
	var b struct {
		Head    uint64 `redis:"head"`
		Trimmed uint64 `redis:"trimmed"`
		Origin  string `redis:"origin"`
	}
	if err := j.client.HMGet(ctx, j.key.meta, "head", "trimmed", "origin").Scan(&b); err != nil {
		return 0, 0, j.failure(ctx, "bounds", err)
	}
	return b.Trimmed, b.Head, j.gone(b.Head, b.Origin)
}

// trimStep is how many events one command drops: the server does nothing else meanwhile.
const trimStep = 10_000

// Trim implements journal.Journal.
func (j *Journal) Trim(ctx context.Context, upTo journal.Pos) error {
	trimmed, head, err := j.Bounds(ctx)
	if err != nil || head == 0 {
		return err
	}
	upTo = min(upTo, head-1)
	for trimmed < upTo {
		trimmed = min(trimmed+trimStep, upTo)
		if err := trimScript.Run(ctx, j.client, []string{j.key.log, j.key.meta}, trimmed).Err(); err != nil {
			return j.failure(ctx, "trim", err)
		}
	}
	return nil
}

// Close implements journal.Journal.
func (j *Journal) Close() error {
	j.once.Do(func() {
		close(j.closed)
		j.lanes.Wait()
		j.err = errors.Join(j.client.Close(), j.reader.Close())
	})
	return j.err
}

func (j *Journal) isClosed() bool {
	select {
	case <-j.closed:
		return true
	default:
		return false
	}
}
