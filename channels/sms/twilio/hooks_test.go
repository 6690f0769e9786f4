package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"backline/channels/sms"
	"backline/gateway"
)

const (
	testAccount = "AC00000000000000000000000000000001"
	testToken   = "0123456789abcdef0123456789abcdef"
	testNumber  = "+12025550100"
)

// fixture is one row of testdata/signatures.json.
type fixture struct {
	Shows, Method, URL, Expect string
	ContentType                string `json:"content_type"`
	Signature                  string `json:"x_twilio_signature"`
	Valid                      bool   `json:"signature_valid"`
}

func fixtures(t testing.TB) map[string]fixture {
	t.Helper()
	raw, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Files map[string]fixture }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Files) < 60 {
		t.Fatalf("only %d fixtures", len(all.Files))
	}
	return all.Files
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sink keeps facts once per key.
type sink struct {
	mu    sync.Mutex
	facts []gateway.Fact
	err   error
}

func (s *sink) Accept(_ context.Context, facts ...gateway.Fact) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, f := range facts {
		known := false
		for _, k := range s.facts {
			known = known || k.Key == f.Key
		}
		if !known {
			s.facts = append(s.facts, f)
		}
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

func provider(t testing.TB, publicURL string, rejected *[]string) *Provider {
	t.Helper()
	p, err := New(Options{AccountSID: testAccount, AuthToken: "not-this-one", AuthTokenSecondary: testToken, APIURL: "https://api.twilio.com",
		PublicURL: publicURL, Numbers: sms.SameNumbers(testNumber), Log: slog.New(slog.DiscardHandler),
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

// post hands a fixture to the provider as its server would, and returns the status.
func post(t testing.TB, f fixture, body []byte, s *sink) (*httptest.ResponseRecorder, []string) {
	t.Helper()
	u, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	if f.Method == http.MethodGet {
		body = nil
	}
	var rejected []string
	p := provider(t, u.Scheme+"://"+u.Host, &rejected)
	if strings.HasPrefix(f.URL, "http://") {
		p = provider(t, "https://"+u.Host, &rejected) // what we are known by
	}
	r := httptest.NewRequest(f.Method, u.RequestURI(), bytes.NewReader(body))
	r.Host = "somewhere.else"
	r.Header.Set("Content-Type", f.ContentType)
	if f.Signature != "" {
		r.Header.Set("X-Twilio-Signature", f.Signature)
	}
	mux := http.NewServeMux()
	for pattern, h := range p.Routes(s) {
		mux.Handle(pattern, h)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w, rejected
}

func TestEveryFixtureHasItsReaction(t *testing.T) {
	nothing := string(read(t, "twiml/empty.xml"))
	for name, f := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			s := &sink{}
			w, rejected := post(t, f, read(t, name), s)
			messages, reports := events[gateway.MessageReceived](s), events[gateway.DeliveryReported](s)
			switch {
			case !f.Valid || name == "hostile/other_account_sid.form":
				if w.Code != http.StatusForbidden || len(s.facts) > 0 || len(rejected) != 1 {
					t.Errorf("%d, %d facts, rejected %v; want 403 and a count", w.Code, len(s.facts), rejected)
				}
			case strings.HasPrefix(name, "status/"):
				if w.Code != http.StatusNoContent || w.Body.Len() > 0 || len(messages) > 0 {
					t.Errorf("%d %q, messages %v", w.Code, w.Body, messages)
				}
				if final := !strings.Contains(name, "queued") && !strings.Contains(name, "sending") && !strings.Contains(name, "unknown_status"); final != (len(reports) == 1) {
					t.Errorf("reports %+v", reports)
				}
			case strings.Contains(f.Expect, "no message") || name == "inbound/json_body_sha256.json":
				if w.Code != http.StatusOK || len(messages) > 0 || len(events[gateway.RawKept](s)) != 1 {
					t.Errorf("%d, messages %v, facts %v; want it kept as it came", w.Code, messages, s.facts)
				}
			default:
				if w.Code != http.StatusOK || w.Body.String() != nothing || w.Header().Get("Content-Type") != "text/xml" || len(messages) != 1 {
					t.Fatalf("%d %q, messages %v; want one", w.Code, w.Body, messages)
				}
				m := messages[0]
				if m.Identity.Account != testNumber || m.Identity.Remote == "" || m.ProviderID == "" || m.Message == "" {
					t.Errorf("message %+v", m)
				}
			}
		})
	}
}

func TestWhatFixturesSay(t *testing.T) {
	all := fixtures(t)
	message := func(name string) (gateway.MessageReceived, *sink) {
		t.Helper()
		s := &sink{}
		post(t, all[name], read(t, name), s)
		return events[gateway.MessageReceived](s)[0], s
	}
	if m, _ := message("inbound/sms.form"); m.Text != "My power is out since 9" || m.Identity.Remote != "+12025550143" {
		t.Errorf("sms: %+v", m)
	}
	if m, _ := message("inbound/sms_multiline.form"); !strings.Contains(m.Text, "\n") {
		t.Errorf("lines: %q", m.Text)
	}
	if m, _ := message("inbound/mms_no_text.form"); len(m.Attachments) == 0 || m.Attachments[0].URL == "" || m.Attachments[0].Kind != "image" {
		t.Errorf("mms: %+v", m.Attachments)
	}
	if m, _ := message("hostile/media_type_html.form"); len(m.Attachments) == 0 || m.Attachments[0].Kind != "file" {
		t.Errorf("active content is shown: %+v", m.Attachments)
	}
	if m, _ := message("hostile/num_media_huge.form"); len(m.Attachments) > 0 {
		t.Errorf("media from nowhere: %+v", m.Attachments)
	}
	if m, _ := message("hostile/invalid_utf8.form"); !strings.Contains(m.Text, "\uFFFD") {
		t.Errorf("bad UTF-8: %q", m.Text)
	}
	if m, _ := message("hostile/control_characters.form"); strings.ContainsAny(m.Text, "\x00\x1b") {
		t.Errorf("control characters: %q", m.Text)
	}
	if m, _ := message("hostile/html_injection.form"); !strings.Contains(m.Text, "<") {
		t.Errorf("markup is text: %q", m.Text)
	}
	for name, want := range map[string]struct {
		kind    string
		consent string
	}{
		"inbound/optout_stop_advanced.form":  {"optout", "[{true STOP}]"},
		"inbound/optout_stop_default.form":   {"optout", "[{true STOP}]"},
		"inbound/optout_start_advanced.form": {"optin", "[{false START}]"},
		"inbound/optout_help_advanced.form":  {"help", "[]"},
		"inbound/optout_not_a_keyword.form":  {"", "[]"},
	} {
		m, s := message(name)
		if got := fmt.Sprint(events[gateway.ConsentChanged](s)); m.Kind != want.kind || got != want.consent {
			t.Errorf("%s: kind %q, consent %s; want %q, %s", name, m.Kind, got, want.kind, want.consent)
		}
	}
}

func TestDuplicateIsOneMessage(t *testing.T) {
	f, s := fixtures(t)["inbound/duplicate_redelivery.form"], &sink{}
	for range 2 {
		if w, _ := post(t, f, read(t, "inbound/duplicate_redelivery.form"), s); w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
	}
	if got := events[gateway.MessageReceived](s); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
}

// An attacker who has captured a webhook appends a name that is there already: the signature, computed over
// the first of the two, would still fit.
func TestRepeatedNameIsRefused(t *testing.T) {
	f, s := fixtures(t)["inbound/sms.form"], &sink{}
	body := append(read(t, "inbound/sms.form"), "&From=%2B19999999999"...)
	if w, rejected := post(t, f, body, s); w.Code != http.StatusForbidden || len(rejected) != 1 || len(s.facts) > 0 {
		t.Errorf("%d %v %v", w.Code, rejected, s.facts)
	}
}

func TestNothingIsAcknowledgedThatIsNotStored(t *testing.T) {
	f, s := fixtures(t)["inbound/sms.form"], &sink{err: gateway.Errorf(gateway.Unavailable, "disk full")}
	if w, _ := post(t, f, read(t, "inbound/sms.form"), s); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d, want 503", w.Code)
	}
	if w, rejected := post(t, f, make([]byte, maxBodyBytes+1), s); w.Code != http.StatusRequestEntityTooLarge || fmt.Sprint(rejected) != "[too_large]" {
		t.Errorf("%d %v, want 413", w.Code, rejected)
	}
}

func TestReportsNameMessageAndReason(t *testing.T) {
	s := &sink{}
	body := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"failed"}, "ErrorCode": {"63038"}, "To": {"+12025550143"}, "From": {"+12025550199"}}
	address := "https://gw.example.org/hooks/twilio/status?" + url.Values{"attempt": {sms.AttemptName("mabc", 2)}, "number": {testNumber}}.Encode()
	_, content, _ := parameters(httptest.NewRequest(http.MethodPost, address, nil), []byte(body.Encode()))
	f := fixture{Method: http.MethodPost, URL: address, ContentType: "application/x-www-form-urlencoded", Signature: sign(testToken, address+content)}
	if w, _ := post(t, f, []byte(body.Encode()), s); w.Code != http.StatusNoContent {
		t.Fatal(w.Code)
	}
	want := gateway.DeliveryReported{Message: "mabc", ProviderID: "SM1", State: gateway.DeliveryFailed, Provider: "twilio", Code: "63038", Detail: "provider_down", SafeToResend: true}
	if got := events[gateway.DeliveryReported](s); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// The thread is that of the entry's number, whatever number the service chose.
	if who := (gateway.Identity{Channel: "sms", Account: testNumber, Remote: "+12025550143"}); s.facts[0].Identity != who {
		t.Errorf("thread of %+v", s.facts[0].Identity)
	}
}

