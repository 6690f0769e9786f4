package bus

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"backline/gateway"
)

// Run joins the others until ctx ends, then says goodbye.
func (b *Bus) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	var err error
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() {
		defer cancel()
		err = b.opts.Transport.Receive(inner, b.self, func(p []byte) {
			select {
			case b.received <- p:
			case <-inner.Done():
			}
		}, func(on bool) { b.listening(inner, on) })
	})
	wg.Go(func() { b.publish(inner) })
	b.loop(inner)
	wg.Wait()
	b.answers.Wait()
	b.goodbye(context.WithoutCancel(ctx))
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, b.opts.Transport.Close())
}

func (b *Bus) listening(ctx context.Context, on bool) {
	select {
	case b.line <- on:
	case <-ctx.Done():
	}
}

// loop owns the peers: it hears, beats and lets go.
func (b *Bus) loop(ctx context.Context) {
	tick := time.NewTicker(Beat)
	defer tick.Stop()
	looked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case on := <-b.line:
			if !on {
				b.lost("its line is down")
			} else {
				b.beat()
			}
		case p := <-b.received:
			b.receive(ctx, p)
		case <-tick.C:
			now := time.Now()
			if held := now.Sub(looked); held > echoWithin { // what others said meanwhile has not been read
				b.lost("this node was held up for " + held.Round(time.Millisecond).String())
			}
			looked = now
			b.beat()
			b.look(now)
		}
	}
}

type beatBody struct {
	Address string `json:"address"`
}

func (b *Bus) beat() {
	body, _ := json.Marshal(beatBody{Address: b.opts.Address}) // a string marshals
	b.post("", envelope{kind: kindBeat, body: body})
}

// lost notes that the bus does not carry; only the echo of a later beat proves that it does again.
func (b *Bus) lost(why string) {
	b.mu.Lock()
	was := b.connected
	b.connected, b.downSeq = false, b.seq
	b.mu.Unlock()
	if was {
		b.opts.Log.Warn("other nodes cannot be reached: the bus does not carry", "err", why)
	}
}

// look ends a connection without echo, and lets peers go that were silent for too long while there was one.
func (b *Bus) look(now time.Time) {
	b.mu.Lock()
	connected, silent := b.connected, now.Sub(b.echo)
	var gone []Peer
	if connected && silent <= echoWithin {
		for n, p := range b.peers {
			if now.Sub(p.heard) >= GoneAfter {
				gone = append(gone, p.Peer)
				b.forgetLocked(n)
			}
		}
	}
	b.mu.Unlock()
	if connected && silent > echoWithin {
		b.lost("own beats are not heard for " + silent.Round(time.Millisecond).String())
	}
	for _, p := range gone {
		b.opts.Log.Warn("a node is silent and counts as gone", "node", p.Node)
		b.tell(Change{Kind: Went, Peer: p})
	}
}

// forgetLocked lets a peer go; who waits for its answer learns so.
func (b *Bus) forgetLocked(n Node) {
	delete(b.peers, n)
	for id, a := range b.asks {
		if a.node == n {
			a.done <- answer{err: unavailable("node " + n.Name() + " is gone")}
			delete(b.asks, id)
		}
	}
}

func (b *Bus) tell(c Change) {
	for _, f := range b.watchers {
		f(c)
	}
}

// receive handles one payload.
func (b *Bus) receive(ctx context.Context, payload []byte) {
	e, err := parse(payload)
	if err != nil {
		b.count(&b.stats.Malformed)
		return
	}
	if e.from == b.self {
		if e.kind == kindBeat {
			b.echoed(e.seq, time.Now())
		}
		return
	}
	if !b.hear(e) {
		return
	}
	switch e.kind {
	case kindSend:
		if f := b.handlers[e.topic]; f != nil {
			f(e.from, e.body)
		}
	case kindAsk:
		b.answer(ctx, e)
	case kindAnswer:
		b.answered(e, answer{body: e.body})
	case kindFail:
		b.answered(e, answer{err: decodeFailure(e.from, e.body)})
	}
}

func (b *Bus) count(n *uint64) {
	b.mu.Lock()
	*n++
	b.mu.Unlock()
}

// echoed notes that an own beat came back.
func (b *Bus) echoed(seq uint64, now time.Time) {
	b.mu.Lock()
	if seq <= b.downSeq {
		b.mu.Unlock()
		return
	}
	was := b.connected
	b.connected, b.echo = true, now
	if !was {
		for _, p := range b.peers {
			p.heard = now
		}
	}
	b.mu.Unlock()
	if !was {
		b.opts.Log.Info("the bus carries", "node", b.self)
		b.tell(Change{Kind: Resumed})
	}
}

