// Package outbox delivers the messages that agents (and rules) wrote. It calls the channels, repeats what
// certainly did not go out, changes to another provider where that is safe, and never sends a message a
// second time when it does not know what became of the first.
//
// The life of a message, each arrow a record in the conversation's stream:
//
//	submitted → attempt started → sent | delivered | failed | uncertain
//	                ↑__________________ pending (retry at …)
//
// Guarantees. "Attempt started" lies durably in the journal before a provider is called; a process that dies
// in the call therefore leaves a started attempt without an end. Such an attempt is looked up at the provider
// when the channel is a [channels.Resolver] and ends as uncertain otherwise: a person decides about sending
// again. The messages of one thread go out strictly in order: the next waits until the one before is sent,
// failed or uncertain. Every record has an idempotency key, so that an append with an unknown outcome is
// repeated and not doubled. A journal that refuses is asked again for as long as the process lives.
//
// An opt-out that only a provider knew of is written into the person's thread, so that no other one is tried.
// Messages that no agent wrote are not a human's ([channels.Outbound].Human).
//
// Parts of a message that was split are never sent twice: when some parts went out before an error, the
// message ends as uncertain and says how many.
//
// Concurrency: [Outbox.Observe] and [Outbox.Stats] may be called from any goroutine; Observe by one caller, in
// order of position. [Outbox.Run] owns all workers and returns when they have ended. mu guards all state and
// is never held during a call to a channel, the journal or the [ThreadLookup].
//
// Limits: [Options].Workers calls at once; 1 s to 5 min between attempts; a message older than
// [Options].MaxAge fails, except on the livechat, where the customer's page may come back at any time.
//
// Read next: attempt.go (one step of one message), gate.go (throttles and circuits), sim_test.go.
package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
)

// ThreadLookup says what is known about a thread right now. For a thread nobody has heard of, ours is true:
// only a known other owner forbids sending.
type ThreadLookup interface {
	Thread(id gateway.ThreadID) (lastInbound time.Time, optedOut, ours bool)
}

// Options of an Outbox. Append, Threads and Channels are needed.
type Options struct {
	Append   func(ctx context.Context, w journal.Write) (journal.Receipt, error)
	Channels map[string]channels.Channel
	Threads  ThreadLookup
	FileURL  func(gateway.Attachment) channels.OutboundFile // nil: attachments keep their own URL

	Log  *slog.Logger // nil: silent
	Rand *rand.Rand   // jitter; nil: seeded by the runtime

	Workers     int           // calls to providers at once; zero means 16
	MaxAge      time.Duration // zero means 24 h
	SendTimeout time.Duration // one call; zero means 45 s
	StopGrace   time.Duration // calls under way when Run is told to stop may take this long; zero means 10 s
}

// Times between attempts, look-ups and probes.
const (
	minDelay    = 200 * time.Millisecond
	firstDelay  = time.Second
	maxDelay    = 5 * time.Minute
	lookupAfter = 5 * time.Second // a provider lists a message a little after it took it
	maxLookups  = 5
	sentMemory  = 100_000 // sent messages kept for a late "certainly not delivered"
	earlyMemory = 10_000  // messages of which attempts came first
)

// Outbox sends. Make one with New, feed it with Observe, call Replayed, and Run it.
type Outbox struct {
	// Static after New.
	append      func(context.Context, journal.Write) (journal.Receipt, error)
	channels    map[string]channels.Channel
	ways        map[string][]string // providers, a channel
	lookup      ThreadLookup
	fileURL     func(gateway.Attachment) channels.OutboundFile
	log         *slog.Logger
	workers     int
	maxAge      time.Duration
	sendTimeout time.Duration
	grace       time.Duration

	wake     chan struct{} // one slot, never closed: the plan has changed
	replayed chan struct{} // closed by Replayed
	once     sync.Once

	// Guarded by mu.
	mu      sync.Mutex
	rand    *rand.Rand
	live    bool
	threads map[gateway.ThreadID]*thread
	byID    map[gateway.MessageID]*message
	early   map[gateway.MessageID][]conversation.Record // attempts of messages that nobody has submitted yet
	held    hold
	due     schedule
	gates   map[gateKey]*gate
	alarms  map[alarmKey]alarm
	sent    sentBox
	stats   Stats
}

