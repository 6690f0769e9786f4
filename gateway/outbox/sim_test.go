package outbox_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/outbox"
)

var seeds = flag.Int("seeds", 60, "how many simulated histories")

func encode(e gateway.Event) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return b
}

// TestMessagesSurviveAnything plays whole histories: providers fail, throttle, hang and panic, the journal
// refuses or loses its answers, and the process dies between any two steps, again and again.
func TestMessagesSurviveAnything(t *testing.T) {
	for _, kind := range []string{"plain", "resolver", "providers"} {
		for seed := range *seeds {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { simulate(t, kind, uint64(seed)) })
			})
		}
	}
}

type sim struct {
	rng *rand.Rand
	mu  sync.Mutex // guards rng and now
	now *life
	log *log
	net *channel
	ch  channels.Channel
}

func simulate(t *testing.T, kind string, seed uint64) {
	s := &sim{rng: rand.New(rand.NewPCG(seed, 7)), log: newLog(), net: &channel{name: "sms"}}
	s.net.answer = moody(s.rng, &s.mu, &s.now)
	s.ch = s.net
	switch kind {
	case "resolver":
		s.ch = resolving{s.net}
	case "providers":
		s.net.providers = []string{"one", "two"}
		s.ch = twoWays{s.net}
	}
	s.log.fault = s.fault
	var all []gateway.MessageID
	for n := range 8 {
		for thread := range 4 {
			all = append(all, submit(s.log, thread, n, "sms"))
		}
	}
	for range 40 {
		s.live(1 + s.rng.IntN(60))
	}
	s.live(1 << 30)
	s.check(t, all, kind)
}

// live runs one process until it dies or has had time for everything.
func (s *sim) live(steps int) {
	f := &life{left: steps, dead: make(chan struct{})}
	s.mu.Lock()
	s.now = f
	s.mu.Unlock()
	o := outbox.New(outbox.Options{Append: s.log.append, Channels: map[string]channels.Channel{"sms": s.ch},
		Threads: everybody{}, Rand: rand.New(rand.NewPCG(uint64(steps), 1)), MaxAge: 300 * 24 * time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.log.feed(ctx, o) })
	wg.Go(func() { _ = o.Run(ctx) })
	timer := time.NewTimer(24 * time.Hour)
	select {
	case <-f.dead:
	case <-timer.C:
	}
	cancel()
	wg.Wait()
}

// fault is the journal's mood: dead, full, or in without an answer.
func (s *sim) fault(before bool) error {
	s.mu.Lock()
	f, dice := s.now, s.rng.IntN(100)
	s.mu.Unlock()
	switch {
	case f.step() != nil:
		return journal.ErrClosed
	case before && dice < 5:
		return journal.ErrFull
	case dice > 94:
		return journal.ErrUncertain
	}
	return nil
}

func (s *sim) check(t *testing.T, all []gateway.MessageID, kind string) {
	end := ends(t, s.log)
	for _, id := range all {
		switch st := end[id].State; st {
		case gateway.DeliverySent:
			if !s.net.has(id) {
				t.Errorf("%s is sent but never arrived", id)
			}
		case gateway.DeliveryFailed:
			if s.net.has(id) {
				t.Errorf("%s failed but arrived", id)
			}
		case gateway.DeliveryUncertain:
			if kind == "resolver" {
				t.Errorf("%s is uncertain although it could be looked up", id)
			}
		default:
			t.Errorf("%s is not at an end: %q", id, st)
		}
	}
	last := map[string]string{}
	for _, id := range s.net.got {
		th, n := threadOf(id), string(id)
		if n <= last[th] {
			t.Errorf("%s arrived after %s: twice or out of order", n, last[th])
		}
		last[th] = n
	}
	s.checkCalls(t)
}

// checkCalls wants no call after a message's end or an unknown outcome that nobody looked up.
func (s *sim) checkCalls(t *testing.T) {
	open := map[gateway.MessageID]bool{}
	for _, r := range s.log.after(0) {
		switch e := r.Event.(type) {
		case gateway.AttemptStarted:
			if open[e.Message] {
				t.Errorf("%s: attempt %d began while the one before was open", e.Message, e.Attempt)
			}
			open[e.Message] = true
		case gateway.AttemptEnded:
			delete(open, e.Message)
		}
	}
	seen := map[string]bool{}
	for _, c := range s.net.calls {
		k := fmt.Sprint(c.Key, c.Attempt)
		if seen[k] {
			t.Errorf("%s: attempt %d called the provider twice", c.Key, c.Attempt)
		}
		seen[k] = true
	}
}

