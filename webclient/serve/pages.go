package serve

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"backline/webclient/build"
)

//go:embed console.html
var consoleHTML string

//go:embed talk.html
var talkHTML string

//go:embed check.html
var checkHTML string

// pageData is what the templates show.
type pageData struct {
	Script, Style string
	Company       Company
	talkText
}

// talkText is what the page of a link says without JavaScript, and until it runs.
type talkText struct {
	Lang, Title, Wait, NoScript string
}

func talkTexts(company string) []talkText {
	return []talkText{{
		Lang: "en", Title: "Talk to " + company,
		Wait: "Connecting …",
		NoScript: "Calling and writing from this page need JavaScript, and this browser does not run it. Allow it for this page, " +
			"open the page in another browser, or reply to the message that brought you here: " + company + " will get back to you.",
	}, {
		Lang: "de", Title: "Sprechen Sie mit " + company,
		Wait: "Verbindung wird aufgebaut …",
		NoScript: "Zum Anrufen und Schreiben braucht diese Seite JavaScript, das dieser Browser nicht ausführt. Erlauben Sie es für " +
			"diese Seite, öffnen Sie sie in einem anderen Browser oder antworten Sie auf die Nachricht, die Sie hierher geführt hat: " +
			company + " meldet sich bei Ihnen.",
	}}
}

func meetTexts(company string) []talkText {
	return []talkText{{
		Lang: "en", Title: "Video meeting with " + company,
		Wait: "Connecting …",
		NoScript: "A video meeting needs JavaScript, and this browser does not run it. Allow it for this page, open the page in " +
			"another browser, or reply to the message that brought you here.",
	}, {
		Lang: "de", Title: "Videogespräch mit " + company,
		Wait: "Verbindung wird aufgebaut …",
		NoScript: "Ein Videogespräch braucht JavaScript, das dieser Browser nicht ausführt. Erlauben Sie es für diese Seite, öffnen " +
			"Sie sie in einem anderen Browser oder antworten Sie auf die Nachricht, die Sie hierher geführt hat.",
	}}
}

func consolePage(b *build.Bundle) (*build.File, error) {
	e, ok := b.Entry("console")
	if !ok {
		return nil, nil
	}
	return page("console.html", consoleHTML, pageData{Script: file(e.Script), Style: file(e.Style)})
}

func checkPage(b *build.Bundle) (*build.File, error) {
	e, ok := b.Entry("check")
	if !ok {
		return nil, nil
	}
	return page("check.html", checkHTML, pageData{Script: file(e.Script), Style: file(e.Style)})
}

// linkPages are the pages of a kind of link, by language; nil: not part of this build.
func linkPages(b *build.Bundle, entry string, c Company, texts func(company string) []talkText) (map[string]*build.File, error) {
	e, ok := b.Entry(entry)
	if !ok {
		return nil, nil
	}
	name := c.Name
	if name == "" {
		name = "Backline"
	}
	pages := map[string]*build.File{}
	for _, t := range texts(name) {
		body, err := page("talk.html", talkHTML, pageData{Script: file(e.Script), Style: file(e.Style), Company: c, talkText: t})
		if err != nil {
			return nil, err
		}
		pages[t.Lang] = body
	}
	return pages, nil
}

func file(name string) string {
	if name == "" {
		return ""
	}
	return build.Prefix + name
}

func page(name, text string, d pageData) (*build.File, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, d); err != nil {
		return nil, err
	}
	return build.NewFile(name, out.Bytes())
}

func (h *Handler) serveConsole(w http.ResponseWriter, r *http.Request) {
	if h.console == nil {
		http.Error(w, "this build has no console", http.StatusNotFound)
		return
	}
	h.sendPage(w, r, h.console, "no-cache", "camera=(self), microphone=(self), speaker-selection=(self), geolocation=(), payment=(), usb=()")
}

// serveCheck sends the page of a connection check. The token is the script's business.
func (h *Handler) serveCheck(w http.ResponseWriter, r *http.Request) {
	if h.check == nil {
		http.Error(w, "this build has no page for checks", http.StatusNotFound)
		return
	}
	w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	h.sendPage(w, r, h.check, "no-store", "microphone=(), camera=(), geolocation=(), payment=(), usb=()")
}

// serveTalk sends the page of a link. The token is the script's business: nothing here reads it.
func (h *Handler) serveTalk(w http.ResponseWriter, r *http.Request) {
	if h.talk == nil {
		http.Error(w, "this build has no page for links", http.StatusNotFound)
		return
	}
	w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	w.Header().Set("Vary", "Accept-Language")
	h.sendPage(w, r, h.talk[language(r.Header.Get("Accept-Language"), h.speaks)], "no-store",
		"microphone=(self), camera=(), geolocation=(), payment=(), usb=()")
}

// serveMeet sends the page of a meeting, as serveTalk does.
func (h *Handler) serveMeet(w http.ResponseWriter, r *http.Request) {
	if h.meet == nil {
		http.Error(w, "there are no video meetings here", http.StatusNotFound)
		return
	}
	w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	w.Header().Set("Vary", "Accept-Language")
	h.sendPage(w, r, h.meet[language(r.Header.Get("Accept-Language"), h.speaks)], "no-store",
		"microphone=(self), camera=(self), display-capture=(self), speaker-selection=(self), geolocation=(), payment=(), usb=()")
}

// language is the first that we speak and the browser names, else the company's.
func language(accepted, company string) string {
	for part := range strings.SplitSeq(accepted, ",") {
		switch tag := strings.ToLower(strings.TrimSpace(part)); {
		case strings.HasPrefix(tag, "de"):
			return "de"
		case strings.HasPrefix(tag, "en"):
			return "en"
		}
	}
	return company
}

func (h *Handler) sendPage(w http.ResponseWriter, r *http.Request, f *build.File, cache, permissions string) {
	head := w.Header()
	head.Set("Cache-Control", cache)
	head.Set("Content-Security-Policy", h.policy)
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Permissions-Policy", permissions)
	h.send(w, r, f)
}

// policy allows what our pages do and nothing else. Trusted types: no code of ours writes markup.
func policy(socket string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self' " + socket,
		"img-src 'self' data: blob:", "font-src 'self'", "media-src 'self' blob:", "manifest-src 'self'",
		"worker-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
	}, "; ")
}

func socketOrigin(publicURL string) (string, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return "", fmt.Errorf("public URL: %w", err)
	}
	switch u.Scheme {
	case "https":
		return "wss://" + u.Host, nil
	case "http":
		return "ws://" + u.Host, nil
	}
	return "", fmt.Errorf("public URL %q: want http or https", publicURL)
}
