// Package bustest holds a bus against its promises: one suite for every transport.
package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
)

// World is a bus that nodes can join.
type World struct {
	Join    func(t *testing.T, name, address string) *bus.Bus // not running yet
	Publish func(t *testing.T, payload string)                // to all, as any program could
	Cut     func(t *testing.T)                                // nothing is carried any more
	Restore func(t *testing.T)
}

// patience is how long is waited for what must come; nothing depends on its length.
const patience = 15 * time.Second

// Run runs the suite; each test has a world of its own.
func Run(t *testing.T, world func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		test func(*testing.T, World)
	}{
		{"NodesHearOfEachOther", nodesHearOfEachOther},
		{"GoodbyeIsHeardAtOnce", goodbyeIsHeardAtOnce},
		{"SilenceMeansGoneAndABeatMeansBack", silenceMeansGone},
		{"MessagesComeInOrderToAllOthers", messagesComeInOrder},
		{"AMessageForOneReachesOne", oneReachesOne},
		{"QuestionsAreAnswered", questionsAreAnswered},
		{"ErrorsKeepTheirKind", errorsKeepTheirKind},
		{"AQuestionEndsWithItsNode", aQuestionEndsWithItsNode},
		{"NobodyGoesWhileTheBusDoesNotCarry", nobodyGoesWhileCut},
		{"ManyQuestionsAtOnceAreRefused", manyQuestions},
		{"NonsenseIsCounted", nonsenseIsCounted},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, world(t))
		})
	}
}

// node is a running member and what it saw.
type node struct {
	*bus.Bus
	stop func()

	mu      sync.Mutex
	changes []bus.Change
	got     []string
}

func start(t *testing.T, w World, name string, setup ...func(*bus.Bus)) *node {
	t.Helper()
	n := &node{Bus: w.Join(t, name, "http://"+name+".test")}
	n.Watch(func(c bus.Change) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.changes = append(n.changes, c)
	})
	n.Handle("word", func(from bus.Node, body []byte) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.got = append(n.got, from.Name()+":"+string(body))
	})
	for _, f := range setup {
		f(n.Bus)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	n.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(n.stop)
	return n
}

// saw reports whether the change was told of, and how often.
func (n *node) saw(k bus.Kind, peer string) (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.changes {
		if c.Kind == k && c.Peer.Node.Name() == peer {
			times++
		}
	}
	return times
}

func (n *node) words() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// pair are two nodes that know each other.
func pair(t *testing.T, w World, setup ...func(*bus.Bus)) (a, b *node) {
	t.Helper()
	a, b = start(t, w, "a", setup...), start(t, w, "b", setup...)
	meet(t, a, b)
	return a, b
}

func meet(t *testing.T, all ...*node) {
	t.Helper()
	eventually(t, "all know all", func() bool {
		for _, n := range all {
			if !n.Connected() || len(n.Peers()) < len(all)-1 {
				return false
			}
		}
		return true
	})
}

func nodesHearOfEachOther(t *testing.T, w World) {
	a, b := pair(t, w)
	eventually(t, "a knows where b is", func() bool {
		p, ok := a.Peer(b.Self())
		return ok && p.Address == "http://b.test"
	})
	eventually(t, "both were told", func() bool { return a.saw(bus.Came, "b") == 1 && b.saw(bus.Came, "a") == 1 })
	if a.saw(bus.Resumed, "") != 1 {
		t.Errorf("told %d times that the bus carries, want once", a.saw(bus.Resumed, ""))
	}
	if a.Self() == b.Self() || a.Self().Name() != "a" {
		t.Errorf("selves %s, %s", a.Self(), b.Self())
	}
	if other := w.Join(t, "a", ""); other.Self() == a.Self() {
		t.Error("another start has the same name")
	}
}

func goodbyeIsHeardAtOnce(t *testing.T, w World) {
	a, b := pair(t, w)
	b.stop()
	began := time.Now()
	eventually(t, "a sees b go", func() bool { return a.saw(bus.Went, "b") == 1 && len(a.Peers()) == 0 })
	if took := time.Since(began); took >= bus.GoneAfter {
		t.Errorf("goodbye took %s: that was silence", took)
	}
	if _, err := b.Ask(t.Context(), a.Self(), "word", nil); kindOf(err) != gateway.Unavailable {
		t.Errorf("a question after the end: %v", err)
	}
}

const phantom = "phantom~0123456789abcdef"

func beatOf(seq int) string {
	return fmt.Sprintf("backline-bus/1 beat %s %d - 0\n{\"address\":\"\"}", phantom, seq)
}

