package router_test

import (
	"strings"
	"testing"
	"time"

	"backline/gateway/router"
)

func hours(t testing.TB, zone, week, holidays string) *router.Hours {
	t.Helper()
	h, err := router.ParseHours(zone, lines(week), lines(holidays))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ";")
}

func at(t testing.TB, zone, s string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	v, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestHoursFollowTheWallClock(t *testing.T) {
	const zone = "Europe/Berlin"
	week := "mon-fri 08:00-18:00;sat 09:00-12:00 13:00-14:00;fri 22:00-02:00"
	holidays := "2026-12-24 08:00-12:00;2026-12-25;01-01"
	h := hours(t, zone, week, holidays)
	for _, c := range []struct {
		now  string
		open bool
		next string
	}{
		{"2026-05-04 07:59", false, "2026-05-04 08:00"}, // Monday
		{"2026-05-04 08:00", true, "2026-05-04 18:00"},
		{"2026-05-04 18:00", false, "2026-05-05 08:00"},
		{"2026-05-08 23:00", true, "2026-05-09 02:00"}, // Friday night
		{"2026-05-09 12:30", false, "2026-05-09 13:00"},
		{"2026-05-09 14:00", false, "2026-05-11 08:00"},
		{"2026-12-24 11:00", true, "2026-12-24 12:00"},
		{"2026-12-24 12:00", false, "2026-12-26 00:00"}, // the night of Friday 25 is closed, Saturday has its first two hours
		{"2027-01-01 10:00", false, "2027-01-02 00:00"},
		{"2026-03-27 18:30", false, "2026-03-27 22:00"}, // before the clock is put forward
		{"2026-03-28 14:00", false, "2026-03-30 08:00"},
	} {
		now := at(t, zone, c.now)
		if got := h.Open(now); got != c.open {
			t.Errorf("Open(%s) = %v, want %v", c.now, got, c.open)
		}
		if got, want := h.NextChange(now), at(t, zone, c.next); !got.Equal(want) {
			t.Errorf("NextChange(%s) = %v, want %v", c.now, got, want)
		}
	}
}

func TestHoursThroughAChangeOfTheClock(t *testing.T) {
	spring := hours(t, "Europe/Berlin", "sun 02:30-04:00", "") // 02:00 to 03:00 does not exist on 29 March
	if got, want := spring.NextChange(time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("opens %v, want %v: at 03:00 summer time", got, want)
	}
	autumn := hours(t, "Europe/Berlin", "sun 02:00-02:30", "") // 02:00 to 03:00 comes twice on 25 October
	var changes []string
	for now := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC); len(changes) < 4; {
		now = autumn.NextChange(now)
		changes = append(changes, now.Format("15:04"))
	}
	if got, want := strings.Join(changes, " "), "00:00 00:30 01:00 01:30"; got != want {
		t.Errorf("changes %s, want %s", got, want)
	}
}

// Through a whole year, and wherever the clock is changed: each opening and closing happens once, at its minute, and none is
// missed.
func TestHoursChangeOnceEachThroughAYear(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"} { // half an hour; twice a year more
		h := hours(t, zone, "mon-fri 08:00-18:00;sun 01:15-02:45;sat 22:00-02:30", "2026-12-25")
		begin, end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		next, changes := h.NextChange(begin), 0
		for now, open := begin, h.Open(begin); now.Before(end); now = now.Add(time.Minute) {
			if is := h.Open(now); is != open {
				if open = is; !next.Equal(now) {
					t.Fatalf("%s: at %v it is open: %v; the change was announced for %v", zone, now, is, next)
				}
				next, changes = h.NextChange(now), changes+1
			}
		}
		if changes < 500 || next.Before(end) {
			t.Errorf("%s: %d changes, the next at %v", zone, changes, next)
		}
	}
}

func TestHoursThatNeverChange(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	always, never := hours(t, "", "mon-sun 00:00-24:00", ""), hours(t, "", "", "")
	if !always.Open(now) || !always.NextChange(now).IsZero() {
		t.Errorf("all day, every day: open %v until %v", always.Open(now), always.NextChange(now))
	}
	if never.Open(now) || !never.NextChange(now).IsZero() {
		t.Errorf("no hours: open %v, next %v", never.Open(now), never.NextChange(now))
	}
	var none *router.Hours
	if !none.Open(now) || !none.NextChange(now).IsZero() {
		t.Error("nil hours are not always open")
	}
}

func TestParseHoursSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ zone, week, holidays, want string }{
		{"Mars/Olympus", "", "", "time zone"},
		{"", "mon-fry 08:00-18:00", "", `days "mon-fry"`},
		{"", "mon-fri", "", "want days and times"},
		{"", "mon 8-18", "", `time "8"`},
		{"", "mon 08:00", "", `times "08:00"`},
		{"", "mon 08:00-24:01", "", `time "24:01"`},
		{"", "mon 08:00-08:00", "", "nothing between"},
		{"", "", "2026-02-30", `date "2026-02-30"`},
		{"", "", "2026-12-25;2026-12-25", "twice"},
		{"", "", "2026-12-24 22:00-02:00", "same day"},
	} {
		_, err := router.ParseHours(c.zone, lines(c.week), lines(c.holidays))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseHours(%q, %q, %q) = %v, want %q in it", c.zone, c.week, c.holidays, err, c.want)
		}
	}
}

// FuzzParseHours compares NextChange with a walk minute by minute.
func FuzzParseHours(f *testing.F) {
	f.Add("Europe/Berlin", "mon-fri 08:00-18:00;sat 09:00-12:00", "2026-12-25;01-01", int64(1_774_700_000))
	f.Add("America/St_Johns", "sun 00:00-03:00;sat-sun 22:00-24:00", "03-08 01:30-02:30", int64(1_772_900_000))
	f.Add("Australia/Lord_Howe", "sun 01:15-02:15", "", int64(1_775_300_000))
	f.Add("", "fri 22:00-02:00", "", int64(0))
	f.Fuzz(func(t *testing.T, zone, week, holidays string, unix int64) {
		h, err := router.ParseHours(zone, lines(week), lines(holidays))
		if err != nil {
			return
		}
		now := time.Unix(unix%4_000_000_000/60*60, 0)
		next, open := h.NextChange(now), h.Open(now)
		for m := now.Add(time.Minute); m.Before(now.Add(30 * time.Hour)); m = m.Add(time.Minute) {
			_, offset := m.In(now.Location()).Zone()
			if offset%60 != 0 {
				return // old local mean times have seconds
			}
			if h.Open(m) == open {
				continue
			}
			if !next.After(m.Add(-time.Minute)) || next.After(m) {
				t.Fatalf("%q %q %q: NextChange(%v) = %v, the walk finds %v", zone, week, holidays, now, next, m)
			}
			return
		}
		if !next.IsZero() && next.Before(now.Add(30*time.Hour-time.Minute)) {
			t.Fatalf("%q %q %q: NextChange(%v) = %v, the walk finds none", zone, week, holidays, now, next)
		}
	})
}