// world is one running outbox in a bubble.
type world struct {
	*testing.T
	log *log
	net *channel
	box *outbox.Outbox
}

func run(t *testing.T, ch channels.Channel, net *channel, look outbox.ThreadLookup, play func(w world)) {
	synctest.Test(t, func(t *testing.T) {
		w := world{T: t, log: newLog(), net: net}
		w.box = outbox.New(outbox.Options{Append: w.log.append, Threads: look,
			Channels: map[string]channels.Channel{net.name: ch}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { w.log.feed(ctx, w.box) })
		wg.Go(func() { _ = w.box.Run(ctx) })
		play(w)
		cancel()
		wg.Wait()
	})
}

func (w world) wantEnd(id gateway.MessageID, state gateway.Delivery, code channels.Code) {
	w.Helper()
	synctest.Wait()
	if e := ends(w.T, w.log)[id]; e.State != state || e.Code != string(code) {
		w.Errorf("%s ended %q %q, want %q %q", id, e.State, e.Code, state, code)
	}
}

func (w world) wantCalls(want ...string) {
	w.Helper()
	synctest.Wait()
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	var got []string
	for _, c := range w.net.calls {
		got = append(got, string(c.Key)+"@"+c.Provider)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		w.Errorf("calls %v, want %v", got, want)
	}
}

func answers(codes ...channels.Code) func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
	var mu sync.Mutex
	return func(_ context.Context, m channels.Outbound) (bool, channels.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(codes) > 0 {
			c := codes[0]
			codes = codes[1:]
			if c != "" {
				return false, channels.Receipt{}, &channels.SendError{Code: c}
			}
		}
		return true, channels.Receipt{ProviderIDs: []string{fmt.Sprintf("%s-%s-%d", m.Provider, m.Key, m.Attempt)}}, nil
	}
}

func sms(codes ...channels.Code) (twoWays, *channel) {
	n := &channel{name: "sms", providers: []string{"one", "two"}, answer: answers(codes...)}
	return twoWays{n}, n
}

func TestProviderThatIsDownIsPassedOverAndAlarmed(t *testing.T) {
	ch, net := sms(channels.ProviderDown)
	run(t, ch, net, everybody{}, func(w world) {
		a := submit(w.log, 1, 1, "sms")
		w.wantEnd(a, gateway.DeliverySent, "")
		b := submit(w.log, 2, 1, "sms")
		w.wantEnd(b, gateway.DeliverySent, "")
		w.wantCalls("m1-001@one", "m1-001@two", "m2-001@two")
		w.wantAlarms("provider_down/one")
		time.Sleep(time.Hour)
		submit(w.log, 3, 1, "sms") // the probe
		w.wantCalls("m1-001@one", "m1-001@two", "m2-001@two", "m3-001@one")
		w.wantAlarms("provider_down/one", "-provider_down/one")
	})
}

