package access

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/journal"
)

const goodPassword = "siebzehn blaue Kähne"

// memory is a journal of one test; only Append and what a tail reads.
type memory struct {
	mu     sync.Mutex
	events []journal.Event
	err    error
}

func (m *memory) Append(_ context.Context, w journal.Write) (journal.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return journal.Receipt{}, m.err
	}
	var have uint64
	for _, e := range m.events {
		if e.Stream == w.Stream {
			have = e.Version
		}
	}
	if w.Expect != journal.Any && w.Expect != have {
		return journal.Receipt{}, &journal.Conflict{Stream: w.Stream, Want: w.Expect, Have: have}
	}
	for _, e := range w.Events {
		have++
		e.Stream, e.Version, e.Pos = w.Stream, have, uint64(len(m.events)+1)
		m.events = append(m.events, e)
	}
	return journal.Receipt{Pos: uint64(len(m.events)), Version: have}, nil
}

// replay feeds everything into s, as a tail does.
func (m *memory) replay(t *testing.T, s *Store) {
	t.Helper()
	for _, e := range m.events {
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
}

func newStore(t *testing.T, o Options) (*Store, *memory) {
	t.Helper()
	m := &memory{}
	o.Journal = m
	if o.PublicURL == "" {
		o.PublicURL = "https://gw.example.org"
	}
	s := New(o)
	must(t, s.SaveAgent(context.Background(), Agent{ID: "jana", Name: "Jana", Queues: []gateway.QueueID{"main"}}))
	return s, m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(err error) gateway.Kind {
	if err == nil {
		return ""
	}
	return httpx.ClassOf(err).Kind
}

var home = netip.MustParseAddr("192.0.2.7")

func TestPasswordSignsIn(t *testing.T) {
	s, m := newStore(t, Options{})
	ctx := context.Background()
	if _, err := s.Authenticate(ctx, "jana", "", home); kind(err) != gateway.Unauthorized {
		t.Errorf("without a password: %v", err)
	}
	must(t, s.SetPassword(ctx, "jana", goodPassword))
	if a, err := s.Authenticate(ctx, "jana", goodPassword, home); err != nil || a.Name != "Jana" {
		t.Errorf("got %+v, %v", a, err)
	}
	_, wrong := s.Authenticate(ctx, "jana", goodPassword+"!", home)
	_, unknown := s.Authenticate(ctx, "nobody", goodPassword, home)
	if kind(wrong) != gateway.Unauthorized || wrong.Error() != unknown.Error() {
		t.Errorf("wrong %v, unknown %v: want the same", wrong, unknown)
	}
	for _, e := range m.events {
		if strings.Contains(string(e.Data), "siebzehn") {
			t.Error("the password is in the journal")
		}
	}
	must(t, s.SaveAgent(ctx, Agent{ID: "jana", Name: "Jana B."}))
	if a, _ := s.Agent("jana"); !a.HasPassword || a.Name != "Jana B." {
		t.Errorf("saving lost the password: %+v", a)
	}
}

func TestSavingTheSameAgentWritesNothing(t *testing.T) {
	s, m := newStore(t, Options{})
	before := len(m.events)
	must(t, s.SaveAgent(context.Background(), Agent{ID: "jana", Name: "Jana", Queues: []gateway.QueueID{"main"}}))
	if len(m.events) != before {
		t.Errorf("%d events, want %d", len(m.events), before)
	}
}

func TestWeakPasswordsAreRefused(t *testing.T) {
	for _, p := range []string{"", "kurz", "elf Zeichen", "passwordpassword", "Password1234", "PasswortPasswort", "aaaaaaaaaaaaaaaa", "abababababab", "willkommen2026!", "administrator1", "jana-brandt12", strings.Repeat("lang ", 200)} {
		if kind(CheckPassword(p, "jana-brandt")) != gateway.Invalid {
			t.Errorf("%q passed", p)
		}
	}
	for _, p := range []string{goodPassword, "zwölf Zeichen", "correct zebra staple"} {
		if err := CheckPassword(p, "jana"); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestSignInIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newStore(t, Options{})
		try := func(ip string) gateway.Kind {
			_, err := s.Authenticate(context.Background(), "jana", "wrong password", netip.MustParseAddr(ip))
			return kind(err)
		}
		for range 5 {
			if k := try("192.0.2.1"); k != gateway.Unauthorized {
				t.Fatalf("got %q", k)
			}
		}
		if k := try("192.0.2.1"); k != gateway.TooMany {
			t.Errorf("6th of an address: %q", k)
		}
		time.Sleep(20 * time.Second)
		if k := try("192.0.2.1"); k != gateway.Unauthorized {
			t.Errorf("20 s later: %q", k)
		}
		limited := 0
		for i := range 40 {
			if try(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}).String()) == gateway.TooMany {
				limited++
			}
		}
		if limited < 20 {
			t.Errorf("%d of 40 from 40 addresses were limited, want at least 20", limited)
		}
	})
}

func TestSessionEndsByIdleAndByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newStore(t, Options{})
		ctx := context.Background()
		secret, _, err := s.OpenSession(ctx, "jana", "Firefox on Linux")
		must(t, err)
		alive := func(s *Store) bool { _, ok := s.principalOfSession(ctx, secret); return ok }
		for range 27 { // 6.75 days, a look every 6 h
			time.Sleep(6 * time.Hour)
			if !alive(s) {
				t.Fatal("a session in use ended")
			}
		}
		again := New(Options{Journal: m})
		m.replay(t, again)
		if !alive(again) {
			t.Error("the session did not survive a restart")
		}
		time.Sleep(6 * time.Hour)
		if alive(s) || alive(again) {
			t.Error("the session is older than 7 days")
		}
		secret, _, err = s.OpenSession(ctx, "jana", "")
		must(t, err)
		time.Sleep(SessionIdle)
		if alive(s) {
			t.Error("the session was idle for 12 h")
		}
	})
}

// The tail brings our own writes again, late: nothing may come back to life in between.
func TestApplyingTwiceChangesNothing(t *testing.T) {
	s, m := newStore(t, Options{})
	ctx := context.Background()
	secret, _, err := s.OpenSession(ctx, "jana", "")
	must(t, err)
	token, err := s.CreateToken(ctx, "crm", RoleAgent)
	must(t, err)
	p, ok := s.principalOfSession(ctx, secret)
	if !ok {
		t.Fatal("the store does not see its own write")
	}
	must(t, s.closeHash(ctx, p.Session))
	must(t, s.RevokeToken(ctx, "crm"))
	must(t, s.RemoveAgent(ctx, "jana"))
	for _, e := range m.events {
		must(t, s.Apply(e))
		if _, ok := s.principalOfSession(ctx, secret); ok {
			t.Fatalf("the session lives again after %s", e.Type)
		}
		if _, ok := s.principalOfToken("Bearer " + token); ok {
			t.Fatalf("the token lives again after %s", e.Type)
		}
		if _, ok := s.Agent("jana"); ok {
			t.Fatalf("the agent lives again after %s", e.Type)
		}
	}
	for stream, mark := range s.streams {
		if mark.ended {
			t.Errorf("%s is remembered although the tail is past it", stream)
		}
	}
}

func TestNewPasswordEndsSessions(t *testing.T) {
	s, _ := newStore(t, Options{})
	secret, _, err := s.OpenSession(context.Background(), "jana", "")
	must(t, err)
	must(t, s.SetPassword(context.Background(), "jana", goodPassword))
	if _, ok := s.principalOfSession(context.Background(), secret); ok {
		t.Error("the old session lives")
	}
}

func TestSetupWorksOnceAndExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newStore(t, Options{})
		ctx := context.Background()
		old, err := s.OfferSetup(ctx)
		must(t, err)
		secret, err := s.OfferSetup(ctx)
		must(t, err)
		if strings.Contains(string(m.events[len(m.events)-1].Data), secret) {
			t.Error("the link's secret is in the journal")
		}
		if _, err := s.Setup(ctx, old, Agent{ID: "root"}, goodPassword); kind(err) != gateway.Forbidden {
			t.Errorf("a replaced link: %v", err)
		}
		if _, err := s.Setup(ctx, secret, Agent{ID: "root"}, "short"); kind(err) != gateway.Invalid {
			t.Errorf("a weak password: %v", err)
		}
		var wg sync.WaitGroup
		won := make(chan gateway.AgentID, 4)
		for _, id := range []gateway.AgentID{"a", "b", "c", "d"} {
			wg.Go(func() {
				if a, err := s.Setup(ctx, secret, Agent{ID: id}, goodPassword); err == nil {
					won <- a.ID
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d used one link, want 1", len(won))
		}
		if again, err := s.OfferSetup(ctx); err != nil || again != "" {
			t.Errorf("a link although there is an administrator: %v", err)
		}

		fresh, _ := newStore(t, Options{})
		secret, err = fresh.OfferSetup(ctx)
		must(t, err)
		time.Sleep(SetupTime)
		if _, err := fresh.Setup(ctx, secret, Agent{ID: "root"}, goodPassword); kind(err) != gateway.Forbidden {
			t.Errorf("a link a day old: %v", err)
		}
	})
}

func TestFirstAdministratorAnswersEveryQueue(t *testing.T) {
	s, _ := newStore(t, Options{SetupQueues: []gateway.QueueID{"main", "night"}})
	secret, err := s.OfferSetup(context.Background())
	must(t, err)
	body, _ := json.Marshal(map[string]string{"token": secret, "agent": "root", "password": goodPassword})
	if resp := call(s, "POST", "/api/v1/setup", string(body), nil); resp.StatusCode != 200 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	if a, _ := s.Agent("root"); fmt.Sprint(a.Queues) != "[main night]" || a.TextCapacity != 4 || a.Role != RoleAdmin {
		t.Errorf("%+v", a)
	}
}

func TestDiskFullIsUnavailable(t *testing.T) {
	s, m := newStore(t, Options{})
	m.err = journal.ErrFull
	if _, err := s.CreateToken(context.Background(), "x", RoleAgent); kind(err) != gateway.Unavailable {
		t.Errorf("got %v", err)
	}
	if len(s.Tokens()) != 0 {
		t.Error("a token that was not stored is there")
	}
}

