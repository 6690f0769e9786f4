package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Messenger and SMS as a test's gateway has them; %s is where Meta and Twilio are.
const (
	testPage    = "100000000000001"
	testSecret  = "app-secret-of-the-test"
	testNetwork = `messenger: {app_id: "1", app_secret: ` + testSecret + `, verify_token: verify-of-the-test, page_token: page-token-of-the-test, graph_url: "%[1]s"}
sms: {providers: [twilio], twilio: {account_sid: AC00000000000000000000000000000001, auth_token: auth-of-the-test, api_url: "%[1]s"}}
`
)

// installNetworks is install with a page and a number beside the website.
func installNetworks(t *testing.T, provider string) *installation {
	t.Helper()
	return install(t, `  - {channel: messenger, page: "`+testPage+`", to: queue/main}
  - {channel: sms, number: "+12025550100", to: queue/main}
`+fmt.Sprintf(testNetwork, provider))
}

// hook posts a signed Messenger message and returns the status, 0 when nobody answered.
func (in *installation) hook(psid, mid string) int {
	b := &bench{benchOptions: benchOptions{page: testPage}, secret: testSecret}
	body, signature := b.event(psid, mid)
	return in.post("/hooks/messenger", body, map[string]string{"Content-Type": "application/json", "X-Hub-Signature-256": signature})
}

func (in *installation) post(path string, body []byte, head map[string]string) int {
	req, err := http.NewRequest(http.MethodPost, in.url+path, strings.NewReader(string(body)))
	if err != nil {
		in.t.Error(err)
		return 0
	}
	for k, v := range head {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
	return res.StatusCode
}

// get returns status and text of a page.
func (in *installation) get(path string) (int, string) {
	in.t.Helper()
	res, err := http.Get(in.url + path)
	if err != nil {
		in.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// metric is the value of one line of /metrics, 0 when it is not there.
func (in *installation) metric(name string) float64 {
	in.t.Helper()
	_, text := in.get("/metrics")
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				in.t.Fatal(err)
			}
			return f
		}
	}
	return 0
}

