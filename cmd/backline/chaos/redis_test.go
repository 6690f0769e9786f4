package chaos_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"backline/cmd/backline/chaos"
)

// The harness itself: a primary that is cut off from all but us is replaced, and comes back as a replica.
func TestSentinelsReplaceAPrimaryThatIsCutOff(t *testing.T) {
	lengthy(t)
	names := &chaos.Names{}
	names.Set(os.Getpid(), "us")
	s := chaos.NewSentinels(t, 1, names)
	first := s.Primary()
	if first != s.Servers[0] {
		t.Fatalf("the first primary is %s", first.Name)
	}
	first.Do("SET", "here", "1")
	first.Cable.Break(func(who string) chaos.Fault { return chaos.Fault{Up: who != "us", Down: who != "us"} })
	began := time.Now()
	next := s.Moves(first, time.Minute)
	t.Logf("%s is primary after %s", next.Name, time.Since(began).Round(time.Millisecond))
	next.Do("SET", "there", "1")
	first.Cable.Mend()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if info, err := first.Info("replication"); err == nil && replicates(info) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the old primary does not come back as a replica")
		}
	}
}

func replicates(info string) bool {
	return strings.Contains(info, "role:slave") && strings.Contains(info, "master_link_status:up")
}
