package live

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/emergency"
	"backline/gateway/journal"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// Emergency is what the emergency switch changes.
type Emergency struct {
	Texts emergency.Texts
	// Rules of the queues that follow other rules while it is on.
	Rules map[gateway.QueueID]router.Rules
	// TalkLink makes the address of a page from which a person can call; the same Key again is the same address.
	// Nil: there are no calls.
	TalkLink func(context.Context, TalkTo) (string, error)
}

// TalkTo is whom a link to call is for.
type TalkTo struct {
	Key      string
	Identity gateway.Identity
	Contact  wire.Contact
	Queue    gateway.QueueID // where the call is to wait
}

// alert is the emergency as the live state has it.
type alert struct {
	// Guarded by Live.mu.
	state   *emergency.Switch
	answers *emergency.Answers

	wake     chan struct{} // capacity 1, never closed: somebody is to be told
	answered atomic.Uint64
}

func newAlert(t emergency.Texts) alert {
	return alert{state: emergency.New(t), answers: emergency.NewAnswers(), wake: make(chan struct{}, 1)}
}

// SetEmergency presses the switch. by names who did it for the log of the process, which knows no people's
// names: "agent/jana", "token/monitoring", "command line".
func (l *Live) SetEmergency(ctx context.Context, r emergency.Request, by string) (wire.EmergencyReport, error) {
	if _, err := l.Emergency(ctx); err != nil {
		return wire.EmergencyReport{}, err
	}
	for range attempts {
		l.mu.Lock()
		ev, err := l.alert.state.Set(r)
		version := l.alert.state.Version()
		l.mu.Unlock()
		if err != nil {
			return wire.EmergencyReport{}, err
		}
		if ev == nil {
			return l.Emergency(ctx)
		}
		receipt, err := l.opts.Journal.Append(ctx, Write(gateway.EmergencyStream, version, "", time.Now(), ev))
		var conflict *journal.Conflict
		switch {
		case err == nil:
			l.opts.Log.Warn("emergency switched", "on", r.On, "by", by, "why", r.Why)
			if err := l.Wait(ctx, receipt.Pos); err != nil {
				return wire.EmergencyReport{}, unavailable(err)
			}
			return l.Emergency(ctx)
		case !errors.As(err, &conflict):
			return wire.EmergencyReport{}, unavailable(err)
		}
		if err := l.CaughtUp(ctx); err != nil { // somebody else has pressed it
			return wire.EmergencyReport{}, err
		}
	}
	return wire.EmergencyReport{}, gateway.Errorf(gateway.Conflicting, "others press the switch at the same time; look at its state and try again")
}

// Emergency tells how the switch stands and how it came to that. While the journal is being read nobody knows:
// it waits.
func (l *Live) Emergency(ctx context.Context) (wire.EmergencyReport, error) {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return wire.EmergencyReport{}, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alert.state.Report(), nil
}

// EmergencyStats counts for /metrics: changes of the switch ever, automatic answers since the start.
func (l *Live) EmergencyStats() (on bool, switched, answered uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alert.state.On(), l.alert.state.Switched(), l.alert.answered.Load()
}

// foldEmergencyLocked follows the switch and whom it concerns. The conversation's own fold has seen r.
func (l *Live) foldEmergencyLocked(r conversation.Record) {
	const prefix = "conversation/"
	switch e := r.Event.(type) {
	case gateway.EmergencyChanged:
		l.switchedLocked(r, e)
		return
	case gateway.ConversationOpened, gateway.ConversationReopened, gateway.ConversationClosed, gateway.MessageSubmitted:
	default:
		return
	}
	if len(r.Stream) <= len(prefix) {
		return
	}
	id := gateway.ConversationID(r.Stream[len(prefix):])
	switch e := r.Event.(type) {
	case gateway.ConversationClosed:
		l.alert.answers.Done(id)
	case gateway.MessageSubmitted:
		l.alert.answers.Submitted(id, e)
	default:
		if c, ok := l.fold.Get(id); ok {
			l.alert.answers.Want(id, c.Thread, c.Head.Channel)
			l.wakeAnswersLocked()
		}
	}
}

// switchedLocked follows the switch: whom to tell, which rules to follow, what consoles and pages show.
func (l *Live) switchedLocked(r conversation.Record, e gateway.EmergencyChanged) {
	if r.Stream != gateway.EmergencyStream {
		return
	}
	before := l.alert.state.Number()
	l.alert.state.Apply(r.Pos, r.Version, r.At, e)
	switch n := l.alert.state.Number(); n {
	case before:
	case 0:
		l.alert.answers.End()
	default:
		l.alert.answers.Begin(n)
		for c := range l.fold.All {
			if c.Head.State == gateway.StateWaiting || c.Head.State == gateway.StateOffered {
				l.alert.answers.Want(c.Head.ID, c.Thread, c.Head.Channel)
			}
		}
	}
	if !l.replayed {
		return
	}
	l.followRulesLocked()
	l.sendAllLocked(wire.ConsoleEmergency{Emergency: l.alert.state.State()})
	for t := range l.visitors {
		l.tellVisitorsLocked(t, nil)
	}
	l.wakeAnswersLocked()
}

