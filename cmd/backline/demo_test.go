package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheDemoMailsALinkToItsCustomer presses the simulator's button and reads the mailbox.
func TestTheDemoMailsALinkToItsCustomer(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, done := &lockedBuffer{}, make(chan int, 1)
	go func() {
		m := &Main{Stdin: strings.NewReader(""), Stdout: out, Stderr: io.Discard}
		done <- m.Run(ctx, []string{"demo", "--listen", "127.0.0.1:0"})
	}()
	defer func() {
		stop()
		if code := <-done; code != exitDone {
			t.Errorf("the demo ended with %d", code)
		}
	}()
	simulator := regexp.MustCompile(`http://\S+/simulator`)
	for end := time.Now().Add(20 * time.Second); !simulator.MatchString(out.String()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the demo does not say where it is: %q", out.String())
		}
	}
	page := simulator.FindString(out.String())
	res, err := http.Post(page+"/mail", "application/json", strings.NewReader(`{"text":"Delivery 48 211"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %s", res.Status, body)
	}
	res, err = http.Get(page + "/state")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var state struct {
		Mail struct {
			Messages []struct{ Subject, Text, HTML string }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil {
		t.Fatal(err)
	}
	if len(state.Mail.Messages) != 1 || !strings.Contains(state.Mail.Messages[0].Text, "/talk/") || !strings.Contains(state.Mail.Messages[0].HTML, "Delivery 48 211") {
		t.Errorf("mailbox %+v", state.Mail)
	}
}
