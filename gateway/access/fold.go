package access

import (
	"errors"
	"strings"

	"backline/gateway"
	"backline/gateway/journal"
)

// Apply folds in one event of the journal. Events of other packages and types that this version does not
// know are skipped; the error is that of an event of ours that cannot be read.
func (s *Store) Apply(e journal.Event) error {
	if !strings.HasPrefix(e.Stream, "access/") && !strings.HasPrefix(e.Stream, "agent/") {
		return nil
	}
	ev, err := gateway.DecodeEvent(e.Type, e.Data)
	if err != nil && !errors.Is(err, gateway.ErrUnknownEvent) {
		return err
	}
	s.fold(e, ev)
	s.forget(e)
	return nil
}

// fold applies ev unless its stream is already past it.
func (s *Store) fold(e journal.Event, ev gateway.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.streams[e.Stream]
	if e.Version <= m.version {
		return
	}
	// A closed session and a revoked token stay so, whatever comes.
	if !m.ended {
		m.ended = s.change(ev)
	}
	m.version, m.pos = e.Version, e.Pos
	s.streams[e.Stream] = m
}

// change is the fold proper; ended says that the stream's thing is over.
func (s *Store) change(ev gateway.Event) (ended bool) {
	switch ev := ev.(type) {
	case gateway.AgentSaved:
		s.agents[ev.Agent] = ev
	case gateway.AgentRemoved:
		delete(s.agents, ev.Agent)
		for hash, x := range s.sessions {
			if x.agent == ev.Agent {
				delete(s.sessions, hash)
			}
		}
	case gateway.SessionOpened:
		for hash, x := range s.sessions {
			if x.over(ev.At) {
				delete(s.sessions, hash)
				delete(s.streams, sessionStream(hash))
			}
		}
		s.sessions[ev.Hash] = session{agent: ev.Agent, opened: ev.At, seen: ev.At, expires: ev.Expires, device: ev.Device}
	case gateway.SessionSeen:
		if x, ok := s.sessions[ev.Hash]; ok && ev.At.After(x.seen) {
			x.seen = ev.At
			s.sessions[ev.Hash] = x
		}
	case gateway.SessionClosed:
		delete(s.sessions, ev.Hash)
		return true
	case gateway.TokenSaved:
		s.tokens[ev.Hash] = ev
	case gateway.TokenRevoked:
		delete(s.tokens, ev.Hash)
		return true
	case gateway.SetupOffered:
		s.setup = ev
	case gateway.SetupCompleted:
		s.setup = gateway.SetupOffered{}
	}
	return false
}

// forget drops the mark of an ended stream once the tail has passed its end: no repetition can come.
func (s *Store) forget(e journal.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.streams[e.Stream]; m.ended && e.Pos >= m.pos {
		delete(s.streams, e.Stream)
	}
}
