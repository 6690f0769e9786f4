package messenger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/channels"
	"backline/channels/messenger"
	"backline/gateway"
	"github.com/google/go-cmp/cmp"
)

const token = "FAKE-PAGE-TOKEN-0000"

var person = gateway.Identity{Channel: "messenger", Account: "100000000000001", Remote: "7000000000000001"}

// graph answers as told and remembers what it was asked.
type graph struct {
	*httptest.Server
	mu      sync.Mutex
	calls   []string // method, path and body
	answers []http.HandlerFunc
}

func newGraph(t *testing.T, answers ...http.HandlerFunc) (*graph, *messenger.Channel, *bytes.Buffer) {
	t.Helper()
	g := &graph{answers: answers}
	g.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		// The vector is of testdata/api_requests/appsecret_proof.json.
		if r.Header.Get("Authorization") != "Bearer "+token || r.URL.Query().Get("appsecret_proof") != "fc8938ff8f4e94294940fecc7f740046085fc60fe4e0c211e500793c24ac2dc1" {
			t.Errorf("not signed in: %s", r.URL.Path)
		}
		if strings.Contains(r.URL.String(), token) {
			t.Error("the token is in the URL")
		}
		g.mu.Lock()
		g.calls = append(g.calls, r.Method+" "+r.URL.Path+" "+string(body))
		n := len(g.calls) - 1
		g.mu.Unlock()
		if n < len(g.answers) {
			g.answers[n](rw, r)
			return
		}
		fmt.Fprintf(rw, `{"recipient_id":"7000000000000001","message_id":"m_%d"}`, n+1)
	}))
	t.Cleanup(g.Close)
	var log bytes.Buffer
	c, err := messenger.New(messenger.Options{Pages: []string{person.Account}, AppSecret: secret, VerifyToken: "v", PageToken: token, GraphURL: g.URL,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	return g, c, &log
}

// asked returns the calls so far.
func (g *graph) asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.calls)
}

func message(text string) channels.Outbound {
	return channels.Outbound{Key: "mkey", Attempt: 1, To: person, Text: text, LastInbound: time.Now().Add(-time.Hour)}
}

// wantCode asserts the error and that it betrays nothing.
func wantCode(t *testing.T, err error, want channels.Code) *channels.SendError {
	t.Helper()
	e, ok := errors.AsType[*channels.SendError](err)
	if !ok || e.Code != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	for _, s := range []string{token, secret, "appsecret_proof", person.Remote, "7000000000000001"} {
		if strings.Contains(err.Error(), s) {
			t.Errorf("the error betrays %q: %v", s, err)
		}
	}
	return e
}

