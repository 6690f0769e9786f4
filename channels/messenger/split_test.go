package messenger

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"  \n ", nil},
		{"0123456789", []string{"0123456789"}},
		{"0123456789a", []string{"0123456789", "a"}},
		{"one two three four", []string{"one two", "three four"}},
		{"ten chars! and", []string{"ten chars!", "and"}},
		{"a line\nbcde f", []string{"a line", "bcde f"}},
		{"x 23456789abc", []string{"x 23456789", "abc"}}, // no blank in the second half
		{"1234567😀😀", []string{"1234567😀", "😀"}},
		{"12345678👩‍🚒", []string{"12345678", "👩‍🚒"}},
		{"123456789e\u0301", []string{"123456789", "e\u0301"}},
		{"12345678👍🏽", []string{"12345678", "👍🏽"}},
		{"12345678🇩🇪", []string{"12345678", "🇩🇪"}},
		{"1234🇩🇪🇫🇷x", []string{"1234🇩🇪", "🇫🇷x"}},
		{"e" + strings.Repeat("\u0301", 11), []string{"e" + strings.Repeat("\u0301", 9), "\u0301\u0301"}}, // nothing whole fits
		{"bad \xff", []string{"bad \uFFFD"}},
	} {
		if diff := cmp.Diff(tt.want, split(tt.text, 10)); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
}

// FuzzSplit: parts fit, and nothing but blanks is lost.
func FuzzSplit(f *testing.F) {
	f.Add("one two three", 5)
	f.Add("👩‍🚒👩‍🚒🇩🇪🇫🇷e\u0301", 4)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 2 || limit > 3000 {
			return
		}
		letters := func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) {
					return -1
				}
				return r
			}, strings.ToValidUTF8(s, "\uFFFD"))
		}
		parts := split(text, limit)
		for _, p := range parts {
			if n := len(utf16.Encode([]rune(p))); n == 0 || n > limit {
				t.Fatalf("a part of %d units, limit %d", n, limit)
			}
		}
		if got, want := letters(strings.Join(parts, "")), letters(text); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

func TestAnEmptyTokenFitsNothing(t *testing.T) {
	if sameToken("", "") || sameToken("a", "b") || !sameToken("a", "a") {
		t.Error("tokens are compared wrongly")
	}
}
