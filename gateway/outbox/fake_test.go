package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/outbox"
)

// log is a journal in memory. Fault, when set, is asked before and after each write.
type log struct {
	mu     sync.Mutex
	events []journal.Event
	keys   map[string]journal.Receipt
	more   chan struct{} // one slot
	fault  func(before bool) error
}

func newLog() *log {
	return &log{keys: map[string]journal.Receipt{}, more: make(chan struct{}, 1)}
}

func (l *log) append(_ context.Context, w journal.Write) (journal.Receipt, error) {
	if l.fault != nil {
		if err := l.fault(true); err != nil {
			return journal.Receipt{}, err
		}
	}
	r := l.put(w)
	if l.fault != nil {
		if err := l.fault(false); err != nil {
			return journal.Receipt{}, err
		}
	}
	return r, nil
}

func (l *log) put(w journal.Write) journal.Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.keys[w.Key]; ok && w.Key != "" {
		r.Dup = true
		return r
	}
	for _, e := range w.Events {
		e.Pos, e.Stream = uint64(len(l.events)+1), w.Stream
		l.events = append(l.events, e)
	}
	r := journal.Receipt{Pos: uint64(len(l.events))}
	l.keys[w.Key] = r
	select {
	case l.more <- struct{}{}:
	default:
	}
	return r
}

func (l *log) after(pos int) []conversation.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []conversation.Record
	for _, e := range l.events[pos:] {
		ev, err := gateway.DecodeEvent(e.Type, e.Data)
		if err != nil {
			panic(err)
		}
		out = append(out, conversation.Record{Pos: e.Pos, Stream: e.Stream, At: e.At, Event: ev})
	}
	return out
}

// feed hands the log to o as the live shell does, until ctx ends.
func (l *log) feed(ctx context.Context, o *outbox.Outbox) {
	pos := 0
	for first := true; ; first = false {
		for _, r := range l.after(pos) {
			o.Observe(r)
			pos++
		}
		if first {
			o.Replayed()
		}
		select {
		case <-l.more:
		case <-ctx.Done():
			return
		}
	}
}

// everybody is a ThreadLookup.
type everybody struct{ optedOut, notOurs bool }

func (e everybody) Thread(gateway.ThreadID) (time.Time, bool, bool) {
	return time.Time{}, e.optedOut, !e.notOurs
}

// channel is an outside network. Answer decides each call and says whether the person got the message.
type channel struct {
	name      string
	providers []string

	mu     sync.Mutex
	calls  []channels.Outbound
	got    []gateway.MessageID // what the person received, in order
	answer func(ctx context.Context, m channels.Outbound) (delivered bool, r channels.Receipt, err error)
}

func (c *channel) Name() string                             { return c.name }
func (c *channel) Run(context.Context, channels.Sink) error { return nil }

func (c *channel) Send(ctx context.Context, m channels.Outbound) (channels.Receipt, error) {
	c.mu.Lock()
	c.calls = append(c.calls, m)
	c.mu.Unlock()
	delivered, r, err := c.answer(ctx, m)
	if delivered {
		c.mu.Lock()
		c.got = append(c.got, m.Key)
		c.mu.Unlock()
	}
	return r, err
}

func (c *channel) has(id gateway.MessageID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.got {
		if g == id {
			return true
		}
	}
	return false
}

// resolving is a channel that can look up, twoWays one with providers.
type resolving struct{ *channel }

func (c resolving) Resolve(_ context.Context, m channels.Outbound, _ time.Time) (channels.Receipt, bool, error) {
	if c.has(m.Key) {
		return channels.Receipt{ProviderIDs: []string{"p-" + string(m.Key)}}, true, nil
	}
	return channels.Receipt{}, false, nil
}

type twoWays struct{ *channel }

func (c twoWays) Providers() []string { return c.providers }

func submit(l *log, thread int, n int, ch string) gateway.MessageID {
	id := gateway.MessageID(fmt.Sprintf("m%d-%03d", thread, n))
	who := gateway.Identity{Channel: ch, Account: "a", Remote: strconv.Itoa(thread)}
	e := gateway.MessageSubmitted{Message: id, ClientID: string(id), Thread: who.Thread(), Identity: who, Text: "hello"}
	put(l, "conversation/c"+strconv.Itoa(thread), e)
	return id
}

func put(l *log, stream string, e gateway.Event) {
	l.put(journal.Write{Stream: stream, Events: []journal.Event{{Type: e.EventType(), At: time.Now(), Data: encode(e)}}})
}

// ends returns the last end of each message and checks that a start came before every provider's answer.
func ends(t *testing.T, l *log) map[gateway.MessageID]gateway.AttemptEnded {
	t.Helper()
	out := map[gateway.MessageID]gateway.AttemptEnded{}
	for _, r := range l.after(0) {
		if e, ok := r.Event.(gateway.AttemptEnded); ok {
			if last := out[e.Message]; last.State != "" && last.State != gateway.DeliveryPending && last.State != gateway.DeliverySent {
				t.Errorf("%s ended twice: %+v, then %+v", e.Message, last, e)
			}
			out[e.Message] = e
		}
	}
	return out
}

// life is one process. It ends when the budget of steps is used up: from then on nothing it does has an effect.
type life struct {
	mu   sync.Mutex
	left int
	dead chan struct{} // closed at death
}

var errDead = errors.New("dead")

func (f *life) step() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.dead:
		return errDead
	default:
	}
	if f.left--; f.left < 0 {
		close(f.dead)
		return errDead
	}
	return nil
}

// moody answers like a bad network; what it says is true.
func moody(rng *rand.Rand, mu *sync.Mutex, f **life) func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
	return func(ctx context.Context, m channels.Outbound) (bool, channels.Receipt, error) {
		mu.Lock()
		dice, delay, lf := rng.IntN(100), time.Duration(rng.IntN(2000))*time.Millisecond, *f
		mu.Unlock()
		if lf.step() != nil {
			<-ctx.Done() // died before the call
			return false, channels.Receipt{}, ctx.Err()
		}
		time.Sleep(delay)
		fail := func(c channels.Code) (bool, channels.Receipt, error) {
			return false, channels.Receipt{}, &channels.SendError{Code: c, Provider: m.Provider, Reason: "dice " + strconv.Itoa(dice)}
		}
		switch {
		case lf.step() != nil: // died in the call
			<-ctx.Done()
			return dice%2 == 0, channels.Receipt{}, ctx.Err()
		case dice < 15:
			return fail(channels.Temporary)
		case dice < 22:
			return fail(channels.Throttled)
		case dice < 26:
			return fail(channels.ProviderDown)
		case dice < 28:
			return fail(channels.ChannelDown)
		case dice < 30:
			return fail(channels.Rejected)
		case dice < 31:
			return fail(channels.Unroutable)
		case dice < 37:
			return dice%2 == 0, channels.Receipt{}, &channels.SendError{Code: channels.Uncertain}
		case dice < 40: // hangs
			<-ctx.Done()
			return dice%2 == 0, channels.Receipt{}, ctx.Err()
		case dice < 42:
			return true, channels.Receipt{}, &channels.SendError{Code: channels.SentAnyway}
		case dice < 44:
			panic("bad channel")
		}
		return true, channels.Receipt{ProviderIDs: []string{"p-" + string(m.Key)}}, nil
	}
}

func threadOf(id gateway.MessageID) string {
	t, _, _ := strings.Cut(string(id), "-")
	return t
}
