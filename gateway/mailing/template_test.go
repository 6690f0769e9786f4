package mailing

import (
	"os"
	"strings"
	"testing"
	"time"
)

func example(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/examples/link-mail.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheExampleIsAMailInTheRecipientsLanguage(t *testing.T) {
	tmpl, err := ParseTemplate(example(t), "de", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := Fields{Name: "Anna <b>", Subject: "Lieferung 7", Link: "https://gw.example.org/talk/abc", Company: "Nordwind", Expires: time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)}
	for lang, want := range map[string]string{"de": "Guten Tag", "de-AT": "Guten Tag", "en-GB": "Hello", "": "Guten Tag", "ja": "Guten Tag", "!": "Guten Tag"} {
		f.Language = lang
		m, err := tmpl.words(f)
		if err != nil || !strings.HasPrefix(m.Text, want+" Anna <b>,") {
			t.Errorf("%q: %v\n%s", lang, err, m.Text)
		}
		if !strings.Contains(m.HTML, "Anna &lt;b&gt;") || strings.Contains(m.HTML, "<b>") || !strings.Contains(m.HTML, `href="https://gw.example.org/talk/abc"`) {
			t.Errorf("%q: HTML\n%s", lang, m.HTML)
		}
		if !strings.Contains(m.Text, f.Link) || !strings.Contains(m.Text, "Lieferung 7") || !strings.Contains(m.Text, "2026") {
			t.Errorf("%q: text\n%s", lang, m.Text)
		}
	}
}

func TestTemplatesAreReadStrictly(t *testing.T) {
	const good = `{{define "subject.en"}}s{{end}}{{define "text.en"}}{{.Link}}{{end}}`
	if _, err := ParseTemplate(good, "de", nil); err != nil {
		t.Errorf("the smallest template: %v", err)
	}
	for want, text := range map[string]string{
		"no blocks":                  "",
		"outside of the blocks":      good + "Hello",
		`unknown block "txet.de"`:    good + `{{define "txet.de"}}{{end}}`,
		`"text.de" is missing`:       good + `{{define "subject.de"}}s{{end}}`,
		`"klingon!" is no language`:  good + `{{define "text.klingon!"}}{{end}}`,
		"can't evaluate field Nmae":  strings.ReplaceAll(good, ".Link", ".Nmae"),
		`no entry for key "number"`:  strings.ReplaceAll(good, ".Link", ".Extra.number"),
		`"text.en" has no {{.Link}}`: strings.ReplaceAll(good, "{{.Link}}", "x"),
		`"html.en" has no {{.Link}}`: good + `{{define "html.en"}}x{{end}}`,
		`"subject.en" is empty`:      strings.Replace(good, "}}s{{", "}} {{", 1),
		"mail:1:":                    good + "{{if}}",
		"ends in a non-text context": good + `{{define "html.en"}}<a href="{{.Link}}{{end}}`,
	} {
		if _, err := ParseTemplate(text, "en", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	if _, err := ParseTemplate(strings.Replace(good, "}}s{{", "}}{{.Extra.number}}{{", 1), "en", []string{"number"}); err != nil {
		t.Errorf("a column of the list: %v", err)
	}
}

func TestASubjectIsOneLine(t *testing.T) {
	tmpl, err := ParseTemplate(`{{define "subject.en"}}About
 {{.Subject}}
{{end}}{{define "text.en"}}{{.Link}}{{end}}`, "en", nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := tmpl.words(Fields{Subject: "x\r\nBcc: all@example.org"}); err != nil || m.Subject != "About x Bcc: all@example.org" {
		t.Errorf("%q, %v", m.Subject, err)
	}
}
