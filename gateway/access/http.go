package access

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/httpx"
)

// Principal is who a request comes from: an agent by session, or a program by token.
type Principal struct {
	Agent   gateway.AgentID // "" for a token
	Name    string          // of the agent
	Role    string
	Token   string // name of the token, "" for an agent
	Session string // hash of the session, "" for a token
}

type principalKey struct{}

// From returns who the request comes from; ok only behind Require.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// TooManyError carries when to come back. It reads as a TooMany *gateway.Error.
type TooManyError struct{ RetryAfter time.Duration }

func (e *TooManyError) Error() string { return e.Unwrap().Error() }

func (e *TooManyError) Unwrap() error {
	return gateway.Errorf(gateway.TooMany, "too many attempts to sign in; wait a moment")
}

// Identify finds who a request comes from. A request with an Authorization header is judged by that alone.
func (s *Store) Identify(r *http.Request) (Principal, bool) {
	if h := r.Header.Get("Authorization"); h != "" {
		return s.principalOfToken(h)
	}
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return Principal{}, false
	}
	p, ok := s.principalOfSession(r.Context(), c.Value)
	if !ok && s.o.CatchUp != nil && validSecret(c.Value) {
		s.o.CatchUp(r.Context())
		p, ok = s.principalOfSession(r.Context(), c.Value)
	}
	return p, ok
}

// Require lets a request through that comes from the role or above, and refuses those that another website
// had a browser send.
func (s *Store) Require(role string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, ok := s.Identify(r)
			if !ok {
				httpx.Problem(w, r, gateway.Errorf(gateway.Unauthorized, "sign in, or send a valid token"))
				return
			}
			if role == RoleAdmin && p.Role != RoleAdmin {
				httpx.Problem(w, r, gateway.Errorf(gateway.Forbidden, "this needs the role admin"))
				return
			}
			h := next
			if p.Session != "" { // a token is never sent by a browser on its own
				h = s.crossSite.Handler(next)
			}
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
		})
	}
}

// Routes are the handlers, as patterns of http.ServeMux.
func (s *Store) Routes() map[string]http.Handler {
	agent := s.Require(RoleAgent)
	sameSite := s.crossSite.Handler
	return map[string]http.Handler{
		"GET /api/v1/session":          http.HandlerFunc(s.getSession),
		"POST /api/v1/session":         sameSite(http.HandlerFunc(s.postSession)),
		"DELETE /api/v1/session":       sameSite(http.HandlerFunc(s.deleteSession)),
		"POST /api/v1/setup":           sameSite(http.HandlerFunc(s.postSetup)),
		"GET /api/v1/sessions":         agent(http.HandlerFunc(s.getSessions)),
		"DELETE /api/v1/sessions":      agent(http.HandlerFunc(s.deleteSessions)),
		"DELETE /api/v1/sessions/{id}": agent(http.HandlerFunc(s.deleteOneSession)),
	}
}

func (s *Store) secure() bool { return strings.HasPrefix(s.o.PublicURL, "https://") }

func (s *Store) cookieName() string {
	if s.secure() {
		return "__Host-backline"
	}
	return "backline"
}

func (s *Store) setCookie(w http.ResponseWriter, value string, expires time.Time) {
	c := &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", Expires: expires,
		Secure: s.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// signedIn is the answer about a session.
type signedIn struct {
	Agent     *Agent    `json:"agent,omitempty"`
	Role      string    `json:"role"`
	Token     string    `json:"token,omitempty"` // name
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func (s *Store) getSession(w http.ResponseWriter, r *http.Request) {
	p, ok := s.Identify(r)
	if !ok {
		s.unauthorized(w, r)
		return
	}
	out := signedIn{Role: p.Role, Token: p.Token}
	if a, ok := s.Agent(p.Agent); ok {
		out.Agent = &a
		s.mu.RLock()
		out.ExpiresAt = s.sessions[p.Session].expires
		s.mu.RUnlock()
	}
	httpx.WriteJSON(w, http.StatusOK, out)
}

// unauthorized names the demo's agents, whom a page may offer as buttons.
func (s *Store) unauthorized(w http.ResponseWriter, r *http.Request) {
	err := gateway.Errorf(gateway.Unauthorized, "sign in first")
	if len(s.o.DemoAgents) == 0 {
		httpx.Problem(w, r, err)
		return
	}
	type demo struct {
		ID   gateway.AgentID `json:"id"`
		Name string          `json:"name"`
	}
	list := []demo{}
	for _, id := range s.o.DemoAgents {
		if a, ok := s.Agent(id); ok {
			list = append(list, demo{a.ID, a.Name})
		}
	}
	httpx.Problem(w, r, err, map[string]any{"demo_agents": list})
}

func (s *Store) postSession(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Agent    gateway.AgentID `json:"agent"`
		Password string          `json:"password"`
		Demo     bool            `json:"demo"`
	}
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		httpx.Problem(w, r, err)
		return
	}
	a, err := s.signIn(r, in.Agent, in.Password, in.Demo)
	if err != nil {
		problem(w, r, err)
		return
	}
	s.begin(w, r, a)
}

