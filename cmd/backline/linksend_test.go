package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"backline/gateway/mailing/mailtest"
)

// mailbox is the relay of an installation, and what it has taken: address → Message-ID of each mail.
type mailbox struct {
	mu   sync.Mutex
	got  map[string][]string
	sink *mailtest.Sink
}

var messageIDForm = regexp.MustCompile(`(?m)^Message-ID: <(.+)>\r?$`)

// openMailbox serves SMTP for the whole test and returns the configuration that points at it.
func openMailbox(t *testing.T, o mailtest.Options) (*mailbox, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &mailbox{got: map[string][]string{}}
	o.OnMail = func(to, raw string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got[to] = append(b.got[to], messageIDForm.FindStringSubmatch(raw)[1])
	}
	b.sink = mailtest.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.sink.Run(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return b, fmt.Sprintf("mail: {smtp: \"smtp://%s\", from: \"Nordwind <service@nordwind.example>\"}\n", l.Addr())
}

func (b *mailbox) count() (mails, people int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ids := range b.got {
		mails += len(ids)
	}
	return mails, len(b.got)
}

// list writes a CSV file of n people and returns its path.
func (in *installation) list(name string, n int) string {
	in.t.Helper()
	var text strings.Builder
	text.WriteString("email,name,language,subject\n")
	for i := range n {
		fmt.Fprintf(&text, "p%04d@example.org,Person %d,%s,Delivery %d\n", i, i, []string{"en", "de", ""}[i%3], i)
	}
	return in.write(name, text.String())
}

func (in *installation) write(name, text string) string {
	in.t.Helper()
	path := filepath.Join(filepath.Dir(in.path), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		in.t.Fatal(err)
	}
	return path
}

// sendFlags are those of every mailing here.
func (in *installation) sendFlags(csv string, more ...string) []string {
	return append([]string{"link", "send", "--config", in.path, "--csv", csv,
		"--to", "queue/main", "--rate", "0"}, more...)
}

func TestAMailingReachesEverybodyOnceWithALinkThatWorks(t *testing.T) {
	box, mail := openMailbox(t, mailtest.Options{})
	in := install(t, mail)
	in.start()
	csv := in.list("Customers 2026.csv", 20)
	code, out, errs := run(t, "", in.sendFlags(csv, "--mailing")...)
	if code != exitDone || !strings.Contains(out, "20 sent, 0 sent before, 0 refused, 0 left") {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	if !strings.Contains(errs, "Campaign customers-2026: 20 mails") {
		t.Errorf("plan %q", errs)
	}
	code, out, errs = run(t, "", in.sendFlags(csv)...)
	if code != exitDone || !strings.Contains(out, "0 sent, 20 sent before") || !strings.Contains(errs, "--campaign") {
		t.Errorf("again: %d %q %q", code, out, errs)
	}
	if mails, people := box.count(); mails != 20 || people != 20 {
		t.Errorf("%d mails to %d people", mails, people)
	}
	_, list, _ := in.linkCommand("list", "--campaign", "customers-2026", "--json")
	links := map[string]bool{}
	for line := range strings.Lines(list) {
		var l struct{ URL string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		links[l.URL] = true
	}
	for _, m := range box.sink.Mails() {
		found := regexp.MustCompile(regexp.QuoteMeta(in.url) + `/talk/\w+`).FindString(m.Text)
		if !links[found] || !strings.Contains(m.HTML, found) {
			t.Errorf("%s has the link %q", m.To, found)
		}
		delete(links, found)
	}
	if len(links) != 0 {
		t.Errorf("%d links went to nobody", len(links))
	}
	in.stop()
}

func TestAMailingWithMistakesSendsNothing(t *testing.T) {
	box, mail := openMailbox(t, mailtest.Options{})
	in := install(t, mail)
	csv := in.write("list.csv", "email;name;to\r\nanna@example.org;Anna M\xfcller;\r\nnobody;Ben;\r\nANNA@example.org;;\r\ncara@example.org;Cara;agent/jana\r\n")
	code, out, errs := run(t, "", in.sendFlags(csv)...)
	if code != exitFailed || out != "" || !strings.Contains(errs, "list.csv: line 3: email: want an address") || !strings.Contains(errs, "nothing was sent") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if mails, _ := box.count(); mails != 0 {
		t.Fatalf("%d mails left", mails)
	}
	code, out, errs = run(t, "", in.sendFlags(csv, "--skip-bad", "--json")...)
	var report struct {
		Sent       int
		Skipped    []struct{ Line int }
		Duplicates []struct{ Line, First int }
	}
	if err := json.Unmarshal([]byte(out), &report); code != exitDone || err != nil || report.Sent != 2 || len(report.Skipped) != 1 || report.Skipped[0].Line != 3 ||
		len(report.Duplicates) != 1 || report.Duplicates[0].Line != 4 {
		t.Errorf("%d %q %q %v", code, out, errs, err)
	}
	for want, args := range map[string][]string{
		"line 2: to: there is no queue/nowhere; nothing was sent": in.sendFlags(in.write("a.csv", "email,to\nx@example.org,queue/nowhere\n")),
		"did you mean \"language\"":                               in.sendFlags(in.write("b.csv", "email,lnguage\nx@example.org,de\n")),
		"unknown block":                                           append(in.sendFlags(csv, "--skip-bad"), "--template", in.write("t.tmpl", `{{define "body.en"}}{{end}}`)),
		"--to is missing":                                         append(in.sendFlags(csv, "--skip-bad"), "--to", ""),
		"no such file":                                            in.sendFlags("missing.csv"),
		"--config is missing":                                     {"link", "send", "--data", in.data, "--csv", csv, "--template", csv},
	} {
		if code, _, errs := run(t, "", args...); code == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %q", want, code, errs)
		}
	}
	if code, _, errs := run(t, "", "link", "send", "--config", install(t, "").path, "--csv", csv, "--template", csv); code != exitFailed || !strings.Contains(errs, "mail.smtp is not set") {
		t.Errorf("without a relay: %q", errs)
	}
	code, out, errs = run(t, "", in.sendFlags(csv, "--skip-bad", "--dry-run")...)
	if code != exitDone || !strings.Contains(out, "Subject: Nordwind") || !strings.Contains(errs, "2 mails by 127.0.0.1") {
		t.Errorf("dry run: %d %q %q", code, out, errs)
	}
	if mails, _ := box.count(); mails != 2 {
		t.Errorf("%d mails left in all", mails)
	}
}

func TestAMailingThatIsRefusedSaysWhyAndExitsWithAnError(t *testing.T) {
	_, mail := openMailbox(t, mailtest.Options{User: "anna", Password: "right"})
	in := install(t, mail)
	code, out, errs := run(t, "", in.sendFlags(in.list("list.csv", 5))...)
	if code != exitFailed || !strings.Contains(errs, "credentials") || !strings.Contains(out, "5 left") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	_, mail = openMailbox(t, mailtest.Options{Fault: func(stage, to string) error {
		if stage == "rcpt" && strings.HasPrefix(to, "p0001") {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such person"}
		}
		return nil
	}})
	in = install(t, mail)
	code, out, errs = run(t, "", in.sendFlags(in.list("list.csv", 5))...)
	if code != exitFailed || !strings.Contains(out, "line 3, p0001@example.org: failed: ") || !strings.Contains(out, "No such person") || !strings.Contains(errs, "1 of 5 addresses were refused") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

// TestKillingAMailingMissesNobody kills the command as a power failure would, again and again, and starts it
// again with the same words.
func TestKillingAMailingMissesNobody(t *testing.T) {
	const people, kills, connections = 900, 5, 4
	slow := func(stage, _ string) error {
		if stage == "data" {
			time.Sleep(2 * time.Millisecond) // so that mails are on their way when it is killed
		}
		return nil
	}
	box, mail := openMailbox(t, mailtest.Options{Fault: slow})
	in := install(t, mail)
	args := in.sendFlags(in.list("list.csv", people), "--connections", fmt.Sprint(connections))
	killed := 0
	for killed < kills {
		before, _ := box.count()
		child := program(t.Context(), args...)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			if now, _ := box.count(); now >= before+people/(kills+3) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("it does not send")
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // "signal: killed"
		killed++
	}
	code, out, errs := run(t, "", args...)
	if code != exitDone {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	mails, reached := box.count()
	if reached != people {
		t.Errorf("%d of %d people were reached", reached, people)
	}
	if most := people + kills*connections; mails > most {
		t.Errorf("%d mails to %d people: more twice than were on their way", mails, people)
	}
	t.Logf("%d mails to %d people after %d kills", mails, reached, kills)
	box.mu.Lock()
	defer box.mu.Unlock()
	for to, ids := range box.got {
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("%s got mails with different Message-IDs", to)
			}
		}
	}
}
