package media_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"

	"backline/gateway/media"
)

// attackTime is how long each attack runs beside a call.
const attackTime = 1500 * time.Millisecond

// target is what an attacker knows: the port, and a caller's own socket.
type target struct {
	t      *testing.T
	e      *media.Engine
	at     *net.UDPAddr
	caller *tap
	done   atomic.Int64 // packets or offers of the attack
}

// until repeats an attack, pausing now and then, because a flood that fills the machine shows nothing.
func (g *target) until(ctx context.Context, pause time.Duration, strike func(n int)) {
	for n := 0; ctx.Err() == nil; n++ {
		strike(n)
		g.done.Add(1)
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

// stranger is a socket that the engine has never heard of.
func (g *target) stranger() *net.UDPConn {
	conn, err := net.DialUDP("udp", nil, g.at)
	must(g.t, err)
	return conn
}

// flood sends what make gives from a stranger's port, another every 64 packets.
func (g *target) flood(ctx context.Context, make func(n int) []byte) {
	conn := g.stranger()
	g.until(ctx, 0, func(n int) {
		if n%64 == 63 {
			conn.Close()
			conn = g.stranger()
			time.Sleep(time.Millisecond)
		}
		_, _ = conn.Write(make(n)) // a full buffer loses it
	})
	conn.Close()
}

var attacks = []struct {
	name   string
	strike func(context.Context, *target)
}{
	{"SDP bombs", func(ctx context.Context, g *target) {
		bombs := sdpBombs(g.t)
		g.until(ctx, 100*time.Microsecond, func(n int) {
			if _, err := g.e.Offer(ctx, media.LegKey{Call: fmt.Sprint("bomb", n), Side: media.Customer}, bombs[n%len(bombs)], false); err == nil {
				g.t.Errorf("bomb %d is answered", n%len(bombs))
			}
		})
	}},
	{"offers that never come up, full of candidates", func(ctx context.Context, g *target) {
		offer := manyCandidates(chromium(g.t), media.MaxCandidates)
		g.until(ctx, 20*time.Millisecond, func(n int) {
			_, err := g.e.Offer(context.Background(), media.LegKey{Call: fmt.Sprint("flood", n), Side: media.Customer}, offer, false)
			must(g.t, err)
		})
		for n := range g.done.Load() {
			g.e.End(fmt.Sprint("flood", n))
		}
	}},
	{"checks of nobody's", func(ctx context.Context, g *target) {
		g.flood(ctx, func(n int) []byte {
			m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(fmt.Sprintf("u%d:x", n)), stun.NewShortTermIntegrity("guess"), stun.Fingerprint)
			must(g.t, err)
			return m.Raw
		})
	}},
	{"DTLS before ICE", func(ctx context.Context, g *target) {
		hello := append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 1, 0, 0, 188, 0, 0, 0, 0, 0, 0, 0, 188, 0xfe, 0xfd}, make([]byte, 186)...)
		g.flood(ctx, func(int) []byte { return hello })
	}},
	{"forged sound of strangers", func(ctx context.Context, g *target) {
		g.flood(ctx, func(n int) []byte { return forged(n, 77) })
	}},
	{"forged sound and reports from the caller's own address", func(ctx context.Context, g *target) {
		g.until(ctx, 100*time.Microsecond, func(n int) {
			b := forged(n, uint32(n%3))
			if n%4 == 0 {
				raw, err := (&rtcp.Goodbye{Sources: []uint32{uint32(n)}}).Marshal()
				must(g.t, err)
				b = append(raw, make([]byte, 14)...)
			}
			g.caller.send(b, g.at)
		})
	}},
	{"rubbish", func(ctx context.Context, g *target) {
		b := make([]byte, 1200)
		_, _ = rand.Read(b)
		g.flood(ctx, func(n int) []byte { return b[n%1100:] })
	}},
	{"TCP connections that say nothing, or rubbish", func(ctx context.Context, g *target) {
		var open []net.Conn
		g.until(ctx, 2*time.Millisecond, func(n int) {
			conn, err := net.DialTimeout("tcp", g.at.String(), time.Second)
			if err != nil {
				return
			}
			if n%2 == 0 {
				_, _ = conn.Write([]byte("\xff\xffGET / HTTP/1.1\r\n\r\n"))
			}
			open = append(open, conn)
		})
		for _, conn := range open {
			conn.Close()
		}
	}},
	{"a caller with a million voices", func(ctx context.Context, g *target) {
		c := newClientWith(g.t, &voices1M{}, onlyUDP)
		defer c.close()
		key := media.LegKey{Call: "voices", Side: media.Customer}
		c.call(g.e, key, false)
		g.until(ctx, time.Millisecond, func(int) { c.say(960, 1) })
		for end := time.Now().Add(10 * time.Second); stateOf(g.e, key) != ""; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				g.t.Fatal("its leg is still there")
			}
		}
	}},
}

