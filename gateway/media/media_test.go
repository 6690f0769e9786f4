package media_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"

	"backline/gateway"
	"backline/gateway/media"
)

// start runs an engine on real sockets and ends it with the test.
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

func both() media.Table {
	return media.Table{media.Customer: {media.From(media.Agent)}, media.Agent: {media.From(media.Customer)}}
}

func TestTwoHearEachOtherOverUDP(t *testing.T) {
	talk(t, start(t, media.Options{}), "udp", newClient(t, onlyUDP), newClient(t, onlyUDP))
}

func TestTwoHearEachOtherOverTCP(t *testing.T) {
	talk(t, start(t, media.Options{}), "tcp", newClient(t, onlyTCP), newClient(t, onlyTCP))
}

func TestAllAddressesOfTheMachineWork(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0"} {
		talk(t, start(t, media.Options{Listen: listen}), "udp", newClient(t, onlyUDP), newClient(t, onlyUDP))
		talk(t, start(t, media.Options{Listen: listen}), "tcp", newClient(t, onlyTCP), newClient(t, onlyTCP))
	}
}

// talk has two clients speak at once, and each must hear all of the other.
func talk(t *testing.T, e *media.Engine, path string, a, b *client) {
	t.Helper()
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
	b.hearAll(1, 50)
	a.hearAll(2, 50)
	for _, s := range e.Stats("c1") {
		if s.Path != path || s.In.Packets != 50 || s.In.Lost != 0 || s.Out.Packets != 50 || s.Out.Dropped != 0 {
			t.Errorf("got %+v, want 50 packets each way over %s", s, path)
		}
	}
}

// hearAll waits for packets 0 to n-1 of who. The first ones may overtake one another, when the short way opens.
func (c *client) hearAll(who byte, n int) {
	c.t.Helper()
	heard := map[byte]bool{}
	for range n {
		h := c.hear()
		if h.payload[0] != who || heard[h.payload[1]] || h.PayloadType != 109 {
			c.t.Fatalf("heard %v as %d, want each packet of %d once, as 109", h.payload, h.PayloadType, who)
		}
		heard[h.payload[1]] = true
	}
}

func TestALegWhoseUDPIsBlockedGoesOnOverTCP(t *testing.T) {
	e := start(t, media.Options{})
	wall := &firewall{}
	system, err := stdnet.NewNet()
	must(t, err)
	wall.Net = system
	a := newClient(t, onNet(wall))
	defer a.close()
	e.Hear("c1", media.Table{media.Customer: {media.Music}})
	a.call(e, customer, false)
	before := a.hear()
	wall.blocked.Store(true)
	a.call(e, customer, true)
	for len(a.heard) > 0 {
		before = <-a.heard
	}
	if after := a.hear(); after.SSRC != before.SSRC {
		t.Error("another stream came over TCP")
	}
	if s := e.Stats("c1")[0]; s.Path != "tcp" {
		t.Errorf("got %+v, want TCP", s)
	}
}

func TestALegThatTurnedOverGoesOnOverTCPAndBack(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has no time for that many packets")
	}
	e := start(t, media.Options{})
	wall := &firewall{}
	system, err := stdnet.NewNet()
	must(t, err)
	wall.Net = system
	a, b := newClient(t, onNet(wall)), newClient(t, onlyUDP)
	defer a.close()
	defer b.close()
	e.Hear("c1", both())
	a.call(e, customer, false)
	b.call(e, agent, false)
	both := func(when string) { // what is said while a path changes may be lost
		t.Helper()
		for until, heard := time.Now().Add(20*time.Second), [2]int{}; heard[0] < 3 || heard[1] < 3; {
			if time.Now().After(until) {
				t.Fatalf("%s, %d and %d packets were heard", when, heard[0], heard[1])
			}
			a.say(960, 1)
			b.say(960, 2)
			time.Sleep(20 * time.Millisecond)
			heard[0] += a.drain()
			heard[1] += b.drain()
		}
		time.Sleep(100 * time.Millisecond)
		a.drain()
		b.drain()
	}
	both("at first")
	if !media.Short(e, customer) || !media.Short(e, agent) {
		t.Error("sound over UDP goes through pion")
	}
	for range 12 { // two rounds of the sequence number
		a.jump(12000)
		a.say(960, 1)
		b.hear()
	}
	for range 70 { // what a hears goes round only packet by packet
		for range 1000 {
			b.say(960, 2)
			a.hear()
		}
	}
	wall.blocked.Store(true)
	a.call(e, customer, true)
	both("over TCP")
	if media.Short(e, customer) {
		t.Error("sound over TCP takes the short way")
	}
	wall.blocked.Store(false)
	a.call(e, customer, true)
	both("after another restart")
}

