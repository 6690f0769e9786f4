package quality

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
)

const (
	// MaxDays is how far a report goes back.
	MaxDays = 400
	// maxNetworks of one day are told apart; further ones count as "other".
	maxNetworks = 2000
	// worstNetworks are shown, of those with at least fewLines lines: one bad line is no bad network.
	worstNetworks = 20
	fewLines      = 3
)

// Row is the lines of one day, entry and path.
type Row struct {
	Day     string  `json:"day"`   // UTC, 2006-01-02
	Entry   string  `json:"entry"` // "livechat/shop"
	Path    string  `json:"path"`  // udp, tcp, relay
	Calls   int     `json:"calls"`
	Lines   int     `json:"lines"` // of customers and agents
	Minutes float64 `json:"minutes"`
	Poor    float64 `json:"poor"` // share of lines below Poor, 0 to 1
	MOS     float64 `json:"mos"`  // mean
	Loss    float64 `json:"loss"` // mean of the worse direction, percent
	RTTMS   float64 `json:"rtt_ms"`
}

// Network is the lines of customers of one network.
type Network struct {
	Network string  `json:"network"` // "203.0.113.0/24", "2001:db8:1::/48"
	Lines   int     `json:"lines"`
	Poor    float64 `json:"poor"`
	MOS     float64 `json:"mos"`
}

// Summary is a report.
type Summary struct {
	From     string    `json:"from"`
	To       string    `json:"to"`
	Rows     []Row     `json:"rows"`     // newest first
	Networks []Network `json:"networks"` // worst first
}

// Report counts the lines that the journal has. The zero Report is empty.
type Report struct {
	mu   sync.Mutex
	days map[string]*day // guarded by mu
}

type day struct {
	rows     map[rowKey]*sums
	networks map[string]*sums
	calls    map[gateway.CallID]struct{} // of the newest day only
}

type rowKey struct{ entry, path string }

type sums struct {
	calls, lines, poor int
	seconds            int
	mos, loss, rtt     float64
}

func (s *sums) add(e gateway.LineMeasured) {
	s.lines++
	s.seconds += e.Seconds
	if e.MOS < Poor {
		s.poor++
	}
	s.mos, s.loss, s.rtt = s.mos+e.MOS, s.loss+max(e.LossIn, e.LossOut), s.rtt+e.RTTMS
}

func (s *sums) plus(o *sums) {
	s.lines, s.poor, s.mos = s.lines+o.lines, s.poor+o.poor, s.mos+o.mos
}

// Apply takes an event of the journal; events of other kinds are none of its business.
func (r *Report) Apply(e journal.Event) error {
	if e.Type != (gateway.LineMeasured{}).EventType() {
		return nil
	}
	var m gateway.LineMeasured
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return fmt.Errorf("read how good a line was: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dayLocked(e.At.UTC().Format(time.DateOnly)).add(m)
	return nil
}

// dayLocked finds or begins a day; the oldest goes for it, and the others need their calls no more.
func (r *Report) dayLocked(name string) *day {
	if d := r.days[name]; d != nil {
		return d
	}
	if r.days == nil {
		r.days = map[string]*day{}
	}
	for _, d := range r.days {
		d.calls = nil
	}
	if len(r.days) >= MaxDays {
		delete(r.days, slices.Min(slices.Collect(maps.Keys(r.days))))
	}
	d := &day{rows: map[rowKey]*sums{}, networks: map[string]*sums{}, calls: map[gateway.CallID]struct{}{}}
	r.days[name] = d
	return d
}

func (d *day) add(m gateway.LineMeasured) {
	s := at(d.rows, rowKey{m.Entry, m.Path})
	s.add(m)
	if _, again := d.calls[m.Call]; !again { // a call counts where its first line ended
		s.calls++
		if d.calls != nil {
			d.calls[m.Call] = struct{}{}
		}
	}
	if m.Agent != "" || m.Network == "" {
		return
	}
	name := m.Network
	if len(d.networks) >= maxNetworks && d.networks[name] == nil {
		name = "other"
	}
	at(d.networks, name).add(m)
}

func at[K comparable](m map[K]*sums, k K) *sums {
	if m[k] == nil {
		m[k] = &sums{}
	}
	return m[k]
}

// Days reads how many days back a report goes, "" for 30.
func Days(text string) (from, to time.Time, err error) {
	days := 30
	if text != "" {
		if days, err = strconv.Atoi(text); err != nil || days < 1 || days > MaxDays {
			return from, to, &gateway.Error{Kind: gateway.Invalid, Field: "days", Msg: fmt.Sprintf("days are 1 to %d", MaxDays)}
		}
	}
	to = time.Now()
	return to.AddDate(0, 0, 1-days), to, nil
}

// Summary is the report of the days from … to, both included.
func (r *Report) Summary(from, to time.Time) Summary {
	out := Summary{From: from.UTC().Format(time.DateOnly), To: to.UTC().Format(time.DateOnly), Rows: []Row{}, Networks: []Network{}}
	networks := map[string]*sums{}
	r.mu.Lock()
	for name, d := range r.days {
		if name < out.From || name > out.To {
			continue
		}
		for k, s := range d.rows {
			out.Rows = append(out.Rows, s.row(name, k))
		}
		for n, s := range d.networks {
			at(networks, n).plus(s)
		}
	}
	r.mu.Unlock()
	slices.SortFunc(out.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Day, a.Day), cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Path, b.Path))
	})
	out.Networks = worst(networks)
	return out
}

func (s *sums) row(day string, k rowKey) Row {
	n := float64(s.lines)
	return Row{Day: day, Entry: k.entry, Path: k.path, Calls: s.calls, Lines: s.lines, Minutes: round(float64(s.seconds)/60, 10),
		Poor: round(float64(s.poor)/n, 1000), MOS: round(s.mos/n, 100), Loss: round(s.loss/n, 100), RTTMS: round(s.rtt/n, 10)}
}

func worst(all map[string]*sums) []Network {
	out := []Network{}
	for name, s := range all {
		if s.lines >= fewLines && s.poor > 0 {
			n := float64(s.lines)
			out = append(out, Network{name, s.lines, round(float64(s.poor)/n, 1000), round(s.mos/n, 100)})
		}
	}
	slices.SortFunc(out, func(a, b Network) int {
		return cmp.Or(cmp.Compare(b.Poor, a.Poor), cmp.Compare(a.MOS, b.MOS), cmp.Compare(a.Network, b.Network))
	})
	return out[:min(len(out), worstNetworks)]
}
