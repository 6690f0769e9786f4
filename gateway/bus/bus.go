// Package bus is where nodes meet for what is fleeting: who is there, who types, where a console hangs, the
// signalling of calls. What must not be lost goes to the journal instead.
//
// A node is one start of a process. It beats every [Beat]; another that hears it for the first time is told
// (came), and told again when it says goodbye or has been silent for [GoneAfter] (went). A node that was silent and is heard
// again comes again, under the same name.
//
//	unheard → came ⇄ went
//
// Each node hears its own beats too: that is how it knows that the bus carries (Connected). While it does not, the
// silence of others proves nothing and nobody goes; when it carries again everybody has the full time anew.
//
// Guarantees: at most once, in order from each sender. Messages are lost while the bus does not carry, and when
// more than [MaxQueued] bytes wait to be sent; what must be right in the end is said again ([Resumed], and now and
// then). Times are monotonic: a step of the wall clock changes nothing.
//
// Concurrency: all methods may be called from any goroutine, Send and SendTo under any lock: they put a message in
// a queue and return. Handlers and watchers are called one at a time, in order, by the one goroutine that receives: they
// must be quick and must not Ask. Answerers have goroutines of their own, at most [MaxAnswers] at once. Run owns
// all goroutines.
//
// Packages bus/local and bus/redis carry the bytes ([Transport]); bus/bustest holds both against these promises.
// Read next: envelope.go (the bytes), loop.go (peers).
package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"backline/gateway"
)

// Times and limits.
const (
	Beat       = 500 * time.Millisecond
	GoneAfter  = 3 * time.Second  // a peer was silent this long while the bus carried
	AskTimeout = 10 * time.Second // an answer that has not come by then does not come
	MaxBody    = 128 << 10        // bytes of one message; a frame of a page, an SDP offer fit
	MaxQueued  = 16 << 20         // bytes that wait to be sent; more is dropped and counted
	MaxAnswers = 256              // questions of others that are being answered at once
	goodbyeIn  = time.Second      // how long the last words may take
	echoWithin = 3 * Beat         // own beats are heard again by then, or the bus does not carry
)

// Node is one start of a process: its configured name, "~" and 16 random hex digits.
type Node string

// Name is the configured name.
func (n Node) Name() string {
	name, _, _ := strings.Cut(string(n), "~")
	return name
}

func (n Node) valid() bool {
	name, start, ok := strings.Cut(string(n), "~")
	if !ok || !gateway.ValidName(name) || len(start) != 16 {
		return false
	}
	_, err := hex.DecodeString(start)
	return err == nil && strings.ToLower(start) == start
}

// Peer is another node.
type Peer struct {
	Node    Node
	Address string // where other nodes reach its HTTP, as configured; "" none
}

// Change is what became of a peer, or of the bus.
type Change struct {
	Kind Kind
	Peer Peer // zero with Resumed
}

// Kind of a Change.
type Kind string

const (
	Came    Kind = "came"
	Went    Kind = "went"
	Resumed Kind = "resumed" // the bus carries: first, or again; messages may have been lost before
)

// Transport carries bytes between nodes. Implementations: bus/local, bus/redis.
type Transport interface {
	// Receive hands over what is published to all and to self, in order from each sender, one at a time, until ctx
	// ends; then it returns. It says when it has begun to listen (true) and when it has lost its line (false), and
	// gets a lost line back by itself.
	Receive(ctx context.Context, self Node, deliver func(payload []byte), listening func(bool)) error
	// Publish sends letters in order. After an error any of them may be lost.
	Publish(ctx context.Context, letters []Letter) error
	// Close is called once, when Run has ended everything else.
	Close() error
}

// Letter is one payload on its way.
type Letter struct {
	To      Node // "" all
	Payload []byte
}

// Options of New.
type Options struct {
	Name      string // of this node, 1–64 of a-z, 0-9, "-", "_", "."; default "node"
	Address   string // where other nodes reach this one's HTTP; may be ""
	Transport Transport
	Log       *slog.Logger
}

// Bus is one node's end. Register handlers, then Run.
type Bus struct {
	opts     Options
	self     Node
	received chan []byte   // never closed
	line     chan bool     // never closed: the transport's listening
	wake     chan struct{} // capacity 1, never closed
	answers  sync.WaitGroup
	slots    chan struct{} // MaxAnswers

	// Static after Run has begun.
	handlers  map[string]func(Node, []byte)
	answerers map[string]Answerer
	watchers  []func(Change)

	mu        sync.Mutex
	queue     []Letter
	queued    int // bytes
	seq       uint64
	downSeq   uint64 // echoes up to here prove nothing
	echo      time.Time
	connected bool
	over      bool
	peers     map[Node]*peer
	asks      map[uint64]*ask
	stats     Stats
}

// Answerer answers a question. ctx ends after AskTimeout. Of its error the asker sees kind and text if it is a
// *gateway.Error.
type Answerer func(ctx context.Context, from Node, body []byte) ([]byte, error)