func silenceMeansGone(t *testing.T, w World) {
	a := start(t, w, "a")
	meet(t, a)
	before := time.Now()
	w.Publish(t, beatOf(5))
	eventually(t, "phantom comes", func() bool { return a.saw(bus.Came, "phantom") == 1 })
	eventually(t, "phantom goes", func() bool { return a.saw(bus.Went, "phantom") == 1 })
	if took := time.Since(before); took < bus.GoneAfter {
		t.Errorf("gone after %s of silence, want at least %s", took, bus.GoneAfter)
	}
	w.Publish(t, beatOf(6))
	eventually(t, "phantom is back", func() bool { return a.saw(bus.Came, "phantom") == 2 })
}

func messagesComeInOrder(t *testing.T, w World) {
	const count = 500
	a, b := pair(t, w)
	c := start(t, w, "c")
	meet(t, a, b, c)
	var want []string
	for i := range count {
		a.Send("word", fmt.Append(nil, i))
		want = append(want, fmt.Sprint("a:", i))
	}
	long := strings.Repeat("x", bus.MaxBody)
	a.Send("word", []byte(long))
	want = append(want, "a:"+long)
	for _, n := range []*node{b, c} {
		eventually(t, "all has come", func() bool { return len(n.words()) >= len(want) })
		if got := n.words(); !slices.Equal(got, want) {
			t.Errorf("%s got %d messages, not those sent in order", n.Self(), len(got))
		}
	}
	if got := a.words(); len(got) > 0 {
		t.Errorf("a hears itself: %q", got)
	}
	a.Send("word", make([]byte, bus.MaxBody+1))
	if got := a.Stats().Dropped; got != 1 {
		t.Errorf("%d dropped, want the one that is too long", got)
	}
}

func oneReachesOne(t *testing.T, w World) {
	a, b := pair(t, w)
	c := start(t, w, "c")
	meet(t, a, b, c)
	a.SendTo(b.Self(), "word", []byte("for b"))
	a.Send("word", []byte("for all"))
	eventually(t, "c has what is for all", func() bool { return len(c.words()) > 0 })
	eventually(t, "b has both", func() bool { return slices.Equal(b.words(), []string{"a:for b", "a:for all"}) })
	if got := c.words(); !slices.Equal(got, []string{"a:for all"}) {
		t.Errorf("c got %q", got)
	}
}

func questionsAreAnswered(t *testing.T, w World) {
	echo := func(b *bus.Bus) {
		b.Answer("echo", func(_ context.Context, from bus.Node, body []byte) ([]byte, error) {
			return append([]byte(from.Name()+" "), body...), nil
		})
	}
	a, b := pair(t, w, echo)
	offer := bytes.Repeat([]byte("a=candidate\r\n"), 64<<10/13)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			body := append(fmt.Append(nil, i, " "), offer...)
			got, err := a.Ask(t.Context(), b.Self(), "echo", body)
			if want := "a " + string(body); err != nil || string(got) != want {
				t.Errorf("answer of %d bytes, %v; want %d", len(got), err, len(want))
			}
		})
	}
	wg.Wait()
}

func kindOf(err error) gateway.Kind {
	var e *gateway.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Kind
}

func errorsKeepTheirKind(t *testing.T, w World) {
	a, b := pair(t, w, func(b *bus.Bus) {
		b.Answer("ours", func(context.Context, bus.Node, []byte) ([]byte, error) {
			return nil, fmt.Errorf("wrapped: %w", &gateway.Error{Kind: gateway.Conflicting, Field: "call", Msg: "it has moved on", Err: errors.New("secret")})
		})
		b.Answer("theirs", func(context.Context, bus.Node, []byte) ([]byte, error) { return nil, errors.New("secret") })
		b.Answer("long", func(context.Context, bus.Node, []byte) ([]byte, error) { return make([]byte, bus.MaxBody+1), nil })
	})
	ask := func(topic string) *gateway.Error {
		t.Helper()
		_, err := a.Ask(t.Context(), b.Self(), topic, nil)
		var e *gateway.Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v, want an error of ours", topic, err)
		}
		if strings.Contains(e.Error(), "secret") {
			t.Errorf("%s: %v gives the cause away", topic, e)
		}
		return e
	}
	if e := ask("ours"); e.Kind != gateway.Conflicting || e.Field != "call" || e.Msg != "it has moved on" {
		t.Errorf("ours: %+v", e)
	}
	if e := ask("theirs"); e.Kind != gateway.Internal {
		t.Errorf("theirs: %+v", e)
	}
	if e := ask("unheard-of"); e.Kind != gateway.Unavailable {
		t.Errorf("unknown topic: %+v", e)
	}
	if e := ask("long"); e.Kind != gateway.TooLarge {
		t.Errorf("long answer: %+v", e)
	}
	if _, err := a.Ask(t.Context(), b.Self(), "ours", make([]byte, bus.MaxBody+1)); kindOf(err) != gateway.TooLarge {
		t.Errorf("long question: %v", err)
	}
	if _, err := a.Ask(t.Context(), phantom, "ours", nil); kindOf(err) != gateway.Unavailable {
		t.Errorf("a node nobody knows: %v", err)
	}
}

