package recording

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"backline/gateway"
)

// States of a View.
const (
	StateRunning = "running"
	StateKept    = "kept"
	StateDeleted = "deleted"
)

// maxPeaks of a track in a View: as many as a wide player has room for.
const maxPeaks = 400

// View is a recording as people see it.
type View struct {
	ID           gateway.RecordingID    `json:"id"`
	Conversation gateway.ConversationID `json:"conversation"`
	Queue        gateway.QueueID        `json:"queue"`
	Call         gateway.CallID         `json:"call"`    // "" of a meeting
	Meeting      gateway.MeetingID      `json:"meeting"` // "" of a call
	State        string                 `json:"state"`   // running, kept, deleted
	StartedAt    time.Time              `json:"started_at"`
	By           gateway.AgentID        `json:"by"`        // who began it; "" the queue's rule
	AgreedAt     *time.Time             `json:"agreed_at"` // a call's customer's click; null: they were told, not asked
	Ask          bool                   `json:"ask"`       // of a meeting's guests only those who agreed
	Reason       gateway.RecordingEnd   `json:"reason"`    // "" while it runs
	DurationMS   int64                  `json:"duration_ms"`
	DroppedMS    int64                  `json:"dropped_ms"` // that a slow disk did not take
	LeftOut      int                    `json:"left_out"`   // people who spoke in a meeting for whom there was no track
	Tracks       []Track                `json:"tracks"`
	Heard        []Listener             `json:"heard"`     // the latest 50, oldest first
	DeleteAt     *time.Time             `json:"delete_at"` // when its time is over
	Deleted      *Deletion              `json:"deleted"`   // null: it is kept
}

// Track is one side. Peaks are loudness from 0 to 100, evenly over the duration; empty where browsers do not say.
type Track struct {
	Side     string     `json:"side"`      // customer, agent/ID, guest/PARTICIPANT
	Name     string     `json:"name"`      // of a meeting's participant
	AgreedAt *time.Time `json:"agreed_at"` // a meeting's guest's click
	Lost     int        `json:"lost"`      // packets
	Peaks    []int      `json:"peaks"`
}

func notFound() error { return gateway.Errorf(gateway.NotFound, "there is no such recording") }

// View describes a recording.
func (s *Store) View(id gateway.RecordingID) (View, error) {
	v, err := s.viewOf(id)
	if err != nil || v.State != StateKept {
		return v, err
	}
	for n := range v.Tracks {
		levels, err := os.ReadFile(levelsPath(s.dir(id), n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return v, err
		}
		v.Tracks[n].Peaks = peaks(levels, v.DurationMS)
	}
	return v, nil
}

func (s *Store) viewOf(id gateway.RecordingID) (View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.all[id]
	if x == nil {
		return View{}, notFound()
	}
	v := View{ID: id, Conversation: x.about.Conversation, Queue: x.about.Queue, Call: x.about.Call, Meeting: x.about.Meeting,
		State: StateRunning, StartedAt: x.at, By: x.about.By, AgreedAt: x.about.AgreedAt, Ask: x.about.Ask, LeftOut: x.leftOut, Tracks: []Track{}, Heard: append([]Listener{}, x.heard...)}
	if e := x.ended; e != nil {
		until := x.endedAt.Add(s.o.Keep)
		v.State, v.Reason, v.DurationMS, v.DroppedMS, v.DeleteAt = StateKept, e.Reason, e.DurationMS, e.DroppedMS, &until
		for _, t := range e.Tracks {
			v.Tracks = append(v.Tracks, Track{Side: t.Side, Name: t.Name, AgreedAt: x.people[t.Side].agreedAt, Lost: t.Lost, Peaks: []int{}})
		}
	}
	if x.deleted != nil {
		d := *x.deleted
		v.State, v.Deleted, v.DeleteAt, v.Tracks = StateDeleted, &d, nil, []Track{}
	}
	return v, nil
}

// quietest is the level from which on a moment is drawn: what is 60 dB below the loudest is silence.
const quietest = 127 - 60

// peaks brings levels to at most maxPeaks, each the loudest of its stretch.
func peaks(levels []byte, durationMS int64) []int {
	n := int(durationMS / 100)
	if len(levels) == 0 || n == 0 {
		return []int{}
	}
	out := make([]int, min(n, maxPeaks))
	for i := range out {
		from, to := i*n/len(out), max((i+1)*n/len(out), i*n/len(out)+1)
		if from >= len(levels) {
			break
		}
		loudest := int(slices.Max(levels[from:min(to, len(levels))]))
		out[i] = max(0, loudest-quietest) * 100 / (127 - quietest)
	}
	return out
}

// Open opens a track for by, after it is written down that they listen. The caller closes it.
func (s *Store) Open(ctx context.Context, id gateway.RecordingID, n int, by string) (*os.File, View, error) {
	v, err := s.viewOf(id)
	switch {
	case err != nil:
		return nil, v, err
	case v.State == StateRunning:
		return nil, v, gateway.Errorf(gateway.Conflicting, "this recording is still under way")
	case v.State == StateDeleted, n < 0 || n >= len(v.Tracks):
		return nil, v, notFound()
	}
	if err := s.note(ctx, id, by); err != nil {
		return nil, v, err
	}
	f, err := os.Open(trackPath(s.dir(id), n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, v, notFound()
	}
	return f, v, err
}

// note writes down who listens, once in a while.
func (s *Store) note(ctx context.Context, id gateway.RecordingID, by string) error {
	now := time.Now()
	s.mu.Lock()
	last := s.all[id].asked[by]
	s.mu.Unlock()
	if now.Sub(last) < heardAgain {
		return nil
	}
	// Requests for all tracks come at once: those of one while are one fact.
	key := "recording/" + string(id) + "/heard/" + by + "/" + strconv.FormatInt(now.Unix()/int64(heardAgain.Seconds()), 10)
	err := s.append(ctx, gateway.RecordingStream(id), key, gateway.RecordingHeard{Recording: id, By: by})
	if err != nil {
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "it cannot be written down at the moment who listens; please try again", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.all[id]; x.deleted == nil {
		x.noteLocked(by, now)
	}
	return nil
}
