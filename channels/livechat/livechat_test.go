package livechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway"
	"backline/gateway/wire"
)

const shop = "https://shop.example.org"

// feed is the gateway as a visitor sees it: what tests put into frames.
type feed struct {
	frames chan any
	typed  chan gateway.Identity
	after  chan uint64

	language atomic.Value // string: of the last page that followed
}

func (f *feed) Follow(ctx context.Context, _ gateway.Identity, language string, after uint64, emit func(any) error) error {
	f.after <- after
	f.language.Store(language)
	if err := emit(wire.VisitorReady{Head: 40}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case frame := <-f.frames:
			if err := emit(frame); err != nil {
				return err
			}
		}
	}
}

func (f *feed) Status(who gateway.Identity, language string) wire.Status {
	s := wire.Status{State: "none", Staffed: who.Channel == "livechat" && who.Account == "shop", Open: true, EstimateMS: -1}
	if language == "de-AT" {
		s.Notice = "Unsere Telefone sind gestört."
	}
	return s
}

func (f *feed) VisitorTyping(who gateway.Identity) { f.typed <- who }

// sink keeps facts once per key, as the journal does.
type sink struct {
	mu    sync.Mutex
	facts []gateway.Fact
	keys  map[string]bool
	err   error
}

func (s *sink) Accept(_ context.Context, facts ...gateway.Fact) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, f := range facts {
		if !s.keys[f.Key] {
			s.keys[f.Key] = true
			s.facts = append(s.facts, f)
		}
	}
	return nil
}

func (s *sink) events() []gateway.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []gateway.Event
	for _, f := range s.facts {
		out = append(out, f.Event)
	}
	return out
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

type site struct {
	*Channel
	feed *feed
	sink *sink
	url  string
}

func newSite(t *testing.T, perAddress int) *site {
	t.Helper()
	f := &feed{frames: make(chan any), typed: make(chan gateway.Identity, 10), after: make(chan uint64, 100)}
	c, err := New(Options{Sites: []Site{{"shop", []string{shop}}, {"blog", []string{shop}}}, Secret: bytes.Repeat([]byte("k"), 32), Feed: f,
		OwnOrigin: "https://gw.example.org", Company: wire.Company{Name: "Nordwind"}, PerAddress: perAddress, Log: slog.New(slog.DiscardHandler),
		Save: func(_ context.Context, name, ct string, r io.Reader) (gateway.Attachment, error) {
			data, err := io.ReadAll(r)
			if err != nil || len(data) > wire.MaxFileBytes {
				return gateway.Attachment{}, &gateway.Error{Kind: gateway.TooLarge, Msg: "at most 10 MiB", Err: err}
			}
			return gateway.Attachment{File: "f1", Kind: "file", Name: name, ContentType: ct, SizeBytes: int64(len(data))}, nil
		},
		File: func(_ context.Context, id gateway.FileID) (gateway.Attachment, error) {
			if id != "f1" {
				return gateway.Attachment{}, gateway.Errorf(gateway.NotFound, "no file")
			}
			return gateway.Attachment{File: id, Kind: "file", Name: "a.pdf"}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Channel: c, feed: f, sink: &sink{keys: map[string]bool{}}}
	mux := http.NewServeMux()
	for pattern, h := range c.Routes(s.sink) {
		mux.Handle(pattern, h)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { c.Close(t.Context(), nil) })
	s.url = server.URL
	return s
}

// page is one visitor's browser.
type page struct {
	t  *testing.T
	ws *websocket.Conn
}

func (s *site) dial(t *testing.T, origin string) *page {
	t.Helper()
	h := http.Header{}
	if origin != "" {
		h.Set("Origin", origin)
	}
	ws, resp, err := websocket.DefaultDialer.Dial(strings.Replace(s.url, "http", "ws", 1)+"/ws/visitor", h)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, resp)
	}
	t.Cleanup(func() { ws.Close() })
	return &page{t, ws}
}

func (s *site) open(t *testing.T, token string, after uint64) (*page, string) {
	t.Helper()
	p := s.dial(t, shop)
	p.send(map[string]any{"t": "hello", "version": 1, "site": "shop", "token": token, "after": after, "page": "/track", "language": "de"})
	w := p.want("welcome")
	p.want("ready")
	return p, w["token"].(string)
}

func (p *page) send(frame any) {
	p.t.Helper()
	if err := p.ws.WriteJSON(frame); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) want(frame string) map[string]any {
	p.t.Helper()
	_ = p.ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	var f map[string]any
	if err := p.ws.ReadJSON(&f); err != nil {
		p.t.Fatalf("waiting for %s: %v", frame, err)
	}
	if f["t"] != frame {
		p.t.Fatalf("got %v, want %s", f, frame)
	}
	return f
}

