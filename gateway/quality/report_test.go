package quality

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/journal"
)

// reported is a Report of such lines, all on the first of May.
func reported(t *testing.T, lines ...gateway.LineMeasured) *Report {
	t.Helper()
	r := &Report{}
	for _, l := range lines {
		data, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Apply(journal.Event{Type: l.EventType(), At: may(1), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func may(day int) time.Time { return time.Date(2026, 5, day, 12, 0, 0, 0, time.UTC) }

func TestReportCountsByDayEntryAndPath(t *testing.T) {
	r := reported(t,
		gateway.LineMeasured{Call: "a", Entry: "livechat/shop", Path: "udp", Network: "203.0.113.0/24", Seconds: 90, MOS: 4, LossIn: 1, RTTMS: 20},
		gateway.LineMeasured{Call: "a", Agent: "jana", Entry: "livechat/shop", Path: "udp", Network: "198.51.100.0/24", Seconds: 90, MOS: 4.4},
		gateway.LineMeasured{Call: "b", Entry: "livechat/shop", Path: "udp", Network: "203.0.113.0/24", Seconds: 60, MOS: 3, LossOut: 5, RTTMS: 40},
		gateway.LineMeasured{Call: "c", Entry: "click2talk/link", Path: "relay", Seconds: 30, MOS: 2},
		gateway.LineMeasured{Call: "d", Entry: "livechat/shop", Path: "udp", Network: "203.0.113.0/24", Seconds: 60, MOS: 3.4},
	)
	got := r.Summary(may(1), may(1))
	want := Summary{From: "2026-05-01", To: "2026-05-01", Rows: []Row{
		{Day: "2026-05-01", Entry: "click2talk/link", Path: "relay", Calls: 1, Lines: 1, Minutes: .5, Poor: 1, MOS: 2},
		{Day: "2026-05-01", Entry: "livechat/shop", Path: "udp", Calls: 3, Lines: 4, Minutes: 5, Poor: .5, MOS: 3.7, Loss: 1.5, RTTMS: 15},
	}, Networks: []Network{{Network: "203.0.113.0/24", Lines: 3, Poor: .667, MOS: 3.47}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := r.Summary(may(2), may(9)); len(s.Rows)+len(s.Networks) > 0 {
		t.Errorf("other days have %+v", s)
	}
}

func TestReportForgetsTheOldestDayAndIsBounded(t *testing.T) {
	r := &Report{}
	for i := range MaxDays + 10 {
		data := []byte(`{"call":"c","entry":"e","path":"udp","mos":1,"network":"n"}`)
		if err := r.Apply(journal.Event{Type: "call.line_measured", At: may(1).AddDate(0, 0, i), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.Summary(may(1), may(1).AddDate(2, 0, 0)).Rows); n != MaxDays {
		t.Errorf("%d days are kept, want %d", n, MaxDays)
	}
	day := may(1).AddDate(1, 0, 0)
	for i := range maxNetworks + 50 {
		data := fmt.Appendf(nil, `{"call":"c","entry":"e","path":"udp","mos":1,"network":"n%d"}`, i)
		if err := r.Apply(journal.Event{Type: "call.line_measured", At: day, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.days[day.Format(time.DateOnly)].networks); n != maxNetworks+1 {
		t.Errorf("%d networks of a day are told apart, want %d and the others", n, maxNetworks)
	}
}

func TestDaysAreRead(t *testing.T) {
	for text, want := range map[string]int{"": 30, "1": 1, "400": 400} {
		from, to, err := Days(text)
		if err != nil || int(to.Sub(from).Hours()/24+.5) != want-1 {
			t.Errorf("%q: %v to %v, %v", text, from, to, err)
		}
	}
	for _, text := range []string{"0", "401", "-1", "x"} {
		if _, _, err := Days(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
