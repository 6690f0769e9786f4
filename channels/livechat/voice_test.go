package livechat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// clips keeps uploads in memory, as package files does on disk.
type clips struct {
	mu   sync.Mutex
	data map[string][]byte
}

func (c *clips) Have(key string) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(len(c.data[key])), nil
}

func (c *clips) Add(key string, offset int64, piece []byte, limit int64) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have := int64(len(c.data[key]))
	switch {
	case offset+int64(len(piece)) > limit:
		return have, gateway.Errorf(gateway.TooLarge, "too large")
	case offset != have:
		return have, gateway.Errorf(gateway.Conflicting, "go on from %d", have)
	}
	c.data[key] = append(c.data[key], piece...)
	return int64(len(c.data[key])), nil
}

func (c *clips) Finish(_ context.Context, key, name, ct string, size int64) (gateway.Attachment, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if int64(len(c.data[key])) != size {
		return gateway.Attachment{}, gateway.Errorf(gateway.Conflicting, "another size")
	}
	return gateway.Attachment{File: "f1", Kind: "audio", Name: name, ContentType: ct, SizeBytes: size}, nil
}

// voiceSite is a site whose visitors can leave voice messages.
func voiceSite(t *testing.T) (*site, *clips, string) {
	s := newSite(t, 10)
	kept := &clips{data: map[string][]byte{}}
	s.opts.Voice = kept
	s.opts.File = func(_ context.Context, id gateway.FileID) (gateway.Attachment, error) {
		kind := map[gateway.FileID]string{"f1": "audio", "f2": "image"}[id]
		return gateway.Attachment{File: id, Kind: kind}, nil
	}
	return s, kept, s.mint("shop", newVisitor(), time.Now())
}

// ask sends a request of the page and returns the status and the JSON of the answer.
func (s *site) ask(t *testing.T, method, path, token string, body []byte) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", shop)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "audio/webm;codecs=opus")
	r.Header.Set("X-File-Name", "Voice%20message")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out) // a preflight has no body
	return resp.StatusCode, out
}

const clipPath = "/w/voice/0123456789abcdef?site=shop"

func TestVoiceMessageComesInPieces(t *testing.T) {
	s, kept, token := voiceSite(t)
	put := func(offset int, piece string) (int, map[string]any) {
		return s.ask(t, "PUT", fmt.Sprintf("%s&offset=%d", clipPath, offset), token, []byte(piece))
	}
	if status, a := put(0, "abc"); status != http.StatusOK || a["have"] != 3.0 {
		t.Fatalf("%d %v", status, a)
	}
	// The answer was lost, and the page says it again.
	if status, a := put(0, "abc"); status != http.StatusConflict || a["have"] != 3.0 {
		t.Fatalf("again: %d %v", status, a)
	}
	if status, a := s.ask(t, "GET", clipPath, token, nil); status != http.StatusOK || a["have"] != 3.0 {
		t.Fatalf("where to go on: %d %v", status, a)
	}
	if status, _ := s.ask(t, "POST", clipPath+"&size=6", token, nil); status != http.StatusConflict {
		t.Errorf("finished too early: %d", status)
	}
	put(3, "def")
	for range 2 {
		status, a := s.ask(t, "POST", clipPath+"&size=6", token, nil)
		if status != http.StatusCreated || a["id"] != "f1" || a["name"] != "Voice message" {
			t.Fatalf("%d %v", status, a)
		}
	}
	if status, a := s.ask(t, "GET", clipPath, s.mint("shop", newVisitor(), time.Now()), nil); status != http.StatusOK || a["have"] != 0.0 {
		t.Errorf("another visitor sees it: %d %v", status, a)
	}
	if len(kept.data) != 1 {
		t.Errorf("kept %v", kept.data)
	}
}

