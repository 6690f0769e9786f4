package messenger_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func signedRequest(secret string, body []byte) *http.Request {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	r := httptest.NewRequest(http.MethodPost, "/hooks/messenger", strings.NewReader(string(body)))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	return r
}

// FuzzWebhook: whatever Meta signs is answered with 200, 400 or 404, makes facts the journal can hold, and
// makes the same ones when it is delivered again.
func FuzzWebhook(f *testing.F) {
	for _, dir := range []string{"events", "hostile"} {
		paths, err := filepath.Glob("testdata/" + dir + "/*")
		if err != nil || len(paths) == 0 {
			f.Fatal("no seeds: ", err)
		}
		for _, p := range paths {
			if data, err := os.ReadFile(p); err == nil && len(data) < 10_000 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const secret = "fixture-app-secret-not-real-0001"
		r := newReceiver(t, nil)
		code := r.serve(signedRequest(secret, body)).Code
		if code != http.StatusOK && code != http.StatusBadRequest && code != http.StatusNotFound {
			t.Fatalf("answered %d", code)
		}
		checkFacts(t, r.facts)
		before := len(r.facts)
		if again := r.serve(signedRequest(secret, body)).Code; again != code || len(r.facts) != before {
			t.Fatalf("delivered again: %d and %d facts, before %d and %d", again, len(r.facts), code, before)
		}
	})
}