// all returns every conversation with its timeline, as a script reads it.
func (in *installation) all(cookie string) map[string][]line {
	in.t.Helper()
	out := map[string][]line{}
	for cursor := ""; ; {
		var page struct {
			Conversations []struct{ ID, State string }
			Cursor        string
		}
		in.rest(cookie, "GET", "/api/v1/conversations?limit=200&cursor="+cursor, nil, &page)
		for _, c := range page.Conversations {
			for before, more := "", true; more; {
				var part struct {
					Items []line
					More  bool
				}
				in.rest(cookie, "GET", "/api/v1/conversations/"+c.ID+"/timeline?limit=200"+before, nil, &part)
				out[c.ID] = slices.Concat(part.Items, out[c.ID])
				if more = part.More; more {
					before = fmt.Sprint("&before=", part.Items[0].Position)
				}
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return out
		}
	}
}

type line struct {
	Position   uint64
	Kind, Text string
	Direction  string
	Delivery   string
	ProviderID string `json:"provider_id"`
}

func TestBadWebhooksAreRefusedAndCounted(t *testing.T) {
	in := installNetworks(t, "http://127.0.0.1:9")
	in.start()
	large := []byte(strings.Repeat("x", 1<<20+1))
	for _, c := range []struct {
		path   string
		body   []byte
		head   map[string]string
		status int
	}{
		{"/hooks/messenger", []byte(`{"object":"page"}`), map[string]string{"X-Hub-Signature-256": "sha256=00"}, 403},
		{"/hooks/messenger", []byte(`{"object":"page"}`), nil, 403},
		{"/hooks/messenger", large, nil, 413},
		{"/hooks/twilio/sms", []byte("From=%2B12025550143"), map[string]string{"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "AAAA"}, 403},
		{"/hooks/twilio/sms", large, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 413},
		{"/hooks/telnyx", []byte("{}"), nil, 404}, // not switched on
		{"/api/v1/session", []byte(`{"agent":"` + string(large) + `"}`), map[string]string{"Content-Type": "application/json"}, 413},
		{"/api/v1/session", []byte(`{"agent":`), map[string]string{"Content-Type": "application/json"}, 400},
	} {
		if got := in.post(c.path, c.body, c.head); got != c.status {
			t.Errorf("%s with %d bytes, %v: %d, want %d", c.path, len(c.body), c.head, got, c.status)
		}
	}
	for name, want := range map[string]float64{
		`backline_webhook_rejected_total{channel="messenger",reason="signature"}`: 2,
		`backline_webhook_rejected_total{channel="messenger",reason="too_large"}`: 1,
		`backline_webhook_rejected_total{channel="sms",reason="signature"}`:       1,
		`backline_webhook_rejected_total{channel="sms",reason="too_large"}`:       1,
	} {
		if got := in.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if status := in.hook("24000000000000001", "m_after"); status != 200 {
		t.Errorf("a good one after them: %d", status)
	}
	in.stop()
}

// A full disk refuses what comes in so that its sender comes again, says so to whoever watches, also over a
// restart, and heals by itself.
func TestFullDiskIsRefusedAndHealsByItself(t *testing.T) {
	in := installNetworks(t, "http://127.0.0.1:9")
	small := func(size string, flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", in.data, "tmpfs", flags, "mode=700,size="+size); err != nil {
			t.Skipf("a small disk cannot be made here (it takes root): %v", err)
		}
	}
	small("4m", 0)
	t.Cleanup(func() {
		if err := syscall.Unmount(in.data, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	in.people()
	in.start()
	kept, refused, n := []string{}, "", 0
	send := func() (status int) {
		t.Helper()
		n++
		mid := fmt.Sprint("m_full_", n)
		switch status = in.hook("24000000000000001", mid); status {
		case 200:
			kept = append(kept, mid)
		case 503:
			refused = mid
		default:
			t.Fatalf("webhook %d: %d", n, status)
		}
		return status
	}
	// A database that fails to write may give room back, which the next one finds. So somebody else fills the
	// disk again before each webhook, as a log does that has run wild.
	wild, err := os.Create(filepath.Join(in.data, "wild.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer wild.Close()
	fill := func() {
		t.Helper()
		for size := 1 << 20; size > 0; {
			if _, err := wild.Write(make([]byte, size)); err != nil {
				size /= 2
			}
		}
	}
	for inARow := 0; inARow < 20; {
		if n > 5000 {
			t.Fatalf("%d webhooks on a full disk, and not 20 in a row were refused", n)
		}
		fill()
		if send() == 503 {
			inARow++
		} else {
			inARow = 0
		}
	}
	if status, text := in.get("/readyz"); status != 503 || !strings.Contains(text, "full") {
		t.Errorf("/readyz says %d %s", status, text)
	}
	if status, _ := in.get("/livez"); status != 200 {
		t.Errorf("/livez says %d: a restart would not help", status)
	}
	in.kill()
	fill()
	in.launch()
	in.becomes(503)
	small("64m", syscall.MS_REMOUNT)
	in.becomes(200)
	if status := in.hook("24000000000000001", refused); status != 200 {
		t.Errorf("after there was room: %d, want 200", status)
	}
	if send() != 200 {
		t.Error("after there was room the next one is refused")
	}
	in.stop()
	in.verify()
	in.start()
	in.counts(append(kept, refused))
	in.stop()
}

// verify runs `backline journal verify`.
func (in *installation) verify() {
	in.t.Helper()
	if code, out, errs := run(in.t, "", "journal", "verify", "--data", in.data); code != exitDone {
		in.t.Errorf("journal verify: %s%s", out, errs)
	}
}

// counts checks that each webhook that was answered with 200 is there, once, in one conversation a sender.
func (in *installation) counts(acknowledged []string) {
	in.t.Helper()
	seen := map[string]int{}
	for _, items := range in.all(in.signIn("jana")) {
		for _, it := range items {
			if it.Kind == "message" && it.Direction == "inbound" {
				seen[it.ProviderID]++
			}
		}
	}
	for _, mid := range acknowledged {
		if seen[mid] != 1 {
			in.t.Errorf("%s was answered with 200 and is there %d times", mid, seen[mid])
		}
	}
}

// graph is Meta as far as sending goes: it counts.
type graph struct {
	mu   sync.Mutex
	sent map[string]int // by text
}

func (g *graph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Message struct{ Text string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err == nil && body.Message.Text != "" {
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond) // a kill may fall in between
		g.mu.Lock()
		g.sent[body.Message.Text]++
		g.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"recipient_id":"1","message_id":"mid.%d"}`, rand.Uint64())
}

// The gateway is killed at random moments while webhooks come in at once and answers go out. What was
// acknowledged is there, once; nothing is sent twice; nobody has two open conversations.
func TestKilledUnderWebhooksAndAnswers(t *testing.T) {
	const rounds, senders = 8, 12
	meta := &graph{sent: map[string]int{}}
	provider := httptest.NewServer(meta)
	defer provider.Close()
	in := installNetworks(t, provider.URL)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var acknowledged, answers []string
	var cookie string
	for round := range rounds {
		in.start()
		if round == 0 {
			cookie = in.signIn("jana") // the session outlives every kill
		}
		answered := make(chan struct{}, 1) // never closed
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var load sync.WaitGroup
		for caller := range 6 {
			load.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					mid := fmt.Sprintf("m_%d_%d_%d", round, caller, i)
					if in.hook(fmt.Sprint("2400000000000000", i%senders), mid) == 200 {
						mu.Lock()
						acknowledged = append(acknowledged, mid)
						mu.Unlock()
					}
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
		load.Go(func() {
			in.answerAll(ctx, cookie, round, func(text string) {
				answers = append(answers, text)
				select {
				case answered <- struct{}{}:
				default:
				}
			})
		})
		select {
		case <-answered: // there is load, however slow the machine is
		case <-time.After(30 * time.Second):
		}
		time.Sleep(time.Duration(random.IntN(700)) * time.Millisecond)
		in.kill()
		cancel()
		load.Wait()
	}
	if len(acknowledged) < rounds || len(answers) < rounds {
		t.Fatalf("%d webhooks and %d answers were acknowledged: no load", len(acknowledged), len(answers))
	}
	in.start()
	in.drained()
	in.counts(acknowledged)
	in.countAnswers(meta, answers)
	open := map[string]int{}
	var list struct {
		Conversations []struct {
			State   string
			Contact struct{ ID string }
		}
	}
	in.rest(in.signIn("jana"), "GET", "/api/v1/conversations?limit=200", nil, &list)
	for _, c := range list.Conversations {
		if c.State != "closed" {
			open[c.Contact.ID]++
		}
	}
	for who, n := range open {
		if n != 1 || len(open) != senders {
			t.Errorf("%s has %d open conversations; %d people wrote, %d have one", who, n, senders, len(open))
		}
	}
	in.stop()
	in.verify()
	t.Logf("%d kills, %d webhooks, %d answers", rounds, len(acknowledged), len(answers))
}

// answerAll answers what waits, one conversation after the other, until ctx ends or the gateway is gone.
func (in *installation) answerAll(ctx context.Context, cookie string, round int, done func(text string)) {
	for i := 0; ctx.Err() == nil; i++ {
		var list struct{ Conversations []struct{ ID string } }
		if in.try(ctx, cookie, "GET", "/api/v1/conversations", nil, &list) != 200 {
			return
		}
		for _, c := range list.Conversations {
			text := fmt.Sprintf("answer %d %d to %s", round, i, c.ID)
			if in.try(ctx, cookie, "POST", "/api/v1/conversations/"+c.ID+"/messages", map[string]string{"text": text, "client_id": text}, nil) == 202 {
				done(text)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// try is rest for a gateway that may be killed meanwhile: 0 then.
func (in *installation) try(ctx context.Context, cookie, method, path string, body, out any) int {
	raw, err := json.Marshal(body)
	if err != nil {
		in.t.Error(err)
	}
	req, err := http.NewRequestWithContext(ctx, method, in.url+path, strings.NewReader(string(raw)))
	if err != nil {
		in.t.Error(err)
		return 0
	}
	req.Header.Set("Cookie", cookie)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if out != nil && json.NewDecoder(res.Body).Decode(out) != nil {
		return 0
	}
	return res.StatusCode
}

// drained waits until nothing is left to send.
func (in *installation) drained() {
	in.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if in.metric("backline_outbox_pending") == 0 {
			return
		}
	}
	in.t.Fatal("something is still to be sent")
}

func (in *installation) countAnswers(meta *graph, acknowledged []string) {
	in.t.Helper()
	there := map[string][]string{}
	for _, items := range in.all(in.signIn("jana")) {
		for _, it := range items {
			if it.Direction == "outbound" {
				there[it.Text] = append(there[it.Text], it.Delivery)
			}
		}
	}
	uncertain := 0
	for _, text := range acknowledged {
		state := there[text]
		if len(state) != 1 {
			in.t.Errorf("%q was acknowledged and is there %d times", text, len(state))
			continue
		}
		switch sent := meta.sent[text]; {
		case state[0] == "uncertain" && sent <= 1:
			uncertain++
		case state[0] != "sent" || sent != 1:
			in.t.Errorf("%q is %s and was sent %d times", text, state[0], sent)
		}
	}
	for text, n := range meta.sent {
		if n > 1 {
			in.t.Errorf("%q was sent %d times", text, n)
		}
	}
	in.t.Logf("%d answers, %d of them uncertain", len(acknowledged), uncertain)
}

func TestLogHoldsNothingOfAPerson(t *testing.T) {
	in := installNetworks(t, "http://127.0.0.1:9") // nobody there: errors are logged, too
	in.start()
	cookie := in.signIn("jana")
	jana := in.console("jana", 0)
	jana.command("presence", map[string]any{"presence": "ready"})
	v := in.visitor("", 0)
	token := v.await("welcome", nil)["token"].(string)
	v.await("ready", nil)
	v.send(map[string]any{"t": "contact", "name": "Xanthippe Quill", "email": "quill@example.org"})
	v.send(map[string]any{"t": "message", "client_id": "v1", "text": "zebrafish in the tank"})
	conversation, offer := jana.offered()
	jana.command("accept", map[string]any{"conversation": conversation, "offer": offer})
	jana.command("send", map[string]any{"conversation": conversation, "client_id": "a1", "text": "aardvark answer"})
	jana.command("note", map[string]any{"conversation": conversation, "client_id": "n1", "text": "pangolin note"})
	for i := range 3 {
		in.hook("24000000000000077", fmt.Sprint("m_secret_", i))
	}
	in.post("/hooks/messenger", []byte("ocelot"), map[string]string{"X-Hub-Signature-256": "sha256=feed"})
	in.post("/api/v1/session", []byte(`{"agent":"jana","password":"wrong password armadillo"}`), map[string]string{"Content-Type": "application/json"})
	in.rest(cookie, "GET", "/api/v1/search?q=zebrafish", nil, nil)
	var list struct {
		Conversations []struct{ ID, Channel string }
	}
	in.rest(cookie, "GET", "/api/v1/conversations?channel=messenger", nil, &list)
	in.rest(cookie, "POST", "/api/v1/conversations/"+list.Conversations[0].ID+"/messages", map[string]string{"text": "capybara reply", "client_id": "r1"}, nil)
	in.post("/api/v1/files?name=wombat.txt", []byte("wombat"), map[string]string{"Cookie": cookie, "Content-Type": "text/plain"})
	time.Sleep(300 * time.Millisecond) // so that the provider is tried
	in.stop()
	log := in.log.String()
	if !strings.Contains(log, "message not sent") || !strings.Contains(log, "route=") {
		t.Fatalf("nothing was logged that could hold anything:\n%s", log)
	}
	for _, secret := range []string{"Xanthippe", "Quill", "quill@", "zebrafish", "aardvark", "pangolin", "capybara", "wombat", "ocelot", "armadillo",
		"Where is my delivery", "24000000000000077", "Jana Brandt", testPassword, testSecret, "verify-of", "page-token", "auth-of", "feed",
		token, strings.Split(cookie, "=")[1]} {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("the log holds %q: %s", secret, log[max(0, i-200):min(len(log), i+100)])
		}
	}
}

func TestDamagedJournalIsNamed(t *testing.T) {
	in := install(t, "")
	in.start()
	v := in.visitor("", 0)
	v.await("ready", nil)
	for i := range 12 {
		v.send(map[string]any{"t": "message", "client_id": fmt.Sprint("v", i), "text": "hello"})
	}
	v.await("ack", func(f map[string]any) bool { return f["client_id"] == "v11" })
	in.stop()
	in.verify()
	journal := filepath.Join(in.data, "journal.db")
	whole, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"altered": []byte(strings.Replace(string(whole), `"text":"hello"`, `"text":"hullo"`, -1)), "cut off": whole[:len(whole)/2]} {
		if err := os.WriteFile(journal, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := run(t, "", "journal", "verify", "--data", in.data)
		if code != exitFailed || !strings.HasPrefix(out, journal+": ") || !strings.Contains(errs, "damaged") {
			t.Errorf("%s: code %d, %s%s", name, code, out, errs)
		}
	}
	// An older copy in its place is whole by itself; the history has seen more.
	if err := os.Remove(journal); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, testPassword+"\n", "agent", "add", "--data", in.data, "--id", "jana"); code != exitDone {
		t.Fatal(errs)
	}
	if code, out, _ := run(t, "", "journal", "verify", "--data", in.data, "--json"); code != exitFailed || !strings.Contains(out, "history.db has seen position") {
		t.Errorf("an older journal: code %d, %s", code, out)
	}
	in.start()
	if !strings.Contains(in.log.String(), "the history is built anew") {
		t.Error("the start says nothing of it")
	}
	if got := in.all(in.signIn("jana")); len(got) != 0 {
		t.Errorf("the history still shows %v", got)
	}
	in.stop()
}

// Another journal was put in the place of ours, and it is longer: the history is not the history of that one.
func TestAHistoryOfAnotherJournalIsBuiltAnew(t *testing.T) {
	ours, other := install(t, ""), install(t, "")
	say := func(in *installation, texts ...string) {
		in.start()
		v := in.visitor("", 0)
		v.await("ready", nil)
		for i, text := range texts {
			v.send(map[string]any{"t": "message", "client_id": fmt.Sprint("c", i), "text": text})
			v.await("ack", nil)
		}
		in.stop()
	}
	say(ours, "quokka")
	say(other, "numbat", "bilby", "dunnart", "potoroo")
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(filepath.Join(ours.data, journalFile+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(other.data, journalFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(ours.data, journalFile), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	ours.start()
	if !strings.Contains(ours.log.String(), "the history has seen another event") {
		t.Error("nobody is told")
	}
	cookie := ours.signIn("jana")
	for text, want := range map[string]int{"quokka": 0, "numbat": 1, "potoroo": 1} {
		var found struct{ Hits []json.RawMessage }
		for range 100 {
			ours.rest(cookie, http.MethodGet, "/api/v1/search?q="+text, nil, &found)
			if len(found.Hits) == want {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if len(found.Hits) != want {
			t.Errorf("%s is found %d times, want %d", text, len(found.Hits), want)
		}
	}
	ours.stop()
}
