package livechat

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// A token is "v1." + base64url(id, 16 bytes; hour of issue, 4 bytes) + "." + base64url(MAC, 32 bytes). The MAC
// is HMAC-SHA-256 over "v1", the site and the payload, so a token of one site says nothing on another.
// Each welcome carries a fresh one; it ends when the visitor has stayed away for tokenTime.
const (
	tokenVersion = "v1."
	idBytes      = 16
	payloadBytes = idBytes + 4
	tokenTime    = 30 * 24 * time.Hour
	maxTokenLen  = 128
)

var errToken = errors.New("the visitor's token is not ours, or too old")

var encoding = base64.RawURLEncoding.Strict()

// newVisitor returns the id of somebody who was never here.
func newVisitor() string {
	var id [idBytes]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand
	return encoding.EncodeToString(id[:])
}

// mint returns a token for a visitor's id.
func (c *Channel) mint(site, visitor string, now time.Time) string {
	payload := make([]byte, 0, payloadBytes)
	id, err := encoding.DecodeString(visitor)
	if err != nil || len(id) != idBytes {
		panic("livechat: not a visitor's id") // made by newVisitor or taken from a checked token
	}
	payload = append(payload, id...)
	payload = binary.BigEndian.AppendUint32(payload, uint32(now.Unix()/3600))
	return tokenVersion + encoding.EncodeToString(payload) + "." + encoding.EncodeToString(c.mac(site, payload))
}

// visitor returns whose token it is.
func (c *Channel) visitor(site, token string, now time.Time) (string, error) {
	rest, ok := strings.CutPrefix(token, tokenVersion)
	if !ok || len(token) > maxTokenLen {
		return "", errToken
	}
	p, m, _ := strings.Cut(rest, ".")
	payload, err1 := encoding.DecodeString(p)
	mac, err2 := encoding.DecodeString(m)
	if err1 != nil || err2 != nil || len(payload) != payloadBytes || !hmac.Equal(mac, c.mac(site, payload)) {
		return "", errToken
	}
	issued := time.Unix(int64(binary.BigEndian.Uint32(payload[idBytes:]))*3600, 0)
	if now.Sub(issued) > tokenTime {
		return "", errToken
	}
	return encoding.EncodeToString(payload[:idBytes]), nil
}

func (c *Channel) mac(site string, payload []byte) []byte {
	h := hmac.New(sha256.New, c.opts.Secret)
	h.Write([]byte(tokenVersion + site + "\x00"))
	h.Write(payload)
	return h.Sum(nil)
}
