package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backline/channels/sms/smstest"
)

func TestMessengerFromPhoneToAgentAndBack(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	jana := in.console("jana", 0)
	cookie := in.signIn("jana")
	if err := n.messenger.Say(t.Context(), "Do you ship to Köln?", nil); err != nil {
		t.Fatal(err)
	}
	c := jana.answers()
	in.until("the customer's name is known", func() bool {
		var out struct{ Contact struct{ Name string } }
		return in.rest(cookie, http.MethodGet, "/api/v1/conversations/"+c, nil, &out) == http.StatusOK && out.Contact.Name == "Henrik Kolbe"
	})
	jana.command("read", map[string]any{"conversation": c, "position": 1 << 40})
	in.until("the customer is told that they were read", func() bool { return n.graph.sent("mark_seen") > 0 })
	jana.send(map[string]any{"t": "cmd", "do": "typing", "conversation": c})
	in.until("the phone shows that somebody types", n.messenger.Typing)
	jana.command("send", map[string]any{"conversation": c, "client_id": "a1", "text": "Every Tuesday."})
	jana.await("update", delivery("Every Tuesday.", "delivered"))
	if err := n.messenger.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	jana.await("update", delivery("Every Tuesday.", "read"))

	// A bad event among good ones; an edit, a reaction; a colleague in the page's inbox.
	now := time.Now()
	n.meta("messaging", person(now, `"message":{"mid":"m1","text":"first"}`), `{"message":"TEST_MESSAGE"}`, `7`,
		person(now, `"message":{"mid":"m2","text":"second"}`), person(now, `"message_edit":{"mid":"m1","text":"first, corrected","num_edit":1}`),
		person(now, `"reaction":{"action":"react","reaction":"love","emoji":"❤","mid":"m2"}`))
	n.meta("messaging", fmt.Sprintf(`{"sender":{"id":"%s"},"recipient":{"id":"%s"},"timestamp":%d,"message":{"mid":"m3","is_echo":true,"app_id":263902037430900,"text":"from the inbox"}}`,
		testPage, testPerson, now.UnixMilli()))
	// While another app answers, what is written is shown, and nobody answers here.
	n.meta("standby", person(now, `"message":{"mid":"m4","text":"for the bot"}`))
	jana.await("update", itemText("for the bot"))
	if got := in.rest(cookie, "POST", "/api/v1/conversations/"+c+"/messages", map[string]string{"text": "no", "client_id": "no"}, nil); got != http.StatusConflict {
		t.Errorf("an answer beside another app: %d", got)
	}
	n.meta("messaging", person(now, `"pass_thread_control":{"new_owner_app_id":"555000000000001"}`))
	jana.await("update", func(f map[string]any) bool { return part(f, "item", "event") == "control_ours" })
	long := strings.TrimSpace(strings.Repeat("Wörter 😀 ", 400)) // 3,999 characters as Meta counts
	jana.command("send", map[string]any{"conversation": c, "client_id": "a2", "text": long})
	jana.await("update", delivery(long, "delivered"))
	if got := strings.Count(texts(n.messenger.Messages()), "page: "); got != 3 {
		t.Errorf("the phone shows %d messages of the page, want 3: %s", got, texts(n.messenger.Messages()))
	}
	var lines []string
	for _, it := range in.timeline(cookie, c) {
		if it.Kind == "message" {
			lines = append(lines, fmt.Sprintf("%s %s: %.16s %s edited=%t standby=%t", it.From.Kind, it.From.ID, it.Text, it.Reaction, it.Edited, it.Standby))
		}
	}
	want := []string{
		"customer : Do you ship to K  edited=false standby=false",
		"agent jana: Every Tuesday.  edited=false standby=false",
		"customer : first, corrected  edited=true standby=false",
		"customer : second ❤ edited=false standby=false",
		"colleague page_inbox: from the inbox  edited=false standby=false",
		"customer : for the bot  edited=false standby=true",
		"agent jana: Wörter 😀 Wörter   edited=false standby=false",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the timeline is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	in.stop()
}

// Customers choose addresses; those inside our own walls are named in the thread and never asked.
func TestAddressesInsideAreNotFetched(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	urls := []string{inside.URL + "/a.png"}
	for _, path := range []string{"messenger/testdata/hostile/ssrf_attachment_urls.json", "sms/telnyx/testdata/hostile/media_ssrf.json"} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "channels", path))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`"url":"([^"]*)"`).FindAllSubmatch(raw, -1) {
			urls = append(urls, strings.ReplaceAll(string(found[1]), `\/`, "/"))
		}
	}
	if len(urls) < 12 {
		t.Fatalf("only %d addresses: %q", len(urls), urls)
	}
	var list []string
	for _, u := range urls {
		list = append(list, fmt.Sprintf(`{"type":"image","payload":{"url":%q}}`, u))
	}
	n.meta("messaging", person(time.Now(), `"message":{"mid":"m1","text":"look","attachments":[`+strings.Join(list, ",")+`]}`))
	c := jana.answers()
	in.until("each attachment says what became of it", func() bool {
		for _, it := range in.timeline(cookie, c) {
			if it.Text != "look" {
				continue
			}
			refused := 0
			for _, a := range it.Attachments {
				if a.File != "" {
					t.Fatalf("%+v was fetched", a)
				}
				if a.Error != "" {
					refused++
				}
			}
			// One is a name that does not resolve, which may be a passing fault: it is tried for some minutes.
			return len(it.Attachments) == len(urls) && refused >= len(urls)-1
		}
		return false
	})
	if asked.Load() > 0 {
		t.Errorf("the inside was asked %d times", asked.Load())
	}
	in.stop()
}

