package messengertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/channels"
	"backline/channels/messenger"
	"backline/channels/messenger/messengertest"
	"backline/gateway"
	"github.com/google/go-cmp/cmp"
)

const (
	page   = "100000000000001"
	psid   = "7000000000000001"
	secret = "app-secret"
	token  = "PAGE-TOKEN"
)

var customer = gateway.Identity{Channel: "messenger", Account: page, Remote: psid}

// direct is a network without wires.
type direct struct{ h http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w.Result(), nil
}

// pair is a real channel and the stand-in, joined both ways.
type pair struct {
	world   *messengertest.World
	channel *messenger.Channel
	hook    http.Handler

	mu      sync.Mutex
	facts   map[string]gateway.Event
	order   []string
	errs    []error // answers of the next Accepts
	changes int
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{facts: map[string]gateway.Event{}}
	toHook := direct{http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { p.hook.ServeHTTP(rw, r) })}
	p.world = messengertest.New(messengertest.Options{Page: page, AppID: "555000000000001", AppSecret: secret, VerifyToken: "verify",
		PageToken: token, Hook: "http://gateway.example/hooks/messenger", BaseURL: "http://graph.example", PSID: psid,
		CustomerName: "Test Person", Client: &http.Client{Transport: toHook}, OnChange: func() { p.mu.Lock(); p.changes++; p.mu.Unlock() }})
	c, err := messenger.New(messenger.Options{Pages: []string{page}, AppID: "555000000000001", AppSecret: secret, VerifyToken: "verify",
		PageToken: token, GraphURL: "http://graph.example", HTTP: &http.Client{Transport: direct{p.world}}})
	if err != nil {
		t.Fatal(err)
	}
	p.channel = c
	mux := http.NewServeMux()
	for pattern, h := range c.Routes(p) {
		mux.Handle(pattern, h)
	}
	p.hook = mux
	return p
}

func (p *pair) Accept(_ context.Context, facts ...gateway.Fact) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.errs) > 0 {
		err := p.errs[0]
		p.errs = p.errs[1:]
		if err != nil {
			return err
		}
	}
	for _, f := range facts {
		if p.facts[f.Key] == nil {
			p.facts[f.Key] = f.Event
			p.order = append(p.order, f.Key)
		}
	}
	return nil
}

// events returns what was accepted, in order.
func (p *pair) events() []gateway.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []gateway.Event
	for _, k := range p.order {
		out = append(out, p.facts[k])
	}
	return out
}

func (p *pair) send(t *testing.T, m channels.Outbound) (channels.Receipt, error) {
	m.Key, m.To = "m1", customer
	if m.LastInbound.IsZero() {
		m.LastInbound = time.Now()
	}
	return p.channel.Send(t.Context(), m)
}

// run starts the world for the length of a bubble.
func (p *pair) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.world.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestWhatTheCustomerSaysBecomesAFact(t *testing.T) {
	p := newPair(t)
	const text = "Störung in der Straße / 電話 📵 <b>?"
	if err := p.world.Say(t.Context(), text, nil); err != nil {
		t.Fatal(err)
	}
	m, ok := p.events()[0].(gateway.MessageReceived)
	if !ok || m.Text != text || m.Identity != customer || m.ProviderID == "" || time.Since(m.SentAt) > time.Minute {
		t.Errorf("%+v", p.events())
	}
	if got := p.world.Messages(); len(got) != 1 || got[0].Status != "sent" || got[0].From != "customer" || got[0].Text != text {
		t.Errorf("%+v", got)
	}
}

