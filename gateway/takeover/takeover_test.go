package takeover_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"backline/gateway/takeover"
)

// pair is an old and a new side that have met at a socket; meet runs on the old one.
func pair(t *testing.T, set *takeover.Set) (giver <-chan result, taker *takeover.Taker) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	done := make(chan result, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- result{nil, err}
			return
		}
		r := bufio.NewReader(conn)
		if _, err := http.ReadRequest(r); err != nil {
			done <- result{nil, err}
			return
		}
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", takeover.Upgrade)
		g, err := takeover.Accept(conn, set, "old")
		done <- result{g, err}
	}()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	taker, err = takeover.Ask(t.Context(), conn, "new")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taker.Set.Close() })
	return done, taker
}

type result struct {
	*takeover.Giver
	err error
}

// prepared lets the new side go on in a goroutine until it owns the data.
func prepared(taker *takeover.Taker) <-chan error {
	done := make(chan error, 1)
	go func() { done <- taker.Prepared() }()
	return done
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func TestSocketGoesOnInAnotherHand(t *testing.T) {
	tcp := listen(t)
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	set := &takeover.Set{}
	defer set.Close()
	for name, c := range map[string]syscall.Conn{"http": tcp, "media": udp} {
		if err := set.Keep(name, ":1", c); err != nil {
			t.Fatal(err)
		}
	}
	giver, taker := pair(t, set)
	owns := prepared(taker)
	g := <-giver
	if g.err != nil {
		t.Fatal(g.err)
	}
	// Nobody accepts: who comes now waits.
	tcp.Close()
	udp.Close()
	waits, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatalf("refused while nobody accepts: %v", err)
	}
	defer waits.Close()
	ready := make(chan error, 1)
	go func() { ready <- g.Yours() }()
	if err := <-owns; err != nil {
		t.Fatal(err)
	}
	l, err := taker.Set.Listener("http", ":1")
	if err != nil || l == nil {
		t.Fatalf("listener %v, %v", l, err)
	}
	defer l.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if p, err := taker.Set.PacketConn("media", ":1"); err != nil || p.LocalAddr().String() != udp.LocalAddr().String() {
		t.Errorf("packets: %v, %v", p, err)
	} else {
		p.Close()
	}
	if other, err := taker.Set.Listener("http", ":2"); other != nil || err != nil {
		t.Errorf("an address that nobody gave: %v, %v", other, err)
	}
	told := make(chan error, 1)
	go func() { told <- taker.Ready() }()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	if err := g.Done(); err != nil {
		t.Error(err)
	}
	if err := <-told; err != nil {
		t.Errorf("ready: %v", err)
	}
	if g.New.Build != "new" || taker.Old.Build != "old" {
		t.Errorf("builds %q and %q", g.New.Build, taker.Old.Build)
	}
}

