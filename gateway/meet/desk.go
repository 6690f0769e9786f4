package meet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/live"
	"backline/gateway/meet/sfu"
	"backline/gateway/wire"
)

// Invite opens a conversation's meeting for an agent, unless one is open, and returns the link that leads there.
func (d *Desk) Invite(ctx context.Context, agent gateway.AgentID, id gateway.ConversationID) (string, error) {
	url, err := d.opts.Link(ctx, id, agent)
	if err != nil {
		return "", err
	}
	_, err = d.book.OpenMeeting(ctx, agent, id, gateway.MeetingID(newID()))
	return url, err
}

// MeetingChanged implements live.Meetings.
func (d *Desk) MeetingChanged(ch live.MeetingChange) {
	defer d.poke()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.adoptLocked(ch)
}

// roomLocked finds or makes the room of a thread.
func (d *Desk) roomLocked(who gateway.Identity) *room {
	r := d.rooms[who.Thread()]
	if r == nil {
		r = newRoom(who, time.Now())
		d.rooms[who.Thread()] = r
	}
	return r
}

// adoptLocked brings a room to what the journal says.
func (d *Desk) adoptLocked(ch live.MeetingChange) {
	r := d.roomLocked(ch.Who)
	if r.meeting != "" && (ch.Meeting == nil || ch.Meeting.ID != r.meeting) {
		d.endLocked(r)
	}
	if ch.Conversation != "" {
		r.conversation, r.queue, r.holder = ch.Conversation, ch.Queue, ch.Holder
	}
	if ch.Meeting == nil {
		return
	}
	r.heardOf(ch.Meeting.Recording)
	if r.meeting == "" {
		r.found = time.Now()
		r.quiet = r.found
	}
	r.meeting, r.by, r.since = ch.Meeting.ID, ch.Meeting.By, ch.Meeting.Since
	d.meetings[r.meeting] = r
	clear(r.journal)
	for _, p := range ch.Meeting.People {
		r.journal[p.ID] = p
	}
	if d.opts.Recording.Recorder != nil {
		d.tellLocked(r) // who is recorded may have changed
	}
}

// endLocked tells everybody that the meeting is over. Its media end with the next step.
func (d *Desk) endLocked(r *room) {
	for _, p := range r.people {
		if p.socket != nil {
			p.socket.person = nil
			p.socket.push(wire.MeetPlace{At: "over", Why: "ended"})
		}
	}
	if r.taped.id != "" {
		d.tapings = append(d.tapings, taping{room: string(r.meeting), was: r.taped.id, why: gateway.RecordingMet})
	}
	r.rec, r.next, r.ruled, r.taped = nil, "", "", taped{}
	delete(d.meetings, r.meeting)
	d.ended = append(d.ended, string(r.meeting))
	r.meeting, r.people, r.chat, r.facts, r.locked, r.quiet = "", nil, nil, nil, false, time.Now()
	clear(r.journal)
}

// write stores facts of a room, one after the other.
func (d *Desk) write(ctx context.Context, r *room, facts ...fact) error {
	select {
	case r.writing <- struct{}{}:
		defer func() { <-r.writing }()
	case <-ctx.Done():
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "the meeting is busy; try again", Err: ctx.Err()}
	}
	for _, f := range facts {
		if err := d.book.CallFact(ctx, r.who, f.key, f.event); err != nil {
			return err
		}
	}
	return nil
}

func key(m gateway.MeetingID, what string) string { return "meeting/" + string(m) + "/" + what }

func personKey(m gateway.MeetingID, what, id string, joins int) string {
	return key(m, fmt.Sprintf("%s/%s/%d", what, id, joins))
}

// open opens a meeting for who comes in first.
func (d *Desk) open(ctx context.Context, s *socket, r *room, name string) error {
	m := gateway.MeetingID(newID())
	facts := []fact{{key(m, "opened"), gateway.MeetingOpened{Meeting: m, Identity: r.who, Agent: s.agent, Name: name}}}
	if s.agent != "" {
		facts[0].event = gateway.MeetingOpened{Meeting: m, Identity: r.who, Agent: s.agent}
	} else if s.place.Guest {
		about := s.place.About
		if about.Name == "" {
			about.Name = name
		}
		facts = slices.Insert(facts, 0, fact{key(m, "about"), about})
	}
	if err := d.write(ctx, r, facts...); err != nil {
		return err
	}
	// While the conversation is yet to be opened nobody tells.
	if ch, ok := d.book.MeetingOf(r.who); ok {
		d.mu.Lock()
		d.adoptLocked(ch)
		d.mu.Unlock()
	}
	return nil
}