// hear notes a sign of life; it reports whether the envelope is to be handled.
func (b *Bus) hear(e envelope) bool {
	b.mu.Lock()
	b.stats.Received++
	p := b.peers[e.from]
	if p != nil && e.seq <= p.seq {
		b.stats.Stale++
		b.mu.Unlock()
		return false
	}
	if e.kind == kindBye {
		b.forgetLocked(e.from)
		b.mu.Unlock()
		if p != nil {
			b.opts.Log.Info("a node has said goodbye", "node", e.from)
			b.tell(Change{Kind: Went, Peer: p.Peer})
		}
		return false
	}
	came := p == nil
	if came {
		p = &peer{Peer: Peer{Node: e.from}}
		b.peers[e.from] = p
	}
	p.heard, p.seq = time.Now(), e.seq
	if e.kind == kindBeat {
		var body beatBody
		if json.Unmarshal(e.body, &body) == nil {
			p.Address = body.Address
		}
	}
	now := p.Peer
	b.mu.Unlock()
	if came {
		b.opts.Log.Info("a node has come", "node", e.from)
		b.beat() // it may not know this one
		b.tell(Change{Kind: Came, Peer: now})
	}
	return true
}

// answer has a question answered beside the loop.
func (b *Bus) answer(ctx context.Context, e envelope) {
	f := b.answerers[e.topic]
	if f == nil {
		b.reply(e, nil, gateway.Errorf(gateway.Unavailable, "node %s does not know %q", b.self.Name(), e.topic))
		return
	}
	select {
	case b.slots <- struct{}{}:
	default:
		b.reply(e, nil, gateway.Errorf(gateway.TooMany, "node %s is asked too much at once; please try again", b.self.Name()))
		return
	}
	b.answers.Go(func() {
		defer func() { <-b.slots }()
		ctx, cancel := context.WithTimeout(ctx, AskTimeout)
		defer cancel()
		body, err := f(ctx, e.from, e.body)
		b.reply(e, body, err)
	})
}

func (b *Bus) reply(e envelope, body []byte, err error) {
	if err == nil && len(body) > MaxBody {
		err = gateway.Errorf(gateway.TooLarge, "the answer is too long for another node")
	}
	if err == nil {
		b.post(e.from, envelope{kind: kindAnswer, ask: e.ask, body: body})
		return
	}
	b.post(e.from, envelope{kind: kindFail, ask: e.ask, body: b.encodeFailure(e.topic, err)})
}

type failure struct {
	Kind  gateway.Kind `json:"kind"`
	Field string       `json:"field,omitempty"`
	Msg   string       `json:"msg"`
}

// encodeFailure gives away the text of our own errors only.
func (b *Bus) encodeFailure(topic string, err error) []byte {
	f := failure{Kind: gateway.Internal, Msg: "something went wrong at node " + b.self.Name()}
	var ours *gateway.Error
	if errors.As(err, &ours) {
		f = failure{Kind: ours.Kind, Field: ours.Field, Msg: ours.Msg}
	} else {
		b.opts.Log.Error("another node's question failed", "topic", topic, "err", err)
	}
	data, _ := json.Marshal(f) // three strings marshal
	return data
}

func decodeFailure(from Node, body []byte) error {
	var f failure
	if err := json.Unmarshal(body, &f); err != nil || f.Kind == "" {
		return &gateway.Error{Kind: gateway.Internal, Msg: "node " + from.Name() + " gives an answer that is not understood", Err: err}
	}
	return &gateway.Error{Kind: f.Kind, Field: f.Field, Msg: f.Msg}
}

func (b *Bus) answered(e envelope, got answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.asks[e.ask]
	if a == nil || a.node != e.from {
		return // nobody waits any more
	}
	a.done <- got
	delete(b.asks, e.ask)
}

// publish hands the queue to the transport, in order.
func (b *Bus) publish(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		for batch := b.take(); len(batch) > 0; batch = b.take() {
			b.carry(ctx, batch)
		}
	}
}

// maxBatch letters travel together.
const maxBatch = 256

func (b *Bus) take() []Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.queue), maxBatch)
	batch := b.queue[:n:n]
	if b.queue = b.queue[n:]; len(b.queue) == 0 {
		b.queue = nil
	}
	for _, l := range batch {
		b.queued -= len(l.Payload)
	}
	return batch
}

func (b *Bus) carry(ctx context.Context, batch []Letter) {
	err := b.opts.Transport.Publish(ctx, batch)
	b.mu.Lock()
	if err == nil {
		b.stats.Sent += uint64(len(batch))
	} else {
		b.stats.Dropped += uint64(len(batch))
	}
	b.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		b.opts.Log.Debug("messages for other nodes are lost", "count", len(batch), "err", err)
		b.listening(ctx, false)
	}
}

// goodbye is the last that others hear; questions that are open end.
func (b *Bus) goodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeIn)
	defer cancel()
	b.post("", envelope{kind: kindBye})
	for batch := b.take(); len(batch) > 0; batch = b.take() {
		if b.opts.Transport.Publish(ctx, batch) != nil {
			break // they will notice the silence
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over, b.connected = true, false
	for n := range b.peers {
		b.forgetLocked(n)
	}
}
