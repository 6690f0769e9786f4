package main

import (
	"cmp"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/api"
	"backline/gateway/httpx"
	"backline/gateway/poster"
	"backline/webclient"
	"backline/webclient/serve"
)

// routes is the whole outside face of the gateway, in one mux.
func (a *App) routes(all *channelSet) (http.Handler, error) {
	bundle, err := webclient.Assets()
	if err != nil {
		return nil, err
	}
	company := serve.Company(a.config.Company)
	if a.pages, err = serve.New(serve.Options{Bundle: bundle, PublicURL: a.config.PublicURL, Company: company, Meetings: a.meetings != nil}); err != nil {
		return nil, err
	}
	rest := api.New(api.Options{Live: a.live, History: a.history, Links: a.links, Lines: &a.lines, Agent: a.agentOf, By: a.nameOf, Person: a.personOf, SaveFile: a.saveFile, File: a.file,
		Reach: a.reach, Music: a.restMusic(), Company: a.company(), Recordings: a.recordings, MayHear: a.mayHear, Fail: problem})

	mux := http.NewServeMux()
	handleAll(mux, a.pages.Routes())
	replayed := a.live.Replayed()
	for pattern, h := range a.access.Routes() {
		mux.Handle(pattern, onceRead(replayed, h))
	}
	for pattern, h := range rest.Routes() {
		mux.Handle(pattern, onceRead(replayed, a.access.Require(access.RoleAgent)(h)))
	}
	for _, ch := range all.byName {
		if hook, ok := ch.(channels.Webhooker); ok {
			handleAll(mux, hook.Routes(a.live))
		}
	}
	mux.HandleFunc("GET /api/v1/openapi.json", api.OpenAPI)
	mux.Handle("GET /ws/console", onceRead(replayed, a.hub))
	if a.meetings != nil {
		mux.Handle("GET /ws/meet", onceRead(replayed, a.meetHandler()))
	}
	mux.Handle("GET /files/", a.fileHandler())
	mux.Handle("GET /print/contact", a.signedIn(poster.Handler(a.contactSheet, problem)))
	if a.checks != nil {
		handleAll(mux, a.checks.Routes())
	}
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", a.metrics.handler())
	mux.HandleFunc("/", httpx.NotFound)

	proxies, err := prefixes(a.config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	return httpx.Chain(mux, httpx.Options{Log: a.log, Proxies: proxies, HSTS: strings.HasPrefix(a.config.PublicURL, "https://"),
		Limiter:   httpx.NewLimiter(a.config.Limits.RequestsPerSecond, time.Second, a.config.Limits.Burst),
		Unlimited: unlimited, OnPanic: a.metrics.panics.Inc, OnDone: a.metrics.done}), nil
}

// onceRead answers "unavailable" until the journal has been read. Before that no session is known, and an agent
// would be told to sign in again.
func onceRead(replayed <-chan struct{}, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-replayed:
			h.ServeHTTP(w, r)
		default:
			httpx.Problem(w, r, gateway.Errorf(gateway.Unavailable, "the gateway has just started and reads its journal"))
		}
	})
}

func problem(w http.ResponseWriter, r *http.Request, err error) { httpx.Problem(w, r, err) }

func handleAll(mux *http.ServeMux, routes map[string]http.Handler) {
	for pattern, h := range routes {
		mux.Handle(pattern, h)
	}
}

// unlimited requests pass the limiter: providers (one address sends for all customers; they are signed),
// health checks, and the immutable files of a page, of which one visit fetches several.
func unlimited(r *http.Request) bool {
	p := r.URL.Path
	return strings.HasPrefix(p, "/hooks/") || p == "/livez" || p == "/readyz" || p == "/metrics" || p == "/widget.js" ||
		r.Method == http.MethodGet && strings.HasPrefix(p, "/w/") && !strings.HasPrefix(p, "/w/site/") && !strings.HasPrefix(p, "/w/voice/")
}

func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			ip, err2 := netip.ParseAddr(s)
			if err2 != nil {
				return nil, err
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

func (a *App) agentOf(r *http.Request) gateway.AgentID {
	p, _ := access.From(r.Context())
	return p.Agent
}

// nameOf is who asks, for the record.
func (a *App) nameOf(r *http.Request) string {
	p, _ := access.From(r.Context())
	return cmp.Or(string(p.Agent), p.Token)
}

// readyz is red until the journal has been read, and while it cannot be written. A provider that is down
// does not make it red: what customers write is still kept.
func (a *App) readyz(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-a.live.Replayed():
	default:
		if !a.takesUnread() {
			say(w, http.StatusServiceUnavailable, "reading the journal")
			return
		}
	}
	if err := a.journal.disk.Ready(); err != nil {
		say(w, http.StatusServiceUnavailable, "the journal cannot be written: "+err.Error())
		return
	}
	say(w, http.StatusOK, "ready")
}

// takesUnread reports whether this node is to be given what customers write before it has read the journal. Such a node
// starts while others serve, and is not; but where it begins anew, or the shared journal cannot be had, the others are
// hardly better off, and what comes in is kept.
func (a *App) takesUnread() bool {
	return a.journal.spool != nil && (a.served || !a.journal.spool.State().Away.IsZero())
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the asker may have gone
}

func newServer(a *App) *http.Server { return httpx.NewServer(a.handler, a.log) }