// enter brings a page to the door, and an agent's through it.
func (d *Desk) enter(ctx context.Context, s *socket, name string) error {
	d.mu.Lock()
	r := d.roomLocked(s.place.Who)
	why := ""
	switch {
	case s.person != nil:
		d.mu.Unlock()
		return nil // said twice
	case s.agent == "":
		why = r.knock()
	case r.full(""):
		why = whyFull
	}
	isOpen := r.meeting != ""
	d.mu.Unlock()
	if why != "" {
		s.push(wire.MeetPlace{At: "green", Why: why})
		return nil
	}
	if !isOpen {
		if err := d.open(ctx, s, r, name); err != nil {
			return err
		}
	}
	p := &person{id: newID(), name: name, agent: s.agent, language: s.language, since: time.Now()}
	if !d.stand(s, r, p) {
		return gateway.Errorf(gateway.Unavailable, "the meeting has just ended; try again")
	}
	if s.agent != "" {
		return d.letIn(ctx, r, p, "")
	}
	return nil
}

// stand puts somebody before the door; false: there is no meeting any more.
func (d *Desk) stand(s *socket, r *room, p *person) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.meeting == "" || s.gone {
		return false
	}
	r.people = append(r.people, p)
	p.socket, s.person, s.room = s, p, r
	if p.agent == "" {
		s.push(wire.MeetPlace{At: "lobby", You: p.id, Seat: d.seatLocked(r, p)})
		d.tellLocked(r)
		d.poke()
	}
	return true
}

func (d *Desk) seatLocked(r *room, p *person) string {
	return d.mint(seat{Thread: r.who.Thread(), Meeting: r.meeting, Person: p.id, Name: p.name, Agent: p.agent, In: p.at == inside})
}

