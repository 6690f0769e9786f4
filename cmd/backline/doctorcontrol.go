package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/config"
	"backline/gateway/httpx"
	"backline/gateway/media"
	"backline/gateway/pathcheck"
)

// checkWait is how long a command's question for news is held.
const checkWait = 20 * time.Second

// finding is one thing that the gateway says of its own network: what is wrong, and what to do about it.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// openChecks is after openCalls and openRelay.
func (a *App) openChecks() {
	if a.engine == nil {
		return
	}
	o := pathcheck.Options{Media: a.engine, Relays: a.relays, Paths: []pathcheck.Path{pathcheck.UDP, pathcheck.TCP}}
	if a.relay != nil {
		o.End = a.relay.server.End
		for path, is := range map[pathcheck.Path]string{pathcheck.TurnUDP: "=udp", pathcheck.TurnTCP: "=tcp", pathcheck.TurnTLS: "turns:"} {
			if slices.ContainsFunc(a.relay.urls, func(u string) bool {
				return strings.HasPrefix(u, "turns:") == (path == pathcheck.TurnTLS) && strings.Contains(u, is)
			}) {
				o.Paths = append(o.Paths, path)
			}
		}
		slices.SortFunc(o.Paths, func(x, y pathcheck.Path) int { return order(x) - order(y) })
	}
	a.checks = pathcheck.New(o)
}

// order is that in which calls try the ways.
func order(p pathcheck.Path) int {
	return slices.Index([]pathcheck.Path{pathcheck.UDP, pathcheck.TCP, pathcheck.TurnUDP, pathcheck.TurnTCP, pathcheck.TurnTLS}, p)
}

// doctorRoutes answer `backline doctor`, of a running gateway only.
func (a *App) doctorRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /doctor/rtc", func(w http.ResponseWriter, r *http.Request) {
		httpx.WriteJSON(w, http.StatusOK, a.network(r.Context()))
	})
	mux.HandleFunc("POST /doctor/rtc", func(w http.ResponseWriter, r *http.Request) {
		if a.checks == nil {
			httpx.Problem(w, r, gateway.Errorf(gateway.Conflicting, "calls are switched off here (rtc.media)"))
			return
		}
		token, expires, err := a.checks.Make()
		if err != nil {
			httpx.Problem(w, r, err)
			return
		}
		httpx.WriteJSON(w, http.StatusCreated, checkLink{Token: token, URL: strings.TrimSuffix(a.config.PublicURL, "/") + "/check/" + token, Expires: expires})
	})
	mux.HandleFunc("GET /doctor/rtc/{token}", func(w http.ResponseWriter, r *http.Request) {
		if a.checks == nil {
			httpx.Problem(w, r, gateway.Errorf(gateway.NotFound, "there is no such check"))
			return
		}
		after, err := strconv.Atoi(r.URL.Query().Get("after"))
		if err != nil {
			after = 0
		}
		ctx, cancel := context.WithTimeout(r.Context(), checkWait)
		defer cancel()
		httpx.WriteJSON(w, http.StatusOK, a.checks.Wait(ctx, r.PathValue("token"), after))
	})
}

// network is what this machine can tell without anybody outside.
func (a *App) network(ctx context.Context) []finding {
	if a.engine == nil {
		return []finding{{What: "media", Detail: "calls are switched off", Fix: "set rtc.media, like \":7881\""}}
	}
	out := []finding{a.pageFinding(), {What: "media", OK: true, Detail: fmt.Sprintf("UDP and TCP at %s", a.engine.Addr())}, a.toldFinding()}
	for _, server := range a.config.RTC.STUN {
		out = append(out, a.stunFinding(ctx, server))
	}
	return append(out, a.turnFindings()...)
}

func (a *App) pageFinding() finding {
	u, err := url.Parse(a.config.PublicURL)
	if err == nil && (u.Scheme == "https" || isLoopback(u.Host)) {
		return finding{What: "pages", OK: true, Detail: a.config.PublicURL}
	}
	return finding{What: "pages", Detail: a.config.PublicURL + " has no TLS: browsers give pages no microphone", Fix: "set public_url to https://, with a proxy before the gateway or with tls"}
}

func (a *App) toldFinding() finding {
	told, err := a.engine.Addresses()
	f := finding{What: "addresses", OK: err == nil, Detail: "browsers are told " + join(told)}
	if err != nil {
		f.Detail = err.Error()
	}
	if !slices.ContainsFunc(told, public) && !isLoopback(hostOfURL(a.config.PublicURL)) {
		f.OK, f.Detail, f.Fix = false, f.Detail+": none of them is reached from the internet", "set rtc.public_ips to the address outside, or rtc.stun to have it found"
	}
	return f
}

func public(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }

func (a *App) stunFinding(ctx context.Context, server string) finding {
	f := finding{What: "stun"}
	seen, err := media.PublicAddress(ctx, "udp4", server)
	if err != nil {
		f.Detail, f.Fix = server+" does not answer: "+err.Error(), "let UDP out to it, or name another server in rtc.stun"
		return f
	}
	f.OK, f.Detail = a.engine.Told(seen), fmt.Sprintf("%s sees us at %s", server, seen)
	if !f.OK {
		f.Detail, f.Fix = f.Detail+", which browsers are not told", "correct rtc.public_ips; what it says wins"
	}
	return f
}

func (a *App) turnFindings() []finding {
	if a.relay == nil {
		return []finding{{What: "turn", Detail: "there is no relay: networks that close the media port reach no call", Fix: "set rtc.turn, like \":3478\""}}
	}
	out := []finding{{What: "turn", OK: true, Detail: strings.Join(a.relay.urls, "  ")}}
	if a.config.RTC.TurnTLS == config.NoTurnTLS {
		return append(out, finding{What: "turn tls", Detail: "there is no TURN over TLS: networks that let out port 443 only reach no call",
			Fix: "set tls and listen on :443, or rtc.turn_tls to an address of its own"})
	}
	leaf := a.certs.Leaf()
	left := time.Until(leaf.NotAfter)
	f := finding{What: "certificate", OK: left > 7*24*time.Hour, Detail: fmt.Sprintf("good for %d days", int(left.Hours()/24)), Fix: "renew it; the file is read again by itself"}
	if err := leaf.VerifyHostname(a.config.RTC.TurnHost); err != nil {
		f.OK, f.Detail, f.Fix = false, "it has not the name "+a.config.RTC.TurnHost, "get one with this name, or correct rtc.turn_host"
	}
	return append(out, f)
}

func join(all []netip.Addr) string {
	var out []string
	for _, a := range all {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

func hostOfURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
