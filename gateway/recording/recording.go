// Package recording keeps what is said in calls: it writes each side to a track of its own, knows which recordings
// there are, hands them out and deletes them in time. Who may record, who has agreed and when, it is told by the
// journal; package calls decides that.
//
//	started (journal) → recording → ended (journal) → kept → deleted (journal)
//
// On disk: DIR/ab/abcd…/0.ogg, 1.ogg, … are the tracks, Ogg Opus as it came from the browsers, not decoded; 0.levels,
// … how loud each 100 ms was (one byte, 127 the loudest), said by the browsers; about.json what the journal says of
// it, so that a folder can be read without one. Files are their owner's alone.
//
// Guarantees. All tracks of a recording begin and end together: time in a file is time in the call, whatever was
// lost, late or not sent (track.go). A call never waits for a disk: what a slow one does not take is dropped and
// counted, a full one ends the recording (tape.go). A page is on its way to the disk each half second, so a
// crash leaves files that play, without their last moment; the next start gives them an end. Nothing is handed out
// before the journal has who asked for it. What is deleted is deleted in the journal first, so that an interrupted
// deletion goes on at the next start.
//
// Concurrency: all methods may be called from any goroutine. mu guards the index and is never held over I/O. Run owns
// one goroutine for each recording under way and the one that deletes.
//
// Limits: [MaxLength]; 16 tracks a recording; 256 KiB wait for the disk per recording; the index holds some hundred
// bytes for each recording that ever was. Errors are *gateway.Error.
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
	tapes    map[gateway.RecordingID]*tape // under way
	begun    []*tape                       // not yet run
	replayed bool
}

// entry is what the journal says of a recording. Guarded by Store.mu.
type entry struct {
	stream  string // where it began
	at      time.Time
	about   gateway.CallRecordingStarted
	ended   *gateway.CallRecordingEnded
	endedAt time.Time
	deleted *Deletion
	gone    bool // the files are
	old     bool // began before this process
	heard   []Listener
	asked   map[string]time.Time
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
		tapes: map[gateway.RecordingID]*tape{}}
}

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Apply folds in one event of the journal; those of others are skipped.
func (s *Store) Apply(e journal.Event) error {
	if !strings.HasPrefix(e.Type, "call.recording_") && !strings.HasPrefix(e.Type, "recording.") {
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
		if s.all[e.Recording] == nil && gateway.ValidRecordingID(e.Recording) {
			s.all[e.Recording] = &entry{stream: at.Stream, at: at.At, about: e, old: !s.replayed}
		}
	case gateway.CallRecordingEnded:
		if x := s.all[e.Recording]; x != nil && x.ended == nil {
			x.ended, x.endedAt = &e, at.At
		}
	case gateway.RecordingHeard:
		if x := s.all[e.Recording]; x != nil {
			x.heard = append(x.heard, Listener{e.By, at.At})
			x.heard = x.heard[max(0, len(x.heard)-maxListeners):]
			x.noteLocked(e.By, at.At)
		}
	case gateway.RecordingDeleted:
		if x := s.all[e.Recording]; x != nil && x.deleted == nil {
			x.deleted, x.heard, x.asked = &Deletion{e.By, at.At}, nil, nil
			s.poke()
		}
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
	// The customer is track 0, whoever speaks first.
	t := &tape{id: id, dir: s.dir(id), began: time.Now(), create: s.create, stop: make(chan struct{}), sides: []media.Side{media.Customer}}
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
	err := makeFolder(t.dir, about)
	if err == nil {
		end, err = t.run()
	}
	if err != nil {
		t.finish(gateway.RecordingFailed)
		s.o.Log.Error("a recording cannot be written; the call goes on", "err", err)
	}
	s.writeEnd(ctx, t.id, end)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tapes, t.id)
}

func (s *Store) aboutOf(id gateway.RecordingID) (gateway.CallRecordingStarted, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.all[id]
	if x == nil {
		return gateway.CallRecordingStarted{}, false
	}
	return x.about, true
}

// writeEnd writes the end down, again and again until the journal takes it or ctx ends.
func (s *Store) writeEnd(ctx context.Context, id gateway.RecordingID, e gateway.CallRecordingEnded) {
	s.mu.Lock()
	x := s.all[id]
	stream := x.stream
	e.Call = x.about.Call
	s.mu.Unlock()
	for {
		err := s.append(ctx, stream, "recording/"+string(id)+"/ended", e)
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
