package media_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"

	"backline/gateway/media"
)

// oneWay is how long a packet takes in a world.
const oneWay = 15 * time.Millisecond

// world is an engine and browsers on a network of its own, inside a synctest bubble: time costs nothing, and a
// goroutine that does not end fails the test.
type world struct {
	t      *testing.T
	e      *media.Engine
	router *vnet.Router
	cut    atomic.Bool // nothing gets through
	hosts  byte

	mu     sync.Mutex
	events []media.Event // guarded by mu
	times  []time.Time   // of events, since the start; guarded by mu
}

// inWorld runs a test in a bubble.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "10.0.0.0/24", MinDelay: oneWay, LoggerFactory: silentLogs()})
		must(t, err)
		w := &world{t: t, router: router, hosts: 1}
		server, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{"10.0.0.1"}})
		must(t, err)
		must(t, router.AddNet(server))
		router.AddChunkFilter(func(vnet.Chunk) bool { return !w.cut.Load() })
		must(t, router.Start())
		w.e, err = media.New(media.Options{Listen: "10.0.0.1:7881", Net: udpOnly{server}, OnEvent: w.hear})
		must(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.e.Run(ctx) }()
		f(t, w)
		w.e.End("c1")
		synctest.Wait()
		if left := media.Left(w.e); left != "" {
			t.Errorf("after the end of all calls the engine still holds %s", left)
		}
		stop()
		must(t, <-done)
		must(t, router.Stop())
	})
}

// udpOnly is a vnet whose TCP ports can be opened; nobody ever calls there, since vnet has no TCP.
type udpOnly struct{ *vnet.Net }

func (udpOnly) ListenTCP(string, *net.TCPAddr) (transport.TCPListener, error) {
	l := deaf{over: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.over) })
	return l, nil
}

type deaf struct {
	transport.TCPListener
	over  chan struct{}
	close func()
}

func (l deaf) Accept() (net.Conn, error) { <-l.over; return nil, net.ErrClosed }
func (l deaf) Close() error              { l.close(); return nil }
func (l deaf) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7881} }

func (w *world) hear(ev media.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, ev)
	w.times = append(w.times, time.Now())
}

// client is a browser on a host of its own. It ends with w.close or by itself.
func (w *world) client(settings ...setting) *client {
	w.t.Helper()
	w.hosts++
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{"10.0.0." + string('0'+rune(w.hosts))}})
	must(w.t, err)
	must(w.t, w.router.AddNet(n))
	patient := func(s *webrtc.SettingEngine) { s.SetICETimeouts(5*time.Second, time.Hour, 2*time.Second) } // a page does not give up
	return newClient(w.t, append(settings, onNet(n), patient)...)
}

// states are what was told of a leg so far.
func (w *world) states(key media.LegKey) []media.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []media.State
	for _, ev := range w.events {
		if ev.Leg == key && !ev.FirstAudio {
			all = append(all, ev.State)
		}
	}
	return all
}

// when tells how long after t0 a state was told.
func (w *world) when(s media.State, t0 time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.events, func(ev media.Event) bool { return ev.State == s })
	if i < 0 {
		return -1
	}
	return w.times[i].Sub(t0)
}

func (w *world) want(key media.LegKey, want ...media.State) {
	w.t.Helper()
	synctest.Wait()
	if got := w.states(key); !slices.Equal(got, want) {
		w.t.Errorf("%s was told as %v, want %v", key.Side, got, want)
	}
}

func TestALegThatFallsSilentIsInterruptedAndThenGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.client()
		a.call(w.e, customer, false)
		w.want(customer, media.Connected)
		w.cut.Store(true)
		t0 := time.Now()
		time.Sleep(time.Minute)
		w.want(customer, media.Connected, media.Interrupted, media.Gone, media.Closed)
		within(t, "interrupted", w.when(media.Interrupted, t0), media.SilentAfter+media.Grace)
		within(t, "gone", w.when(media.Gone, t0), media.SilentAfter+media.GoneAfter)
		if all := w.e.Stats("c1"); len(all) != 0 {
			t.Errorf("the leg that is gone is still there: %+v", all)
		}
		a.close()
	})
}

// within allows for the time since the last sign of life before the cut and for how often pion looks.
func within(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want-3*time.Second || got > want+time.Second {
		t.Errorf("%s came after %v, want about %v", what, got, want)
	}
}

func TestAShortCutIsNotTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.client()
		a.call(w.e, customer, false)
		w.cut.Store(true)
		time.Sleep(media.SilentAfter + media.Grace/2)
		w.cut.Store(false)
		time.Sleep(time.Minute)
		w.want(customer, media.Connected)
		a.close()
	})
}

