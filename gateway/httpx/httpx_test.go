package httpx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
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
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestProblemShowsWhatPeopleMaySee(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		typ    string
		detail string
		field  string
	}{
		{gateway.Errorf(gateway.NotFound, "no such conversation"), 404, "/problems/not-found", "no such conversation", ""},
		{fmt.Errorf("x: %w", &gateway.Error{Kind: gateway.Invalid, Field: "to", Msg: "want a target"}), 400, "/problems/invalid", "want a target", "to"},
		{&gateway.Error{Kind: gateway.Internal, Msg: "hunter2"}, 500, "/problems/internal", "Something broke", ""},
		{errors.New("hunter2"), 500, "/problems/internal", "Something broke", ""},
		{&gateway.Error{Kind: gateway.Unavailable, Err: errors.New("hunter2")}, 503, "/problems/unavailable", "cannot do this right now", ""},
	} {
		w := httptest.NewRecorder()
		httpx.Problem(w, nil, tt.err, map[string]any{"more": 1, "status": 7})
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		field, _ := got["field"].(string)
		if w.Code != tt.status || got["status"] != float64(tt.status) || got["type"] != tt.typ || !strings.Contains(got["detail"].(string), tt.detail) || field != tt.field || got["more"] != 1.0 {
			t.Errorf("%v: %d %s", tt.err, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("an inner error is shown: %s", w.Body)
		}
		if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("content type %q", ct)
		}
	}
}

func TestEveryKindHasOneClass(t *testing.T) {
	kinds := []gateway.Kind{gateway.NotFound, gateway.Invalid, gateway.Forbidden, gateway.Unauthorized, gateway.Conflicting, gateway.TooLarge, gateway.TooMany, gateway.Unavailable, gateway.Internal}
	closes := map[int]bool{}
	for _, k := range kinds {
		c := httpx.ClassOf(&gateway.Error{Kind: k})
		if c.Kind != k || c.Close < 4000 || c.Close > 4999 || closes[c.Close] {
			t.Errorf("%s: %+v", k, c)
		}
		closes[c.Close] = true
	}
	if len(httpx.Classes()) != len(kinds) {
		t.Errorf("%d classes, want %d", len(httpx.Classes()), len(kinds))
	}
}

func TestForwardedForIsBelievedFromProxiesOnly(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, tt := range []struct{ remote, forwarded, want string }{
		{"198.51.100.7:1", "1.2.3.4", "198.51.100.7"},
		{"10.0.0.1:1", "1.2.3.4", "1.2.3.4"},
		{"10.0.0.1:1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"},
		{"10.0.0.1:1", "", "10.0.0.1"},
		{"10.0.0.1:1", "junk", "10.0.0.1"},
		{"[::1]:1", "2a00::1", "2a00::1"},
		{"[::ffff:10.0.0.1]:1", "1.2.3.4", "1.2.3.4"},
	} {
		var got netip.Addr
		h := httpx.Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = httpx.ClientIP(r.Context()) }),
			httpx.Options{Log: quiet(), Proxies: proxies})
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		r.Header.Set("X-Forwarded-For", tt.forwarded)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got.String() != tt.want {
			t.Errorf("%s, %q: got %s, want %s", tt.remote, tt.forwarded, got, tt.want)
		}
	}
}

func TestPanicIsCountedAndAnswered(t *testing.T) {
	var logged bytes.Buffer
	panics := 0
	h := httpx.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("hunter2") }),
		httpx.Options{Log: slog.New(slog.NewTextHandler(&logged, nil)), OnPanic: func() { panics++ }})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/x?token=hunter2", nil))
	if w.Code != 500 || panics != 1 {
		t.Errorf("status %d, %d panics", w.Code, panics)
	}
	if s := logged.String(); strings.Contains(s, "hunter2") || !strings.Contains(s, "panic in a handler") {
		t.Errorf("log: %s", s)
	}
	if w.Header().Get("X-Request-Id") == "" || !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) {
		t.Errorf("no request id in %s", w.Body)
	}
}

func TestAccessLogHoldsNothingPersonal(t *testing.T) {
	var logged bytes.Buffer
	mux := http.NewServeMux()
	mux.HandleFunc("GET /talk/{token}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	h := httpx.Chain(mux, httpx.Options{Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	r := httptest.NewRequest("GET", "/talk/hunter2?q=hunter3", nil)
	r.RemoteAddr = "198.51.100.7:4711"
	h.ServeHTTP(httptest.NewRecorder(), r)
	for _, secret := range []string{"hunter2", "hunter3", "198.51.100.7"} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("%s is in the log: %s", secret, logged.String())
		}
	}
	if !strings.Contains(logged.String(), "bytes=5") || !strings.Contains(logged.String(), "status=200") {
		t.Errorf("log: %s", logged.String())
	}
}

func TestBodiesAreLimited(t *testing.T) {
	read := func(limit int64) http.Handler {
		return httpx.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if limit > 0 {
				httpx.Body(w, r, limit)
			}
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(413)
			}
		}), httpx.Options{Log: quiet()})
	}
	for _, tt := range []struct {
		limit, size int64
		want        int
	}{{0, 1 << 20, 200}, {0, 1<<20 + 1, 413}, {2 << 20, 2 << 20, 200}, {2 << 20, 2<<20 + 1, 413}} {
		w := httptest.NewRecorder()
		read(tt.limit).ServeHTTP(w, httptest.NewRequest("POST", "/", bytes.NewReader(make([]byte, tt.size))))
		if w.Code != tt.want {
			t.Errorf("limit %d, size %d: %d, want %d", tt.limit, tt.size, w.Code, tt.want)
		}
	}
}