func TestAnImageCanBeFetched(t *testing.T) {
	var img bytes.Buffer
	if err := png.Encode(&img, image.NewRGBA(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	p := newPair(t)
	if err := p.world.Say(t.Context(), "look", img.Bytes()); err != nil {
		t.Fatal(err)
	}
	m := p.events()[0].(gateway.MessageReceived)
	if len(m.Attachments) != 1 || m.Attachments[0].Kind != "image" || m.Attachments[0].URL != p.world.Messages()[0].Media {
		t.Fatalf("%+v", m)
	}
	w := httptest.NewRecorder()
	p.world.ServeHTTP(w, httptest.NewRequest("GET", m.Attachments[0].URL, nil))
	if w.Header().Get("Content-Type") != "image/png" || !bytes.Equal(w.Body.Bytes(), img.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}

func TestProfileAndPicture(t *testing.T) {
	p := newPair(t)
	got, err := p.channel.Profile(t.Context(), customer)
	if err != nil || got.Name != "Test Person" {
		t.Fatal(got, err)
	}
	w := httptest.NewRecorder()
	p.world.ServeHTTP(w, httptest.NewRequest("GET", got.PictureURL, nil))
	if _, err := png.Decode(w.Body); err != nil || w.Code != http.StatusOK {
		t.Errorf("picture: %d %v", w.Code, err)
	}
}

func TestVerify(t *testing.T) {
	p := newPair(t)
	if err := p.world.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerIsEchoedDeliveredAndRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.run(t)()
		time.Sleep(time.Second)
		p.channel.Typing(t.Context(), customer)
		if !p.world.Typing() {
			t.Error("nobody types")
		}
		r, err := p.send(t, channels.Outbound{Text: "We are on it."})
		if err != nil || p.world.Typing() {
			t.Fatal("sent: ", err, p.world.Typing())
		}
		synctest.Wait()
		if err := p.world.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.world.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC()
		want := []gateway.Event{
			gateway.MessageReceived{Identity: customer, ProviderID: r.ProviderIDs[0], SentAt: now, Echo: true, EchoOf: "m1"},
			gateway.DeliveryReported{ProviderID: r.ProviderIDs[0], State: gateway.DeliveryDelivered},
			gateway.DeliveryReported{Watermark: now, State: gateway.DeliveryDelivered},
			gateway.DeliveryReported{Watermark: now, State: gateway.DeliveryRead},
		}
		got := p.events()
		if m, ok := got[0].(gateway.MessageReceived); ok {
			m.Message = ""
			got[0] = m
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]messengertest.Message{{From: "page", Text: "We are on it.", Status: "read", At: now}}, p.world.Messages()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestALongAnswerArrivesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.run(t)()
		text := strings.TrimSpace(strings.Repeat("𝒲ords and words ", 300))
		r, err := p.send(t, channels.Outbound{Text: text, Attachments: []channels.OutboundFile{{URL: "https://files.example/a.png", Kind: "image"}}})
		if err != nil || len(r.ProviderIDs) != 4 {
			t.Fatal(err, r)
		}
		synctest.Wait()
		var parts []string
		for _, m := range p.world.Messages() {
			parts = append(parts, m.Text)
			if m.Status != "delivered" {
				t.Errorf("a part is %s", m.Status)
			}
		}
		if got := strings.Join(parts[:3], " "); got != text || p.world.Messages()[3].Media != "https://files.example/a.png" {
			t.Errorf("arrived: %d bytes of %d", len(got), len(text))
		}
		echoes := 0
		for _, e := range p.events() {
			if m, ok := e.(gateway.MessageReceived); ok {
				echoes++
				if m.EchoOf != "m1" || m.ProviderID != r.ProviderIDs[3] {
					t.Errorf("echo %+v", m)
				}
			}
		}
		if echoes != 1 {
			t.Errorf("%d echoes prove the message", echoes)
		}
	})
}

func TestTypingEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.run(t)()
		p.channel.Typing(t.Context(), customer)
		synctest.Wait()
		p.mu.Lock()
		before := p.changes
		p.mu.Unlock()
		time.Sleep(21 * time.Second)
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.world.Typing() || p.changes != before+1 {
			t.Errorf("typing %t, %d changes after %d", p.world.Typing(), p.changes, before)
		}
	})
}

func TestAMessageIsDeliveredAgainUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		down := gateway.Errorf(gateway.Unavailable, "the disk is full")
		p.errs = []error{down, down, down}
		if err := p.world.Say(t.Context(), "help", nil); err != nil {
			t.Fatal(err)
		}
		if got := p.world.Messages()[0].Status; got != "sent" || len(p.events()) != 1 {
			t.Errorf("%s, %d facts", got, len(p.events()))
		}
		for range 6 {
			p.errs = append(p.errs, down)
		}
		if err := p.world.Say(t.Context(), "help", nil); err == nil || p.world.Messages()[1].Status != "failed" {
			t.Errorf("%v, %s", err, p.world.Messages()[1].Status)
		}
	})
}

func TestARefusedMessageIsNotDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		calls := 0
		p.hook = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { calls++; rw.WriteHeader(http.StatusForbidden) })
		if err := p.world.Say(t.Context(), "help", nil); err == nil || calls != 1 || p.world.Messages()[0].Status != "failed" {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

func TestTheChannelSubscribesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.channel.Run(ctx, p) }()
		alarm := func(cleared bool, detail string) gateway.ChannelAlarm {
			return gateway.ChannelAlarm{Channel: "messenger", Account: page, Code: "unsubscribed", Detail: detail, Cleared: cleared}
		}
		well := alarm(true, "the app is subscribed to the page")
		want := []gateway.Event{well}
		check := func(when string) {
			t.Helper()
			time.Sleep(25 * time.Minute) // two looks
			synctest.Wait()
			if diff := cmp.Diff(want, p.events()); diff != "" {
				t.Errorf("%s: %s", when, diff)
			}
		}
		check("all is well")
		p.world.Unsubscribe(false)
		check("taken off and back") // nothing to tell: the channel healed it
		p.world.Unsubscribe(true)
		if err := p.world.Say(t.Context(), "anybody?", nil); err == nil {
			t.Error("delivered without a subscription")
		}
		want = append(want, alarm(false, "Meta delivers nothing from this page: the app is not subscribed and may not subscribe itself"))
		check("taken off for good")
		p.world.Unsubscribe(false)
		want = append(want, well)
		check("allowed again")
		if err := p.world.Say(t.Context(), "anybody?", nil); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestMetasWindowCountsFromWhatTheCustomerSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		if err := p.world.Say(t.Context(), "hello", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		late := channels.Outbound{Text: "x", LastInbound: time.Now()} // we believe it open
		_, err := p.send(t, late)
		if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != channels.WindowClosed || e.Reason != "10/2018278" {
			t.Errorf("a machine's text after a day: %v", err)
		}
		late.Human = true
		if _, err := p.send(t, late); err != nil {
			t.Errorf("a human's text after a day: %v", err)
		}
		time.Sleep(6 * 24 * time.Hour)
		if _, err := p.send(t, channels.Outbound{Text: "x", Human: true, LastInbound: time.Now()}); err == nil {
			t.Error("a human's text after seven days went out")
		}
	})
}

