package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"

	"backline/channels"
	"backline/channels/sms"
)

func sender(t *testing.T, api http.HandlerFunc) *Provider {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	p, err := New(Options{AccountSID: testAccount, AuthToken: testToken, APIURL: server.URL, PublicURL: "https://gw.example.org",
		Numbers: sms.SameNumbers(testNumber), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var hello = sms.Outgoing{From: testNumber, To: "+12025550143", Text: "Thanks, we are on it. 😀", Attempt: "att.1"}

// answer is one file of testdata/api_responses.
type answer struct {
	Status  int               `json:"http_status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

func serve(t *testing.T, name string) http.HandlerFunc {
	t.Helper()
	raw, err := os.ReadFile("testdata/api_responses/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".html") {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write(raw)
		}
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, v := range a.Headers {
			w.Header().Set(name, v)
		}
		w.WriteHeader(a.Status)
		_, _ = w.Write(a.Body)
	}
}

func TestRequestIsAsDocumented(t *testing.T) {
	for name, m := range map[string]sms.Outgoing{
		"create_message.form":               {Text: "Thanks, we are on it. 😀"},
		"create_message_service_media.form": {Text: "see map", Media: []string{"https://cdn.example.org/a.png", "https://cdn.example.org/b.png"}},
	} {
		m.From, m.To, m.Attempt = testNumber, "+12025550143", "att_0001"
		want, err := url.ParseQuery(string(read(t, "api_requests/"+name)))
		if err != nil {
			t.Fatal(err)
		}
		// Beyond the examples: reports name our number, and nothing waits at Twilio for longer than an hour.
		want.Set("StatusCallback", want.Get("StatusCallback")+"&number=%2B12025550100")
		want.Set("ValidityPeriod", "3600")
		p := sender(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got, _ := url.ParseQuery(string(body))
			user, password, _ := r.BasicAuth()
			if r.URL.Path != "/2010-04-01/Accounts/"+testAccount+"/Messages.json" || user != testAccount || password != testToken {
				t.Errorf("%s by %s", r.URL.Path, user)
			}
			if got.Encode() != want.Encode() {
				t.Errorf("%s:\n got %s\nwant %s", name, got.Encode(), want.Encode())
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"sid":"SM7","status":"queued"}`)
		})
		if strings.Contains(name, "service") {
			p.o.MessagingServiceSID = "MG00000000000000000000000000000001"
		}
		if id, err := p.Send(t.Context(), m); id != "SM7" || err != nil {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

// TestCallsFitTwiliosDescription holds both of our calls against Twilio's own OpenAPI document.
func TestCallsFitTwiliosDescription(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(read(t, "twilio_api_v2010_messages.openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	// Paths bring their own server; ours is the test's.
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
	}
	router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation())
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	p := sender(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			return
		}
		err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
				if _, _, ok := in.RequestValidationInput.Request.BasicAuth(); !ok {
					return errors.New("no basic authentication")
				}
				return nil
			}}})
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		if r.Method == http.MethodPost {
			serve(t, "create_201_queued.json")(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"messages":[]}`)
	})
	m := hello
	m.Media = []string{"https://cdn.example.org/a.png"}
	if _, err := p.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	p.o.MessagingServiceSID = "MG00000000000000000000000000000001"
	if _, err := p.Send(t.Context(), m); err != nil {
		t.Error(err)
	}
	if _, err := p.Find(t.Context(), hello, time.Now().Add(-time.Minute)); err != nil || calls != 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestErrorsTellTheOutboxWhatToDo(t *testing.T) {
	for name, want := range map[string]channels.Code{
		"err_400_21606_from_not_sms.json": channels.ProviderDown,
		"err_400_21610_opted_out.json":    channels.OptedOut,
		"err_400_21614_not_mobile.json":   channels.Unreachable,
		"err_400_21617_too_long.json":     channels.Rejected,
		"err_401_20003_auth.json":         channels.ProviderDown,
		"err_404_20404.json":              channels.ProviderDown,
		"err_429_21611_queue_full.json":   channels.Throttled,
		"err_502_html.html":               channels.Uncertain,
		"err_503_20503.json":              channels.Uncertain,
		"create_201_queued.json":          "",
	} {
		_, err := sender(t, serve(t, name)).Send(t.Context(), hello)
		e, isSendError := errors.AsType[*channels.SendError](err)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case want != "" && (!isSendError || e.Code != want):
			t.Errorf("%s: %v, want %s", name, err, want)
		case isSendError && strings.Contains(e.Error(), hello.To):
			t.Errorf("%s: the error names the person: %v", name, e)
		}
	}
}

func TestCodesWithoutAnExample(t *testing.T) {
	for code, want := range map[string]channels.Code{"21211": channels.Unreachable, "21408": channels.Unroutable, "20005": channels.ProviderDown,
		"20429": channels.Throttled, "63038": channels.ProviderDown} {
		_, err := sender(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"code":`+code+`,"message":"words","status":400}`)
		}).Send(t.Context(), hello)
		if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != want || e.Reason != code {
			t.Errorf("%s: %v, want %s", code, err, want)
		}
	}
}