func TestSendIsTheRequestMetaDocuments(t *testing.T) {
	type request struct {
		Path string
		Body json.RawMessage
	}
	same := func(t *testing.T, got, name string, drop ...string) {
		want := readJSON[request](t, "api_requests/"+name)
		method, rest, _ := strings.Cut(got, " ")
		path, body, _ := strings.Cut(rest, " ")
		if method != "POST" || path != want.Path {
			t.Errorf("%s %s, want POST %s", method, path, want.Path)
		}
		var g, w map[string]any
		if json.Unmarshal([]byte(body), &g) != nil || json.Unmarshal(want.Body, &w) != nil {
			t.Fatalf("no JSON: %s", body)
		}
		for _, d := range drop {
			delete(g["message"].(map[string]any), d)
		}
		if diff := cmp.Diff(w, g); diff != "" {
			t.Error(diff)
		}
	}
	plain := func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{"message_id":"m_1"}`) }
	done := response(t, "sender_action_ok.json")
	g, c, log := newGraph(t, plain, plain, plain, done, done)
	m := message("Thanks, we are on it.")
	m.Key = "backline:msg:0001"
	r, err := c.Send(t.Context(), m)
	if diff := cmp.Diff(channels.Receipt{ProviderIDs: []string{"m_1"}, State: gateway.DeliverySent}, r); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	same(t, g.asked()[0], "send_text_response.json")

	m = message("The line is repaired.")
	m.Human, m.LastInbound = true, time.Now().Add(-25*time.Hour)
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	same(t, g.asked()[1], "send_text_human_agent.json", "metadata")

	m = message("")
	m.Attachments = []channels.OutboundFile{{URL: "https://cdn.example.org/map.png", Kind: "image"}}
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	same(t, g.asked()[2], "send_image_by_url.json", "metadata")

	c.Typing(t.Context(), person)
	c.MarkSeen(t.Context(), person)
	same(t, g.asked()[3], "sender_action_typing_on.json")
	same(t, g.asked()[4], "sender_action_mark_seen.json")
	if strings.Contains(log.String(), "sender action failed") {
		t.Errorf("Meta's answer to an action was not understood: %s", log)
	}
}

func TestTheWindowDecidesBeforeMetaIsAsked(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		ago   time.Duration
		human bool
		want  string
	}{
		{day - time.Minute, false, `"messaging_type":"RESPONSE"`},
		{day - time.Minute, true, `"messaging_type":"RESPONSE"`},
		{day, true, `"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"`},
		{day, false, ""},
		{7*day - time.Minute, true, `"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"`},
		{7 * day, true, ""},
	} {
		g, c, _ := newGraph(t)
		m := message("x")
		m.Human, m.LastInbound = tt.human, time.Now().Add(-tt.ago)
		_, err := c.Send(t.Context(), m)
		if tt.want == "" {
			wantCode(t, err, channels.WindowClosed)
			if len(g.asked()) != 0 {
				t.Errorf("%v, human %t: Meta was asked", tt.ago, tt.human)
			}
			continue
		}
		if err != nil || len(g.asked()) != 1 || !strings.Contains(g.asked()[0], tt.want) {
			t.Errorf("%v, human %t: %v %v", tt.ago, tt.human, err, g.asked())
		}
	}
	_, c, _ := newGraph(t)
	m := message("x")
	m.LastInbound = time.Time{}
	_, err := c.Send(t.Context(), m)
	wantCode(t, err, channels.WindowClosed)
}

// response writes one of testdata/api_responses.
func response(t *testing.T, name string, header ...string) http.HandlerFunc {
	r := readJSON[struct {
		Status int `json:"http_status"`
		Body   json.RawMessage
	}](t, "api_responses/"+name)
	return func(rw http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			rw.Header().Set(header[i], header[i+1])
		}
		rw.WriteHeader(r.Status)
		_, _ = rw.Write(r.Body)
	}
}

func TestMetasErrors(t *testing.T) {
	table := map[string]struct {
		code   channels.Code
		reason string
	}{
		"err_100_2018001_no_matching_user.json": {channels.Unreachable, "100/2018001"},
		"err_100_2018047_upload_type.json":      {channels.Rejected, "100/2018047"},
		"err_100_tag_removed.json":              {channels.Rejected, "100"},
		"err_10_1893063_page_restricted.json":   {channels.ChannelDown, "10/1893063"},
		"err_10_2018108_cannot_receive.json":    {channels.Unreachable, "10/2018108"},
		"err_10_2018278_outside_window.json":    {channels.WindowClosed, "10/2018278"},
		"err_17_user_limit.json":                {channels.Throttled, "17"},
		"err_190_460_password_changed.json":     {channels.ChannelDown, "190/460"},
		"err_190_no_subcode.json":               {channels.ChannelDown, "190"},
		"err_1_1357046_sent_anyway.json":        {channels.SentAnyway, "1/1357046"},
		"err_200_1545041.json":                  {channels.Unreachable, "200/1545041"},
		"err_200_permissions.json":              {channels.ChannelDown, "200"},
		"err_2018218_no_profile.json":           {channels.Unreachable, "100/2018218"},
		"err_2_temporary.json":                  {channels.Temporary, "2"},
		"err_368_policy.json":                   {channels.ChannelDown, "368"},
		"err_4_app_limit.json":                  {channels.Throttled, "4"},
		"err_506_duplicate_post.json":           {channels.Rejected, "506"},
		"err_551_1545041.json":                  {channels.Unreachable, "551/1545041"},
		"err_613_2018338_bothersome.json":       {channels.Unreachable, "613/2018338"},
		"err_80006_buc_limit.json":              {channels.Throttled, "80006"},
	}
	files, err := filepath.Glob("testdata/api_responses/err_*.json")
	if err != nil || len(files) != len(table) {
		t.Errorf("%d responses, %d in the table (%v)", len(files), len(table), err)
	}
	for name, want := range table {
		t.Run(name, func(t *testing.T) {
			g, c, log := newGraph(t, response(t, name))
			_, err := c.Send(t.Context(), message("a secret word"))
			if e := wantCode(t, err, want.code); e.Reason != want.reason || len(g.asked()) != 1 {
				t.Errorf("reason %q after %d calls, want %q after one", e.Reason, len(g.asked()), want.reason)
			}
			for _, s := range []string{token, person.Remote, "secret word", "fc8938ff"} {
				if strings.Contains(log.String(), s) {
					t.Errorf("the log betrays %q", s)
				}
			}
		})
	}
}

func TestErrorsThatNoFixtureShows(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, body)
		}
	}
	graphError := func(code, sub int, rest string) string {
		return fmt.Sprintf(`{"error":{"message":"x 7000000000000001","code":%d,"error_subcode":%d%s}}`, code, sub, rest)
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   channels.Code
	}{
		{"a proxy's page", answer(502, string(read(t, "api_responses/err_502_html.html"))), channels.Uncertain},
		{"a proxy's limit", answer(429, "slow down"), channels.Throttled},
		{"a proxy's refusal", answer(407, "who?"), channels.Temporary},
		{"a redirect", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, channels.Temporary},
		{"code 1", answer(500, graphError(1, 0, "")), channels.Uncertain},
		{"code 1200", answer(500, graphError(1200, 0, "")), channels.Uncertain},
		{"another app's thread", answer(400, graphError(100, 2018300, "")), channels.Rejected},
		{"a new error, Meta's fault", answer(500, graphError(4711, 0, "")), channels.Uncertain},
		{"a new error that passes", answer(400, graphError(4711, 0, `,"is_transient":true`)), channels.Temporary},
		{"a new error, our fault", answer(400, graphError(4711, 1, "")), channels.Rejected},
		{"a new kind of missing permission", answer(400, graphError(10, 99, "")), channels.Rejected},
		{"200 with a portal's page", answer(200, "<html>"), channels.Uncertain},
		{"200 without an id", answer(200, "{}"), channels.Uncertain},
		{"cut off", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(rw, `{"message_id":`)
		}, channels.Uncertain},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, channels.Uncertain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, c, _ := newGraph(t, tt.answer)
			_, err := c.Send(t.Context(), message("x"))
			wantCode(t, err, tt.want)
			if len(g.asked()) != 1 {
				t.Errorf("%d calls", len(g.asked()))
			}
		})
	}
}

// Meta's table of errors, as far as no fixture shows them; subcode 0 stands for none.
func TestMetasErrorsByCode(t *testing.T) {
	for want, all := range map[channels.Code][][2]int{
		channels.Throttled:    {{4, 0}, {17, 0}, {32, 0}, {341, 0}, {613, 0}, {80001, 0}, {80006, 0}},
		channels.Temporary:    {{2, 0}},
		channels.Uncertain:    {{1, 0}, {1200, 0}},
		channels.WindowClosed: {{10, 2018278}, {10, 2018065}, {10, 2534022}},
		channels.Unreachable:  {{551, 0}, {551, 1545041}, {200, 1545041}, {10, 2018108}, {100, 2018001}, {613, 2018338}},
		channels.Rejected: {{100, 0}, {100, 2018008}, {100, 2018047}, {100, 2018109}, {100, 2018294}, {100, 2018074}, {100, 2534015},
			{613, 1893016}, {100, 2018300}, {100, 2018321}},
		channels.ChannelDown: {{190, 0}, {190, 458}, {190, 459}, {190, 460}, {190, 463}, {190, 464}, {190, 467}, {190, 492}, {102, 0}, {200, 0}, {10, 0},
			{3, 0}, {368, 0}, {10, 1893063}},
	} {
		for _, e := range all {
			_, c, _ := newGraph(t, func(rw http.ResponseWriter, _ *http.Request) {
				rw.WriteHeader(http.StatusBadRequest) // the status says nothing
				body := map[string]any{"message": "words", "code": e[0]}
				if e[1] != 0 {
					body["error_subcode"] = e[1]
				}
				_ = json.NewEncoder(rw).Encode(map[string]any{"error": body})
			})
			_, err := c.Send(t.Context(), message("x"))
			if got, ok := errors.AsType[*channels.SendError](err); !ok || got.Code != want {
				t.Errorf("%d/%d: %v, want %s", e[0], e[1], err, want)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		header, value string
		want          time.Duration
	}{
		{"Retry-After", "17", 17 * time.Second},
		{"Retry-After", "-1", 0},
		{"Retry-After", "900000", 24 * time.Hour},
		{"X-Business-Use-Case-Usage", `{"1":[{"type":"messenger","call_count":100,"estimated_time_to_regain_access":3}],"2":[{"estimated_time_to_regain_access":5}]}`, 5 * time.Minute},
		{"X-Business-Use-Case-Usage", `{"1":[{"estimated_time_to_regain_access":9999999999999}]}`, 24 * time.Hour},
		{"X-Business-Use-Case-Usage", "nonsense", 0},
		{"X-App-Usage", `{"call_count":100}`, 0},
	} {
		_, c, _ := newGraph(t, response(t, "err_80006_buc_limit.json", tt.header, tt.value))
		_, err := c.Send(t.Context(), message("x"))
		if e := wantCode(t, err, channels.Throttled); e.RetryAfter != tt.want {
			t.Errorf("%s: %s means %v, got %v", tt.header, tt.value, tt.want, e.RetryAfter)
		}
	}
}

func TestNobodyThereIsCertainlyNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c, err := messenger.New(messenger.Options{Pages: []string{person.Account}, AppSecret: secret, VerifyToken: "v", PageToken: token, GraphURL: "http://" + addr})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Send(t.Context(), message("x"))
	wantCode(t, err, channels.Temporary)
}

// roundTrip is a transport that tells nothing about its connections.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSilenceOfTheTransportIsNoProof(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want channels.Code
	}{
		{io.ErrUnexpectedEOF, channels.Uncertain},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, channels.Uncertain},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, channels.Temporary},
	} {
		c, err := messenger.New(messenger.Options{Pages: []string{person.Account}, AppSecret: secret, VerifyToken: "v", PageToken: token,
			HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, tt.err })}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Send(t.Context(), message("x"))
		wantCode(t, err, tt.want)
	}
}

func TestTimeoutAfterTheRequestIsUncertain(t *testing.T) {
	asked := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	_, c, _ := newGraph(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	go func() { <-asked; cancel() }()
	_, err := c.Send(ctx, message("x"))
	wantCode(t, err, channels.Uncertain)
	if _, err := c.Send(ctx, message("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("ctx had ended: %v", err)
	}
}

func TestMetasClockDecidesOnceMore(t *testing.T) {
	closed := response(t, "err_10_2018278_outside_window.json")
	g, c, _ := newGraph(t, closed)
	m := message("x")
	m.Human = true
	if _, err := c.Send(t.Context(), m); err != nil || len(g.asked()) != 2 || !strings.Contains(g.asked()[1], "HUMAN_AGENT") {
		t.Errorf("a human's text: %v %q", err, g.asked())
	}
	g, c, _ = newGraph(t, closed, closed)
	_, err := c.Send(t.Context(), m)
	wantCode(t, err, channels.WindowClosed)
	if len(g.asked()) != 2 {
		t.Errorf("%d calls", len(g.asked()))
	}
}

func TestLongTextAndFilesGoOutInParts(t *testing.T) {
	g, c, _ := newGraph(t)
	m := message(strings.Repeat("outage report ", 300)) // 4,200 characters
	m.Attachments = []channels.OutboundFile{
		{URL: "https://f.example/a", Kind: "image", SizeBytes: 9 << 20},
		{URL: "https://f.example/b", Kind: "video", SizeBytes: 20 << 20},
		{URL: "https://f.example/c", Kind: "file", Name: "log.zip", SizeBytes: 26 << 20}}
	r, err := c.Send(t.Context(), m)
	if err != nil || len(r.ProviderIDs) != 6 {
		t.Fatalf("%v %v", err, r)
	}
	for i, want := range []string{`"metadata":"mkey#1/6"`, `"metadata":"mkey#2/6"`, `"metadata":"mkey#3/6"`,
		`{"attachment":{"type":"file","payload":{"url":"https://f.example/a"}},"metadata":"mkey#4/6"}`,
		`{"attachment":{"type":"video","payload":{"url":"https://f.example/b"}},"metadata":"mkey#5/6"}`,
		`{"text":"log.zip\nhttps://f.example/c","metadata":"mkey"}`} {
		if !strings.Contains(g.asked()[i], want) {
			t.Errorf("call %d: %.200s, want %s", i+1, g.asked()[i], want)
		}
	}
}

func TestAnErrorSaysWhatIsAlreadyOut(t *testing.T) {
	ok := func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{"message_id":"m_first"}`) }
	_, c, _ := newGraph(t, ok, response(t, "err_4_app_limit.json"))
	_, err := c.Send(t.Context(), message(strings.Repeat("word ", 500)))
	if e := wantCode(t, err, channels.Throttled); cmp.Diff([]string{"m_first"}, e.Sent) != "" {
		t.Errorf("sent: %v", e.Sent)
	}
}

