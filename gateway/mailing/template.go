package mailing

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"

	"golang.org/x/text/language"
)

// Fields are what a template may use: {{.Name}}, {{.Link}}, …
type Fields struct {
	Name     string
	Email    string
	Phone    string
	Subject  string
	Language string // of the recipient, as the list has it
	Link     string
	Expires  time.Time         // of the link: {{.Expires.Format "02.01.2006 15:04"}}
	Company  string            // company.name of the configuration
	Extra    map[string]string // the list's other columns: {{.Extra.customer_no}}
}

// Template is the mail in several languages, from one file of Go templates. A language has three blocks:
//
//	{{define "subject.de"}}…{{end}}
//	{{define "text.de"}}…{{end}}
//	{{define "html.de"}}…{{end}}
//
// The html block may be missing, then the mail is text only. Blocks whose names begin with "_" are for use by
// others ({{template "_footer" .}}). Anything else beside the blocks, and a field that does not exist, is a
// mistake.
type Template struct {
	text  *texttemplate.Template // blocks as they are
	html  *htmltemplate.Template // the same blocks, escaped
	names []string               // of the languages, as the blocks are called; the company's first
	match language.Matcher
	own   string // language of the mailing, where a recipient's is unknown
}

// maxTemplateBytes bounds a template.
const maxTemplateBytes = 1 << 20

// ParseTemplate reads a template. own is the company's language; extra are the columns that {{.Extra}} has.
func ParseTemplate(data, own string, extra []string) (*Template, error) {
	if len(data) > maxTemplateBytes {
		return nil, fmt.Errorf("the template is larger than %d MiB", maxTemplateBytes>>20)
	}
	data = strings.TrimPrefix(data, "\ufeff")
	t := &Template{own: own}
	var err error
	if t.text, err = texttemplate.New("mail").Option("missingkey=error").Parse(data); err != nil {
		return nil, templateError(err)
	}
	if t.html, err = htmltemplate.New("mail").Option("missingkey=error").Parse(data); err != nil {
		return nil, templateError(err)
	}
	if err := t.blocks(); err != nil {
		return nil, err
	}
	return t, t.rehearse(extra)
}

// blocks finds the languages, and what is missing or too much.
func (t *Template) blocks() error {
	var errs []error
	for _, b := range t.text.Templates() {
		kind, lang, _ := strings.Cut(b.Name(), ".")
		switch {
		case b.Name() == "mail":
			if b.Tree != nil && strings.TrimSpace(b.Tree.Root.String()) != "" {
				errs = append(errs, errors.New(`mail: there is text outside of the blocks {{define "text.en"}}…{{end}}`))
			}
		case strings.HasPrefix(b.Name(), "_"):
		case kind != "subject" && kind != "text" && kind != "html":
			errs = append(errs, fmt.Errorf(`mail: unknown block %q; want subject., text. or html. and a language, or a name that begins with "_"`, b.Name()))
		case !slices.Contains(t.names, lang):
			if _, err := language.Parse(lang); err != nil {
				errs = append(errs, fmt.Errorf("mail: block %q: %q is no language", b.Name(), lang))
				continue
			}
			t.names = append(t.names, lang)
		}
	}
	t.order()
	for _, lang := range t.names {
		for _, kind := range []string{"subject.", "text."} {
			if t.text.Lookup(kind+lang) == nil {
				errs = append(errs, fmt.Errorf("mail: block %q is missing", kind+lang))
			}
		}
	}
	if len(t.names) == 0 && len(errs) == 0 {
		return errors.New(`mail: no blocks; want at least {{define "subject.en"}}…{{end}} and {{define "text.en"}}…{{end}}`)
	}
	return errors.Join(errs...)
}

// order puts the company's language first: a Matcher falls back to its first.
func (t *Template) order() {
	slices.Sort(t.names)
	t.match = matcher(t.names)
	if i := t.nearest(t.own); i > 0 {
		own := t.names[i]
		t.names = slices.Insert(slices.Delete(t.names, i, i+1), 0, own)
		t.match = matcher(t.names)
	}
}

func matcher(names []string) language.Matcher {
	var tags []language.Tag
	for _, n := range names {
		tags = append(tags, language.Make(n))
	}
	return language.NewMatcher(tags)
}

// nearest is the index of the language to write to somebody; 0, the first, when none is near.
func (t *Template) nearest(lang string) int {
	tag, err := language.Parse(lang)
	if err != nil {
		return 0
	}
	_, i, confidence := t.match.Match(tag)
	if confidence == language.No {
		return 0
	}
	return i
}

// rehearse runs every block once, so that a field that does not exist is found before the first mail leaves.
func (t *Template) rehearse(extra []string) error {
	const link = "https://gw.example.org/talk/rehearsal"
	f := Fields{Name: "Anna", Email: "anna@example.org", Phone: "+12025550100", Subject: "About", Language: "en", Link: link, Company: "Company",
		Expires: time.Now(), Extra: map[string]string{}}
	for _, name := range extra {
		f.Extra[name] = name
	}
	var errs []error
	for _, lang := range t.names {
		m, err := t.render(lang, f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if strings.TrimSpace(m.Subject) == "" {
			errs = append(errs, fmt.Errorf(`mail: block "subject.%s" is empty`, lang))
		}
		if !strings.Contains(m.Text, link) {
			errs = append(errs, fmt.Errorf(`mail: block "text.%s" has no {{.Link}}`, lang))
		}
		if m.HTML != "" && !strings.Contains(m.HTML, link) {
			errs = append(errs, fmt.Errorf(`mail: block "html.%s" has no {{.Link}}`, lang))
		}
	}
	return errors.Join(errs...)
}

// rendered is one mail's words.
type rendered struct{ Language, Subject, Text, HTML string }

// words writes a mail in the language nearest to the recipient's, else in the company's.
func (t *Template) words(f Fields) (rendered, error) {
	return t.render(t.names[t.nearest(f.Language)], f)
}

// render writes a mail in one of the languages.
func (t *Template) render(lang string, f Fields) (rendered, error) {
	m := rendered{Language: lang}
	var err error
	if m.Subject, err = execute(t.text, "subject."+lang, f); err != nil {
		return m, err
	}
	m.Subject = strings.Join(strings.Fields(m.Subject), " ") // a header is one line
	if m.Text, err = execute(t.text, "text."+lang, f); err != nil {
		return m, err
	}
	m.Text = strings.TrimLeft(m.Text, "\r\n")
	if t.html.Lookup("html."+lang) != nil {
		m.HTML, err = execute(t.html, "html."+lang, f)
	}
	return m, err
}

func execute(t interface {
	ExecuteTemplate(io.Writer, string, any) error
}, block string, f Fields) (string, error) {
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, block, f); err != nil {
		return "", templateError(err)
	}
	return b.String(), nil
}

// templateError takes the package's name off: the file's own is said by whoever has it.
func templateError(err error) error {
	for _, prefix := range []string{"html/template:", "template: "} {
		if rest, ok := strings.CutPrefix(err.Error(), prefix); ok {
			return errors.New(rest)
		}
	}
	return err
}
