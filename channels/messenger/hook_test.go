package messenger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backline/channels/messenger"
	"backline/gateway"
	"github.com/google/go-cmp/cmp"
)

// sink keeps facts as the journal does: the first of a key counts.
type sink struct {
	calls int
	facts []gateway.Fact
	keys  map[string]bool
	err   error
}

func (s *sink) Accept(_ context.Context, facts ...gateway.Fact) error {
	s.calls++
	if s.err != nil {
		return s.err
	}
	for _, f := range facts {
		if !s.keys[f.Key] {
			s.facts = append(s.facts, f)
		}
		if s.keys == nil {
			s.keys = map[string]bool{}
		}
		s.keys[f.Key] = true
	}
	return nil
}

type receiver struct {
	*sink
	mux      *http.ServeMux
	rejected []string
}

func newReceiver(t testing.TB, change func(*messenger.Options)) *receiver {
	t.Helper()
	all := readJSON[fixtures](t, "signatures.json")
	r := &receiver{sink: &sink{}, mux: http.NewServeMux()}
	o := messenger.Options{Pages: []string{all.PageID, "100000000000002"}, AppID: all.OwnAppID.String(), AppSecret: all.AppSecret,
		VerifyToken: all.VerifyToken, PageToken: "FAKE-PAGE-TOKEN-0000", OnRejected: func(why string) { r.rejected = append(r.rejected, why) }}
	if change != nil {
		change(&o)
	}
	c, err := messenger.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for pattern, h := range c.Routes(r.sink) {
		r.mux.Handle(pattern, h)
	}
	return r
}

func (r *receiver) serve(req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, req)
	return w
}

// brief is a fact on one line: what it is, about whom, and what is in it.
func brief(f gateway.Fact) string {
	who := "-"
	if !f.Identity.IsZero() {
		who = f.Identity.Account[len(f.Identity.Account)-1:] + "/" + f.Identity.Remote[len(f.Identity.Remote)-1:]
	}
	switch e := f.Event.(type) {
	case gateway.MessageReceived:
		return who + " " + briefMessage(e)
	case gateway.RawKept:
		return who + " raw " + e.Kind
	case gateway.DeliveryReported:
		s := who + " " + string(e.State)
		if !e.Watermark.IsZero() {
			s += fmt.Sprintf(" mark=%d", e.Watermark.UnixMilli())
		}
		return s + opt(" mid=", e.ProviderID)
	case gateway.Reacted:
		return fmt.Sprintf("%s reacted %s %q %q", who, e.ProviderID, e.Reaction, e.Emoji)
	case gateway.MessageEdited:
		return fmt.Sprintf("%s edited %.17s %q", who, e.ProviderID, e.Text)
	case gateway.ThreadControlChanged:
		return fmt.Sprintf("%s control ours=%t owner=%s", who, e.Ours, e.Owner)
	case gateway.ChannelAlarm:
		return fmt.Sprintf("%s alarm %s cleared=%t", who, e.Code, e.Cleared)
	}
	return fmt.Sprintf("%s %T", who, f.Event)
}

func briefMessage(e gateway.MessageReceived) string {
	s := opt("", e.Kind)
	if s == "" {
		s = "message"
	}
	if e.Echo {
		s = "echo" + opt(" of=", string(e.EchoOf)) + opt(" by=", e.EchoBy)
	}
	if e.Standby {
		s += " standby"
	}
	if len(e.Text) > 60 {
		s += fmt.Sprintf(" %d runes", len([]rune(e.Text)))
	} else if e.Text != "" {
		s += fmt.Sprintf(" %q", e.Text)
	}
	for _, a := range e.Attachments {
		s += " +" + a.Kind + opt("=", a.Title)
		if a.URL == "" {
			s += "!"
		}
	}
	for _, k := range slices.Sorted(maps.Keys(e.Extra)) {
		s += " " + k + "=" + e.Extra[k]
	}
	return s
}

func opt(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func TestEachFixtureHasItsReaction(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	names, err := filepath.Glob("testdata/*s*/*")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range names {
		name := strings.TrimPrefix(filepath.ToSlash(path), "testdata/")
		f, ok := all.Files[name]
		if !ok {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, nil)
			body := read(t, name)
			if len(body) != f.Bytes {
				t.Fatalf("the fixture has %d bytes, not %d: it was changed", len(body), f.Bytes)
			}
			got := fmt.Sprint(r.serve(f.request(body)).Code)
			for _, fact := range r.facts {
				got += "\n" + brief(fact)
			}
			if name == "hostile/bulk_1000_entries.json" {
				got = got[:strings.IndexByte(got, '\n')] + fmt.Sprintf(" %d facts", len(r.facts))
			}
			if want := strings.Join(reactions[name], "\n"); got != want {
				t.Errorf("reaction:\n%s\nwant:\n%s", got, want)
			}
			if r.calls > 1 {
				t.Errorf("Accept was called %d times", r.calls)
			}
			checkFacts(t, r.facts)
		})
	}
	if want := len(reactions); seen != want {
		t.Errorf("%d fixtures were tried, %d are in the table", seen, want)
	}
}

