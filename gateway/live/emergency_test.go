package live_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/emergency"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
	"backline/gateway/router"
	"backline/gateway/wire"
)

// nordwind is a house with all channels and a closed queue that an emergency opens.
func nordwind(t *testing.T, j *memory.Journal, change ...func(*live.Options)) *house {
	t.Helper()
	closed, err := router.ParseHours("UTC", []string{"mon 08:00-08:01"}, nil) // the bubble begins on a Saturday
	if err != nil {
		t.Fatal(err)
	}
	return run(t, j, append([]func(*live.Options){func(o *live.Options) {
		o.Queues = []router.Queue{{ID: "main", Name: "Service", Hours: closed}}
		for _, name := range []string{"sms", "messenger"} {
			o.Entries = append(o.Entries, live.Entry{Name: name + "/us", Channel: name, Account: "us", To: "queue/main", Queue: "main"})
		}
		o.Windows = map[string]func(lastInbound, now time.Time) *wire.Window{"messenger": func(last, now time.Time) *wire.Window {
			if now.Sub(last) < 24*time.Hour {
				return &wire.Window{State: "open"}
			}
			return &wire.Window{State: "human_agent"}
		}}
		o.Emergency = live.Emergency{Texts: emergency.Texts{Company: "Nordwind", Language: "en"},
			Rules: map[gateway.QueueID]router.Rules{"main": {}, "gone": {}}}
	}}, change...)...)
}

func (h *house) press(on bool, why string) wire.EmergencyReport {
	h.t.Helper()
	r, err := h.SetEmergency(h.t.Context(), emergency.Request{On: on, By: "Jana Brandt", Why: why}, "agent/jana")
	h.must(nil, err)
	synctest.Wait()
	return r
}

func (h *house) report() wire.EmergencyReport {
	h.t.Helper()
	r, err := h.Emergency(h.t.Context())
	h.must(nil, err)
	return r
}

func person(channel string, n int) gateway.Identity {
	return gateway.Identity{Channel: channel, Account: "us", Remote: fmt.Sprint("+4930", n)}
}

func (h *house) fact(who gateway.Identity, key string, e gateway.Event) {
	h.t.Helper()
	h.must(nil, h.Accept(h.t.Context(), gateway.Fact{Key: key, Channel: who.Channel, Identity: who, Event: e}))
	synctest.Wait()
}

// answers are the automatic messages in a journal, by thread.
func answers(t *testing.T, j *memory.Journal) map[gateway.ThreadID][]gateway.MessageSubmitted {
	t.Helper()
	events, err := j.Read(t.Context(), 0, 10_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[gateway.ThreadID][]gateway.MessageSubmitted{}
	for _, e := range events {
		if ev, err := gateway.DecodeEvent(e.Type, e.Data); err == nil {
			if m, ok := ev.(gateway.MessageSubmitted); ok && m.Automatic {
				out[m.Thread] = append(out[m.Thread], m)
			}
		}
	}
	return out
}

// page is a customer's open page: the last status it was sent, and when.
type page struct {
	mu   sync.Mutex
	last wire.Status
	at   time.Time
}

func (h *house) page(who gateway.Identity, language string) *page {
	p := &page{}
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- h.Follow(ctx, who, language, 0, func(f any) error {
			if s, ok := f.(wire.VisitorStatus); ok {
				p.mu.Lock()
				p.last, p.at = s.Status, time.Now()
				p.mu.Unlock()
			}
			return nil
		})
	}()
	h.t.Cleanup(func() { cancel(); <-done })
	synctest.Wait()
	return p
}

func (p *page) shows() (string, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last.Notice, p.at
}

func TestEveryPageShowsTheNoticeInItsLanguageAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := nordwind(t, memory.New())
		h.fact(visitor(3), "l3", gateway.ContactLearned{Language: "de"})
		german, english, known := h.page(visitor(1), "de-AT"), h.page(visitor(2), ""), h.page(visitor(3), "")
		if got, _ := german.shows(); got != "" {
			t.Errorf("before: %q", got)
		}
		time.Sleep(time.Minute)
		pressed := time.Now()
		h.press(true, "trunk down")
		for p, want := range map[*page]string{german: "Die Telefonnummern von Nordwind", english: "The phone numbers of Nordwind", known: "Die Telefonnummern von Nordwind"} {
			if got, at := p.shows(); !strings.HasPrefix(got, want) || at.Sub(pressed) > time.Second {
				t.Errorf("%q after %v, want %q", got, at.Sub(pressed), want)
			}
		}
		if got := h.Status(gateway.Identity{Channel: "livechat", Account: "shop"}, "de").Notice; !strings.HasPrefix(got, "Die") {
			t.Errorf("a page that comes now is told %q", got)
		}
		h.press(false, "")
		for _, p := range []*page{german, english, known} {
			if got, _ := p.shows(); got != "" {
				t.Errorf("after the end: %q", got)
			}
		}
	})
}

func TestConsolesHearOfTheSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := nordwind(t, memory.New())
		h.agent("anna")
		sub, snap, err := h.Subscribe(t.Context(), "anna", 0)
		h.must(nil, err)
		if snap.Emergency.On || snap.Emergency.Since != nil || snap.Emergency.Text["de"] == "" {
			t.Errorf("welcome: %+v", snap.Emergency)
		}
		h.press(true, "trunk down")
		h.press(true, "again") // changes nothing, says nothing
		var got []wire.Emergency
		for len(sub.Frames) > 0 {
			if f, ok := (<-sub.Frames).(wire.ConsoleEmergency); ok {
				got = append(got, f.Emergency)
			}
		}
		if len(got) != 1 || !got[0].On || got[0].By != "Jana Brandt" || got[0].Why != "trunk down" || got[0].Since == nil {
			t.Errorf("frames: %+v", got)
		}
		h.Unsubscribe(sub)
		_, snap, err = h.Subscribe(t.Context(), "anna", 0)
		h.must(nil, err)
		if !snap.Emergency.On {
			t.Error("a console that comes later is not told")
		}
	})
}

func TestQueueRulesHoldWhileItIsOnAndThenTheUsualOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := nordwind(t, j)
		h.agent("anna")
		h.says(visitor(1), "hello?")
		synctest.Wait()
		if got := h.only(); got.State != gateway.StateWaiting || h.Queues()[0].Open {
			t.Fatalf("the queue is closed, and it is %s", got.State)
		}
		h.press(true, "trunk down")
		if got := h.only(); got.State != gateway.StateOffered || !h.Queues()[0].Open {
			t.Errorf("in the emergency it is %s", got.State)
		}
		h.stop()

		again := nordwind(t, j)
		if !again.Queues()[0].Open || !again.report().On {
			t.Error("a restart forgot the emergency")
		}
		again.press(false, "")
		if again.Queues()[0].Open || again.report().On {
			t.Error("off, and the queue is still open")
		}
		again.stop()
		if last := nordwind(t, j); last.Queues()[0].Open || len(last.report().Log) != 2 {
			t.Errorf("after another restart: %+v", last.report())
		}
	})
}

func TestWhoWritesByMessengerOrSMSIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		var asked []live.TalkTo
		h := nordwind(t, j, func(o *live.Options) {
			o.Emergency.TalkLink = func(_ context.Context, to live.TalkTo) (string, error) {
				asked = append(asked, to)
				return "https://gw/talk/x", nil
			}
		})
		sms, messenger := person("sms", 1), person("messenger", 2)
		h.fact(sms, "l1", gateway.ContactLearned{Language: "de-DE"})
		h.press(true, "trunk down")
		h.says(sms, "hello?")
		synctest.Wait()
		h.says(sms, "anybody?")
		h.says(messenger, "hi")
		h.says(visitor(1), "the widget shows it already")
		synctest.Wait()
		all := answers(t, j)
		if len(all) != 2 || len(all[sms.Thread()]) != 1 || len(all[messenger.Thread()]) != 1 {
			t.Fatalf("answers: %+v", all)
		}
		want := "Die Telefonnummern von Nordwind sind zurzeit gestört. Hier können Sie uns weiterhin schreiben.\nSprechen können Sie mit uns im Browser: https://gw/talk/x"
		if got := all[sms.Thread()][0]; got.Text != want || got.Agent != "" || got.Identity != sms {
			t.Errorf("told %+v", got)
		}
		if len(asked) != 2 || asked[0].Identity != sms || asked[0].Queue != "main" || asked[0].Key == asked[1].Key {
			t.Errorf("links for %+v", asked)
		}

		// A conversation that begins again in the same emergency does not tell the same person again.
		for c := range slices.Values(h.Conversations(func(c *wire.Conversation) bool { return c.Channel == "sms" })) {
			h.must(h.Close(t.Context(), "jana", c.ID))
		}
		h.says(sms, "one more thing") // reopens
		time.Sleep(2 * time.Hour)
		h.says(sms, "and another")
		synctest.Wait()
		// The next emergency does.
		h.press(false, "")
		h.press(true, "down again")
		if all = answers(t, j); len(all[sms.Thread()]) != 2 {
			t.Errorf("%d answers in two emergencies, want 2", len(all[sms.Thread()]))
		}
		if _, _, n := h.EmergencyStats(); n != uint64(len(all[sms.Thread()])+len(all[messenger.Thread()])) {
			t.Errorf("%d counted", n)
		}
	})
}

