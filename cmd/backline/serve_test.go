package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// offered waits until a conversation rings at the console and returns its id and the offer's.
func (s *socket) offered() (conversation, offer string) {
	s.t.Helper()
	f := s.await("update", func(f map[string]any) bool { return part(f, "conversation", "offer", "id") != nil })
	return part(f, "conversation", "id").(string), part(f, "conversation", "offer", "id").(string)
}

func TestVisitorAndAgentTalk(t *testing.T) {
	in := install(t, "")
	in.start()
	jana := in.console("jana", 0)
	jana.command("presence", map[string]any{"presence": "ready"})

	v := in.visitor("", 0)
	token := v.await("welcome", nil)["token"].(string)
	v.await("ready", nil)
	v.send(map[string]any{"t": "message", "client_id": "v1", "text": "Where is my parcel?"})
	v.await("ack", nil)

	conversation, offer := jana.offered()
	jana.command("accept", map[string]any{"conversation": conversation, "offer": offer})
	v.await("status", func(f map[string]any) bool {
		return part(f, "status", "state") == "active" && part(f, "status", "agent") == "Jana Brandt"
	})
	jana.send(map[string]any{"t": "cmd", "id": "ty", "do": "typing", "conversation": conversation})
	if f := v.await("typing", nil); f["name"] != "Jana Brandt" {
		t.Errorf("typing %v", f)
	}
	jana.command("send", map[string]any{"conversation": conversation, "client_id": "a1", "text": "It is in Altona."})
	item := v.await("item", itemText("It is in Altona."))
	if part(item, "item", "from", "id") != nil || part(item, "item", "from", "name") != "Jana Brandt" {
		t.Errorf("the visitor sees %v", item)
	}
	pos := part(item, "item", "position").(float64)
	v.send(map[string]any{"t": "seen", "position": pos})
	jana.await("update", delivery("It is in Altona.", "delivered"))
	v.send(map[string]any{"t": "seen", "position": pos, "read": true})
	jana.await("update", delivery("It is in Altona.", "read"))

	// A note is for colleagues only.
	jana.command("note", map[string]any{"conversation": conversation, "client_id": "n1", "text": "angry"})
	jana.command("close", map[string]any{"conversation": conversation})
	v.await("status", func(f map[string]any) bool { return part(f, "status", "state") == "closed" })
	if s := fmt.Sprint(v.got); strings.Contains(s, "angry") {
		t.Errorf("the visitor was shown a note: %s", s)
	}

	// Coming back shows everything once; writing reopens the same conversation.
	v2 := in.visitor(token, 0)
	v2.await("ready", nil)
	texts := 0
	for _, f := range v2.got {
		if part(f, "item", "kind") == "message" {
			texts++
		}
	}
	if texts != 2 {
		t.Errorf("%d messages after coming back, want 2: %v", texts, v2.got)
	}
	v2.send(map[string]any{"t": "message", "client_id": "v2", "text": "Thank you"})
	f := jana.await("update", func(f map[string]any) bool { return part(f, "conversation", "state") == "offered" })
	if part(f, "conversation", "id") != conversation {
		t.Errorf("a second conversation: %v", f)
	}
	in.stop()
}

func TestMissedOfferGoesToTheNextAgent(t *testing.T) {
	in := install(t, "")
	in.start()
	jana, emil := in.console("jana", 0), in.console("emil", 0)
	jana.command("presence", map[string]any{"presence": "ready"})
	time.Sleep(20 * time.Millisecond) // jana is the longer idle
	emil.command("presence", map[string]any{"presence": "ready"})
	v := in.visitor("", 0)
	v.await("ready", nil)
	v.send(map[string]any{"t": "message", "client_id": "v1", "text": "Hello"})
	began := time.Now()
	rings := func(at string) func(map[string]any) bool {
		return func(f map[string]any) bool { return fmt.Sprint(part(f, "conversation", "offer", "agents")) == at }
	}
	conversation := part(jana.await("update", rings("[jana]")), "conversation", "id")
	f := emil.await("update", rings("[emil]"))
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("it rang at the second agent after %s, before the first had missed it", took)
	}
	emil.command("accept", map[string]any{"conversation": conversation, "offer": part(f, "conversation", "offer", "id")})
	emil.command("transfer", map[string]any{"conversation": conversation, "to": "agent/jana"})
	jana.await("update", rings("[jana]"))
	in.stop()
}

