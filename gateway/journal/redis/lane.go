package redis

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/journal"
)

// request is one append under way.
type request struct {
	write   journal.Write
	receipt journal.Receipt
	err     error
	done    chan struct{} // closed by a lane; receipt and err may be read after it
}

// Append implements journal.Journal.
func (j *Journal) Append(ctx context.Context, w journal.Write) (journal.Receipt, error) {
	if err := journal.Check(w); err != nil {
		return journal.Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return journal.Receipt{}, err
	}
	if j.isClosed() {
		return journal.Receipt{}, journal.ErrClosed
	}
	r := &request{write: w, done: make(chan struct{})}
	select {
	case j.reqs <- r:
	case <-j.closed:
		return journal.Receipt{}, journal.ErrClosed
	case <-ctx.Done():
		return journal.Receipt{}, ctx.Err()
	}
	select {
	case <-r.done:
		return r.receipt, r.err
	case <-ctx.Done():
		return journal.Receipt{}, ctx.Err()
	}
}

// lane sends what waits as one pipeline, and so on until Close; what was taken is finished.
func (j *Journal) lane() {
	for {
		select {
		case r := <-j.reqs:
			j.send(j.collect(r))
		case <-j.closed:
			for {
				select {
				case r := <-j.reqs:
					r.err = journal.ErrClosed
					close(r.done)
				default:
					return
				}
			}
		}
	}
}

func (j *Journal) collect(first *request) []*request {
	batch := []*request{first}
	runtime.Gosched() // those who are about to append have their turn
	for len(batch) < maxBatch {
		select {
		case r := <-j.reqs:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// AppendInOrder implements journal.Sequencer: the commands of a pipeline are done in their order, and each has the
// script that they need in front, so that none is refused for want of it while the next is taken.
func (j *Journal) AppendInOrder(ctx context.Context, writes []journal.Write) ([]journal.Receipt, error) {
	var done []journal.Receipt
	for part := range slices.Chunk(writes, maxBatch) {
		batch := make([]*request, len(part))
		for i, w := range part {
			if err := journal.Check(w); err != nil {
				return done, err
			}
			batch[i] = &request{write: w, done: make(chan struct{})}
		}
		switch {
		case j.isClosed():
			return done, journal.ErrClosed
		case ctx.Err() != nil:
			return done, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(context.Background(), pipelineTimeout)
		unknown(j.pipeline(ctx, batch, true))
		cancel()
		for _, r := range batch {
			if r.err != nil {
				return done, r.err
			}
			done = append(done, r.receipt)
		}
	}
	return done, nil
}

// pipelineTimeout bounds one round trip: what is not answered by then is uncertain.
const pipelineTimeout = 10 * time.Second

// send carries a batch and answers its requests.
func (j *Journal) send(batch []*request) {
	ctx, cancel := context.WithTimeout(context.Background(), pipelineTimeout)
	defer cancel()
	left := j.pipeline(ctx, batch, false)
	if len(left) > 0 { // the server does not know the script: it was restarted, or another one was promoted
		if err := j.load(ctx); err == nil {
			left = j.pipeline(ctx, left, false)
		}
	}
	unknown(left)
}

// unknown answers requests for which the server still has no script.
func unknown(left []*request) {
	for _, r := range left {
		r.err = fmt.Errorf("append: redis does not take the script: %w", journal.ErrUncertain)
		close(r.done)
	}
}

func (j *Journal) load(ctx context.Context) error {
	c, err := j.home(ctx)
	if err != nil {
		return err
	}
	return appendScript.Load(ctx, c).Err()
}

// pipeline returns the requests that the server has refused for want of the script, which it can send along.
func (j *Journal) pipeline(ctx context.Context, batch []*request, withScript bool) (refused []*request) {
	c, err := j.home(ctx)
	if err != nil {
		for _, r := range batch {
			r.err = fmt.Errorf("append: %w: redis: %w", journal.ErrUnreachable, err)
			close(r.done)
		}
		return nil
	}
	keys := j.scriptKeys(j.clock.now())
	p := c.Pipeline()
	if withScript {
		p.ScriptLoad(ctx, luaAppend) // not Script.Load, which wants the answer at once
	}
	origin := j.origin.get()
	cmds := make([]*goredis.Cmd, len(batch))
	for i, r := range batch {
		cmds[i] = appendScript.EvalSha(ctx, p, keys, arguments(r.write, origin)...)
	}
	wait := j.wait(ctx, p)
	_, _ = p.Exec(ctx) // each command has its own error
	short := j.short(ctx, wait)
	for i, r := range batch {
		got, err := cmds[i].Slice()
		switch {
		case err == nil:
			r.receipt, r.err = j.outcome(r.write, got)
			if r.err == nil && short != nil {
				r.err = short
			}
		case goredis.HasErrorPrefix(err, "NOSCRIPT"):
			refused = append(refused, r)
			continue
		default:
			r.err = refusal(err)
			j.lookAround(ctx)
		}
		close(r.done)
	}
	return refused
}

// wait ends a pipeline: the replicas have what came before. nil: none is asked.
func (j *Journal) wait(ctx context.Context, p goredis.Pipeliner) *goredis.Cmd {
	if j.opts.Replicas <= 0 || j.optional && j.isAlone(ctx) {
		return nil
	}
	return p.Do(ctx, "WAIT", j.opts.Replicas, j.opts.ReplicaWait.Milliseconds())
}

// short is why the replicas do not count, or nil.
func (j *Journal) short(ctx context.Context, wait *goredis.Cmd) error {
	if wait == nil {
		return nil
	}
	n, err := wait.Int()
	if err != nil {
		return fmt.Errorf("append: %w: wait for replicas: %w", journal.ErrUncertain, err)
	}
	if n < j.opts.Replicas && !(j.optional && j.lookAlone(ctx)) {
		return fmt.Errorf("append: %w: %d of %d replicas have it after %s", journal.ErrUncertain, n, j.opts.Replicas, j.opts.ReplicaWait)
	}
	return nil
}

// refusal tells an append that was surely not written from one that may have been.
func refusal(err error) error {
	var answer goredis.Error
	switch {
	case !errors.As(err, &answer) || strings.HasPrefix(err.Error(), "ERR "):
		return fmt.Errorf("append: %w: redis: %w", journal.ErrUncertain, err)
	case goredis.HasErrorPrefix(err, "OOM"), goredis.HasErrorPrefix(err, "MISCONF"): // no memory; the disk refuses
		return fmt.Errorf("append: %w: redis: %w", journal.ErrFull, err)
	case transient(err):
		return fmt.Errorf("append: %w: redis: %w", journal.ErrUnreachable, err)
	}
	return fmt.Errorf("append: redis: %w", err)
}