// call sends one request through the routes and returns the answer.
func call(s *Store, method, path, body string, cookie *http.Cookie, header ...string) *http.Response {
	mux := http.NewServeMux()
	for pattern, h := range s.Routes() {
		mux.Handle(pattern, h)
	}
	mux.Handle("POST /admin", s.Require(RoleAdmin)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})))
	mux.Handle("POST /agent", s.Require(RoleAgent)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})))
	r := httptest.NewRequest(method, "https://gw.example.org"+path, strings.NewReader(body))
	r = r.WithContext(httpx.WithClientIP(r.Context(), home))
	if cookie != nil {
		r.AddCookie(cookie)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

func TestSignInOverHTTP(t *testing.T) {
	s, _ := newStore(t, Options{})
	must(t, s.SetPassword(context.Background(), "jana", goodPassword))
	if resp := call(s, "GET", "/api/v1/session", "", nil); resp.StatusCode != 401 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	if resp := call(s, "POST", "/api/v1/session", `{"agent":"jana","demo":true}`, nil); resp.StatusCode != 403 {
		t.Errorf("demo sign-in outside of the demo: %d", resp.StatusCode)
	}
	body, _ := json.Marshal(map[string]string{"agent": "jana", "password": goodPassword})
	resp := call(s, "POST", "/api/v1/session", string(body), nil)
	if resp.StatusCode != 200 || len(resp.Cookies()) != 1 {
		t.Fatalf("status %d, cookies %v", resp.StatusCode, resp.Cookies())
	}
	c := resp.Cookies()[0]
	if c.Name != "__Host-backline" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	for _, tt := range []struct {
		method, path string
		header       []string
		want         int
	}{
		{"GET", "/api/v1/session", nil, 200},
		{"POST", "/agent", nil, 200},
		{"POST", "/agent", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"POST", "/agent", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", "/agent", []string{"Origin", "https://evil.example"}, 403},
		{"POST", "/agent", []string{"Origin", "https://gw.example.org"}, 200},
		{"POST", "/admin", nil, 403},
		{"POST", "/agent", []string{"Authorization", "Bearer nonsense"}, 401},
		{"GET", "/api/v1/sessions", nil, 200},
		{"GET", "/api/v1/sessions?agent=tom", nil, 403},
		{"DELETE", "/api/v1/sessions/0123456789abcdef", nil, 404},
		{"DELETE", "/api/v1/session", nil, 204},
		{"GET", "/api/v1/session", nil, 401},
	} {
		if resp := call(s, tt.method, tt.path, "", c, tt.header...); resp.StatusCode != tt.want {
			t.Errorf("%s %s %v: %d, want %d", tt.method, tt.path, tt.header, resp.StatusCode, tt.want)
		}
	}
}

func TestTooManySignInsSayWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a slow machine that hashes for seconds would be given a try back
		s, _ := newStore(t, Options{})
		var resp *http.Response
		for range 6 {
			resp = call(s, "POST", "/api/v1/session", `{"agent":"jana","password":"x"}`, nil)
		}
		if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	})
}

func TestDemoSignsInWithOneClick(t *testing.T) {
	s, _ := newStore(t, Options{DemoAgents: []gateway.AgentID{"jana"}, PublicURL: "http://127.0.0.1:8080"})
	resp := call(s, "GET", "/api/v1/session", "", nil)
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 401 || !strings.Contains(string(body), `"demo_agents":[{"id":"jana","name":"Jana"}]`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	resp = call(s, "POST", "/api/v1/session", `{"agent":"jana","demo":true}`, nil)
	if resp.StatusCode != 200 || resp.Cookies()[0].Name != "backline" || resp.Cookies()[0].Secure {
		t.Errorf("%d %v", resp.StatusCode, resp.Cookies())
	}
}

func TestTokensCarryTheirRole(t *testing.T) {
	s, m := newStore(t, Options{})
	ctx := context.Background()
	agent, err := s.CreateToken(ctx, "crm", RoleAgent)
	must(t, err)
	admin, err := s.CreateToken(ctx, "ops", RoleAdmin)
	must(t, err)
	if _, err := s.CreateToken(ctx, "ops", RoleAdmin); kind(err) != gateway.Conflicting {
		t.Errorf("a second token of the name: %v", err)
	}
	for _, e := range m.events {
		if strings.Contains(string(e.Data), admin) {
			t.Error("the token is in the journal")
		}
	}
	for _, tt := range []struct {
		token, path string
		want        int
	}{{agent, "/agent", 200}, {agent, "/admin", 403}, {admin, "/admin", 200}, {admin[:45], "/agent", 401}, {"", "/agent", 401}} {
		resp := call(s, "POST", tt.path, "", nil, "Authorization", "Bearer "+tt.token, "Sec-Fetch-Site", "cross-site")
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.path, resp.StatusCode, tt.want)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"", "Bearer ", "Bearer bl_" + strings.Repeat("A", 43), "bearer bl_" + strings.Repeat("A", 42) + "B", "Basic eDp5", "Bearer  bl_x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, ok := parseBearer(header)
		if ok && (len(token) != 46 || !strings.EqualFold(header, "Bearer "+token) || !strings.HasSuffix(header, token)) {
			t.Errorf("%q gave %q", header, token)
		}
		if validSecret(header) && len(header) != 43 {
			t.Errorf("%q is a secret", header)
		}
	})
}
