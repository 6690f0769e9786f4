package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/httpx"
)

// passedHeader marks a request that another node has passed on: it is not passed on again.
const passedHeader = "Backline-Passed"

// meetHandler serves meetings, which are at home at the node that decides. The others pass their sockets on; media goes
// from the page to that node directly.
func (a *App) meetHandler() http.Handler {
	if a.lease == nil {
		return a.meetings
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.leads() {
			a.meetings.ServeHTTP(w, r)
			return
		}
		to := a.addressOf(bus.Node(a.lease.Holder()))
		if to == nil || r.Header.Get(passedHeader) != "" {
			w.Header().Set("Retry-After", "1")
			httpx.Problem(w, r, gateway.Errorf(gateway.Unavailable, "the gateway that holds meetings cannot be reached from here just now"))
			return
		}
		a.passTo(to).ServeHTTP(w, r)
	})
}

// addressOf is where a node is reached; nil when it is gone, or its configuration does not say.
func (a *App) addressOf(n bus.Node) *url.URL {
	for _, p := range a.journal.bus.Peers() {
		if u, err := url.Parse(p.Address); p.Node == n && err == nil && p.Address != "" {
			return u
		}
	}
	return nil
}

// passTo passes requests on, WebSockets too, as the page sent them.
func (a *App) passTo(to *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // which the page's origin is compared with
			r.SetXForwarded()
			r.Out.Header.Set(passedHeader, "1")
		},
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

// peerFileTime bounds how long one other node is asked for the beginning of a file.
const peerFileTime = 5 * time.Second

// fileHandler serves files. One that is not here may have come to another node.
func (a *App) fileHandler() http.Handler {
	here := a.files.Handler()
	if a.journal.bus == nil {
		return here
	}
	transport := &http.Transport{Proxy: nil, ResponseHeaderTimeout: peerFileTime, IdleConnTimeout: time.Minute}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/files/"), "/")
		if _, err := a.files.Get(gateway.FileID(id)); err == nil || r.Header.Get(passedHeader) != "" {
			here.ServeHTTP(w, r)
			return
		}
		for _, p := range a.journal.bus.Peers() {
			if to := a.addressOf(p.Node); to != nil && copyFrom(transport, to, w, r) {
				return
			}
		}
		here.ServeHTTP(w, r) // which says that there is none
	})
}

// copyFrom answers with another node's file; false when it has none.
func copyFrom(transport *http.Transport, to *url.URL, w http.ResponseWriter, r *http.Request) bool {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, to.JoinPath(r.URL.EscapedPath()).String(), nil)
	if err != nil {
		return false
	}
	for _, name := range []string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
		if v := r.Header.Get(name); v != "" {
			out.Header.Set(name, v)
		}
	}
	out.Header.Set(passedHeader, "1")
	res, err := transport.RoundTrip(out)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound || res.StatusCode >= http.StatusInternalServerError {
		return false
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body) // what breaks off is asked for again, by range
	return true
}
