package mailing

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/language"

	"backline/gateway"
	"backline/gateway/links"
)

// Bounds of a list.
const (
	MaxListBytes = 64 << 20
	MaxRows      = 200_000
	maxMistakes  = 1000 // kept; more are counted
)

// List is a file of recipients, read.
type List struct {
	Rows       []Row
	Duplicates []Duplicate
	Mistakes   []Mistake
	Dropped    int      // mistakes beyond those kept
	Extra      []string // columns that only the template may know
}

// Mistake is one thing wrong with the list.
type Mistake struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	Msg    string `json:"message"`
}

func (m Mistake) String() string {
	if m.Column == "" {
		return fmt.Sprintf("line %d: %s", m.Line, m.Msg)
	}
	return fmt.Sprintf("line %d: %s: %s", m.Line, m.Column, m.Msg)
}

// Duplicate is a row with an address that an earlier row has; it gets no mail of its own.
type Duplicate struct {
	Line  int `json:"line"`
	First int `json:"first"`
}

// columns are the names a header may have, and what they mean. Letters' size does not matter.
var columns = map[string]string{
	"email": "email", "e-mail": "email", "mail": "email",
	"name": "name", "language": "language", "sprache": "language", "subject": "subject", "betreff": "subject",
	"phone": "phone", "telefon": "phone", "to": "to",
}

// ReadList reads CSV: UTF-8 with or without a byte order mark, or Windows-1252; separated by commas, semicolons
// or tabs; with a header of which "email" is needed. What is wrong is in Mistakes; the error is that of
// reading, or of a file that is no such list at all.
func ReadList(r io.Reader) (*List, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxListBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxListBytes {
		return nil, fmt.Errorf("the list is larger than %d MiB", MaxListBytes>>20)
	}
	text, err := decode(data)
	if err != nil {
		return nil, err
	}
	c := csv.NewReader(bytes.NewReader(text))
	c.Comma, c.FieldsPerRecord = separator(text), -1
	p := &listReader{csv: c, list: &List{Mistakes: []Mistake{}, Duplicates: []Duplicate{}}, seen: map[string]int{}}
	if err := p.header(); err != nil {
		return nil, err
	}
	for p.row() {
		if len(p.list.Rows) > MaxRows {
			return nil, fmt.Errorf("the list has more than %d rows", MaxRows)
		}
	}
	return p.list, nil
}

// decode returns UTF-8. What is not valid UTF-8 is taken for Windows-1252, which has a letter for nearly every
// byte: programs that write neither are rare.
func decode(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) || bytes.IndexByte(data, 0) >= 0:
		return nil, errors.New("the list is UTF-16 or no text: save it as CSV UTF-8")
	case utf8.Valid(data):
		return data, nil
	}
	return charmap.Windows1252.NewDecoder().Bytes(data)
}