func (p *page) wantClose(code int) {
	p.t.Helper()
	_ = p.ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		_, _, err := p.ws.ReadMessage()
		if err == nil {
			continue
		}
		if !websocket.IsCloseError(err, code) {
			p.t.Fatalf("got %v, want close %d", err, code)
		}
		return
	}
}

func (p *page) message(id, text string) map[string]any {
	p.t.Helper()
	p.send(map[string]any{"t": "message", "client_id": id, "text": text})
	return p.want("ack")
}

func TestMessageIsAcknowledgedWhenStored(t *testing.T) {
	s := newSite(t, 10)
	p, token := s.open(t, "", 0)
	if ack := p.message("a1", "  where is my parcel?\r\n\x00 "); ack["failure"] != nil || ack["client_id"] != "a1" {
		t.Fatalf("ack %v", ack)
	}
	got := s.sink.events()
	m := got[0].(gateway.MessageReceived)
	if m.Text != "where is my parcel?" || m.Identity.Account != "shop" || m.ClientID != "a1" {
		t.Errorf("stored %+v", m)
	}
	if c := got[1].(gateway.ContactLearned); c.Page != "/track" || c.Language != "de" {
		t.Errorf("learned %+v", c)
	}

	// The page lost the ack, came back and sends it again: the same visitor, the same message.
	p2, _ := s.open(t, token, 40)
	if got := <-s.feed.after; got != 0 {
		t.Errorf("first Follow after %d", got)
	}
	if got := <-s.feed.after; got != 40 {
		t.Errorf("second Follow after %d", got)
	}
	p2.message("a1", "where is my parcel?")
	if got := s.sink.events(); len(got) != 2 {
		t.Errorf("stored twice: %+v", got)
	}
}

func TestWhatIsNotStoredIsNotAcknowledged(t *testing.T) {
	s := newSite(t, 10)
	p, _ := s.open(t, "", 0)
	s.sink.fail(gateway.Errorf(gateway.Unavailable, "disk full"))
	if f, _ := p.message("a1", "hello")["failure"].(map[string]any); f["kind"] != "unavailable" {
		t.Errorf("failure %v", f)
	}
	s.sink.fail(errors.New("secret detail"))
	if f, _ := p.message("a1", "hello")["failure"].(map[string]any); f["kind"] != "unavailable" || strings.Contains(f["detail"].(string), "secret") {
		t.Errorf("failure %v", f)
	}
	s.sink.fail(nil)
	if ack := p.message("a1", "hello"); ack["failure"] != nil {
		t.Errorf("ack %v", ack)
	}
}

func TestBadMessagesAreNamed(t *testing.T) {
	s := newSite(t, 10)
	p, _ := s.open(t, "", 0)
	for _, c := range []struct {
		frame map[string]any
		kind  string
		field string
	}{
		{map[string]any{"client_id": "a", "text": " \n"}, "invalid", "text"},
		{map[string]any{"client_id": "a", "text": strings.Repeat("é", wire.MaxTextRunes+1)}, "too_large", "text"},
		{map[string]any{"client_id": "a b", "text": "x"}, "invalid", "client_id"},
		{map[string]any{"client_id": "a", "text": "x", "files": []string{"f9"}}, "invalid", "files"},
		{map[string]any{"client_id": "a", "text": "x", "files": make([]string, 11)}, "too_large", "files"},
	} {
		c.frame["t"] = "message"
		p.send(c.frame)
		f, _ := p.want("ack")["failure"].(map[string]any)
		if f["kind"] != c.kind || f["field"] != c.field {
			t.Errorf("%.60v: failure %v, want %s of %s", c.frame, f, c.kind, c.field)
		}
	}
	if len(s.sink.events()) > 0 {
		t.Error("a bad message was stored")
	}
	p.send(map[string]any{"t": "message", "client_id": "ok", "files": []string{"f1"}})
	p.want("ack")
	if m := s.sink.events()[0].(gateway.MessageReceived); len(m.Attachments) != 1 || m.Attachments[0].Name != "a.pdf" {
		t.Errorf("attachments %+v", m)
	}
}

func TestStrangersAreTurnedAway(t *testing.T) {
	s := newSite(t, 50)
	_, token := s.open(t, "", 0)
	for name, c := range map[string]struct {
		origin string
		hello  map[string]any
		code   int
	}{
		"unknown site":        {shop, map[string]any{"site": "nowhere"}, wire.CloseForbidden},
		"foreign page":        {"https://evil.example", map[string]any{"site": "shop"}, wire.CloseForbidden},
		"sandboxed page":      {"null", map[string]any{"site": "shop"}, wire.CloseForbidden},
		"made-up token":       {shop, map[string]any{"site": "shop", "token": "v1.AAAA.BBBB"}, wire.CloseUnauthorized},
		"token of other site": {shop, map[string]any{"site": "blog", "token": token}, wire.CloseUnauthorized},
		"other version":       {shop, map[string]any{"site": "shop", "version": 9}, wire.CloseProtocol},
		"no hello":            {shop, map[string]any{"t": "ping"}, wire.CloseProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			hello := map[string]any{"t": "hello", "version": 1}
			for k, v := range c.hello {
				hello[k] = v
			}
			p := s.dial(t, c.origin)
			p.send(hello)
			p.wantClose(c.code)
		})
	}
	p, _ := s.open(t, "", 0)
	p.send(map[string]any{"t": "message", "client_id": "big", "text": strings.Repeat("x", wire.MaxFrameBytes)})
	p.wantClose(websocket.CloseMessageTooBig)
}