// firewall lets no UDP out while it is blocked.
type firewall struct {
	transport.Net
	blocked atomic.Bool
}

func (f *firewall) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := f.Net.ListenUDP(network, at)
	return walled{c, f}, err
}

type walled struct {
	transport.UDPConn
	f *firewall
}

func (w walled) WriteTo(b []byte, to net.Addr) (int, error) {
	if w.f.blocked.Load() {
		return len(b), nil
	}
	return w.UDPConn.WriteTo(b, to)
}

func TestTheAnswerHoldsTheAddressesBrowsersAreTold(t *testing.T) {
	e := start(t, media.Options{PublicIPs: []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8")}})
	a := newClient(t)
	defer a.close()
	answer, err := e.Offer(t.Context(), customer, a.offer(false), false)
	must(t, err)
	port := strconv.Itoa(int(e.Addr().Port()))
	for _, want := range []string{
		`1 udp \d+ 203\.0\.113\.7 ` + port + ` typ host`, `1 udp \d+ 203\.0\.113\.8 ` + port + ` typ host`,
		`1 tcp \d+ 203\.0\.113\.7 ` + port + ` typ host tcptype passive`, `a=ice-lite`, `a=end-of-candidates`,
		`a=rtpmap:109 opus/48000/2`, `useinbandfec=1`,
	} {
		if !regexp.MustCompile(want).MatchString(answer) {
			t.Errorf("no %s in\n%s", want, answer)
		}
	}
	if strings.Contains(answer, "127.0.0.1 ") {
		t.Errorf("the address behind the NAT is told:\n%s", answer)
	}
}

func TestUDPAndTCPHaveTheSameNumber(t *testing.T) {
	e := start(t, media.Options{})
	c, err := net.Dial("tcp", e.Addr().String())
	must(t, err)
	must(t, c.Close())
	if _, err := media.New(media.Options{Listen: e.Addr().String()}); err == nil {
		t.Error("a port that is taken was bound again")
	}
}

func TestNothingIsTakenAfterTheEnd(t *testing.T) {
	e, err := media.New(media.Options{Listen: "127.0.0.1:0"})
	must(t, err)
	over, stop := context.WithCancel(t.Context())
	stop()
	must(t, e.Run(over))
	a := newClient(t)
	defer a.close()
	_, err = e.Offer(t.Context(), customer, a.offer(false), false)
	if bad, ok := errors.AsType[*gateway.Error](err); !ok || bad.Kind != gateway.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, settings := range [][]setting{nil, {onlyTCP}} {
		e, err := media.New(media.Options{Listen: "127.0.0.1:0"})
		must(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		e.Hear("c1", both())
		a, b := newClient(t, settings...), newClient(t, settings...)
		a.call(e, customer, false)
		b.call(e, agent, false)
		a.call(e, customer, true)
		stop()
		must(t, <-done)
		a.close()
		b.close()
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			all := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, all[:runtime.Stack(all, true)])
		}
	}
}

// TestTheGatewayLosesNothingOfAHundredCalls counts what came in against what went out, and what clients sent
// against what the others heard: 100 packets a second and call, fewer on a machine that is too slow for it, since
// sockets that nobody has time to read overflow.
func TestTheGatewayLosesNothingOfAHundredCalls(t *testing.T) {
	calls, packets := 100, 250
	if raceEnabled {
		calls, packets = 10, 100 // the race detector leaves no time for more
	}
	e := start(t, media.Options{})
	clients := make([]*client, 2*calls)
	var connecting sync.WaitGroup
	abreast := make(chan struct{}, 8) // that many at once, or some give up on a slow machine
	for i := range clients {
		clients[i] = newClient(t)
		key := media.LegKey{Call: strconv.Itoa(i / 2), Side: []media.Side{media.Customer, media.Agent}[i%2]}
		e.Hear(key.Call, both())
		abreast <- struct{}{}
		connecting.Go(func() {
			defer func() { <-abreast }()
			clients[i].call(e, key, false)
		})
	}
	connecting.Wait()
	var speakers sync.WaitGroup
	payload := make([]byte, 80)
	for i, c := range clients {
		other := clients[i^1]
		speakers.Go(func() {
			for tick := time.NewTicker(20 * time.Millisecond); c.said() < packets; <-tick.C {
				c.say(960, payload...)
				for late := time.Now().Add(10 * time.Second); len(other.heard) < c.said() && time.Now().Before(late); {
					time.Sleep(time.Millisecond)
				}
				if len(other.heard) < c.said() {
					return // it is lost
				}
			}
		})
	}
	speakers.Wait()
	said, heard := 0, 0
	for _, c := range clients {
		said += c.said()
		heard += len(c.heard)
	}
	var closing sync.WaitGroup
	defer closing.Wait()
	for _, c := range clients {
		defer closing.Go(c.close)
	}
	var in, out media.Flow
	for i := range calls {
		for _, s := range e.Stats(strconv.Itoa(i)) {
			in.Packets += s.In.Packets
			in.Lost += s.In.Lost
			out.Packets += s.Out.Packets
			out.Dropped += s.Out.Dropped
		}
	}
	t.Logf("%d calls: sent %d, in %d, out %d, heard %d", calls, said, in.Packets, out.Packets, heard)
	if out.Packets != in.Packets || out.Dropped != 0 {
		t.Errorf("%d packets came in, %d went out, %d were not taken", in.Packets, out.Packets, out.Dropped)
	}
	if heard != said || said != len(clients)*packets {
		t.Errorf("%d packets were said, %d heard, want %d", said, heard, len(clients)*packets)
	}
}

func TestALegIsMeasuredOnceWhenItEnds(t *testing.T) {
	measured := make(chan media.Measured, 8)
	e := start(t, media.Options{OnMeasured: func(m media.Measured) { measured <- m }})
	a := newClient(t, onlyUDP)
	a.call(e, customer, false)
	for range 5 {
		a.say(960, 1)
		time.Sleep(20 * time.Millisecond)
	}
	for len(e.All()) != 1 || e.All()[0].In.Packets < 5 {
		time.Sleep(time.Millisecond)
	}
	a.close() // the browser says goodbye: the path is gone when the leg ends
	m := <-measured
	if m.Key != customer || m.Path != "udp" || m.Network != "127.0.0.0/24" || m.In.Packets != 5 || m.Lasted <= 0 {
		t.Errorf("got %+v", m)
	}
	if n := len(measured); n > 0 {
		t.Errorf("measured %d times more", n)
	}
}

// Sockets of another process are read by Run only, and an Engine on them begins where the other ended.
func TestBoundSocketsAreReadByRun(t *testing.T) {
	bound, err := media.Bind("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := media.New(media.Options{Bound: bound})
	if err != nil {
		t.Fatal(err)
	}
	if at := bound.UDP.LocalAddr().(*net.UDPAddr).AddrPort(); e.Addr() != at {
		t.Errorf("at %s, want %s", e.Addr(), at)
	}
	from, err := net.Dial("udp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := from.Write([]byte("for whoever reads first")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	_ = bound.UDP.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := bound.UDP.Read(b); err != nil || string(b[:n]) != "for whoever reads first" {
		t.Errorf("the owner of the socket reads %q, %v", b[:n], err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Run(ctx); err != nil {
		t.Errorf("run: %v", err)
	}
}