func TestNumbersOfTwilioItsOwn(t *testing.T) {
	const own, pool = "+13125550111", "+13125550199"
	p := provider(t, "https://gw.example.org", nil)
	p.o.Numbers, p.o.MessagingServiceSID = sms.Numbers{testNumber: own}, "MG1"
	for name, c := range map[string]struct {
		params  url.Values
		account string // "" means kept raw
	}{
		"the number it has for the entry":   {url.Values{"To": {own}}, testNumber},
		"one of our service":                {url.Values{"To": {pool}, "MessagingServiceSid": {"MG1"}}, testNumber},
		"one of another service":            {url.Values{"To": {pool}, "MessagingServiceSid": {"MG2"}}, ""},
		"one that nobody knows":             {url.Values{"To": {pool}}, ""},
		"the entry's own, hosted elsewhere": {url.Values{"To": {testNumber}}, ""},
	} {
		c.params.Set("MessageSid", "SM1")
		c.params.Set("From", "+12025550143")
		if got := p.inbound(c.params, nil, nil)[0].Identity.Account; got != c.account {
			t.Errorf("%s: thread of %q, want %q", name, got, c.account)
		}
	}
	report := p.status(url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}, "To": {"+12025550143"}, "From": {own}}, nil, nil)
	if got := report[0].Identity.Account; got != testNumber {
		t.Errorf("the report belongs to %q", got)
	}
}

