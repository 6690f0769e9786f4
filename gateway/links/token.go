package links

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"backline/gateway"
)

// A token is 30 bytes, written as 48 characters of base32 in small letters: no character of it is lost at the
// end of a line, in a mail program that finds addresses in plain text, or on a phone; capital letters are
// read too, because QR codes are smaller in them.
//
//	0–1    number of the signing key, big endian
//	2–13   the link's id, 96 bits
//	14–29  HMAC-SHA-256 of label, 0, key number and id, its first 128 bits
const (
	idBytes    = 12
	macBytes   = 16
	tokenBytes = 2 + idBytes + macBytes

	// TokenLength is the length of a token in characters.
	TokenLength = tokenBytes / 5 * 8

	label = "backline link v1"
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// id is a link's identifier without its text form.
type id [idBytes]byte

func (i id) public() gateway.LinkID { return gateway.LinkID("l" + hex.EncodeToString(i[:])) }

func parseID(l gateway.LinkID) (i id, ok bool) {
	text, found := strings.CutPrefix(string(l), "l")
	if !found || len(text) != 2*idBytes || strings.ToLower(text) != text {
		return i, false
	}
	n, err := hex.Decode(i[:], []byte(text))
	return i, err == nil && n == idBytes
}

// token is what a link's address ends in.
type token struct {
	key uint16
	id  id
	mac [macBytes]byte
}

func sign(secret []byte, key uint16, i id) token {
	t := token{key: key, id: i}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(label + "\x00"))
	h.Write(binary.BigEndian.AppendUint16(nil, key))
	h.Write(i[:])
	copy(t.mac[:], h.Sum(nil))
	return t
}

func (t token) String() string {
	raw := binary.BigEndian.AppendUint16(make([]byte, 0, tokenBytes), t.key)
	raw = append(append(raw, t.id[:]...), t.mac[:]...)
	return alphabet.EncodeToString(raw)
}

// parseToken reads the form, and proves nothing.
func parseToken(s string) (t token, ok bool) {
	if len(s) != TokenLength {
		return t, false
	}
	raw, err := alphabet.DecodeString(strings.ToLower(s))
	if err != nil || len(raw) != tokenBytes {
		return t, false
	}
	t.key = binary.BigEndian.Uint16(raw)
	copy(t.id[:], raw[2:])
	copy(t.mac[:], raw[2+idBytes:])
	return t, true
}

// genuine compares in constant time.
func (t token) genuine(secret []byte) bool {
	want := sign(secret, t.key, t.id)
	return hmac.Equal(want.mac[:], t.mac[:])
}
