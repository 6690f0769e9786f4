package meet

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/gateway"
	"backline/gateway/wire"
)

const (
	tick          = time.Second
	parallelFacts = 32
	// tellEvery is how often an agent is told again who waits before the door.
	tellEvery = 3 * time.Second
)

// Run watches meetings until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-t.C:
		}
		d.step(ctx, time.Now())
	}
}

// job is what one room has to write.
type job struct {
	room  *room
	facts []fact
}

// notice is what an agent is told.
type notice struct {
	agent gateway.AgentID
	frame wire.ConsoleMeet
}

// step does everything that is due.
func (d *Desk) step(ctx context.Context, now time.Time) {
	d.mu.Lock()
	var jobs []job
	var notices []notice
	for thread, r := range d.rooms {
		d.watchLocked(r, now)
		d.recordLocked(r)
		if n, ok := r.notice(now); ok {
			notices = append(notices, n)
		}
		if len(r.facts) > 0 {
			jobs = append(jobs, job{r, append([]fact(nil), r.facts...)})
		} else if r.meeting == "" && len(r.people) == 0 && now.Sub(r.quiet) > EmptyAfter {
			delete(d.rooms, thread)
		}
	}
	left, ended, plays, tapings := d.left, d.ended, d.plays, d.tapings
	d.left, d.ended, d.plays, d.tapings = nil, nil, nil, nil
	d.mu.Unlock()
	for _, t := range tapings {
		d.tape(t)
	}
	for _, p := range plays {
		d.opts.Media.Play(p.room, p.peer, p.clip)
	}
	for _, g := range left {
		d.opts.Media.Leave(g.room, g.peer)
	}
	for _, room := range ended {
		d.opts.Media.Close(room)
	}
	for _, n := range notices {
		d.book.TellAgent(n.agent, n.frame)
	}
	d.writeAll(ctx, jobs)
}

// watchLocked looks at one room's times.
func (d *Desk) watchLocked(r *room, now time.Time) {
	for _, p := range r.lost(now) {
		d.outLocked(r, p, gateway.OutLost, "", "left")
	}
	for _, id := range r.forgotten(now) {
		r.due(fact{personKey(r.meeting, "left", id, r.journal[id].Joins), gateway.MeetingLeft{Meeting: r.meeting, Participant: id, Reason: gateway.OutLost}})
	}
	if why, due := r.closes(now); due {
		r.due(fact{key(r.meeting, "closed"), gateway.MeetingClosed{Meeting: r.meeting, Reason: why}})
	}
}

// notice is what the agent who holds the conversation is told of the door, if it is time.
func (r *room) notice(now time.Time) (notice, bool) {
	names := r.waiting()
	if r.holder == "" || r.conversation == "" || len(names) == 0 && r.noticed.IsZero() || len(names) > 0 && now.Sub(r.noticed) < tellEvery {
		return notice{}, false
	}
	if r.noticed = now; len(names) == 0 {
		r.noticed, names = time.Time{}, []string{}
	}
	return notice{r.holder, wire.ConsoleMeet{Conversation: r.conversation, Meeting: r.meeting, Waiting: names}}, true
}

// writeAll writes what rooms have to say, side by side, so that they share one fsync. What could not be written is
// still due.
func (d *Desk) writeAll(ctx context.Context, jobs []job) {
	var g errgroup.Group
	g.SetLimit(parallelFacts)
	for _, j := range jobs {
		g.Go(func() error {
			if err := d.write(ctx, j.room, j.facts...); err != nil {
				return err
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			j.room.written(j.facts)
			return nil
		})
	}
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		d.opts.Log.Error("a meeting cannot be written down; trying again", "err", err)
	}
}

// written takes facts off the list.
func (r *room) written(facts []fact) {
	for _, f := range facts {
		for i := range r.facts {
			if r.facts[i].key == f.key {
				r.facts = append(r.facts[:i:i], r.facts[i+1:]...)
				break
			}
		}
	}
}
