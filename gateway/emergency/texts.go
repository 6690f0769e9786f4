package emergency

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Texts is what customers are told when nobody gives other texts.
type Texts struct {
	Company    string            // "" says "our"
	Language   string            // of the company, BCP 47
	Configured map[string]string // by language, as Tag writes it
	Calls      bool              // calls from a browser can be had
}

// phrases of one language; %s is the company. None of them is a translation of the other.
type phrases struct {
	broken, ours string // what is broken: of a company, and of one without a name
	calls, chat  string // what works on a page, with calls and without
	message      string // what works for somebody who writes by Messenger or SMS
	talk         string // before the address of a page to call from
}

var builtIn = map[string]phrases{
	"de": {
		broken:  "Die Telefonnummern von %s sind zurzeit gestört.",
		ours:    "Unsere Telefonnummern sind zurzeit gestört.",
		calls:   "Chat und Anrufe von hier aus funktionieren.",
		chat:    "Im Chat sind wir hier für Sie da.",
		message: "Hier können Sie uns weiterhin schreiben.",
		talk:    "Sprechen können Sie mit uns im Browser:",
	},
	"en": {
		broken:  "The phone numbers of %s are out of order right now.",
		ours:    "Our phone numbers are out of order right now.",
		calls:   "Chat and calls from here work.",
		chat:    "The chat here works.",
		message: "You can go on writing to us here.",
		talk:    "To talk to us, open this in a browser:",
	},
}

// Broken says what is broken and nothing of what works, for where that is said in another way. The language is
// German or English.
func (t Texts) Broken(language string) string {
	if p, ok := builtIn[base(language)]; ok {
		return t.broken(p)
	}
	return t.broken(builtIn["en"])
}

func (t Texts) broken(p phrases) string {
	if t.Company == "" {
		return p.ours
	}
	return strings.ReplaceAll(p.broken, "%s", t.Company)
}

func (t Texts) page(p phrases) string {
	if t.Calls {
		return t.broken(p) + " " + p.calls
	}
	return t.broken(p) + " " + p.chat
}

// Defaults are the texts of the configuration, and the built-in ones where it has none.
func (t Texts) Defaults() map[string]string {
	out := map[string]string{}
	for tag, p := range builtIn {
		out[tag] = t.page(p)
	}
	maps.Copy(out, t.Configured)
	return out
}

// compose finds what customers are told in the present state.
func (s *Switch) compose() {
	s.told = s.texts.Defaults()
	maps.Copy(s.told, s.given)
	s.byTag = map[string]string{}
	for tag := range s.told {
		s.byTag[fold(tag)] = tag
	}
}

// Notice is what a customer's page shows, "" while the switch is off. Languages are those of the customer, the
// best known first; empty ones do not count.
func (s *Switch) Notice(languages ...string) string {
	if !s.on {
		return ""
	}
	return s.told[s.choose(languages)]
}

// Answer is what a customer is written who came by Messenger or SMS. link, if there is one, is where they can
// call from. The built-in texts of pages speak of "here", which is not here; so they have a form of their own.
func (s *Switch) Answer(link string, languages ...string) string {
	tag := s.choose(languages)
	text, p := s.told[tag], builtIn[base(tag)]
	if s.given[tag] == "" && s.texts.Configured[tag] == "" {
		text = s.texts.broken(p) + " " + p.message
	}
	switch {
	case link == "":
		return text
	case p.talk == "":
		return text + "\n" + link
	}
	return text + "\n" + p.talk + " " + link
}

// choose returns the language to speak: exact, base, the company's, any.
func (s *Switch) choose(languages []string) string {
	for _, l := range append(slices.Clone(languages), s.texts.Language, "en") {
		if tag, ok := s.byTag[fold(l)]; ok {
			return tag
		}
		if tag, ok := s.byTag[base(l)]; ok {
			return tag
		}
	}
	return slices.Min(slices.Collect(maps.Keys(s.told))) // not reached: German and English are built in
}

var tagForm = regexp.MustCompile(`^[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*$`)

// Tag returns a language in the one form it is kept in: "de", "pt-BR", "zh-Hant". Not ok: it is no BCP 47 tag.
func Tag(s string) (tag string, ok bool) {
	if len(s) > 35 || !tagForm.MatchString(s) {
		return "", false
	}
	parts := strings.Split(fold(s), "-")
	for i, p := range parts[1:] {
		switch len(p) {
		case 2:
			parts[i+1] = strings.ToUpper(p)
		case 4:
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-"), true
}

// fold is a language in the one form in which languages are compared.
func fold(tag string) string { return strings.ToLower(strings.ReplaceAll(tag, "_", "-")) }

// base is the language without script, region and variants.
func base(tag string) string {
	b, _, _ := strings.Cut(fold(tag), "-")
	return b
}
