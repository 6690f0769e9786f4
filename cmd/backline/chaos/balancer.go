package chaos

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// How the balancer looks at its nodes.
const (
	lookEvery    = 100 * time.Millisecond
	lookPatience = time.Second // a node that does not answer in this time, twice, is gone
)

// Balancer passes TCP connections to the nodes in turn, those only whose /readyz is 200. A node that says no keeps the
// connections it has; one that does not answer loses them.
type Balancer struct {
	URL string

	listener net.Listener
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu    sync.Mutex
	nodes []*backend // in turns; guarded by mu, as are their fields
	next  int
}

type backend struct {
	addr   string
	up     bool
	missed int // looks in a row without an answer
	conns  map[net.Conn]bool
}

// NewBalancer starts one on loopback; Close ends it.
func NewBalancer(addrs ...string) (*Balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &Balancer{URL: "http://" + l.Addr().String(), listener: l, stop: cancel}
	for _, a := range addrs {
		n := &backend{addr: a, conns: map[net.Conn]bool{}}
		b.nodes = append(b.nodes, n)
		b.running.Go(func() { b.watch(ctx, n) })
	}
	b.running.Go(func() { b.accept(ctx) })
	return b, nil
}

// Close ends all connections and returns when nothing is left.
func (b *Balancer) Close() {
	b.stop()
	_ = b.listener.Close() // accept ends by it
	b.mu.Lock()
	for _, n := range b.nodes {
		n.drop()
	}
	b.mu.Unlock()
	b.running.Wait()
}

func (b *Balancer) accept(ctx context.Context) {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.running.Go(func() { b.carry(ctx, c) })
	}
}

// carry joins a client to a node; one that refuses is passed over.
func (b *Balancer) carry(ctx context.Context, client net.Conn) {
	defer client.Close()
	for _, n := range b.turn() {
		node, err := (&net.Dialer{Timeout: lookPatience}).DialContext(ctx, "tcp", n.addr)
		if err != nil {
			continue
		}
		if b.hold(n, client, node) {
			both(client, node)
			b.release(n, client, node)
		}
		node.Close()
		return
	}
}

// turn are the nodes that are up, the next one first.
func (b *Balancer) turn() []*backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	var up []*backend
	for i := range b.nodes {
		if n := b.nodes[(b.next+i)%len(b.nodes)]; n.up {
			up = append(up, n)
		}
	}
	b.next = (b.next + 1) % len(b.nodes)
	return up
}

// hold notes connections of a node that has not gone meanwhile.
func (b *Balancer) hold(n *backend, conns ...net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		n.conns[c] = true
	}
	return n.missed < 2
}

func (b *Balancer) release(n *backend, conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		delete(n.conns, c)
	}
}

// watch looks at one node until ctx ends.
func (b *Balancer) watch(ctx context.Context, n *backend) {
	client := &http.Client{Timeout: lookPatience, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		status, err := look(ctx, client, "http://"+n.addr+"/readyz")
		if ctx.Err() != nil {
			return
		}
		b.mu.Lock()
		n.up = err == nil && status == http.StatusOK
		if err == nil {
			n.missed = 0
		} else if n.missed++; n.missed >= 2 {
			n.drop()
		}
		b.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (n *backend) drop() {
	for c := range n.conns {
		_ = c.Close() // its copying ends by it
	}
}

// Up counts the nodes that get connections.
func (b *Balancer) Up() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	up := 0
	for _, n := range b.nodes {
		if n.up {
			up++
		}
	}
	return up
}

func look(ctx context.Context, client *http.Client, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, errors.Join(err, res.Body.Close())
}

// both copies each way until either side ends.
func both(a, b net.Conn) {
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // an end is an end
			ended <- struct{}{}
		}()
	}
	<-ended
	a.Close()
	b.Close()
	<-ended
}