// What a GET webhook brought stands in its address; that is kept.
func TestAnIncompleteGetIsKept(t *testing.T) {
	s := &sink{}
	address := "https://gw.example.org/hooks/twilio/sms?MessageSid=SM1&Surprise=1"
	f := fixture{Method: http.MethodGet, URL: address, Signature: sign(testToken, address)}
	if w, _ := post(t, f, nil, s); w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	if raw := events[gateway.RawKept](s); len(raw) != 1 || !strings.Contains(string(raw[0].Raw), "Surprise=1") {
		t.Errorf("kept %s", raw)
	}
}

func TestOptOutComesAsAReportToo(t *testing.T) {
	s, name := &sink{}, "status/failed_21610_optout_via_service.form"
	post(t, fixtures(t)[name], read(t, name), s)
	if got := fmt.Sprint(events[gateway.ConsentChanged](s)); got != "[{true 21610}]" {
		t.Errorf("consent %s", got)
	}
}

func FuzzWebhook(f *testing.F) {
	all := fixtures(f)
	for name := range all {
		f.Add(read(f, name))
	}
	p := provider(f, "https://gw.example.org", nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		params, content, ok := parameters(httptest.NewRequest(http.MethodPost, "/hooks/twilio/sms", nil), body)
		if !ok {
			return
		}
		for name, values := range params {
			if len(values) != 1 || !strings.Contains(content, name) {
				t.Fatalf("%q is not signed once", name)
			}
		}
		for _, facts := range [][]gateway.Fact{p.inbound(params, nil, body), p.status(params, nil, body)} {
			for _, fact := range facts {
				if data, err := json.Marshal(fact.Event); err != nil || len(data) > 1<<20 || fact.Key == "" || len(fact.Key) > 256 {
					t.Fatalf("a fact that cannot be stored: %v %v", fact, err)
				}
			}
		}
	})
}
