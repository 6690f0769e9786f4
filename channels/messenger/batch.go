package messenger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/quickjson"
)

// Limits of facts.
const (
	maxKeyBytes   = 256        // of a gateway.Fact
	maxRawBytes   = 64 << 10   // of a gateway.RawKept
	maxEventBytes = 1000 << 10 // the journal takes 1 MiB an event
	maxTextBytes  = 128 << 10  // a person's text; Messenger itself stops far below
	maxKindBytes  = 64

	// plainEventBytes is the size of an event of Meta's up to which ours cannot be too large: a byte grows to six
	// at most ("\u003c").
	plainEventBytes = 64 << 10
)

// parser turns one body into facts.
type parser struct {
	c     *Channel
	now   time.Time // receive time, stands in where Meta's is unusable
	facts []timed
}

// timed is a fact and when it happened, as far as known: after an outage Meta delivers out of order.
type timed struct {
	at   time.Time
	fact gateway.Fact
}

// entry is one page's share of a body.
type entry struct {
	ID        ident
	Time      stamp
	Messaging json.RawMessage
	Standby   json.RawMessage
	Changes   json.RawMessage
}

// parse reads a body that Meta signed. The error is a *gateway.Error and means that the body as a whole is
// nothing we know; whatever is wrong inside becomes a RawKept. Facts come in the order in which things
// happened, then of arrival. The same event yields facts of the same keys whenever and in whatever company
// it comes.
func (c *Channel) parse(body []byte, now time.Time) ([]gateway.Fact, error) {
	if facts, ok := c.parseUsual(body, now); ok {
		return facts, nil
	}
	return c.parseAny(body, now)
}

func (c *Channel) parseAny(body []byte, now time.Time) ([]gateway.Fact, error) {
	var b struct {
		Object someText
		Entry  json.RawMessage
	}
	if len(body) == 0 || body[0] != '{' || quickjson.Unmarshal(body, &b) != nil {
		return nil, gateway.Errorf(gateway.Invalid, "the body is not a JSON object")
	}
	if b.Object != "page" {
		return nil, gateway.Errorf(gateway.NotFound, "only events of pages are taken here")
	}
	p := &parser{c: c, now: now}
	for raw := range p.list(b.Entry, "no_entry", body) {
		p.entry(raw)
	}
	return p.sorted(), nil
}

// parseUsual reads in one go what nearly all bodies are: entries that have a list of messaging and no more. Not ok
// is any other body, good or bad.
func (c *Channel) parseUsual(body []byte, now time.Time) ([]gateway.Fact, bool) {
	var b struct {
		Object someText
		Entry  []struct {
			ID        ident
			Time      stamp
			Messaging []json.RawMessage
			Standby   json.RawMessage
			Changes   json.RawMessage
		}
	}
	if len(body) == 0 || body[0] != '{' || quickjson.Unmarshal(body, &b) != nil || b.Object != "page" || len(b.Entry) == 0 {
		return nil, false
	}
	for _, e := range b.Entry {
		if len(e.Messaging) == 0 || len(e.Standby)+len(e.Changes) > 0 {
			return nil, false
		}
	}
	p := &parser{c: c, now: now}
	for _, e := range b.Entry {
		for _, ev := range e.Messaging {
			p.event(ev, string(e.ID), e.Time.or(now), false)
		}
	}
	return p.sorted(), true
}

// sorted are the facts in the order in which things happened, then of arrival.
func (p *parser) sorted() []gateway.Fact {
	slices.SortStableFunc(p.facts, func(a, b timed) int { return a.at.Compare(b.at) })
	facts := make([]gateway.Fact, len(p.facts))
	for i, t := range p.facts {
		facts[i] = t.fact
	}
	return facts
}

// list yields the elements of an array. What is none is kept raw.
func (p *parser) list(array json.RawMessage, kind string, whole []byte) func(func(json.RawMessage) bool) {
	var all []json.RawMessage
	if quickjson.Unmarshal(array, &all) != nil || all == nil {
		p.raw(p.now, gateway.Identity{}, "", kind, whole)
	}
	return slices.Values(all)
}

func (p *parser) entry(raw json.RawMessage) {
	var e entry
	if quickjson.Unmarshal(raw, &e) != nil {
		p.raw(p.now, gateway.Identity{}, "", "bad_entry", raw)
		return
	}
	at := e.Time.or(p.now)
	if len(e.Messaging)+len(e.Standby)+len(e.Changes) == 0 {
		p.raw(at, gateway.Identity{}, string(e.ID), "no_events", raw)
		return
	}
	if len(e.Messaging) > 0 {
		for ev := range p.list(e.Messaging, "bad_messaging", raw) {
			p.event(ev, string(e.ID), at, false)
		}
	}
	if len(e.Standby) > 0 {
		for ev := range p.list(e.Standby, "bad_standby", raw) {
			p.event(ev, string(e.ID), at, true)
		}
	}
	if len(e.Changes) > 0 {
		for ch := range p.list(e.Changes, "bad_changes", raw) {
			f := fieldsOf(ch)
			p.raw(at, gateway.Identity{}, string(e.ID), strings.TrimSuffix("changes."+string(get[someText](f, "field")), "."), ch)
		}
	}
}