func TestLostAnswersAreUncertainOnlyWhenSomethingLeft(t *testing.T) {
	for name, c := range map[string]struct {
		api  http.HandlerFunc
		code channels.Code
	}{
		"cut":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, channels.Uncertain},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); _, _ = io.WriteString(w, "<html>") }, channels.Uncertain},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, channels.Temporary},
		"proxy 404": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "nothing here", 404) }, channels.Temporary},
	} {
		_, err := sender(t, c.api).Send(t.Context(), hello)
		if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	gone := sender(t, nil)
	gone.api, _ = url.Parse("http://127.0.0.1:1")
	if _, err := gone.Send(t.Context(), hello); err == nil || err.(*channels.SendError).Code != channels.Temporary {
		t.Errorf("nobody listens: %v, want temporary", err)
	}
	slow := sender(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := slow.Send(ctx, hello); err == nil || err.(*channels.SendError).Code != channels.Uncertain {
		t.Errorf("no answer in time: %v, want uncertain", err)
	}
}

func TestRetryAfterIsHeard(t *testing.T) {
	_, err := sender(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"code":20429}`)
	}).Send(t.Context(), hello)
	if e, ok := errors.AsType[*channels.SendError](err); !ok || e.RetryAfter != 7*time.Second {
		t.Errorf("%v", err)
	}
}

func TestFindLooksInTheList(t *testing.T) {
	began := time.Now().Add(-time.Minute)
	const trial = "Sent from your Twilio trial account - "
	list := func(text string, at time.Time, from ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("To") != hello.To {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"messages": []map[string]any{{"sid": "SM9", "body": text, "from": strings.Join(from, ""), "date_created": at.UTC().Format(time.RFC1123Z)}}})
		}
	}
	for name, c := range map[string]struct {
		api     http.HandlerFunc
		id      string
		unknown bool
	}{
		"there":          {list(hello.Text, began.Add(2*time.Second)), "SM9", false},
		"another text":   {list("something else", began.Add(2*time.Second)), "", false},
		"an earlier one": {list(hello.Text, began.Add(-time.Hour)), "", false},
		"just before":    {list(hello.Text, began.Add(-10*time.Second)), "", true},
		"on trial":       {list(trial+hello.Text, began.Add(2*time.Second), testNumber), "SM9", false},
		"changed":        {list("Thanks, we're on it.", began.Add(2*time.Second), testNumber), "", true},
		"changed, old":   {list("Thanks, we're on it.", began.Add(-10*time.Second), testNumber), "", false},
		"refused":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "", true},
	} {
		id, err := sender(t, c.api).Find(t.Context(), hello, began)
		if id != c.id || (err != nil) != c.unknown {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
	// A message that Twilio shows in full: it has it, whatever became of it since.
	whole := func(w http.ResponseWriter, _ *http.Request) {
		var a answer
		if err := json.Unmarshal(read(t, "api_responses/fetch_200_undelivered_30003.json"), &a); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"messages": []json.RawMessage{a.Body}})
	}
	m := hello
	m.Text = "Thanks, we are on it."
	if id, err := sender(t, whole).Find(t.Context(), m, time.Date(2026, 9, 21, 14, 13, 19, 0, time.UTC)); id != "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
	if _, err := sender(t, list("x", began)).Find(t.Context(), hello, time.Now()); err == nil {
		t.Error("asked at once, when the list may lag behind")
	}
}

func TestMediaIsAskedForWithCredentialsAtTwilioOnly(t *testing.T) {
	p := sender(t, nil)
	for address, want := range map[string]bool{
		p.o.APIURL + "/2010-04-01/Accounts/" + testAccount + "/Messages/MM1/Media/ME1":                           true,
		p.o.APIURL + "/2010-04-01/Accounts/ACother/Messages/MM1/Media/ME1":                                       false,
		"https" + strings.TrimPrefix(p.o.APIURL, "http") + "/2010-04-01/Accounts/" + testAccount + "/Messages/x": false,
		"https://evil.example/2010-04-01/Accounts/" + testAccount + "/Messages/x":                                false,
	} {
		req := httptest.NewRequest(http.MethodGet, address, nil)
		p.PrepareMedia(req)
		if _, _, got := req.BasicAuth(); got != want {
			t.Errorf("%s: credentials %v, want %v", address, got, want)
		}
	}
	p.api.Path = "/stand-in/"
	req := httptest.NewRequest(http.MethodGet, p.o.APIURL+"/stand-in/2010-04-01/Accounts/"+testAccount+"/Messages/MM1/Media/ME1", nil)
	p.PrepareMedia(req)
	if _, _, got := req.BasicAuth(); !got {
		t.Error("no credentials where the API's address has a path")
	}
}
