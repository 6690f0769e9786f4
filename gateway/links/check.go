package links

import (
	"cmp"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"

	"backline/gateway"
)

// Bounds of a link.
const (
	MaxSubject  = 200 // runes
	MaxName     = 100 // runes
	maxEmail    = 254 // bytes, RFC 5321
	maxKeyBytes = 512
	MinTTL      = time.Minute
	MaxTTL      = 366 * 24 * time.Hour
	PublicTTL   = 5 * 365 * 24 * time.Hour // of links that are printed
	MaxMint     = 200_000                  // links in one call
)

// Spec is a link to be made.
type Spec struct {
	To       gateway.Target
	Contact  gateway.LinkContact
	Subject  string        // ≤ MaxSubject
	Language string        // BCP 47
	TTL      time.Duration // zero means that of Options
	Campaign string        // a valid name; its links can be revoked together
	By       string        // who makes it
	Meet     bool          // leads to a video meeting

	// Key makes a repetition the same link: while a link with this key lives, no second one is made and the
	// first is returned as it is. "" makes a new link each time.
	Key string

	// As is whose conversation the link joins; nil: the link is a person of its own.
	As *gateway.Identity

	public bool
}

func bad(field, format string, args ...any) error {
	return &gateway.Error{Kind: gateway.Invalid, Field: field, Msg: fmt.Sprintf(format, args...)}
}

// check judges a spec and brings its fields into their one form.
func (s *Store) check(p *Spec) error {
	if _, err := gateway.ParseTarget(string(p.To)); err != nil {
		return bad("to", `want "queue/ID" or "agent/ID"`)
	}
	if s.o.Known != nil && !s.o.Known(p.To) {
		return bad("to", "there is no %s", p.To)
	}
	if p.TTL = cmp.Or(p.TTL, s.o.TTL); !p.public && (p.TTL < MinTTL || p.TTL > MaxTTL) {
		return bad("ttl", "want %v to %v", MinTTL, MaxTTL)
	}
	if p.Campaign != "" && !gateway.ValidName(p.Campaign) {
		return bad("campaign", `want 1–64 of a-z, 0-9, "-", "_", "."`)
	}
	if len(p.Key) > maxKeyBytes {
		return bad("key", "want at most %d bytes", maxKeyBytes)
	}
	p.Subject, p.Contact.Name = strings.TrimSpace(p.Subject), strings.TrimSpace(p.Contact.Name)
	if err := checkText("subject", p.Subject, MaxSubject); err != nil {
		return err
	}
	if err := checkText("contact.name", p.Contact.Name, MaxName); err != nil {
		return err
	}
	var err error
	if p.Contact.Email, err = CheckEmail(p.Contact.Email); err != nil {
		return err
	}
	if p.Contact.Phone, err = CheckPhone(p.Contact.Phone); err != nil {
		return err
	}
	p.Language, err = CheckLanguage(p.Language)
	return err
}

// checkText refuses what would break a line or a mail's header, or hide text.
func checkText(field, s string, runes int) error {
	switch {
	case !utf8.ValidString(s):
		return bad(field, "want UTF-8")
	case utf8.RuneCountInString(s) > runes:
		return bad(field, "want at most %d characters", runes)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return bad(field, "want one line without control characters")
	}
	return nil
}

// CheckEmail accepts one bare address, or none. The error's Field is contact.email.
func CheckEmail(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || len(a.Address) > maxEmail || strings.ContainsFunc(a.Address, unicode.IsControl) || strings.ContainsAny(s, "<> ") {
		return "", bad("contact.email", "want an address like anna@example.org")
	}
	return a.Address, nil
}

// CheckPhone accepts a number in E.164, or none. The error's Field is contact.phone.
func CheckPhone(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	n, err := phonenumbers.Parse(s, "ZZ") // ZZ: no country is assumed
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", bad("contact.phone", "want a number with its country, like +12025550100")
	}
	return phonenumbers.Format(n, phonenumbers.E164), nil
}

// CheckLanguage accepts a language of BCP 47, or none, and returns it as the standard writes it.
func CheckLanguage(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	t, err := language.Parse(s)
	if err != nil || len(s) > 35 { // RFC 5646 §4.4.1: room for what is real
		return "", bad("language", "want a language like de or pt-BR")
	}
	return t.String(), nil
}
