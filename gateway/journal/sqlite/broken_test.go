package sqlite

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

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
	if _, err := j.Append(t.Context(), w); !errors.Is(err, broken) || !errors.Is(err, journal.ErrClosed) || j.Healthy() == nil {
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

// A disk that does not answer makes a journal that is not ready; what it takes in the end was never acknowledged before.
func TestAStalledCommitIsNotReady(t *testing.T) {
	stalled, goOn := make(chan struct{}), make(chan struct{})
	j, err := Open(t.Context(), t.TempDir()+"/j.db", Options{failCommit: func() error {
		close(stalled)
		<-goOn
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Ready(); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(chan error, 1)
	go func() {
		_, err := j.Append(context.Background(), journal.Write{Stream: "s", Expect: journal.Any, Events: []journal.Event{{Type: "x"}}})
		acknowledged <- err
	}()
	<-stalled
	if err := j.Ready(); err != nil {
		t.Errorf("%v: an ordinary commit", err)
	}
	j.setBusy(time.Now().Add(-stallTime - time.Second))
	if err := j.Ready(); err == nil || j.Healthy() != nil {
		t.Errorf("ready: %v, healthy: %v; want a journal that is in service and not ready", err, j.Healthy())
	}
	select {
	case err := <-acknowledged:
		t.Errorf("acknowledged before the disk had it: %v", err)
	default:
	}
	close(goOn)
	if err := <-acknowledged; err != nil || j.Ready() != nil {
		t.Errorf("%v, ready: %v", err, j.Ready())
	}
}