func TestWhoWaitsWhenItIsSwitchedOnIsToldAndWhoIsServedIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := nordwind(t, j)
		h.agent("anna")
		waits, served := person("sms", 1), person("sms", 2)
		h.says(served, "hello")
		synctest.Wait()
		h.must(h.Take(t.Context(), "anna", h.only().ID))
		h.says(waits, "hello")
		synctest.Wait()
		h.press(true, "trunk down")
		all := answers(t, j)
		if len(all[waits.Thread()]) != 1 || len(all[served.Thread()]) != 0 {
			t.Errorf("answers: %+v", all)
		}
	})
}

func TestOptOutWindowAndOtherAppsAreRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := nordwind(t, j)
		stopped, keyword, late, notOurs := person("sms", 1), person("sms", 2), person("messenger", 3), person("messenger", 4)
		h.says(late, "hello")
		h.says(stopped, "hello")
		h.fact(stopped, "stop", gateway.ConsentChanged{OptedOut: true, Word: "STOP"})
		h.says(notOurs, "hello")
		h.fact(notOurs, "control", gateway.ThreadControlChanged{Owner: "bot"})
		time.Sleep(24 * time.Hour)
		h.press(true, "trunk down")
		h.fact(keyword, "stop2", gateway.MessageReceived{Message: "m2", Identity: keyword, Text: "STOP", Kind: "optout", SentAt: time.Now()})
		if all := answers(t, j); len(all) != 0 {
			t.Errorf("answers: %+v", all)
		}
		h.says(late, "still there?") // opens the window, but the conversation is an old one: a person answers it
		if all := answers(t, j); len(all) != 0 {
			t.Errorf("answers: %+v", all)
		}
	})
}

func TestNoLinkIsNoReasonForSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		h := nordwind(t, j, func(o *live.Options) {
			o.Emergency.TalkLink = func(context.Context, live.TalkTo) (string, error) { return "", errors.New("no key") }
		})
		h.press(true, "trunk down")
		h.says(person("sms", 1), "hello")
		synctest.Wait()
		if all := answers(t, j); len(all) != 1 {
			t.Errorf("answers: %+v", all)
		}
	})
}

// The process is killed at any append of an emergency, again and again; the journal fills up in between. In the
// end everybody was told, and nobody twice.
func TestNobodyIsToldTwiceWhateverIsKilled(t *testing.T) {
	for kill := range 30 {
		synctest.Test(t, func(t *testing.T) {
			j := memory.New()
			var appends atomic.Int64
			die := func(journal.Write) error { // the first append after the fatal one and all that follow are lost
				if appends.Add(1) > int64(kill) {
					return journal.ErrClosed
				}
				return nil
			}
			h := nordwind(t, j)
			h.agent("anna")
			for n := range 5 {
				h.says(person("sms", n), "hello")
			}
			synctest.Wait()
			j.FailWith(die)
			_, _ = h.SetEmergency(t.Context(), emergency.Request{On: true, Why: "x", By: "x"}, "x") // may be lost: it is pressed again
			for n := 5; n < 10; n++ {
				who := person("messenger", n)
				_ = h.Accept(t.Context(), gateway.Fact{Key: fmt.Sprint("k", n), Channel: "messenger", Identity: who, // lost: the provider comes again
					Event: gateway.MessageReceived{Message: gateway.MessageID(fmt.Sprint("m", n)), Identity: who, Text: "hi", SentAt: time.Now()}})
			}
			synctest.Wait()
			j.FailWith(nil)
			h.stop()

			again := nordwind(t, j)
			again.press(true, "x")
			for n := 5; n < 10; n++ {
				who := person("messenger", n)
				again.fact(who, fmt.Sprint("k", n), gateway.MessageReceived{Message: gateway.MessageID(fmt.Sprint("m", n)), Identity: who, Text: "hi", SentAt: time.Now()})
			}
			time.Sleep(time.Second)
			synctest.Wait()
			again.stop()
			third := nordwind(t, j)
			time.Sleep(time.Second)
			synctest.Wait()
			third.stop()
			all := answers(t, j)
			if len(all) != 10 {
				t.Errorf("killed at append %d: %d were told, want 10", kill, len(all))
			}
			for _, ms := range all {
				if len(ms) != 1 {
					t.Errorf("killed at append %d: told %d times", kill, len(ms))
				}
			}
		})
	}
}

func TestTwoWhoPressAtOnceSwitchOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := nordwind(t, memory.New())
		var g sync.WaitGroup
		for n := range 8 {
			g.Go(func() {
				_, err := h.SetEmergency(t.Context(), emergency.Request{On: true, By: fmt.Sprint(n), Why: "x"}, "x")
				if err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
		if r := h.report(); len(r.Log) != 1 || !r.On {
			t.Errorf("%+v", r.Log)
		}
	})
}