func aQuestionEndsWithItsNode(t *testing.T, w World) {
	asked := make(chan struct{}, 2)
	a, b := pair(t, w, func(b *bus.Bus) {
		b.Answer("never", func(ctx context.Context, _ bus.Node, _ []byte) ([]byte, error) {
			asked <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { _, err := a.Ask(ctx, b.Self(), "never", nil); errs <- err }()
	<-asked
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	go func() { _, err := a.Ask(t.Context(), b.Self(), "never", nil); errs <- err }()
	<-asked
	b.stop()
	if err := <-errs; err == nil {
		t.Error("a node that is gone has answered")
	}
}

func nobodyGoesWhileCut(t *testing.T, w World) {
	a, b := pair(t, w)
	w.Cut(t)
	began := time.Now()
	eventually(t, "a notices", func() bool { return !a.Connected() })
	if _, err := a.Ask(t.Context(), b.Self(), "word", nil); kindOf(err) != gateway.Unavailable {
		t.Errorf("a question without a bus: %v", err)
	}
	time.Sleep(time.Until(began.Add(bus.GoneAfter + 2*bus.Beat))) // the silence that must not count
	w.Restore(t)
	eventually(t, "the bus carries again", func() bool {
		return a.Connected() && b.Connected() && a.saw(bus.Resumed, "") == 2
	})
	a.Send("word", []byte("again"))
	eventually(t, "b hears a", func() bool { return slices.Contains(b.words(), "a:again") })
	if n := a.saw(bus.Went, "b") + b.saw(bus.Went, "a"); n > 0 {
		t.Errorf("%d counted as gone while the bus was away", n)
	}
}

func manyQuestions(t *testing.T, w World) {
	free := make(chan struct{})
	var began sync.WaitGroup
	began.Add(bus.MaxAnswers)
	a, b := pair(t, w, func(b *bus.Bus) {
		b.Answer("slow", func(context.Context, bus.Node, []byte) ([]byte, error) {
			began.Done()
			<-free
			return nil, nil
		})
	})
	var wg sync.WaitGroup
	for range bus.MaxAnswers {
		wg.Go(func() {
			if _, err := a.Ask(t.Context(), b.Self(), "slow", nil); err != nil {
				t.Errorf("one of %d: %v", bus.MaxAnswers, err)
			}
		})
	}
	began.Wait()
	if _, err := a.Ask(t.Context(), b.Self(), "slow", nil); kindOf(err) != gateway.TooMany {
		t.Errorf("one more: %v", err)
	}
	close(free)
	wg.Wait()
}

func nonsenseIsCounted(t *testing.T, w World) {
	a := start(t, w, "a")
	meet(t, a)
	for _, bad := range []string{"", "\n", "x", "backline-bus/2 beat " + phantom + " 1 - 0\n", "backline-bus/1 send " + phantom + " 1 word\nx",
		"backline-bus/1 send phantom 1 word 0\nx", "backline-bus/1 send " + phantom + " 01 word 0\nx", "backline-bus/1 ask " + phantom + " 1 word 0\nx"} {
		w.Publish(t, bad)
	}
	eventually(t, "nonsense is counted", func() bool { return a.Stats().Malformed == 8 })
	send := func(seq int) { w.Publish(t, fmt.Sprintf("backline-bus/1 send %s %d word 0\n%d", phantom, seq, seq)) }
	send(7)
	send(6)
	send(7)
	send(8)
	eventually(t, "the last has come", func() bool { return slices.Contains(a.words(), "phantom:8") })
	if got := a.words(); !slices.Equal(got, []string{"phantom:7", "phantom:8"}) || a.Stats().Stale != 2 {
		t.Errorf("got %q, %d stale", got, a.Stats().Stale)
	}
}
