package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// closeToday shuts the queue main, whenever the test runs.
func (in *installation) closeToday() {
	in.t.Helper()
	text, err := os.ReadFile(in.path)
	if err != nil {
		in.t.Fatal(err)
	}
	now := time.Now().UTC()
	hours := fmt.Sprintf(`ring: 5s, hours: {holidays: ["%s", "%s"]}`, now.Format(time.DateOnly), now.AddDate(0, 0, 1).Format(time.DateOnly))
	closed := strings.Replace(string(text), "ring: 5s", hours, 1)
	if err := os.WriteFile(in.path, []byte(closed), 0o600); err != nil {
		in.t.Fatal(err)
	}
}

// pressed runs `backline emergency …` and returns what it answers in JSON.
func (in *installation) pressed(args ...string) emergencyAnswer {
	in.t.Helper()
	code, out, errs := run(in.t, "", append(append([]string{"emergency"}, args...), "--config", in.path, "--json")...)
	var a emergencyAnswer
	if err := json.Unmarshal([]byte(out), &a); code != exitDone || err != nil {
		in.t.Fatalf("emergency %v: %d %s%s", args, code, out, errs)
	}
	return a
}

func (in *installation) open(queue string) bool {
	in.t.Helper()
	var list struct {
		Queues []struct {
			ID   string
			Open bool
		}
	}
	in.rest(in.signIn("jana"), "GET", "/api/v1/queues", nil, &list)
	for _, q := range list.Queues {
		if q.ID == queue {
			return q.Open
		}
	}
	in.t.Fatalf("there is no queue %s in %+v", queue, list)
	return false
}

func notice(want string) func(map[string]any) bool {
	return func(f map[string]any) bool {
		got, _ := part(f, "status", "notice").(string)
		return strings.HasPrefix(got, want) && (want != "") == (got != "")
	}
}

func TestEmergencyOutlivesAKillAndItsEndRestoresTheRules(t *testing.T) {
	in := install(t, "emergency: {queues: [{id: main, hours: always}]}\n")
	in.closeToday()
	in.start()
	if in.open("main") || in.pressed("status").On {
		t.Fatal("it begins with an emergency")
	}
	page, console := in.visitor("", 0), in.console("jana", 0)
	page.await("ready", nil)
	pressed := time.Now()
	on := in.pressed("on", "--why", "trunk down", "--text-de", "Bis drei Uhr.")
	if !on.On || !on.Running || on.By != "command line" || on.Text["de"] != "Bis drei Uhr." || on.Text["en"] == "" {
		t.Errorf("on: %+v", on)
	}
	page.await("status", notice("The phone numbers of Nordwind"))
	console.await("emergency", func(f map[string]any) bool {
		return part(f, "emergency", "on") == true && part(f, "emergency", "why") == "trunk down"
	})
	if took := time.Since(pressed); took > 10*time.Second {
		t.Errorf("seen after %v", took)
	}
	if !in.open("main") {
		t.Error("the queue did not open")
	}
	if again := in.pressed("on", "--why", "somebody else"); len(again.Log) != 1 || !again.Since.Equal(*on.Since) {
		t.Errorf("pressed twice: %+v", again)
	}

	in.kill()
	if got := in.pressed("status"); !got.On || got.Running {
		t.Errorf("of the folder: %+v", got)
	}
	in.start()
	if !in.open("main") || !in.pressed("status").On {
		t.Error("the restart ended the emergency")
	}
	german := in.dial("/ws/visitor", http.Header{"Origin": {testSite}}, map[string]any{"site": "shop", "language": "de-CH"})
	if f := german.await("welcome", nil); !notice("Bis drei Uhr.")(f) {
		t.Errorf("welcome: %v", f)
	}
	german.await("ready", nil)
	if f := in.console("jana", 0).got[0]; part(f, "emergency", "on") != true {
		t.Errorf("the console's welcome: %v", f)
	}
	in.pressed("off", "--why", "works again")
	german.await("status", notice(""))
	if in.open("main") || in.pressed("status").On {
		t.Error("off, and the queue is still open")
	}
	in.stop()
	if code, out, errs := run(t, "", "journal", "verify", "--data", in.data); code != exitDone {
		t.Errorf("journal verify: %s%s", out, errs)
	}
}

