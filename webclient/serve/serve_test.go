package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"backline/webclient/build"
)

func TestFilesArePackedCachedAndThePageIsStrict(t *testing.T) {
	b, err := build.Build(fstest.MapFS{
		"src/loader/loader.ts": {Data: []byte(strings.Repeat("console.log(1);", 99))},
		"src/console/main.tsx": {Data: []byte("console.log(2)")},
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(b, "https://contact.example.org")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, handler := range h.Routes() {
		mux.Handle(pattern, handler)
	}
	get := func(path, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	for accept, want := range map[string]string{"gzip, br": "br", "gzip, br;q=0": "gzip", "": ""} {
		w := get("/widget.js", accept)
		if w.Code != 200 || w.Header().Get("Content-Encoding") != want || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("accepting %q: %d %v", accept, w.Code, w.Header())
		}
	}
	page := get("/", "")
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "wss://contact.example.org") {
		t.Errorf("policy %q", csp)
	}
	e, _ := b.Entry("console")
	if w := get("/w/"+e.Script, ""); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("script: %d %v", w.Code, w.Header())
	}
	if w := get("/w/none.js", ""); w.Code != 404 {
		t.Errorf("unknown file: %d", w.Code)
	}
}
