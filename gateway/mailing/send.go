package mailing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options of Run. Relay, Template, Ledger and Campaign are needed.
type Options struct {
	Relay    *Relay
	Template *Template
	Ledger   *Ledger
	Campaign string // names the mailing; with the address it makes the Message-ID
	Company  string // {{.Company}}

	Rate        float64       // mails a second over all connections; 0: no limit
	Connections int           // to the relay; zero means 4
	Unsubscribe bool          // it is a mailing: with List-Unsubscribe
	RetryFailed bool          // those that an earlier run could not send for good
	GiveUp      time.Duration // how long one mail is tried in this run, and how long the relay may be silent; zero means 1 h
	RetryMin    time.Duration // the first wait after a 4xx; zero means 5 s
	RetryMax    time.Duration // the longest; zero means 5 min

	// Progress is told twice a second, and at the end. It must be quick.
	Progress func(Progress)
}

// Bounds and defaults of a run.
const (
	DefaultConnections = 4
	MaxConnections     = 64
	progressEvery      = 500 * time.Millisecond
	dialPause          = time.Second      // after a failed connection, doubled each time …
	dialPauseMax       = 30 * time.Second // … up to this
)

// Progress is where a run stands.
type Progress struct {
	Total  int // of the list, without repeated addresses
	Before int // done by earlier runs
	Sent   int // by this one
	Failed int
	Took   time.Duration
}

// Done is how many rows need no more work.
func (p Progress) Done() int { return p.Before + p.Sent + p.Failed }

// Report is the end of a run.
type Report struct {
	Campaign string        `json:"campaign"`
	Total    int           `json:"total"`  // rows with an address of their own
	Sent     int           `json:"sent"`   // by this run
	Before   int           `json:"before"` // by earlier runs
	Failed   int           `json:"failed"` // refused for good, by this run or an earlier one
	Left     int           `json:"left"`   // to be tried again
	Took     time.Duration `json:"took_ns"`
	Rows     []Outcome     `json:"rows"` // those that were not sent
}

// Outcome is a row that has no mail.
type Outcome struct {
	Line   int    `json:"line"`
	Email  string `json:"email"`
	State  string `json:"state"` // failed, left
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Pending returns the rows that are still to be sent, as the ledger knows them.
func Pending(l *Ledger, rows []Row, retryFailed bool) []Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return settled(l.State(r.Key()).State, retryFailed) })
}

func settled(s State, retryFailed bool) bool {
	return s == StateSent || s == StateFailed && !retryFailed
}

// Run sends to every recipient who has no mail of this campaign yet. rows is the whole list, for the report.
// The error is a *StopError, ctx's, or one of the ledger; the report is good in any case.
func Run(ctx context.Context, o Options, rows []Row, to []Recipient) (Report, error) {
	o.Connections = min(cmp.Or(o.Connections, DefaultConnections), MaxConnections)
	o.GiveUp = cmp.Or(o.GiveUp, time.Hour)
	o.RetryMin, o.RetryMax = cmp.Or(o.RetryMin, 5*time.Second), cmp.Or(o.RetryMax, 5*time.Minute)
	to = slices.DeleteFunc(slices.Clone(to), func(r Recipient) bool { return settled(o.Ledger.State(r.Key()).State, o.RetryFailed) })
	r := &run{o: o, queue: newQueue(to), pace: newPace(o.Rate), started: time.Now(), progress: Progress{Total: len(rows)}}
	r.progress.Before = len(rows) - len(to)
	r.heard = r.started
	err := r.all(ctx)
	return r.report(rows), err
}

// run is one Run.
type run struct {
	// Static.
	o       Options
	queue   *queue
	pace    *pace
	started time.Time

	// Guarded by mu.
	mu       sync.Mutex
	progress Progress
	heard    time.Time // when the relay last took or refused a mail
}

func (r *run) all(ctx context.Context) error {
	telling, stopTelling := context.WithCancel(context.WithoutCancel(ctx))
	var teller sync.WaitGroup
	teller.Go(func() { r.tell(telling) })
	defer func() {
		stopTelling()
		teller.Wait()
	}()
	g, working := errgroup.WithContext(ctx)
	for range min(r.o.Connections, len(r.queue.fresh)) {
		g.Go(func() error { return r.work(working, &connection{relay: r.o.Relay}) })
	}
	return cmp.Or(g.Wait(), ctx.Err())
}