func TestACallGoesOnUnderEachAttack(t *testing.T) {
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			e := start(t, media.Options{})
			system, err := stdnet.NewNet()
			must(t, err)
			line := &tap{Net: system}
			a, b := newClient(t, onlyUDP, onNet(line)), newClient(t, onlyUDP)
			defer a.close()
			defer b.close()
			e.Hear("c1", both())
			a.call(e, customer, false)
			b.call(e, agent, false)
			g := &target{t: t, e: e, at: net.UDPAddrFromAddrPort(e.Addr()), caller: line}
			ctx, stop := context.WithTimeout(t.Context(), attackTime)
			defer stop()
			var attacker sync.WaitGroup
			attacker.Go(func() { attack.strike(ctx, g) })
			said := 0
			for every := time.NewTicker(20 * time.Millisecond); ctx.Err() == nil; said++ {
				a.say(960, 1, byte(said))
				b.say(960, 2, byte(said))
				<-every.C
			}
			attacker.Wait()
			for end := time.Now().Add(5 * time.Second); len(a.heard)+len(b.heard) < 2*said && time.Now().Before(end); {
				time.Sleep(5 * time.Millisecond) // some are on their way
			}
			gotA, gotB := a.drain(), b.drain()
			t.Logf("%d strikes; of %d packets the customer heard %d, the agent %d", g.done.Load(), said, gotA, gotB)
			if lost := 2*said - gotA - gotB; lost*100 >= 2*said {
				t.Errorf("%d of %d packets were lost", lost, 2*said)
			}
			if g.done.Load() == 0 {
				t.Error("there was no attack")
			}
		})
	}
}

// sdpBombs are offers that must be refused before pion sees them.
func sdpBombs(t *testing.T) []string {
	good := chromium(t)
	audio := good[strings.Index(good, "m=audio"):]
	return []string{
		good + strings.Repeat("a=x\r\n", media.MaxSDPBytes/5),
		good + strings.Repeat(audio, 3),
		good + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 200),
		manyCandidates(good, media.MaxCandidates+1),
		strings.ReplaceAll(good, "opus/48000/2", "PCMU/8000"),
		strings.ReplaceAll(good, "opus/48000/2", "opus/8000/1"),
		strings.ReplaceAll(good, "m=audio", "m=application"),
		strings.Repeat("v=0\r\n", 3000), "", "v=0\r\n\x00\xff",
	}
}

func manyCandidates(offer string, n int) string {
	var b strings.Builder
	b.WriteString(offer)
	for i := range n {
		fmt.Fprintf(&b, "a=candidate:%d 1 udp 2130706431 10.%d.0.1 %d typ host\r\n", i, i, 1024+i)
	}
	return b.String()
}

// forged is a packet that looks like sound.
func forged(n int, ssrc uint32) []byte {
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 109, SequenceNumber: uint16(n * 7), Timestamp: uint32(n) * 960, SSRC: ssrc}, Payload: make([]byte, 80)}
	b, err := p.Marshal()
	if err != nil {
		panic(err) // cannot be
	}
	return b
}

// tap lets a test send from a client's own socket.
type tap struct {
	transport.Net
	mu   sync.Mutex
	conn transport.UDPConn // guarded by mu
}

func (t *tap) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := t.Net.ListenUDP(network, at)
	t.mu.Lock()
	defer t.mu.Unlock()
	if at != nil && at.IP.IsLoopback() || t.conn == nil {
		t.conn = conn
	}
	return conn, err
}

func (t *tap) send(b []byte, to *net.UDPAddr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.conn.WriteTo(b, to)
}

// voices1M gives each packet another SSRC.
type voices1M struct{ interceptor.NoOp }

func (v *voices1M) NewInterceptor(string) (interceptor.Interceptor, error) { return v, nil }

func (v *voices1M) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		n, err := rand.Int(rand.Reader, big.NewInt(1<<32))
		if err != nil {
			return 0, err
		}
		other := *h
		other.SSRC = uint32(n.Uint64())
		return w.Write(&other, payload, a)
	})
}

// chromium is an offer as it was recorded.
func chromium(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/offers/chromium.sdp")
	must(t, err)
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
}
