package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway"
	"backline/gateway/wire"
)

// meetPage is a page of a meeting without a browser.
type meetPage struct {
	t  *testing.T
	ws *websocket.Conn
}

func dialMeet(t *testing.T, in *installation, link, seat string) *meetPage {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(in.url, "http", "ws", 1)+"/ws/meet", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	p := &meetPage{t, ws}
	token := link[strings.LastIndex(link, "/")+1:]
	p.say(struct {
		T string `json:"t"`
		wire.MeetHello
	}{"hello", wire.MeetHello{Version: wire.Version, Link: token, Seat: seat}})
	return p
}

func (p *meetPage) say(f any) {
	p.t.Helper()
	if err := p.ws.WriteJSON(f); err != nil {
		p.t.Fatal(err)
	}
}

// frame is as much of a frame as the tests look at.
type frame struct {
	T, At, Why, Seat, Name, Subject string
}

// next waits for a frame of a type.
func (p *meetPage) next(want string) frame {
	p.t.Helper()
	_ = p.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		var f frame
		if err := p.ws.ReadJSON(&f); err != nil {
			p.t.Fatalf("waiting for %s: %v", want, err)
		}
		if f.T == want {
			return f
		}
	}
}

func TestAMeetingsLinkKnocksAndWaitsInTheQueueAlsoAfterACrash(t *testing.T) {
	in := install(t, "")
	_, link, errs := in.linkCommand("create", "--meet", "--to", "queue/main", "--contact", "Miriam Oster <m@example.org>", "--subject", "Oranges")
	link = strings.TrimSpace(link)
	if !strings.HasPrefix(link, in.url+"/meet/") {
		t.Fatalf("%q %s", link, errs)
	}
	in.start()
	s := newScript(t, in)
	p := dialMeet(t, in, link, "")
	if w := p.next("welcome"); w.Name != "Miriam Oster" || w.Subject != "Oranges" {
		t.Errorf("the green room knows %+v", w)
	}
	p.next("place")
	var list struct{ Conversations []wire.Conversation }
	s.ask(http.MethodGet, "/api/v1/conversations", nil, 200, &list)
	if len(list.Conversations) != 0 {
		t.Error("looking at the page has an effect")
	}
	p.say(map[string]string{"t": "join", "name": "Miriam"})
	lobby := p.next("place")
	if lobby.At != "lobby" {
		t.Fatalf("at %+v", lobby)
	}
	for range 100 {
		if s.ask(http.MethodGet, "/api/v1/conversations", nil, 200, &list); len(list.Conversations) > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(list.Conversations) != 1 {
		t.Fatal("nobody is told of the knock")
	}
	if c := list.Conversations[0]; c.Channel != gateway.ChannelClick2Meet || c.Queue != "main" || c.Contact.Email != "m@example.org" || c.Meeting == nil {
		t.Errorf("the conversation: %+v", c)
	}
	in.kill()
	in.start()
	again := dialMeet(t, in, link, lobby.Seat)
	if f := again.next("place"); f.At != "lobby" {
		t.Errorf("after a crash the guest is at %+v", f)
	}
	in.stop()
}

func TestALinkToAMeetingIsNoneToACallNorTheOtherWayRound(t *testing.T) {
	in := install(t, "")
	_, talk, _ := in.linkCommand("create", "--to", "queue/main")
	_, meeting, _ := in.linkCommand("create", "--meet", "--to", "queue/main")
	in.start()
	closes := func(ws *websocket.Conn) int {
		_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				e, _ := err.(*websocket.CloseError)
				if e == nil {
					t.Fatal(err)
				}
				return e.Code
			}
		}
	}
	if code := closes(dialMeet(t, in, strings.TrimSpace(talk), "").ws); code != wire.CloseForbidden {
		t.Errorf("a talk link at a meeting's door: %d", code)
	}
	ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(in.url, "http", "ws", 1)+"/ws/visitor", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	meeting = strings.TrimSpace(meeting)
	_ = ws.WriteJSON(map[string]any{"t": "hello", "version": wire.Version, "link": meeting[strings.LastIndex(meeting, "/")+1:]})
	if code := closes(ws); code != wire.CloseForbidden {
		t.Errorf("a meeting's link on the page of a call: %d", code)
	}
	in.stop()
}