func (w world) wantAlarms(want ...string) {
	w.Helper()
	synctest.Wait()
	var got []string
	for _, r := range w.log.after(0) {
		if a, ok := r.Event.(gateway.ChannelAlarm); ok {
			s := a.Code
			if a.Cleared {
				s = "-" + s
			}
			got = append(got, s)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		w.Errorf("alarms %v, want %v", got, want)
	}
}

func TestTemporaryErrorStaysWithTheProviderOnceThenLeaves(t *testing.T) {
	ch, net := sms(channels.Temporary, channels.Temporary)
	run(t, ch, net, everybody{}, func(w world) {
		submit(w.log, 1, 1, "sms")
		time.Sleep(time.Hour)
		w.wantCalls("m1-001@one", "m1-001@one", "m1-001@two")
	})
}

func TestWhatOneProviderDoesNotCarryTheOtherDoes(t *testing.T) {
	ch, net := sms(channels.Unroutable, channels.Temporary)
	run(t, ch, net, everybody{}, func(w world) {
		a := submit(w.log, 1, 1, "sms")
		time.Sleep(time.Hour)
		w.wantEnd(a, gateway.DeliverySent, "")
		b := submit(w.log, 2, 1, "sms") // nothing is wrong with the first for others
		w.wantEnd(b, gateway.DeliverySent, "")
		w.wantCalls("m1-001@one", "m1-001@two", "m1-001@two", "m2-001@one")
		w.wantAlarms()
	})
	ch, net = sms(channels.Unroutable, channels.Unroutable)
	run(t, ch, net, everybody{}, func(w world) {
		w.wantEnd(submit(w.log, 1, 1, "sms"), gateway.DeliveryFailed, channels.Unroutable)
		w.wantCalls("m1-001@one", "m1-001@two")
	})
}

func TestWhatOneProviderDoesNotCarryIsKnownAfterARestart(t *testing.T) {
	for providers, want := range map[string]string{"one,two": "m1-001@two", "one": ""} {
		synctest.Test(t, func(t *testing.T) {
			l := newLog()
			ch, net := sms()
			net.providers = strings.Split(providers, ",")
			a := submit(l, 1, 1, "sms")
			put(l, "conversation/c1", gateway.AttemptStarted{Message: a, Attempt: 1, Provider: "one"})
			put(l, "conversation/c1", gateway.AttemptEnded{Message: a, Attempt: 1, Provider: "one", State: gateway.DeliveryPending, Code: string(channels.Unroutable)})
			w := world{T: t, log: l, net: net}
			w.restart(ch)
			w.wantCalls(strings.Fields(want)...)
			if e := ends(t, l)[a]; (e.State == gateway.DeliverySent) != (want != "") {
				t.Errorf("with %s it ended %q", providers, e.State)
			}
		})
	}
}

// restart runs a new process on the same log for a minute.
func (w world) restart(ch channels.Channel) {
	w.Helper()
	o := outbox.New(outbox.Options{Append: w.log.append, Threads: everybody{}, Channels: map[string]channels.Channel{ch.Name(): ch}})
	for _, r := range w.log.after(0) {
		o.Observe(r)
	}
	o.Replayed()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	if err := o.Run(ctx); err != nil {
		w.Error(err)
	}
}

func TestOnlyAnAgentIsHuman(t *testing.T) {
	ch, net := sms()
	run(t, ch, net, everybody{}, func(w world) {
		for i, agent := range []gateway.AgentID{"jana", ""} {
			who := gateway.Identity{Channel: "sms", Account: "a", Remote: "1"}
			put(w.log, "conversation/c1", gateway.MessageSubmitted{Message: gateway.MessageID([]string{"m1", "m2"}[i]), Thread: who.Thread(), Identity: who, Text: "x", Agent: agent})
		}
		synctest.Wait()
		w.wantCalls("m1@one", "m2@one")
		if net.calls[0].Human != true || net.calls[1].Human != false {
			t.Errorf("human: %v for an agent, %v for a script", net.calls[0].Human, net.calls[1].Human)
		}
	})
}

func TestOptOutBlocksEveryProvider(t *testing.T) {
	ch, net := sms()
	run(t, ch, net, everybody{optedOut: true}, func(w world) {
		a := submit(w.log, 1, 1, "sms")
		w.wantEnd(a, gateway.DeliveryFailed, channels.OptedOut)
		w.wantCalls()
	})
	ch, net = sms(channels.OptedOut)
	run(t, ch, net, everybody{}, func(w world) {
		a := submit(w.log, 1, 1, "sms")
		w.wantEnd(a, gateway.DeliveryFailed, channels.OptedOut)
		time.Sleep(time.Hour)
		w.wantCalls("m1-001@one")
		// What the provider knew, the thread knows now.
		var consent []string
		for _, r := range w.log.after(0) {
			if e, ok := r.Event.(gateway.ConsentChanged); ok {
				consent = append(consent, fmt.Sprint(r.Stream == gateway.ThreadStream(gateway.Identity{Channel: "sms", Account: "a", Remote: "1"}.Thread()), e.OptedOut))
			}
		}
		if got := strings.Join(consent, "; "); got != "true true" {
			t.Errorf("consent %q", got)
		}
	})
}

func TestReportThatIsSafeToResendTakesTheOtherProviderOnce(t *testing.T) {
	ch, net := sms()
	run(t, ch, net, everybody{}, func(w world) {
		a := submit(w.log, 1, 1, "sms")
		w.wantCalls("m1-001@one")
		report := gateway.DeliveryReported{Message: a, State: gateway.DeliveryFailed, Provider: "one", SafeToResend: true}
		put(w.log, "thread/x", report)
		w.wantCalls("m1-001@one", "m1-001@two")
		put(w.log, "thread/x", report) // old news: the second provider has it now
		time.Sleep(time.Hour)
		w.wantCalls("m1-001@one", "m1-001@two")
		report.Provider, report.ProviderID = "two", "two-m1-001-2"
		put(w.log, "thread/x", report)
		time.Sleep(time.Hour)
		w.wantCalls("m1-001@one", "m1-001@two")
	})
}

func TestDownChannelIsProbedByOneMessageAtATime(t *testing.T) {
	net := &channel{name: "messenger"}
	var broken atomic.Bool
	broken.Store(true)
	net.answer = func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
		if broken.Load() {
			return false, channels.Receipt{}, &channels.SendError{Code: channels.ChannelDown, Reason: "190/460"}
		}
		return true, channels.Receipt{}, nil
	}
	run(t, net, net, everybody{}, func(w world) {
		submit(w.log, 0, 0, "messenger")
		synctest.Wait()
		for i := range 50 {
			submit(w.log, i, 1, "messenger")
		}
		time.Sleep(time.Hour)
		w.net.mu.Lock()
		calls := len(w.net.calls)
		w.net.mu.Unlock()
		broken.Store(false)
		if calls < 5 || calls > 60 {
			t.Errorf("%d probes in an hour, want some", calls)
		}
		w.wantAlarms("channel_down")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if s := w.box.Stats(); s.Pending != 0 || s.Sent != 51 || s.Down != 0 {
			t.Errorf("after the repair: %+v", s)
		}
		w.wantAlarms("channel_down", "-channel_down")
	})
}