func TestOnlyAHumanAnswersAfterADay(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	n.meta("messaging", person(time.Now().Add(-25*time.Hour), `"message":{"mid":"m1","text":"yesterday"}`))
	c := jana.answers()
	s := newScript(t, in)
	s.ask("POST", "/api/v1/conversations/"+c+"/messages", map[string]string{"text": "from a script", "client_id": "s1"}, 202, nil)
	if it := in.settles(cookie, c, "from a script", "failed"); it.DeliveryInfo != "window_closed" {
		t.Errorf("it failed for %q", it.DeliveryInfo)
	}
	jana.command("send", map[string]any{"conversation": c, "client_id": "a1", "text": "from jana"})
	in.settles(cookie, c, "from jana", "delivered")
	if n.graph.sent("from a script") != 0 || n.graph.sent(`"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"`) != 1 {
		t.Errorf("Graph was asked %q", n.graph.bodies)
	}
	in.stop()
}

func TestUncertainMessageIsSentAgainByAPerson(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	jana := in.console("jana", 0)
	if err := n.messenger.Say(t.Context(), "hello", nil); err != nil {
		t.Fatal(err)
	}
	c := jana.answers()
	n.graph.set("cut")
	jana.command("send", map[string]any{"conversation": c, "client_id": "a1", "text": "Are you there?"})
	f := jana.await("update", delivery("Are you there?", "uncertain"))
	n.graph.set("")
	// What comes behind it is delivered, which proves nothing about it.
	jana.command("send", map[string]any{"conversation": c, "client_id": "a2", "text": "And the next."})
	jana.await("update", delivery("And the next.", "delivered"))
	again := jana.command("resend", map[string]any{"conversation": c, "message": part(f, "item", "id")})
	jana.await("update", func(f map[string]any) bool {
		return part(f, "item", "id") == again["message"] && part(f, "item", "delivery") == "delivered"
	})
	if got := texts(n.messenger.Messages()); got != "customer: hello; page: And the next.; page: Are you there?" {
		t.Errorf("the phone shows %s", got)
	}
	if it := in.timeline(in.signIn("jana"), c); it[len(it)-3].Text != "Are you there?" || it[len(it)-3].Delivery != "uncertain" {
		t.Errorf("the first is %+v", it[len(it)-3])
	}
	in.stop()
}

func TestTextsTakeTheOtherProviderAndStopHoldsForBoth(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	if err := n.twilio.Say(t.Context(), "Is the truck late?", nil); err != nil {
		t.Fatal(err)
	}
	c := jana.answers()
	send := func(text string) int {
		return in.rest(cookie, "POST", "/api/v1/conversations/"+c+"/messages", map[string]string{"text": text, "client_id": text}, nil)
	}
	send("by Twilio")
	in.settles(cookie, c, "by Twilio", "delivered")
	n.twilio.Fail(smstest.Fault{Status: 403, Body: `{"code":20005}`}) // the account is suspended
	send("by Telnyx")
	in.settles(cookie, c, "by Telnyx", "delivered")
	if got := texts(n.telnyx.Messages()); got != "company: by Telnyx" {
		t.Errorf("by Telnyx came %s", got)
	}
	// The answer goes to Telnyx's number, and into the same thread.
	if err := n.telnyx.Say(t.Context(), "stop"); err != nil {
		t.Fatal(err)
	}
	jana.await("update", func(f map[string]any) bool { return part(f, "conversation", "opted_out") == true })
	if got := send("after STOP"); got != http.StatusConflict {
		t.Errorf("after STOP: %d", got)
	}
	if err := n.telnyx.Say(t.Context(), "Start"); err != nil {
		t.Fatal(err)
	}
	jana.await("update", func(f map[string]any) bool {
		return part(f, "conversation", "opted_out") == false && part(f, "conversation", "preview") == "Start"
	})
	if got := send("after START"); got != http.StatusAccepted {
		t.Errorf("after START: %d", got)
	}
	in.settles(cookie, c, "after START", "delivered")
	in.stop()
}

