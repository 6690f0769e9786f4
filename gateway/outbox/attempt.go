package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backline/channels"
	"backline/gateway"
)

// Codes of AttemptEnded beside those of channels.Code.
const (
	notSent    channels.Code = "not_sent"    // a look-up showed that the provider does not have it
	expired    channels.Code = "expired"     // older than MaxAge
	notOurs    channels.Code = "not_ours"    // another app owns the thread
	channelOff channels.Code = "channel_off" // the channel is not configured any more
	noAnswer   channels.Code = "no_answer"   // the process or the line died in the call
	partly     channels.Code = "partly_sent" // some parts went out

	providerDown = channels.ProviderDown
	channelDown  = channels.ChannelDown
)

// job is one step of one message, copied from under mu.
type job struct {
	m        *message
	channel  channels.Channel
	id       gateway.MessageID
	attempt  int
	provider string
	open     bool
	proof    bool
	started  time.Time
	expired  bool
}

// step brings the head of a thread one attempt further.
func (o *Outbox) step(ctx context.Context, t *thread) {
	if ctx.Err() != nil {
		return
	}
	j := o.job(t)
	lastInbound, optedOut, ours := o.lookup.Thread(t.id)
	switch {
	case j.channel == nil && j.open:
		o.finish(ctx, j, gateway.AttemptEnded{State: gateway.DeliveryUncertain, Code: string(channelOff), Detail: "the channel is switched off"})
	case j.channel == nil:
		o.refuse(ctx, j, channelOff, "the channel is switched off")
	case j.open:
		o.findOut(ctx, j, lastInbound)
	case j.expired:
		o.refuse(ctx, j, expired, "could not be sent in time")
	case optedOut:
		o.refuse(ctx, j, channels.OptedOut, "the person has opted out")
	case !ours:
		o.refuse(ctx, j, notOurs, "another app owns the thread")
	default:
		o.attempt(ctx, t, j, lastInbound)
	}
}

func (o *Outbox) job(t *thread) job {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := t.queue[0]
	end, ends := o.expiry(m)
	return job{m: m, channel: o.channels[m.sub.Identity.Channel], id: m.sub.Message, attempt: m.attempt,
		provider: m.provider, open: m.open, proof: m.proof, started: m.startedAt,
		expired: ends && !time.Now().Before(end)}
}

// attempt writes down that it will call a provider, calls it, and writes down what came of it.
func (o *Outbox) attempt(ctx context.Context, t *thread, j job, lastInbound time.Time) {
	now := time.Now()
	o.mu.Lock()
	provider, wait := o.pick(j.m, now)
	nobody := o.exhausted(j.m)
	if wait != nil {
		j.m.retryAt, t.gate = wait.until, wait
	}
	o.mu.Unlock()
	switch {
	case wait != nil:
		return
	case nobody: // the one provider that was left is not configured any more
		o.refuse(ctx, j, channels.Unroutable, "no provider is left")
		return
	}
	j.attempt, j.provider, j.started = j.attempt+1, provider, now
	_, dup, err := o.write(ctx, j.m.stream, key(j, "start"),
		gateway.AttemptStarted{Message: j.id, Attempt: j.attempt, Provider: provider})
	if err != nil {
		o.postpone(j, err)
		return
	}
	o.mu.Lock()
	j.m.begin(j.attempt, provider, now)
	o.stats.Attempts++
	o.mu.Unlock()
	if dup {
		return // somebody else began this attempt: find out what became of it
	}
	out := o.outbound(j, lastInbound)
	r, err := o.call(ctx, j.channel, out)
	end, known := o.judge(j, r, err)
	if !known {
		o.mu.Lock()
		if _, ok := j.channel.(channels.Resolver); ok {
			j.m.retryAt = time.Now().Add(lookupAfter)
		}
		o.mu.Unlock()
		return
	}
	o.finish(ctx, j, end)
	o.ring(ctx, j, end)
	if end.Code == string(channels.OptedOut) {
		o.optOut(ctx, j, end)
	}
}

// optOut writes down that a provider knows of an opt-out we did not: from now on no other one is tried. A lost
// record comes again with the next refusal.
func (o *Outbox) optOut(ctx context.Context, j job, end gateway.AttemptEnded) {
	_, _, err := o.write(ctx, gateway.ThreadStream(j.m.sub.Thread), key(j, "consent"), gateway.ConsentChanged{OptedOut: true, Word: end.Detail})
	if err != nil {
		o.log.Warn("opt-out not written", "attempt", j.attempt, "err", err)
	}
}

// call is channel.Send with a time limit; a panic counts as no answer.
func (o *Outbox) call(ctx context.Context, ch channels.Channel, out channels.Outbound) (r channels.Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.sendTimeout)
	defer cancel()
	o.count(func(s *Stats) { s.Calls++ })
	defer o.count(func(s *Stats) { s.Calls-- })
	defer func() {
		if p := recover(); p != nil {
			err = &channels.SendError{Code: channels.Uncertain, Err: fmt.Errorf("channel %s panicked: %v", ch.Name(), p)}
		}
	}()
	return ch.Send(ctx, out)
}

