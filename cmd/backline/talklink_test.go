package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"backline/gateway/mailing/mailtest"
)

var talkURL = regexp.MustCompile(`/talk/(\S+)`)

// From an SMS conversation the agent sends a link; what is said on its page joins the conversation, and what was said
// before is not shown there.
func TestTalkLinkJoinsTheConversationItWasSentFrom(t *testing.T) {
	in := install(t, "")
	n := connect(t, in, false)
	in.start()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	if err := n.twilio.Say(t.Context(), "My code is 1234, can we talk?", nil); err != nil {
		t.Fatal(err)
	}
	c := jana.answers()
	send := func() int {
		return in.rest(cookie, "POST", "/api/v1/conversations/"+c+"/talk-link", map[string]string{"client_id": "l1"}, nil)
	}
	if a, b := send(), send(); a != http.StatusAccepted || b != http.StatusAccepted {
		t.Fatalf("status %d, again %d", a, b)
	}
	var link []string
	in.until("the link is sent", func() bool {
		link = talkURL.FindStringSubmatch(texts(n.twilio.Messages()))
		return link != nil
	})
	if n := strings.Count(texts(n.twilio.Messages()), "/talk/"); n != 1 {
		t.Errorf("%d links were sent", n)
	}

	page := in.dial("/ws/visitor", http.Header{"Origin": {in.url}}, map[string]any{"link": link[1]})
	w := page.await("welcome", nil)
	if to, _ := w["link"].(map[string]any); to["to"] != "Jana Brandt" {
		t.Errorf("the link leads to %v", to)
	}
	page.await("ready", func(map[string]any) bool { return true })
	page.send(map[string]any{"t": "message", "client_id": "p1", "text": "from the page"})
	for seen := 0; seen < 2; { // the link's own message may be shown; what was before must not be
		f := page.await("item", nil)
		text, _ := part(f, "item", "text").(string)
		if strings.Contains(text, "1234") {
			t.Fatal("the page shows what was said before the link was made")
		}
		if seen++; text == "from the page" {
			break
		}
	}
	f := jana.await("update", func(f map[string]any) bool { return part(f, "item", "text") == "from the page" })
	if got := part(f, "item", "conversation"); got != c || part(f, "item", "channel") != "click2talk" {
		t.Errorf("it came to %v by %v", got, part(f, "item", "channel"))
	}
	in.stop()
}

// Somebody on the website asks to be called back by mail: the link goes there, from the same conversation.
func TestWhoAskedToBeCalledBackGetsTheLinkByMail(t *testing.T) {
	box, mail := openMailbox(t, mailtest.Options{})
	in := install(t, mail)
	in.start()
	jana, cookie := in.console("jana", 0), in.signIn("jana")
	v := in.visitor("", 0)
	w := v.await("welcome", nil)
	if ways := part(w, "company", "call_back"); ways == nil {
		t.Fatal("nobody can be called back here")
	}
	v.await("ready", nil)
	v.send(map[string]any{"t": "message", "client_id": "b1", "text": "Please call me back", "call_back": map[string]string{"way": "email", "to": "anna@example.org"}})
	v.await("ack", func(f map[string]any) bool { return f["failure"] == nil })
	c := jana.answers()
	if got := in.rest(cookie, "POST", "/api/v1/conversations/"+c+"/talk-link", map[string]string{"client_id": "l1"}, nil); got != http.StatusAccepted {
		t.Fatalf("status %d", got)
	}
	in.until("the mail is sent", func() bool { return len(box.sink.Mails()) == 1 })
	if m := box.sink.Mails()[0]; m.To != "anna@example.org" || !talkURL.MatchString(m.Text) {
		t.Errorf("the mail %+v", m)
	}
	items := in.timeline(cookie, c)
	in.settles(cookie, c, items[len(items)-1].Text, "sent")
	in.stop()
}