// checkFacts holds what is true of each fact whatever came in.
func checkFacts(t *testing.T, facts []gateway.Fact) {
	t.Helper()
	for _, f := range facts {
		if f.Key == "" || len(f.Key) > 256 || f.Channel != "messenger" {
			t.Errorf("fact with key %q of channel %q", f.Key, f.Channel)
		}
		data, err := json.Marshal(f.Event)
		if err != nil || len(data) > 1<<20 {
			t.Fatalf("%s: %d bytes, %v", brief(f), len(data), err)
		}
		back, err := gateway.DecodeEvent(f.Event.EventType(), data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(data) {
			t.Errorf("%s is another event after the journal: %v\n%s\n%s", brief(f), err, data, again)
		}
		if m, ok := f.Event.(gateway.MessageReceived); ok && (m.Message == "" || m.Identity != f.Identity || m.Identity.IsZero() || m.SentAt.IsZero()) {
			t.Errorf("incomplete message: %s", brief(f))
		}
	}
}

func TestTheSameEventIsTheSameFact(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	r := newReceiver(t, nil)
	for _, name := range []string{"hostile/duplicate_mid_redelivery.json", "hostile/duplicate_mid_other_text.json", "hostile/duplicate_mid_redelivery.json",
		"hostile/mid_missing.json", "hostile/mid_missing.json"} {
		if got := r.serve(all.Files[name].request(read(t, name))).Code; got != http.StatusOK {
			t.Fatalf("%s: %d", name, got)
		}
	}
	if len(r.facts) != 2 || r.facts[0].Event.(gateway.MessageReceived).Text != "sent once" {
		t.Errorf("%d facts: %s", len(r.facts), brief(r.facts[0]))
	}
}

func TestIdsSurviveExactly(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	for name, want := range map[string]gateway.Identity{
		"hostile/ids_beyond_float64.json": {Channel: "messenger", Account: "100000000000001", Remote: "9007199254740993"},
		"hostile/numeric_ids.json":        {Channel: "messenger", Account: "100000000000001", Remote: "7000000000000001"},
	} {
		r := newReceiver(t, nil)
		r.serve(all.Files[name].request(read(t, name)))
		if len(r.facts) != 1 || r.facts[0].Identity != want {
			t.Errorf("%s: %+v", name, r.facts)
		}
	}
}

func TestRejectedWebhooksAreCounted(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	r := newReceiver(t, nil)
	for _, name := range []string{"hostile/sig_missing.json", "hostile/not_json.txt"} {
		r.serve(all.Files[name].request(read(t, name)))
	}
	big := []byte(`{"object":"page","pad":"` + strings.Repeat("x", 1<<20) + `"}`)
	if got := r.serve(signedRequest(all.AppSecret, big)).Code; got != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over 1 MiB: %d", got)
	}
	if diff := cmp.Diff([]string{"signature", "malformed", "too_large"}, r.rejected); diff != "" {
		t.Error(diff)
	}
	if r.calls != 0 {
		t.Error("something was accepted")
	}
}

func TestTwoSignaturesAreNone(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	r := newReceiver(t, nil)
	req := all.Files["events/text.json"].request(read(t, "events/text.json"))
	req.Header.Add("X-Hub-Signature-256", req.Header.Get("X-Hub-Signature-256"))
	if got := r.serve(req).Code; got != http.StatusForbidden {
		t.Errorf("got %d", got)
	}
}

func TestNoAnswerOf200BeforeTheFactsAreOnDisk(t *testing.T) {
	all := readJSON[fixtures](t, "signatures.json")
	for _, tt := range []struct {
		err  error
		want int
	}{
		{gateway.Errorf(gateway.Unavailable, "the disk is full"), http.StatusServiceUnavailable},
		{fmt.Errorf("append: %w", gateway.Errorf(gateway.Unavailable, "stopping")), http.StatusServiceUnavailable},
		{errors.New("odd"), http.StatusInternalServerError},
		{nil, http.StatusOK},
	} {
		r := newReceiver(t, nil)
		r.err = tt.err
		if got := r.serve(all.Files["events/text.json"].request(read(t, "events/text.json"))).Code; got != tt.want {
			t.Errorf("Accept says %v: answered %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestVerification(t *testing.T) {
	set := readJSON[struct {
		Cases []struct {
			Name, Query string
			Status      int
			Body        *string
		}
	}](t, "verification_get.json")
	for _, tt := range set.Cases {
		t.Run(tt.Name, func(t *testing.T) {
			w := newReceiver(t, nil).serve(httptest.NewRequest(http.MethodGet, "/hooks/messenger?"+tt.Query, nil))
			if w.Code != tt.Status || (tt.Body != nil && w.Body.String() != *tt.Body) {
				t.Errorf("got %d %.80q, want %d", w.Code, w.Body, tt.Status)
			}
			if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "text/plain") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("content type %q", ct)
			}
		})
	}
}

func TestNewRefusesEmptySecrets(t *testing.T) {
	good := messenger.Options{Pages: []string{"1"}, AppSecret: "s", VerifyToken: "v", PageToken: "p"}
	if _, err := messenger.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*messenger.Options){
		"empty page":   func(o *messenger.Options) { o.Pages = []string{""} },
		"app secret":   func(o *messenger.Options) { o.AppSecret = "" },
		"verify token": func(o *messenger.Options) { o.VerifyToken = "" },
		"page token":   func(o *messenger.Options) { o.PageToken = "" },
		"graph url":    func(o *messenger.Options) { o.GraphURL = "ftp://x" },
	} {
		o := good
		change(&o)
		if _, err := messenger.New(o); err == nil {
			t.Errorf("New took options without a good %s", name)
		}
	}
}
