package mailing_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"backline/gateway/mailing"
)

func read(t *testing.T, text string) *mailing.List {
	t.Helper()
	l, err := mailing.ReadList(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestListsOfAllKindsReadAlike(t *testing.T) {
	want := []mailing.Row{
		{Line: 2, Email: "anna@example.org", Name: "Anna Müller", Language: "de-AT", Subject: "Lieferung 7; dringend", Phone: "+12025550143", To: "agent/jana", Extra: map[string]string{"Kunde": "K-1"}},
		{Line: 4, Email: "ben@example.org", Name: "Ben", Extra: map[string]string{"Kunde": "K-2"}},
	}
	comma := "email,name,language,subject,phone,to,Kunde\nanna@example.org, Anna Müller ,de-at,Lieferung 7; dringend,+1 202 555 0143,agent/jana,K-1\n\nben@example.org,Ben,,,,,K-2\n"
	semicolon := "E-Mail;Name;Sprache;Betreff;Telefon;To;Kunde\r\nanna@example.org;Anna Müller;de-at;\"Lieferung 7; dringend\";+1 202 555 0143;agent/jana;K-1\r\n\r\nben@example.org;Ben;;;;;K-2\r\n"
	for name, text := range map[string]string{
		"UTF-8, commas":      comma,
		"with a mark":        "\ufeff" + comma,
		"tabs":               strings.ReplaceAll(comma, ",", "\t"),
		"semicolons, CRLF":   semicolon,
		"Windows-1252":       strings.ReplaceAll(semicolon, "ü", "\xfc"),
		"no newline at last": strings.TrimRight(comma, "\n"),
	} {
		l := read(t, text)
		if diff := cmp.Diff(want, l.Rows); diff != "" || len(l.Mistakes) > 0 {
			t.Errorf("%s: %v %s", name, l.Mistakes, diff)
		}
		if diff := cmp.Diff([]string{"Kunde"}, l.Extra); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestEveryBadRowIsNamedWithItsLine(t *testing.T) {
	l := read(t, `email,name,language,phone,to
anna@example.org,Anna,de,,
not an address,Ben,,,
ben@example.org,Ben,german!,030 1234,main
cara@example.org
dora@example.org,"Dora`+"\x07"+`",,,
`+strings.Repeat("x", 65)+`@example.org,,,,
`)
	var got []string
	for _, m := range l.Mistakes {
		got = append(got, m.String())
	}
	want := []string{
		"line 3: email: want an address like anna@example.org",
		"line 4: language: want a language like de or pt-BR",
		"line 4: phone: want a number with its country, like +12025550100",
		`line 4: to: want "queue/ID" or "agent/ID"`,
		"line 5: 1 columns, the header has 5",
		"line 6: name: want one line without control characters",
		"line 7: email: want an address like anna@example.org",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(l.Rows) != 1 {
		t.Errorf("rows %+v", l.Rows)
	}
}

func TestOneAddressGetsOneMail(t *testing.T) {
	l := read(t, "email\nanna@example.org\nAnna@Example.ORG\nanna@münchen.example\nanna@xn--mnchen-3ya.example\n")
	want := []mailing.Duplicate{{Line: 3, First: 2}, {Line: 5, First: 4}}
	if diff := cmp.Diff(want, l.Duplicates); diff != "" || len(l.Mistakes) > 0 {
		t.Errorf("%v %s", l.Mistakes, diff)
	}
}

func TestWhatIsNoListIsRefused(t *testing.T) {
	for want, text := range map[string]string{
		"empty":             "",
		"UTF-16":            "\xff\xfee\x00m\x00",
		"no text":           "email\x00\n",
		`no column "email"`: "name\nAnna\n",
		`did you mean`:      "email,langauge\n",
		"there is twice":    "email,mail\n",
	} {
		_, err := mailing.ReadList(strings.NewReader(text))
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "is there twice", "there is twice"), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if l := read(t, "email,name\nanna@example.org,\"Anna\nben@example.org,Ben\n"); len(l.Mistakes) != 1 || l.Mistakes[0].Line != 2 {
		t.Errorf("a quote that is not closed: %+v", l)
	}
}

func TestMistakesAreCountedWhenThereAreTooMany(t *testing.T) {
	l := read(t, "email\n"+strings.Repeat("x\n", 1200))
	if len(l.Mistakes) != 1000 || l.Dropped != 200 {
		t.Errorf("%d kept, %d counted", len(l.Mistakes), l.Dropped)
	}
}

// FuzzReadList reads lists as people's programs write them: what is accepted can be sent to, and nothing in it
// can break out of a header.
func FuzzReadList(f *testing.F) {
	f.Add([]byte("email,name\nanna@example.org,Anna\n"))
	f.Add([]byte("\xef\xbb\xbfe-mail;Name\r\nben@example.org;\"B;en\"\r\n"))
	f.Add([]byte("mail\tname\nc@example.org\t\xfc\n"))
	f.Add([]byte("email\n\"a@b.example\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := mailing.ReadList(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range l.Rows {
			if seen[r.Key()] {
				t.Errorf("%q is there twice", r.Email)
			}
			seen[r.Key()] = true
			for _, s := range []string{r.Email, r.Name, r.Subject, r.Phone, r.Language, string(r.To)} {
				if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
					t.Errorf("row %+v has %q", r, s)
				}
			}
			if strings.Count(r.Email, "@") < 1 || strings.ContainsAny(r.Email, "<> ,;") {
				t.Errorf("address %q", r.Email)
			}
			// Written down again it reads as the same address.
			again, err := mailing.ReadList(strings.NewReader(fmt.Sprintf("email\n%q\n", r.Email)))
			if err != nil || len(again.Rows) != 1 || again.Rows[0].Email != r.Email {
				t.Errorf("%q comes back as %+v, %v", r.Email, again, err)
			}
		}
	})
}
