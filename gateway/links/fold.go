package links

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unique"

	"backline/gateway"
	"backline/gateway/journal"
)

// record is a link in memory. A mailing has 100,000 of them, so what repeats is shared and the rest is one
// string.
type record struct {
	id       id
	pos      journal.Pos
	created  int64 // seconds
	expires  int64
	person   string // name, address, number, subject, with zeros between them
	to       unique.Handle[string]
	language unique.Handle[string]
	by       unique.Handle[string]
	campaign *campaign         // nil: none
	as       *gateway.Identity // nil: a person of its own
	key      uint16
	public   bool
	revoked  bool
	meet     bool
}

// campaign is what the links of one mailing have in common. It outlives them: a campaign that was revoked
// stays so.
type campaign struct {
	name    string
	revoked bool
}

func (r *record) over(now time.Time) bool { return now.Unix() >= r.expires }

func newRecord(i id, pos journal.Pos, at time.Time, e gateway.LinkCreated) *record {
	return &record{id: i, pos: pos, created: at.Unix(), expires: e.Expires.Unix(), key: uint16(e.Key), public: e.Public, as: e.As, meet: e.Meet,
		person: strings.Join([]string{e.Contact.Name, e.Contact.Email, e.Contact.Phone, e.Subject}, "\x00"),
		to:     unique.Make(string(e.To)), language: unique.Make(e.Language), by: unique.Make(e.By)}
}

// linkLocked unpacks a record.
func (s *Store) linkLocked(r *record) Link {
	l := Link{ID: r.id.public(), To: gateway.Target(r.to.Value()), Language: r.language.Value(), By: r.by.Value(), Key: int(r.key),
		Public: r.public, Meet: r.meet, As: r.as, Pos: uint64(r.pos), Revoked: r.revoked || s.revoked[int(r.key)],
		CreatedAt: time.Unix(r.created, 0).UTC(), ExpiresAt: time.Unix(r.expires, 0).UTC()}
	if p := strings.Split(r.person, "\x00"); len(p) == 4 { // the fields hold no zeros: check.go
		l.Contact, l.Subject = gateway.LinkContact{Name: p[0], Email: p[1], Phone: p[2]}, p[3]
	}
	if r.campaign != nil {
		l.Campaign, l.Revoked = r.campaign.name, l.Revoked || r.campaign.revoked
	}
	return l
}

// Apply folds in one event of the journal. Events of other packages and types that this version does not
// know are skipped; the error is that of an event of ours that cannot be read.
func (s *Store) Apply(e journal.Event) error {
	if !strings.HasPrefix(e.Stream, "link/") && !strings.HasPrefix(e.Stream, "links/") {
		return nil
	}
	ev, err := gateway.DecodeEvent(e.Type, e.Data)
	if err != nil {
		if errors.Is(err, gateway.ErrUnknownEvent) {
			return nil
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foldLocked(e.Pos, e.At, ev)
	return nil
}

// Replayed says that the journal has been read: from now on a link that is not known has expired.
func (s *Store) Replayed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replayed = true
}

// foldLocked is the fold proper. It may see an event twice: when we wrote it and when the tail brings it.
func (s *Store) foldLocked(pos journal.Pos, at time.Time, ev gateway.Event) {
	switch ev := ev.(type) {
	case gateway.LinkCreated:
		s.createdLocked(pos, at, ev)
	case gateway.LinkRevoked:
		s.revokedLocked(ev)
	}
}

// unordered is what positions are above of links that are durable and have no place among several nodes yet: they come
// after all others, until the tail brings them. In JSON they are exact still.
const unordered journal.Pos = 1 << 52

func (s *Store) createdLocked(pos journal.Pos, at time.Time, ev gateway.LinkCreated) {
	now := time.Now()
	s.sweepLocked(now)
	i, ok := parseID(ev.Link)
	old := s.links[i]
	if old != nil && old.pos > unordered && pos < unordered {
		s.order = slices.DeleteFunc(s.order, func(r *record) bool { return r == old })
		old.pos = pos
		s.orderLocked(old)
		return
	}
	if !ok || !now.Before(ev.Expires) || old != nil && (old.pos >= pos || !old.over(now)) {
		return
	}
	if old != nil {
		s.order = slices.DeleteFunc(s.order, func(r *record) bool { return r == old })
	}
	r := newRecord(i, pos, at, ev)
	if ev.Campaign != "" {
		r.campaign = s.campaignLocked(ev.Campaign)
	}
	s.links[i] = r
	s.orderLocked(r)
	if r.public {
		s.public[ev.To] = r
	}
}

// orderLocked puts a link in its place. Of two that were written at the same moment the later may have been applied first.
func (s *Store) orderLocked(r *record) {
	at := len(s.order)
	for at > 0 && s.order[at-1].pos > r.pos {
		at--
	}
	s.order = slices.Insert(s.order, at, r)
}

func (s *Store) campaignLocked(name string) *campaign {
	c := s.campaigns[name]
	if c == nil {
		c = &campaign{name: name}
		s.campaigns[name] = c
	}
	return c
}

func (s *Store) revokedLocked(ev gateway.LinkRevoked) {
	switch {
	case ev.Campaign != "":
		s.campaignLocked(ev.Campaign).revoked = true
	case ev.Key != 0:
		s.revoked[ev.Key] = true
	default:
		if i, ok := parseID(ev.Link); ok && s.links[i] != nil {
			s.links[i].revoked = true
		}
	}
}

// sweepEvery is how often expired links are looked for. It is done while making others: who makes none does
// not grow.
const sweepEvery = 10 * time.Minute

func (s *Store) sweepLocked(now time.Time) {
	if now.Before(s.sweepAt) {
		return
	}
	s.sweepAt = now.Add(sweepEvery)
	s.order = slices.DeleteFunc(s.order, func(r *record) bool {
		if !r.over(now) {
			return false
		}
		delete(s.links, r.id)
		if to := gateway.Target(r.to.Value()); s.public[to] == r {
			delete(s.public, to)
		}
		return true
	})
}
