package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/conversation"
	"backline/gateway/journal"
	memoryjournal "backline/gateway/journal/memory"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/redis/redistest"
)

// installNode makes one of several gateways, which has nobody's password yet.
func installNode(t *testing.T, name, redis string) *installation {
	t.Helper()
	in := installation{t: t}
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in.url, in.path, in.data = "http://"+addr, dir+"/backline.yaml", dir+"/data"
	text := strings.NewReplacer("ADDR", addr, "DATA", in.data, "NAME", name, "REDIS", redis, "SITE", testSite).Replace(`version: 1
listen: ADDR
public_url: http://ADDR
data: DATA
company: {name: Nordwind, language: en}
rtc: {media: "127.0.0.1:0", turn: "127.0.0.1:0"}
queues: [{id: main, name: Service, ring: 5s}]
limits: {requests_per_second: 1000, burst: 1000}
log: {level: debug}
entries:
  - {channel: livechat, site: shop, to: queue/main, origins: ["SITE"]}
store: {engine: redis, url: "redis://REDIS"}
node: {name: NAME, address: "http://ADDR"}
`)
	if err := os.WriteFile(in.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &in
}

func TestWhatIsAtOneNodeIsHadAtAnother(t *testing.T) {
	redis := redistest.Start(t)
	a, b := installNode(t, "a", redis.Addr), installNode(t, "b", redis.Addr)
	if code, _, errs := run(t, testPassword+"\n", "agent", "add", "--config", a.path, "--id", "jana"); code == exitDone || !strings.Contains(errs, "start it first") {
		t.Errorf("a command before the first start: %d %s", code, errs)
	}
	a.start()
	b.start()
	a.people()
	cookie := a.signIn("jana")

	// Who has signed in at one is known at the other at once.
	if code := b.rest(cookie, http.MethodGet, "/api/v1/conversations", nil, nil); code != http.StatusOK {
		t.Fatalf("signed in at a, b answers %d", code)
	}

	// A file that came to one.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/api/v1/files?name=wombat.txt", strings.NewReader("wombat"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	req.Header.Set("Content-Type", "text/plain")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		ID string `json:"file"`
	}
	err = json.NewDecoder(res.Body).Decode(&file)
	res.Body.Close()
	if err != nil || file.ID == "" {
		t.Fatalf("upload: %s %v %+v", res.Status, err, file)
	}
	for _, in := range []*installation{a, b} {
		res, err := http.Get(in.url + "/files/" + file.ID + "/wombat.txt")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || string(text) != "wombat" {
			t.Errorf("%s: %s %q %v", in.url, res.Status, text, err)
		}
	}
	if res, err := http.Get(b.url + "/files/" + strings.Repeat("0", len(file.ID))); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("a file that nobody has: %v %v", res.Status, err)
	}

	// A meeting has one room, whichever node its guests come to.
	code, link, errs := run(t, "", "link", "create", "--config", a.path, "--meet", "--to", "queue/main", "--contact", "Miriam")
	if code != exitDone {
		t.Fatal(errs)
	}
	time.Sleep(200 * time.Millisecond) // b learns of the link
	for _, in := range []*installation{a, b} {
		p := dialMeet(t, in, strings.TrimSpace(link), "")
		if w := p.next("welcome"); w.Name != "Miriam" {
			t.Errorf("the green room at %s knows %+v", in.url, w)
		}
		p.say(map[string]string{"t": "join", "name": "Miriam"})
		if f := p.next("place"); f.At != "lobby" && f.At != "green" {
			t.Errorf("at %+v", f)
		}
	}

	b.stop()
	if code, _, errs := run(t, testPassword+"\n", "agent", "password", "--config", b.path, "--id", "jana"); code == exitDone || !strings.Contains(errs, "start it first") {
		t.Errorf("a command in the folder of a stopped node: %d %s", code, errs)
	}
	a.stop()
}

// A node that starts while Redis is away takes what customers write, and shows it when Redis is back.
func TestANodeTakesMessagesBeforeItHasReadAnything(t *testing.T) {
	redis := redistest.Start(t)
	in := installNode(t, "a", redis.Addr)
	in.start()
	in.people()
	in.stop()
	redis.Kill()
	in.start()
	if code := in.rest("", http.MethodGet, "/api/v1/conversations", nil, nil); code != http.StatusServiceUnavailable {
		t.Errorf("who is signed in nobody knows yet, and the answer is %d", code)
	}
	v := in.visitor("", 0)
	v.send(map[string]any{"t": "message", "client_id": "v1", "text": "Are you there?"})
	v.await("ack", func(f map[string]any) bool { return f["client_id"] == "v1" && f["failure"] == nil })
	redis.Launch()
	in.until("the journal is read", func() bool {
		return in.rest("", http.MethodGet, "/api/v1/conversations", nil, nil) == http.StatusUnauthorized
	})
	jana := in.console("jana", 0)
	jana.command("presence", map[string]any{"presence": "ready"})
	jana.offered()
	in.stop()
}