func TestAPartThatWentOutAnywayStopsNothing(t *testing.T) {
	ok := func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{"message_id":"m_ok"}`) }
	g, c, _ := newGraph(t, ok, response(t, "err_1_1357046_sent_anyway.json"), ok)
	_, err := c.Send(t.Context(), message(strings.Repeat("word ", 1000)))
	if e := wantCode(t, err, channels.SentAnyway); len(g.asked()) != 3 || cmp.Diff([]string{"m_ok", "m_ok"}, e.Sent) != "" {
		t.Errorf("%d calls, sent %v", len(g.asked()), e.Sent)
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	g, c, _ := newGraph(t)
	for name, change := range map[string]func(*channels.Outbound){
		"nothing":        func(m *channels.Outbound) { m.Text = " \n " },
		"a foreign page": func(m *channels.Outbound) { m.To.Account = "999" },
		"nobody":         func(m *channels.Outbound) { m.To.Remote = "" },
	} {
		m := message("x")
		change(&m)
		_, err := c.Send(t.Context(), m)
		wantCode(t, err, channels.Rejected)
		if len(g.asked()) != 0 {
			t.Errorf("%s: Meta was asked", name)
		}
	}
}

func TestProfile(t *testing.T) {
	empty := func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{}`) }
	g, c, _ := newGraph(t, response(t, "user_profile_ok.json"), empty, response(t, "err_2018218_no_profile.json"), response(t, "err_190_no_subcode.json"))
	want := channels.ContactProfile{Name: "Test Person", PictureURL: "https://scontent.example.net/v/t1.15752-9/fixture_n.jpg?_nc_cat=1&oh=00_FAKE&oe=6ABCDEF0"}
	for _, want := range []channels.ContactProfile{want, {}, {}} {
		got, err := c.Profile(t.Context(), person)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
	_, err := c.Profile(t.Context(), person)
	wantCode(t, err, channels.ChannelDown)
	odd := person
	odd.Remote = "../me"
	if got, err := c.Profile(t.Context(), odd); err != nil || got != (channels.ContactProfile{}) || len(g.asked()) != 4 {
		t.Errorf("a path for a person: %v %v", got, err)
	}
	if g.asked()[0] != "GET /v25.0/7000000000000001 " {
		t.Errorf("asked %q", g.asked()[0])
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	_, c, _ := newGraph(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx, nil); err != nil {
		t.Error(err)
	}
}