func TestNobodyIsThereIsSaidAtOnce(t *testing.T) {
	in := install(t, "")
	in.start()
	v := in.visitor("", 0)
	if f := v.await("welcome", nil); part(f, "status", "staffed") != false {
		t.Errorf("welcome %v", f)
	}
	v.await("ready", nil)
	v.send(map[string]any{"t": "contact", "name": "Ann", "email": "ann@example.org"})
	v.send(map[string]any{"t": "message", "client_id": "v1", "text": "Please write to me", "offline": true})
	v.await("ack", nil)
	v.await("status", func(f map[string]any) bool { return part(f, "status", "state") == "waiting" })

	// It waits, whoever comes later; with a restart in between.
	in.stop()
	in.start()
	jana := in.console("jana", 0)
	jana.command("presence", map[string]any{"presence": "ready"})
	conversation, _ := jana.offered()
	var out struct {
		Contact struct{ Name, Email string }
	}
	if status := in.rest(in.signIn("jana"), "GET", "/api/v1/conversations/"+conversation, nil, &out); status != 200 || out.Contact.Name != "Ann" {
		t.Errorf("%d %+v", status, out)
	}
	in.stop()
}

// What was acknowledged before a SIGKILL is there after it, once; what was not is sent again by the page.
func TestKilledInTheMiddleOfAChat(t *testing.T) {
	in := install(t, "")
	in.start()
	jana := in.console("jana", 0)
	jana.command("presence", map[string]any{"presence": "ready"})
	v := in.visitor("", 0)
	token := v.await("welcome", nil)["token"].(string)
	v.await("ready", nil)
	const rounds, each = 5, 4
	var conversation string
	n := 0
	for round := range rounds {
		for range each {
			n++
			v.send(map[string]any{"t": "message", "client_id": fmt.Sprint("v", n), "text": fmt.Sprint("question ", n)})
		}
		v.await("ack", func(f map[string]any) bool { return f["client_id"] == fmt.Sprint("v", n-1) }) // one may be on its way
		if round == 0 {
			var offer string
			conversation, offer = jana.offered()
			jana.command("accept", map[string]any{"conversation": conversation, "offer": offer})
		}
		jana.command("send", map[string]any{"conversation": conversation, "client_id": fmt.Sprint("a", round), "text": fmt.Sprint("answer ", round)})
		in.kill()
		in.start()
		v = in.visitor(token, 0)
		v.await("ready", nil)
		v.send(map[string]any{"t": "message", "client_id": fmt.Sprint("v", n), "text": fmt.Sprint("question ", n)}) // the outbox of the page
		v.await("ack", func(f map[string]any) bool { return f["client_id"] == fmt.Sprint("v", n) })
		jana = in.console("jana", 0)
	}
	v = in.visitor(token, 0)
	v.await("ready", nil)
	counts := map[string]int{}
	for _, f := range v.got {
		if part(f, "item", "kind") == "message" {
			counts[part(f, "item", "text").(string)]++
		}
	}
	for i := range rounds * each {
		if text := fmt.Sprint("question ", i+1); counts[text] != 1 {
			t.Errorf("%s is there %d times", text, counts[text])
		}
	}
	for i := range rounds {
		if text := fmt.Sprint("answer ", i); counts[text] != 1 {
			t.Errorf("%s is there %d times", text, counts[text])
		}
	}
	var timeline struct{ Items []struct{ Text, Kind string } }
	in.rest(in.signIn("jana"), "GET", "/api/v1/conversations/"+conversation+"/timeline?limit=200", nil, &timeline)
	messages := 0
	for _, it := range timeline.Items {
		if it.Kind == "message" {
			messages++
		}
	}
	if messages != rounds*(each+1) {
		t.Errorf("the agent sees %d messages, want %d", messages, rounds*(each+1))
	}
	in.stop()
	if code, out, errs := run(t, "", "journal", "verify", "--data", in.data); code != exitDone {
		t.Errorf("journal verify: %s%s", out, errs)
	}
}
