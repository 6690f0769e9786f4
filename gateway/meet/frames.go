package meet

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"backline/gateway"
	"backline/gateway/meet/sfu"
	"backline/gateway/wire"
)

const (
	maxName  = 60 // runes
	maxTag   = 35 // bytes of a language's name (RFC 5646, 4.4.1)
	maxTiles = 2 * wire.MeetPeople
	maxTile  = 4320 // pixels
)

// decodeFrame reads one frame of a page into the wire type that its "t" names. Text is cleaned, limits are checked.
// An error is a *gateway.Error, then beside the frame, or a plain one when the frame is no frame.
func decodeFrame(data []byte) (any, error) {
	var head struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	switch head.T {
	case "ping":
		return wire.Ping{}, nil
	case "leave":
		return wire.MeetLeave{}, nil
	case "hello":
		return decodeAs(data, checkHello)
	case "join":
		return decodeAs(data, checkJoin)
	case "offer":
		return decodeAs(data, checkOffer)
	case "want":
		return decodeAs(data, checkWant)
	case "media":
		return decodeAs(data, func(*wire.MeetMedia) error { return nil })
	case "say":
		return decodeAs(data, checkSay)
	case "consent":
		return decodeAs(data, checkConsent)
	case "do":
		return decodeAs(data, func(m *wire.MeetDo) error { return checkID(m.ID) })
	}
	return nil, fmt.Errorf("unknown frame %.20q", head.T)
}

func decodeAs[F any](data []byte, check func(*F) error) (any, error) {
	var f F
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("frame does not fit its type: %w", err)
	}
	return f, check(&f)
}

func bad(field, why string) error {
	return &gateway.Error{Kind: gateway.Invalid, Field: field, Msg: why}
}

func checkHello(h *wire.MeetHello) error {
	if h.Version != wire.Version {
		return fmt.Errorf("protocol version %d, want %d", h.Version, wire.Version)
	}
	if !isTag(h.Language) {
		h.Language = "" // a notice in the company's language is better than no meeting
	}
	return nil
}

func checkConsent(c *wire.MeetConsent) error {
	if !isTag(c.Language) {
		return bad("language", "want a language by BCP 47")
	}
	return checkID(c.ID)
}

// isTag reports whether text can be a language by BCP 47; "" can.
func isTag(text string) bool {
	return len(text) <= maxTag && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

func checkJoin(j *wire.MeetJoin) error {
	j.Name = strings.Join(strings.Fields(clean(j.Name)), " ")
	if j.Name == "" || utf8.RuneCountInString(j.Name) > maxName {
		return bad("name", fmt.Sprintf("want a name of at most %d characters", maxName))
	}
	return nil
}

func checkOffer(o *wire.MeetOffer) error {
	switch {
	case o.Line < 1 || o.Line > 1<<30:
		return bad("line", "want a number from 1 on")
	case o.SDP == "" || len(o.SDP) > wire.MaxMeetSDPBytes:
		return bad("sdp", fmt.Sprintf("want an offer of at most %d bytes", wire.MaxMeetSDPBytes))
	}
	return nil
}

func checkWant(w *wire.MeetWant) error {
	if len(w.Tiles) > maxTiles {
		return bad("tiles", fmt.Sprintf("at most %d", maxTiles))
	}
	for i := range w.Tiles {
		t := &w.Tiles[i]
		if t.Kind != string(sfu.Camera) && t.Kind != string(sfu.Screen) {
			return bad("tiles", "want camera or screen")
		}
		t.Height = min(max(t.Height, 0), maxTile)
	}
	return nil
}

func checkSay(s *wire.MeetSay) error {
	s.Text = strings.TrimSpace(clean(s.Text))
	if n := utf8.RuneCountInString(s.Text); n == 0 || n > wire.MaxMeetText {
		return bad("text", fmt.Sprintf("want 1 to %d characters", wire.MaxMeetText))
	}
	return checkID(s.ID)
}

// checkID judges a page's own name for something.
func checkID(id string) error {
	if len(id) < 1 || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		return bad("id", "want 1–64 of A-Z, a-z, 0-9, - and _")
	}
	return nil
}

// clean makes text storable: valid UTF-8 without control characters but line breaks.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, s)
}