func TestPartsThatWentOutAreNotSentAgain(t *testing.T) {
	net := &channel{name: "sms", answer: func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
		return false, channels.Receipt{}, &channels.SendError{Code: channels.Temporary, Sent: []string{"p1"}}
	}}
	run(t, net, net, everybody{}, func(w world) {
		a := submit(w.log, 1, 1, "sms")
		w.wantEnd(a, gateway.DeliveryUncertain, "partly_sent")
		time.Sleep(time.Hour)
		w.wantCalls("m1-001@")
	})
}

func TestMessageIsGivenUpAfterADayButNotOnTheLivechat(t *testing.T) {
	for name, want := range map[string]gateway.Delivery{"sms": gateway.DeliveryFailed, "livechat": gateway.DeliveryPending} {
		net := &channel{name: name, answer: func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
			return false, channels.Receipt{}, &channels.SendError{Code: channels.Temporary}
		}}
		run(t, net, net, everybody{}, func(w world) {
			a := submit(w.log, 1, 1, name)
			b := submit(w.log, 1, 2, name)
			time.Sleep(25 * time.Hour)
			synctest.Wait()
			if e := ends(t, w.log)[a]; e.State != want {
				t.Errorf("%s: %q after a day, want %q", name, e.State, want)
			}
			if e := ends(t, w.log)[b]; want == gateway.DeliveryFailed && e.State != want {
				t.Errorf("%s: the next message is %q, want %q", name, e.State, want)
			}
			if n := len(w.net.calls); n > 2500 {
				t.Errorf("%d calls in a day", n)
			}
		})
	}
}

