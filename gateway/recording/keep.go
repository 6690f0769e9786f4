package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"backline/gateway"
)

func (s *Store) dir(id gateway.RecordingID) string {
	return filepath.Join(s.o.Dir, string(id[:2]), string(id))
}

// makeFolder makes a recording's folder and says in it what it is: whose call, what was announced, who agreed; or which
// meeting.
func makeFolder(dir string, about gateway.Event) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	return writeJSON(filepath.Join(dir, "about.json"), about)
}

// recover gives what an earlier process of this node has left without an end its end.
func (s *Store) recover(ctx context.Context) {
	for _, id := range s.find(func(x *entry) bool { return x.old && x.ended == nil && x.deleted == nil }) {
		if ctx.Err() != nil {
			return
		}
		if _, err := os.Stat(s.dir(id)); s.o.Shared && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		end, err := mend(id, s.dir(id))
		if err != nil {
			s.o.Log.Error("a recording that was cut off could not be mended; what is there is kept", "err", err)
		}
		s.writeEnd(ctx, id, end, 0)
	}
}

// find lists recordings. Before the journal has been read there are none.
func (s *Store) find(want func(*entry) bool) []gateway.RecordingID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.replayed {
		return nil
	}
	var all []gateway.RecordingID
	for id, x := range s.all {
		if want(x) {
			all = append(all, id)
		}
	}
	return all
}

// mend cuts tracks off behind their last whole page and brings them to one length.
func mend(id gateway.RecordingID, dir string) (gateway.CallRecordingEnded, error) {
	e := gateway.CallRecordingEnded{Recording: id, Reason: gateway.RecordingRestart, Tracks: []gateway.RecordedTrack{}}
	var tails []tail
	var failed error
	for n := 0; n < maxTracks; n++ {
		t, err := mendTrack(trackPath(dir, n))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		failed = errors.Join(failed, err)
		tails = append(tails, t)
		e.Tracks = append(e.Tracks, gateway.RecordedTrack{})
	}
	end := int64(0)
	for _, t := range tails {
		end = max(end, int64(t.granule))
	}
	e.DurationMS = end * 1000 / clockRate
	for n, t := range tails {
		failed = errors.Join(failed, endTrack(trackPath(dir, n), t, end))
		if b, err := os.ReadFile(sidePath(dir, n)); err == nil {
			e.Tracks[n].Side, e.Tracks[n].Name, _ = strings.Cut(string(b), "\n")
		}
	}
	return e, failed
}

func mendTrack(path string) (tail, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return tail{}, err
	}
	t, err := scan(f)
	if err == nil {
		err = f.Truncate(t.bytes)
	}
	return t, errors.Join(err, f.Close())
}

// endTrack goes on with silence up to a time and writes the last page.
func endTrack(path string, t tail, end int64) error {
	if t.last || t.page == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	k := track{end: int64(t.granule), ogg: &oggWriter{to: f, serial: t.serial, page: t.page, granule: t.granule}}
	k.fill(end)
	k.ogg.end()
	return errors.Join(k.ogg.err, f.Sync(), f.Close())
}

// sweep deletes what has been kept long enough, and the files of what was deleted.
func (s *Store) sweep(ctx context.Context, now time.Time) {
	for _, id := range s.find(func(x *entry) bool {
		return x.ended != nil && x.deleted == nil && now.Sub(x.endedAt) >= s.o.Keep
	}) {
		if err := s.delete(ctx, id, ""); err != nil {
			s.o.Log.Error("a recording whose time is over is not deleted; trying again", "err", err)
			return
		}
	}
	for _, id := range s.find(func(x *entry) bool { return x.deleted != nil && !x.gone }) {
		if err := os.RemoveAll(s.dir(id)); err != nil {
			s.o.Log.Error("the files of a deleted recording could not be removed; trying again", "err", err)
			continue
		}
		s.mu.Lock()
		s.all[id].gone = true
		s.mu.Unlock()
	}
}

func (s *Store) delete(ctx context.Context, id gateway.RecordingID, by string) error {
	return s.append(ctx, gateway.RecordingStream(id), "recording/"+string(id)+"/deleted", gateway.RecordingDeleted{Recording: id, By: by})
}

// Delete removes a recording that is over. By is who did it.
func (s *Store) Delete(ctx context.Context, id gateway.RecordingID, by string) error {
	v, err := s.View(id)
	switch {
	case err != nil:
		return err
	case v.State == StateRunning:
		return gateway.Errorf(gateway.Conflicting, "this recording is still under way")
	case v.State == StateDeleted:
		return nil
	}
	return s.delete(ctx, id, by)
}
