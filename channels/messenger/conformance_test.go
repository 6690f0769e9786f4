package messenger_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"backline/channels"
	"backline/channels/channeltest"
	"backline/channels/messenger"
	"backline/gateway"
)

func TestKeepsTheContract(t *testing.T) {
	const name = "events/text.json"
	all := readJSON[fixtures](t, "signatures.json")
	channeltest.Run(t, channeltest.Harness{
		New: func(t *testing.T) channels.Channel {
			c, err := messenger.New(messenger.Options{Pages: []string{all.PageID}, AppID: all.OwnAppID.String(), AppSecret: all.AppSecret,
				VerifyToken: all.VerifyToken, PageToken: "FAKE-PAGE-TOKEN-0000"})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Deliver: func(t *testing.T, ch channels.Channel, sink channels.Sink) bool {
			mux := http.NewServeMux()
			for pattern, h := range ch.(channels.Webhooker).Routes(sink) {
				mux.Handle(pattern, h)
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, all.Files[name].request(read(t, name)))
			return w.Code == http.StatusOK
		},
		Out: channels.Outbound{Key: "m1", Attempt: 1, To: gateway.Identity{Channel: "messenger", Account: all.PageID, Remote: "24000000000000001"}, Text: "hi"},
	})
}