// Meta answers code 2, "temporary", also for a person who has blocked the page.
func TestOnePersonWhoIsNotReachedHoldsUpNobodyElse(t *testing.T) {
	net := &channel{name: "messenger"}
	net.answer = func(_ context.Context, m channels.Outbound) (bool, channels.Receipt, error) {
		if m.To.Remote == "1" {
			return false, channels.Receipt{}, &channels.SendError{Code: channels.Temporary, Reason: "2"}
		}
		return true, channels.Receipt{}, nil
	}
	run(t, net, net, everybody{}, func(w world) {
		submit(w.log, 1, 1, "messenger")
		time.Sleep(3 * time.Hour)
		for n := range 10 {
			w.wantEnd(submit(w.log, 2, n, "messenger"), gateway.DeliverySent, "") // at once
			time.Sleep(time.Hour)
		}
		if s := w.box.Stats(); s.Down != 0 {
			t.Errorf("%d ways are down", s.Down)
		}
	})
}

func TestThrottledAccountWaitsAsLongAsAsked(t *testing.T) {
	var asked time.Time
	net := &channel{name: "messenger"}
	net.answer = func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
		if asked.IsZero() {
			asked = time.Now()
			return false, channels.Receipt{}, &channels.SendError{Code: channels.Throttled, RetryAfter: 10 * time.Minute}
		}
		if d := time.Since(asked); d < 10*time.Minute {
			t.Errorf("called again after %s", d)
		}
		return true, channels.Receipt{}, nil
	}
	run(t, net, net, everybody{}, func(w world) {
		a := submit(w.log, 1, 1, "messenger")
		synctest.Wait()
		b := submit(w.log, 2, 1, "messenger")
		time.Sleep(time.Hour)
		w.wantEnd(a, gateway.DeliverySent, "")
		w.wantEnd(b, gateway.DeliverySent, "")
	})
}

func TestStopLetsTheCallUnderWayFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		net := &channel{name: "sms", answer: func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
			time.Sleep(5 * time.Second)
			return true, channels.Receipt{}, nil
		}}
		o := outbox.New(outbox.Options{Append: l.append, Threads: everybody{}, Channels: map[string]channels.Channel{"sms": net}})
		a := submit(l, 1, 1, "sms")
		for _, r := range l.after(0) {
			o.Observe(r)
		}
		o.Replayed()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.Run(ctx); err != nil {
			t.Error(err)
		}
		if e := ends(t, l)[a]; e.State != gateway.DeliverySent {
			t.Errorf("ended %q, want sent", e.State)
		}
	})
}

func TestEchoProvesAnOpenAttempt(t *testing.T) {
	net := &channel{name: "messenger", answer: answers()}
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		a := submit(l, 1, 1, "messenger")
		put(l, "conversation/c1", gateway.AttemptStarted{Message: a, Attempt: 1})
		put(l, "thread/t", gateway.MessageReceived{Echo: true, EchoOf: a})
		o := outbox.New(outbox.Options{Append: l.append, Threads: everybody{}, Channels: map[string]channels.Channel{"messenger": net}})
		for _, r := range l.after(0) {
			o.Observe(r)
		}
		o.Replayed()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_ = o.Run(ctx)
		if e := ends(t, l)[a]; e.State != gateway.DeliverySent || len(net.calls) != 0 {
			t.Errorf("ended %q after %d calls, want sent after none", e.State, len(net.calls))
		}
	})
}

func TestSafeToResendIsKeptOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		ch, net := sms()
		a := submit(l, 1, 1, "sms")
		put(l, "conversation/c1", gateway.AttemptStarted{Message: a, Attempt: 1, Provider: "one"})
		put(l, "conversation/c1", gateway.AttemptEnded{Message: a, Attempt: 1, Provider: "one", State: gateway.DeliverySent, ProviderIDs: []string{"SM1"}})
		b := submit(l, 1, 2, "sms")
		put(l, "thread/t", gateway.DeliveryReported{ProviderID: "SM1", State: gateway.DeliveryFailed, SafeToResend: true})
		o := outbox.New(outbox.Options{Append: l.append, Threads: everybody{}, Channels: map[string]channels.Channel{"sms": ch}})
		for _, r := range l.after(0) {
			o.Observe(r)
		}
		o.Replayed()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_ = o.Run(ctx)
		w := world{T: t, log: l, net: net}
		w.wantCalls(string(a)+"@two", string(b)+"@one")
		if n := net.calls[0].Attempt; n != 2 {
			t.Errorf("attempt %d, want 2", n)
		}
	})
}

