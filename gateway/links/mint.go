package links

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/gateway"
	"backline/gateway/journal"
)

// appendsAtOnce is how many appends of a Mint are under way: they share the journal's fsync.
const appendsAtOnce = 8

// Create makes one link. The error is a *gateway.Error that names the bad field.
func (s *Store) Create(ctx context.Context, p Spec) (Link, error) {
	made, err := s.Mint(ctx, []Spec{p})
	if err != nil {
		if e, ok := errors.AsType[*SpecError](err); ok {
			err = e.Err
		}
		return Link{}, err
	}
	return made[0], nil
}

// SpecError is what is wrong with one of several specs.
type SpecError struct {
	Index int
	Err   error // a *gateway.Error
}

func (e *SpecError) Error() string { return fmt.Sprintf("link %d: %v", e.Index+1, e.Err) }
func (e *SpecError) Unwrap() error { return e.Err }

// Mint makes many links, in the order of specs. It checks all before it writes any; the error of a bad one is
// a *SpecError. When writing fails a part may have been made: specs with a Key can simply be minted again.
func (s *Store) Mint(ctx context.Context, specs []Spec) ([]Link, error) {
	if len(specs) > MaxMint {
		return nil, gateway.Errorf(gateway.TooLarge, "at most %d links at once", MaxMint)
	}
	for i := range specs {
		p := specs[i]
		if err := s.check(&p); err != nil {
			return nil, &SpecError{Index: i, Err: err}
		}
		specs[i] = p
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	return s.mint(ctx, specs)
}

// begin waits for whoever makes links now. Before the journal is read nobody can tell which are there.
func (s *Store) begin(ctx context.Context) error {
	s.mu.RLock()
	replayed := s.replayed
	s.mu.RUnlock()
	if !replayed {
		return errStarting()
	}
	select {
	case s.making <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "other links are being made; try again", Err: ctx.Err()}
	}
}

func (s *Store) end() { <-s.making }

// mint makes checked specs; the caller holds the semaphore.
func (s *Store) mint(ctx context.Context, specs []Spec) ([]Link, error) {
	now := time.Now().UTC().Truncate(time.Second)
	ids, fresh, err := s.plan(specs, now)
	if err != nil {
		return nil, err
	}
	if err := s.append(ctx, fresh, now); err != nil {
		return nil, err
	}
	out := make([]Link, len(ids))
	s.mu.RLock()
	defer s.mu.RUnlock()
	for n, i := range ids {
		r, ok := s.links[i]
		if !ok {
			return nil, gateway.Errorf(gateway.Internal, "a link was made and is not there")
		}
		out[n] = s.linkLocked(r)
	}
	return out, nil
}

// plan finds the id of each spec, and the events of those that are not there yet.
func (s *Store) plan(specs []Spec, now time.Time) ([]id, []gateway.LinkCreated, error) {
	key, ids, planned := s.o.Ring.current(), make([]id, len(specs)), map[id]bool{}
	var fresh []gateway.LinkCreated
	s.mu.RLock()
	defer s.mu.RUnlock()
	for n, p := range specs {
		if c := s.campaigns[p.Campaign]; c != nil && c.revoked {
			return nil, nil, &SpecError{n, &gateway.Error{Kind: gateway.Conflicting, Field: "campaign",
				Msg: "the links of this campaign were taken back; begin another"}}
		}
		if p.Key != "" {
			ids[n] = s.o.Ring.idOf(p.Key)
		} else {
			rand.Read(ids[n][:]) // never fails: crypto/rand ends the process instead
		}
		if r, known := s.links[ids[n]]; known && !r.over(now) || planned[ids[n]] {
			continue
		}
		planned[ids[n]] = true
		fresh = append(fresh, gateway.LinkCreated{Link: ids[n].public(), To: p.To, Contact: p.Contact, Subject: p.Subject, Language: p.Language,
			Expires: now.Add(p.TTL), Campaign: p.Campaign, Public: p.public, As: p.As, Meet: p.Meet, Key: key, By: p.By})
	}
	return ids, fresh, nil
}

// append writes the events of links, those of one campaign together.
func (s *Store) append(ctx context.Context, fresh []gateway.LinkCreated, now time.Time) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(appendsAtOnce)
	for len(fresh) > 0 {
		n := 1
		for c := fresh[0].Campaign; c != "" && n < min(len(fresh), journal.MaxEvents) && fresh[n].Campaign == c; {
			n++
		}
		part := fresh[:n]
		fresh = fresh[n:]
		stream := gateway.LinkStream(part[0].Link)
		if part[0].Campaign != "" {
			stream = gateway.CampaignStream(part[0].Campaign)
		}
		g.Go(func() error { return write(ctx, s, stream, now, part) })
	}
	return g.Wait()
}

