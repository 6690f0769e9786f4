package turn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// Credentials let one side of one call make allocations until Expires.
type Credentials struct {
	Username string
	Password string
	Expires  time.Time
}

// maxName bounds a user name as it comes from outside: an expiry, a call's id and a side.
const maxName = 200

// Credentials for one side of a call. Neither name may hold a colon.
//
// The user name is "EXPIRES:CALL:SIDE", EXPIRES in seconds since 1970; the password is the base64 of its
// HMAC-SHA-256 under the secret.
func (s *Server) Credentials(call, side string) Credentials {
	expires := time.Now().Add(Lifetime).Truncate(time.Second)
	name := strconv.FormatInt(expires.Unix(), 10) + ":" + call + ":" + side
	return Credentials{Username: name, Password: s.password(name), Expires: expires}
}

func (s *Server) password(name string) string {
	m := hmac.New(sha256.New, s.opts.Secret)
	m.Write([]byte("turn\x00" + name)) // the secret may sign other things too
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// name is a user name that was read.
type name struct {
	expires time.Time
	call    string
	side    string // "CALL:SIDE"
}

// parseName reads a user name; nothing is known about who wrote it.
func parseName(s string) (name, bool) {
	if len(s) > maxName {
		return name{}, false
	}
	expires, rest, _ := strings.Cut(s, ":")
	call, side, ok := strings.Cut(rest, ":")
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || !ok || call == "" || side == "" || strings.Contains(side, ":") {
		return name{}, false
	}
	return name{expires: time.Unix(seconds, 0), call: call, side: rest}, true
}

// authenticate finds the key of a request; pion checks whether the request was made with it.
func (s *Server) authenticate(r *turn.RequestAttributes) (user string, key []byte, ok bool) {
	n, ok := parseName(r.Username)
	if !ok || !s.good(n, r.SrcAddr, r.Method, time.Now()) {
		return "", nil, false
	}
	return n.side, turn.GenerateAuthKey(r.Username, realm, s.password(r.Username)), true
}

// good reports whether a name may be used now: until it expires, and then by an allocation that was made before.
func (s *Server) good(n name, from net.Addr, method stun.Method, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, over := s.ended[n.call]; over {
		return false
	}
	if now.Before(n.expires) {
		return n.expires.Sub(now) <= Lifetime+time.Second // what says it lasts longer is not ours
	}
	return method != stun.MethodAllocate && s.owners[clientOf(from)] == n.side
}

// End makes the credentials of a call worthless and closes its allocations.
func (s *Server) End(call string) {
	now := time.Now()
	s.mu.Lock()
	for id, until := range s.ended {
		if now.After(until) {
			delete(s.ended, id)
		}
	}
	s.ended[call] = now.Add(Lifetime + time.Second)
	var all []*relay
	for side, relays := range s.sides {
		if c, _, _ := strings.Cut(side, ":"); c == call {
			for r := range relays {
				all = append(all, r)
			}
		}
	}
	s.mu.Unlock()
	closeRelays(all)
}
