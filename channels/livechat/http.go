package livechat

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/wire"
)

// Site's answer: what the loader shows before the chat is opened.
type siteAnswer struct {
	Company wire.Company `json:"company"`
	Status  wire.Status  `json:"status"`
}

// uploadAnswer names a stored file.
type uploadAnswer struct {
	ID   gateway.FileID `json:"id"`
	Name string         `json:"name"`
	Type string         `json:"type"`
	Size int64          `json:"size"`
}

// cors lets the site's pages read the answer. It reports whether the page may be answered at all.
func (c *Channel) cors(w http.ResponseWriter, r *http.Request, site string) bool {
	origin := r.Header.Get("Origin")
	h := w.Header()
	h.Add("Vary", "Origin")
	if !c.knows(site) {
		httpx.Problem(w, r, gateway.Errorf(gateway.NotFound, "there is no site %.64q here; see data-site and the gateway's entries", site))
		return false
	}
	if !c.allowed(site, origin) {
		c.opts.OnRejected("origin")
		httpx.Problem(w, r, gateway.Errorf(gateway.Forbidden, "pages of %.100s may not show the chat of %s: add it to the entry's origins", origin, site))
		return false
	}
	if origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return true
}

func (c *Channel) site(w http.ResponseWriter, r *http.Request) {
	site := r.PathValue("site")
	if !c.cors(w, r, site) {
		return
	}
	httpx.WriteJSON(w, http.StatusOK, siteAnswer{c.opts.Company, c.opts.Feed.Status(gateway.Identity{Channel: gateway.ChannelLivechat, Account: site}, preferred(r))})
}

// preferred is the language a browser asks for first, "" if it says none.
func preferred(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	tag, _, _ := strings.Cut(first, ";")
	if tag = strings.TrimSpace(tag); !validLanguage(tag) {
		return ""
	}
	return tag
}

func (c *Channel) preflight(w http.ResponseWriter, r *http.Request) {
	if !c.cors(w, r, r.URL.Query().Get("site")) {
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, PUT, POST")
	h.Set("Access-Control-Allow-Headers", "authorization, content-type, x-file-name")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// ofVisitor wraps what a visitor's page asks for: from an allowed origin, with the visitor's token as bearer.
func (c *Channel) ofVisitor(h func(w http.ResponseWriter, r *http.Request, visitor string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.URL.Query().Get("site")
		if !c.cors(w, r, site) {
			return
		}
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		visitor, err := c.visitor(site, token, time.Now())
		if err != nil {
			err = &gateway.Error{Kind: gateway.Unauthorized, Msg: "open the chat again, then attach the file again", Err: err}
		} else {
			err = h(w, r, visitor)
		}
		if err != nil {
			httpx.Problem(w, r, err)
		}
	})
}

// upload stores one file: the raw body, its name percent-encoded in X-File-Name, the visitor's token as
// bearer. It becomes visible only when a message names it.
func (c *Channel) upload(w http.ResponseWriter, r *http.Request, visitor string) error {
	if wait, ok := c.uploads.Allow(visitor); !ok {
		httpx.TooMany(w, r, wait)
		return nil
	}
	httpx.Body(w, r, wire.MaxFileBytes+1) // one more, so that the store sees the excess and says so
	a, err := c.opts.Save(r.Context(), fileName(r.Header.Get("X-File-Name")), mediaType(r), r.Body)
	if err == nil {
		httpx.WriteJSON(w, http.StatusCreated, uploadAnswer{a.File, a.Name, a.ContentType, a.SizeBytes})
	}
	return err
}

func fileName(header string) string {
	name, err := url.PathUnescape(header)
	if err != nil || name == "" {
		return "file"
	}
	return clean(name, 200)
}

func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "application/octet-stream"
	}
	return t
}