func TestTokenEndsAndIsBoundToItsSite(t *testing.T) {
	c := newSite(t, 1).Channel
	now := time.Now()
	id := newVisitor()
	token := c.mint("shop", id, now)
	if got, err := c.visitor("shop", token, now.Add(tokenTime-2*time.Hour)); got != id || err != nil {
		t.Errorf("visitor = %q, %v", got, err)
	}
	for name, bad := range map[string]string{"other site": c.mint("blog", id, now), "old": c.mint("shop", id, now.Add(-tokenTime-2*time.Hour)),
		"cut": token[:len(token)-1], "longer": token + "A", "empty": ""} {
		if got, err := c.visitor("shop", bad, now); err == nil {
			t.Errorf("%s: accepted as %q", name, got)
		}
	}
}

func TestPageSpeaksOnlyOfWhatItWasSent(t *testing.T) {
	s := newSite(t, 10)
	p, _ := s.open(t, "", 0) // ready at 40
	p.send(map[string]any{"t": "seen", "position": 1 << 60})
	p.send(map[string]any{"t": "seen", "position": 39}) // nothing new
	p.send(map[string]any{"t": "seen", "position": 40, "read": true})
	p.send(map[string]any{"t": "seen", "position": 40}) // read says more
	p.send(map[string]any{"t": "ping"})
	p.want("pong")
	want := []gateway.Event{gateway.DeliveryReported{Position: 40, State: gateway.DeliveryDelivered}, gateway.DeliveryReported{Position: 40, State: gateway.DeliveryRead}}
	if got := fmt.Sprint(s.sink.events()); got != fmt.Sprint(want) {
		t.Errorf("reported %s, want %s", got, fmt.Sprint(want))
	}
}

func TestTypingIsPassedOnSeldom(t *testing.T) {
	s := newSite(t, 10)
	p, _ := s.open(t, "", 0)
	for range 5 {
		p.send(map[string]any{"t": "typing"})
	}
	p.send(map[string]any{"t": "ping"})
	p.want("pong")
	if n := len(s.feed.typed); n != 1 {
		t.Errorf("typing passed on %d times in a moment, want once", n)
	}
}

func TestFloodOfOneVisitorIsSlowed(t *testing.T) {
	s := newSite(t, 10)
	p, _ := s.open(t, "", 0)
	refused := 0
	for i := range 25 {
		if f, _ := p.message(fmt.Sprint("m", i), "x")["failure"].(map[string]any); f["kind"] == "too_many" {
			refused++
		}
	}
	if refused == 0 || refused > 5 {
		t.Errorf("%d of 25 refused, want those after the first 20", refused)
	}
}

func TestSocketsOfOneAddressAreCounted(t *testing.T) {
	s := newSite(t, 2)
	first, _ := s.open(t, "", 0)
	s.open(t, "", 0)
	_, resp, err := websocket.DefaultDialer.Dial(strings.Replace(s.url, "http", "ws", 1)+"/ws/visitor", nil)
	if err == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("third socket: %v", err)
	}
	first.ws.Close()
	for range 100 { // the server notices within moments
		if ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(s.url, "http", "ws", 1)+"/ws/visitor", nil); err == nil {
			ws.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a closed socket's place was not given back")
}

func TestCloseSendsPagesAway(t *testing.T) {
	s := newSite(t, 10)
	p, _ := s.open(t, "", 0)
	done := make(chan struct{})
	go func() { s.Close(context.Background(), nil); close(done) }()
	if f := p.want("bye"); f["retry_ms"].(float64) < 200 {
		t.Errorf("bye %v", f)
	}
	p.wantClose(wire.CloseRestarting)
	<-done
	if _, resp, err := websocket.DefaultDialer.Dial(strings.Replace(s.url, "http", "ws", 1)+"/ws/visitor", nil); err == nil || resp.StatusCode != 429 {
		t.Errorf("a socket after Close: %v", err)
	}
}

