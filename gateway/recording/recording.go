// Package recording keeps what is said in calls and meetings: it writes each side, or participant, to a track of its
// own, knows which recordings there are, hands them out and deletes them in time. Who may record, who has agreed and
// when, it is told by the journal; packages calls and meet decide that.
//
//	started (journal) → recording → ended (journal) → kept → deleted (journal)
//
// On disk: DIR/ab/abcd…/0.ogg, 1.ogg, … are the tracks, Ogg Opus as it came from the browsers, not decoded; 0.levels,
// … how loud each 100 ms was (one byte, 127 the loudest), said by the browsers; about.json what the journal says of
// it, so that a folder can be read without one. Files are their owner's alone.
//
// Guarantees. All tracks of a recording begin and end together: time in a file is time in the call, whatever was
// lost, late or not sent (track.go); who comes later has silence before. A call never waits for a disk: what a slow one does not take is dropped and
// counted, a full one ends the recording (tape.go). A page is on its way to the disk each half second, so a
// crash leaves files that play, without their last moment; the next start gives them an end. Nothing is handed out
// before the journal has who asked for it. What is deleted is deleted in the journal first, so that an interrupted
// deletion goes on at the next start.
//
// Concurrency: all methods may be called from any goroutine. mu guards the index and is never held over I/O. Run owns
// one goroutine for each recording under way and the one that deletes.
//
// Limits: [MaxLength]; 16 tracks a recording; 256 KiB wait for the disk per recording of a call, 1 MiB of a meeting; the
// index holds some hundred bytes for each recording that ever was. Errors are *gateway.Error.
//
// Read next: tape.go (from the call to the disk), track.go (time), ogg.go (files).
package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
	"backline/gateway/media"
)

// MaxLength of one recording; then it ends.
const MaxLength = 6 * time.Hour

// DefaultKeep is how long recordings are kept unless Options say otherwise.
const DefaultKeep = 30 * 24 * time.Hour

const (
	sweepEvery = time.Hour
	retryFact  = time.Second // after the journal refused
	// heardAgain is how long a person who listens is one listener: a player asks for a file in many parts.
	heardAgain = 10 * time.Minute
	// maxListeners that View lists; the journal has them all.
	maxListeners = 50
)

// Options of New. Dir and Append are needed.
type Options struct {
	Dir    string
	Append func(context.Context, journal.Write) (journal.Receipt, error)
	// Keep is how long after its end a recording is deleted; zero means DefaultKeep.
	Keep time.Duration
	// Shared: other nodes record, too. What is not on this one's disk may be under way there.
	Shared bool
	Log    *slog.Logger
}

// Store is all recordings.
type Store struct {
	// Static after New.
	o      Options
	create func(path string) (file, error)
	wake   chan struct{} // capacity 1, never closed: there is a tape to run, or something to delete

	mu       sync.Mutex
	all      map[gateway.RecordingID]*entry
	met      map[gateway.MeetingID]gateway.RecordingID // of a meeting that is being recorded
	tapes    map[gateway.RecordingID]*tape             // under way
	begun    []*tape                                   // not yet run
	replayed bool
}

// entry is what the journal says of a recording. Guarded by Store.mu.
type entry struct {
	stream  string // where it began
	at      time.Time
	about   about
	ended   *gateway.CallRecordingEnded // of a meeting's, too: without the call
	leftOut int                         // people for whom there was no track
	people  map[string]participant      // of a meeting, by their side
	endedAt time.Time
	deleted *Deletion
	gone    bool // the files are
	old     bool // began before this process
	heard   []Listener
	asked   map[string]time.Time
}

// about is what was recorded, and how.
type about struct {
	Call         gateway.CallID    // "": a meeting
	Meeting      gateway.MeetingID // "": a call
	Conversation gateway.ConversationID
	Queue        gateway.QueueID
	By           gateway.AgentID
	Ask          bool
	AgreedAt     *time.Time
	fact         gateway.Event // for the folder
}

// participant is somebody whom a meeting's recording takes.
type participant struct {
	name     string
	agreedAt *time.Time
}