func TestPiecesThatAreNotTaken(t *testing.T) {
	s, _, token := voiceSite(t)
	big := bytes.Repeat([]byte("x"), wire.VoicePiece+1)
	for _, c := range []struct {
		method, path, token string
		body                []byte
		want                int
	}{
		{"PUT", clipPath + "&offset=0", token, big, http.StatusRequestEntityTooLarge},
		{"PUT", clipPath + fmt.Sprintf("&offset=%d", wire.MaxVoiceBytes), token, []byte("x"), http.StatusRequestEntityTooLarge},
		{"PUT", clipPath + "&offset=-1", token, []byte("x"), http.StatusBadRequest},
		{"PUT", clipPath, token, []byte("x"), http.StatusBadRequest},
		{"PUT", "/w/voice/short?site=shop&offset=0", token, []byte("x"), http.StatusBadRequest},
		{"PUT", clipPath + "&offset=0", "v1.AAAA.BBBB", []byte("x"), http.StatusUnauthorized},
		{"PUT", "/w/voice/0123456789abcdef?site=blog&offset=0", token, []byte("x"), http.StatusUnauthorized},
		{"POST", clipPath + "&size=99999999", token, nil, http.StatusBadRequest},
	} {
		if got, a := s.ask(t, c.method, c.path, c.token, c.body); got != c.want {
			t.Errorf("%s %s: %d %v, want %d", c.method, c.path, got, a, c.want)
		}
	}
	s.opts.Voice = nil
	if got, _ := s.ask(t, "GET", clipPath, token, nil); got != http.StatusNotFound {
		t.Errorf("without voice messages: %d", got)
	}
}

func TestVoiceMessageAndCallBackAreMessages(t *testing.T) {
	s, _, _ := voiceSite(t)
	p, _ := s.open(t, "", 0)
	for _, f := range []map[string]any{
		{"client_id": "v", "files": []string{"f1"}, "voice_ms": 23_400},
		{"client_id": "c", "text": "Please call me back", "call_back": map[string]any{"way": "sms", "to": " +1 202-555-0100"}},
		{"client_id": "m", "text": "mail", "call_back": map[string]any{"way": "email", "to": "anna@example.org"}},
		{"client_id": "p", "call_back": map[string]any{"way": "page", "to": "ignored"}},
	} {
		f["t"] = "message"
		p.send(f)
		if ack := p.want("ack"); ack["failure"] != nil {
			t.Fatalf("%v: %v", f, ack)
		}
	}
	var got []string
	for _, e := range s.sink.events() {
		switch e := e.(type) {
		case gateway.MessageReceived:
			got = append(got, fmt.Sprintf("%s %s %v", e.ClientID, e.Kind, e.Extra))
		case gateway.ContactLearned:
			got = append(got, "learned "+e.Phone+e.Email)
		}
	}
	want := []string{"v voice map[voice_ms:23400]", "learned ", // the page and language
		"learned +12025550100", "c call_request map[to:+12025550100 way:sms]",
		"learned anna@example.org", "m call_request map[to:anna@example.org way:email]",
		"p call_request map[way:page]"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestVoiceAndCallBackAreChecked(t *testing.T) {
	s, _, _ := voiceSite(t)
	p, _ := s.open(t, "", 0)
	for field, f := range map[string]map[string]any{
		"files":         {"files": []string{"f2"}, "voice_ms": 100},
		"voice_ms":      {"files": []string{"f1"}, "voice_ms": wire.MaxVoiceMS + 1},
		"call_back.to":  {"call_back": map[string]any{"way": "sms", "to": "0171 123"}},
		"call_back.way": {"call_back": map[string]any{"way": "fax", "to": "+12025550100"}},
	} {
		f["t"], f["client_id"] = "message", "x"
		p.send(f)
		if failure, _ := p.want("ack")["failure"].(map[string]any); failure["field"] != field {
			t.Errorf("%v: %v, want the field %s", f, failure, field)
		}
	}
	if n := len(s.sink.events()); n > 0 {
		t.Errorf("%d events were stored", n)
	}
}
