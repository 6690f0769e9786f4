package telnyx

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"backline/channels"
	"backline/channels/channeltest"
	"backline/channels/sms"
	"backline/gateway"
)

func TestKeepsTheContract(t *testing.T) {
	const name = "events/inbound_mms.json"
	_, all := fixtures(t)
	channeltest.Run(t, channeltest.Harness{
		New: func(t *testing.T) channels.Channel {
			c, err := sms.New(sms.Options{Providers: []sms.Provider{provider(t, "https://api.telnyx.com", nil)}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Deliver: func(t *testing.T, ch channels.Channel, sink channels.Sink) bool {
			r := httptest.NewRequest(http.MethodPost, "/hooks/telnyx", bytes.NewReader(read(t, name)))
			r.Header.Set("Telnyx-Signature-Ed25519", all[name].Signature)
			r.Header.Set("Telnyx-Timestamp", all[name].Timestamp)
			w := httptest.NewRecorder()
			ch.(channels.Webhooker).Routes(sink)["POST /hooks/telnyx"].ServeHTTP(w, r)
			return w.Code == http.StatusOK
		},
		Out: channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "sms", Account: testNumber, Remote: "+12025550143"}, Text: "hi"},
	})
}
