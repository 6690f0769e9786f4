package telnyx

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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backline/channels"
	"backline/channels/sms"
	"backline/gateway"
)

const testNumber = "+12025550100"

// clock of the signed fixtures.
var clock = time.Unix(1_790_000_000, 0)

type fixture struct {
	Expect, Shows string
	Valid         bool   `json:"signature_valid"`
	Signature     string `json:"telnyx_signature_ed25519"`
	Timestamp     string `json:"telnyx_timestamp"`
}

func fixtures(t testing.TB) (key string, all map[string]fixture) {
	t.Helper()
	raw, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Key   string `json:"public_key_base64"`
		Files map[string]fixture
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Files) < 25 {
		t.Fatalf("only %d fixtures", len(file.Files))
	}
	return file.Key, file.Files
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type sink struct {
	facts []gateway.Fact
	err   error
}

func (s *sink) Accept(_ context.Context, facts ...gateway.Fact) error {
	if s.err != nil {
		return s.err
	}
next:
	for _, f := range facts {
		for _, k := range s.facts {
			if k.Key == f.Key {
				continue next
			}
		}
		s.facts = append(s.facts, f)
	}
	return nil
}

func events[E gateway.Event](s *sink) []E {
	var out []E
	for _, f := range s.facts {
		if e, ok := f.Event.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

func provider(t testing.TB, api string, rejected *[]string) *Provider {
	t.Helper()
	key, _ := fixtures(t)
	p, err := New(Options{APIKey: "FAKE-KEY", PublicKey: key, MessagingProfileID: "40000000-0000-4000-8000-000000000001", APIURL: api,
		PublicURL: "https://gw.example.org", Numbers: sms.SameNumbers(testNumber), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return clock },
		OnRejected: func(reason string) {
			if rejected != nil {
				*rejected = append(*rejected, reason)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func post(t testing.TB, name string, f fixture, s *sink) (int, []string) {
	t.Helper()
	var rejected []string
	r := httptest.NewRequest(http.MethodPost, "/hooks/telnyx", bytes.NewReader(read(t, name)))
	if f.Signature != "" {
		r.Header.Set("Telnyx-Signature-Ed25519", f.Signature)
	}
	if f.Timestamp != "" {
		r.Header.Set("Telnyx-Timestamp", f.Timestamp)
	}
	w := httptest.NewRecorder()
	provider(t, "https://api.telnyx.com", &rejected).Routes(s)["POST /hooks/telnyx"].ServeHTTP(w, r)
	return w.Code, rejected
}

func TestEveryFixtureHasItsReaction(t *testing.T) {
	_, all := fixtures(t)
	for name, f := range all {
		t.Run(name, func(t *testing.T) {
			s := &sink{}
			status, rejected := post(t, name, f, s)
			messages := events[gateway.MessageReceived](s)
			switch {
			case strings.HasPrefix(f.Expect, "403"):
				if status != http.StatusForbidden || len(s.facts) > 0 || len(rejected) != 1 {
					t.Errorf("%d %v %v, want 403 and a count", status, s.facts, rejected)
				}
			case strings.HasPrefix(f.Expect, "400"):
				if status != http.StatusBadRequest || len(s.facts) > 0 {
					t.Errorf("%d %v, want 400", status, s.facts)
				}
			case strings.Contains(f.Expect, "no message"), strings.Contains(f.Expect, "ignored"):
				if status != http.StatusOK || len(messages) > 0 || len(events[gateway.RawKept](s)) != 1 {
					t.Errorf("%d %v, want it kept as it came", status, s.facts)
				}
			case strings.Contains(name, "finalized"), strings.HasSuffix(name, "sent.json"):
				if status != http.StatusOK || len(messages) > 0 || len(events[gateway.DeliveryReported](s)) == 0 {
					t.Errorf("%d %v, want a report", status, s.facts)
				}
			default:
				if status != http.StatusOK || len(messages) != 1 || messages[0].Identity.Account != testNumber {
					t.Errorf("%d %v, want one message", status, s.facts)
				}
			}
		})
	}
}

func TestWhatFixturesSay(t *testing.T) {
	_, all := fixtures(t)
	take := func(names ...string) *sink {
		t.Helper()
		s := &sink{}
		for _, name := range names {
			if status, _ := post(t, name, all[name], s); status != http.StatusOK {
				t.Fatalf("%s: %d", name, status)
			}
		}
		return s
	}
	if got := events[gateway.MessageReceived](take("events/duplicate_attempt_1.json", "events/duplicate_attempt_2.json")); len(got) != 1 {
		t.Errorf("a duplicate became %d messages", len(got))
	}
	if m := events[gateway.MessageReceived](take("events/inbound_mms.json"))[0]; len(m.Attachments) != 2 || m.Attachments[0].Kind != "image" || m.Attachments[1].Kind != "file" {
		t.Errorf("mms %+v", m.Attachments)
	}
	if got := fmt.Sprint(events[gateway.ConsentChanged](take("events/inbound_stop.json", "events/inbound_start.json"))); got != "[{true STOP} {false START}]" {
		t.Errorf("consent %s", got)
	}
	report := func(name string) gateway.DeliveryReported { return events[gateway.DeliveryReported](take(name))[0] }
	if r := report("events/finalized_delivered.json"); r.State != gateway.DeliveryDelivered || r.Provider != "telnyx" {
		t.Errorf("delivered: %+v", r)
	}
	if r := report("events/finalized_delivery_failed_40008.json"); r.State != gateway.DeliveryFailed || r.Code != "40008" || r.SafeToResend {
		t.Errorf("refused by the carrier: %+v", r)
	}
	if r := report("events/finalized_sending_failed_40014.json"); !r.SafeToResend {
		t.Errorf("never left: %+v", r)
	}
	if got := events[gateway.DeliveryReported](take("events/finalized_two_recipients.json")); len(got) != 2 {
		t.Errorf("two recipients: %+v", got)
	}
}

// One field of another type than expected must not cost a customer's message: Telnyx gives up after three tries.
func TestAnOddFieldCostsNoMessage(t *testing.T) {
	const body = `{"data":{"event_type":"message.received","id":7,"occurred_at":"yesterday","payload":{"id":"m1","from":{"phone_number":"+12025550143"},` +
		`"to":[{"phone_number":"+12025550100"}],"text":"still here","errors":{},"tags":[1],"media":[{"url":"https://x.example/a","content_type":null,"size":"big"}]}}}`
	p := provider(t, "https://api.telnyx.com", nil)
	facts, err := p.parse([]byte(body))
	if err != nil || len(facts) != 1 {
		t.Fatal(err, facts)
	}
	if m := facts[0].Event.(gateway.MessageReceived); m.Text != "still here" || !m.SentAt.Equal(clock) || len(m.Attachments) != 1 {
		t.Errorf("message %+v", m)
	}
	for _, bad := range []string{`[]`, `"text"`, `7`, `{"data":`, ``} {
		if _, err := p.parse([]byte(bad)); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
}

func TestWhatTheReasonSaysAboutAnotherProvider(t *testing.T) {
	p := provider(t, "https://api.telnyx.com", nil)
	for _, tt := range []struct {
		status, code string
		why          channels.Code
		safe         bool
	}{
		{"sending_failed", "40014", channels.ProviderDown, true},
		{"sending_failed", "40013", channels.ProviderDown, true},
		{"sending_failed", "49999", "", true},
		{"sending_failed", "40002", channels.Rejected, false}, // spam
		{"sending_failed", "40012", channels.Unreachable, false},
		{"sending_failed", "40300", channels.OptedOut, false},
		{"delivery_failed", "40014", channels.ProviderDown, false}, // it has left
	} {
		facts, err := p.parse(fmt.Appendf(nil, `{"data":{"event_type":"message.finalized","payload":{"id":"m1","from":{"phone_number":"+12025550100"},`+
			`"to":[{"phone_number":"+12025550143","status":%q}],"errors":[{"code":%q}]}}}`, tt.status, tt.code))
		if err != nil {
			t.Fatal(err)
		}
		if r := facts[0].Event.(gateway.DeliveryReported); r.Detail != string(tt.why) || r.SafeToResend != tt.safe || r.Code != tt.code {
			t.Errorf("%s %s: %+v, want %s, safe %v", tt.status, tt.code, r, tt.why, tt.safe)
		}
		if opted := len(facts) == 2; opted != (tt.why == channels.OptedOut) {
			t.Errorf("%s: opted out %v", tt.code, opted)
		}
	}
}

// The company's number is hosted elsewhere; Telnyx has another one for it. The customer's thread is the entry's.
func TestAnotherNumberAtTelnyxIsTheSameThread(t *testing.T) {
	const own = "+13125550111"
	var from string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got struct{ From string }
		_ = json.NewDecoder(r.Body).Decode(&got)
		from = got.From
		_, _ = w.Write(answer(t, "send_200_queued.json").Body)
	}))
	defer server.Close()
	p := provider(t, server.URL, nil)
	p.o.Numbers = sms.Numbers{testNumber: own}
	if _, err := p.Send(t.Context(), hello); err != nil || from != own {
		t.Errorf("sent from %q, %v", from, err)
	}
	thread := gateway.Identity{Channel: "sms", Account: testNumber, Remote: "+12025550143"}
	for _, body := range []string{
		`{"data":{"event_type":"message.received","payload":{"id":"m1","from":{"phone_number":"+12025550143"},"to":[{"phone_number":"` + own + `"}],"text":"STOP"}}}`,
		`{"data":{"event_type":"message.finalized","payload":{"id":"m2","from":{"phone_number":"` + own + `"},"to":[{"phone_number":"+12025550143","status":"delivered"}]}}}`,
	} {
		facts, err := p.parse([]byte(body))
		if err != nil || len(facts) == 0 {
			t.Fatal(err)
		}
		for _, f := range facts {
			if f.Identity != thread {
				t.Errorf("%T belongs to %+v", f.Event, f.Identity)
			}
		}
	}
}

func TestTooLargeAndNotStored(t *testing.T) {
	_, all := fixtures(t)
	if status, _ := post(t, "events/inbound_mms.json", all["events/inbound_mms.json"], &sink{err: gateway.Errorf(gateway.Unavailable, "full")}); status != 503 {
		t.Errorf("not stored: %d", status)
	}
	w := httptest.NewRecorder()
	provider(t, "https://api.telnyx.com", nil).Routes(&sink{})["POST /hooks/telnyx"].ServeHTTP(w,
		httptest.NewRequest(http.MethodPost, "/hooks/telnyx", bytes.NewReader(make([]byte, maxBodyBytes+1))))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", w.Code)
	}
}

var hello = sms.Outgoing{From: testNumber, To: "+12025550143", Text: "Thanks, we are on it.", Attempt: "att.1"}

func TestRequestIsAsDocumented(t *testing.T) {
	var want struct {
		Method, Path string
		Headers      map[string]string
		Body         map[string]any
	}
	if err := json.Unmarshal(read(t, "api_requests/send_message.json"), &want); err != nil {
		t.Fatal(err)
	}
	// Our attempt is a tag, which is signed, and not a parameter of the address, which is not.
	want.Body["webhook_url"], want.Body["tags"] = "https://gw.example.org/hooks/telnyx", []any{"backline:att.1"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got map[string]any
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != want.Method || r.URL.Path != want.Path || r.Header.Get("Authorization") != want.Headers["Authorization"] {
			t.Errorf("%s %s %v", r.Method, r.URL.Path, r.Header)
		}
		if fmt.Sprint(got) != fmt.Sprint(want.Body) {
			t.Errorf("body %v\nwant %v", got, want.Body)
		}
		_, _ = w.Write(answer(t, "send_200_queued.json").Body)
	}))
	defer server.Close()
	if id, err := provider(t, server.URL, nil).Send(t.Context(), hello); id != "b0000000-0000-4000-8000-000000000001" || err != nil {
		t.Errorf("%q %v", id, err)
	}
}

type answerFile struct {
	Status  int `json:"http_status"`
	Headers map[string]string
	Body    json.RawMessage
}

func answer(t *testing.T, name string) (a answerFile) {
	t.Helper()
	if err := json.Unmarshal(read(t, "api_responses/"+name), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestErrorsTellTheOutboxWhatToDo(t *testing.T) {
	for name, want := range map[string]channels.Code{
		"err_400_10015_bad_request.json":   channels.Rejected,
		"err_401_10009_auth.json":          channels.ProviderDown,
		"err_40300_blocked_stop.json":      channels.OptedOut,
		"err_403_10010_authorization.json": channels.ProviderDown,
		"err_429_10011_rate.json":          channels.Throttled,
	} {
		a := answer(t, name)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range a.Headers {
				w.Header().Set(k, v)
			}
			w.WriteHeader(a.Status)
			_, _ = w.Write(a.Body)
		}))
		_, err := provider(t, server.URL, nil).Send(t.Context(), hello)
		server.Close()
		e, ok := errors.AsType[*channels.SendError](err)
		if !ok || e.Code != want || (want == channels.Throttled) != (e.RetryAfter == time.Second) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	for name, c := range map[string]struct {
		api  http.HandlerFunc
		want channels.Code
	}{
		"500":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, channels.Uncertain},
		"cut":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, channels.Uncertain},
		"no id":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }, channels.Uncertain},
		"proxied": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 404) }, channels.Temporary},
	} {
		server := httptest.NewServer(c.api)
		_, err := provider(t, server.URL, nil).Send(t.Context(), hello)
		server.Close()
		if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func FuzzWebhook(f *testing.F) {
	_, all := fixtures(f)
	for name := range all {
		f.Add(read(f, name))
	}
	p := provider(f, "https://api.telnyx.com", nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		facts, err := p.parse(body)
		if err != nil {
			return
		}
		for _, fact := range facts {
			if data, err := json.Marshal(fact.Event); err != nil || len(data) > 1<<20 || fact.Key == "" || len(fact.Key) > 256 {
				t.Fatalf("a fact that cannot be stored: %v %v", fact, err)
			}
		}
	})
}
