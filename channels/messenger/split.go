package messenger

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxTextUnits of one message. Meta says 2,000 characters; UTF-16 units are the strictest reading of that.
const maxTextUnits = 2000

// split cuts a text into parts of at most limit UTF-16 units: at the last line end or blank of the second
// half, else between two visible characters, else between two runes. Only blanks at a cut are lost.
func split(text string, limit int) []string {
	var parts []string
	for text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD")); text != ""; {
		end := fit(text, limit)
		if end < len(text) {
			end = cut(text, end)
		}
		if part := strings.TrimRightFunc(text[:end], unicode.IsSpace); part != "" {
			parts = append(parts, part)
		}
		text = strings.TrimLeftFunc(text[end:], unicode.IsSpace)
	}
	return parts
}

// fit returns how many bytes of text have at most limit UTF-16 units.
func fit(text string, limit int) int {
	units := 0
	for i, r := range text {
		n := 1
		if r > 0xFFFF {
			n = 2
		}
		if units+n > limit {
			return i
		}
		units += n
	}
	return len(text)
}

// cut moves a cut at end back to a good place.
func cut(text string, end int) int {
	if r, _ := utf8.DecodeRuneInString(text[end:]); unicode.IsSpace(r) {
		return end
	}
	half := end / 2
	if i := strings.LastIndexByte(text[half:end], '\n'); i >= 0 {
		return half + i + 1
	}
	if i := strings.LastIndexFunc(text[:end], unicode.IsSpace); i > half {
		_, size := utf8.DecodeRuneInString(text[i:])
		return i + size
	}
	at := end
	for at > half && !breakable(text, at) {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	if at > half {
		return at
	}
	return end
}

const zeroWidthJoiner = '\u200D'

// breakable reports whether a cut at i leaves the characters around it whole, so far as accents, joined
// emoji, skin tones and flags go.
func breakable(text string, i int) bool {
	next, _ := utf8.DecodeRuneInString(text[i:])
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	switch {
	case before == zeroWidthJoiner, next == zeroWidthJoiner, unicode.In(next, unicode.Mn, unicode.Me, unicode.Mc):
		return false
	case next >= 0x1F3FB && next <= 0x1F3FF: // skin tones
		return false
	case flag(before) && flag(next):
		// Flags are pairs: count those before.
		n := 0
		for t := text[:i]; ; n++ {
			r, size := utf8.DecodeLastRuneInString(t)
			if !flag(r) {
				break
			}
			t = t[:len(t)-size]
		}
		return n%2 == 0
	}
	return true
}

func flag(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }
