package bus

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// nothing is a transport that carries nothing.
type nothing struct{ Transport }

func TestAQueueThatNobodySendsIsBounded(t *testing.T) {
	b := New(Options{Name: "a", Transport: nothing{}})
	body := make([]byte, MaxBody)
	for range 2 * MaxQueued / MaxBody {
		b.Send("word", body)
	}
	if b.queued > MaxQueued+maxHeader || b.Stats().Dropped < MaxQueued/MaxBody {
		t.Errorf("%d bytes wait, %d dropped", b.queued, b.Stats().Dropped)
	}
}

func FuzzParse(f *testing.F) {
	self := New(Options{Name: "a"}).Self()
	for _, e := range []envelope{
		{kind: kindBeat, from: self, seq: 1, body: []byte(`{"address":"http://a"}`)},
		{kind: kindSend, from: self, seq: 2, topic: "live.typing", body: []byte("x\ny")},
		{kind: kindAsk, from: self, seq: 3, topic: "calls.offer", ask: 9},
		{kind: kindFail, from: self, seq: 1 << 63, ask: 9, body: []byte(`{"kind":"conflict"}`)},
	} {
		f.Add(e.encode())
	}
	f.Add([]byte("backline-bus/1 bye a~0123456789abcdef 1 - 0\n"))
	f.Add([]byte("backline-bus/1  a~0123456789abcdef 1 - 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parse(data)
		if err != nil {
			return
		}
		if again := e.encode(); !bytes.Equal(again, data) {
			t.Errorf("%q was understood and encodes to %q", data, again)
		}
		if len(e.body) > MaxBody || !e.from.valid() {
			t.Errorf("accepted %+v", e)
		}
		b := New(Options{Name: "b", Transport: nothing{}})
		b.receive(t.Context(), data) // whoever it is from
	})
}

// echoing hears itself only.
type echoing struct{ letters chan []byte }

func (e echoing) Receive(ctx context.Context, _ Node, deliver func([]byte), listening func(bool)) error {
	listening(true)
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-e.letters:
			deliver(p)
		}
	}
}

func (e echoing) Publish(_ context.Context, letters []Letter) error {
	for _, l := range letters {
		e.letters <- l.Payload
	}
	return nil
}

func (echoing) Close() error { return nil }

// A handler that holds everything up for a minute makes nobody go: what others said meanwhile has not been read.
func TestOwnDelayIsNotTheSilenceOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := echoing{letters: make(chan []byte, 100)}
		b := New(Options{Name: "a", Transport: e})
		went := 0
		b.Watch(func(c Change) {
			if c.Kind == Went {
				went++
			}
		})
		b.Handle("slow", func(Node, []byte) { time.Sleep(time.Minute) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Run(ctx) }()
		time.Sleep(time.Second)
		other := envelope{kind: kindSend, from: "b~0123456789abcdef", topic: "slow", seq: 1}
		e.letters <- other.encode()
		time.Sleep(time.Minute + GoneAfter/2)
		synctest.Wait()
		if went != 0 || !b.Connected() || len(b.Peers()) != 1 {
			t.Errorf("went %d, connected %t, peers %v", went, b.Connected(), b.Peers())
		}
		time.Sleep(GoneAfter)
		synctest.Wait()
		if went != 1 {
			t.Errorf("went %d after silence, want 1", went)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