// event is one element of messaging or standby with its envelope read.
type event struct {
	p       *parser
	raw     json.RawMessage
	page    string
	person  string // "" when nobody is named
	at      time.Time
	ts      string // the timestamp as it came, for keys
	standby bool
	fromUs  bool // the page is the sender
}

func (p *parser) event(raw json.RawMessage, page string, at time.Time, standby bool) {
	fields := fieldsOf(raw)
	if fields == nil {
		p.raw(at, gateway.Identity{}, page, "bad_event", raw)
		return
	}
	ts := get[stamp](fields, "timestamp")
	sender, recipient := party(fields, "sender"), party(fields, "recipient")
	e := &event{p: p, raw: raw, page: cmp.Or(page, recipient), person: sender, at: ts.or(at), ts: ts.text, standby: standby}
	if sender != "" && sender == e.page {
		e.person, e.fromUs = recipient, true
	}
	switch {
	case !slices.Contains(p.c.o.Pages, e.page):
		e.person = ""
		e.keep("unknown_page")
	case !e.fromUs && recipient != "" && recipient != e.page:
		e.person = ""
		e.keep("page_mismatch")
	default:
		e.dispatch(fields, ts)
	}
}

// party reads sender.id or recipient.id.
func party(fields map[string]json.RawMessage, name string) string {
	return string(get[ident](fieldsOf(fields[name]), "id"))
}

// dispatch gives each part of an event to its handler. What has none is kept raw under its own name.
func (e *event) dispatch(fields map[string]json.RawMessage, ts stamp) {
	var unknown []string
	known := 0
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		handle, ok := handlers[name]
		switch {
		case name == "sender" || name == "recipient" || name == "timestamp":
		case !ok:
			unknown = append(unknown, name)
		default:
			known++
			if why := handle(e, fieldsOf(fields[name]), ts.or(e.p.now)); why != "" {
				e.keep(why)
			}
		}
	}
	for _, name := range unknown {
		e.keep(name)
	}
	if known+len(unknown) == 0 {
		e.keep("no_kind")
	}
}

// identity is who the event is about; zero when nobody is named.
func (e *event) identity() gateway.Identity {
	if e.person == "" {
		return gateway.Identity{}
	}
	return gateway.Identity{Channel: gateway.ChannelMessenger, Account: e.page, Remote: e.person}
}

// add adds a fact about the person, or about the channel when nobody is named.
func (e *event) add(key string, ev gateway.Event) {
	if len(e.raw) > plainEventBytes {
		if data, err := json.Marshal(ev); err != nil || len(data) > maxEventBytes {
			e.keep("too_large") // it must not stop its neighbours
			return
		}
	}
	e.p.facts = append(e.p.facts, timed{e.at, gateway.Fact{Key: key, Channel: gateway.ChannelMessenger, Identity: e.identity(), Event: ev}})
}

// keep keeps the event as it came.
func (e *event) keep(kind string) { e.p.raw(e.at, e.identity(), e.page, kind, e.raw) }

// own makes a key for what Meta gives no id: its time and a hash of the event, which comes again unchanged.
func (e *event) own(kind string) string {
	return factKey(e.page, kind, e.person, strings.ToValidUTF8(clip(e.ts, 32), "?"), hash(e.raw))
}

func (p *parser) raw(at time.Time, who gateway.Identity, page, kind string, raw []byte) {
	kind = clean(kind, maxKindBytes)
	p.facts = append(p.facts, timed{at, gateway.Fact{
		Key: factKey(page, "raw", kind, hash(raw)), Channel: gateway.ChannelMessenger, Identity: who,
		Event: gateway.RawKept{Channel: gateway.ChannelMessenger, Kind: kind, Raw: storable(raw)},
	}})
}

// storable is raw JSON in valid UTF-8. Of what is too long, or nested too deep to be read inside an event, the
// beginning is kept, as a string.
func storable(raw []byte) json.RawMessage {
	raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	if len(raw) <= maxRawBytes && json.Valid(slices.Concat([]byte("[["), raw, []byte("]]"))) {
		return raw
	}
	head := clip(string(raw), maxRawBytes/2) // quotes grow when escaped
	cut, err := json.Marshal(map[string]any{"bytes": len(raw), "beginning": head})
	if err != nil {
		return json.RawMessage(`null`)
	}
	return cut
}

// factKey joins parts to "messenger/PAGE/…", or to a hash of them where that is too long.
func factKey(page string, parts ...string) string {
	key := gateway.ChannelMessenger + "/" + cmp.Or(page, "-") + "/" + strings.Join(parts, "/")
	if len(key) <= maxKeyBytes {
		return key
	}
	return gateway.ChannelMessenger + "/long/" + hash([]byte(key))
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// fieldsOf reads a JSON object; nil when it is none.
func fieldsOf(raw json.RawMessage) map[string]json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	var f map[string]json.RawMessage
	if quickjson.Unmarshal(raw, &f) != nil {
		return nil
	}
	return f
}

// get reads one field. A field that is missing or of another type is the zero value: the rest still counts.
func get[T any](fields map[string]json.RawMessage, name string) T {
	var v, zero T
	if raw, ok := fields[name]; !ok || quickjson.Unmarshal(raw, &v) != nil {
		return zero
	}
	return v
}