func TestUpload(t *testing.T) {
	s := newSite(t, 10)
	_, token := s.open(t, "", 0)
	post := func(token, origin string, body io.Reader) *http.Response {
		t.Helper()
		r, _ := http.NewRequest("POST", s.url+"/w/files?site=shop", body)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Origin", origin)
		r.Header.Set("X-File-Name", "R%C3%BCckgabe.pdf")
		r.Header.Set("Content-Type", "application/pdf")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	ok := post(token, shop, strings.NewReader("%PDF"))
	var a uploadAnswer
	if err := json.NewDecoder(ok.Body).Decode(&a); err != nil || a.Name != "Rückgabe.pdf" || a.Size != 4 || ok.Header.Get("Access-Control-Allow-Origin") != shop {
		t.Errorf("upload: %+v %v %v", a, err, ok.Header)
	}
	for _, c := range []struct {
		name          string
		token, origin string
		body          io.Reader
		status        int
	}{
		{"no token", "", shop, strings.NewReader("x"), 401},
		{"foreign page", token, "https://evil.example", strings.NewReader("x"), 403},
		{"too large", token, shop, bytes.NewReader(make([]byte, wire.MaxFileBytes+10)), 413},
	} {
		if got := post(c.token, c.origin, c.body); got.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, got.StatusCode, c.status)
		}
	}
	pre, _ := http.NewRequest("OPTIONS", s.url+"/w/files?site=shop", nil)
	pre.Header.Set("Origin", shop)
	resp, err := http.DefaultClient.Do(pre)
	if err != nil || resp.StatusCode != 204 || !strings.Contains(resp.Header.Get("Access-Control-Allow-Headers"), "x-file-name") {
		t.Errorf("preflight: %v %v", resp, err)
	}
}

func TestSiteTellsTheLoader(t *testing.T) {
	s := newSite(t, 10)
	get := func(site, origin string) (int, siteAnswer) {
		r, _ := http.NewRequest("GET", s.url+"/w/site/"+site, nil)
		r.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var a siteAnswer
		_ = json.NewDecoder(resp.Body).Decode(&a) // problems are not this shape
		return resp.StatusCode, a
	}
	if status, a := get("shop", shop); status != 200 || a.Company.Name != "Nordwind" || !a.Status.Staffed {
		t.Errorf("shop: %d %+v", status, a)
	}
	if status, _ := get("nowhere", shop); status != 404 {
		t.Errorf("unknown site: %d", status)
	}
	if status, _ := get("shop", "https://evil.example"); status != 403 {
		t.Errorf("foreign page: %d", status)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte(`{"t":"hello","version":1,"site":"shop","after":3,"page":"/x"}`))
	f.Add([]byte(`{"t":"message","client_id":"a","text":"hi","files":["f1"]}`))
	f.Add([]byte(`{"t":"contact","name":"A","email":"a@b"}`))
	f.Add([]byte(`{"t":"seen","position":18446744073709551615,"read":true}`))
	f.Add([]byte(`{"t":"message","text":null,"client_id":5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := decodeFrame(data)
		if err != nil {
			return
		}
		// What was accepted is accepted again and means the same.
		if m, ok := frame.(wire.VisitorMessage); ok {
			body, _ := json.Marshal(m)
			again, err := decodeFrame(append([]byte(`{"t":"message",`), body[1:]...))
			if err != nil || fmt.Sprint(again) != fmt.Sprint(frame) {
				t.Fatalf("%+v became %+v (%v)", frame, again, err)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	c, err := New(Options{Secret: bytes.Repeat([]byte("k"), 32)})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1_790_000_000, 0)
	good := c.mint("shop", encoding.EncodeToString(make([]byte, idBytes)), now)
	f.Add(good)
	f.Add("v1..")
	f.Fuzz(func(t *testing.T, token string) {
		if id, err := c.visitor("shop", token, now); err == nil && token != good {
			t.Fatalf("%q accepted as %q", token, id)
		}
	})
}

func TestNoticeIsToldInTheLanguageOfThePage(t *testing.T) {
	s := newSite(t, 10)
	p := s.dial(t, shop)
	p.send(map[string]any{"t": "hello", "version": 1, "site": "shop", "language": "de-AT"})
	if got := p.want("welcome")["status"].(map[string]any)["notice"]; got != "Unsere Telefone sind gestört." {
		t.Errorf("welcome says %v", got)
	}
	p.want("ready")
	if got := s.feed.language.Load(); got != "de-AT" {
		t.Errorf("the feed was told %q", got)
	}
	for header, want := range map[string]bool{"de-AT,de;q=0.9,en;q=0.8": true, "de-AT ;q=1": true, "en": false, "": false, "*": false, "de-AT\x01": false} {
		req := httptest.NewRequest("GET", "/w/site/shop", nil)
		req.Header.Set("Accept-Language", header)
		if got := s.opts.Feed.Status(gateway.Identity{Channel: "livechat", Account: "shop"}, preferred(req)).Notice != ""; got != want {
			t.Errorf("Accept-Language %q: notice %v", header, got)
		}
	}
}
