package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/lease"
)

// world is several nodes at one journal.
type world struct {
	t    *testing.T
	j    *memory.Journal
	mu   sync.Mutex
	dead map[string]bool
	deaf bool // nobody hears anybody
}

func (w *world) alive(node string) (bool, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.dead[node] && !w.deaf, !w.deaf
}

func (w *world) kill(n *node) {
	w.mu.Lock()
	w.dead[n.name] = true
	w.mu.Unlock()
	n.frozen.Lock()
}

// gate is a lock that a synctest bubble can wait at.
type gate chan struct{}

func (g gate) Lock()   { g <- struct{}{} }
func (g gate) Unlock() { <-g }

type node struct {
	*lease.Lease
	name   string
	frozen gate           // closed while it stands still
	ledAt  chan time.Time // one value
	led    time.Time
	stop   context.CancelFunc
	ended  chan error
}

func (w *world) start(name string) *node {
	n := &node{name: name, frozen: make(gate, 1), ledAt: make(chan time.Time, 1), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(w.t.Context())
	n.stop = cancel
	n.Lease = lease.New(lease.Options{Node: name, Alive: w.alive, Lead: func() { n.ledAt <- time.Now() },
		Append: func(ctx context.Context, x journal.Write) (journal.Receipt, error) {
			n.frozen.Lock()
			defer n.frozen.Unlock()
			return w.j.Append(ctx, x)
		}})
	_, head, _ := w.j.Bounds(ctx)
	if head == 0 {
		n.Replayed()
	}
	tail, endTail := context.WithCancel(w.t.Context())
	go func() {
		for e, err := range journal.Tail(tail, w.j, 0) {
			if err != nil {
				return
			}
			n.frozen.Lock()
			n.Apply(e)
			n.frozen.Unlock()
			if e.Pos >= head {
				n.Replayed()
			}
		}
	}()
	go func() { n.ended <- n.Run(ctx); endTail() }()
	return n
}

// since is when the node began to lead; zero: it has not.
func (n *node) since() time.Time {
	select {
	case n.led = <-n.ledAt:
	default:
	}
	return n.led
}

// decide appends as a router does.
func (w *world) decide(g journal.Guard, n int) error {
	_, err := w.j.Append(w.t.Context(), journal.Write{Stream: "c", Expect: journal.Any, Guard: &g, Key: fmt.Sprint(n), Events: []journal.Event{{Type: "x"}}})
	return err
}

func leaders(nodes ...*node) (out []*node) {
	for _, n := range nodes {
		if _, ok := n.Guard(); ok {
			out = append(out, n)
		}
	}
	return out
}

func inWorld(t *testing.T, f func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, j: memory.New(), dead: map[string]bool{}}
		f(w)
		_ = w.j.Close()
	})
}

func TestOneLeadsAndTheNextWhenItIsGone(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b, c := w.start("a~1"), w.start("b~1"), w.start("c~1")
		time.Sleep(5 * time.Second)
		first := leaders(a, b, c)
		if len(first) != 1 {
			t.Fatalf("%d lead", len(first))
		}
		old, _ := first[0].Guard()
		killed := time.Now()
		w.kill(first[0])
		time.Sleep(5 * time.Second)
		var next *node
		for _, n := range []*node{a, b, c} {
			if n != first[0] && n.since().After(killed) {
				if next != nil {
					t.Fatal("two lead")
				}
				next = n
			}
		}
		if next == nil || next.since().Sub(killed) > 2*time.Second {
			t.Fatalf("nobody leads two seconds after: %+v", next)
		}
		var conflict *journal.Conflict
		if err := w.decide(old, 1); !errors.As(err, &conflict) || !conflict.Guarded {
			t.Errorf("the dead one decided: %v", err)
		}
		if g, _ := next.Guard(); w.decide(g, 2) != nil {
			t.Error("the living one cannot decide")
		}
		first[0].frozen.Unlock() // it wakes up
		if err := <-first[0].ended; !errors.Is(err, lease.ErrDeposed) {
			t.Errorf("who lost the lease heard %v", err)
		}
		for _, n := range []*node{a, b, c} {
			if n.stop(); n != first[0] {
				if err := <-n.ended; err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func TestGivenBackItIsTakenAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.start("a~1")
		time.Sleep(time.Second)
		b := w.start("b~1")
		time.Sleep(time.Second)
		if l := leaders(a, b); len(l) != 1 || l[0] != a {
			t.Fatal("not the first")
		}
		stopped := time.Now()
		a.stop()
		if err := <-a.ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if took := b.since().Sub(stopped); b.led.IsZero() || took > 200*time.Millisecond {
			t.Errorf("taken after %s", took)
		}
		b.stop()
		<-b.ended
	})
}

func TestANodeThatStartsAgainKnowsThatItWasDead(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.start("a~1")
		time.Sleep(time.Second)
		w.kill(a)
		again := w.start("a~2")
		begin := time.Now()
		time.Sleep(time.Second)
		if took := again.since().Sub(begin); again.led.IsZero() || took > 200*time.Millisecond {
			t.Errorf("leads after %s", took)
		}
		a.frozen.Unlock()
		<-a.ended
		again.stop()
		<-again.ended
	})
}

func TestWhoHearsNobodyTakesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.start("a~1")
		time.Sleep(time.Second)
		w.mu.Lock()
		w.deaf = true
		w.mu.Unlock()
		b := w.start("b~1")
		time.Sleep(time.Minute)
		if l := leaders(a, b); len(l) != 1 || l[0] != a {
			t.Error("the lease moved although nobody could tell whether its holder lives")
		}
		a.stop()
		b.stop()
		<-a.ended
		<-b.ended
	})
}

func TestALeaseIsRenewedBeforeItsKeyIsForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.start("a~1")
		time.Sleep(time.Minute)
		first, _ := a.Guard()
		time.Sleep(25 * time.Hour)
		second, leads := a.Guard()
		if !leads || second.Version != first.Version+1 || second.Key == first.Key {
			t.Errorf("%+v after %+v", second, first)
		}
		if w.decide(second, 1) != nil || w.decide(first, 2) == nil {
			t.Error("the renewed lease does not hold, or the old one does")
		}
		a.stop()
		<-a.ended
	})
}
