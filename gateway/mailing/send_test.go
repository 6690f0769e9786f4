package mailing_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"backline/gateway/mailing"
	"backline/gateway/mailing/mailtest"
)

const testTemplate = `{{define "subject.en"}}{{.Company}}: {{.Subject}}{{end}}{{define "text.en"}}Hello {{.Name}}
{{.Link}}{{end}}{{define "html.en"}}<p>Hello {{.Name}} <a href="{{.Link}}">call</a></p>{{end}}
{{define "subject.de"}}{{.Company}} über {{.Subject}}{{end}}{{define "text.de"}}Guten Tag {{.Name}}
{{.Link}}{{end}}{{define "html.de"}}<p>Guten Tag {{.Name}} <a href="{{.Link}}">anrufen</a></p>{{end}}`

// post is a mailing with the relay that takes it.
type post struct {
	mailing.Options
	t     testing.TB
	sink  *mailtest.Sink
	relay string // host:port
	path  string // of the ledger
}

func newPost(t testing.TB, o mailtest.Options) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{t: t, sink: mailtest.New(o), relay: l.Addr().String(), path: filepath.Join(t.TempDir(), "ledger.jsonl")}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := p.sink.Run(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	tmpl, err := mailing.ParseTemplate(testTemplate, "en", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Options = mailing.Options{Template: tmpl, Campaign: "may", Company: "Nordwind", RetryMin: time.Millisecond, RetryMax: 10 * time.Millisecond}
	p.as("")
	return p
}

// as signs in at the relay with "user:password@".
func (p *post) as(user string) {
	p.t.Helper()
	var err error
	if p.Relay, err = mailing.ParseRelay("smtp://"+user+p.relay, "Nordwind <service@nordwind.example>"); err != nil {
		p.t.Fatal(err)
	}
}

// run is one run with the ledger on disk.
func (p *post) run(ctx context.Context, rows []mailing.Row) (mailing.Report, error) {
	p.t.Helper()
	ledger, err := mailing.OpenLedger(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer ledger.Close()
	o := p.Options
	o.Ledger = ledger
	return mailing.Run(ctx, o, rows, recipients(mailing.Pending(ledger, rows, o.RetryFailed)))
}

func recipients(rows []mailing.Row) []mailing.Recipient {
	var out []mailing.Recipient
	for _, r := range rows {
		out = append(out, mailing.Recipient{Row: r, Link: "https://gw.example.org/talk/" + r.Key(), Expires: time.Now().Add(time.Hour)})
	}
	return out
}

func people(n int) []mailing.Row {
	rows := make([]mailing.Row, n)
	for i := range rows {
		rows[i] = mailing.Row{Line: i + 2, Email: fmt.Sprintf("p%05d@example.org", i), Name: fmt.Sprintf("Person %d", i), Subject: "Oranges"}
	}
	return rows
}

func TestAMailIsPersonalInTwoFormsAndOneLanguage(t *testing.T) {
	p := newPost(t, mailtest.Options{})
	p.Unsubscribe = true
	rows := []mailing.Row{{Line: 2, Email: "joerg@example.org", Name: "Jörg, Müller", Language: "de-CH", Subject: "Äpfel"}}
	report, err := p.run(t.Context(), rows)
	if err != nil || report.Sent != 1 || len(report.Rows) != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	m := p.sink.Mails()[0]
	link := "https://gw.example.org/talk/" + rows[0].Key()
	if m.To != "joerg@example.org" || m.Subject != "Nordwind über Äpfel" || m.Text != "Guten Tag Jörg, Müller\r\n"+link ||
		!strings.Contains(m.HTML, `Guten Tag Jörg, Müller <a href="`+link+`">anrufen</a>`) {
		t.Errorf("mail %+v", m)
	}
	raw, err := mail.ReadMessage(strings.NewReader(m.Raw))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Auto-Submitted": "auto-generated", "Content-Language": "de", "From": `"Nordwind" <service@nordwind.example>`,
		"List-Unsubscribe": "<mailto:service@nordwind.example?subject=unsubscribe>", "User-Agent": "", "X-Mailer": ""} {
		if got := raw.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(raw.Header.Get("Content-Type"), "multipart/alternative") || !strings.HasSuffix(m.MessageID, "@nordwind.example") {
		t.Errorf("header %v", raw.Header)
	}
	to, err := raw.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != "Jörg, Müller" {
		t.Errorf("To %v, %v", to, err)
	}
}

func TestAnotherRunSendsNobodyASecondMail(t *testing.T) {
	p := newPost(t, mailtest.Options{})
	rows := people(30)
	if report, err := p.run(t.Context(), rows[:20]); err != nil || report.Sent != 20 {
		t.Fatalf("%+v, %v", report, err)
	}
	report, err := p.run(t.Context(), rows)
	if err != nil || report.Sent != 10 || report.Before != 20 || report.Left != 0 || p.sink.Count() != 30 {
		t.Errorf("%+v, %v; %d mails", report, err, p.sink.Count())
	}
	p.Campaign, p.path = "june", p.path+"2"
	ids := map[string]bool{}
	if report, err := p.run(t.Context(), rows[:1]); err != nil || report.Sent != 1 {
		t.Fatalf("another campaign: %+v, %v", report, err)
	}
	for _, m := range p.sink.Mails() {
		ids[m.MessageID] = true
	}
	if len(ids) != 31 {
		t.Errorf("%d Message-IDs for 31 mails", len(ids))
	}
}

// temperamental answers each address by its number: some later, some never, some by breaking.
func temperamental() func(stage, address string) error {
	var mu sync.Mutex
	tries := map[string]int{}
	return func(stage, address string) error {
		if stage == "mail" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		tries[stage+address]++
		n := 0
		fmt.Sscanf(address, "p%d@", &n)
		switch try := tries[stage+address]; {
		case n%10 == 1 && stage == "rcpt" && try <= 2:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted"}
		case n%10 == 2 && stage == "rcpt":
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such person"}
		case n%10 == 3 && stage == "data" && try == 1:
			return mailtest.ErrBreak
		case n%10 == 4 && stage == "data":
			return &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 2, 2}, Message: "Mailbox full"}
		}
		return nil
	}
}

