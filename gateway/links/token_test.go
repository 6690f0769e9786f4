package links

import (
	"encoding/base32"
	"strings"
	"testing"
)

// FuzzToken reads tokens as they come out of an address. What is accepted is written the same way again, and
// an independent decoder reads the same bytes.
func FuzzToken(f *testing.F) {
	secret := make([]byte, secretBytes)
	f.Add(sign(secret, 1, id{1, 2, 3}).String())
	f.Add(strings.Repeat("7", TokenLength))
	f.Add(strings.ToUpper(sign(secret, 65535, id{}).String()))
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		tok, ok := parseToken(s)
		if !ok {
			return
		}
		if got := tok.String(); got != strings.ToLower(s) {
			t.Errorf("%q was written again as %q", s, got)
		}
		raw, err := base32.StdEncoding.DecodeString(strings.ToUpper(s))
		if err != nil || uint16(raw[0])<<8|uint16(raw[1]) != tok.key || string(raw[2:14]) != string(tok.id[:]) {
			t.Errorf("%q was read as %+v (%v)", s, tok, err)
		}
		if tok.genuine(secret) != (sign(secret, tok.key, tok.id) == tok) {
			t.Errorf("%q: genuine differs", s)
		}
		if back, ok := parseID(tok.id.public()); !ok || back != tok.id {
			t.Errorf("id %v came back as %v", tok.id, back)
		}
	})
}
