// Package serve hands the web client to browsers: the loader that websites embed, the hashed files under
// /w/, the console's page and the pages of signed links.
//
// Hashed files never change and are cached for a year. The loader is cached for five minutes, or a fix would
// never reach the websites. Pages are not cached and carry a strict content security policy. The page of a link
// is the same for every link: it is sent without a look at the token, so that a link that is only fetched (by a
// mail scanner, by a preview) has no effect whatever.
// Concurrency: all methods may be called from any goroutine. Read next: pages.go, package build.
package serve

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"backline/webclient/build"
)

// Options of a Handler. Bundle and PublicURL are needed.
type Options struct {
	Bundle *build.Bundle
	// PublicURL is where browsers reach the gateway, "https://contact.example.org".
	PublicURL string
	// Company is shown on the page of a link before, and without, a connection.
	Company Company
	// Meetings can be had: their page is served.
	Meetings bool
}

// Company is whose gateway this is.
type Company struct {
	Name     string
	Language string // de, en
	Color    string // #rrggbb
}

// Handler serves a bundle.
type Handler struct {
	bundle  *build.Bundle
	policy  string
	console *build.File            // nil: not part of this build
	check   *build.File            // nil: not part of this build
	talk    map[string]*build.File // by language; nil: not part of this build
	meet    map[string]*build.File // the same, of meetings
	speaks  string                 // the company's language, one of talk
}

// New prepares the pages.
func New(o Options) (*Handler, error) {
	socket, err := socketOrigin(o.PublicURL)
	if err != nil {
		return nil, err
	}
	h := &Handler{bundle: o.Bundle, policy: policy(socket), speaks: "en"}
	if strings.HasPrefix(strings.ToLower(o.Company.Language), "de") {
		h.speaks = "de"
	}
	if h.console, err = consolePage(o.Bundle); err != nil {
		return nil, err
	}
	if h.check, err = checkPage(o.Bundle); err != nil {
		return nil, err
	}
	if h.talk, err = linkPages(o.Bundle, "talk", o.Company, talkTexts); err != nil {
		return nil, err
	}
	if o.Meetings {
		if h.meet, err = linkPages(o.Bundle, "meet", o.Company, meetTexts); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Run packs the files with brotli and gzip; until it is done they are served plain. It returns when all are
// packed or ctx ended.
func (h *Handler) Run(ctx context.Context) error { return h.bundle.Compress(ctx) }

// Routes are patterns of http.ServeMux. "GET /{$}" is the console. All of them answer HEAD as well.
func (h *Handler) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /widget.js":                 http.HandlerFunc(h.loader),
		"GET " + build.Prefix + "{name}": http.HandlerFunc(h.asset),
		"GET /{$}":                       http.HandlerFunc(h.serveConsole),
		"GET /talk/{token}":              http.HandlerFunc(h.serveTalk),
		"GET /check/{token}":             http.HandlerFunc(h.serveCheck),
		"GET /meet/{token}":              http.HandlerFunc(h.serveMeet),
	}
}

func (h *Handler) loader(w http.ResponseWriter, r *http.Request) {
	if h.bundle.Loader() == nil {
		http.NotFound(w, r)
		return
	}
	shared(w)
	w.Header().Set("Cache-Control", "public, max-age=300, stale-while-revalidate=86400")
	h.send(w, r, h.bundle.Loader())
}

func (h *Handler) asset(w http.ResponseWriter, r *http.Request) {
	f := h.bundle.File(r.PathValue("name"))
	if f == nil {
		http.NotFound(w, r)
		return
	}
	shared(w)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	h.send(w, r, f)
}

// shared lets every website load the file: it holds nothing of a person, and SRI needs CORS.
func shared(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
}

func (h *Handler) send(w http.ResponseWriter, r *http.Request, f *build.File) {
	head := w.Header()
	head.Set("Content-Type", f.ContentType)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Add("Vary", "Accept-Encoding")
	body := f.Plain
	accepted := r.Header.Get("Accept-Encoding")
	if br := f.Brotli(); br != nil && accepts(accepted, "br") {
		body = br
		head.Set("Content-Encoding", "br")
	} else if gz := f.Gzip(); gz != nil && accepts(accepted, "gzip") {
		body = gz
		head.Set("Content-Encoding", "gzip")
	}
	head.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the browser left: nobody to tell
}

// accepts reads an Accept-Encoding header: the coding must be named and not have q=0.
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if !found {
			return true
		}
		weight, err := strconv.ParseFloat(q, 64)
		return err == nil && weight > 0
	}
	return false
}
