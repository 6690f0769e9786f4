package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/channels/messenger/messengertest"
	"backline/channels/sms/smstest"
)

// What the stand-ins and the gateway under test know of each other.
const (
	testPerson                  = "24000000000000001" // of testPage
	testNumber, testTelnyx      = "+12025550100", "+13125550111"
	testCustomer                = "+12025550143"
	testAccount, testAuthToken  = "AC00000000000000000000000000000001", "auth-token"
	testAppSecret, testPageWord = "app-secret", "page-token"
)

// networks are the providers around one installation, and the customer's phones behind them.
type networks struct {
	t         *testing.T
	in        *installation
	messenger *messengertest.World
	twilio    *smstest.Twilio
	telnyx    *smstest.Telnyx
	key       ed25519.PrivateKey
	graph     *cable
	text      *cable // Twilio's API
}

// cable stands before a provider's API: it records calls, and can be cut or made to hang.
type cable struct {
	next http.Handler

	mu     sync.Mutex
	bodies []string
	fault  string // "", "cut": nothing arrives, "hang": it arrives and no answer comes
	closed chan struct{}
}

func (l *cable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is cut off is recorded as it came
	l.mu.Lock()
	l.bodies = append(l.bodies, string(body))
	fault := l.fault
	l.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case fault == "cut":
		panic(http.ErrAbortHandler)
	case fault == "hang" && r.Method == http.MethodPost:
		l.next.ServeHTTP(httptest.NewRecorder(), r)
		select {
		case <-r.Context().Done():
		case <-l.closed:
		}
		panic(http.ErrAbortHandler)
	}
	l.next.ServeHTTP(w, r)
}

func (l *cable) set(fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

// sent counts the calls with this in their body.
func (l *cable) sent(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, b := range l.bodies {
		if strings.Contains(b, part) {
			n++
		}
	}
	return n
}

// connect puts stand-ins of all providers around an installation that has not been started. With reports they
// tell the gateway what became of messages.
func connect(t *testing.T, in *installation, reports bool) *networks {
	t.Helper()
	n := &networks{t: t, in: in, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize))}
	n.graph, n.text = &cable{closed: make(chan struct{})}, &cable{closed: make(chan struct{})}
	telnyxAPI := http.NewServeMux()
	graph, text, telnyx := httptest.NewServer(n.graph), httptest.NewServer(n.text), httptest.NewServer(telnyxAPI)
	n.messenger = messengertest.New(messengertest.Options{Page: testPage, AppID: "555000000000001", AppSecret: testAppSecret, VerifyToken: "verify",
		PageToken: testPageWord, Hook: in.url + "/hooks/messenger", BaseURL: graph.URL, PSID: testPerson, CustomerName: "Henrik Kolbe"})
	n.twilio = smstest.NewTwilio(smstest.TwilioOptions{AccountSID: testAccount, AuthToken: testAuthToken, Number: testNumber, Remote: testCustomer,
		PublicURL: in.url, BaseURL: text.URL})
	n.telnyx = smstest.NewTelnyx(smstest.TelnyxOptions{APIKey: "key", Key: n.key, Number: testTelnyx, Remote: testCustomer, PublicURL: in.url})
	n.graph.next, n.text.next = n.messenger, n.twilio
	telnyxAPI.Handle("/", n.telnyx)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	if reports {
		for _, run := range []func(context.Context) error{n.messenger.Run, n.twilio.Run, n.telnyx.Run} {
			running.Go(func() { _ = run(ctx) }) // returns nil
		}
	}
	t.Cleanup(func() {
		cancel()
		close(n.graph.closed)
		close(n.text.closed)
		running.Wait()
		for _, s := range []*httptest.Server{graph, text, telnyx} {
			s.Close()
		}
	})
	n.configure(graph.URL, text.URL, telnyx.URL)
	return n
}

