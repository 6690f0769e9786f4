package access

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"backline/gateway"
	"backline/gateway/httpx"
)

// Limits of passwords.
const (
	MinPassword = 12  // characters
	maxPassword = 512 // bytes: more is no password but an attempt to keep us busy
	maxHashing  = 2
)

// params are OWASP's smallest for argon2id: 19 MiB, 2 passes, 1 lane.
var params = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// nobody is the hash of a password nobody has: unknown accounts take as long as known ones.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// common.txt: the commonest passwords of 12 and more characters, one a line, small letters.
//
//go:embed common.txt
var common string

// CheckPassword says why a password is refused, as a *gateway.Error with Field "password".
func CheckPassword(password string, agent gateway.AgentID) error {
	bad := func(msg string) error {
		return &gateway.Error{Kind: gateway.Invalid, Field: "password", Msg: msg}
	}
	low := strings.ToLower(strings.TrimSpace(password))
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return bad(fmt.Sprintf("a password has at least %d characters; a few words in a row are good", MinPassword))
	case len(password) > maxPassword:
		return bad(fmt.Sprintf("a password has at most %d bytes", maxPassword))
	case isCommon(low):
		return bad("this is one of the commonest passwords; take another")
	case distinct(low) < 5:
		return bad("this password repeats a few characters; take another")
	case len(agent) > 3 && strings.ReplaceAll(low, string(agent), "") != low && len(low)-len(agent) < MinPassword/2:
		return bad("this password is little more than the account's name; take another")
	}
	return nil
}

// isCommon compares without the digits and signs at the end: "willkommen2026!" is "willkommen2024" again.
func isCommon(low string) bool {
	stem := func(s string) string { return strings.TrimRight(s, "0123456789!?.#*$+-_ ") }
	for line := range strings.Lines(common) {
		line = strings.TrimSpace(line)
		if low == line || stem(low) != "" && stem(low) == stem(line) {
			return true
		}
	}
	return false
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// hash and matches take part in the semaphore.
func (s *Store) hash(ctx context.Context, password string) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	h, err := argon2id.CreateHash(password, &params)
	if err != nil {
		return "", &gateway.Error{Kind: gateway.Internal, Err: fmt.Errorf("hash password: %w", err)}
	}
	return h, nil
}

func (s *Store) matches(ctx context.Context, password, hash string) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, &gateway.Error{Kind: gateway.Internal, Err: fmt.Errorf("compare password: %w", err)}
	}
	return ok, nil
}

func (s *Store) enter(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "too many sign-ins at once; try again", Err: ctx.Err()}
	}
}

func (s *Store) leave() { <-s.hashing }

// Authenticate checks an agent's password. ip is the caller's address; the zero Addr (control socket) is
// limited by account only. The error is TooMany, Unauthorized, Unavailable or Internal.
func (s *Store) Authenticate(ctx context.Context, id gateway.AgentID, password string, ip netip.Addr) (Agent, error) {
	if ip.IsValid() {
		if wait, ok := s.perAddress.Allow(httpx.Prefix(ip)); !ok {
			return Agent{}, &TooManyError{RetryAfter: wait}
		}
	}
	if !gateway.ValidName(string(id)) || len(password) > maxPassword {
		return Agent{}, wrongPassword()
	}
	if wait, ok := s.perAccount.Allow(string(id)); !ok {
		return Agent{}, &TooManyError{RetryAfter: wait}
	}
	s.mu.RLock()
	saved := s.agents[id]
	s.mu.RUnlock()
	hash := saved.PasswordHash
	if hash == "" {
		hash = nobody
	}
	ok, err := s.matches(ctx, password, hash)
	if err != nil {
		return Agent{}, err
	}
	if !ok || saved.PasswordHash == "" {
		return Agent{}, wrongPassword()
	}
	return agentOf(saved), nil
}

func wrongPassword() error {
	return gateway.Errorf(gateway.Unauthorized, "account or password is wrong")
}