func TestAnUnwillingRelayGetsEachMailInTheEnd(t *testing.T) {
	p := newPost(t, mailtest.Options{Fault: temperamental()})
	report, err := p.run(t.Context(), people(100))
	if err != nil || report.Sent != 80 || report.Failed != 20 || report.Left != 0 || p.sink.Count() != 80 {
		t.Fatalf("%+v, %v; %d mails", report, err, p.sink.Count())
	}
	want := mailing.Outcome{Line: 4, Email: "p00002@example.org", State: "failed", Code: 550}
	got := report.Rows[0]
	if got.Reason == "" || !strings.Contains(got.Reason, "No such person") {
		t.Errorf("reason %q", got.Reason)
	}
	got.Reason = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if report, err := p.run(t.Context(), people(100)); err != nil || report.Sent != 0 || report.Failed != 20 {
		t.Errorf("again: %+v, %v", report, err)
	}
	p.RetryFailed = true
	if report, err := p.run(t.Context(), people(100)); err != nil || report.Sent != 0 || report.Failed != 20 {
		t.Errorf("the failed ones again: %+v, %v", report, err)
	}
}

func TestWhatWouldFailForEverybodyStopsTheRun(t *testing.T) {
	policy := func(stage, _ string) error {
		if stage == "data" {
			return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Rejected as bulk"}
		}
		return nil
	}
	sender := func(stage, _ string) error {
		if stage == "mail" {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 60}, Message: "May not send as this"}
		}
		return nil
	}
	for _, c := range []struct {
		name, user, want string
		code             int
		sink             mailtest.Options
	}{
		{"a wrong password", "anna:wrong@", "credentials", 535, mailtest.Options{User: "anna", Password: "right"}},
		{"no password", "", "credentials", 530, mailtest.Options{User: "anna", Password: "right"}},
		{"a policy", "", "policy", 554, mailtest.Options{Fault: policy}},
		{"a sender", "", "no mail from us", 550, mailtest.Options{Fault: sender}},
	} {
		p := newPost(t, c.sink)
		p.as(c.user)
		report, err := p.run(t.Context(), people(100))
		stop, ok := errors.AsType[*mailing.StopError](err)
		if !ok || stop.Code != c.code || !strings.Contains(stop.Error(), c.want) || strings.Contains(stop.Error(), "wrong@") {
			t.Errorf("%s: %v", c.name, err)
		}
		if report.Left != 100 || report.Failed != 0 {
			t.Errorf("%s: %+v", c.name, report)
		}
	}
	p := newPost(t, mailtest.Options{User: "anna", Password: "r:ght"})
	p.as("anna:r%3Aght@")
	if report, err := p.run(t.Context(), people(3)); err != nil || report.Sent != 3 {
		t.Errorf("the right password: %+v, %v", report, err)
	}
}

