package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"backline/webclient/build"
)

func company() Company {
	return Company{Name: "Nordwind <Logistik>", Language: "de-DE", Color: "#123a5a"}
}

// served answers a request for a path; header lines are pairs.
func served(t *testing.T, b *build.Bundle) func(method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := New(Options{Bundle: b, PublicURL: "https://contact.example.org", Company: company(), Meetings: true})
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
	return func(method, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
}

func bundle(t *testing.T) *build.Bundle {
	t.Helper()
	b, err := build.Build(fstest.MapFS{
		"src/loader/loader.ts": {Data: []byte(strings.Repeat("console.log(1);", 99))},
		"src/console/main.tsx": {Data: []byte("console.log(2)")},
		"src/talk/main.tsx":    {Data: []byte(`import "./talk.css"; console.log(3)`)},
		"src/talk/talk.css":    {Data: []byte("a{color:red}")},
		"src/meet/main.tsx":    {Data: []byte(`import "./meet.css"; console.log(4)`)},
		"src/meet/meet.css":    {Data: []byte("a{color:blue}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFilesArePackedCachedAndThePageIsStrict(t *testing.T) {
	b := bundle(t)
	get := served(t, b)
	for accept, want := range map[string]string{"gzip, br": "br", "gzip, br;q=0": "gzip", "": ""} {
		w := get("GET", "/widget.js", "Accept-Encoding", accept)
		if w.Code != 200 || w.Header().Get("Content-Encoding") != want || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("accepting %q: %d %v", accept, w.Code, w.Header())
		}
	}
	page := get("GET", "/")
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "wss://contact.example.org") {
		t.Errorf("policy %q", csp)
	}
	e, _ := b.Entry("console")
	if w := get("GET", "/w/"+e.Script); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("script: %d %v", w.Code, w.Header())
	}
	if w := get("GET", "/w/none.js"); w.Code != 404 {
		t.Errorf("unknown file: %d", w.Code)
	}
}

func TestPageOfALinkIsStrictAndKnowsNoLink(t *testing.T) {
	get := served(t, bundle(t))
	page := get("GET", "/talk/one-token")
	if page.Code != 200 {
		t.Fatalf("status %d", page.Code)
	}
	console := get("GET", "/")
	for name, want := range map[string]string{
		"Content-Security-Policy": console.Header().Get("Content-Security-Policy"),
		"Referrer-Policy":         "no-referrer",
		"Cache-Control":           "no-store",
		"X-Frame-Options":         "DENY",
		"X-Content-Type-Options":  "nosniff",
		"X-Robots-Tag":            "noindex, nofollow, noarchive",
	} {
		if got := page.Header().Get(name); got != want || want == "" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := page.Header().Get("Permissions-Policy"); !strings.Contains(got, "microphone=(self)") || !strings.Contains(got, "camera=()") {
		t.Errorf("Permissions-Policy: %q", got)
	}
	if packed := get("GET", "/talk/one-token", "Accept-Encoding", "br").Body.Len(); packed > 640 {
		t.Errorf("the page has %d bytes; its budget in package build counts on 640", packed)
	}
	if page.Header().Get("Set-Cookie") != "" {
		t.Error("the page sets a cookie")
	}
	body := page.Body.String()
	if strings.Contains(body, "one-token") {
		t.Error("the page repeats its token")
	}
	if other := get("GET", "/talk/another").Body.String(); other != body {
		t.Error("two links have two pages")
	}
	if head := get("HEAD", "/talk/one-token"); head.Code != 200 {
		t.Errorf("HEAD: %d", head.Code)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		if w := get(method, "/talk/one-token"); w.Code != 405 {
			t.Errorf("%s: %d, want 405", method, w.Code)
		}
	}
}

func TestPageOfAMeetingMayUseTheCameraAndKnowsNoLink(t *testing.T) {
	get := served(t, bundle(t))
	page := get("GET", "/meet/one-token", "Accept-Language", "en")
	head := page.Header()
	if page.Code != 200 || head.Get("Cache-Control") != "no-store" || !strings.Contains(head.Get("X-Robots-Tag"), "noindex") {
		t.Errorf("%d %v", page.Code, head)
	}
	for _, want := range []string{"microphone=(self)", "camera=(self)", "display-capture=(self)"} {
		if !strings.Contains(head.Get("Permissions-Policy"), want) {
			t.Errorf("Permissions-Policy %q has no %s", head.Get("Permissions-Policy"), want)
		}
	}
	body := page.Body.String()
	if strings.Contains(body, "one-token") || !strings.Contains(body, "Video meeting with Nordwind") || !strings.Contains(body, "<noscript>") {
		t.Errorf("the page: %s", body)
	}
}

func TestWithoutMeetingsThereIsNoPageOfThem(t *testing.T) {
	h, err := New(Options{Bundle: bundle(t), PublicURL: "https://contact.example.org", Company: company()})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.serveMeet(w, httptest.NewRequest("GET", "/meet/t", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}

func TestPageOfALinkSaysSomethingWithoutJavaScript(t *testing.T) {
	get := served(t, bundle(t))
	for accepted, want := range map[string]string{
		"":                      "Sprechen Sie mit Nordwind &lt;Logistik&gt;", // the company's language
		"en-GB,en;q=0.9,de;q=0": "Talk to Nordwind &lt;Logistik&gt;",
		"fr,de;q=0.5":           "antworten Sie auf die Nachricht",
		"fr":                    `<html lang="de">`,
	} {
		body := get("GET", "/talk/t", "Accept-Language", accepted).Body.String()
		if !strings.Contains(body, want) || !strings.Contains(body, "<noscript>") {
			t.Errorf("accepting %q: %s", accepted, body)
		}
		if strings.Contains(body, "<Logistik>") || !strings.Contains(body, `data-color="#123a5a"`) {
			t.Errorf("company: %s", body)
		}
	}
}