func TestNewSideThatGivesUpLeavesTheOldOneServing(t *testing.T) {
	t.Run("before it is prepared", func(t *testing.T) {
		giver, taker := pair(t, &takeover.Set{})
		taker.Refuse(errors.New("the certificate is missing"))
		if g := <-giver; g.err == nil || !strings.Contains(g.err.Error(), "the certificate is missing") {
			t.Errorf("got %v", g.err)
		}
	})
	t.Run("then", func(t *testing.T) {
		giver, taker := pair(t, &takeover.Set{})
		owns := prepared(taker)
		g := <-giver
		if g.err != nil {
			t.Fatal(g.err)
		}
		if err := g.Alive(); err != nil {
			t.Errorf("alive: %v", err)
		}
		done := make(chan error, 1)
		go func() { done <- g.Yours() }()
		if err := <-owns; err != nil {
			t.Fatal(err)
		}
		taker.Refuse(errors.New("disk on fire"))
		if err := <-done; err == nil || !strings.Contains(err.Error(), "disk on fire") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("before it is told", func(t *testing.T) {
		giver, taker := pair(t, &takeover.Set{})
		owns := prepared(taker)
		g := <-giver
		if g.err != nil {
			t.Fatal(g.err)
		}
		taker.Refuse(errors.New("out of memory"))
		if err := <-owns; err == nil {
			t.Error("it owns the data")
		}
		if err := g.Yours(); err == nil || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("by its death", func(t *testing.T) {
		giver, taker := pair(t, &takeover.Set{})
		owns := prepared(taker)
		g := <-giver
		if g.err != nil {
			t.Fatal(g.err)
		}
		taker.Hang()
		if err := <-owns; err == nil {
			t.Error("a cut connection gave it the data")
		}
		if g.Alive() == nil {
			t.Error("the dead one is alive")
		}
	})
}

func TestOldSideThatDiesAfterItsWordIsDone(t *testing.T) {
	giver, taker := pair(t, &takeover.Set{})
	owns := prepared(taker)
	g := <-giver
	go func() {
		_ = g.Yours()
		g.Hang()
	}()
	if err := <-owns; err != nil {
		t.Fatal(err)
	}
	if err := taker.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
}

func TestOldSideTakesItsWordBack(t *testing.T) {
	giver, taker := pair(t, &takeover.Set{})
	owns := prepared(taker)
	g := <-giver
	go func() {
		_ = g.Yours()
		g.Refuse("too late")
	}()
	if err := <-owns; err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*takeover.Refused](taker.Ready()); !ok {
		t.Error("it goes on although the old one does, too")
	}
}

// A hundred clients with kept connections, which change hands again and again between servers: no request fails,
// and the connections are those of the beginning.
func TestConnectionsMoveWithoutAFailedRequest(t *testing.T) {
	l := listen(t)
	var connections atomic.Int32
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connections.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}}
	defer client.CloseIdleConnections()
	var served atomic.Int32
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		b, _ := io.ReadAll(r.Body)
		time.Sleep(time.Duration(len(b)) * time.Millisecond)
		w.Write(b)
	})
	const clients, moves = 100, 20
	over := make(chan struct{})
	var asking sync.WaitGroup
	for i := range clients {
		asking.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				body := strings.Repeat("x", i%7)
				res, err := client.Post("http://"+l.Addr().String(), "text/plain", io.NopCloser(strings.NewReader(body))) // cannot be sent again by itself
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || string(got) != body {
					t.Errorf("client %d: %q, %v, want %q", i, got, err, body)
					return
				}
				time.Sleep(time.Duration(i*n%20) * time.Millisecond)
			}
		})
	}
	set := &takeover.Set{}
	defer set.Close()
	if err := set.Keep("http", "", l); err != nil {
		t.Fatal(err)
	}
	var taken []*net.TCPConn
	most := 0
	for range moves {
		socket, err := set.Listener("http", "")
		if err != nil {
			t.Fatal(err)
		}
		d := takeover.NewDoor(time.Minute)
		in := d.Listen(socket, taken)
		s := &http.Server{Handler: h, ConnState: d.State, ReadHeaderTimeout: 20 * time.Second}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(in) }()
		time.Sleep(50 * time.Millisecond)
		in.Pause()
		taken = nil
		left, err := d.Take(5*time.Second, func(c []*net.TCPConn) error {
			taken = append(taken, c...)
			return nil
		})
		if err != nil || left > 0 {
			t.Errorf("%d left, %v", left, err)
		}
		most = max(most, len(taken))
		s.Shutdown(t.Context())
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	}
	d := takeover.NewDoor(time.Minute)
	s := &http.Server{Handler: h, ConnState: d.State}
	go s.Serve(d.Listen(l, taken))
	close(over)
	asking.Wait()
	s.Close()
	// A few more were made at the beginning, when all asked at once; every move would make a hundred.
	if connections.Load() > clients+clients/2 || most < clients/2 {
		t.Errorf("%d connections were made for %d clients; %d moved at most", connections.Load(), clients, most)
	}
	t.Logf("%d requests", served.Load())
}

// A kept connection from another process may be silent for as long as one of our own.
func TestTakenConnectionMayBeSilentLongerThanANewOne(t *testing.T) {
	l := listen(t)
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	d := takeover.NewDoor(time.Minute)
	s := &http.Server{ConnState: d.State, ReadHeaderTimeout: 20 * time.Millisecond, IdleTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })}
	defer s.Close()
	go s.Serve(d.Listen(l, []*net.TCPConn{c}))
	time.Sleep(100 * time.Millisecond)
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatalf("the silent connection was closed: %v", err)
	}
	res.Body.Close()
	// From its first byte on it is as any other.
	io.WriteString(client, "GET / HTTP/1.1\r\nHo")
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(client); err != nil {
		t.Errorf("a header that does not end is waited for: %v", err)
	}
}
