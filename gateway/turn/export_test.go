package turn

import (
	"strconv"
	"time"
)

// Forge makes credentials with the right secret and any lifetime.
func Forge(s *Server, call, side string, d time.Duration) Credentials {
	expires := time.Now().Add(d)
	n := strconv.FormatInt(expires.Unix(), 10) + ":" + call + ":" + side
	return Credentials{Username: n, Password: s.password(n), Expires: expires}
}

// ParseName reads a user name.
func ParseName(s string) (expires time.Time, call, side string, ok bool) {
	n, ok := parseName(s)
	return n.expires, n.call, n.side, ok
}