// followRulesLocked gives the router the rules that hold now.
func (l *Live) followRulesLocked() {
	for id, rules := range l.opts.Emergency.Rules {
		q, ok := l.queues[id]
		if !ok {
			continue
		}
		if !l.alert.state.On() {
			rules = q.Rules()
		}
		l.router.SetRules(id, rules)
	}
}

// noticeLocked is what a page shows: in its own language, else in that of the person, else the company's.
func (l *Live) noticeLocked(id gateway.ThreadID, language string) string {
	if !l.alert.state.On() {
		return ""
	}
	of := ""
	if t, ok := l.fold.Thread(id); ok {
		of = t.Contact.Language
	}
	return l.alert.state.Notice(language, of)
}

func (l *Live) wakeAnswersLocked() {
	if !l.replayed {
		return
	}
	select {
	case l.alert.wake <- struct{}{}:
	default: // told already
	}
}

const talkLinkTime = 5 * time.Second // an answer without a link is better than none

// answerAll writes the automatic answers, beside the loop: making a link takes an append of its own, and nobody's
// offer is to wait for that.
func (l *Live) answerAll(ctx context.Context) error {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return nil
	}
	for {
		var due []gateway.ConversationID
		if _, leads := l.lead(); leads {
			l.mu.Lock()
			due = l.alert.answers.Due(maxDecisions)
			l.mu.Unlock()
		}
		pause := time.Duration(0)
		if len(due) == 0 {
			pause = time.Hour
		} else if err := l.answerEach(ctx, due); err != nil && ctx.Err() == nil {
			l.opts.Log.Error("automatic answers not written; trying again", "err", err)
			pause = retryAppend
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		case <-l.alert.wake:
		}
	}
}

func (l *Live) answerEach(ctx context.Context, due []gateway.ConversationID) error {
	var g errgroup.Group
	g.SetLimit(parallelFacts)
	for _, id := range due {
		g.Go(func() error { return l.answer(ctx, id) })
	}
	return g.Wait()
}

// answer tells one person once. Who has opted out meanwhile, or is gone, is found out when it is tried again.
func (l *Live) answer(ctx context.Context, id gateway.ConversationID) error {
	to, number, ok := l.mayAnswer(id)
	if !ok {
		return nil
	}
	link := l.talkLink(ctx, to)
	res, err := l.change(ctx, id, to.Key, func(c *conversation.Conversation, t *conversation.Thread) (gateway.Event, error) {
		if l.alert.state.Number() != number || !l.alert.answers.Waits(id) {
			return nil, nil
		}
		return c.Submit(t, gateway.MessageSubmitted{Message: messageID("m", "", to.Key), ClientID: emergency.ClientID(number),
			Text: l.alert.state.Answer(link, t.Contact.Language), Automatic: true})
	})
	var refused *gateway.Error
	if err != nil && (!errors.As(err, &refused) || refused.Kind == gateway.Unavailable || refused.Kind == gateway.Conflicting) {
		return err
	}
	if err == nil && res.Position > 0 {
		l.alert.answered.Add(1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alert.answers.Done(id)
	return nil
}

// mayAnswer says to whom an answer goes. Outside of a network's reply window only a person may write.
func (l *Live) mayAnswer(id gateway.ConversationID) (TalkTo, uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := l.alert.state.Number()
	c, ok := l.fold.Get(id)
	if !ok || !c.Open() || number == 0 {
		l.alert.answers.Done(id)
		return TalkTo{}, 0, false
	}
	t, _ := l.fold.Thread(c.Thread)
	window := l.opts.Windows[c.Head.Channel]
	if t.OptedOut || t.NotOurs || window != nil && window(t.LastInbound, time.Now()).State != "open" {
		l.alert.answers.Done(id)
		return TalkTo{}, 0, false
	}
	return TalkTo{Key: emergency.Key(number, c.Thread), Identity: t.Identity, Contact: t.Contact, Queue: c.Head.Queue}, number, true
}

func (l *Live) talkLink(ctx context.Context, to TalkTo) string {
	if l.opts.Emergency.TalkLink == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, talkLinkTime)
	defer cancel()
	link, err := l.opts.Emergency.TalkLink(ctx, to)
	if err != nil {
		l.opts.Log.Warn("no link for an automatic answer", "channel", to.Identity.Channel, "err", err)
		return ""
	}
	return link
}
