package meet

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"

	"backline/gateway"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/recording"
	"backline/gateway/wire"
)

// Recording of meetings. The journal says what is wanted; from "notice" on it is for the desk to do:
//
//	notice ─(two are in, the first has heard the clip to its end)→ on ─(taps on who may be recorded)→ …
//
// Each participant is for themselves: whoever is in and has not heard the notice of this recording hears it, and
// nobody else meanwhile, whenever they come; a track of their own begins when that is on disk. Where guests must
// agree, what they say is not taken before they have, nor from then on when they take it back; the others are recorded
// all the same, so all have heard that the meeting is. Agents are told and not asked, as in calls: that is between them
// and their employer.

// Recorder writes recordings; *recording.Store is one.
type Recorder interface {
	Record(id gateway.RecordingID) media.Tap // nil: it is over
	Finish(id gateway.RecordingID, why gateway.RecordingEnd)
}

// Recording is how meetings are recorded. The zero value: not at all.
type Recording struct {
	Recorder Recorder
	// Rule is live.RecordAgent, live.RecordAlways or "" for the meetings of a queue's conversations.
	Rule func(gateway.QueueID) string
	// Ask: of guests only what those say who agree by a click.
	Ask bool
	// Clip names the notice in a language (BCP 47, or "").
	Clip func(language string) string
}

// taped is what the recorder and media were last told of a room.
type taped struct {
	id  gateway.RecordingID
	who map[string]media.Side // by participant
}

// taping is what they are to be told.
type taping struct {
	room string
	was  gateway.RecordingID
	now  taped
	why  gateway.RecordingEnd // of the one before, when the id changes
}

// playing is a clip that media are to play to a participant; "" no more.
type playing struct{ room, peer, clip string }

// rule is what holds for the meetings of a room's queue.
func (d *Desk) rule(r *room) string {
	if d.opts.Recording.Recorder == nil || r.conversation == "" {
		return ""
	}
	return d.opts.Recording.Rule(r.queue)
}

// heardOf takes over what the journal says of a meeting's recording. What was heard of one before is forgotten.
func (r *room) heardOf(rec *wire.MeetingRecording) {
	begins := rec != nil && rec.State == wire.RecordingNotice && (r.rec == nil || r.rec.State != wire.RecordingNotice)
	if begins || !rec.Wanted() {
		for _, p := range r.people {
			p.played = ""
		}
		r.facts = slices.DeleteFunc(r.facts, func(f fact) bool { _, is := f.event.(gateway.MeetingRecordingStarted); return is })
		r.next = ""
	}
	if (rec == nil) != (r.rec == nil) {
		r.ruled = ""
	}
	r.rec = rec
}

// recordLocked does what is due for the recording of a room.
func (d *Desk) recordLocked(r *room) {
	if d.opts.Recording.Recorder == nil || r.meeting == "" {
		return
	}
	d.applyRuleLocked(r)
	d.announceLocked(r)
	r.writeRecording()
	d.tapeLocked(r)
}

// applyRuleLocked holds a room to its queue's rule.
func (d *Desk) applyRuleLocked(r *room) {
	rule := d.rule(r)
	wants := r.rec == nil && rule == live.RecordAlways && r.count(inside) > 0
	stops := r.rec.Wanted() && rule == "" && r.conversation != ""
	if !wants && !stops {
		return
	}
	if r.ruled == "" {
		r.ruled = newID()
	}
	f := fact{key(r.meeting, "recording/rule/"+r.ruled), gateway.MeetingRecordingWanted{Meeting: r.meeting, Ask: d.opts.Recording.Ask}}
	if stops {
		f.event = gateway.MeetingRecordingStopped{Meeting: r.meeting}
	}
	r.due(f)
}

// announceLocked has the notice played to all who have not heard it.
func (d *Desk) announceLocked(r *room) {
	due := r.rec.Wanted() && (r.rec.State == wire.RecordingOn || r.count(inside) > 1)
	for _, p := range r.people {
		clip := ""
		if due && p.at == inside && p.played == "" && !r.told(p) {
			clip = d.opts.Recording.Clip(p.language)
		}
		if clip != p.clip {
			p.clip = clip
			d.plays = append(d.plays, playing{string(r.meeting), p.id, clip})
		}
	}
}

// told reports whether the journal has it that somebody has heard the notice of the recording that is on.
func (r *room) told(p *person) bool {
	return r.rec != nil && r.rec.ID != "" && r.journal[p.id].Told == r.rec.ID
}

