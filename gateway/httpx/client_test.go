package httpx_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"backline/gateway/httpx"
)

// hostileURLs are written by hand, each with its reason in what it tries to reach.
var hostileURLs = []string{
	"http://0.0.0.0/", "http://127.0.0.1/", "http://127.1/", "http://0x7f.1/", "http://017700000001/", "http://2130706433/",
	"http://[::]/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/",
	"http://[64:ff9b::7f00:1]/", "http://[64:ff9b::169.254.169.254]/", "http://[2002:7f00:1::]/", "http://[2001::1]/",
	"http://[fec0::1]/", "http://[fe80::1%25eth0]/", "http://[fc00::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/",
	"http://169.254.169.254/latest/", "http://100.64.0.1/", "http://192.0.0.8/", "http://198.18.0.1/", "http://240.0.0.1/",
	"http://255.255.255.255/", "http://224.0.0.1/", "http://10.0.0.1/", "http://172.31.255.255/", "http://192.168.0.1/",
	"http://192.0.2.1/", "http://198.51.100.1/", "http://203.0.113.1/", "http://192.88.99.1/",
	"http://example.org:22/", "https://example.org:8443/", "ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1/",
	"https://user:pw@example.org/", "http:///x", "http:example.org", "",
}

func TestHostileURLsAreNotFetched(t *testing.T) {
	data, err := os.ReadFile("testdata/ssrf_attachment_urls.json")
	if err != nil {
		t.Fatal(err)
	}
	var event struct {
		Entry []struct {
			Messaging []struct {
				Message struct {
					Attachments []struct{ Payload struct{ URL string } }
				}
			}
		}
	}
	if err := json.Unmarshal(data, &event); err != nil {
		t.Fatal(err)
	}
	urls := hostileURLs
	for _, a := range event.Entry[0].Messaging[0].Message.Attachments {
		urls = append(urls, a.Payload.URL)
	}
	if len(urls) != len(hostileURLs)+9 {
		t.Fatalf("%d urls, want 9 from the fixture", len(urls)-len(hostileURLs))
	}
	client := httpx.SafeClient(httpx.ClientOptions{Timeout: 2 * time.Second})
	for _, u := range urls {
		resp, err := client.Get(u)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s was fetched", u)
		} else if !refused(err) && !strings.Contains(err.Error(), "unsupported protocol") && !strings.Contains(err.Error(), "invalid") && !strings.Contains(err.Error(), "no Host") {
			t.Errorf("%s: %v, want a refusal and not a failed try", u, err)
		}
	}
}

func refused(err error) bool {
	return errors.Is(err, httpx.ErrBlockedAddress) || errors.Is(err, httpx.ErrBlockedURL)
}

func TestPublicAddressesAreAllowed(t *testing.T) {
	for _, a := range []string{"8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"} {
		if httpx.Blocked(netip.MustParseAddr(a)) {
			t.Errorf("%s is blocked", a)
		}
	}
	if err := httpx.CheckURL("https://example.org/a?b"); err != nil {
		t.Error(err)
	}
}

// A name whose address is public when somebody checks it and loopback when somebody dials it. The server
// behind it listens on port 80 only in the client's mind: nothing must be dialled at all.
func TestNameThatResolvesToLoopbackIsRefused(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "169.254.169.254", "10.1.2.3"} {
		client := httpx.SafeClient(httpx.ClientOptions{Resolver: fakeDNS(t, netip.MustParseAddr(addr)), Timeout: 3 * time.Second})
		_, err := client.Get("http://rebind.example.org/")
		if !errors.Is(err, httpx.ErrBlockedAddress) {
			t.Errorf("%s: %v, want ErrBlockedAddress", addr, err)
		}
	}
}

// fakeDNS answers each A question with addr and each other one with nothing.
func fakeDNS(t *testing.T, addr netip.Addr) *net.Resolver {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { pc.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(answer(buf[:n], addr), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func answer(q []byte, addr netip.Addr) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	isA := binary.BigEndian.Uint16(q[end+1:]) == 1
	out := append([]byte(nil), q[:end+5]...)
	out[2], out[3] = 0x81, 0x80
	copy(out[6:12], make([]byte, 6))
	if isA {
		out[7] = 1
		ip := addr.As4()
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, ip[:]...)
	}
	return out
}

func TestRedirectInwardsIsRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	}))
	defer srv.Close()
	client := httpx.SafeClient(httpx.ClientOptions{AllowHosts: []string{srv.Listener.Addr().String()}})
	for _, to := range []string{"http://127.0.0.1/", "http://localhost/", "http://[::1]/", "file:///etc/passwd"} {
		if _, err := client.Get(srv.URL + "/?to=" + to); err == nil {
			t.Errorf("followed a redirect to %s", to)
		} else if !refused(err) {
			t.Errorf("%s: %v, want a refusal", to, err)
		}
	}
	if _, err := client.Get(srv.URL + "/?to=/%3Fto=/%3Fto=/x"); err == nil {
		t.Error("followed redirects without end")
	}
}

func TestAnswersAreCapped(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			http.NewResponseController(w).Flush() // no Content-Length
		}
		io.WriteString(w, strings.Repeat("x", 11))
	}))
	defer srv.Close()
	allow := []string{srv.Listener.Addr().String()}
	for _, path := range []string{"/", "/stream"} {
		for max, want := range map[int64]error{10: httpx.ErrTooLarge, 11: nil} {
			resp, err := httpx.SafeClient(httpx.ClientOptions{AllowHosts: allow, MaxBytes: max}).Get(srv.URL + path)
			var data []byte
			if err == nil {
				data, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if !errors.Is(err, want) || int64(len(data)) > max {
				t.Errorf("%s with %d: %d bytes, %v, want %v", path, max, len(data), err, want)
			}
		}
	}
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	resp, err := httpx.SafeClient(httpx.ClientOptions{AllowHosts: []string{srv.Listener.Addr().String()}}).Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func FuzzCheckURL(f *testing.F) {
	for _, u := range hostileURLs {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if httpx.CheckURL(raw) == nil && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(raw)), "http") {
			t.Errorf("%q passed", raw)
		}
	})
}