func (o *Outbox) outbound(j job, lastInbound time.Time) channels.Outbound {
	sub := j.m.sub
	out := channels.Outbound{Key: j.id, Attempt: j.attempt, Provider: j.provider, To: sub.Identity,
		Text: sub.Text, LastInbound: lastInbound, Human: sub.Agent != "" && !sub.Automatic} // a script is no human
	for _, a := range sub.Attachments {
		out.Attachments = append(out.Attachments, o.fileURL(a))
	}
	return out
}

// judge turns a channel's answer into the end of the attempt. Known is false when the outcome is open.
func (o *Outbox) judge(j job, r channels.Receipt, err error) (end gateway.AttemptEnded, known bool) {
	now := time.Now()
	if err == nil {
		o.mu.Lock()
		o.works(j.m, j.provider)
		o.mu.Unlock()
		if r.State == "" {
			r.State = gateway.DeliverySent
		}
		return gateway.AttemptEnded{State: r.State, ProviderIDs: r.ProviderIDs}, true
	}
	se, ok := errors.AsType[*channels.SendError](err)
	if !ok {
		se = &channels.SendError{Code: channels.Uncertain, Err: err}
	}
	o.log.Info("message not sent", "channel", j.m.sub.Identity.Channel, "attempt", j.attempt, "code", se.Code, "reason", se.Reason)
	o.mu.Lock()
	defer o.mu.Unlock()
	end = gateway.AttemptEnded{Code: string(se.Code), Detail: se.Reason, ProviderIDs: se.Sent}
	if len(se.Sent) > 0 && se.Code != channels.SentAnyway {
		o.effect(j, se, now)
		end.State, end.Code = gateway.DeliveryUncertain, string(partly)
		end.Detail = fmt.Sprintf("only %d part(s) went out: %s", len(se.Sent), se.Code)
		return end, true
	}
	end.State, end.RetryAt = o.effect(j, se, now)
	return end, end.State != gateway.DeliveryUncertain
}

// effect says what an error means for this message and does what it means for the others.
func (o *Outbox) effect(j job, se *channels.SendError, now time.Time) (gateway.Delivery, time.Time) {
	m, g := j.m, o.gate(j.m, j.provider)
	switch se.Code {
	case channels.SentAnyway:
		o.works(m, j.provider)
		return gateway.DeliverySent, time.Time{}
	case channels.Temporary:
		o.stumbles(g, m.sub.Thread, now)
		return gateway.DeliveryPending, now.Add(max(se.RetryAfter, o.jitter(m.fails)))
	case channels.Throttled:
		g.hold(now.Add(max(se.RetryAfter, o.jitter(m.fails))))
		return gateway.DeliveryPending, o.another(m, j.provider, g, now)
	case channels.ProviderDown:
		o.shut(g, now)
		return gateway.DeliveryPending, o.another(m, j.provider, g, now)
	case channels.Unroutable:
		o.works(m, j.provider)
		m.exclude(j.provider)
		if o.exhausted(m) {
			return gateway.DeliveryFailed, time.Time{}
		}
		o.stats.FailedOver++
		return gateway.DeliveryPending, now
	case channels.ChannelDown:
		return gateway.DeliveryPending, o.shut(o.gate(m, wholeAccount), now)
	case channels.Rejected, channels.OptedOut, channels.Unreachable, channels.WindowClosed:
		o.works(m, j.provider) // it answered about the person: the way itself is fine
		return gateway.DeliveryFailed, time.Time{}
	default: // Uncertain, and what this version does not know
		o.stumbles(g, m.sub.Thread, now)
		return gateway.DeliveryUncertain, time.Time{}
	}
}

// another returns when m may go on: now by another provider, or when this one's gate opens.
func (o *Outbox) another(m *message, provider string, g *gate, now time.Time) time.Time {
	if o.otherFree(m, provider, now) {
		o.stats.FailedOver++
		return now
	}
	return g.until
}

