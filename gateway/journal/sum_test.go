package journal_test

import (
	"testing"
	"time"

	"backline/gateway/journal"
)

// A sum is compared between nodes of different versions: it must never change.
func TestSumIsStableAndTellsEveryFieldApart(t *testing.T) {
	e := journal.Event{Pos: 7, Stream: "thread/1", Version: 3, Type: "message.received", At: time.UnixMicro(1_700_000_000_000_001), Key: "k", Data: []byte(`{"a":1}`)}
	const want = 0x33d63ce6dc446a3
	if got := e.Sum(); got != want {
		t.Errorf("sum %#x, want %#x", got, uint64(want))
	}
	local := e
	local.At = e.At.In(time.FixedZone("x", 3600)).Add(500 * time.Nanosecond) // a journal stores microseconds
	if local.Sum() != e.Sum() {
		t.Error("the same event has another sum in another time zone")
	}
	seen := map[uint64]string{e.Sum(): "nothing"}
	for name, change := range map[string]func(*journal.Event){
		"pos":                     func(e *journal.Event) { e.Pos++ },
		"stream":                  func(e *journal.Event) { e.Stream = "thread/2" },
		"version":                 func(e *journal.Event) { e.Version++ },
		"type":                    func(e *journal.Event) { e.Type = "message.sent" },
		"at":                      func(e *journal.Event) { e.At = e.At.Add(time.Microsecond) },
		"key":                     func(e *journal.Event) { e.Key = "" },
		"data":                    func(e *journal.Event) { e.Data = []byte(`{"a":2}`) },
		"a byte from key to data": func(e *journal.Event) { e.Key, e.Data = "", []byte(`k{"a":1}`) },
		"a byte from type to key": func(e *journal.Event) { e.Type, e.Key = "message.receive", "dk" },
	} {
		x := e
		change(&x)
		if other, dup := seen[x.Sum()]; dup {
			t.Errorf("change of %s: the same sum as with change of %s", name, other)
		}
		seen[x.Sum()] = name
	}
}