// writeRecording notes what is to be written down about who has heard the notice.
func (r *room) writeRecording() {
	if !r.rec.Wanted() {
		return
	}
	for _, p := range r.people {
		is, known := r.journal[p.id]
		if p.at != inside || p.played == "" || !known || r.told(p) {
			continue
		}
		if r.rec.State == wire.RecordingNotice {
			if r.next == "" {
				r.next = gateway.RecordingID(strings.ToLower(rand.Text()))
			}
			r.due(fact{key(r.meeting, "recording/"+string(r.next)), gateway.MeetingRecordingStarted{Meeting: r.meeting, Recording: r.next,
				Conversation: r.conversation, Queue: r.queue, By: r.rec.By, Ask: r.rec.Ask}})
			return
		}
		r.due(fact{key(r.meeting, "recording/"+string(r.rec.ID)+"/told/"+p.id), gateway.MeetingRecordingTold{Meeting: r.meeting,
			Recording: r.rec.ID, Participant: p.id, Name: p.name, Agent: p.agent, Notice: p.played, AgreedAt: is.AgreedAt, AgreedIn: is.AgreedIn}})
	}
}

// tapeLocked notes what recorder and media are to be told. A recording is begun where somebody is recorded, and goes
// on when for a moment nobody is.
func (d *Desk) tapeLocked(r *room) {
	now := taped{}
	if who := r.recorded(); r.rec != nil && r.rec.State == wire.RecordingOn && (len(who) > 0 || r.taped.id == r.rec.ID) {
		now = taped{r.rec.ID, who}
	}
	if now.id != r.taped.id || !maps.Equal(now.who, r.taped.who) {
		d.tapings = append(d.tapings, taping{string(r.meeting), r.taped.id, now, gateway.RecordingStopped})
		r.taped = now
	}
}

// recorded are those whose words are taken. An agent has one track: of two pages, that of the one who sends sound.
func (r *room) recorded() map[string]media.Side {
	who, owner := map[string]media.Side{}, map[media.Side]*person{}
	for _, p := range r.people {
		is := r.journal[p.id]
		if p.at != inside || !is.RecordedIn(r.rec) {
			continue
		}
		side := recording.GuestSide(p.id)
		if p.host() {
			side = recording.AgentSide(p.agent)
		}
		if other := owner[side]; other != nil {
			if other.audio || !p.audio {
				continue
			}
			delete(who, other.id)
		}
		who[p.id], owner[side] = side, p
	}
	return who
}

// tape tells recorder and media of a change.
func (d *Desk) tape(t taping) {
	var tap media.Tap
	if t.now.id != "" {
		tap = d.opts.Recording.Recorder.Record(t.now.id)
	}
	d.opts.Media.Tap(t.room, tap, t.now.who)
	if t.was != "" && t.was != t.now.id {
		d.opts.Recording.Recorder.Finish(t.was, t.why)
	}
}

// OnPlayed is sfu.Options.OnPlayed.
func (d *Desk) OnPlayed(room, peer, clip string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.meetings[gateway.MeetingID(room)]
	if r == nil {
		return
	}
	if p := r.person(peer); p != nil && p.clip == clip {
		p.clip, p.played = "", clip
		d.poke()
	}
}

// record writes that an agent wants the meeting recorded, or no longer.
func (d *Desk) record(ctx context.Context, r *room, by *person, stop bool) error {
	d.mu.Lock()
	rule, meeting := d.rule(r), r.meeting
	d.mu.Unlock()
	f := fact{key(meeting, "recording/wanted/"+newID()), gateway.MeetingRecordingWanted{Meeting: meeting, By: by.agent, Ask: d.opts.Recording.Ask}}
	switch {
	case stop:
		f.event = gateway.MeetingRecordingStopped{Meeting: meeting, By: by.agent}
	case rule == "":
		return gateway.Errorf(gateway.Forbidden, "meetings of this queue are not recorded (queues.recording)")
	}
	return d.write(ctx, r, f)
}

// consent writes a guest's answer.
func (d *Desk) consent(ctx context.Context, s *socket, m wire.MeetConsent) error {
	d.mu.Lock()
	r, me := s.room, s.person
	if r == nil || me == nil || me.at != inside || me.host() {
		d.mu.Unlock()
		return gateway.Errorf(gateway.Forbidden, "only a guest who is in can answer this")
	}
	meeting, asked := r.meeting, r.rec != nil && r.rec.Ask
	d.mu.Unlock()
	if !asked {
		return nil // it is over
	}
	return d.write(ctx, r, fact{key(meeting, "recording/answer/"+me.id+"/"+m.ID),
		gateway.MeetingRecordingAnswered{Meeting: meeting, Participant: me.id, Name: me.name, Agreed: m.Agreed, Language: m.Language}})
}

// recordingOf is the recording as a page sees it.
func (r *room) recordingOf(p *person) *wire.MeetRecording {
	if r.rec == nil {
		return nil
	}
	v := &wire.MeetRecording{State: r.rec.State, Ask: r.rec.Ask && !p.host()}
	if v.Ask {
		v.Answer = r.journal[p.id].Answer
	}
	return v
}
