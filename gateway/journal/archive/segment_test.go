package archive

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"reflect"
	"testing"
	"time"

	"backline/gateway/journal"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 890_123_000, time.UTC)

func TestASegmentEndsWhereItsEventsSay(t *testing.T) {
	many := make([]journal.Event, maxEvents+5)
	if got := cut(many, maxEvents); got != maxEvents {
		t.Errorf("%d of many events, want %d", got, maxEvents)
	}
	if got := cut(many[:maxEvents-1], maxEvents); got != 0 {
		t.Errorf("%d of too few events, want none", got)
	}
	for i := range 6 {
		many[i].Data = make([]byte, 1<<20)
	}
	if got := cut(many[:6], maxEvents); got != 4 {
		t.Errorf("%d of 6 MiB, want 4", got)
	}
}

// What follows a sound export has no end.
func TestALargeTextIsNotRead(t *testing.T) {
	var text, bomb bytes.Buffer
	events := []journal.Event{{Pos: 1, Stream: "a", Version: 1, Type: "said", At: at, Data: []byte(`{}`)}}
	if err := journal.Export(t.Context(), &stretch{events: events}, &text); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, maxText} {
		bomb.Reset()
		z, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = z.Write(text.Bytes()) // into memory
		_, _ = z.Write(make([]byte, size))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(t.Context(), bomb.Bytes()); (err == nil) != (size == 0) {
			t.Errorf("%d bytes behind an export: %v", size, err)
		}
	}
	if _, err := decode(t.Context(), make([]byte, MaxBytes+1)); err == nil {
		t.Error("a file over the limit was read")
	}
}

func FuzzSegment(f *testing.F) {
	events := []journal.Event{
		{Pos: 1, Stream: "a", Version: 1, Type: "said", At: at, Data: []byte(`{"text":"hello"}`)},
		{Pos: 2, Stream: "a", Version: 2, Type: "said", At: at, Key: "k", Data: []byte{0xff, 0}},
	}
	file, err := encode(f.Context(), events)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[:len(file)-9])
	f.Fuzz(func(t *testing.T, file []byte) {
		events, err := decode(t.Context(), file)
		if err != nil {
			return
		}
		again, err := encode(t.Context(), events)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		same, err := decode(t.Context(), again)
		if err != nil || !reflect.DeepEqual(events, same) {
			t.Fatalf("%v\n%+v\n%+v", err, events, same)
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add(segment{1, 8192, 0xfe}.name())
	f.Add("0000000000000001-0000000000008192-00000000000000fe.gz.aside")
	f.Fuzz(func(t *testing.T, name string) {
		if s, ok := named(name); ok && (s.name() != name || s.first > s.last) {
			t.Errorf("%q was read as %+v", name, s)
		}
	})
}

// BenchmarkSegment reads a full segment; B/event is what one takes on the disk.
func BenchmarkSegment(b *testing.B) {
	var events []journal.Event
	for i := range maxEvents {
		events = append(events, journal.Event{Pos: uint64(i + 1), Stream: fmt.Sprintf("conversation/c%020x", i/32*7919), Version: uint64(i%32 + 1), Type: "message.received",
			At: at.Add(time.Duration(i) * time.Second), Key: fmt.Sprintf("messenger/100000000000001/m_%d", i*7919),
			Data: fmt.Appendf(nil, `{"message":"m%d","text":"Where is my delivery %d? It should have been here this morning, and nobody answers the phone."}`, i*31, i*7919)})
	}
	file, err := encode(b.Context(), events)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := decode(b.Context(), file); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(maxEvents)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(len(file))/maxEvents, "B/event")
}