// findOut ends an attempt whose outcome is open: by proof from the network, by a look-up, or as uncertain.
func (o *Outbox) findOut(ctx context.Context, j job, lastInbound time.Time) {
	unknown := gateway.AttemptEnded{State: gateway.DeliveryUncertain, Code: string(noAnswer), Detail: "nobody knows whether it was sent"}
	resolver, ok := j.channel.(channels.Resolver)
	switch {
	case j.proof:
		o.finish(ctx, j, gateway.AttemptEnded{State: gateway.DeliverySent})
		return
	case !ok:
		o.finish(ctx, j, unknown)
		return
	}
	o.count(func(s *Stats) { s.Lookups++ })
	r, sent, err := o.resolve(ctx, resolver, o.outbound(j, lastInbound), j.started)
	switch {
	case err == nil && sent:
		if r.State == "" {
			r.State = gateway.DeliverySent
		}
		o.finish(ctx, j, gateway.AttemptEnded{State: r.State, ProviderIDs: r.ProviderIDs})
	case err == nil:
		o.mu.Lock()
		at := time.Now().Add(o.jitter(j.m.fails))
		o.mu.Unlock()
		o.finish(ctx, j, gateway.AttemptEnded{State: gateway.DeliveryPending, Code: string(notSent), RetryAt: at})
	case o.lookAgain(j):
	default:
		o.finish(ctx, j, unknown)
	}
}

func (o *Outbox) resolve(ctx context.Context, res channels.Resolver, out channels.Outbound, started time.Time) (r channels.Receipt, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.sendTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("look-up panicked: %v", p)
		}
	}()
	return res.Resolve(ctx, out, started)
}

// lookAgain plans another look-up; false after the last.
func (o *Outbox) lookAgain(j job) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	j.m.lookups++
	j.m.retryAt = time.Now().Add(lookupAfter + o.jitter(j.m.lookups))
	return j.m.lookups < maxLookups
}

// refuse ends a message without calling anybody.
func (o *Outbox) refuse(ctx context.Context, j job, code channels.Code, detail string) {
	j.attempt, j.provider = j.attempt+1, "" // the key of the last attempt's end is taken
	o.finish(ctx, j, gateway.AttemptEnded{State: gateway.DeliveryFailed, Code: string(code), Detail: detail})
}

// finish writes the end of an attempt and acts on it. When the journal does not take it, the attempt stays
// open: the next process will find out.
func (o *Outbox) finish(ctx context.Context, j job, end gateway.AttemptEnded) {
	end.Message, end.Attempt, end.Provider = j.id, j.attempt, j.provider
	if !end.RetryAt.IsZero() {
		end.RetryAt = end.RetryAt.UTC()
	}
	if _, _, err := o.write(ctx, j.m.stream, key(j, "end"), end); err != nil {
		o.postpone(j, err)
		return
	}
	o.mu.Lock()
	o.conclude(j.m, end, time.Now())
	o.mu.Unlock()
}

// postpone puts a message aside that the journal did not take, which happens when the process stops.
func (o *Outbox) postpone(j job, err error) {
	o.log.Warn("outbox stopped at a message", "attempt", j.attempt, "err", err)
	o.mu.Lock()
	j.m.retryAt = time.Now().Add(maxDelay)
	o.mu.Unlock()
}

// ring raises the alarm that the end of an attempt calls for, or clears those that it disproves. A lost alarm
// comes again with the next failure.
func (o *Outbox) ring(ctx context.Context, j job, end gateway.AttemptEnded) {
	id := j.m.sub.Identity
	var changes []alarmChange
	o.mu.Lock()
	switch {
	case end.Code == string(providerDown) || end.Code == string(channelDown):
		k := alarmKey{id.Channel, id.Account, o.alarmCode(j.m, end.Code, j.provider)}
		if !o.alarms[k].active {
			changes = append(changes, alarmChange{alarmEvent(k, end.Detail, false), o.alarms[k].pos})
		}
	case end.State == gateway.DeliverySent || end.State == gateway.DeliveryDelivered:
		for _, k := range o.alarmsOf(j.m, j.provider) {
			changes = append(changes, alarmChange{alarmEvent(k, "works again", true), o.alarms[k].pos})
		}
	}
	o.mu.Unlock()
	for _, c := range changes {
		o.change(ctx, c.event, c.after)
	}
}

// alarmChange is a change of an alarm and the position of the change that it was decided on.
type alarmChange struct {
	event gateway.ChannelAlarm
	after uint64
}

// change appends an alarm's change. Its key names the change before it, as the worker saw it when it decided:
// many workers that see the same trouble write it once, and an alarm that comes again is a new one.
func (o *Outbox) change(ctx context.Context, a gateway.ChannelAlarm, after uint64) {
	k := alarmKey{a.Channel, a.Account, a.Code}
	name := fmt.Sprintf("alarm/%s/%s/%s/%d", a.Channel, a.Account, a.Code, after)
	pos, _, err := o.write(ctx, gateway.ChannelStream(a.Channel), name, a)
	if err != nil {
		o.log.Warn("alarm not written", "channel", a.Channel, "err", err)
		return
	}
	o.mu.Lock()
	if o.alarms[k].pos < pos {
		o.alarms[k] = alarm{active: !a.Cleared, pos: pos}
	}
	o.mu.Unlock()
}

func key(j job, what string) string {
	return fmt.Sprintf("attempt/%s/%d/%s", j.id, j.attempt, what)
}