func TestEmergencyIsPressedBeforeTheGatewayRuns(t *testing.T) {
	in := install(t, "")
	code, out, errs := run(t, "", "emergency", "on", "--data", in.data, "--why", "flood")
	if code != exitDone || !strings.Contains(out, "is ON since") || !strings.Contains(out, "flood") || !strings.Contains(out, "not running") {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	in.start()
	if v := in.visitor("", 0).await("welcome", nil); !notice("The phone numbers")(v) {
		t.Errorf("welcome %v", v)
	}
	res, err := http.Get(in.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(body), "\nbackline_emergency 1\n") || !strings.Contains(string(body), "\nbackline_emergency_switches_total 1\n") {
		t.Errorf("metrics: %v\n%s", err, body)
	}
	for _, bad := range [][]string{{}, {"maybe"}, {"on", "now"}, {"status", "--why", "x"}, {"on", "--text", "de"}} {
		if code, _, _ := run(t, "", append([]string{"emergency"}, append(bad, "--data", in.data)...)...); code != exitUsage {
			t.Errorf("emergency %v: exit %d, want %d", bad, code, exitUsage)
		}
	}
	in.pressed("off")
	if code, _, errs := run(t, "", "emergency", "on", "--data", in.data); code != exitFailed || !strings.Contains(errs, "why") {
		t.Errorf("without a reason: %d %s", code, errs)
	}
	in.stop()
}

func TestOnlyAdministratorsPressTheSwitchByREST(t *testing.T) {
	in := install(t, "")
	in.start()
	s := newScript(t, in)
	press := map[string]any{"on": true, "why": "trunk down", "text": map[string]string{"fr": "En panne."}}
	var p struct{ Detail, Field string }
	s.ask("GET", "/api/v1/emergency", nil, 200, nil)
	s.ask("PUT", "/api/v1/emergency", press, 403, &p)
	if !strings.Contains(p.Detail, "administrator") {
		t.Errorf("403 says %q", p.Detail)
	}
	_, token, _ := run(t, "", "token", "create", "--config", in.path, "--name", "boss", "--role", "admin")
	s.token = strings.TrimSpace(token)
	for body, field := range map[string]string{`{"why":"x"}`: "on", `{"on":true}`: "why", `{"on":true,"why":"x","text":{"de":"` + strings.Repeat("x", 501) + `"}}`: "text.de"} {
		p.Field = ""
		if s.ask("PUT", "/api/v1/emergency", []byte(body), 400, &p); p.Field != field {
			t.Errorf("%.40s: field %q, want %q", body, p.Field, field)
		}
	}
	var first, second emergencyAnswer
	s.ask("PUT", "/api/v1/emergency", press, 200, &first)
	s.ask("PUT", "/api/v1/emergency", press, 200, &second)
	if !first.On || first.By != "boss" || first.Text["fr"] != "En panne." || len(first.Given) != 1 || first.Defaults["de"] == "" {
		t.Errorf("on: %+v", first)
	}
	if len(second.Log) != 1 || second.Log[0].Change != "on" {
		t.Errorf("twice: %+v", second.Log)
	}
	s.ask("PUT", "/api/v1/emergency", map[string]any{"on": false}, 200, &second)
	if second.On || len(second.Log) != 2 || second.Log[0].Change != "off" {
		t.Errorf("off: %+v", second)
	}
	in.stop()
}

func TestContactSheetIsForThoseWhoAreSignedIn(t *testing.T) {
	in := install(t, "")
	in.start()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(cookie string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", in.url+"/print/contact", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", cookie)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	if res, _ := get(""); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Errorf("a stranger: %s to %q", res.Status, res.Header.Get("Location"))
	}
	jana := in.signIn("jana")
	res, body := get(jana)
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "shop.example.org") || strings.Contains(body, "out of order") ||
		strings.Count(body, "<svg") != 3 { // two queues to call, one website
		t.Errorf("without an emergency: %s %s", res.Status, body)
	}
	in.pressed("on", "--why", "trunk down", "--text-de", "Bis drei Uhr.")
	if _, body = get(jana); !strings.Contains(body, "The phone numbers of Nordwind are out of order right now.<") || !strings.Contains(body, "Bis drei Uhr.") {
		t.Errorf("in an emergency: %s", body)
	}
	in.stop()
}

// Real providers' protocols, and a kill while the first answer is on its way.
func TestPhonesAreToldOnceWithALinkToCall(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	in.pressed("on", "--why", "trunk down")
	want := "The phone numbers of Nordwind are out of order right now. You can go on writing to us here.\nTo talk to us, open this in a browser: " + in.url + "/talk/"
	if err := n.messenger.Say(t.Context(), "hello?", nil); err != nil {
		t.Fatal(err)
	}
	in.until("Messenger shows the answer", func() bool { return strings.Contains(texts(n.messenger.Messages()), "page: "+want) })
	n.text.set("hang")
	if err := n.twilio.Say(t.Context(), "hello?", nil); err != nil {
		t.Fatal(err)
	}
	in.until("the answer by SMS has left", func() bool { return n.text.sent("phone+numbers") > 0 })
	in.kill()
	n.text.set("")
	in.start()
	in.until("the phone shows the answer", func() bool { return strings.Contains(texts(n.twilio.Messages()), "company: "+want) })
	for _, say := range []func() error{
		func() error { return n.twilio.Say(t.Context(), "anybody?", nil) },
		func() error { return n.messenger.Say(t.Context(), "anybody?", nil) },
	} {
		if err := say(); err != nil {
			t.Fatal(err)
		}
	}
	in.kill()
	in.start()
	time.Sleep(time.Second)
	for name, got := range map[string]string{"SMS": texts(n.twilio.Messages()), "Messenger": texts(n.messenger.Messages())} {
		if strings.Count(got, "out of order") != 1 {
			t.Errorf("%s: %s", name, got)
		}
	}
	_, list, _ := in.linkCommand("list", "--json")
	if strings.Count(list, `"by":"emergency"`) != 2 || !strings.Contains(list, testCustomer) {
		t.Errorf("links: %s", list)
	}
	in.stop()
}