// Listener is who listened and when.
type Listener struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Deletion is when the files went and who did it; nobody: their time was over.
type Deletion struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// New returns a Store; Run does the work.
func New(o Options) *Store {
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{o: o, create: createFile, wake: make(chan struct{}, 1), all: map[gateway.RecordingID]*entry{},
		met: map[gateway.MeetingID]gateway.RecordingID{}, tapes: map[gateway.RecordingID]*tape{}}
}

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Apply folds in one event of the journal; those of others are skipped.
func (s *Store) Apply(e journal.Event) error {
	if !strings.HasPrefix(e.Type, "call.recording_") && !strings.HasPrefix(e.Type, "meeting.recording_") && !strings.HasPrefix(e.Type, "recording.") {
		return nil
	}
	ev, err := gateway.DecodeEvent(e.Type, e.Data)
	if err != nil {
		if errors.Is(err, gateway.ErrUnknownEvent) {
			return nil
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foldLocked(e, ev)
	return nil
}

func (s *Store) foldLocked(at journal.Event, ev gateway.Event) {
	switch e := ev.(type) {
	case gateway.CallRecordingStarted:
		s.startedLocked(at, e.Recording, about{Call: e.Call, Conversation: e.Conversation, Queue: e.Queue, By: e.By, AgreedAt: e.AgreedAt, fact: e})
	case gateway.MeetingRecordingStarted:
		s.startedLocked(at, e.Recording, about{Meeting: e.Meeting, Conversation: e.Conversation, Queue: e.Queue, By: e.By, Ask: e.Ask, fact: e})
	case gateway.MeetingRecordingTold:
		s.toldLocked(e)
	case gateway.MeetingRecordingAnswered:
		s.answeredLocked(e, at.At)
	case gateway.CallRecordingEnded:
		s.endedLocked(at, e, 0)
	case gateway.MeetingRecordingEnded:
		s.endedLocked(at, gateway.CallRecordingEnded{Recording: e.Recording, Reason: e.Reason, DurationMS: e.DurationMS,
			DroppedMS: e.DroppedMS, Tracks: e.Tracks}, e.LeftOut)
	case gateway.RecordingHeard:
		if x := s.all[e.Recording]; x != nil {
			x.heard = append(x.heard, Listener{e.By, at.At})
			x.heard = x.heard[max(0, len(x.heard)-maxListeners):]
			x.noteLocked(e.By, at.At)
		}
	case gateway.RecordingDeleted:
		if x := s.all[e.Recording]; x != nil && x.deleted == nil {
			x.deleted, x.heard, x.asked, x.people = &Deletion{e.By, at.At}, nil, nil, nil
			s.poke()
		}
	}
}

func (s *Store) startedLocked(at journal.Event, id gateway.RecordingID, a about) {
	if s.all[id] == nil && gateway.ValidRecordingID(id) {
		s.all[id] = &entry{stream: at.Stream, at: at.At, about: a, old: !s.replayed}
		if a.Meeting != "" {
			s.all[id].people, s.met[a.Meeting] = map[string]participant{}, id
		}
	}
}

func (s *Store) endedLocked(at journal.Event, e gateway.CallRecordingEnded, leftOut int) {
	if x := s.all[e.Recording]; x != nil && x.ended == nil {
		x.ended, x.endedAt, x.leftOut = &e, at.At, leftOut
		if s.met[x.about.Meeting] == e.Recording {
			delete(s.met, x.about.Meeting)
		}
	}
}

// AgentSide names an agent's track, as in calls: one however often they come.
func AgentSide(id gateway.AgentID) media.Side { return media.Side("agent/" + string(id)) }

// GuestSide names the track of a meeting's guest.
func GuestSide(participant string) media.Side { return media.Side("guest/" + participant) }

func (s *Store) toldLocked(e gateway.MeetingRecordingTold) {
	x := s.all[e.Recording]
	if x == nil || x.people == nil {
		return
	}
	side := AgentSide(e.Agent)
	if e.Agent == "" {
		side = GuestSide(e.Participant)
	}
	x.people[string(side)] = participant{e.Name, e.AgreedAt}
}

// answeredLocked notes a click that came while their meeting was being recorded. That they agreed stays with what they
// said until then, also when they have changed their mind.
func (s *Store) answeredLocked(e gateway.MeetingRecordingAnswered, at time.Time) {
	x := s.all[s.met[e.Meeting]]
	if x == nil || !e.Agreed {
		return
	}
	side := string(GuestSide(e.Participant))
	if p, ok := x.people[side]; ok && p.agreedAt == nil {
		p.agreedAt = &at
		x.people[side] = p
	}
}

func (x *entry) noteLocked(by string, at time.Time) {
	if x.asked == nil {
		x.asked = map[string]time.Time{}
	}
	x.asked[by] = at
}

// Replayed says that the journal has been read: what has not ended by now never will by itself.
func (s *Store) Replayed() {
	s.mu.Lock()
	s.replayed = true
	s.mu.Unlock()
	s.poke()
}

// Record begins, or goes on with, the recording of that id, which the journal has. It returns where the sound goes;
// nil for one that is over, or began before this process and is being given its end.
func (s *Store) Record(id gateway.RecordingID) media.Tap {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tapes[id]; t != nil {
		return t
	}
	x := s.all[id]
	if x == nil || x.old || x.ended != nil || x.deleted != nil {
		return nil
	}
	t := &tape{id: id, dir: s.dir(id), began: time.Now(), create: s.create, name: s.nameOf, stop: make(chan struct{}), room: maxBufferMeeting}
	if x.about.Call != "" { // the customer is track 0, whoever speaks first
		t.sides, t.room = []media.Side{media.Customer}, maxBuffer
	}
	s.tapes[id] = t
	s.begun = append(s.begun, t)
	s.poke()
	return t
}

// Finish ends a recording that is under way. Its end is in the journal a moment later.
func (s *Store) Finish(id gateway.RecordingID, why gateway.RecordingEnd) {
	s.mu.Lock()
	t := s.tapes[id]
	s.mu.Unlock()
	if t != nil {
		t.finish(why)
	}
}

// Run writes and deletes until ctx ends; then it ends what is under way as a restart would.
func (s *Store) Run(ctx context.Context) error {
	var running sync.WaitGroup
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.stopAll()
			running.Wait()
			return nil
		case <-s.wake:
		case <-tick.C:
		}
		for _, t := range s.takeBegun() {
			running.Go(func() { s.runTape(ctx, t) })
		}
		s.recover(ctx)
		s.sweep(ctx, time.Now())
	}
}

