// Package serve hands the web client to browsers: the loader that websites embed, the hashed files under
// /w/, and the console's page.
//
// Hashed files never change and are cached for a year. The loader is cached for five minutes, or a fix would
// never reach the websites. The console's page is not cached and carries a strict content security policy.
// Concurrency: all methods may be called from any goroutine. Read next: package build.
package serve

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"backline/webclient/build"
)

// Handler serves a bundle.
type Handler struct {
	bundle *build.Bundle
	page   []byte
	policy string
}

// New prepares the pages. publicURL is where browsers reach the gateway, "https://contact.example.org".
func New(bundle *build.Bundle, publicURL string) (*Handler, error) {
	socket, err := socketOrigin(publicURL)
	if err != nil {
		return nil, err
	}
	return &Handler{bundle: bundle, page: consolePage(bundle), policy: policy(socket)}, nil
}

// Run packs the files with brotli and gzip; until it is done they are served plain. It returns when all are
// packed or ctx ended.
func (h *Handler) Run(ctx context.Context) error { return h.bundle.Compress(ctx) }

// Routes are patterns of http.ServeMux. "GET /{$}" is the console.
func (h *Handler) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /widget.js":                 http.HandlerFunc(h.loader),
		"GET " + build.Prefix + "{name}": http.HandlerFunc(h.asset),
		"GET /{$}":                       http.HandlerFunc(h.console),
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

func (h *Handler) console(w http.ResponseWriter, _ *http.Request) {
	if h.page == nil {
		http.Error(w, "this build has no console", http.StatusNotFound)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Cache-Control", "no-cache")
	head.Set("Content-Security-Policy", h.policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Permissions-Policy", "camera=(self), microphone=(self), speaker-selection=(self), geolocation=(), payment=(), usb=()")
	_, _ = w.Write(h.page) // the browser left: nobody to tell
}

func consolePage(b *build.Bundle) []byte {
	e, ok := b.Entry("console")
	if !ok {
		return nil
	}
	style := ""
	if e.Style != "" {
		style = `<link rel="stylesheet" href="` + build.Prefix + e.Style + `">`
	}
	return fmt.Appendf(nil, `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Backline</title>
<meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
%s<script type="module" src="%s"></script></head>
<body><div id="app"></div><noscript>The console needs JavaScript. Die Konsole braucht JavaScript.</noscript></body>
</html>
`, style, build.Prefix+e.Script)
}

// policy allows what the console does and nothing else. Trusted types: no code of ours writes markup.
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
