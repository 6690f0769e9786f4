package meet

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"backline/gateway"
)

// seat is what a page keeps, so that it comes back to the same place. It is JSON, signed: base64url(JSON) "."
// base64url(HMAC-SHA-256). Whoever has it is that person; it is worth nothing once the meeting is over.
type seat struct {
	Thread  gateway.ThreadID  `json:"t"`
	Meeting gateway.MeetingID `json:"m"`
	Person  string            `json:"p"`
	Name    string            `json:"n"`
	Agent   gateway.AgentID   `json:"a,omitempty"`
	In      bool              `json:"i,omitempty"` // was let in
}

const (
	maxSeat   = 1024
	seatLabel = "backline seat v1\x00"
)

var encoding = base64.RawURLEncoding.Strict()

func (d *Desk) mint(s seat) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic("meet: a seat is not JSON") // it is made of strings
	}
	return encoding.EncodeToString(raw) + "." + encoding.EncodeToString(d.sign(raw))
}

func (d *Desk) sign(raw []byte) []byte {
	h := hmac.New(sha256.New, d.opts.Secret)
	h.Write([]byte(seatLabel))
	h.Write(raw)
	return h.Sum(nil)
}

// seat reads one; false: it is not ours.
func (d *Desk) seat(text string) (s seat, ok bool) {
	a, b, found := strings.Cut(text, ".")
	if !found || len(text) > maxSeat {
		return s, false
	}
	raw, err1 := encoding.DecodeString(a)
	mac, err2 := encoding.DecodeString(b)
	if err1 != nil || err2 != nil || !hmac.Equal(mac, d.sign(raw)) {
		return s, false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// newID is a random name, 128 bits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return encoding.EncodeToString(b[:])
}
