package messenger_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// fixture is one line of testdata/signatures.json.
type fixture struct {
	Signature string `json:"x_hub_signature_256"`
	SHA1      string `json:"x_hub_signature"`
	Valid     bool   `json:"signature_valid"`
	Expect    string `json:"expect"`
	Bytes     int    `json:"bytes"`
}

type fixtures struct {
	AppSecret   string             `json:"app_secret"`
	VerifyToken string             `json:"verify_token"`
	PageID      string             `json:"page_id"`
	OwnAppID    json.Number        `json:"own_app_id"`
	Files       map[string]fixture `json:"files"`
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON[T any](t testing.TB, name string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(read(t, name), &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// request is a fixture as it came over the line.
func (f fixture) request(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/hooks/messenger", strings.NewReader(string(body)))
	if f.Signature != "" {
		r.Header.Set("X-Hub-Signature-256", f.Signature)
	}
	if f.SHA1 != "" {
		r.Header.Set("X-Hub-Signature", f.SHA1)
	}
	return r
}