// A key that one node makes signs links at all of them, also at one that was not there.
func TestAKeyOfOneNodeSignsAtAll(t *testing.T) {
	redis := redistest.Start(t)
	a, b := installNode(t, "a", redis.Addr), installNode(t, "b", redis.Addr)
	a.start()
	b.start()
	keys := func(in *installation) string {
		data, err := os.ReadFile(filepath.Join(in.data, linksKey))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	same := func() bool { return keys(a) == keys(b) }
	if code, out, errs := a.linkCommand("rotate-key"); code != exitDone || !strings.Contains(out, "Key 2 signs") {
		t.Fatalf("%q %s", out, errs)
	}
	b.until("the other node has the key", same)
	second := keys(a)
	_, link, errs := a.linkCommand("create", "--meet", "--to", "queue/main", "--contact", "Miriam")
	b.until("the other node knows the link", func() bool {
		_, list, _ := b.linkCommand("list")
		return strings.Contains(list, "Miriam")
	})
	if w := dialMeet(t, b, strings.TrimSpace(link), "").next("welcome"); w.Name != "Miriam" {
		t.Errorf("a link of the new key is opened at the other node by %+v; %s", w, errs)
	}
	b.stop()
	if code, out, errs := a.linkCommand("rotate-key"); code != exitDone || !strings.Contains(out, "Key 3 signs") {
		t.Fatalf("%q %s", out, errs)
	}
	b.start()
	if !same() {
		t.Error("a node that was not there lacks the key")
	}
	// Both at once: none of the keys is lost.
	both := make(chan int, 2)
	for _, in := range []*installation{a, b} {
		go func() { code, _, _ := in.linkCommand("rotate-key"); both <- code }()
	}
	if one, two := <-both, <-both; one != exitDone || two != exitDone {
		t.Errorf("at the same time: %d, %d", one, two)
	}
	b.until("both have all keys", func() bool { return same() && strings.Contains(keys(b), `"id": 5`) })
	// A fail-over has lost keys that the nodes have.
	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr})
	if err := errors.Join(client.HSet(t.Context(), "{backline}:secrets", linksKey, second).Err(), client.Close()); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := a.linkCommand("rotate-key"); code != exitDone || !strings.Contains(out, "Key 6 signs") {
		t.Errorf("after Redis lost keys: %q %s", out, errs)
	}
	b.until("both have the key after those", same)
	redis.Kill()
	if code, _, errs := a.linkCommand("rotate-key"); code == exitDone || !strings.Contains(errs, "redis") {
		t.Errorf("without Redis: %d %s", code, errs)
	}
	b.stop()
	a.stop()
}

// Redis is emptied under a running node. It keeps what it has and what comes in, says what is to be done, and goes on with what
// an export has when that was done.
func TestAnEmptiedRedisIsToldAndRestored(t *testing.T) {
	redis := redistest.Start(t)
	in := installNode(t, "a", redis.Addr)
	in.start()
	in.people()
	export, cookie := in.export("one")
	said(in, "two") // after the export: it is in the spool
	jana := in.console("jana", 0)
	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	jana.await("alarms", func(f map[string]any) bool {
		alarms, _ := f["alarms"].([]any)
		return len(alarms) == 1 && part(alarms[0].(map[string]any), "code") == "gone" && strings.Contains(part(alarms[0].(map[string]any), "detail").(string), "journal import")
	})
	said(in, "three")
	if code, out, _ := run(t, "", "doctor", "redis", "--config", in.path); code != exitFailed || !strings.Contains(out, "BAD  journal") {
		t.Errorf("doctor redis: code %d, %s", code, out)
	}
	if code, _, errs := run(t, "", "journal", "import", "--config", in.path, "--file", export); code != exitDone {
		t.Fatal(errs)
	}
	in.shows(cookie, "one", "two", "three")
	in.stop()
}

// An older journal was put in the place of the one that a node has read, and has grown again; the node was stopped meanwhile,
// and Redis is away when it starts. Its history has seen positions that mean something else now.
func TestAHistoryOfAnotherPastIsFoundWhenRedisIsBack(t *testing.T) {
	redis := redistest.Start(t)
	a, b := installNode(t, "a", redis.Addr), installNode(t, "b", redis.Addr)
	a.start()
	a.people()
	export, cookie := a.export("one")
	for _, text := range []string{"two", "three", "four"} {
		said(a, text)
	}
	a.shows(cookie, "two", "three", "four")
	a.stop()
	if err := os.Remove(filepath.Join(a.data, spoolFile)); err != nil { // as after ten minutes
		t.Fatal(err)
	}
	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr})
	keys, err := client.Keys(t.Context(), "{backline}:*").Result()
	keys = slices.DeleteFunc(keys, func(key string) bool { return strings.HasSuffix(key, ":secrets") })
	if err := errors.Join(err, client.Del(t.Context(), keys...).Err(), client.Close()); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "", "journal", "import", "--config", a.path, "--file", export); code != exitDone {
		t.Fatal(errs)
	}
	b.start()
	said(b, "five")
	b.shows(cookie, "one", "five")
	b.stop()
	redis.Kill()
	a.start()
	redis.Launch()
	a.shows(cookie, "one", "five")
	a.stop()
}

