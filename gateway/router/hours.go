package router

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hours say when a queue is open, by the clock on the wall of its time zone. A holiday replaces its whole
// day. Through a change of the clock the wall counts: "08:00" is 08:00 on that day, an hour that is skipped
// is skipped, one that comes twice is open twice.
type Hours struct {
	zone   *time.Location
	week   [7][]span // by time.Weekday
	dates  map[date][]span
	yearly map[date][]span // year 0
}

// span is a part of a day in minutes since midnight; to is at most 24*60 and not part of it.
type span struct{ from, to int }

type date struct {
	year  int
	month time.Month
	day   int
}

const minutesOfDay = 24 * 60

// maxSearchDays bounds NextChange: hours that do not change for longer count as never changing.
const maxSearchDays = 800

// ParseHours reads weekly hours and holidays. zone is an IANA name ("Europe/Berlin"; "" is UTC).
//
//	week      "mon-fri 08:00-18:00", "sat,sun 09:00-12:00 13:00-17:00", "fri 22:00-02:00" (into the next day)
//	holidays  "2026-12-24 08:00-12:00", "2026-12-25" (closed), "12-25" (each year)
func ParseHours(zone string, week, holidays []string) (*Hours, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", zone, err)
	}
	h := &Hours{zone: loc, dates: map[date][]span{}, yearly: map[date][]span{}}
	for _, line := range week {
		if err := h.addWeek(line); err != nil {
			return nil, fmt.Errorf("hours %q: %w", line, err)
		}
	}
	for _, line := range holidays {
		if err := h.addHoliday(line); err != nil {
			return nil, fmt.Errorf("holiday %q: %w", line, err)
		}
	}
	return h, nil
}

func (h *Hours) addWeek(line string) error {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return fmt.Errorf(`want days and times, such as "mon-fri 08:00-18:00"`)
	}
	days, err := parseDays(fields[0])
	if err != nil {
		return err
	}
	for _, f := range fields[1:] {
		s, err := parseSpan(f)
		if err != nil {
			return err
		}
		for _, d := range days {
			if s.from < s.to {
				h.week[d] = append(h.week[d], s)
				continue
			}
			h.week[d] = append(h.week[d], span{s.from, minutesOfDay})
			if s.to > 0 {
				next := (d + 1) % 7
				h.week[next] = append(h.week[next], span{0, s.to})
			}
		}
	}
	return nil
}

func (h *Hours) addHoliday(line string) error {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return fmt.Errorf(`want a date, such as "2026-12-25" or "12-25"`)
	}
	spans := []span{}
	for _, f := range fields[1:] {
		s, err := parseSpan(f)
		if err != nil {
			return err
		}
		if s.to <= s.from {
			return fmt.Errorf("%s: the hours of a holiday end on the same day", f)
		}
		spans = append(spans, s)
	}
	into, d := h.dates, date{}
	if t, err := time.Parse(time.DateOnly, fields[0]); err == nil {
		d = date{t.Year(), t.Month(), t.Day()}
	} else if t, err := time.Parse("2006-01-02", "2000-"+fields[0]); err == nil { // a leap year: 02-29 is a day
		into, d = h.yearly, date{0, t.Month(), t.Day()}
	} else {
		return fmt.Errorf(`date %q: want "2026-12-25" or "12-25"`, fields[0])
	}
	if _, twice := into[d]; twice {
		return fmt.Errorf("the date %s is there twice", fields[0])
	}
	into[d] = spans
	return nil
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func parseDays(s string) ([]int, error) {
	var out []int
	for _, part := range strings.Split(strings.ToLower(s), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(dayNames, first), slices.Index(dayNames, last)
		if from < 0 || to < 0 {
			return nil, fmt.Errorf("days %q: want mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri", part)
		}
		for d := from; ; d = (d + 1) % 7 {
			out = append(out, d)
			if d == to {
				break
			}
		}
	}
	return out, nil
}

func parseSpan(s string) (span, error) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		return span{}, fmt.Errorf(`times %q: want "08:00-18:00"`, s)
	}
	from, err := parseClock(first)
	if err != nil {
		return span{}, err
	}
	to, err := parseClock(last)
	if err != nil {
		return span{}, err
	}
	if from == to || from == minutesOfDay {
		return span{}, fmt.Errorf("times %q: nothing between them (all day is 00:00-24:00)", s)
	}
	return span{from, to}, nil
}

func parseClock(s string) (int, error) {
	hh, mm, ok := strings.Cut(s, ":")
	h, err1 := strconv.ParseUint(hh, 10, 8)
	m, err2 := strconv.ParseUint(mm, 10, 8)
	if !ok || err1 != nil || err2 != nil || len(hh) > 2 || len(mm) != 2 || h > 24 || m > 59 || h*60+m > minutesOfDay {
		return 0, fmt.Errorf("time %q: want 00:00 to 24:00", s)
	}
	return int(h*60 + m), nil
}

func (h *Hours) on(d date, wd time.Weekday) []span {
	if s, ok := h.dates[d]; ok {
		return s
	}
	if s, ok := h.yearly[date{0, d.month, d.day}]; ok {
		return s
	}
	return h.week[wd]
}

// Open reports whether now lies within the hours. Nil hours are always open.
func (h *Hours) Open(now time.Time) bool {
	if h == nil {
		return true
	}
	t := now.In(h.zone)
	y, m, d := t.Date()
	minute := t.Hour()*60 + t.Minute()
	for _, s := range h.on(date{y, m, d}, t.Weekday()) {
		if s.from <= minute && minute < s.to {
			return true
		}
	}
	return false
}

// NextChange returns the first moment after now at which Open changes; zero if it does not within two years.
func (h *Hours) NextChange(now time.Time) time.Time {
	if h == nil {
		return time.Time{}
	}
	open := h.Open(now)
	y, m, d := now.In(h.zone).Date()
	var found time.Time
	for i := range maxSearchDays {
		last := !found.IsZero() // a change of the clock is among the boundaries of both days beside it
		for _, t := range h.boundaries(y, m, d+i) {
			if t.After(now) && h.Open(t) != open && (found.IsZero() || t.Before(found)) {
				found = t
			}
		}
		if last {
			break
		}
	}
	if found.IsZero() {
		return found
	}
	return found.UTC()
}

// boundaries are the moments of one day at which Open may change, in order: its beginning, where its spans
// begin and end, and where the clock is changed.
func (h *Hours) boundaries(y int, m time.Month, d int) []time.Time {
	noon := time.Date(y, m, d, 12, 0, 0, 0, h.zone)
	midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC) // of the wall clock
	early, late := noon.Add(-18*time.Hour), noon.Add(18*time.Hour)
	var offsets []int
	var out []time.Time
	for t := early; ; {
		_, off := t.Zone()
		offsets = append(offsets, off)
		_, end := t.ZoneBounds()
		if end.IsZero() || end.After(late) {
			break
		}
		out = append(out, end)
		t = end.In(h.zone)
	}
	minutes := []int{0}
	yy, mm, dd := noon.Date()
	for _, s := range h.on(date{yy, mm, dd}, noon.Weekday()) {
		minutes = append(minutes, s.from, s.to)
	}
	for _, min := range minutes {
		for _, off := range offsets {
			out = append(out, midnight.Add(time.Duration(min)*time.Minute-time.Duration(off)*time.Second))
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}
