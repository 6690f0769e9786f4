package chaos_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backline/cmd/backline/chaos"
)

// echo answers each byte.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// asks sends a byte and waits for it.
func asks(c net.Conn, patience time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("x")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestCableBreaks(t *testing.T) {
	names := &chaos.Names{}
	names.Set(os.Getpid(), "us")
	cable, err := chaos.NewCable(echo(t), names)
	if err != nil {
		t.Fatal(err)
	}
	defer cable.Close()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", cable.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	const moment = 100 * time.Millisecond
	c := dial()
	if err := asks(c, 5*time.Second); err != nil {
		t.Fatalf("a good cable: %v", err)
	}
	cable.Break(func(who string) chaos.Fault { return chaos.Fault{Cut: who != "us"} })
	if err := asks(c, 5*time.Second); err != nil {
		t.Errorf("cut for others: %v", err)
	}
	for _, way := range []chaos.Fault{{Up: true}, {Down: true}} {
		cable.All(way)
		if err := asks(c, moment); err == nil {
			t.Errorf("%+v lets something through", way)
		}
		fresh := dial()
		if err := asks(fresh, moment); err == nil {
			t.Errorf("%+v lets a new connection through", way)
		}
		cable.Mend()
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Errorf("what %+v had held does not come: %v", way, err)
		}
	}
	cable.All(chaos.Fault{Delay: moment})
	began := time.Now()
	if err := asks(c, 5*time.Second); err != nil || time.Since(began) < 2*moment {
		t.Errorf("delayed each way: %s, %v", time.Since(began), err)
	}
	cable.All(chaos.Fault{Cut: true})
	if err := asks(c, 5*time.Second); err == nil {
		t.Error("a cut cable answers")
	}
	if err := asks(dial(), 5*time.Second); err == nil {
		t.Error("a cut cable takes new connections")
	}
	cable.Mend()
	if err := asks(dial(), 5*time.Second); err != nil {
		t.Errorf("after it was mended: %v", err)
	}
}

func TestBalancerTakesWhoIsReady(t *testing.T) {
	var ready [2]atomic.Bool
	var addrs []string
	for i := range ready {
		ready[i].Store(true)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" && !ready[i].Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = w.Write([]byte{byte('a' + i)})
		}))
		defer s.Close()
		addrs = append(addrs, s.Listener.Addr().String())
	}
	b, err := chaos.NewBalancer(addrs...)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ups := func(n int) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); b.Up() != n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d nodes are up, want %d", b.Up(), n)
			}
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answers := func() string {
		t.Helper()
		all := ""
		for range 6 {
			res, err := client.Get(b.URL)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
		}
		return all
	}
	ups(2)
	if got := answers(); strings.Count(got, "a") != 3 {
		t.Errorf("in turns: %s", got)
	}
	ready[0].Store(false)
	ups(1)
	if got := answers(); got != "bbbbbb" {
		t.Errorf("with one ready: %s", got)
	}
	ready[0].Store(true)
	ups(2)
}