func TestAnICERestartHealsAnInterruptedLeg(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		w.e.Hear("c1", both())
		a.call(w.e, customer, false)
		b.call(w.e, agent, false)
		a.say(960, 1)
		before := b.hear()
		w.cut.Store(true)
		time.Sleep(10 * time.Second)
		w.want(customer, media.Connected, media.Interrupted)
		w.cut.Store(false)
		a.call(w.e, customer, true)
		b.call(w.e, agent, true)
		w.want(customer, media.Connected, media.Interrupted, media.Connected)
		a.say(960, 2)
		if after := b.hear(); after.SequenceNumber != before.SequenceNumber+1 || after.SSRC != before.SSRC {
			t.Errorf("after the restart came packet %d of %d, want %d of %d", after.SequenceNumber, after.SSRC, before.SequenceNumber+1, before.SSRC)
		}
		time.Sleep(time.Minute)
		w.want(agent, media.Connected, media.Interrupted, media.Connected)
		a.close()
		b.close()
	})
}

func TestARestartWithoutALegIsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.client()
		if _, err := w.e.Offer(t.Context(), customer, a.offer(false), true); err != media.ErrNoLeg {
			t.Errorf("got %v, want ErrNoLeg", err)
		}
		a.close()
	})
}

func TestALegThatNeverConnectsIsGone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.client()
		_, err := w.e.Offer(t.Context(), customer, a.offer(false), false)
		must(t, err)
		time.Sleep(media.GoneAfter - time.Second)
		w.want(customer)
		time.Sleep(2 * time.Second)
		w.want(customer, media.Gone, media.Closed)
		a.close()
	})
}

func TestAPageThatClosesItsConnectionIsClosedAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.client()
		a.call(w.e, customer, false)
		a.close()
		time.Sleep(time.Second)
		w.want(customer, media.Connected, media.Closed)
	})
}

func TestANewOfferTakesTheLegsPlace(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		w.e.Hear("c1", both())
		a.call(w.e, customer, false)
		b.call(w.e, agent, false)
		a.say(960, 1)
		before := b.hear()

		again := w.client()
		again.call(w.e, customer, false)
		time.Sleep(time.Second)
		again.say(960, 2)
		after := b.hear()
		if after.payload[0] != 2 || after.SequenceNumber != before.SequenceNumber+1 || after.SSRC != before.SSRC {
			t.Errorf("the agent heard %d as packet %d of %d, want the new leg as %d of %d",
				after.payload[0], after.SequenceNumber, after.SSRC, before.SequenceNumber+1, before.SSRC)
		}
		b.say(960, 3)
		if h := again.hear(); h.payload[0] != 3 {
			t.Errorf("the new leg heard %v", h.payload)
		}
		a.silent(time.Second)
		w.want(customer, media.Connected, media.Connected) // nothing of the old one's end
		if a.pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
			t.Error("the replaced connection is still up")
		}
		for _, c := range []*client{a, b, again} {
			c.close()
		}
	})
}

func TestAReplacedLegHearsNoMusicAnyMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.e.Hear("c1", media.Table{media.Customer: {media.Music}})
		a, again := w.client(), w.client()
		a.call(w.e, customer, false)
		a.hear()
		again.call(w.e, customer, false)
		again.hear()
		a.close()
		again.close() // the world looks whether anybody is left who hears music
	})
}

func TestHangupAndEndCloseLegs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		w.e.Hear("c1", both())
		a.call(w.e, customer, false)
		b.call(w.e, agent, false)
		w.e.Hangup(agent)
		w.e.Hangup(agent)
		w.want(agent, media.Connected, media.Closed)
		w.want(customer, media.Connected)
		w.e.End("c1")
		w.e.End("c1")
		w.want(customer, media.Connected, media.Closed)
		a.close()
		b.close()
	})
}

func TestFirstAudioIsToldOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.client()
		a.call(w.e, customer, false)
		for range 10 {
			a.say(960, 1)
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		want := []media.Event{{Leg: customer, State: media.Connected}, {Leg: customer, State: media.Connected, FirstAudio: true}}
		w.mu.Lock()
		if !slices.Equal(w.events, want) {
			t.Errorf("got %v, want %v", w.events, want)
		}
		w.mu.Unlock()
		a.close()
	})
}