// letIn brings somebody in who stands before the door. They are in when that is on disk.
func (d *Desk) letIn(ctx context.Context, r *room, p *person, by gateway.AgentID) error {
	d.mu.Lock()
	meeting, present, joins := r.meeting, r.present(p.id), r.journal[p.id].Joins
	full, already := r.full(p.id), p.at == inside
	d.mu.Unlock()
	switch {
	case already:
		return nil
	case full:
		return gateway.Errorf(gateway.Conflicting, "the meeting is full: %d are in", wire.MeetPeople)
	}
	if !present {
		joins++
		joined := gateway.MeetingJoined{Meeting: meeting, Participant: p.id, Name: p.name, Agent: p.agent, By: by}
		if err := d.write(ctx, r, fact{personKey(meeting, "joined", p.id, joins), joined}); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.meeting != meeting || r.person(p.id) != p || r.full(p.id) {
		if r.meeting == meeting { // gone while it was written
			r.due(fact{personKey(meeting, "left", p.id, joins), gateway.MeetingLeft{Meeting: meeting, Participant: p.id, Reason: gateway.OutSelf}})
			d.poke()
		}
		return gateway.Errorf(gateway.NotFound, "they are not there any more")
	}
	p.at, p.joins = inside, joins
	if p.socket != nil {
		d.greetLocked(r, p)
	}
	d.tellLocked(r)
	d.poke()
	return nil
}

// greetLocked tells a page that is in all that it needs.
func (d *Desk) greetLocked(r *room, p *person) {
	s, meeting := p.socket, string(r.meeting)
	s.push(wire.MeetPlace{At: "in", You: p.id, Seat: d.seatLocked(r, p), Line: d.opts.Media.Line(meeting, p.id)})
	for _, line := range r.chat {
		s.push(line)
	}
	if rev, lines := d.opts.Media.Lines(meeting, p.id); rev > 0 {
		s.push(slotsFrame(rev, lines))
	}
}

func slotsFrame(rev uint64, lines sfu.Lines) wire.MeetSlots {
	f := wire.MeetSlots{Rev: rev, Slots: make([]wire.MeetSlot, len(lines.Slots)), Camera: lines.Camera, Screen: lines.Screen}
	for i, s := range lines.Slots {
		f.Slots[i] = wire.MeetSlot{MID: s.MID, Peer: s.Peer, Kind: string(s.Kind)}
	}
	return f
}

// tellLocked tells every page that is in who is there.
func (d *Desk) tellLocked(r *room) {
	for _, p := range r.people {
		if p.socket != nil && p.at == inside {
			v := r.view(p)
			v.MayRecord = p.host() && d.rule(r) != ""
			p.socket.push(v)
		}
	}
}

// due notes a fact to be written, once.
func (r *room) due(f fact) {
	if !slices.ContainsFunc(r.facts, func(o fact) bool { return o.key == f.key }) {
		r.facts = append(r.facts, f)
	}
}

// outLocked takes somebody out of a room. Their media are to be closed by the caller, outside of mu.
func (d *Desk) outLocked(r *room, p *person, why gateway.MeetingLeave, by gateway.AgentID, say string) {
	r.drop(p, time.Now())
	if p.at == inside {
		r.due(fact{personKey(r.meeting, "left", p.id, p.joins), gateway.MeetingLeft{Meeting: r.meeting, Participant: p.id, Reason: why, By: by}})
	}
	if p.socket != nil {
		p.socket.person = nil
		p.socket.push(wire.MeetPlace{At: "over", Why: say})
	}
	d.left = append(d.left, gone{string(r.meeting), p.id})
	d.tellLocked(r)
	d.poke()
}

// gone is a participant whose media are to be closed.
type gone struct{ room, peer string }

// rejoin brings a page back to where its seat says it was; false: it is to join anew.
func (d *Desk) rejoin(ctx context.Context, s *socket, st seat) bool {
	d.mu.Lock()
	r := d.rooms[s.place.Who.Thread()]
	if r == nil || st.Thread != s.place.Who.Thread() || st.Meeting != r.meeting || r.meeting == "" || st.Agent != s.agent {
		d.mu.Unlock()
		return false
	}
	if p := r.person(st.Person); p != nil {
		d.takeOverLocked(s, r, p)
		d.mu.Unlock()
		return true
	}
	back := r.returns(st)
	waits := !st.In && r.knock() == ""
	d.mu.Unlock()
	if !back && !waits {
		return false
	}
	p := &person{id: st.Person, name: st.Name, agent: st.Agent, language: s.language, since: time.Now()}
	if !d.stand(s, r, p) {
		return false
	}
	if back && d.letIn(ctx, r, p, "") != nil {
		return true // before the door: the meeting filled up
	}
	return true
}

// takeOverLocked gives somebody's place to their new page.
func (d *Desk) takeOverLocked(s *socket, r *room, p *person) {
	if old := p.socket; old != nil {
		old.person = nil
		old.push(wire.MeetPlace{At: "over", Why: "replaced"})
	}
	p.socket, p.away, p.language = s, time.Time{}, s.language
	s.person, s.room = p, r
	if p.at == inside {
		d.greetLocked(r, p)
	} else {
		s.push(wire.MeetPlace{At: "lobby", You: p.id, Seat: d.seatLocked(r, p)})
	}
	d.tellLocked(r)
}

// do is what a host asks for.
func (d *Desk) do(ctx context.Context, s *socket, m wire.MeetDo) error {
	d.mu.Lock()
	r, me := s.room, s.person
	if r == nil || me == nil {
		d.mu.Unlock()
		return gateway.Errorf(gateway.Forbidden, "come in first")
	}
	to := r.person(m.Peer)
	if err := r.check(me, m.Do, to); err != nil {
		d.mu.Unlock()
		return err
	}
	meeting := r.meeting
	var muted []string
	switch m.Do {
	case "deny":
		d.outLocked(r, to, "", "", "denied")
	case "remove":
		d.outLocked(r, to, gateway.OutRemoved, me.agent, "removed")
	case "lock", "unlock":
		r.locked = m.Do == "lock"
		d.tellLocked(r)
	case "mute":
		muted = d.muteLocked(r, me, to)
	case "mute_all":
		for _, p := range r.people {
			if p != me {
				muted = append(muted, d.muteLocked(r, me, p)...)
			}
		}
	}
	d.mu.Unlock()
	for _, id := range muted {
		d.opts.Media.Mute(string(meeting), id, sfu.Audio, true)
	}
	switch m.Do {
	case "admit":
		return d.letIn(ctx, r, to, me.agent)
	case "record", "record_stop":
		return d.record(ctx, r, me, m.Do == "record_stop")
	case "end":
		return d.write(ctx, r, fact{key(meeting, "closed"), gateway.MeetingClosed{Meeting: meeting, Reason: gateway.CloseEnded, Agent: me.agent}})
	}
	return nil
}

// muteLocked mutes somebody who can be heard.
func (d *Desk) muteLocked(r *room, by, p *person) []string {
	if p.at != inside || !p.audio {
		return nil
	}
	p.audio = false
	if p.socket != nil {
		p.socket.push(wire.MeetMuted{By: by.name})
	}
	d.tellLocked(r)
	return []string{p.id}
}

// say stores a line of chat, then shows it to all who are in.
func (d *Desk) say(ctx context.Context, s *socket, m wire.MeetSay) error {
	d.mu.Lock()
	r, me := s.room, s.person
	if r == nil || me == nil || me.at != inside {
		d.mu.Unlock()
		return gateway.Errorf(gateway.Forbidden, "come in first")
	}
	meeting := r.meeting
	line := wire.MeetChat{ID: me.id + "-" + m.ID, From: me.id, Name: me.name, Text: m.Text, Time: time.Now().UTC(), Agent: me.host()}
	e := gateway.MeetingSaid{Meeting: meeting, Message: gateway.MessageID(line.ID), Participant: me.id, Name: me.name, Agent: me.agent, Text: m.Text}
	d.mu.Unlock()
	if err := d.write(ctx, r, fact{key(meeting, "said/"+line.ID), e}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.meeting == meeting {
		d.chatLocked(r, line)
	}
	return nil
}

// chatLocked shows a line of chat, once.
func (d *Desk) chatLocked(r *room, line wire.MeetChat) {
	if slices.ContainsFunc(r.chat, func(c wire.MeetChat) bool { return c.ID == line.ID }) {
		return
	}
	if r.chat = append(r.chat, line); len(r.chat) > maxChat {
		r.chat = slices.Delete(r.chat, 0, len(r.chat)-maxChat)
	}
	for _, p := range r.people {
		if p.socket != nil && p.at == inside {
			p.socket.push(line)
		}
	}
}

// Say shows a message of the console to the people in a customer's meeting; false: nobody is there. Id makes it once.
func (d *Desk) Say(who gateway.Identity, id gateway.MessageID, text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[who.Thread()]
	if r == nil || r.meeting == "" || !slices.ContainsFunc(r.people, func(p *person) bool { return !p.host() && p.at == inside && p.socket != nil }) {
		return false
	}
	d.chatLocked(r, wire.MeetChat{ID: string(id), Name: d.opts.Company.Name, Text: text, Time: time.Now().UTC(), Agent: true})
	return true
}

// sends notes what a page sends, and lets through no more than that.
func (d *Desk) sends(s *socket, m wire.MeetMedia) {
	d.mu.Lock()
	r, p := s.room, s.person
	if r == nil || p == nil || p.at != inside {
		d.mu.Unlock()
		return
	}
	p.audio, p.video, p.screen = m.Audio, m.Video, m.Screen
	room, id := string(r.meeting), p.id
	d.tellLocked(r)
	d.mu.Unlock()
	d.opts.Media.Mute(room, id, sfu.Audio, !m.Audio)
	d.opts.Media.Mute(room, id, sfu.Camera, !m.Video)
	d.opts.Media.Mute(room, id, sfu.Screen, !m.Screen)
}

// OnLines is sfu.Options.OnLines.
func (d *Desk) OnLines(room, peer string, rev uint64, lines sfu.Lines) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.meetings[gateway.MeetingID(room)]; r != nil {
		if p := r.person(peer); p != nil && p.socket != nil {
			p.socket.push(slotsFrame(rev, lines))
		}
	}
}

// OnUp is sfu.Options.OnUp.
func (d *Desk) OnUp(room, peer string, up bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.meetings[gateway.MeetingID(room)]
	if r == nil {
		return
	}
	if p := r.person(peer); p != nil && p.broken == up {
		p.broken = !up
		d.tellLocked(r)
	}
}