func TestWrongCallsGetMetasErrors(t *testing.T) {
	p := newPair(t)
	const proof = "a46f8b0f6df5dfd3f4b5d7b1cbd8a0b4" // no proof of anything
	good := `{"recipient":{"id":"` + psid + `"},"messaging_type":"RESPONSE","message":{"text":"x"}}`
	body := func(rest string) string { return `{"recipient":{"id":"` + psid + `"},` + rest + `}` }
	for _, tt := range []struct {
		name, path, token, proof, body string
		want                           string // code/subcode
	}{
		{"no token", "/v25.0/" + page + "/messages", "", "right", good, "104/0"},
		{"wrong token", "/v25.0/" + page + "/messages", "other", "right", good, "190/0"},
		{"no proof", "/v25.0/" + page + "/messages", token, "", good, "100/0"},
		{"wrong proof", "/v25.0/" + page + "/messages", token, proof, good, "100/0"},
		{"another version", "/v1.0/" + page + "/messages", token, "right", good, "2500/0"},
		{"another page", "/v25.0/999/messages", token, "right", good, "100/33"},
		{"another person", "/v25.0/me/messages", token, "right", strings.Replace(good, psid, "8", 1), "100/2018001"},
		{"no JSON", "/v25.0/me/messages", token, "right", "text=x", "100/0"},
		{"no type", "/v25.0/me/messages", token, "right", body(`"message":{"text":"x"}`), "100/0"},
		{"an old tag", "/v25.0/me/messages", token, "right", body(`"messaging_type":"MESSAGE_TAG","tag":"ACCOUNT_UPDATE","message":{"text":"x"}`), "100/0"},
		{"nothing", "/v25.0/me/messages", token, "right", body(`"messaging_type":"RESPONSE","message":{}`), "100/0"},
		{"2,001 characters", "/v25.0/me/messages", token, "right", body(`"messaging_type":"RESPONSE","message":{"text":"` + strings.Repeat("x", 2001) + `"}`), "100/0"},
		{"a file nowhere", "/v25.0/me/messages", token, "right", body(`"messaging_type":"RESPONSE","message":{"attachment":{"type":"image","payload":{"url":"file:///x"}}}`), "100/2018008"},
		{"a strange action", "/v25.0/me/messages", token, "right", body(`"sender_action":"dance"`), "100/0"},
		{"all right", "/v25.0/me/messages", token, "right", good, ""},
		{"2,000 characters", "/v25.0/me/messages", token, "right", body(`"messaging_type":"RESPONSE","message":{"text":"` + strings.Repeat("x", 2000) + `"}`), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", tt.path, strings.NewReader(tt.body))
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			if tt.proof == "right" {
				tt.proof = rightProof
			}
			r.URL.RawQuery = "appsecret_proof=" + tt.proof
			w := httptest.NewRecorder()
			p.world.ServeHTTP(w, r)
			data, err := io.ReadAll(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				Error *struct {
					Code    int    `json:"code"`
					Subcode int    `json:"error_subcode"`
					Trace   string `json:"fbtrace_id"`
				} `json:"error"`
				ID string `json:"message_id"`
			}
			if err := json.Unmarshal(data, &answer); err != nil {
				t.Fatalf("%v: %s", err, data)
			}
			got := ""
			if answer.Error != nil {
				got = fmt.Sprintf("%d/%d", answer.Error.Code, answer.Error.Subcode)
			}
			if got != tt.want || (got == "") != (w.Code == http.StatusOK) || (got == "") != (answer.ID != "") {
				t.Errorf("%d %s, want %q", w.Code, data, tt.want)
			}
		})
	}
	if got := len(p.world.Messages()); got != 2 {
		t.Errorf("%d messages arrived", got)
	}
}

// rightProof is HMAC-SHA256("app-secret", "PAGE-TOKEN"), computed elsewhere.
const rightProof = "b5257d6bda337a16c7c4935f1bc5cfa30985dced6014647c9c95ac322773ad7c"
