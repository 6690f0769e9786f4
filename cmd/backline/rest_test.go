package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// script is a program that uses the REST API with a token, and holds each answer against openapi.json.
type script struct {
	t      *testing.T
	url    string
	token  string
	router routers.Router
}

func newScript(t *testing.T, in *installation) *script {
	t.Helper()
	code, out, errs := run(t, "", "token", "create", "--config", in.path, "--name", "script", "--role", "agent")
	if code != exitDone {
		t.Fatalf("token create: %s", errs)
	}
	res, err := http.Get(in.url + "/api/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &script{t, in.url, strings.TrimSpace(out), router}
}

// ask sends a request and checks status and shape of the answer.
func (s *script) ask(method, path string, body any, status int, out any) {
	s.t.Helper()
	var raw []byte
	if b, ok := body.([]byte); ok {
		raw = b
	} else if body != nil {
		raw, _ = json.Marshal(body)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != status {
		s.t.Errorf("%s %s: %d, want %d: %s", method, path, res.StatusCode, status, answer)
	}
	plain, _ := http.NewRequest(method, path, nil)
	route, params, err := s.router.FindRoute(plain)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: plain, PathParams: params, Route: route},
		Status:                 res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(answer)),
	}
	if err := openapi3filter.ValidateResponse(s.t.Context(), input); err != nil {
		s.t.Errorf("%s %s does not answer as described: %v", method, path, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestScriptsFindWhatIsDescribed(t *testing.T) {
	in := install(t, "")
	in.start()
	v := in.visitor("", 0)
	v.await("ready", nil)
	v.send(map[string]any{"t": "message", "client_id": "v1", "text": "Where are the oranges?"})
	v.await("ack", nil)
	s := newScript(t, in)

	var list struct {
		Conversations []struct {
			ID, State, Entry string
			Messages         struct{ Inbound, Outbound int }
		}
		Cursor string
	}
	s.ask("GET", "/api/v1/conversations?state=waiting", nil, 200, &list)
	if len(list.Conversations) != 1 || list.Conversations[0].Messages.Inbound != 1 || list.Conversations[0].Entry != "livechat/shop" {
		t.Fatalf("list %+v", list)
	}
	c := "/api/v1/conversations/" + list.Conversations[0].ID
	s.ask("GET", c, nil, 200, nil)
	var first, second struct {
		MessageID string `json:"message_id"`
	}
	s.ask("POST", c+"/assign", map[string]string{"to": "agent/jana"}, 200, nil)
	s.ask("POST", c+"/messages", map[string]string{"text": "On their way", "client_id": "s1"}, 202, &first)
	s.ask("POST", c+"/messages", map[string]string{"text": "On their way", "client_id": "s1"}, 202, &second)
	if first.MessageID == "" || first != second {
		t.Errorf("the same client_id made %v and %v", first, second)
	}
	v.await("item", itemText("On their way"))
	s.ask("POST", c+"/notes", map[string]string{"text": "likes oranges", "client_id": "n1"}, 202, nil)
	s.ask("POST", c+"/transfer", map[string]string{"to": "queue/second"}, 200, nil)
	var timeline struct {
		Items []struct {
			Kind, Text, Delivery string
			Position             uint64
		}
	}
	s.ask("GET", c+"/timeline", nil, 200, &timeline)
	var texts []string
	for i, it := range timeline.Items {
		if it.Text != "" {
			texts = append(texts, it.Kind+": "+it.Text)
		}
		if i > 0 && it.Position < timeline.Items[i-1].Position {
			t.Error("the timeline is out of order")
		}
	}
	if got := fmt.Sprint(texts); got != "[message: Where are the oranges? message: On their way note: likes oranges]" {
		t.Errorf("timeline %s", got)
	}
	s.ask("POST", c+"/close", nil, 200, nil)
	s.ask("GET", "/api/v1/search?q=oranges", nil, 200, nil)
	s.ask("GET", "/api/v1/queues", nil, 200, nil)
	s.ask("GET", "/api/v1/agents", nil, 200, nil)

	var link struct{ ID, URL string }
	s.ask("POST", "/api/v1/links", map[string]any{"to": "queue/main", "contact": map[string]string{"name": "Henrik", "phone": "+12025550143"},
		"subject": "Oranges", "language": "de", "ttl": "24h", "campaign": "may"}, 201, &link)
	if !strings.HasPrefix(link.URL, in.url+"/talk/") || len(link.URL) > 120 {
		t.Errorf("link %+v", link)
	}
	s.ask("GET", "/api/v1/links?campaign=may", nil, 200, nil)
	s.ask("DELETE", "/api/v1/links/"+link.ID, nil, 204, nil)
	s.ask("POST", "/api/v1/links", map[string]any{"to": "queue/main", "public": true}, 201, nil)
	s.ask("POST", "/api/v1/links", map[string]any{"to": "queue/main", "public": true, "subject": "x"}, 400, nil)
	s.ask("POST", "/api/v1/links", map[string]any{"to": "queue/nowhere"}, 400, nil)
	s.ask("DELETE", "/api/v1/links/l0", nil, 404, nil)

	// Problems: each says what and, for a field, which.
	s.ask("GET", "/api/v1/conversations?limit=0", nil, 400, nil)
	s.ask("GET", "/api/v1/conversations/c0", nil, 404, nil)
	var p struct{ Type, Detail, Field string }
	s.ask("POST", c+"/transfer", map[string]string{"to": "queue/nowhere"}, 400, &p)
	if p.Field != "to" || p.Detail == "" || p.Type == "" {
		t.Errorf("problem %+v", p)
	}
	s.ask("POST", c+"/messages", []byte(`{"text":"x","client_id":"y","extra":1}`), 400, nil)
	s.ask("POST", c+"/messages", map[string]string{"text": strings.Repeat("x", 100<<10), "client_id": "z"}, 413, nil)
	s.token = "wrong"
	s.ask("GET", "/api/v1/queues", nil, 401, nil)
	in.stop()
}

func TestMusicIsReplacedByAdministrators(t *testing.T) {
	in := install(t, "")
	in.start()
	s := newScript(t, in)
	var m struct {
		Own     bool
		Seconds float64
	}
	s.ask("GET", "/api/v1/hold-music", nil, 200, &m)
	if m.Own || m.Seconds < 30 {
		t.Fatalf("at first %+v", m)
	}
	ogg, err := os.ReadFile("../../gateway/media/hold.opus")
	if err != nil {
		t.Fatal(err)
	}
	s.ask("PUT", "/api/v1/hold-music", ogg, 403, nil)
	code, out, errs := run(t, "", "token", "create", "--config", in.path, "--name", "boss", "--role", "admin")
	if code != exitDone {
		t.Fatalf("token create: %s", errs)
	}
	s.token = strings.TrimSpace(out)
	s.ask("PUT", "/api/v1/hold-music", []byte("RIFF is no Ogg, however long it goes on"), 400, nil)
	s.ask("PUT", "/api/v1/hold-music", bytes.Repeat([]byte("OggS"), 3<<20), 413, nil)
	s.ask("PUT", "/api/v1/hold-music", ogg, 200, &m)
	if !m.Own {
		t.Errorf("after the change %+v", m)
	}
	in.stop()
	in.start()
	if s.ask("GET", "/api/v1/hold-music", nil, 200, &m); !m.Own {
		t.Errorf("after a restart %+v", m)
	}
	if s.ask("DELETE", "/api/v1/hold-music", nil, 200, &m); m.Own {
		t.Errorf("without it %+v", m)
	}
	music := func(want string, args ...string) {
		t.Helper()
		if code, out, errs := run(t, "", append(append([]string{"music"}, args...), "--config", in.path)...); code != exitDone || !strings.Contains(out, want) {
			t.Errorf("music %v: %d %s%s, want %q", args, code, out, errs, want)
		}
	}
	music("your own", "set", "../../gateway/media/hold.opus")
	if s.ask("GET", "/api/v1/hold-music", nil, 200, &m); !m.Own {
		t.Errorf("after the command %+v", m)
	}
	in.stop()
	music("your own", "show") // of the folder
	music("that of the program", "default")
}
