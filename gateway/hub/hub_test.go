package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// forgetful is a history that remembers nothing, for tests of what is said now.
type forgetful struct{ applied uint64 }

func (f *forgetful) Apply(_ context.Context, _ []conversation.Change, upTo, _ uint64) error {
	f.applied = upTo
	return nil
}
func (f *forgetful) Applied() uint64                    { return f.applied }
func (f *forgetful) Wait(context.Context, uint64) error { return nil }
func (f *forgetful) Thread(context.Context, gateway.ThreadID, uint64, int) ([]wire.Item, error) {
	return nil, nil
}
func (f *forgetful) ItemsSince(context.Context, uint64, int) ([]wire.Item, error) { return nil, nil }

var customer = gateway.Identity{Channel: "livechat", Account: "shop", Remote: "v1"}

// running is a live state with one agent, jana, and one conversation that rings there, until the test ends.
func running(t testing.TB) (*live.Live, gateway.ConversationID) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	j := memory.New()
	l := live.New(live.Options{Journal: j, History: &forgetful{}, Log: slog.New(slog.DiscardHandler), Queues: []router.Queue{{ID: "main"}},
		Entries: []live.Entry{{Name: "livechat/shop", Channel: "livechat", Account: "shop", To: "queue/main", Queue: "main"}}})
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-l.Replayed()
	saved := gateway.AgentSaved{Agent: "jana", Name: "Jana", Queues: []gateway.QueueID{"main"}, Role: "agent", CallCapacity: 1, TextCapacity: 4}
	if _, err := j.Append(ctx, live.Write("agent/jana", journal.Any, "", time.Now(), saved)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.SetPresence(ctx, "jana", gateway.PresenceReady); err != nil {
		t.Fatal(err)
	}
	l.Heartbeat("jana")
	if err := l.Accept(ctx, gateway.Fact{Key: "k", Channel: "livechat", Identity: customer,
		Event: gateway.MessageReceived{Message: "m1", Identity: customer, Text: "hello?", SentAt: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	for {
		for _, c := range l.Conversations(func(*wire.Conversation) bool { return true }) {
			if c.Offer != nil {
				return l, c.ID
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// desk is a hub on a real server.
func desk(t *testing.T, who func(*http.Request) (Caller, bool)) (*Hub, func() *websocket.Conn, gateway.ConversationID) {
	t.Helper()
	l, id := running(t)
	h := New(Options{Live: l, Who: who, Origin: func(*http.Request) bool { return true }, Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return h, func() *websocket.Conn {
		ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		return ws
	}, id
}

func jana(*http.Request) (Caller, bool) { return Caller{Agent: "jana", Session: "s1"}, true }

// await reads until a frame of this type and returns it.
func await(t *testing.T, ws *websocket.Conn, frame string) map[string]any {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		var f map[string]any
		if err := ws.ReadJSON(&f); err != nil {
			t.Fatalf("waiting for %s: %v", frame, err)
		}
		if f["t"] == frame {
			return f
		}
	}
}

// closed reads until the connection ends and returns the close code.
func closed(t *testing.T, ws *websocket.Conn) int {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			e, ok := err.(*websocket.CloseError)
			if !ok {
				t.Fatalf("%v, want a close frame", err)
			}
			return e.Code
		}
	}
}

func say(t *testing.T, ws *websocket.Conn, frame string) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

func TestStrangersAndBadFramesAreTurnedAway(t *testing.T) {
	_, dial, _ := desk(t, func(*http.Request) (Caller, bool) { return Caller{}, false })
	if got := closed(t, dial()); got != wire.CloseUnauthorized {
		t.Errorf("not signed in: %d", got)
	}
	_, dial, _ = desk(t, jana)
	const hello = `{"t":"hello","version":1}`
	for name, frames := range map[string][]string{
		"no hello":      {`{"t":"ping"}`},
		"other version": {`{"t":"hello","version":9}`},
		"not JSON":      {hello, `{"t":`},
		"unknown frame": {hello, `{"t":"dance"}`},
		"no frame":      {hello, `[]`},
	} {
		ws := dial()
		for _, f := range frames {
			say(t, ws, f)
		}
		if got := closed(t, ws); got != wire.CloseProtocol {
			t.Errorf("%s: closed with %d, want %d", name, got, wire.CloseProtocol)
		}
	}
	ws := dial()
	say(t, ws, hello)
	await(t, ws, "ready")
	say(t, ws, `{"t":"cmd","id":"1","do":"note","text":"`+strings.Repeat("x", wire.MaxFrameBytes)+`"}`)
	if got := closed(t, ws); got != websocket.CloseMessageTooBig {
		t.Errorf("a frame that is too large: closed with %d", got)
	}
}

func TestCommandsAreAnsweredOnceWithWhatWasWrong(t *testing.T) {
	_, dial, id := desk(t, jana)
	ws := dial()
	say(t, ws, `{"t":"hello","version":1}`)
	await(t, ws, "ready")
	for _, c := range []struct{ frame, kind, field string }{
		{`{"t":"cmd","id":"1","do":"dance"}`, "invalid", "do"},
		{`{"t":"cmd","id":"2","do":"take","conversation":"c0"}`, "not_found", ""},
		{`{"t":"cmd","id":"3","do":"accept","conversation":"` + string(id) + `","offer":"old"}`, "conflict", ""},
		{`{"t":"cmd","id":"4","do":"take","conversation":"` + string(id) + `"}`, "", ""},
		{`{"t":"cmd","id":"5","do":"send","conversation":"` + string(id) + `","client_id":"x","text":""}`, "invalid", "text"},
		{`{"t":"cmd","id":"6","do":"send","conversation":"` + string(id) + `","client_id":"","text":"hi"}`, "invalid", "client_id"},
		{`{"t":"cmd","id":"7","do":"transfer","conversation":"` + string(id) + `","to":"queue/nowhere"}`, "invalid", "to"},
		{`{"t":"cmd","id":"8","do":"presence","presence":"asleep"}`, "invalid", "presence"},
		{`{"t":"cmd","id":"9","do":"send","conversation":"` + string(id) + `","client_id":"x","text":"hi"}`, "", ""},
		{`{"t":"cmd","id":"10","do":"close","conversation":"` + string(id) + `"}`, "", ""},
		{`{"t":"cmd","id":"11","do":"close","conversation":"` + string(id) + `"}`, "", ""},
		{`{"t":"cmd","id":"12","do":"send","conversation":"` + string(id) + `","client_id":"y","text":"hi"}`, "conflict", ""},
	} {
		say(t, ws, c.frame)
		ack := await(t, ws, "ack")
		kind, field := "", ""
		if f, ok := ack["failure"].(map[string]any); ok {
			kind, _ = f["kind"].(string)
			field, _ = f["field"].(string)
		}
		if kind != c.kind || field != c.field || !strings.Contains(c.frame, `"id":"`+ack["id"].(string)+`"`) {
			t.Errorf("%s: %v, want %s %s", c.frame, ack, c.kind, c.field)
		}
	}
	say(t, ws, `{"t":"ping"}`)
	await(t, ws, "pong")
}

func TestStopTellsWhenToComeBackAndDropEndsAnAgentsSockets(t *testing.T) {
	h, dial, _ := desk(t, jana)
	ws := dial()
	say(t, ws, `{"t":"hello","version":1}`)
	await(t, ws, "ready")
	h.Drop("emil")
	h.Drop("jana")
	if got := closed(t, ws); got != wire.CloseUnauthorized {
		t.Errorf("dropped with %d", got)
	}
	ws = dial()
	say(t, ws, `{"t":"hello","version":1}`)
	await(t, ws, "ready")
	h.DropSession("s2")
	h.DropSession("")
	say(t, ws, `{"t":"ping"}`)
	await(t, ws, "pong")
	h.DropSession("s1")
	h.DropSession("s1")
	if got := closed(t, ws); got != wire.CloseUnauthorized {
		t.Errorf("signed out with %d", got)
	}
	ws = dial()
	say(t, ws, `{"t":"hello","version":1}`)
	await(t, ws, "ready")
	stopped := make(chan struct{})
	go func() { h.Stop(t.Context(), false); close(stopped) }()
	if bye := await(t, ws, "bye"); bye["retry_ms"].(float64) < 1 {
		t.Errorf("%v", bye)
	}
	if got := closed(t, ws); got != wire.CloseRestarting {
		t.Errorf("stopped with %d", got)
	}
	<-stopped
	late := dial()
	if got := closed(t, late); got != wire.CloseRestarting {
		t.Errorf("one that comes after the stop is closed with %d", got)
	}
}

// FuzzCommands runs frames of a hostile console against a live state: no panic, one answer a command, and
// whatever is acknowledged leaves a conversation that makes sense.
func FuzzCommands(f *testing.F) {
	f.Add([]byte(`{"t":"cmd","id":"1","do":"take","conversation":"ID"}
{"t":"cmd","id":"2","do":"send","conversation":"ID","client_id":"x","text":"hi","files":["f"]}
{"t":"cmd","id":"3","do":"note","conversation":"ID","client_id":"x","text":"hi"}
{"t":"cmd","id":"4","do":"close","conversation":"ID"}`))
	f.Add([]byte(`{"t":"cmd","id":"1","do":"transfer","conversation":"ID","to":"agent/jana"}
{"t":"cmd","id":"2","do":"return","conversation":"ID"}
{"t":"cmd","id":"3","do":"presence","presence":"away"}
{"t":"cmd","do":"read","conversation":"ID","position":18446744073709551615}`))
	f.Add([]byte(`{"t":"cmd","do":"resend","conversation":"ID","message":"m1"}
{"t":"cmd","do":"view","conversation":"ID"}
{"t":"cmd","do":"typing","conversation":"ID"}
{"t":"cmd","do":"decline","conversation":"ID","offer":"ID.1"}`))
	f.Add([]byte(`{"t":"cmd","id":"1","do":"pickup","conversation":"ID","offer":"ID.1"}
{"t":"cmd","id":"2","do":"consult","conversation":"ID","call":"call-0123456789-1","to":"queue/main"}
{"t":"cmd","id":"3","do":"supervise","conversation":"ID","call":"call-0123456789-1","mode":"listen"}
{"t":"cmd","id":"4","do":"remove","conversation":"ID","call":"call-0123456789-1","leg":"l1"}
{"t":"cmd","id":"5","do":"hold","conversation":"ID"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, id := running(t)
		h := New(Options{Live: l, Log: slog.New(slog.DiscardHandler), Files: func(context.Context, gateway.FileID) (gateway.Attachment, error) {
			return gateway.Attachment{}, gateway.Errorf(gateway.NotFound, "no file")
		}})
		c := &conn{hub: h, agent: "jana", out: make(chan any, 64)}
		sub, _, err := l.Subscribe(t.Context(), "jana", 0)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Unsubscribe(sub)
		for n, frame := range bytes.Split(bytes.ReplaceAll(data, []byte("ID"), []byte(id)), []byte("\n")) {
			var m struct{ wire.Command }
			if json.Unmarshal(frame, &m) != nil || n == 32 {
				break
			}
			c.command(t.Context(), sub, m.Command)
			if silent := m.Do == "view" || m.Do == "typing"; len(c.out) > 1 || len(c.out) == 1 && silent {
				t.Fatalf("%q has %d answers", frame, len(c.out))
			} else if len(c.out) == 0 {
				continue
			}
			if ack, ok := (<-c.out).(wire.Ack); !ok || ack.ID != m.ID {
				t.Fatalf("%q is answered by %+v", frame, ack)
			}
			sane(t, l, id)
		}
	})
}

// sane checks what holds of the only conversation, whatever was done to it.
func sane(t *testing.T, l *live.Live, id gateway.ConversationID) {
	t.Helper()
	c, ok := l.Conversation(id)
	switch held := c.State == gateway.StateActive || c.State == gateway.StateWrapUp; {
	case !ok:
		t.Fatal("the conversation is gone")
	case held && c.Agent != "jana", c.State == gateway.StateOffered != (c.Offer != nil), c.Messages.Inbound != 1:
		t.Fatalf("impossible: %+v", c)
	}
}
