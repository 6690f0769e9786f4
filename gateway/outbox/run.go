package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
)

// Run sends until ctx ends, then returns nil. It begins when Replayed was called. Calls under way at the end
// have StopGrace to be answered and written down, so that an ordinary restart leaves nothing uncertain.
func (o *Outbox) Run(ctx context.Context) error {
	select {
	case <-o.replayed:
	case <-ctx.Done():
		return nil
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{}) // closed when no worker is left
	var watch, workers sync.WaitGroup
	watch.Go(func() { o.cancelLate(ctx, cancel, ended) })
	defer func() {
		workers.Wait()
		close(ended)
		watch.Wait()
		cancel()
	}()
	slots := make(chan struct{}, o.workers)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		t := o.waitNext(ctx)
		if t == nil {
			return nil
		}
		workers.Go(func() {
			defer func() { <-slots }()
			defer o.release(t)
			o.step(work, t)
		})
	}
}

// cancelLate ends the work a grace after ctx ended.
func (o *Outbox) cancelLate(ctx context.Context, cancel context.CancelFunc, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-ended:
		return
	}
	timer := time.NewTimer(o.grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		cancel()
	case <-ended:
	}
}

// waitNext waits for a thread that is due; nil when ctx ended.
func (o *Outbox) waitNext(ctx context.Context) *thread {
	for {
		if ctx.Err() != nil {
			return nil
		}
		t, wait := o.next(time.Now())
		if t != nil {
			return t
		}
		var timeout <-chan time.Time
		var timer *time.Timer
		if wait >= 0 {
			timer = time.NewTimer(wait)
			timeout = timer.C
		}
		select {
		case <-o.wake:
		case <-timeout:
		case <-ctx.Done():
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// write appends one event and does not give up before ctx does: an error of the journal is met by the same
// write with the same key. Dup is reported only when the key was known at the first try, by another hand.
func (o *Outbox) write(ctx context.Context, stream, key string, e gateway.Event) (pos uint64, dup bool, err error) {
	data, err := json.Marshal(e)
	if err != nil {
		return 0, false, fmt.Errorf("encode %s: %w", e.EventType(), err)
	}
	w := journal.Write{Stream: stream, Expect: journal.Any, Key: key,
		Events: []journal.Event{{Type: e.EventType(), At: time.Now().UTC(), Data: data}}}
	for try := 0; ; try++ {
		r, err := o.append(ctx, w)
		if err == nil {
			return r.Pos, r.Dup && try == 0, nil
		}
		o.count(func(s *Stats) { s.JournalErrors++ })
		var deposed *journal.Conflict // another node decides, and sends
		if ctx.Err() != nil || errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrInvalid) || errors.As(err, &deposed) {
			return 0, false, fmt.Errorf("append %s: %w", e.EventType(), err)
		}
		if try == 0 {
			o.log.Warn("journal refuses, asking again", "key", key, "err", err)
		}
		if !o.pause(ctx, min(try, 3)) {
			return 0, false, fmt.Errorf("append %s: %w", e.EventType(), err)
		}
	}
}

// pause sleeps a back-off; false when ctx ended first.
func (o *Outbox) pause(ctx context.Context, n int) bool {
	o.mu.Lock()
	d := o.jitter(n)
	o.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (o *Outbox) count(f func(*Stats)) {
	o.mu.Lock()
	f(&o.stats)
	o.mu.Unlock()
}