// What a provider knows of an opt-out stops the other one too.
func TestOptOutThatOnlyAProviderKnows(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	if err := n.twilio.Say(t.Context(), "hello", nil); err != nil {
		t.Fatal(err)
	}
	c := jana.answers()
	n.twilio.Fail(smstest.Fault{Status: 400, Body: `{"code":21610}`})
	jana.command("send", map[string]any{"conversation": c, "client_id": "a1", "text": "unwanted"})
	if it := in.settles(cookie, c, "unwanted", "failed"); it.DeliveryInfo != "opted_out (21610)" {
		t.Errorf("it failed for %q", it.DeliveryInfo)
	}
	jana.await("update", func(f map[string]any) bool { return part(f, "conversation", "opted_out") == true })
	if len(n.telnyx.Messages()) > 0 {
		t.Errorf("Telnyx carried %s", texts(n.telnyx.Messages()))
	}
	in.stop()
}

func TestKilledInTheCallNothingIsLostAndNothingSentTwice(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, true)
	in.start()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	if err := n.twilio.Say(t.Context(), "hello", nil); err != nil {
		t.Fatal(err)
	}
	c := jana.answers()
	n.text.set("hang")
	for i := range 3 {
		jana.command("send", map[string]any{"conversation": c, "client_id": fmt.Sprint("a", i), "text": fmt.Sprint("number ", i)})
	}
	in.until("the first message has left", func() bool { return n.text.sent("number+0") > 0 })
	in.kill()
	n.text.set("")
	in.start()
	for i := range 3 {
		in.settles(cookie, c, fmt.Sprint("number ", i), "delivered")
	}
	if got := texts(n.twilio.Messages()); got != "customer: hello; company: number 0; company: number 1; company: number 2" {
		t.Errorf("the phone shows %s", got)
	}
	in.stop()
}

func TestReportsInAnyOrderEndInTheSameState(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, false)
	in.start()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	if err := n.twilio.Say(t.Context(), "hello", nil); err != nil {
		t.Fatal(err)
	}
	c := jana.answers()
	send := func(text string) timelineItem {
		jana.command("send", map[string]any{"conversation": c, "client_id": text, "text": text})
		return in.settles(cookie, c, text, "sent")
	}
	folder := filepath.Join("..", "..", "channels", "sms", "twilio", "testdata", "status")
	twilio := fixture[struct{ Sequences map[string][]string }](t, filepath.Join(folder, "sequences.json"))
	twilio.Sequences["failed, then delivered"] = []string{"status/undelivered_30003.form", "status/04_delivered.form"}
	for name, files := range twilio.Sequences {
		it := send("Twilio " + name)
		for _, file := range files {
			raw, err := os.ReadFile(filepath.Join(folder, "..", file))
			if err != nil {
				t.Fatal(err)
			}
			params, err := url.ParseQuery(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			params.Set("MessageSid", it.ProviderID)
			params.Set("SmsSid", it.ProviderID)
			// The address names an attempt that nobody made: the MessageSid counts.
			n.twilioReport(in.url+"/hooks/twilio/status?attempt=mother.1&number="+url.QueryEscape(testNumber), params)
		}
		in.settles(cookie, c, it.Text, "delivered")
	}
	it := send("undelivered")
	n.twilioReport(in.url+"/hooks/twilio/status", url.Values{"MessageSid": {it.ProviderID}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30003"}, "To": {testCustomer}, "From": {testNumber}})
	if it := in.settles(cookie, c, "undelivered", "failed"); it.DeliveryInfo != "unreachable (30003)" {
		t.Errorf("it failed for %q", it.DeliveryInfo)
	}

	n.twilio.Fail(smstest.Fault{Status: 401, Body: `{"code":20003}`})
	folder = filepath.Join("..", "..", "channels", "sms", "telnyx", "testdata")
	telnyx := fixture[struct {
		Sequences map[string][]string
		ID        string `json:"message_id"`
	}](t, filepath.Join(folder, "sequences.json"))
	for name, files := range telnyx.Sequences {
		it := send("Telnyx " + name)
		for _, file := range files {
			raw, err := os.ReadFile(filepath.Join(folder, file))
			if err != nil {
				t.Fatal(err)
			}
			body := strings.NewReplacer(telnyx.ID, it.ProviderID, testNumber, testTelnyx).Replace(string(raw))
			n.telnyxEvent([]byte(body))
		}
		in.settles(cookie, c, it.Text, "delivered")
	}
	in.stop()
}

func fixture[T any](t *testing.T, path string) (v T) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
