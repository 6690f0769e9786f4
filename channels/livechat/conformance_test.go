package livechat

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"backline/channels"
	"backline/channels/channeltest"
	"backline/gateway"
)

func TestKeepsTheContract(t *testing.T) {
	visitor := encoding.EncodeToString(bytes.Repeat([]byte{7}, idBytes))
	channeltest.Run(t, channeltest.Harness{
		New: func(t *testing.T) channels.Channel {
			f := &feed{frames: make(chan any), typed: make(chan gateway.Identity, 10), after: make(chan uint64, 100)}
			c, err := New(Options{Sites: []Site{{"shop", []string{shop}}}, Secret: bytes.Repeat([]byte("k"), 32), Feed: f, PerAddress: 20, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Deliver: func(t *testing.T, ch channels.Channel, sink channels.Sink) bool {
			c := ch.(*Channel)
			server := httptest.NewServer(c.Routes(sink)["GET /ws/visitor"])
			defer server.Close()
			ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1), http.Header{"Origin": {shop}})
			if err != nil {
				t.Error(err)
				return false
			}
			p := &page{t, ws}
			p.send(map[string]any{"t": "hello", "version": 1, "site": "shop", "token": c.mint("shop", visitor, time.Now())})
			p.want("welcome")
			p.want("ready")
			acknowledged := p.message("m1", "hello")["failure"] == nil
			ws.Close()
			return acknowledged
		},
		Out: channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "livechat", Account: "shop", Remote: visitor}, Text: "hi"},
	})
}