func TestARelayThatIsAwayEndsTheRunAndNothingIsLost(t *testing.T) {
	p := newPost(t, mailtest.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	p.relay = l.Addr().String()
	p.as("")
	l.Close()
	p.GiveUp = time.Millisecond
	report, err := p.run(t.Context(), people(5))
	if stop, ok := errors.AsType[*mailing.StopError](err); !ok || !strings.Contains(stop.Error(), "taken nothing") {
		t.Errorf("got %v", err)
	}
	if report.Left != 5 || report.Rows[0].State != "left" {
		t.Errorf("%+v", report)
	}
}

func TestAStoppedRunIsGoneOnWith(t *testing.T) {
	p := newPost(t, mailtest.Options{})
	p.Rate = 100
	ctx, cancel := context.WithCancel(t.Context())
	p.Progress = func(at mailing.Progress) {
		if at.Sent > 10 {
			cancel()
		}
	}
	report, err := p.run(ctx, people(500))
	if !errors.Is(err, context.Canceled) || report.Sent+report.Left != 500 || report.Sent != p.sink.Count() {
		t.Fatalf("%d sent, %d left, %d mails: %v", report.Sent, report.Left, p.sink.Count(), err)
	}
	for _, o := range report.Rows {
		if o.Reason != "" {
			t.Errorf("a row that was not tried: %+v", o)
			break
		}
	}
	p.Rate, p.Progress = 0, nil
	if report, err := p.run(t.Context(), people(500)); err != nil || report.Left != 0 || p.sink.Count() != 500 {
		t.Errorf("%+v, %v; %d mails", report, err, p.sink.Count())
	}
}

func TestRateBoundsAllConnectionsTogether(t *testing.T) {
	p := newPost(t, mailtest.Options{})
	p.Rate, p.Connections = 200, 8
	start := time.Now()
	if report, err := p.run(t.Context(), people(61)); err != nil || report.Sent != 61 {
		t.Fatalf("%+v, %v", report, err)
	}
	if took := time.Since(start); took < 300*time.Millisecond { // the first one is free
		t.Errorf("60 mails at 200/s took %v", took)
	}
}

// TestAMailThatWasOnItsWayGoesAgainWithItsMessageID is what a crash leaves: "trying".
func TestAMailThatWasOnItsWayGoesAgainWithItsMessageID(t *testing.T) {
	p := newPost(t, mailtest.Options{})
	rows := people(1)
	if _, err := p.run(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	ledger, err := mailing.OpenLedger(p.path)
	if err != nil {
		t.Fatal(err)
	}
	err = ledger.Append(mailing.Entry{To: rows[0].Key(), State: mailing.StateTrying})
	ledger.Close()
	if err != nil {
		t.Fatal(err)
	}
	if report, err := p.run(t.Context(), rows); err != nil || report.Sent != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if m := p.sink.Mails(); len(m) != 2 || m[0].MessageID != m[1].MessageID {
		t.Errorf("mails %+v", m)
	}
}

func TestARelaysAddressIsReadWithoutRepeatingIt(t *testing.T) {
	for _, bad := range []string{"", "mail.example.org", "http://user:secret@host", "smtp://user:secret@", "smtp://user:sec%ret@host"} {
		if _, err := mailing.ParseRelay(bad, "a@example.org"); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := mailing.ParseRelay("smtp://host", "nobody"); err == nil {
		t.Error("a bad sender was taken")
	}
	r, err := mailing.ParseRelay("smtps://user:secret@mail.example.org", "a@example.org")
	if err != nil || r.String() != "mail.example.org:465" {
		t.Errorf("%v, %v", r, err)
	}
}

// BenchmarkRun sends 5,000 mails to a sink on this machine, each noted twice on disk.
func BenchmarkRun(b *testing.B) {
	const mails = 5000
	for b.Loop() {
		p := newPost(b, mailtest.Options{Forget: true})
		p.Connections = 8
		report, err := p.run(b.Context(), people(mails))
		if err != nil || report.Sent != mails || p.sink.Count() != mails {
			b.Fatalf("%+v, %v", report, err)
		}
	}
	b.ReportMetric(float64(mails)*float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}