func (s *Store) signIn(r *http.Request, id gateway.AgentID, password string, demo bool) (Agent, error) {
	if !demo {
		return s.Authenticate(r.Context(), id, password, httpx.ClientIP(r.Context()))
	}
	a, ok := s.Agent(id)
	if !ok || !slices.Contains(s.o.DemoAgents, id) {
		return Agent{}, gateway.Errorf(gateway.Forbidden, "signing in without a password is for the demo only")
	}
	return a, nil
}

// begin opens a new session, never an old one again, and closes the one the browser came with.
func (s *Store) begin(w http.ResponseWriter, r *http.Request, a Agent) {
	secret, expires, err := s.OpenSession(r.Context(), a.ID, device(r.UserAgent()))
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	if c, err := r.Cookie(s.cookieName()); err == nil {
		if p, ok := s.principalOfSession(r.Context(), c.Value); ok {
			_ = s.closeHash(r.Context(), p.Session) // it ends by itself
		}
	}
	s.setCookie(w, secret, expires)
	httpx.WriteJSON(w, http.StatusOK, signedIn{Agent: &a, Role: a.Role, ExpiresAt: expires})
}

func (s *Store) deleteSession(w http.ResponseWriter, r *http.Request) {
	if p, ok := s.Identify(r); ok && p.Session != "" {
		if err := s.closeHash(r.Context(), p.Session); err != nil {
			httpx.Problem(w, r, err)
			return
		}
	}
	s.setCookie(w, "", time.Time{})
	w.WriteHeader(http.StatusNoContent)
}

func (s *Store) postSetup(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token    string          `json:"token"`
		Agent    gateway.AgentID `json:"agent"`
		Name     string          `json:"name"`
		Password string          `json:"password"`
	}
	if err := httpx.ReadJSON(w, r, &in); err != nil {
		httpx.Problem(w, r, err)
		return
	}
	if wait, ok := s.perAddress.Allow(httpx.Prefix(httpx.ClientIP(r.Context()))); !ok {
		problem(w, r, &TooManyError{RetryAfter: wait})
		return
	}
	a, ok := s.Agent(in.Agent) // one the configuration names keeps its queues
	if !ok {
		a = Agent{ID: in.Agent, Queues: s.o.SetupQueues, CallCapacity: 1, TextCapacity: 4}
	}
	if in.Name != "" {
		a.Name = in.Name
	}
	a, err := s.Setup(r.Context(), in.Token, a, in.Password)
	if err != nil {
		problem(w, r, err)
		return
	}
	s.begin(w, r, a)
}

func (s *Store) getSessions(w http.ResponseWriter, r *http.Request) {
	p, _ := From(r.Context())
	id, err := subject(p, r)
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	list := s.Sessions(id)
	for i := range list {
		list[i].Current = strings.HasPrefix(p.Session, list[i].ID)
	}
	httpx.WriteJSON(w, http.StatusOK, map[string]any{"sessions": list})
}

// deleteSessions signs an agent out everywhere else.
func (s *Store) deleteSessions(w http.ResponseWriter, r *http.Request) {
	p, _ := From(r.Context())
	id, err := subject(p, r)
	if err == nil {
		err = s.CloseSessions(r.Context(), id, p.Session)
	}
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Store) deleteOneSession(w http.ResponseWriter, r *http.Request) {
	p, _ := From(r.Context())
	owner := p.Agent
	if p.Role == RoleAdmin {
		owner = ""
	} else if owner == "" {
		httpx.Problem(w, r, gateway.Errorf(gateway.Forbidden, "a token of role agent has no sessions"))
		return
	}
	if err := s.CloseSession(r.Context(), r.PathValue("id"), owner); err != nil {
		httpx.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// subject is whose sessions a request is about: one's own, or, for an admin, those of ?agent=.
func subject(p Principal, r *http.Request) (gateway.AgentID, error) {
	id := gateway.AgentID(r.URL.Query().Get("agent"))
	switch {
	case id != "" && id != p.Agent && p.Role != RoleAdmin:
		return "", gateway.Errorf(gateway.Forbidden, "sessions of others need the role admin")
	case id != "":
		return id, nil
	case p.Agent == "":
		return "", &gateway.Error{Kind: gateway.Invalid, Field: "agent", Msg: "a token has no sessions: name an agent"}
	}
	return p.Agent, nil
}

func problem(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*TooManyError](err); ok {
		httpx.RetryAfter(w, e.RetryAfter)
	}
	httpx.Problem(w, r, err)
}

// device is the little of a User-Agent that helps a person tell sessions apart. The order matters: every
// browser says it is others as well.
func device(ua string) string {
	find := func(words ...string) string {
		for i := 0; i < len(words); i += 2 {
			if strings.Contains(ua, words[i]) {
				return words[i+1]
			}
		}
		return ""
	}
	browser := find("Edg", "Edge", "Firefox", "Firefox", "OPR", "Opera", "Chrome", "Chrome", "Safari", "Safari")
	system := find("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS", "macOS", "Linux", "Linux")
	if browser == "" || system == "" {
		return browser + system
	}
	return browser + " on " + system
}
