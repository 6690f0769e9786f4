package links

import (
	"slices"
	"time"

	"backline/gateway"
)

// use is how often a link was tried lately and the call that is under way.
type use struct {
	tries []time.Time    // of the last hour, oldest first; at most TriesPerHour
	call  gateway.CallID // "" none
	since time.Time
}

const (
	window = time.Hour
	// forgetCall frees a link whose call was never ended: longer than any talk.
	forgetCall = 12 * time.Hour
	// sweepUses is how many uses there may be before old ones are looked for.
	sweepUses = 1024
)

// TooManyError: the link was tried too often, or (RetryAfter zero) has a call under way. It reads as a TooMany
// or Conflicting *gateway.Error.
type TooManyError struct{ RetryAfter time.Duration }

func (e *TooManyError) Error() string { return e.Unwrap().Error() }

func (e *TooManyError) Unwrap() error {
	if e.RetryAfter == 0 {
		return gateway.Errorf(gateway.Conflicting, "a call with this link is under way already")
	}
	return gateway.Errorf(gateway.TooMany, "this link was used too often; try again in %d minutes", int((e.RetryAfter+time.Minute-1)/time.Minute))
}

// Allow says whether a call may begin with a link, and counts it: to be asked when a person wants to talk, never
// for opening a page. Asking again for the call under way (after a
// reload, say) is allowed and costs nothing. [Store.Done] ends it. The error is a *TooManyError, or that of
// Resolve for a link that has ended meanwhile.
func (s *Store) Allow(link gateway.LinkID, call gateway.CallID, now time.Time) error {
	i, ok := parseID(link)
	if !ok {
		return ErrUnknown
	}
	l, err := s.find(i, now)
	if err != nil || l.Public {
		return err
	}
	s.usesMu.Lock()
	defer s.usesMu.Unlock()
	s.sweepUsesLocked(now)
	u := s.uses[i]
	if u == nil {
		u = &use{}
	}
	u.tries = slices.DeleteFunc(u.tries, func(t time.Time) bool { return now.Sub(t) >= window })
	switch {
	case u.call == call && call != "":
		u.since = now
		return nil
	case u.call != "" && now.Sub(u.since) < forgetCall:
		return &TooManyError{}
	case len(u.tries) >= s.o.TriesPerHour:
		return &TooManyError{RetryAfter: window - now.Sub(u.tries[0])}
	}
	u.tries, u.call, u.since = append(u.tries, now), call, now
	s.uses[i] = u
	return nil
}

// Done ends a call that Allow allowed. Another call's name changes nothing.
func (s *Store) Done(link gateway.LinkID, call gateway.CallID) {
	i, _ := parseID(link)
	s.usesMu.Lock()
	defer s.usesMu.Unlock()
	if u := s.uses[i]; u != nil && u.call == call {
		u.call = ""
	}
}

// sweepUsesLocked keeps the map as small as the links that are used: it looks at all when there are many, and
// then only after as many more.
func (s *Store) sweepUsesLocked(now time.Time) {
	if len(s.uses) < s.usesSweep {
		return
	}
	for i, u := range s.uses {
		last := u.since
		if n := len(u.tries); n > 0 && u.tries[n-1].After(last) {
			last = u.tries[n-1]
		}
		if age := now.Sub(last); u.call == "" && age >= window || age >= forgetCall {
			delete(s.uses, i)
		}
	}
	s.usesSweep = max(sweepUses, 2*len(s.uses))
}
