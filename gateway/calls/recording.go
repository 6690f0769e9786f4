package calls

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// Recording of calls. The journal says what is wanted and what the customer has agreed to; from "notice" on it is
// for the desk to do:
//
//	notice ─(both have heard the clip, to the end)→ on ─(taps on who is heard)→ …
//
// While the clip is played nobody hears anybody, so that no word is said between it and the recording. On hold and in
// a consultation nothing is recorded, and of supervisors only what the customer hears: a recording is what the
// customer heard and said.

// Recorder writes recordings; *recording.Store is one.
type Recorder interface {
	Record(id gateway.RecordingID) media.Tap // nil: it is over
	Finish(id gateway.RecordingID, why gateway.RecordingEnd)
}

// Recording is how calls are recorded. The zero value: not at all.
type Recording struct {
	Recorder Recorder
	// Rule is live.RecordAgent, live.RecordAlways or "" for the calls of a queue.
	Rule func(gateway.QueueID) string
	// Ask: the customer must agree by a click.
	Ask bool
	// Clip is the notice in a language (BCP 47, or ""), and how long it lasts.
	Clip func(language string) (name string, lasts time.Duration)
}

// noticeRest is what a clip may take longer on its way to the people.
const noticeRest = 200 * time.Millisecond

// notice is a clip that is being played. The zero value: none is.
type notice struct {
	clip  string
	until time.Time
	id    gateway.RecordingID // of the recording that it announces
}

// taped is what a recorder was last told about a call.
type taped struct {
	id    gateway.RecordingID
	sides []media.Side
}

// tapChange is what is to be told.
type tapChange struct {
	call *call
	was  taped
	now  taped
	why  gateway.RecordingEnd // of the one before, when the id changes
}

// announce brings the notice to what is due, and returns the table that holds meanwhile. Guarded by Desk.mu.
func (c *call) announce(t media.Table, now time.Time, r Recording) media.Table {
	rec := c.is.Recording
	if r.Recorder == nil || rec == nil || rec.State != wire.RecordingNotice || !c.together() {
		c.notice = notice{}
		return t
	}
	if c.notice.id == "" {
		clip, lasts := r.Clip(c.language)
		c.notice = notice{clip: clip, until: now.Add(lasts), id: gateway.RecordingID(strings.ToLower(rand.Text()))}
		if lasts > 0 {
			c.notice.until = c.notice.until.Add(noticeRest)
		}
	}
	only := media.Table{media.Customer: {media.Clip(c.notice.clip)}}
	for _, p := range peopleOf(&c.is) {
		only[p.side] = []media.Source{media.Clip(c.notice.clip)}
	}
	return only
}

// together reports whether customer and holder are there and would hear each other.
func (c *call) together() bool {
	talks := c.is.State == wire.CallAnswered || c.is.State == wire.CallConnected
	return talks && c.is.HeldSince == nil && c.is.Consult() == nil && c.customer.up() && c.holderLeg().up()
}

// recordingFacts are what is to be written about the recording of a call.
func (c *call) recordingFacts(now time.Time, r Recording) []fact {
	if r.Recorder == nil || !c.known || c.conversation == "" || c.is.State == wire.CallRinging {
		return nil
	}
	rec, rule := c.is.Recording, r.Rule(c.queue)
	switch {
	case rec == nil && rule == live.RecordAlways:
		return []fact{{call: c, record: ruleWants}}
	case rec != nil && rule == "" && rec.State != wire.RecordingStopped && rec.State != wire.RecordingFailed:
		return []fact{{call: c, record: ruleStops}}
	case c.notice.id != "" && !now.Before(c.notice.until):
		return []fact{{call: c, key: "call/" + string(c.id) + "/recording/" + string(c.notice.id), event: gateway.CallRecordingStarted{
			Call: c.id, Recording: c.notice.id, Conversation: c.conversation, Queue: c.queue, By: rec.By, Notice: c.notice.clip,
			AgreedAt: rec.AgreedAt, AgreedIn: rec.AgreedIn}}}
	}
	return nil
}

// What the rule of a queue says about a call.
const (
	ruleWants = "wants"
	ruleStops = "stops"
)

func (d *Desk) writeRule(ctx context.Context, f fact) error {
	if f.record == ruleStops {
		_, err := d.book.StopRecording(ctx, "", f.call.conversation, f.call.id)
		return err
	}
	// Into the thread's stream: in the conversation's it would be in the way of who is to be rung just now.
	key := "call/" + string(f.call.id) + "/recording/wanted/" + strconv.FormatInt(time.Now().UnixNano(), 36)
	return d.book.CallFact(ctx, f.call.who, key, gateway.CallRecordingWanted{Call: f.call.id, Ask: d.opts.Recording.Ask})
}

// retape says what the recorder and media are to be told, when the table is t.
func (c *call) retape(t media.Table) (tapChange, bool) {
	var now taped
	why := gateway.RecordingStopped
	if rec := c.is.Recording; rec != nil && rec.State == wire.RecordingOn && !c.over {
		now.id, now.sides = rec.ID, recordedSides(t)
	} else if rec != nil && rec.State == wire.RecordingOn {
		why = gateway.RecordingDone
	}
	if now.id == c.taped.id && slices.Equal(now.sides, c.taped.sides) {
		return tapChange{}, false
	}
	ch := tapChange{call: c, was: c.taped, now: now, why: why}
	c.taped = now
	return ch, true
}

// recordedSides are the customer and whom they hear.
func recordedSides(t media.Table) []media.Side {
	sides := []media.Side{}
	for _, s := range t[media.Customer] {
		if strings.HasPrefix(string(s), "agent/") {
			sides = append(sides, media.Side(s))
		}
	}
	if len(sides) == 0 {
		return nil
	}
	return append([]media.Side{media.Customer}, sides...)
}

// tape tells the recorder and media of a change.
func (d *Desk) tape(ch tapChange) {
	r, id := d.opts.Recording.Recorder, string(ch.call.id)
	var tap media.Tap
	if ch.now.id != "" {
		tap = r.Record(ch.now.id)
	}
	if tap == nil || len(ch.now.sides) == 0 {
		d.opts.Media.Tap(id, nil)
	} else {
		d.opts.Media.Tap(id, tap, ch.now.sides...)
	}
	if ch.was.id != "" && ch.was.id != ch.now.id {
		r.Finish(ch.was.id, ch.why)
	}
}

// CustomerConsent is the customer's answer to whether their call may be recorded; they may change it.
func (d *Desk) CustomerConsent(ctx context.Context, who gateway.Identity, id gateway.CallID, agreed bool, language string) error {
	d.mu.Lock()
	c := d.calls[id]
	mine := c != nil && c.who == who && c.known
	d.mu.Unlock()
	if !mine {
		return nil // it is over
	}
	key := "call/" + string(id) + "/consent/" + strconv.FormatInt(time.Now().UnixNano(), 36)
	return d.book.CallFact(ctx, who, key, gateway.CallRecordingAnswered{Call: id, Agreed: agreed, Language: language})
}
