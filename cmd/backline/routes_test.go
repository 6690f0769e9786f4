package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestNobodyIsSignedOutWhileTheJournalIsRead(t *testing.T) {
	c, err := demoConfig(t.TempDir(), demoAddresses{Gateway: "http://127.0.0.1:8080", World: "http://127.0.0.1:8081", Mail: "127.0.0.1:8082"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler), AppOptions{DemoAgents: demoAgents()})
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	for path, want := range map[string]int{
		"/api/v1/session":       http.StatusServiceUnavailable,
		"/api/v1/conversations": http.StatusServiceUnavailable,
		"/ws/console":           http.StatusServiceUnavailable,
		"/readyz":               http.StatusServiceUnavailable,
		"/livez":                http.StatusOK,
		"/widget.js":            http.StatusOK,
		"/":                     http.StatusOK, // the console says that it waits
	} {
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("GET %s before the journal has been read: %d, want %d", path, w.Code, want)
		}
	}
}