// write appends events of one stream and applies them.
func write[E gateway.Event](ctx context.Context, s *Store, stream string, at time.Time, events []E) error {
	w := journal.Write{Stream: stream, Expect: journal.Any, Events: make([]journal.Event, len(events))}
	for i, e := range events {
		data, err := json.Marshal(e)
		if err != nil {
			return &gateway.Error{Kind: gateway.Internal, Err: err}
		}
		w.Events[i] = journal.Event{Type: e.EventType(), At: at, Data: data}
	}
	r, err := s.o.Journal.Append(ctx, w)
	if err != nil {
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "it could not be stored; try again in a moment", Err: err}
	}
	first := r.Pos - uint64(len(events)) + 1 // an append's positions follow each other
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range events {
		pos := first + uint64(i)
		if r.Pos == 0 {
			s.waiting++
			pos = unordered + s.waiting
		}
		s.foldLocked(pos, at, e)
	}
	return nil
}

// Public returns the one standing link of a target, for what is printed and hung up. It is made when it is
// asked for the first time, again when it was revoked, and before it expires in good time.
func (s *Store) Public(ctx context.Context, to gateway.Target, by string) (Link, error) {
	p := Spec{To: to, TTL: PublicTTL, By: by, public: true}
	if err := s.check(&p); err != nil {
		return Link{}, err
	}
	if l, ok := s.standing(to); ok {
		return l, nil
	}
	if err := s.begin(ctx); err != nil {
		return Link{}, err
	}
	defer s.end()
	if l, ok := s.standing(to); ok {
		return l, nil // somebody else was faster
	}
	made, err := s.mint(ctx, []Spec{p})
	if err != nil {
		return Link{}, err
	}
	return made[0], nil
}

func (s *Store) standing(to gateway.Target) (Link, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.public[to]
	if r == nil || r.over(time.Now().Add(PublicTTL/10)) {
		return Link{}, false
	}
	l := s.linkLocked(r)
	return l, !l.Revoked
}

// Revoke ends a link. One that was revoked before stays so without another record.
func (s *Store) Revoke(ctx context.Context, link gateway.LinkID, by string) error {
	l, ok := s.Get(link)
	switch {
	case !ok:
		return gateway.Errorf(gateway.NotFound, "there is no such link, or it has expired")
	case l.Revoked:
		return nil
	}
	return s.revoke(ctx, gateway.LinkStream(link), gateway.LinkRevoked{Link: link, By: by})
}

// RevokeCampaign ends all links of a campaign, those that are made later too.
func (s *Store) RevokeCampaign(ctx context.Context, name, by string) error {
	s.mu.RLock()
	c := s.campaigns[name]
	s.mu.RUnlock()
	switch {
	case c == nil:
		return &gateway.Error{Kind: gateway.NotFound, Field: "campaign", Msg: "there is no link of this campaign"}
	case s.campaignRevoked(c):
		return nil
	}
	return s.revoke(ctx, gateway.CampaignStream(name), gateway.LinkRevoked{Campaign: name, By: by})
}

func (s *Store) campaignRevoked(c *campaign) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return c.revoked
}

// RotateKey makes a new key sign; links of older keys stay good until they expire. It returns its number.
func (s *Store) RotateKey() (int, error) { return s.o.Ring.Rotate() }

// Ring is the keys that sign.
func (s *Store) Ring() *Ring { return s.o.Ring }

// RevokeKey ends all links that a key has signed: for a key that others may know. If it is the one that signs,
// another takes its place.
func (s *Store) RevokeKey(ctx context.Context, key int, by string) error {
	if s.o.Ring.secret(key) == nil {
		return &gateway.Error{Kind: gateway.NotFound, Field: "key", Msg: "there is no such key"}
	}
	if s.o.Ring.current() == key {
		if _, err := s.RotateKey(); err != nil {
			return &gateway.Error{Kind: gateway.Unavailable, Msg: "the new key could not be stored", Err: err}
		}
	}
	return s.revoke(ctx, gateway.LinkStream("keys"), gateway.LinkRevoked{Key: key, By: by})
}

func (s *Store) revoke(ctx context.Context, stream string, e gateway.LinkRevoked) error {
	return write(ctx, s, stream, time.Now().UTC(), []gateway.LinkRevoked{e})
}