// work is one connection: it takes mails until none is left. What it has to write down about one mail it
// writes together with the beginning of the next, with one fsync, unless it has to wait in between.
func (r *run) work(ctx context.Context, c *connection) error {
	defer c.close()
	var notes []Entry
	for fails := 0; ; {
		it, err := r.next(ctx, &notes)
		if it == nil || err != nil {
			return errors.Join(err, r.o.Ledger.Append(notes...))
		}
		a := c.dial(ctx)
		if a.kind != taken && ctx.Err() != nil {
			r.queue.putOff(it, 0)
			continue
		}
		if a.kind != taken {
			fails++
			if err := r.settle(it, a, &notes); err != nil {
				return errors.Join(err, r.o.Ledger.Append(notes...))
			}
			pause(ctx, backoff(fails, dialPause, dialPauseMax))
			continue
		}
		fails = 0
		notes = append(notes, Entry{At: time.Now().UTC(), To: it.Key(), State: StateTrying})
		if err := r.o.Ledger.Append(notes...); err != nil {
			r.queue.finish()
			return err
		}
		notes = notes[:0]
		if err := r.settle(it, r.send(c, it), &notes); err != nil {
			return errors.Join(err, r.o.Ledger.Append(notes...))
		}
	}
}

// next waits for the pace and for a mail; nil when there is no more to do. Notes are on disk before it waits.
func (r *run) next(ctx context.Context, notes *[]Entry) (*item, error) {
	flush := func() error {
		err := r.o.Ledger.Append(*notes...)
		*notes = (*notes)[:0]
		return err
	}
	if ctx.Err() != nil {
		return nil, flush()
	}
	if !r.pace.allow() {
		if err := flush(); err != nil {
			return nil, err
		}
		if r.pace.wait(ctx) != nil {
			return nil, nil
		}
	}
	if it, _, _ := r.queue.try(time.Now()); it != nil {
		return it, nil
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return r.queue.take(ctx), nil
}

func (r *run) send(c *connection, it *item) Answer {
	m, err := r.o.message(it.Recipient)
	if err != nil {
		return Answer{Reason: err.Error(), kind: refused} // this row's values do not go with the template
	}
	return c.send(m)
}

// settle does what an answer asks for. The error ends the run.
func (r *run) settle(it *item, a Answer, notes *[]Entry) error {
	note := Entry{At: time.Now().UTC(), To: it.Key(), Code: a.Code, Reason: a.Reason}
	if a.kind != broken {
		r.pace.answered(a.kind == later)
	}
	switch a.kind {
	case taken:
		note.State = StateSent
	case refused:
		note.State = StateFailed
	case later, everybody:
		note.State = StateOpen
	case broken:
		// What the ledger says stays: it may be "trying", and nobody knows better.
		note.State = r.o.Ledger.State(it.Key()).State
	}
	*notes = append(*notes, note)
	r.count(a.kind)
	switch {
	case a.kind == everybody:
		r.queue.putOff(it, 0)
		return &StopError{a}
	case a.kind != later && a.kind != broken:
		r.queue.finish()
		return nil
	}
	return r.putOff(it, a)
}

func (r *run) count(k answerKind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch k {
	case taken:
		r.progress.Sent++
		r.heard = time.Now()
	case refused:
		r.progress.Failed++
		r.heard = time.Now()
	}
}

// putOff has a mail tried again later, or leaves it for another run.
func (r *run) putOff(it *item, a Answer) error {
	now := time.Now()
	if it.first.IsZero() {
		it.first = now
	}
	it.tries++
	wait := backoff(it.tries, r.o.RetryMin, r.o.RetryMax)
	r.mu.Lock()
	silent := now.Sub(r.heard)
	r.mu.Unlock()
	if silent > r.o.GiveUp {
		r.queue.putOff(it, 0)
		a.Reason = fmt.Sprintf("it has taken nothing for %v; last: %s", silent.Round(time.Second), a.Reason)
		return &StopError{a}
	}
	if now.Add(wait).Sub(it.first) > r.o.GiveUp {
		r.queue.finish()
		return nil
	}
	r.queue.putOff(it, wait)
	return nil
}

// backoff doubles from least to most, and takes a random time of the upper half, so that what failed together
// does not come back together.
func backoff(tries int, least, most time.Duration) time.Duration {
	d := most
	if tries < 20 {
		d = min(least<<(tries-1), most)
	}
	return d/2 + rand.N(d/2+1)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// tell reports the progress until ctx ends, and once more then.
func (r *run) tell(ctx context.Context) {
	if r.o.Progress == nil {
		return
	}
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		r.mu.Lock()
		p := r.progress
		r.mu.Unlock()
		p.Took = time.Since(r.started)
		r.o.Progress(p)
		if ctx.Err() != nil {
			return
		}
	}
}

// report reads what the ledger says of every row.
func (r *run) report(rows []Row) Report {
	out := Report{Campaign: r.o.Campaign, Total: len(rows), Sent: r.progress.Sent, Took: time.Since(r.started), Rows: []Outcome{}}
	for _, row := range rows {
		e := r.o.Ledger.State(row.Key())
		o := Outcome{Line: row.Line, Email: row.Email, State: "left", Code: e.Code, Reason: e.Reason}
		switch e.State {
		case StateSent:
			out.Before++
			continue
		case StateFailed:
			out.Failed++
			o.State = "failed"
		default:
			out.Left++
		}
		out.Rows = append(out.Rows, o)
	}
	out.Before -= out.Sent
	return out
}