// New returns an Outbox that has started nothing.
func New(opt Options) *Outbox {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Rand == nil {
		opt.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if opt.FileURL == nil {
		opt.FileURL = ownURL
	}
	return &Outbox{
		append:      opt.Append,
		channels:    opt.Channels,
		ways:        waysOf(opt.Channels),
		lookup:      opt.Threads,
		fileURL:     opt.FileURL,
		log:         opt.Log,
		workers:     defaultTo(opt.Workers, 16),
		maxAge:      defaultTo(opt.MaxAge, 24*time.Hour),
		sendTimeout: defaultTo(opt.SendTimeout, 45*time.Second),
		grace:       defaultTo(opt.StopGrace, 10*time.Second),
		wake:        make(chan struct{}, 1),
		replayed:    make(chan struct{}),
		rand:        opt.Rand,
		threads:     map[gateway.ThreadID]*thread{},
		byID:        map[gateway.MessageID]*message{},
		early:       map[gateway.MessageID][]conversation.Record{},
		gates:       map[gateKey]*gate{},
		alarms:      map[alarmKey]alarm{},
		sent:        newSentBox(),
	}
}

func defaultTo[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

func ownURL(a gateway.Attachment) channels.OutboundFile {
	return channels.OutboundFile{URL: a.URL, Kind: a.Kind, Name: a.Name, ContentType: a.ContentType, SizeBytes: a.SizeBytes}
}

// Replayed says that Observe has seen the whole journal: sending may begin.
func (o *Outbox) Replayed() {
	o.once.Do(func() {
		o.mu.Lock()
		o.live = true
		for _, t := range o.threads {
			o.plan(t)
		}
		o.mu.Unlock()
		close(o.replayed)
	})
}

// hold is how long messages that were submitted before a time must wait.
type hold struct{ before, until time.Time }

// Hold has what was submitted up to now wait for so long. A journal that lost its end gets that back piece by piece: a message
// before, or after, the attempts to send it. To be called before Replayed.
func (o *Outbox) Hold(wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.held = hold{before: now, until: now.Add(wait)}
	for _, m := range o.byID {
		o.holdBack(m)
	}
}

func (o *Outbox) holdBack(m *message) {
	if m.at.Before(o.held.before) && m.retryAt.Before(o.held.until) {
		m.retryAt = o.held.until
	}
}

// Observe takes one journal record. It starts nothing and calls nobody.
func (o *Outbox) Observe(rec conversation.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch e := rec.Event.(type) {
	case gateway.MessageSubmitted:
		o.observeSubmitted(rec, e)
	case gateway.AttemptStarted:
		o.observeStarted(rec, e)
	case gateway.AttemptEnded:
		o.observeEnded(rec, e)
	case gateway.DeliveryReported:
		o.observeReport(e)
	case gateway.MessageReceived:
		if m := o.byID[e.EchoOf]; e.Echo && m != nil {
			m.proof = true // the network shows us our own message: it has it
		}
	case gateway.ChannelAlarm:
		o.alarms[alarmKey{e.Channel, e.Account, e.Code}] = alarm{active: !e.Cleared, pos: rec.Pos}
	}
}

func (o *Outbox) observeSubmitted(rec conversation.Record, e gateway.MessageSubmitted) {
	if o.byID[e.Message] != nil {
		return
	}
	m := &message{sub: e, stream: rec.Stream, at: rec.At}
	o.holdBack(m)
	t := o.thread(e.Thread)
	t.queue = append(t.queue, m)
	o.byID[e.Message] = m
	if o.live {
		o.stats.Submitted++
	}
	o.plan(t)
	early := o.early[e.Message]
	delete(o.early, e.Message)
	for _, r := range early {
		switch e := r.Event.(type) {
		case gateway.AttemptStarted:
			o.observeStarted(r, e)
		case gateway.AttemptEnded:
			o.observeEnded(r, e)
		}
	}
}

// observeStarted and observeEnded restore what an earlier process wrote, or what another node's spool has brought again.
// Most such records that come while we send are our own words, and the worker that wrote them has already drawn the
// consequences.
func (o *Outbox) observeStarted(rec conversation.Record, e gateway.AttemptStarted) {
	m := o.byID[e.Message]
	switch {
	case m == nil:
		o.remember(e.Message, rec)
	case !o.live || e.Attempt > m.attempt:
		m.begin(e.Attempt, e.Provider, rec.At)
	}
}

func (o *Outbox) observeEnded(rec conversation.Record, e gateway.AttemptEnded) {
	m := o.byID[e.Message]
	switch {
	case m == nil:
		o.remember(e.Message, rec)
	case !o.live || !o.working(m) && (e.Attempt > m.attempt || e.Attempt == m.attempt && m.open):
		o.conclude(m, e, rec.At)
	}
}

// working reports whether a worker has m in its hands.
func (o *Outbox) working(m *message) bool {
	t := o.thread(m.sub.Thread)
	return t.busy && t.queue[0] == m
}

// remember keeps an attempt for when its message comes. What comes later than Hold allows for is our own words about a message
// that has reached its end.
func (o *Outbox) remember(id gateway.MessageID, rec conversation.Record) {
	if o.live && time.Now().After(o.held.until) {
		return
	}
	if len(o.early) >= earlyMemory {
		clear(o.early)
	}
	o.early[id] = append(o.early[id], rec)
}

// observeReport hears what the network says about a message: proof for an open attempt, or the certainty
// that a sent one was not delivered and may take another way.
func (o *Outbox) observeReport(e gateway.DeliveryReported) {
	if m := o.byID[e.Message]; m != nil {
		switch {
		case e.SafeToResend:
			// The report may overtake the provider's answer. One about an earlier provider is old news.
			m.undone = m.undone || m.open && (e.Provider == "" || e.Provider == m.provider)
		case conversation.Rank(e.State) >= conversation.Rank(gateway.DeliverySent) && e.State != gateway.DeliveryFailed:
			m.proof = true
		}
		return
	}
	if !e.SafeToResend {
		return
	}
	if m := o.sent.take(e); m != nil {
		t := o.thread(m.sub.Thread)
		o.sendOtherWay(m, t.busy && len(t.queue) > 0)
	}
}

// Stats are counters since Replayed and, at the end, the state of now.
type Stats struct {
	Submitted, Attempts                         uint64
	Sent, Failed, Uncertain                     uint64
	Retried, FailedOver, Lookups, JournalErrors uint64

	Pending int // messages not yet at an end
	Calls   int // provider calls under way
	Down    int // providers and accounts that are shut off and probed
}

// Stats returns a copy.
func (o *Outbox) Stats() Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Pending = len(o.byID)
	for _, g := range o.gates {
		if g.down {
			s.Down++
		}
	}
	return s
}