func (n *networks) configure(graph, text, telnyx string) {
	n.t.Helper()
	old, err := os.ReadFile(n.in.path)
	if err != nil {
		n.t.Fatal(err)
	}
	config := strings.Replace(string(old), "entries:\n", fmt.Sprintf(`entries:
  - {channel: messenger, page: "%s", to: queue/main}
  - {channel: sms, number: "%s", telnyx_number: "%s", to: queue/main}
`, testPage, testNumber, testTelnyx), 1) + fmt.Sprintf(`
messenger: {app_id: "555000000000001", app_secret: %s, verify_token: verify, page_token: %s, graph_url: "%s"}
sms:
  providers: [twilio, telnyx]
  twilio: {account_sid: %s, auth_token: %s, api_url: "%s"}
  telnyx: {api_key: key, public_key: "%s", api_url: "%s"}
`, testAppSecret, testPageWord, graph, testAccount, testAuthToken, text, n.telnyx.PublicKey(), telnyx)
	if err := os.WriteFile(n.in.path, []byte(config), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// meta delivers events of the page; each is one element of messaging, or of standby.
func (n *networks) meta(list string, events ...string) {
	n.t.Helper()
	body := fmt.Appendf(nil, `{"object":"page","entry":[{"id":"%s","time":%d,"%s":[%s]}]}`, testPage, time.Now().UnixMilli(), list, strings.Join(events, ","))
	m := hmac.New(sha256.New, []byte(testAppSecret))
	m.Write(body)
	if got := n.in.post("/hooks/messenger", body, map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(m.Sum(nil))}); got != http.StatusOK {
		n.t.Fatalf("the webhook is answered with %d", got)
	}
}

// person is an event of the customer's.
func person(at time.Time, rest string) string {
	return fmt.Sprintf(`{"sender":{"id":"%s"},"recipient":{"id":"%s"},"timestamp":%d,%s}`, testPerson, testPage, at.UnixMilli(), rest)
}

// twilioReport posts a status callback.
func (n *networks) twilioReport(address string, params url.Values) {
	n.t.Helper()
	signed := address
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		signed += name + params.Get(name)
	}
	m := hmac.New(sha1.New, []byte(testAuthToken))
	m.Write([]byte(signed))
	if got := n.in.post(strings.TrimPrefix(address, n.in.url), []byte(params.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded",
		"X-Twilio-Signature": base64.StdEncoding.EncodeToString(m.Sum(nil))}); got != http.StatusNoContent {
		n.t.Fatalf("the report is answered with %d", got)
	}
}

// telnyxEvent posts an event.
func (n *networks) telnyxEvent(body []byte) {
	n.t.Helper()
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	sum := ed25519.Sign(n.key, append([]byte(stamp+"|"), body...))
	if got := n.in.post("/hooks/telnyx", body, map[string]string{"Telnyx-Timestamp": stamp,
		"Telnyx-Signature-Ed25519": base64.StdEncoding.EncodeToString(sum)}); got != http.StatusOK {
		n.t.Fatalf("the event is answered with %d", got)
	}
}

// timelineItem is a line as the REST API tells it.
type timelineItem struct {
	Kind, Direction, Text, Delivery, Event string
	DeliveryInfo                           string `json:"delivery_info"`
	ProviderID                             string `json:"provider_id"`
	Standby, Edited                        bool
	Reaction                               string
	From                                   struct{ Kind, ID string }
	Attachments                            []struct{ File, URL, Error string }
}

func (in *installation) timeline(cookie, conversation string) []timelineItem {
	in.t.Helper()
	var out struct{ Items []timelineItem }
	if status := in.rest(cookie, http.MethodGet, "/api/v1/conversations/"+conversation+"/timeline?limit=200", nil, &out); status != http.StatusOK {
		in.t.Fatalf("timeline: %d", status)
	}
	return out.Items
}

// until waits for something that is about to happen.
func (in *installation) until(what string, happened func() bool) {
	in.t.Helper()
	for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			in.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// settles waits until the line with this text is in the wanted state, and returns it.
func (in *installation) settles(cookie, conversation, text, state string) timelineItem {
	in.t.Helper()
	var last timelineItem
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, it := range in.timeline(cookie, conversation) {
			if it.Text == text {
				last = it
			}
		}
		if last.Delivery == state {
			return last
		}
	}
	in.t.Fatalf("%q is %q (%s), want %q", text, last.Delivery, last.DeliveryInfo, state)
	return last
}

// answers lets jana take the conversation that rings.
func (s *socket) answers() string {
	s.t.Helper()
	s.command("presence", map[string]any{"presence": "ready"})
	conversation, offer := s.offered()
	s.command("accept", map[string]any{"conversation": conversation, "offer": offer})
	return conversation
}

// texts are what a phone shows.
func texts[M any](messages []M) string {
	raw, err := json.Marshal(messages)
	if err != nil {
		return err.Error()
	}
	var all []struct{ From, Text string }
	_ = json.Unmarshal(raw, &all) // both phones have these fields
	var out []string
	for _, m := range all {
		out = append(out, m.From+": "+m.Text)
	}
	return strings.Join(out, "; ")
}
