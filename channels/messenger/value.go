package messenger

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ident is an id as Meta writes it: a string here, a number there, null elsewhere. It never passes through
// a float: page ids have 15 digits and more.
type ident string

func (i *ident) UnmarshalJSON(data []byte) error {
	switch {
	case data[0] == '"':
		s, err := text(data)
		if err != nil {
			return err
		}
		*i = ident(s)
	case bytes.IndexFunc(data, func(r rune) bool { return r < '0' || r > '9' }) < 0:
		*i = ident(data)
	default:
		*i = "" // null, true, 1e5, {}: names nobody
	}
	return nil
}

// stamp is a time as Meta writes it: milliseconds, in places seconds, a string, a float, null or nothing.
type stamp struct {
	text string // as it came, for keys
	at   time.Time
}

func (s *stamp) UnmarshalJSON(data []byte) error {
	s.text = strings.Trim(string(data), `"`)
	s.at = time.Time{}
	n, err := strconv.ParseInt(s.text, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s.text, 64)
		if err != nil || math.IsNaN(f) || math.Abs(f) > 1e15 {
			return nil // unusable: the receive time stands in
		}
		n = int64(f)
	}
	// Account linking and lead ads write seconds. As milliseconds such a number lies in January 1970.
	if n > 0 && n < 1e11 {
		n *= 1000
	}
	if at := time.UnixMilli(n).UTC(); at.Year() >= 2000 && at.Year() < 2100 {
		s.at = at
	}
	return nil
}

// or returns the time, or the given one when Meta's is unusable.
func (s stamp) or(other time.Time) time.Time {
	if s.at.IsZero() {
		return other
	}
	return s.at
}

// someText is a string, or a number or bool as it stands. Other values are "".
type someText string

func (t *someText) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		s, err := text(data)
		if err != nil {
			return err
		}
		*t = someText(s)
	case '{', '[', 'n':
		*t = ""
	default:
		*t = someText(data)
	}
	return nil
}

// text is the value of a JSON string, of which the reader has made sure that it is one.
func text(data []byte) (s string, err error) {
	if bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) {
		return string(data[1 : len(data)-1]), nil
	}
	err = json.Unmarshal(data, &s)
	return s, err
}

// clip cuts s to at most n bytes between runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// clean makes a text storable everywhere: NUL, which some databases refuse, becomes U+FFFD.
func clean(s string, n int) string {
	return clip(strings.ReplaceAll(s, "\x00", "\uFFFD"), n)
}
