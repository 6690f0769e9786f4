package access

import (
	"cmp"
	"context"
	"slices"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
)

// Agent is a person answering, as others may see them.
type Agent struct {
	ID           gateway.AgentID   `json:"id"`
	Name         string            `json:"name"`
	Queues       []gateway.QueueID `json:"queues"`
	Role         string            `json:"role"`
	CallCapacity int               `json:"call_capacity"`
	TextCapacity int               `json:"text_capacity"`
	HasPassword  bool              `json:"-"`
}

func agentOf(e gateway.AgentSaved) Agent {
	return Agent{
		ID: e.Agent, Name: e.Name, Queues: slices.Clone(e.Queues), Role: e.Role,
		CallCapacity: e.CallCapacity, TextCapacity: e.TextCapacity, HasPassword: e.PasswordHash != "",
	}
}

// Agents returns all, by id.
func (s *Store) Agents() []Agent {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Agent, 0, len(s.agents))
	for _, a := range s.agents {
		out = append(out, agentOf(a))
	}
	slices.SortFunc(out, func(a, b Agent) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Agent returns one.
func (s *Store) Agent(id gateway.AgentID) (Agent, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, ok := s.agents[id]
	return agentOf(a), ok
}

// SaveAgent adds or changes an agent; the password stays. Saving what is there already writes nothing, so
// that a start with an unchanged file leaves no trace.
func (s *Store) SaveAgent(ctx context.Context, a Agent) error {
	if err := checkAgent(&a); err != nil {
		return err
	}
	s.mu.RLock()
	old, ok := s.agents[a.ID]
	s.mu.RUnlock()
	e := gateway.AgentSaved{
		Agent: a.ID, Name: a.Name, Queues: slices.Clone(a.Queues), Role: a.Role,
		CallCapacity: a.CallCapacity, TextCapacity: a.TextCapacity, PasswordHash: old.PasswordHash,
	}
	if ok && same(old, e) {
		return nil
	}
	return s.write(ctx, gateway.AgentStream(a.ID), journal.Any, e)
}

func same(a, b gateway.AgentSaved) bool {
	return a.Name == b.Name && a.Role == b.Role && a.CallCapacity == b.CallCapacity && a.TextCapacity == b.TextCapacity &&
		a.PasswordHash == b.PasswordHash && slices.Equal(a.Queues, b.Queues)
}

func checkAgent(a *Agent) error {
	bad := func(field, msg string) error {
		return &gateway.Error{Kind: gateway.Invalid, Field: field, Msg: msg}
	}
	a.Name, a.Role = cmp.Or(a.Name, string(a.ID)), cmp.Or(a.Role, RoleAgent)
	switch {
	case !gateway.ValidName(string(a.ID)):
		return bad("id", `want 1–64 of a-z, 0-9, "-", "_", "."`)
	case a.Role != RoleAgent && a.Role != RoleSupervisor && a.Role != RoleAdmin:
		return bad("role", "want agent, supervisor or admin")
	case len(a.Name) > 200:
		return bad("name", "want at most 200 characters")
	case a.CallCapacity < 0 || a.TextCapacity < 0:
		return bad("capacity", "want 0 or more")
	}
	return nil
}

// RemoveAgent ends an account and its sessions.
func (s *Store) RemoveAgent(ctx context.Context, id gateway.AgentID) error {
	if _, ok := s.Agent(id); !ok {
		return gateway.Errorf(gateway.NotFound, "there is no agent %q", id)
	}
	return s.write(ctx, gateway.AgentStream(id), journal.Any, gateway.AgentRemoved{Agent: id})
}

// SetPassword gives an agent a password and ends all sessions of the agent.
func (s *Store) SetPassword(ctx context.Context, id gateway.AgentID, password string) error {
	if _, ok := s.Agent(id); !ok {
		return gateway.Errorf(gateway.NotFound, "there is no agent %q", id)
	}
	if err := CheckPassword(password, id); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	s.mu.RLock()
	e, ok := s.agents[id] // again: hashing took a while
	s.mu.RUnlock()
	if !ok {
		return gateway.Errorf(gateway.NotFound, "there is no agent %q", id)
	}
	e.PasswordHash = hash
	if err := s.write(ctx, gateway.AgentStream(id), journal.Any, e); err != nil {
		return err
	}
	return s.CloseSessions(ctx, id, "")
}

// OfferSetup makes the one-time link's secret for the first administrator, valid for SetupTime. It returns
// "" when an administrator with a password exists. An earlier link stops working.
func (s *Store) OfferSetup(ctx context.Context) (string, error) {
	if s.hasAdmin() {
		return "", nil
	}
	secret := newSecret()
	e := gateway.SetupOffered{Hash: hashSecret(secret), Expires: time.Now().UTC().Add(SetupTime)}
	if err := s.write(ctx, setupStream, journal.Any, e); err != nil {
		return "", err
	}
	return secret, nil
}

// SetupLink is the address to print. The secret is a fragment: it reaches no server log on its way.
func SetupLink(publicURL, secret string) string { return publicURL + "/#setup=" + secret }

func (s *Store) hasAdmin() bool {
	return slices.ContainsFunc(s.Agents(), func(a Agent) bool { return a.Role == RoleAdmin && a.HasPassword })
}

// Setup makes the first administrator. Of several callers with the same secret one wins: the claim is a
// version of the setup stream. Should the process die between claim and account, the next start offers
// another link.
func (s *Store) Setup(ctx context.Context, secret string, a Agent, password string) (Agent, error) {
	a.Role = RoleAdmin
	if err := checkAgent(&a); err != nil {
		return Agent{}, err
	}
	if err := CheckPassword(password, a.ID); err != nil {
		return Agent{}, err
	}
	s.mu.RLock()
	offer, version := s.setup, s.streams[setupStream].version
	s.mu.RUnlock()
	if !validSecret(secret) || offer.Hash == "" || offer.Hash != hashSecret(secret) || !time.Now().Before(offer.Expires) || s.hasAdmin() {
		return Agent{}, gateway.Errorf(gateway.Forbidden, "this link was used or is too old; a restart of the gateway prints another")
	}
	if err := s.write(ctx, setupStream, version, gateway.SetupCompleted{Agent: a.ID}); err != nil {
		return Agent{}, err
	}
	if err := s.SaveAgent(ctx, a); err != nil {
		return Agent{}, err
	}
	if err := s.SetPassword(ctx, a.ID, password); err != nil {
		return Agent{}, err
	}
	a, _ = s.Agent(a.ID)
	return a, nil
}
