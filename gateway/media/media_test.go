package media_test

import (
	"context"
	"testing"
	"time"

	"backline/gateway/media"
)

// start runs an engine on loopback and ends it with the test.
func start(t testing.TB, o media.Options) *media.Engine {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	e, err := media.New(o)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
	})
	return e
}

var (
	customer = media.LegKey{Call: "c1", Side: media.Customer}
	agent    = media.LegKey{Call: "c1", Side: media.Agent}
)

func both() map[media.Side]media.Source {
	return map[media.Side]media.Source{
		media.Customer: media.From(media.Agent), media.Agent: media.From(media.Customer),
	}
}

func TestTwoHearEachOther(t *testing.T) {
	e := start(t, media.Options{})
	a, b := newClient(t), newClient(t)
	defer a.close()
	defer b.close()
	e.Hear("c1", both())
	a.call(e, customer, false)
	b.call(e, agent, false)
	for i := range 50 {
		a.say(960, 1, byte(i))
		b.say(960, 2, byte(i))
		time.Sleep(time.Millisecond)
	}
	for i := range 50 {
		if h := b.hear(); h.payload[0] != 1 || h.payload[1] != byte(i) {
			t.Fatalf("the agent heard %v, want packet %d of the customer", h.payload, i)
		}
		if h := a.hear(); h.payload[0] != 2 || h.payload[1] != byte(i) {
			t.Fatalf("the customer heard %v, want packet %d of the agent", h.payload, i)
		}
	}
	t.Logf("%+v", e.Stats("c1"))
}

func TestMusic(t *testing.T) {
	e := start(t, media.Options{})
	a := newClient(t)
	defer a.close()
	e.Hear("c1", map[media.Side]media.Source{media.Customer: media.Music})
	a.call(e, customer, false)
	for range 10 {
		h := a.hear()
		t.Log(h.SequenceNumber, h.Timestamp, h.Marker, len(h.payload), h.PayloadType)
	}
}
func TestTCP(t *testing.T) {
	e := start(t, media.Options{})
	a := newClient(t, onlyTCP)
	defer a.close()
	e.Hear("c1", map[media.Side]media.Source{media.Customer: media.Music})
	a.call(e, customer, false)
	for range 10 {
		a.hear()
	}
	t.Logf("%+v", e.Stats("c1"))
}
func TestRestart(t *testing.T) {
	e := start(t, media.Options{OnEvent: func(ev media.Event) { t.Log(time.Now(), ev) }})
	a := newClient(t)
	defer a.close()
	e.Hear("c1", map[media.Side]media.Source{media.Customer: media.Music})
	a.call(e, customer, false)
	for range 10 {
		a.hear()
	}
	a.say(960, 1)
	a.call(e, customer, true)
	for range 10 {
		a.hear()
	}
	t.Logf("%+v", e.Stats("c1"))
}
