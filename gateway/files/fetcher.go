package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
)

// Bounds of a Fetcher.
const (
	maxJobs      = 10_000 // waiting fetches; more are left out and found again at the next start
	fetchTries   = 6
	fetchWorkers = 4
	firstWait    = 5 * time.Second // doubles with each try
)

// FetcherOptions of a Fetcher. Store, Append and Client are needed.
type FetcherOptions struct {
	Store   *Store
	Append  func(ctx context.Context, w journal.Write) (journal.Receipt, error)
	Client  *http.Client                   // one that refuses private addresses
	Prepare map[string]func(*http.Request) // credentials, a channel
	Log     *slog.Logger                   // nil: silent
}

// Fetcher copies attachments of received messages from the providers before their addresses expire, and
// appends an AttachmentStored for each: with our file, or with the reason why there is none.
//
// Observe finds the work in the journal's records; after Replayed, Run does it and returns when ctx ends and
// all workers have. What was not done is found again by the next process.
type Fetcher struct {
	opt      FetcherOptions
	wake     chan struct{} // one slot, never closed
	replayed chan struct{}
	once     sync.Once

	mu      sync.Mutex // guards the rest
	waiting map[jobKey]*job
	queue   []*job // those of waiting that no worker has, oldest first
	leftOut uint64
}

type jobKey struct {
	message gateway.MessageID
	index   int
}

type job struct {
	jobKey
	stream, channel string
	attachment      gateway.Attachment
	tries           int
	due             time.Time
}

// NewFetcher returns a Fetcher that has started nothing.
func NewFetcher(opt FetcherOptions) *Fetcher {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Fetcher{opt: opt, wake: make(chan struct{}, 1), replayed: make(chan struct{}), waiting: map[jobKey]*job{}}
}

// Observe takes one journal record, in order of position.
func (f *Fetcher) Observe(rec conversation.Record) {
	switch e := rec.Event.(type) {
	case gateway.MessageReceived:
		for i, a := range e.Attachments {
			if a.URL != "" && a.File == "" && a.Error == "" && a.Kind != "link" && a.Kind != "location" {
				f.add(&job{jobKey: jobKey{e.Message, i}, stream: rec.Stream, channel: e.Identity.Channel, attachment: a})
			}
		}
	case gateway.AttachmentStored:
		f.remove(jobKey{e.Message, e.Index})
	}
}

func (f *Fetcher) add(j *job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting[j.jobKey] != nil {
		return
	}
	if len(f.waiting) >= maxJobs {
		f.leftOut++
		return
	}
	f.waiting[j.jobKey] = j
	f.queue = append(f.queue, j)
	f.nudge()
}

func (f *Fetcher) remove(k jobKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.waiting[k]
	if j == nil {
		return
	}
	delete(f.waiting, k)
	f.queue = slices.DeleteFunc(f.queue, func(x *job) bool { return x == j })
}

func (f *Fetcher) nudge() {
	select {
	case f.wake <- struct{}{}:
	default: // already told
	}
}

// Waiting is how many fetches are not done, and how many were left out because there were too many.
func (f *Fetcher) Waiting() (now int, leftOut uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting), f.leftOut
}

// Replayed says that Observe has seen the whole journal.
func (f *Fetcher) Replayed() { f.once.Do(func() { close(f.replayed) }) }

// Run fetches until ctx ends, then returns nil.
func (f *Fetcher) Run(ctx context.Context) error {
	select {
	case <-f.replayed:
	case <-ctx.Done():
		return nil
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, fetchWorkers)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		j := f.next(ctx)
		if j == nil {
			return nil
		}
		workers.Go(func() {
			defer func() { <-slots }()
			f.work(ctx, j)
		})
	}
}

// next waits for a job that is due; nil when ctx ended.
func (f *Fetcher) next(ctx context.Context) *job {
	for ctx.Err() == nil {
		j, wait := f.take(time.Now())
		if j != nil {
			return j
		}
		timer := time.NewTimer(wait)
		select {
		case <-f.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

func (f *Fetcher) take(now time.Time) (*job, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait := time.Hour
	for i, j := range f.queue {
		d := j.due.Sub(now)
		if d <= 0 {
			f.queue = slices.Delete(f.queue, i, i+1)
			return j, 0
		}
		wait = min(wait, d)
	}
	return nil, wait
}

// work fetches once and writes down the result, or plans the next try.
func (f *Fetcher) work(ctx context.Context, j *job) {
	m, err := f.fetch(ctx, j)
	if ctx.Err() != nil {
		return // the next process begins again
	}
	j.tries++
	a := j.attachment
	a.URL = ""
	switch {
	case err == nil:
		a.File, a.ContentType, a.SizeBytes = m.ID, m.ContentType, m.SizeBytes
		if a.Name = CleanName(a.Name); j.attachment.Name == "" {
			a.Name = m.Name
		}
		if a.Kind == "" || a.Kind == "file" {
			a.Kind = m.Kind
		}
	case !forGood(err) && j.tries < fetchTries:
		f.later(j, firstWait<<j.tries)
		return
	default:
		f.opt.Log.Info("attachment not fetched", "channel", j.channel, "attempt", j.tries, "err", err)
		a.Error = whyNot(err)
	}
	if err := f.write(ctx, j, a); err != nil {
		f.opt.Log.Warn("attachment not written down", "channel", j.channel, "err", err)
		return
	}
	f.remove(j.jobKey)
}

func (f *Fetcher) fetch(ctx context.Context, j *job) (m Meta, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fetch panicked: %v: %w", p, errForGood)
		}
	}()
	return f.opt.Store.Fetch(ctx, j.attachment.URL, f.opt.Prepare[j.channel], f.opt.Client)
}

func (f *Fetcher) later(j *job, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting[j.jobKey] != j {
		return
	}
	j.due = time.Now().Add(wait/2 + rand.N(wait/2))
	f.queue = append(f.queue, j)
	f.nudge()
}

// whyNot is for the agent: what a person can understand of err.
func whyNot(err error) string {
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		return e.Msg
	}
	return "The file could not be fetched from the provider."
}

// write appends the result and asks the journal again, with the same key, until it has it or ctx ends.
func (f *Fetcher) write(ctx context.Context, j *job, a gateway.Attachment) error {
	e := gateway.AttachmentStored{Message: j.message, Index: j.index, Attachment: a}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	w := journal.Write{Stream: j.stream, Expect: journal.Any, Key: fmt.Sprintf("attachment/%s/%d", j.message, j.index),
		Events: []journal.Event{{Type: e.EventType(), At: time.Now().UTC(), Data: data}}}
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		_, err := f.opt.Append(ctx, w)
		if err == nil {
			return nil
		}
		if errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrInvalid) {
			return fmt.Errorf("append: %w", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("append: %w", err)
		}
	}
}
