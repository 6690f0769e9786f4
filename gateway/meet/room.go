package meet

import (
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// at is where somebody is.
type at int

const (
	lobby at = iota
	inside
)

// person is somebody in a room or before its door.
type person struct {
	id     string
	name   string
	agent  gateway.AgentID // "": a guest
	at     at
	since  time.Time
	socket *socket   // nil: the page is gone, and may come back
	away   time.Time // since when; zero while it is there
	broken bool      // the page is there, but its sound and pictures are not
	joins  int       // times they came in, before this one too

	audio, video, screen bool

	language string // of their page
	clip     string // that is being played to them
	played   string // that they have heard to its end, of the recording that is wanted
}

func (p *person) host() bool { return p.agent != "" }

// room is one thread's meeting, and the door before it when none is open. All of it is guarded by Desk.mu.
type room struct {
	who          gateway.Identity
	conversation gateway.ConversationID
	queue        gateway.QueueID
	holder       gateway.AgentID
	writing      chan struct{} // one slot: something is being written; never closed

	meeting gateway.MeetingID // "": none is open
	by      gateway.AgentID   // who opened it; "": a guest who knocked
	since   time.Time
	found   time.Time                     // when this process got to know it
	journal map[string]wire.MeetingPerson // those who were in, as the journal has them
	people  []*person                     // in order of coming
	locked  bool
	quiet   time.Time // nobody is there since
	chat    []wire.MeetChat
	facts   []fact // to be written
	noticed time.Time

	rec   *wire.MeetingRecording // as the journal has it; nil: none
	next  gateway.RecordingID    // of the recording that begins
	ruled string                 // key of what the queue's rule has said
	taped taped
}

// fact is something to write.
type fact struct {
	key   string
	event gateway.Event
}

// maxChat lines are shown to who comes later.
const maxChat = 100

func newRoom(who gateway.Identity, now time.Time) *room {
	return &room{who: who, writing: make(chan struct{}, 1), journal: map[string]wire.MeetingPerson{}, quiet: now, found: now}
}

func (r *room) person(id string) *person {
	if i := slices.IndexFunc(r.people, func(p *person) bool { return p.id == id }); i >= 0 {
		return r.people[i]
	}
	return nil
}

func (r *room) count(where at) int {
	n := 0
	for _, p := range r.people {
		if p.at == where {
			n++
		}
	}
	return n
}

// present reports whether the journal has somebody in.
func (r *room) present(id string) bool {
	p, ok := r.journal[id]
	return ok && p.LeftAt == nil
}

// Why somebody does not get in.
const (
	whyLocked = "locked"
	whyFull   = "full"
)

// knock says whether a guest may wait before the door; "" yes.
func (r *room) knock() (why string) {
	switch {
	case r.locked:
		return whyLocked
	case r.count(lobby) >= wire.MeetLobby:
		return whyFull
	}
	return ""
}

// full reports whether nobody else can come in.
func (r *room) full(id string) bool {
	p := r.person(id)
	return (p == nil || p.at != inside) && r.count(inside) >= wire.MeetPeople
}

// returns says whether a seat leads back in: its owner was let in to this meeting, and not shown out since. A lock
// holds nobody off who was in.
func (r *room) returns(s seat) bool {
	if r.meeting == "" || s.Meeting != r.meeting || !s.In {
		return false
	}
	return r.journal[s.Person].Reason != gateway.OutRemoved
}

// check says whether somebody may do something to somebody. The error is a *gateway.Error.
func (r *room) check(who *person, do string, to *person) error {
	forbidden := func(why string) error { return gateway.Errorf(gateway.Forbidden, "%s", why) }
	gone := gateway.Errorf(gateway.NotFound, "they are not there any more")
	switch {
	case who == nil || who.at != inside:
		return forbidden("come in first")
	case !who.host():
		return forbidden("only our side of the meeting can do this")
	}
	switch do {
	case "mute_all", "lock", "unlock", "record", "record_stop", "end":
		return nil
	case "admit", "deny":
		if to == nil || to.at != lobby {
			return gone
		}
		if do == "admit" && r.full(to.id) {
			return gateway.Errorf(gateway.Conflicting, "the meeting is full: %d are in", wire.MeetPeople)
		}
		return nil
	case "mute", "remove":
		switch {
		case to == nil || to.at != inside:
			return gone
		case to.host():
			return forbidden("a colleague mutes and leaves on their own")
		}
		return nil
	}
	return &gateway.Error{Kind: gateway.Invalid, Field: "do", Msg: "unknown command"}
}

// view is the room as somebody's page may see it: who waits before the door is for hosts.
func (r *room) view(of *person) wire.MeetRoom {
	v := wire.MeetRoom{People: []wire.MeetPeer{}, Lobby: []wire.MeetGuest{}, Locked: r.locked, Since: r.since, Recording: r.recordingOf(of)}
	for _, p := range r.people {
		switch {
		case p.at == inside:
			is := r.journal[p.id]
			v.People = append(v.People, wire.MeetPeer{ID: p.id, Name: p.name, Host: p.host(), Audio: p.audio, Video: p.video,
				Screen: p.screen, Away: p.socket == nil || p.broken, Recorded: is.RecordedIn(r.rec)})
		case of.host() && p.socket != nil:
			v.Lobby = append(v.Lobby, wire.MeetGuest{ID: p.id, Name: p.name, Since: p.since})
		}
	}
	return v
}

// waiting are the names of those before the door.
func (r *room) waiting() []string {
	var names []string
	for _, p := range r.people {
		if p.at == lobby && p.socket != nil {
			names = append(names, p.name)
		}
	}
	return names
}

// drop takes somebody out.
func (r *room) drop(p *person, now time.Time) {
	r.people = slices.DeleteFunc(r.people, func(o *person) bool { return o == p })
	if len(r.people) == 0 {
		r.quiet = now
	}
}

// lost are those whose page has been gone too long.
func (r *room) lost(now time.Time) []*person {
	var out []*person
	for _, p := range r.people {
		if p.socket == nil && now.Sub(p.away) >= LostAfter {
			out = append(out, p)
		}
	}
	return out
}

// forgotten are those whom the journal has in, and who did not come back after a restart.
func (r *room) forgotten(now time.Time) []string {
	var out []string
	if r.meeting == "" || now.Sub(r.found) < LostAfter {
		return nil
	}
	for id := range r.journal {
		if r.present(id) && r.person(id) == nil {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// closes says whether the meeting is to be closed, because nobody is there.
func (r *room) closes(now time.Time) (gateway.MeetingClose, bool) {
	if r.meeting == "" || len(r.people) > 0 {
		return "", false
	}
	quiet := now.Sub(r.quiet)
	switch {
	case len(r.journal) > 0:
		return gateway.CloseEmpty, quiet >= EmptyAfter
	case r.by == "":
		return gateway.CloseGaveUp, quiet >= GaveUpAfter
	}
	return gateway.CloseEmpty, quiet >= UnusedAfter
}