// said has a new visitor write something, which is acknowledged.
func said(in *installation, text string) {
	in.t.Helper()
	v := in.visitor("", 0)
	v.send(map[string]any{"t": "message", "client_id": text, "text": text})
	v.await("ack", func(f map[string]any) bool { return f["client_id"] == text && f["failure"] == nil })
}

// export has a visitor write something, and exports the journal. The session is one that the export has.
func (in *installation) export(text string) (path, cookie string) {
	in.t.Helper()
	said(in, text)
	cookie = in.signIn("jana")
	in.shows(cookie, text)
	path = filepath.Join(in.t.TempDir(), "last.export")
	if code, _, errs := run(in.t, "", "journal", "export", "--config", in.path, "--file", path); code != exitDone {
		in.t.Fatal(errs)
	}
	return path, cookie
}

// shows waits until texts are found. The gateway may begin anew meanwhile.
func (in *installation) shows(cookie string, texts ...string) {
	in.t.Helper()
	in.until("the texts are there", func() bool {
		var list struct{ Conversations []struct{ ID string } }
		in.try(in.t.Context(), cookie, http.MethodGet, "/api/v1/conversations", nil, &list)
		all := map[string]bool{}
		for _, c := range list.Conversations {
			var timeline struct{ Items []struct{ Text string } }
			in.try(in.t.Context(), cookie, http.MethodGet, "/api/v1/conversations/"+c.ID+"/timeline", nil, &timeline)
			for _, it := range timeline.Items {
				all[it.Text] = true
			}
		}
		return !slices.ContainsFunc(texts, func(text string) bool { return !all[text] })
	})
}

// Two gateways keep on their disks what is old, and Redis does not. A third that comes with nothing has it all none the less.
func TestANewNodeGetsFromOthersWhatHasLeftRedis(t *testing.T) {
	server := redistest.Start(t)
	shared, err := redis.Open(t.Context(), redis.Options{Client: goredis.UniversalOptions{Addrs: []string{server.Addr}}, Replicas: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	old := &oldWork{at: time.Now().Add(-2000 * time.Hour), versions: map[string]uint64{}, customers: 300}
	for n := range 600 {
		old.conversation(n, true)
	}
	if err := shared.Import(t.Context(), old.events); err != nil {
		t.Fatal(err)
	}
	var nodes []*installation
	for _, name := range []string{"a", "b", "c"} {
		in := installNode(t, name, server.Addr)
		text, err := os.ReadFile(in.path)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte("store: {"), []byte("store: {keep: 24h, "), 1)
		if err := os.WriteFile(in.path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, in)
	}
	a, b, c := nodes[0], nodes[1], nodes[2]
	a.start()
	b.start()
	trimmed, want := uint64(0), uint64(2*8192-1) // all but the witness of two segments
	for end := time.Now().Add(3 * time.Minute); trimmed < want && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if trimmed, _, err = shared.Bounds(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if trimmed != want {
		t.Fatalf("Redis is trimmed up to %d, want %d", trimmed, want)
	}
	c.start()
	c.people()
	cookie := c.signIn("jana")
	var list struct {
		Conversations []struct{ ID string } `json:"conversations"`
	}
	id := conversation.ID(old.who(0).Thread(), 0) // the first that there was
	if code := c.rest(cookie, http.MethodGet, "/api/v1/conversations/"+string(id), nil, &list); code != http.StatusOK {
		t.Errorf("the first conversation: %d", code)
	}
	file := t.TempDir() + "/all.export"
	if code, _, errs := run(t, "", "journal", "export", "--config", c.path, "--file", file); code != exitDone {
		t.Fatal(errs)
	}
	whole := memoryjournal.New()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := journal.ImportFrom(t.Context(), whole, in); err != nil {
		t.Fatal(err)
	}
	events, err := whole.Read(t.Context(), 0, len(old.events), 0)
	if err != nil || len(events) != len(old.events) {
		t.Fatal(len(events), err)
	}
	for i, e := range events {
		old.events[i].At = old.events[i].At.Truncate(time.Microsecond)
		if e.Sum() != old.events[i].Sum() {
			t.Fatalf("position %d is exported as another event", e.Pos)
		}
	}
	if code, out, errs := run(t, "", "journal", "verify", "--config", c.path); code != exitDone {
		t.Errorf("%s %s", out, errs)
	}
	empty := *c
	empty.path = strings.Replace(c.path, ".yaml", "2.yaml", 1)
	text, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(empty.path, bytes.ReplaceAll(text, []byte(c.data), []byte(t.TempDir())), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "", "journal", "export", "--config", empty.path, "--file", file+"2"); code == exitDone || !strings.Contains(errs, "not in Redis any more") {
		t.Errorf("an export of half the records: %d %s", code, errs)
	}
	for _, in := range nodes {
		in.stop()
	}
}
