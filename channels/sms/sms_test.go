package sms_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"backline/channels"
	"backline/channels/sms"
	"backline/channels/sms/smstest"
	"backline/channels/sms/twilio"
	"backline/gateway"
)

type sink struct {
	facts chan gateway.Fact
}

func (s *sink) Accept(_ context.Context, facts ...gateway.Fact) error {
	for _, f := range facts {
		s.facts <- f
	}
	return nil
}

// TestRoundTrip: phone → stand-in → webhook → facts; Send → API → phone → reports.
func TestRoundTrip(t *testing.T) {
	const account, token, ours, theirs = "AC1", "token", "+12025550100", "+12025550143"
	in := &sink{facts: make(chan gateway.Fact, 100)}
	mux := http.NewServeMux()
	gw := httptest.NewServer(mux)
	defer gw.Close()
	var world *smstest.Twilio
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { world.ServeHTTP(w, r) }))
	defer api.Close()
	world = smstest.NewTwilio(smstest.TwilioOptions{AccountSID: account, AuthToken: token, Number: ours, Remote: theirs, PublicURL: gw.URL, BaseURL: api.URL})
	p, err := twilio.New(twilio.Options{AccountSID: account, AuthToken: token, APIURL: api.URL, PublicURL: gw.URL, Numbers: sms.SameNumbers(ours), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sms.New(sms.Options{Providers: []sms.Provider{p}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for pattern, h := range c.Routes(in) {
		mux.Handle(pattern, h)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = world.Run(ctx) }) // returns nil
	defer running.Wait()
	defer cancel()

	if err := world.Say(ctx, "Is the truck late?", []byte("\x89PNG\r\n\x1a\n0000")); err != nil {
		t.Fatal(err)
	}
	m := (<-in.facts).Event.(gateway.MessageReceived)
	if m.Text != "Is the truck late?" || len(m.Attachments) != 1 || m.Attachments[0].Kind != "image" {
		t.Errorf("message %+v", m)
	}
	req, _ := http.NewRequest(http.MethodGet, m.Attachments[0].URL, nil)
	c.PrepareMedia(req)
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("media: %v %v", resp, err)
	}

	out := channels.Outbound{Key: "mabc", Attempt: 1, To: m.Identity, Text: "Ten minutes."}
	r, err := c.Send(ctx, out)
	if err != nil || len(r.ProviderIDs) != 1 || r.State != gateway.DeliverySent {
		t.Fatalf("%+v %v", r, err)
	}
	for _, want := range []gateway.Delivery{gateway.DeliverySent, gateway.DeliveryDelivered} {
		f := <-in.facts
		if e := f.Event.(gateway.DeliveryReported); e.State != want || e.Message != "mabc" || e.ProviderID != r.ProviderIDs[0] || f.Identity != m.Identity {
			t.Errorf("report %+v of %+v", e, f.Identity)
		}
	}
	if all := world.Messages(); len(all) != 2 || all[1].Text != "Ten minutes." || all[1].From != "company" {
		t.Errorf("the phone shows %+v", all)
	}

	// The message went out, the answer was lost: the provider's list knows.
	world.Fail(smstest.Fault{})
	out.Key = "mlost"
	out.Text = "Did you get this?"
	began := time.Now()
	_, err = c.Send(ctx, out)
	if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != channels.Uncertain || e.MayFailOver() {
		t.Fatalf("lost answer: %v", err)
	}
	if _, sent, err := c.Resolve(ctx, out, began.Add(-time.Minute)); !sent || err != nil {
		t.Errorf("resolved: %v %v", sent, err)
	}

	// STOP: the provider refuses by itself, and no other one may be tried.
	if err := world.Say(ctx, "stop", nil); err != nil {
		t.Fatal(err)
	}
	_, err = c.Send(ctx, out)
	if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != channels.OptedOut || e.MayFailOver() {
		t.Errorf("after STOP: %v", err)
	}
}

// taker is a provider that takes everything, but the part that must fail.
type taker struct {
	sms.Provider
	got    []sms.Outgoing
	failAt int
}

func (k *taker) Name() string { return "taker" }

func (k *taker) Send(_ context.Context, m sms.Outgoing) (string, error) {
	if len(k.got) == k.failAt {
		return "", &channels.SendError{Code: channels.Throttled}
	}
	k.got = append(k.got, m)
	return m.Attempt, nil
}

func TestLongTextsAreSplitAtWords(t *testing.T) {
	k := &taker{failAt: -1}
	c, err := sms.New(sms.Options{Providers: []sms.Provider{k}})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(strings.Repeat("word and ", 400)) // 3,599 characters
	m := channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "sms", Account: "+12025550100", Remote: "+12025550143"}, Text: text,
		Attachments: []channels.OutboundFile{{URL: "https://x/1"}}}
	r, err := c.Send(t.Context(), m)
	if err != nil || len(r.ProviderIDs) != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	var back []string
	for i, part := range k.got {
		if len(part.Text) > 1600 || (len(part.Media) == 1) != (i == 0) {
			t.Errorf("part %d: %d characters, media %v", i, len(part.Text), part.Media)
		}
		back = append(back, part.Text)
	}
	if strings.Join(back, " ") != text {
		t.Error("the parts are not the text")
	}
	k.got, k.failAt = nil, 1
	_, err = c.Send(t.Context(), m)
	if e, ok := errors.AsType[*channels.SendError](err); !ok || len(e.Sent) != 1 || e.Provider != "taker" {
		t.Errorf("a failure in the second part: %+v", err)
	}
}

func TestWhoHasNoNumberCannotBeAnswered(t *testing.T) {
	k := &taker{failAt: -1}
	c, err := sms.New(sms.Options{Providers: []sms.Provider{k}})
	if err != nil {
		t.Fatal(err)
	}
	for _, remote := range []string{"12345", "NORDWIND", "+266696687", "", "12025550143", "+1 202 555 0143"} {
		_, err := c.Send(t.Context(), channels.Outbound{Key: "m", To: gateway.Identity{Remote: remote}, Text: "x"})
		if e, ok := errors.AsType[*channels.SendError](err); !ok || e.Code != channels.Unreachable {
			t.Errorf("%q: %v", remote, err)
		}
	}
	if len(k.got) > 0 {
		t.Errorf("sent %v", k.got)
	}
}

func TestWhatIsTooLongToBeTrueIsKeptSmall(t *testing.T) {
	long := strings.Repeat("9", 1<<20)
	if sms.Plausible("SM1", long) || !sms.Plausible("SM1", "+12025550143") {
		t.Error("a number of a megabyte is plausible")
	}
	for _, id := range []string{"", long, "SM1"} {
		f := sms.Kept("twilio", id, "incomplete", []byte(long))
		if raw := f.Event.(gateway.RawKept).Raw; len(f.Key) > 256 || len(raw) > 64<<10 {
			t.Errorf("key of %d, event of %d bytes", len(f.Key), len(raw))
		}
	}
	if a := sms.Media("https://x.example/"+long, "image/png", 1); a.URL != "" || a.Error == "" {
		t.Errorf("attachment with an address of %d bytes", len(a.URL))
	}
	if a := sms.Media("https://x.example/a", "image/svg+xml", -1); a.Kind != "file" || a.SizeBytes != 0 {
		t.Errorf("attachment %+v", a)
	}
}
