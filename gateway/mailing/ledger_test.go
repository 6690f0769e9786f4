package mailing_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"backline/gateway/mailing"
)

func openLedger(t *testing.T, path string) *mailing.Ledger {
	t.Helper()
	l, err := mailing.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestALedgerRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailings", "may.jsonl")
	l := openLedger(t, path)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := l.Append(mailing.Entry{To: fmt.Sprint(i), State: mailing.StateTrying}, mailing.Entry{To: fmt.Sprint(i), State: mailing.StateSent}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := l.Append(mailing.Entry{To: "x", State: mailing.StateFailed, Code: 550, Reason: "no such person"}); err != nil {
		t.Fatal(err)
	}
	if _, err := mailing.OpenLedger(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	l.Close()
	l = openLedger(t, path)
	for i := range 50 {
		if got := l.State(fmt.Sprint(i)).State; got != mailing.StateSent {
			t.Fatalf("row %d is %q", i, got)
		}
	}
	if e := l.State("x"); e.State != mailing.StateFailed || e.Code != 550 || e.Reason != "no such person" {
		t.Errorf("entry %+v", e)
	}
}

func TestACutLineIsDroppedAndADamagedOneIsNot(t *testing.T) {
	const a, b = `{"to":"a","state":"sent"}` + "\n", `{"to":"b","state":"trying"}` + "\n"
	path := filepath.Join(t.TempDir(), "l.jsonl")
	for name, torn := range map[string]string{"cut": a + b[:10], "zeros": a + "\x00\x00\x00\n\x00\x00", "no newline": a + strings.TrimSpace(b)} {
		if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := mailing.OpenLedger(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if l.State("a").State != mailing.StateSent || l.State("b").State != mailing.StateOpen {
			t.Errorf("%s: a %v, b %v", name, l.State("a"), l.State("b"))
		}
		if err := l.Append(mailing.Entry{To: "b", State: mailing.StateSent}); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if again := openLedger(t, path); again.State("b").State != mailing.StateSent {
			t.Errorf("%s: what was written behind the cut is lost", name)
		} else {
			again.Close()
		}
	}
	if err := os.WriteFile(path, []byte(a+"{\"to\n"+b), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mailing.OpenLedger(path); err == nil || !strings.Contains(err.Error(), "line 2 is damaged") {
		t.Errorf("damaged in the middle: %v", err)
	}
}