func (s *Store) takeBegun() []*tape {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.begun
	s.begun = nil
	return all
}

func (s *Store) stopAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tapes {
		t.finish(gateway.RecordingRestart)
	}
}

// runTape is the life of one tape. At the end of the process its end is left to the next start, which writes the
// same.
func (s *Store) runTape(ctx context.Context, t *tape) {
	about, ok := s.aboutOf(t.id)
	if !ok {
		return
	}
	end := gateway.CallRecordingEnded{Recording: t.id, Reason: gateway.RecordingFailed, Tracks: []gateway.RecordedTrack{}}
	err := makeFolder(t.dir, about.fact)
	if err == nil {
		end, err = t.run()
	}
	if err != nil {
		t.finish(gateway.RecordingFailed)
		s.o.Log.Error("a recording cannot be written; the call or meeting goes on", "err", err)
	}
	s.writeEnd(ctx, t.id, end, t.leftOut())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tapes, t.id)
}

func (s *Store) aboutOf(id gateway.RecordingID) (about, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.all[id]
	if x == nil {
		return about{}, false
	}
	return x.about, true
}

// nameOf is the name of a meeting's participant; of a call's sides others know it.
func (s *Store) nameOf(id gateway.RecordingID, side string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.all[id]; x != nil {
		return x.people[side].name
	}
	return ""
}

// writeEnd writes the end down, again and again until the journal takes it or ctx ends.
func (s *Store) writeEnd(ctx context.Context, id gateway.RecordingID, e gateway.CallRecordingEnded, leftOut int) {
	s.mu.Lock()
	x := s.all[id]
	stream := x.stream
	e.Call = x.about.Call
	meeting := x.about.Meeting
	s.mu.Unlock()
	var fact gateway.Event = e
	if meeting != "" {
		fact = gateway.MeetingRecordingEnded{Meeting: meeting, Recording: id, Reason: e.Reason, DurationMS: e.DurationMS,
			DroppedMS: e.DroppedMS, LeftOut: leftOut, Tracks: e.Tracks}
	}
	for {
		err := s.append(ctx, stream, "recording/"+string(id)+"/ended", fact)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.o.Log.Error("the end of a recording is not written down; trying again", "err", err)
		select {
		case <-time.After(retryFact):
		case <-ctx.Done():
		}
	}
}

func (s *Store) append(ctx context.Context, stream, key string, e gateway.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = s.o.Append(ctx, journal.Write{Stream: stream, Expect: journal.Any, Key: key,
		Events: []journal.Event{{Type: e.EventType(), At: time.Now().UTC(), Data: data}}})
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}
