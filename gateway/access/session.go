package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/journal"
)

const setupStream = "access/setup"

func sessionStream(hash string) string { return gateway.AccessStream("session/" + hash) }
func tokenStream(hash string) string   { return gateway.AccessStream("token/" + hash) }

// newSecret is 256 random bits: 43 characters of URL-safe base64.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// validSecret reports whether s has the one form newSecret gives.
func validSecret(s string) bool {
	if len(s) != 43 {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 32 && base64.RawURLEncoding.EncodeToString(b) == s
}

// hashSecret is what is stored. No salt and no stretching: nobody guesses 256 bits. Secrets are found by
// their hash, so a comparison's timing tells at most about a hash.
func hashSecret(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

type session struct {
	agent                 gateway.AgentID
	opened, seen, expires time.Time
	device                string
}

func (x session) over(now time.Time) bool {
	return !now.Before(x.expires) || now.Sub(x.seen) >= SessionIdle
}

// Session is one sign-in as its agent sees it.
type Session struct {
	ID        string          `json:"id"` // not the secret
	Agent     gateway.AgentID `json:"agent"`
	Device    string          `json:"device"`
	OpenedAt  time.Time       `json:"opened_at"`
	SeenAt    time.Time       `json:"seen_at"`
	ExpiresAt time.Time       `json:"expires_at"`
	Current   bool            `json:"current"`
}

// OpenSession signs an agent in and returns the cookie's value. The caller has checked who it is.
func (s *Store) OpenSession(ctx context.Context, id gateway.AgentID, device string) (secret string, expires time.Time, err error) {
	secret, now := newSecret(), time.Now().UTC()
	e := gateway.SessionOpened{Hash: hashSecret(secret), Agent: id, At: now, Expires: now.Add(SessionMax), Device: device}
	return secret, e.Expires, s.write(ctx, sessionStream(e.Hash), 0, e)
}

// principalOfSession finds who holds a cookie, and notes that the session is in use.
func (s *Store) principalOfSession(ctx context.Context, secret string) (Principal, bool) {
	if !validSecret(secret) {
		return Principal{}, false
	}
	hash, now := hashSecret(secret), time.Now().UTC()
	s.mu.RLock()
	x, ok := s.sessions[hash]
	a, known := s.agents[x.agent]
	version := s.streams[sessionStream(hash)].version
	s.mu.RUnlock()
	if !ok || !known || x.over(now) {
		return Principal{}, false
	}
	if now.Sub(x.seen) >= seenEvery {
		// The version keeps a session dead that was closed elsewhere. Failing to note the use throws nobody out.
		err := s.write(context.WithoutCancel(ctx), sessionStream(hash), version, gateway.SessionSeen{Hash: hash, At: now})
		if err != nil {
			s.o.Log.Debug("session use not stored", "err", err)
		}
	}
	return Principal{Agent: a.Agent, Name: a.Name, Role: a.Role, Session: hash}, true
}

// Sessions lists the live sessions of an agent, latest first; of all agents for "".
func (s *Store) Sessions(id gateway.AgentID) []Session {
	now := time.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []Session{}
	for hash, x := range s.sessions {
		if (id == "" || x.agent == id) && !x.over(now) {
			out = append(out, Session{ID: hash[:16], Agent: x.agent, Device: x.device, OpenedAt: x.opened, SeenAt: x.seen, ExpiresAt: x.expires})
		}
	}
	slices.SortFunc(out, func(a, b Session) int {
		return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// CloseSession ends the session with an ID of Sessions; agent "" may close anybody's.
func (s *Store) CloseSession(ctx context.Context, id string, agent gateway.AgentID) error {
	s.mu.RLock()
	var hash string
	for h, x := range s.sessions {
		if len(id) == 16 && strings.HasPrefix(h, id) && (agent == "" || x.agent == agent) {
			hash = h
		}
	}
	s.mu.RUnlock()
	if hash == "" {
		return gateway.Errorf(gateway.NotFound, "there is no such session")
	}
	return s.closeHash(ctx, hash)
}

// CloseSessions ends all sessions of an agent but the one with the hash except.
func (s *Store) CloseSessions(ctx context.Context, id gateway.AgentID, except string) error {
	s.mu.RLock()
	var hashes []string
	for h, x := range s.sessions {
		if x.agent == id && h != except {
			hashes = append(hashes, h)
		}
	}
	s.mu.RUnlock()
	for _, h := range hashes {
		if err := s.closeHash(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) closeHash(ctx context.Context, hash string) error {
	return s.write(ctx, sessionStream(hash), journal.Any, gateway.SessionClosed{Hash: hash})
}

const tokenPrefix = "bl_"

// Token is an API token without its secret.
type Token struct {
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
}

// CreateToken makes an API token; the result is shown once and cannot be had again.
func (s *Store) CreateToken(ctx context.Context, name, role string) (string, error) {
	if !gateway.ValidName(name) {
		return "", &gateway.Error{Kind: gateway.Invalid, Field: "name", Msg: `want 1–64 of a-z, 0-9, "-", "_", "."`}
	}
	if role != RoleAgent && role != RoleAdmin {
		return "", &gateway.Error{Kind: gateway.Invalid, Field: "role", Msg: "want agent or admin"}
	}
	if s.tokenHash(name) != "" {
		return "", &gateway.Error{Kind: gateway.Conflicting, Field: "name", Msg: "there is a token of this name; revoke it first"}
	}
	token := tokenPrefix + newSecret()
	e := gateway.TokenSaved{Hash: hashSecret(token), Name: name, Role: role, At: time.Now().UTC()}
	return token, s.write(ctx, tokenStream(e.Hash), 0, e)
}

func (s *Store) tokenHash(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for hash, t := range s.tokens {
		if t.Name == name {
			return hash
		}
	}
	return ""
}

// Tokens lists the live tokens by name.
func (s *Store) Tokens() []Token {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []Token{}
	for _, t := range s.tokens {
		out = append(out, Token{Name: t.Name, Role: t.Role, CreatedAt: t.At})
	}
	slices.SortFunc(out, func(a, b Token) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// RevokeToken ends a token.
func (s *Store) RevokeToken(ctx context.Context, name string) error {
	hash := s.tokenHash(name)
	if hash == "" {
		return gateway.Errorf(gateway.NotFound, "there is no token %q", name)
	}
	return s.write(ctx, tokenStream(hash), journal.Any, gateway.TokenRevoked{Hash: hash})
}

// parseBearer reads an Authorization header.
func parseBearer(header string) (token string, ok bool) {
	scheme, token, found := strings.Cut(header, " ")
	secret, prefixed := strings.CutPrefix(token, tokenPrefix)
	if !found || !strings.EqualFold(scheme, "Bearer") || !prefixed || !validSecret(secret) {
		return "", false
	}
	return token, true
}

func (s *Store) principalOfToken(header string) (Principal, bool) {
	token, ok := parseBearer(header)
	if !ok {
		return Principal{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, ok := s.tokens[hashSecret(token)]
	return Principal{Role: t.Role, Token: t.Name}, ok
}
