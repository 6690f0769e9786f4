package chaos

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Ledger is what the world outside knows: what it has sent, what it was told is safe, what it was shown. Every
// text is said once and is its own name. All methods may be called from any goroutine.
type Ledger struct {
	mu    sync.Mutex
	said  map[string]*saying                    // by text
	shown map[string]map[string]map[string]bool // viewer → text → ids of items that show it
	acks  []time.Time                           // in order
}

// saying is one text on its way; zero times have not come yet.
type saying struct {
	sent, acked, seen time.Time
	refused           bool // the gateway said no: it need not be anywhere
}

// NewLedger returns an empty one.
func NewLedger() *Ledger {
	return &Ledger{said: map[string]*saying{}, shown: map[string]map[string]map[string]bool{}}
}

// Sent notes that a text is on its way, for the first time or again.
func (l *Ledger) Sent(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(text, time.Now())
}

// Acked notes that a text was acknowledged.
func (l *Ledger) Acked(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if s := l.of(text, now); s.acked.IsZero() {
		s.acked = now
		l.acks = append(l.acks, now)
	}
}

// Refused notes that the gateway did not want a text, and said so.
func (l *Ledger) Refused(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(text, time.Now()).refused = true
}

// Shown notes that an item was shown to somebody. The same item again is what pages replace.
func (l *Ledger) Shown(viewer, item, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.said[text]; s != nil && s.seen.IsZero() {
		s.seen = time.Now()
	}
	texts := l.shown[viewer]
	if texts == nil {
		texts = map[string]map[string]bool{}
		l.shown[viewer] = texts
	}
	if texts[text] == nil {
		texts[text] = map[string]bool{}
	}
	texts[text][item] = true
}

func (l *Ledger) of(text string, now time.Time) *saying {
	s := l.said[text]
	if s == nil {
		s = &saying{sent: now}
		l.said[text] = s
	}
	return s
}

// Acknowledged are the texts that were.
func (l *Ledger) Acknowledged() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for text, s := range l.said {
		if !s.acked.IsZero() {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

// Gap is the longest time between two moments in which nobody was acknowledged anything, up to the last
// acknowledgement.
func (l *Ledger) Gap(after, until time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var longest time.Duration
	last := after
	for _, at := range l.acks {
		if at.After(after) && at.Before(until) {
			longest, last = max(longest, at.Sub(last)), at
		}
	}
	return longest
}

// AckedBetween counts what was acknowledged between two moments.
func (l *Ledger) AckedBetween(from, to time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, at := range l.acks {
		if at.After(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// Acknowledging is how long texts that were sent after a moment waited for their acknowledgement: the share p of them
// waited no longer.
func (l *Ledger) Acknowledging(after time.Time, p float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var took []time.Duration
	for _, s := range l.said {
		if s.sent.After(after) && !s.acked.IsZero() {
			took = append(took, s.acked.Sub(s.sent))
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(p*float64(len(took))))]
}

// Rate is how many texts were acknowledged in each second after a moment.
func (l *Ledger) Rate(after time.Time) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []int
	for _, at := range l.acks {
		if at.After(after) {
			for i := int(at.Sub(after) / time.Second); len(out) <= i; {
				out = append(out, 0)
			}
			out[int(at.Sub(after)/time.Second)]++
		}
	}
	return out
}

// Screen is the longest way of a text that was sent after a moment to the first screen that showed it; what has
// reached none does not count.
func (l *Ledger) Screen(after time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var longest time.Duration
	for _, s := range l.said {
		if s.sent.After(after) && !s.seen.IsZero() {
			longest = max(longest, s.seen.Sub(s.sent))
		}
	}
	return longest
}

// View is what one place shows at the end: the ids of its items by their text.
type View struct {
	Of    string
	Items map[string][]string
}

// Report is what a run has come to. Each of the lists must be empty.
type Report struct {
	Sent, Acked, Live int      // texts; Live: of Acked, those that some screen showed while the load went on
	Silent            []string // sent, and never acknowledged although all was well at the end
	Lost              []string // acknowledged, and missing in a view
	Doubled           []string // shown twice to somebody, or twice in a view
	Strange           []string // shown, and never sent
	FirstLost         string   // a text of Lost: of those that are missing the one that was sent first
}

// Good reports whether nothing is wrong.
func (r Report) Good() bool {
	return len(r.Silent)+len(r.Lost)+len(r.Doubled)+len(r.Strange) == 0
}

// String is the report for people; of what is wrong the first few are named.
func (r Report) String() string {
	text := fmt.Sprintf("%d sent, %d acknowledged, %d of them on a screen at once; lost %d, doubled %d, never acknowledged %d, from nowhere %d",
		r.Sent, r.Acked, r.Live, len(r.Lost), len(r.Doubled), len(r.Silent), len(r.Strange))
	for name, list := range map[string][]string{"lost": r.Lost, "doubled": r.Doubled, "never acknowledged": r.Silent, "from nowhere": r.Strange} {
		for _, what := range list[:min(len(list), 8)] {
			text += "\n  " + name + ": " + what
		}
	}
	return text
}

// Check holds what was seen, and the views, against what was sent.
func (l *Ledger) Check(views []View) Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Report{Sent: len(l.said)}
	var first time.Time
	for text, s := range l.said {
		if s.acked.IsZero() {
			if !s.refused {
				r.Silent = append(r.Silent, text)
			}
			continue
		}
		r.Acked++
		if !s.seen.IsZero() {
			r.Live++
		}
		for _, v := range views {
			if len(v.Items[text]) == 0 {
				r.Lost = append(r.Lost, fmt.Sprintf("%q at %s", text, v.Of))
				if first.IsZero() || s.sent.Before(first) {
					first, r.FirstLost = s.sent, text
				}
			}
		}
	}
	all := slices.Clone(views)
	for viewer, texts := range l.shown {
		v := View{Of: viewer, Items: map[string][]string{}}
		for text, ids := range texts {
			for id := range ids {
				v.Items[text] = append(v.Items[text], id)
			}
		}
		all = append(all, v)
	}
	for _, v := range all {
		for text, ids := range v.Items {
			if len(ids) > 1 {
				r.Doubled = append(r.Doubled, fmt.Sprintf("%q at %s as %v", text, v.Of, ids))
			}
			if l.said[text] == nil {
				r.Strange = append(r.Strange, fmt.Sprintf("%q at %s", text, v.Of))
			}
		}
	}
	for _, list := range []*[]string{&r.Silent, &r.Lost, &r.Doubled, &r.Strange} {
		slices.Sort(*list)
	}
	return r
}
