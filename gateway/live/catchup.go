package live

import (
	"context"
	"sync"
	"time"

	"backline/gateway/conversation"
)

// A history that lacks much, as that of a new node does, is filled by a fold of its own, behind the start: full-text
// indexing takes several times as long as all else, and nobody's conversation is to wait for it.
const (
	catchUpFrom = 50_000 // events it has to lack
	catchUpNear = 8192   // events from which on the loop's changes follow without a gap
)

// catchUp fills the history up to where the loop's changes begin.
func (l *Live) catchUp(ctx context.Context) error {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	fold := conversation.New()
	pos, upTo, last := uint64(0), uint64(0), false
	for {
		if !last {
			upTo, last = l.handOver(pos)
		}
		if pos >= upTo {
			return nil
		}
		p, err := l.readAgain(ctx, fold, pos, upTo)
		if err != nil {
			return err
		}
		l.write(ctx, p)
		pos = p.upTo
	}
}

// handOver returns how far the loop is. Where that is near, the loop's changes go to the history from there on.
func (l *Live) handOver(pos uint64) (head uint64, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.projecting = l.projecting || l.head-pos <= catchUpNear
	return l.head, l.projecting
}

// readAgain folds what follows pos, up to a transaction's worth of changes.
func (l *Live) readAgain(ctx context.Context, fold *conversation.Fold, pos, upTo uint64) (projection, error) {
	p := projection{upTo: pos}
	var decoding sync.WaitGroup
	defer decoding.Wait()
	for p.upTo < upTo && len(p.changes) < gatherChanges {
		events, err := l.opts.Journal.Read(ctx, p.upTo, int(min(readBatch, upTo-p.upTo)), time.Minute)
		if err == nil && len(events) == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return p, err
		}
		if len(events) == 0 { // the journal has been away for all of it
			continue
		}
		b := l.decode(&decoding, events)
		b.decoded.Wait()
		e := events[len(events)-1]
		fold.Mute(e.Pos <= l.opts.History.Applied())
		for _, r := range b.records {
			p.changes = append(p.changes, fold.Apply(r)...)
		}
		p.upTo, p.sum = e.Pos, e.Sum()
	}
	return p, nil
}
