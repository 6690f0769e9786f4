package oneport_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"backline/gateway/oneport"
)

// stun is how every TURN connection begins: an Allocate request.
var stun = []byte{0x00, 0x03, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}

// port is a running Port with a web server on one side and an echo on the other.
func port(t *testing.T) (addr string) {
	t.Helper()
	chain, key := files(t, t.TempDir(), 1)
	cert, err := oneport.OpenCertificate(chain, key, slog.New(slog.DiscardHandler))
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	turn := oneport.NewQueue(l.Addr())
	p := oneport.New(l, cert.Config(), turn, slog.New(slog.DiscardHandler))
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	all.Go(func() { must(t, p.Run(ctx)) })
	all.Go(func() { _ = web.Serve(p.HTTPS()) })
	all.Go(func() {
		for {
			c, err := turn.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); _, _ = io.Copy(c, c) })
		}
	})
	t.Cleanup(func() {
		must(t, turn.Close())
		_ = web.Close()
		cancel()
		all.Wait()
	})
	return l.Addr().String()
}

func TestBrowsersAndTurnClientsShareAPort(t *testing.T) {
	addr := port(t)
	for _, http2 := range []bool{true, false} {
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: http2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		res, err := client.Get("https://" + addr)
		must(t, err)
		got, err := io.ReadAll(res.Body)
		must(t, err)
		if want := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[http2]; string(got) != want {
			t.Errorf("a web client speaks %s, want %s", got, want)
		}
		client.CloseIdleConnections()
	}
	for _, alpn := range [][]string{nil, {"stun.turn"}} { // Chromium names nothing
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: alpn})
		must(t, err)
		_, err = c.Write(stun)
		must(t, err)
		back := make([]byte, len(stun))
		if _, err := io.ReadFull(c, back); err != nil || !bytes.Equal(back, stun) {
			t.Errorf("with ALPN %q TURN gets back %x (%v)", alpn, back, err)
		}
		c.Close()
	}
}

func TestAWebClientThatNamesNoProtocolIsServed(t *testing.T) {
	c, err := tls.Dial("tcp", port(t), &tls.Config{InsecureSkipVerify: true})
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
	must(t, err)
	if got, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(got, []byte("HTTP/1.1 200")) {
		t.Errorf("answer %q (%v)", got, err)
	}
}

func TestWhoSaysNothingHoldsUpNobody(t *testing.T) {
	addr := port(t)
	for range 50 {
		c, err := net.Dial("tcp", addr)
		must(t, err)
		defer c.Close()
	}
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Get("https://" + addr)
	must(t, err)
	res.Body.Close()
	client.CloseIdleConnections()
}

func TestARenewedCertificateIsTakenAndABrokenOneIsNot(t *testing.T) {
	dir := t.TempDir()
	chain, key := files(t, dir, 1)
	c, err := oneport.OpenCertificate(chain, key, slog.New(slog.DiscardHandler))
	must(t, err)
	serial := func() int64 {
		oneport.LookNow(c)
		return c.Leaf().SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("certificate %d", got)
	}
	files(t, dir, 2)
	later(t, chain, key)
	if got := serial(); got != 2 {
		t.Errorf("certificate %d, want the renewed one", got)
	}
	must(t, os.WriteFile(chain, []byte("half a file"), 0o600))
	if got := serial(); got != 2 {
		t.Errorf("certificate %d, want the last good one", got)
	}
}

// later moves the files' time on, as a renewal does.
func later(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		must(t, os.Chtimes(p, time.Time{}, time.Now().Add(time.Hour)))
	}
}

func files(t *testing.T, dir string, serial int64) (chain, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	chain, key = filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return chain, key
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
