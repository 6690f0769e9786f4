package livechat

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"backline/gateway"
	"backline/gateway/wire"
)

// decodeFrame reads one frame of a visitor into the wire type its "t" names. Text is cleaned, limits are
// checked; an error is a *gateway.Error with the field to blame, or a plain one when the frame is no frame.
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
	case "typing":
		return wire.VisitorIsTyping{}, nil
	case "hello":
		return decodeAs(data, checkHello)
	case "message":
		return decodeAs(data, checkMessage)
	case "contact":
		return decodeAs(data, checkContact)
	case "seen":
		return decodeAs(data, func(*wire.VisitorSeen) error { return nil })
	case "call.offer":
		return decodeAs(data, checkOffer)
	case "call.consent":
		return decodeAs(data, checkConsent)
	case "call.hangup":
		return decodeAs(data, func(*wire.VisitorHangup) error { return nil })
	}
	return nil, fmt.Errorf("unknown frame %.20q", head.T)
}

func decodeAs[F any](data []byte, check func(*F) error) (any, error) {
	var f F
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("frame does not fit its type: %w", err)
	}
	// The frame comes back beside the error: a refused message is answered by its client_id.
	return f, check(&f)
}

func checkHello(h *wire.VisitorHello) error {
	h.Page = clean(h.Page, 500)
	if !validLanguage(h.Language) {
		h.Language = ""
	}
	if h.Version != wire.Version {
		return fmt.Errorf("protocol version %d, want %d", h.Version, wire.Version)
	}
	return nil
}

func checkMessage(m *wire.VisitorMessage) error {
	m.Text = strings.TrimSpace(clean(m.Text, -1))
	switch {
	case !validClientID(m.ClientID):
		return &gateway.Error{Kind: gateway.Invalid, Field: "client_id", Msg: "want 1–64 of A-Z, a-z, 0-9, - and _"}
	case m.Text == "" && len(m.Files) == 0 && m.CallBack == nil:
		return &gateway.Error{Kind: gateway.Invalid, Field: "text", Msg: "the message is empty"}
	case utf8.RuneCountInString(m.Text) > wire.MaxTextRunes:
		return &gateway.Error{Kind: gateway.TooLarge, Field: "text", Msg: fmt.Sprintf("at most %d characters", wire.MaxTextRunes)}
	case len(m.Files) > wire.MaxAttachments:
		return &gateway.Error{Kind: gateway.TooLarge, Field: "files", Msg: fmt.Sprintf("at most %d files", wire.MaxAttachments)}
	case m.VoiceMS != 0 && (len(m.Files) != 1 || m.VoiceMS < 0 || m.VoiceMS > wire.MaxVoiceMS):
		return &gateway.Error{Kind: gateway.Invalid, Field: "voice_ms", Msg: fmt.Sprintf("a voice message is one file and lasts up to %d ms", wire.MaxVoiceMS)}
	}
	return checkCallBack(m.CallBack)
}

// checkCallBack brings a number or an address into its one form.
func checkCallBack(c *wire.CallBack) error {
	if c == nil {
		return nil
	}
	bad := func(field, msg string) error {
		return &gateway.Error{Kind: gateway.Invalid, Field: "call_back." + field, Msg: msg}
	}
	c.To = strings.TrimSpace(clean(c.To, 254))
	switch c.Way {
	case "page":
		c.To = ""
	case "sms":
		n, err := phonenumbers.Parse(c.To, "ZZ") // ZZ: no country is assumed
		if err != nil || !phonenumbers.IsPossibleNumber(n) {
			return bad("to", "want a number with its country, like +12025550100")
		}
		c.To = phonenumbers.Format(n, phonenumbers.E164)
	case "email":
		a, err := mail.ParseAddress(c.To)
		if err != nil || a.Name != "" || strings.ContainsAny(a.Address, "<> \n\t") {
			return bad("to", "want an address like anna@example.org")
		}
		c.To = a.Address
	default:
		return bad("way", "want sms, email or page")
	}
	return nil
}

func checkOffer(o *wire.VisitorOffer) error {
	switch {
	case !gateway.ValidCallID(o.Call):
		return &gateway.Error{Kind: gateway.Invalid, Field: "call", Msg: "want 16–64 of A-Z, a-z, 0-9, - and _"}
	case o.SDP == "" || len(o.SDP) > wire.MaxSDPBytes:
		return &gateway.Error{Kind: gateway.Invalid, Field: "sdp", Msg: fmt.Sprintf("want an offer of at most %d bytes", wire.MaxSDPBytes)}
	}
	return nil
}

func checkConsent(c *wire.VisitorConsent) error {
	if !validLanguage(c.Language) {
		c.Language = ""
	}
	return nil
}

func checkContact(c *wire.VisitorContact) error {
	c.Name = strings.TrimSpace(clean(c.Name, 100))
	c.Email = strings.TrimSpace(clean(c.Email, 254))
	c.Phone = strings.TrimSpace(clean(c.Phone, 40))
	if c.Email != "" && !strings.Contains(c.Email, "@") {
		return &gateway.Error{Kind: gateway.Invalid, Field: "email", Msg: "this is not an e-mail address"}
	}
	return nil
}

// clean makes text storable: valid UTF-8 without control characters but line breaks and tabs, and at most
// limit runes (−1: as many as there are).
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	if limit < 0 || utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}

func validClientID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

// validLanguage accepts the shape of a BCP 47 tag.
func validLanguage(s string) bool {
	if len(s) < 2 || len(s) > 35 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