type peer struct {
	Peer
	heard time.Time
	seq   uint64
}

type ask struct {
	node Node
	done chan answer // capacity 1
}

type answer struct {
	body []byte
	err  error
}

// Stats counts for /metrics.
type Stats struct {
	Peers     int
	Sent      uint64 // messages given to the transport
	Dropped   uint64 // never sent: too many waited, or the bus did not carry
	Received  uint64
	Malformed uint64 // not understood
	Stale     uint64 // came again, or after a later one
}

// New returns a node's end; it starts nothing.
func New(o Options) *Bus {
	if o.Name == "" {
		o.Name = "node"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var start [8]byte
	_, _ = rand.Read(start[:]) // never fails
	return &Bus{opts: o, self: Node(o.Name + "~" + hex.EncodeToString(start[:])), received: make(chan []byte), line: make(chan bool),
		wake: make(chan struct{}, 1), slots: make(chan struct{}, MaxAnswers), handlers: map[string]func(Node, []byte){},
		answerers: map[string]Answerer{}, peers: map[Node]*peer{}, asks: map[uint64]*ask{}}
}

// Self is this node.
func (b *Bus) Self() Node { return b.self }

// Handle has f called for each message of a topic. Before Run.
func (b *Bus) Handle(topic string, f func(from Node, body []byte)) { b.handlers[checked(topic)] = f }

// Answer has f asked the questions of a topic. Before Run.
func (b *Bus) Answer(topic string, f Answerer) { b.answerers[checked(topic)] = f }

// Watch has f told of what becomes of peers. Before Run.
func (b *Bus) Watch(f func(Change)) { b.watchers = append(b.watchers, f) }

func checked(topic string) string {
	if !gateway.ValidName(topic) || topic == "-" {
		panic(fmt.Sprintf("bus: bad topic %q", topic))
	}
	return topic
}

// Peers are the nodes heard of, without this one.
func (b *Bus) Peers() []Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Peer, 0, len(b.peers))
	for _, p := range b.peers {
		all = append(all, p.Peer)
	}
	return all
}

// Peer returns one of them.
func (b *Bus) Peer(n Node) (Peer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.peers[n]
	if !ok {
		return Peer{}, false
	}
	return p.Peer, true
}

// Connected reports whether the bus carries; while it does not, the silence of others proves nothing.
func (b *Bus) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connected && time.Since(b.echo) <= echoWithin
}

// Stats returns the counts of this moment.
func (b *Bus) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Peers = len(b.peers)
	return s
}

// Send tells all others. It never blocks; what is longer than MaxBody is dropped and counted.
func (b *Bus) Send(topic string, body []byte) { b.SendTo("", topic, body) }

// SendTo tells one node.
func (b *Bus) SendTo(to Node, topic string, body []byte) {
	b.post(to, envelope{kind: kindSend, topic: checked(topic), body: body})
}

// Ask asks a node and waits for its answer, at most AskTimeout. The error is the answerer's, with its Kind, or
// gateway.Unavailable: the node is gone, does not answer, or the bus does not carry; then nobody knows whether the question
// arrived. A ctx that ends first gives its error.
func (b *Bus) Ask(ctx context.Context, node Node, topic string, body []byte) ([]byte, error) {
	if len(body) > MaxBody {
		return nil, gateway.Errorf(gateway.TooLarge, "this is too long for another node")
	}
	a := &ask{node: node, done: make(chan answer, 1)}
	id, err := b.addAsk(a)
	if err != nil {
		return nil, err
	}
	defer b.endAsk(id)
	if !b.post(node, envelope{kind: kindAsk, topic: checked(topic), ask: id, body: body}) {
		return nil, unavailable("too much waits to be sent to other nodes; please try again")
	}
	timer := time.NewTimer(AskTimeout)
	defer timer.Stop()
	select {
	case got := <-a.done:
		return got.body, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, unavailable("node " + node.Name() + " does not answer")
	}
}

func unavailable(msg string) error { return gateway.Errorf(gateway.Unavailable, "%s", msg) }

func (b *Bus) addAsk(a *ask) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.over || !b.connected:
		return 0, unavailable("other nodes cannot be reached now; please try again")
	case b.peers[a.node] == nil:
		return 0, unavailable("node " + a.node.Name() + " is gone")
	}
	b.seq++
	b.asks[b.seq] = a
	return b.seq, nil
}

func (b *Bus) endAsk(id uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.asks, id)
}

// post queues an envelope; it reports false when it was dropped.
func (b *Bus) post(to Node, e envelope) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over || len(e.body) > MaxBody || b.queued+len(e.body) > MaxQueued {
		b.stats.Dropped++
		return false
	}
	b.seq++
	e.from, e.seq = b.self, b.seq
	payload := e.encode()
	b.queue = append(b.queue, Letter{To: to, Payload: payload})
	b.queued += len(payload)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}