// separator is what stands between the names of the header.
func separator(text []byte) rune {
	head, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := ',', 0
	for _, r := range ",;\t" {
		if n := bytes.Count(head, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// listReader reads one list.
type listReader struct {
	csv    *csv.Reader
	list   *List
	fields []string       // meaning of each column; Extra's have their own name
	known  []bool         // whether it is one of columns
	seen   map[string]int // normal address → line
}

func (p *listReader) header() error {
	names, err := p.csv.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the list is empty")
	}
	if err != nil {
		return fmt.Errorf("the list's header: %w", err)
	}
	for _, name := range names {
		name = strings.TrimSpace(name)
		field, known := columns[strings.ToLower(name)]
		if !known {
			if near := nearColumn(name); near != "" {
				return fmt.Errorf("line 1: column %q: did you mean %q?", name, near)
			}
			field = name
			p.list.Extra = append(p.list.Extra, name)
		}
		if slices.Contains(p.fields, field) {
			return fmt.Errorf("line 1: column %q is there twice", field)
		}
		p.fields, p.known = append(p.fields, field), append(p.known, known)
	}
	if !slices.Contains(p.fields, "email") {
		return errors.New(`line 1: no column "email"; the first line names the columns: email, name, language, subject, phone, to`)
	}
	return nil
}

// nearColumn finds what a name was probably meant to be: all letters but one are right, or two are swapped.
func nearColumn(name string) string {
	name = strings.ToLower(name)
	for _, known := range []string{"email", "name", "language", "subject", "phone"} {
		if len(name) > 3 && known != name && oneEdit(name, known) {
			return known
		}
	}
	return ""
}

func oneEdit(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// row reads one; false at the end.
func (p *listReader) row() bool {
	values, err := p.csv.Read()
	if errors.Is(err, io.EOF) {
		return false
	}
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		// What follows a quote that is not closed cannot be told apart.
		p.mistake(e.StartLine, "", "%v", e.Err)
		return !errors.Is(e.Err, csv.ErrQuote)
	}
	line, _ := p.csv.FieldPos(0)
	if len(values) == 1 && strings.TrimSpace(values[0]) == "" {
		return true
	}
	if len(values) != len(p.fields) {
		p.mistake(line, "", "%d columns, the header has %d", len(values), len(p.fields))
		return true
	}
	row, ok := p.read(line, values)
	if !ok {
		return true
	}
	if first, dup := p.seen[Normal(row.Email)]; dup {
		p.list.Duplicates = append(p.list.Duplicates, Duplicate{Line: line, First: first})
		return true
	}
	p.seen[Normal(row.Email)] = line
	p.list.Rows = append(p.list.Rows, row)
	return true
}

// read judges the values of a row; every bad one is a mistake.
func (p *listReader) read(line int, values []string) (Row, bool) {
	row, before := Row{Line: line}, len(p.list.Mistakes)+p.list.Dropped
	for i, v := range values {
		v = strings.TrimSpace(v)
		name := p.fields[i]
		if !utf8.ValidString(v) || strings.ContainsFunc(v, unsafe) {
			p.mistake(line, name, "want one line without control characters")
			continue
		}
		if !p.known[i] {
			if row.Extra == nil {
				row.Extra = map[string]string{}
			}
			row.Extra[name] = v
			continue
		}
		if msg := row.set(name, v); msg != "" {
			p.mistake(line, name, "%s", msg)
		}
	}
	return row, len(p.list.Mistakes)+p.list.Dropped == before
}

// unsafe are runes that could end a header or turn a line around.
func unsafe(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// set puts a value into its field; the result is what is wrong with it.
func (r *Row) set(field, v string) string {
	var ok bool
	switch field {
	case "email":
		if r.Email, ok = readAddress(v); !ok {
			return "want an address like anna@example.org"
		}
	case "name":
		if r.Name = v; utf8.RuneCountInString(v) > links.MaxName {
			return fmt.Sprintf("want at most %d characters", links.MaxName)
		}
	case "subject":
		if r.Subject = v; utf8.RuneCountInString(v) > links.MaxSubject {
			return fmt.Sprintf("want at most %d characters", links.MaxSubject)
		}
	case "language":
		if v == "" {
			return ""
		}
		tag, err := language.Parse(v)
		if err != nil {
			return "want a language like de or pt-BR"
		}
		r.Language = tag.String()
	case "phone":
		phone, err := links.CheckPhone(v)
		if err != nil {
			return "want a number with its country, like +12025550100"
		}
		r.Phone = phone
	case "to":
		if v == "" {
			return ""
		}
		to, err := gateway.ParseTarget(v)
		if err != nil {
			return `want "queue/ID" or "agent/ID"`
		}
		r.To = to
	}
	return ""
}

func (p *listReader) mistake(line int, column, format string, args ...any) {
	if len(p.list.Mistakes) == maxMistakes {
		p.list.Dropped++
		return
	}
	p.list.Mistakes = append(p.list.Mistakes, Mistake{Line: line, Column: column, Msg: fmt.Sprintf(format, args...)})
}