// pipes is a listener whose connections are in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// Many send large bodies and do not come to an end. What they take is bounded; small ones pass, and large ones when there is room.
func TestLargeBodiesShareTheirRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1 << 20
		chain := httpx.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := httpx.ReadBody(w, r, limit); err != nil {
				httpx.Problem(w, r, err)
			}
		}), httpx.Options{Log: slog.New(slog.DiscardHandler)})
		post := func(body io.Reader) int {
			rec := httptest.NewRecorder()
			chain.ServeHTTP(rec, httptest.NewRequest("POST", "/", body))
			return rec.Code
		}
		large := func() io.Reader { return bytes.NewReader(make([]byte, limit)) }
		var ended sync.WaitGroup
		held, hold := io.Pipe()
		for range 32 { // of 1 MiB each
			ended.Go(func() {
				if got := post(io.MultiReader(bytes.NewReader(make([]byte, limit/2)), held)); got != http.StatusOK {
					t.Errorf("one that was let in: %d", got)
				}
			})
		}
		synctest.Wait()
		if got := post(large()); got != http.StatusServiceUnavailable {
			t.Errorf("a large one too many: %d", got)
		}
		if got := post(bytes.NewReader(make([]byte, 30<<10))); got != http.StatusOK {
			t.Errorf("a small one: %d", got)
		}
		hold.Close()
		ended.Wait()
		if got := post(large()); got != http.StatusOK {
			t.Errorf("a large one when there is room again: %d", got)
		}
	})
}

func TestBodyThatNeverEndsIsGivenUp(t *testing.T) {
	for limit, want := range map[int64]time.Duration{100: httpx.BodyTimeout, 10 << 20: httpx.UploadTimeout} {
		synctest.Test(t, func(t *testing.T) {
			l := make(pipes, 1)
			took := make(chan time.Duration, 1)
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				began := time.Now()
				if _, err := httpx.ReadBody(w, r, limit); err == nil {
					t.Error("half a body was taken for whole")
				}
				took <- time.Since(began)
			})
			server := httpx.NewServer(httpx.Chain(h, httpx.Options{Log: slog.New(slog.DiscardHandler)}), slog.New(slog.DiscardHandler))
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			client, conn := net.Pipe()
			l <- conn
			go func() { _, _ = io.Copy(io.Discard, client) }()
			if _, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf"); err != nil {
				t.Fatal(err)
			}
			if got := <-took; got != want {
				t.Errorf("limit %d: given up after %s, want %s", limit, got, want)
			}
			close(l)
			client.Close()
			<-served
			synctest.Wait()
		})
	}
}

func TestReadJSONIsStrict(t *testing.T) {
	for body, kind := range map[string]gateway.Kind{
		`{"a":"x"}`: "", `{"a":1}`: gateway.Invalid, `{"b":1}`: gateway.Invalid, `{"a":"x"} {}`: gateway.Invalid, ``: gateway.Invalid,
		`{"a":"` + strings.Repeat("x", 1<<20) + `"}`: gateway.TooLarge,
	} {
		var v struct {
			A string `json:"a"`
		}
		err := httpx.ReadJSON(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(body)), &v)
		if (err == nil) != (kind == "") || err != nil && httpx.ClassOf(err).Kind != kind {
			t.Errorf("%.20q: %v, want %q", body, err, kind)
		}
	}
}

func TestLimiterAnswers429AndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := httpx.NewLimiter(1, time.Second, 3)
		h := httpx.Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), httpx.Options{Log: quiet(), Limiter: l})
		get := func(addr string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = addr
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		for range 3 {
			if w := get("[2a00::1]:1"); w.Code != 200 {
				t.Fatalf("status %d within the burst", w.Code)
			}
		}
		if w := get("[2a00::2]:1"); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("same /64: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		if w := get("[2a00:0:0:1::2]:1"); w.Code != 200 {
			t.Errorf("other /64: %d", w.Code)
		}
		time.Sleep(time.Second)
		if w := get("[2a00::1]:1"); w.Code != 200 {
			t.Errorf("after the wait: %d", w.Code)
		}
		time.Sleep(time.Minute)
		get("1.2.3.4:1")
		if l.Len() != 1 {
			t.Errorf("%d buckets are kept, want 1", l.Len())
		}
	})
}

func TestLimiterMemoryIsBounded(t *testing.T) {
	l := httpx.NewLimiter(1, time.Hour, 1)
	for i := range 60_000 {
		l.Allow(fmt.Sprint(i))
	}
	if l.Len() > 50_000 {
		t.Errorf("%d buckets", l.Len())
	}
	if _, ok := l.Allow("1"); ok {
		t.Error("a known key lost its bucket")
	}
}

func TestServerHasLimits(t *testing.T) {
	s := httpx.NewServer(http.NotFoundHandler(), quiet())
	if s.ReadHeaderTimeout != 5*time.Second || s.MaxHeaderBytes != 16<<10 || s.IdleTimeout == 0 {
		t.Errorf("%+v", s)
	}
}
