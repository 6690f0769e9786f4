package sqlite

import (
	"errors"
	"sync"
	"testing"

	"backline/gateway/journal"
)

func TestFailedCommitRefusesAllUntilReopened(t *testing.T) {
	path := t.TempDir() + "/j.db"
	broken := errors.New("fsync failed")
	j, err := Open(t.Context(), path, Options{failCommit: func() error { return broken }})
	if err != nil {
		t.Fatal(err)
	}
	w := journal.Write{Stream: "s", Expect: journal.Any, Key: "k", Events: []journal.Event{{Type: "x"}}}
	if _, err := j.Append(t.Context(), w); !errors.Is(err, journal.ErrUncertain) {
		t.Errorf("%v, want ErrUncertain", err)
	}
	if _, err := j.Append(t.Context(), w); !errors.Is(err, broken) || j.Healthy() == nil {
		t.Errorf("%v: the journal went on", err)
	}
	select {
	case <-j.Failed():
	default:
		t.Error("nobody who waits for its failure hears of it")
	}
	if j.Ready() == nil {
		t.Error("it is out of service and says that it is ready")
	}
	if _, err := Open(t.Context(), path, Options{}); err == nil {
		t.Error("opened twice")
	}
	j.Close()
	if j, err = Open(t.Context(), path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var once sync.WaitGroup
	for range 64 {
		once.Go(func() {
			if r, err := j.Append(t.Context(), w); err != nil || r.Pos != 1 || !r.Dup {
				t.Errorf("%+v %v, want the first receipt", r, err)
			}
		})
	}
	once.Wait()
}
