// Package emergency is the switch: the company's phone numbers are dead, and every customer is told what is
// broken and what works. It decides and remembers; showing, sending and routing are package live's.
//
//	off ─Set(on)→ on ─Set(on, other texts)→ on ─Set(off)→ off
//
// [Switch] is a fold over the stream "emergency" of the journal and survives a restart by replay. Set is its
// command: it returns the event to append at Version, or nil when nothing would change, so that two people who
// press at the same moment, and a script that tries again, switch once.
//
// An emergency is named by its Number, the position of the event that switched it on. Everything that is done
// once for each emergency carries it in its key, see [Answers].
//
// Texts come from three places, for each language the first that has one: given with the switch, the
// configuration, built in (German and English; they name the company). What a customer is told is the text of
// their language, else of its base ("de" for "de-AT"), else of the company's, else any.
//
// The package is pure: no I/O, no clock, no goroutine, no lock. A Switch belongs to one goroutine at a time.
// Limits are in [Check]; the latest [MaxLog] switches are remembered. Read next: texts.go, answers.go.
package emergency

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"backline/gateway"
	"backline/gateway/wire"
)

// Limits of what is given with the switch.
const (
	MaxText      = 500 // runes of one text
	MaxWhy       = 200 // runes
	MaxLanguages = 16
	MaxLog       = 50 // switches remembered
)

// Request is one press of the switch.
type Request struct {
	On  bool
	By  string // an agent's or a token's name, or "command line"
	Why string // needed to switch on
	// Text is what customers are told, by language. Nil leaves the texts as they are: those of the
	// configuration when it is switched on. An empty text is that of the configuration.
	Text map[string]string
}

// Switch is the state. Make it with New.
type Switch struct {
	texts   Texts
	on      bool
	number  uint64
	version uint64
	since   time.Time
	by, why string
	given   map[string]string
	told    map[string]string // what customers are told, by language
	byTag   map[string]string // the same, by language in small letters
	log     []wire.EmergencySwitch
	count   uint64
}

// New returns the switch of a new journal: off, and never pressed.
func New(t Texts) *Switch {
	s := &Switch{texts: t}
	s.compose()
	return s
}

// Apply folds in one event of the stream "emergency". Events must come in order; one that was applied already
// changes nothing.
func (s *Switch) Apply(pos, version uint64, at time.Time, e gateway.EmergencyChanged) {
	if version <= s.version {
		return
	}
	change := "off"
	switch {
	case e.On && s.on:
		change = "text"
	case e.On:
		change, s.number = "on", pos
	default:
		s.number = 0
	}
	if e.On != s.on || s.since.IsZero() {
		s.since = at
	}
	s.on, s.version, s.by, s.why = e.On, version, e.By, e.Why
	s.given = nil
	if e.On {
		s.given = maps.Clone(e.Text)
	}
	s.count++
	s.log = append(s.log, wire.EmergencySwitch{At: at, Change: change, On: e.On, By: e.By, Why: e.Why, Text: orEmpty(maps.Clone(e.Text))})
	if len(s.log) > MaxLog {
		s.log = slices.Clone(s.log[len(s.log)-MaxLog:])
	}
	s.compose()
}

// Set returns the event that a press of the switch leads to, nil when nothing changes, or a *gateway.Error that
// names the bad field. The event is to be appended at Version.
func (s *Switch) Set(r Request) (gateway.Event, error) {
	if err := Check(r); err != nil {
		return nil, err
	}
	if !r.On {
		if !s.on {
			return nil, nil
		}
		return gateway.EmergencyChanged{By: r.By, Why: strings.TrimSpace(r.Why)}, nil
	}
	text := s.given
	if r.Text != nil {
		text = s.normal(r.Text)
	}
	why := strings.TrimSpace(r.Why)
	switch {
	case s.on && maps.Equal(text, s.given):
		return nil, nil
	case s.on && why == "":
		why = s.why
	case why == "":
		return nil, &gateway.Error{Kind: gateway.Invalid, Field: "why", Msg: "say why, in a few words: it stands in the log and on the colleagues' screens"}
	}
	return gateway.EmergencyChanged{On: true, By: r.By, Why: why, Text: text}, nil
}

// normal leaves out the texts that would be told anyway.
func (s *Switch) normal(given map[string]string) map[string]string {
	out, defaults := map[string]string{}, s.texts.Defaults()
	for tag, text := range given {
		tag, _ = Tag(tag) // Check has seen it
		if text = strings.TrimSpace(text); text != "" && text != defaults[tag] {
			out[tag] = text
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Check says what is wrong with a request, whatever the state.
func Check(r Request) error {
	if err := CheckWhy(r.Why); err != nil {
		return err
	}
	if len(r.Text) > MaxLanguages {
		return &gateway.Error{Kind: gateway.Invalid, Field: "text", Msg: "at most 16 languages"}
	}
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(r.Text)) {
		tag, ok := Tag(key)
		if !ok || seen[tag] {
			return &gateway.Error{Kind: gateway.Invalid, Field: "text", Msg: `texts go by language, like "de" or "pt-BR", one for each`}
		}
		seen[tag] = true
		if wrong := CheckText(r.Text[key]); wrong != "" {
			return &gateway.Error{Kind: gateway.Invalid, Field: "text." + tag, Msg: wrong}
		}
	}
	return nil
}

// CheckWhy judges a reason: one line, at most MaxWhy runes.
func CheckWhy(why string) error {
	switch {
	case utf8.RuneCountInString(why) > MaxWhy:
		return &gateway.Error{Kind: gateway.Invalid, Field: "why", Msg: "at most 200 characters"}
	case !utf8.ValidString(why) || strings.ContainsFunc(why, unicode.IsControl):
		return &gateway.Error{Kind: gateway.Invalid, Field: "why", Msg: "one line, without control characters"}
	}
	return nil
}

// CheckText says what is wrong with a text for customers, "" if nothing is. It may have line breaks.
func CheckText(text string) string {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' }
	switch {
	case utf8.RuneCountInString(text) > MaxText:
		return "at most 500 characters"
	case !utf8.ValidString(text) || strings.ContainsFunc(text, control):
		return "text only, without control characters"
	}
	return ""
}

// On reports whether it is on.
func (s *Switch) On() bool { return s.on }

// Number names the emergency under way; 0 while there is none.
func (s *Switch) Number() uint64 { return s.number }

// Version of the stream, for the append.
func (s *Switch) Version() uint64 { return s.version }

// Switched counts all changes ever made.
func (s *Switch) Switched() uint64 { return s.count }

// State is the switch as consoles show it.
func (s *Switch) State() wire.Emergency {
	e := wire.Emergency{On: s.on, By: s.by, Why: s.why, Text: maps.Clone(s.told)}
	if !s.since.IsZero() {
		since := s.since
		e.Since = &since
	}
	return e
}

// Report is the state with all that led to it.
func (s *Switch) Report() wire.EmergencyReport {
	r := wire.EmergencyReport{Emergency: s.State(), Given: orEmpty(maps.Clone(s.given)), Defaults: s.texts.Defaults(),
		Log: []wire.EmergencySwitch{}}
	for _, l := range slices.Backward(s.log) {
		r.Log = append(r.Log, l)
	}
	return r
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// Put is the request that the body of a PUT asks for.
func Put(b wire.EmergencyPut, by string) (Request, error) {
	if b.On == nil {
		return Request{}, &gateway.Error{Kind: gateway.Invalid, Field: "on", Msg: "say true or false"}
	}
	return Request{On: *b.On, By: by, Why: b.Why, Text: b.Text}, nil
}
