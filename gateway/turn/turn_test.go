package turn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	pion "github.com/pion/turn/v5"

	"backline/gateway/turn"
)

// port is a media port that sends back what it gets, and counts.
type port struct {
	t    *testing.T
	conn *net.UDPConn
	mu   sync.Mutex
	got  []string
}

// told is the address at which browsers know the port; it is not where it listens.
var told = netip.MustParseAddr("203.0.113.7")

func newPort(t *testing.T) *port {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	p := &port{t: t, conn: conn}
	var echo sync.WaitGroup
	echo.Go(func() {
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.got = append(p.got, string(buf[:n]))
			p.mu.Unlock()
			_, _ = conn.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	t.Cleanup(func() { conn.Close(); echo.Wait() })
	return p
}

func (p *port) Told(a netip.Addr) bool { return a == told }
func (p *port) ToldIPv4() bool         { return true }
func (p *port) Addr() netip.AddrPort   { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }
func (p *port) Relay(bool) (net.Conn, error) {
	return net.DialUDP("udp", nil, p.conn.LocalAddr().(*net.UDPAddr))
}

// toldAt is the port as browsers address it.
func (p *port) toldAt() *net.UDPAddr {
	return &net.UDPAddr{IP: told.AsSlice(), Port: int(p.Addr().Port())}
}

// house is a running server.
type house struct {
	*turn.Server
	t      *testing.T
	port   *port
	secure net.Listener
	stop   func()
}

func run(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, port: newPort(t)}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h.secure = plain
	h.Server, err = turn.New(turn.Options{Secret: []byte(strings.Repeat("s", 32)), Media: h.port, Listen: "127.0.0.1:0",
		TLS: tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		must(t, <-done)
		h.until("nothing is left", func() bool { return h.Stats() == turn.Stats{} })
	})
	t.Cleanup(h.stop)
	return h
}

// client is a TURN client over udp, tcp or tls.
func (h *house) client(network string, c turn.Credentials) *pion.Client {
	h.t.Helper()
	var conn net.PacketConn
	at := h.Addr().String()
	switch network {
	case "udp":
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(h.t, err)
		conn = udp
	case "tcp":
		tcp, err := net.Dial("tcp", at)
		must(h.t, err)
		conn = pion.NewSTUNConn(tcp)
	case "tls":
		at = h.secure.Addr().String()
		secure, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		must(h.t, err)
		conn = pion.NewSTUNConn(secure)
	}
	client, err := pion.NewClient(&pion.ClientConfig{STUNServerAddr: at, TURNServerAddr: at, Conn: conn, Username: c.Username, Password: c.Password,
		RTO: 100 * time.Millisecond, LoggerFactory: silent()})
	must(h.t, err)
	must(h.t, client.Listen())
	h.t.Cleanup(func() { client.Close(); conn.Close() })
	return client
}

func (h *house) allocate(network string, c turn.Credentials) net.PacketConn {
	h.t.Helper()
	relay, err := h.client(network, c).Allocate()
	must(h.t, err)
	h.t.Cleanup(func() { relay.Close() })
	return relay
}

// echoes reports whether what is sent to a peer comes back from it.
func (h *house) echoes(relay net.PacketConn, to *net.UDPAddr, text string) bool {
	h.t.Helper()
	buf := make([]byte, 1500)
	for range 20 { // the first may go before its permission
		if _, err := relay.WriteTo([]byte(text), to); err != nil {
			return false
		}
		must(h.t, relay.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
		n, from, err := relay.ReadFrom(buf)
		if err == nil {
			return string(buf[:n]) == text && from.String() == to.String()
		}
	}
	return false
}

func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestItLeadsToTheMediaPortOverEachTransport(t *testing.T) {
	h := run(t)
	for _, network := range []string{"udp", "tcp", "tls"} {
		relay := h.allocate(network, h.Credentials("call-"+network, "customer"))
		if !h.echoes(relay, h.port.toldAt(), "hello over "+network) {
			t.Errorf("%s: nothing comes back", network)
		}
	}
	if got := h.Stats(); got != (turn.Stats{Allocations: 3, Calls: 3}) {
		t.Errorf("stats %+v, want three allocations of three calls", got)
	}
}

func TestItLeadsNowhereElse(t *testing.T) {
	h := run(t)
	relay := h.allocate("udp", h.Credentials("call", "customer"))
	elsewhere := newPort(t) // listens on the loopback, as inside services do
	for _, to := range []string{"127.0.0.1", "169.254.169.254", "10.0.0.5", "0.0.0.0", "224.0.0.1", "192.0.2.1"} {
		if _, err := relay.WriteTo([]byte("x"), &net.UDPAddr{IP: net.ParseIP(to), Port: int(elsewhere.Addr().Port())}); err == nil {
			t.Errorf("a permission for %s was given", to)
		}
	}
	// The address is the media port's and the port is not.
	_, err := relay.WriteTo([]byte("x"), &net.UDPAddr{IP: told.AsSlice(), Port: int(elsewhere.Addr().Port())})
	must(t, err)
	if !h.echoes(relay, h.port.toldAt(), "end") {
		t.Fatal("the media port cannot be reached any more")
	}
	if len(elsewhere.got) != 0 {
		t.Errorf("another port got %q", elsewhere.got)
	}
}

func TestCredentialsAreOfOneCallAndEndWithIt(t *testing.T) {
	h := run(t)
	mine, other := h.Credentials("mine", "customer"), h.Credentials("other", "customer")
	if d := time.Until(mine.Expires); d > turn.Lifetime || d < turn.Lifetime-2*time.Second {
		t.Errorf("credentials are good for %s, want %s", d, turn.Lifetime)
	}
	relay, kept := h.allocate("tcp", mine), h.allocate("udp", other)
	if !h.echoes(relay, h.port.toldAt(), "before") {
		t.Fatal("no way while the call lasts")
	}
	h.End("mine")
	h.until("the call's allocation is gone", func() bool { return h.Stats().Allocations == 1 })
	if _, err := h.client("udp", mine).Allocate(); err == nil {
		t.Error("the credentials of a call that is over are still good")
	}
	if !h.echoes(kept, h.port.toldAt(), "still here") {
		t.Error("another call's way is gone too")
	}
}

func TestBadCredentialsAreRefused(t *testing.T) {
	h := run(t)
	good := h.Credentials("call", "customer")
	expiry, rest, _ := strings.Cut(good.Username, ":")
	for what, c := range map[string]turn.Credentials{
		"a wrong password":       {Username: good.Username, Password: "guessed"},
		"another call's name":    {Username: expiry + ":other:customer", Password: good.Password},
		"another side's name":    {Username: expiry + ":call:agent", Password: good.Password},
		"an expiry moved":        {Username: "9" + expiry + ":" + rest, Password: good.Password},
		"no expiry":              {Username: "call:customer", Password: good.Password},
		"an empty call":          {Username: expiry + "::customer", Password: good.Password},
		"a very long name":       {Username: expiry + ":" + strings.Repeat("c", 300) + ":customer", Password: good.Password},
		"one that says too long": h.long(24 * time.Hour),
		"one that has expired":   h.long(-time.Second),
	} {
		if _, err := h.client("udp", c).Allocate(); err == nil {
			t.Errorf("%s is let in", what)
		}
	}
	if n := h.Stats().Allocations; n != 0 {
		t.Errorf("%d allocations", n)
	}
}

// long makes credentials with the right secret that are good for d.
func (h *house) long(d time.Duration) turn.Credentials {
	return turn.Forge(h.Server, "call", "customer", d)
}

func TestAnAllocationOutlivesItsCredentialsWhileTheCallLasts(t *testing.T) {
	h := run(t)
	relay := h.allocate("udp", h.long(2*time.Second))
	if !h.echoes(relay, h.port.toldAt(), "young") {
		t.Fatal("no way")
	}
	time.Sleep(2200 * time.Millisecond) // real sockets
	if !h.echoes(relay, h.port.toldAt(), "old") {
		t.Error("the way is cut when the credentials expire")
	}
	// A permission needs the credentials again.
	must(t, h.port.permitted(relay))
	h.End("call")
	h.until("the allocation is gone", func() bool { return h.Stats().Allocations == 0 })
}

// permitted asks for a permission anew.
func (p *port) permitted(relay net.PacketConn) error {
	c, ok := relay.(interface{ CreatePermissions(...net.Addr) error })
	if !ok {
		return errors.New("the client cannot ask for permissions")
	}
	return c.CreatePermissions(p.toldAt())
}

func TestQuotaOfOneSide(t *testing.T) {
	h := run(t)
	c := h.Credentials("call", "customer")
	for range turn.MaxPerSide {
		h.allocate("udp", c)
	}
	if _, err := h.client("udp", c).Allocate(); err == nil {
		t.Error("one more is given")
	}
	h.allocate("udp", h.Credentials("call", "agent/jana"))
}

func TestNoTCPIsRelayed(t *testing.T) {
	h := run(t)
	if _, err := h.client("tcp", h.Credentials("call", "customer")).AllocateTCP(); err == nil {
		t.Error("a TCP allocation is given")
	}
}

func TestStrangersGetABoundedNumberOfAnswers(t *testing.T) {
	h := run(t)
	kept := h.allocate("udp", h.Credentials("call", "customer"))
	conn, err := net.Dial("udp", h.Addr().String())
	must(t, err)
	defer conn.Close()
	const asked = 2000
	for range asked {
		m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest))
		must(t, err)
		_, err = conn.Write(m.Raw)
		must(t, err)
	}
	answers := 0
	for buf := make([]byte, 1500); ; answers++ {
		must(t, conn.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
		if _, err := conn.Read(buf); err != nil {
			break
		}
	}
	if answers == 0 || answers > asked/2 {
		t.Errorf("%d of %d requests without credentials were answered", answers, asked)
	}
	if !h.echoes(kept, h.port.toldAt(), "through it all") {
		t.Error("the one who is in cannot get through")
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"1763500000:call:customer", "1:2:3", "::", "1763500000:call:agent/jana", "-9:a:b:c", strings.Repeat(":", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		expires, call, side, ok := turn.ParseName(s)
		if !ok {
			return
		}
		if call == "" || strings.Contains(call, ":") || !strings.HasPrefix(side, call+":") || strings.Count(side, ":") != 1 {
			t.Errorf("%q is read as call %q, side %q", s, call, side)
		}
		if !strings.HasSuffix(s, ":"+side) || expires.IsZero() {
			t.Errorf("%q lost its end: side %q", s, side)
		}
	})
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func silent() logging.LoggerFactory {
	l := logging.NewDefaultLoggerFactory()
	l.DefaultLogLevel = logging.LogLevelDisabled
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
