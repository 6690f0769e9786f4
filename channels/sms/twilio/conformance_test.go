package twilio

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
	const name = "inbound/sms.form"
	f := fixtures(t)[name]
	channeltest.Run(t, channeltest.Harness{
		New: func(t *testing.T) channels.Channel {
			c, err := sms.New(sms.Options{Providers: []sms.Provider{provider(t, "https://gw.example.org", nil)}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Deliver: func(t *testing.T, ch channels.Channel, sink channels.Sink) bool {
			r := httptest.NewRequest(http.MethodPost, "/hooks/twilio/sms", bytes.NewReader(read(t, name)))
			r.Header.Set("X-Twilio-Signature", f.Signature)
			w := httptest.NewRecorder()
			ch.(channels.Webhooker).Routes(sink)["POST /hooks/twilio/sms"].ServeHTTP(w, r)
			return w.Code == http.StatusOK
		},
		Out: channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "sms", Account: testNumber, Remote: "+12025550143"}, Text: "hi"},
	})
}