func TestReportThatOvertakesTheAnswerIsNotLost(t *testing.T) {
	ch, net := sms()
	var l *log
	plain := net.answer
	net.answer = func(ctx context.Context, m channels.Outbound) (bool, channels.Receipt, error) {
		if m.Attempt == 1 {
			put(l, "thread/t", gateway.DeliveryReported{Message: m.Key, Provider: "one", State: gateway.DeliveryFailed, SafeToResend: true})
			time.Sleep(time.Second)
		}
		return plain(ctx, m)
	}
	run(t, ch, net, everybody{}, func(w world) {
		l = w.log
		submit(w.log, 1, 1, "sms")
		time.Sleep(time.Hour)
		w.wantCalls("m1-001@one", "m1-001@two")
	})
}

func TestThreadOfAnotherAppIsNotAnswered(t *testing.T) {
	ch, net := sms()
	run(t, ch, net, everybody{notOurs: true}, func(w world) {
		w.wantEnd(submit(w.log, 1, 1, "sms"), gateway.DeliveryFailed, "not_ours")
		w.wantCalls()
	})
}

// A journal that lost its end gets it back piece by piece, from the spools of several nodes, in any order among them, while
// the outbox runs already. What was sent before is not sent again; what was not is sent when nothing more can come.
func TestAttemptsThatComeBackAfterAForkAreNotMadeAgain(t *testing.T) {
	const wait = 10 * time.Second
	for _, c := range []struct {
		name string
		back func(l *log, submit func(), start, end func())
		want int // sendings
	}{
		{"the message first", func(_ *log, submit, start, end func()) { submit(); start(); end() }, 0},
		{"the message last", func(_ *log, submit, start, end func()) { start(); end(); submit() }, 0},
		{"the message in between", func(_ *log, submit, start, end func()) { start(); submit(); end() }, 0},
		{"its beginning is lost", func(_ *log, submit, _, end func()) { submit(); end() }, 0},
		{"its end is lost", func(_ *log, submit, start, _ func()) { submit(); start() }, 0},
		{"it never began", func(_ *log, submit, _, _ func()) { submit() }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, net := newLog(), &channel{name: "messenger"}
				net.answer = func(context.Context, channels.Outbound) (bool, channels.Receipt, error) {
					return true, channels.Receipt{}, nil
				}
				o := outbox.New(outbox.Options{Append: l.append, Channels: map[string]channels.Channel{"messenger": net}, Threads: everybody{}})
				message := submit(newLog(), 1, 0, "messenger")
				at := time.Now()
				o.Hold(wait)
				o.Replayed()
				ctx, cancel := context.WithCancel(t.Context())
				var ended sync.WaitGroup
				ended.Go(func() { _ = o.Run(ctx) })
				sent := func() int { net.mu.Lock(); defer net.mu.Unlock(); return len(net.calls) }
				pos := uint64(0)
				observe := func(e gateway.Event) {
					pos++
					o.Observe(conversation.Record{Pos: pos, Stream: "conversation/c1", At: at.Add(-time.Minute), Event: e})
					time.Sleep(time.Second)
				}
				who := gateway.Identity{Channel: "messenger", Account: "a", Remote: "1"}
				c.back(l, func() {
					observe(gateway.MessageSubmitted{Message: message, Thread: who.Thread(), Identity: who, Text: "hello"})
				},
					func() { observe(gateway.AttemptStarted{Message: message, Attempt: 1}) },
					func() { observe(gateway.AttemptEnded{Message: message, Attempt: 1, State: gateway.DeliverySent}) })
				if sent() > 0 {
					t.Error("sent while its attempts may come back")
				}
				time.Sleep(wait)
				if got := sent(); got != c.want {
					t.Errorf("sent %d times, want %d", got, c.want)
				}
				// What is submitted now has nothing to wait for.
				at = at.Add(time.Hour)
				other := gateway.Identity{Channel: "messenger", Account: "a", Remote: "2"}
				observe(gateway.MessageSubmitted{Message: "new", Thread: other.Thread(), Identity: other, Text: "hello"})
				if sent() != c.want+1 {
					t.Error("a new message waits")
				}
				cancel()
				ended.Wait()
			})
		})
	}
}