func TestMusicThenTheOtherPartyIsOneStream(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		w.e.Hear("c1", media.Table{media.Customer: {media.Music}})
		a.call(w.e, customer, false)
		time.Sleep(3 * time.Second)
		b.call(w.e, agent, false)
		w.e.Hear("c1", both())
		for range 50 {
			b.say(960, 9)
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		close(a.heard)
		music, last := 0, heard{}
		for h := range a.heard {
			if last.SequenceNumber == 0 && !h.Marker {
				t.Error("the first packet heard is not the first one made")
			}
			if last.SequenceNumber != 0 {
				if h.SequenceNumber != last.SequenceNumber+1 || h.SSRC != last.SSRC {
					t.Fatalf("packet %d of %d follows %d of %d", h.SequenceNumber, h.SSRC, last.SequenceNumber, last.SSRC)
				}
				if step := h.Timestamp - last.Timestamp; step != 960 {
					t.Errorf("the timestamp goes on by %d, want 960", step)
				}
			}
			if len(h.payload) > 1 {
				music++
			} else if len(last.payload) > 1 && !h.Marker {
				t.Error("the change of source is not marked")
			}
			last = h
		}
		if music < 140 || last.payload[0] != 9 {
			t.Errorf("heard %d packets of music and %v at the end, want about 150 and 9", music, last.payload)
		}
		a.close()
		b.close()
	})
}

func TestTheFirstCheckOfABrowserIsThePath(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.client(func(s *webrtc.SettingEngine) { s.SetHostAcceptanceMinWait(5 * time.Second) }) // nominates late
		for _, restart := range []bool{false, true} {
			answer, err := w.e.Offer(t.Context(), customer, a.offer(restart), restart)
			must(t, err)
			a.take(answer)
			time.Sleep(time.Second)
			if s := w.e.Stats("c1"); s[0].Path != "udp" {
				t.Errorf("restart %v: after a second got %+v, want UDP", restart, s)
			}
			a.connected()
		}
		a.close()
	})
}

func TestAPauseOfTheSpeakerStaysAPause(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		w.e.Hear("c1", both())
		a.call(w.e, customer, false)
		b.call(w.e, agent, false)
		a.say(960, 1)
		time.Sleep(400 * time.Millisecond) // DTX: 400 ms of nothing, then one packet
		a.say(400*48, 1)
		first, second := b.hear(), b.hear()
		if second.SequenceNumber != first.SequenceNumber+1 || second.Timestamp != first.Timestamp+400*48 {
			t.Errorf("after the pause: packet +%d, timestamp +%d, want +1, +%d",
				second.SequenceNumber-first.SequenceNumber, second.Timestamp-first.Timestamp, 400*48)
		}
		a.close()
		b.close()
	})
}

func TestALegHearsSilenceByDefault(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		a.call(w.e, customer, false)
		b.call(w.e, agent, false)
		b.say(960, 1)
		a.silent(time.Second)
		w.e.Hear("c1", both())
		b.say(960, 2)
		if h := a.hear(); h.payload[0] != 2 {
			t.Errorf("heard %v, want 2", h.payload)
		}
		w.e.Hear("c1", nil)
		b.say(960, 3)
		a.silent(time.Second)
		a.close()
		b.close()
	})
}

// isSound tells RTP of our Opus from RTCP, STUN and DTLS (RFC 7983).
func isSound(c vnet.Chunk) bool {
	b := c.UserData()
	return len(b) > 1 && b[0]>>6 == 2 && b[1]&127 == 109
}

func TestReportsTellLossAndRoundTrip(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.client(), w.client()
		w.e.Hear("c1", both())
		a.call(w.e, customer, false)
		b.call(w.e, agent, false)
		in, out := 0, 0
		w.router.AddChunkFilter(func(c vnet.Chunk) bool { // one is lost on its way in, another on its way out
			switch {
			case !isSound(c):
			case c.SourceAddr().String() == a.address():
				in++
				return in != 30
			case c.DestinationAddr().String() == b.address():
				out++
				return out != 70
			}
			return true
		})
		for range 100 {
			a.say(960, 1)
			b.say(960, 2)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		stats := w.e.Stats("c1")
		if in := stats[1].In; in.Packets != 99 || in.Lost != 1 || stats[1].Path != "udp" || stats[1].State != media.Connected {
			t.Errorf("from the customer: %+v, want 99 packets, 1 lost", stats[1])
		}
		if out := stats[0].Out; out.Packets != 99 || out.Lost != 2 {
			t.Errorf("to the agent: %+v, want 99 packets, 2 lost", out)
		}
		// The browser gets what it needs to compute the same (RFC 3550, 6.4.1).
		if r := a.report.Load(); r == nil || r.TotalLost != 1 || r.LastSenderReport == 0 || r.Delay > 2<<16 {
			t.Errorf("the customer is told %+v, want 1 lost and which of its reports came last", r)
		}
		for _, s := range stats {
			if s.RTT < 2*oneWay || s.RTT > 3*oneWay {
				t.Errorf("the round trip to the %s is %v, want %v", s.Side, s.RTT, 2*oneWay)
			}
		}
		a.close()
		b.close()
	})
}
