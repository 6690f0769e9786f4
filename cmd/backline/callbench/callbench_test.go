package callbench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// forwarder starts one and returns its address.
func forwarder(t *testing.T, defaults bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&Forwarder{Defaults: defaults}).Run(ctx, l, udp) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func join(t *testing.T, url, call string, l *Line) {
	t.Helper()
	res, err := http.Post(url+"/?call="+call, "application/sdp", strings.NewReader(l.Offer()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sdp, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the forwarder answered %s %s, %v", res.Status, sdp, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := l.Join(ctx, string(sdp)); err != nil {
		t.Fatal(err)
	}
}

func TestLinesHearEachOtherThroughTheForwarder(t *testing.T) {
	for _, defaults := range []bool{false, true} {
		t.Run(fmt.Sprint("defaults ", defaults), func(t *testing.T) {
			url, began := forwarder(t, defaults), time.Now()
			id, err := NewIdentity()
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			talk := &Talk{}
			done := make(chan struct{})
			go func() { talk.Run(ctx); close(done) }()
			for range 2 {
				l := NewLine(id, began)
				join(t, url, "a", l)
				talk.Add(l)
			}
			time.Sleep(200 * time.Millisecond)
			talk.Window(1, 50)
			time.Sleep(time.Second)
			talk.Window(0, 0)
			time.Sleep(200 * time.Millisecond)
			stop()
			<-done
			lines := talk.Clear()
			c := Count(lines)
			if c.Sent < 80 || c.Received != c.Sent || c.At(.5) <= 0 || c.At(.5) > time.Second {
				t.Errorf("got %d of %d packets, half of them within %v", c.Received, c.Sent, c.At(.5))
			}
			for _, l := range lines {
				if at, ok := l.Heard(); !ok || at <= 0 {
					t.Error("a line heard nothing")
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestAnAnswerWithoutAWayInIsRefused(t *testing.T) {
	for _, sdp := range []string{"", "a=ice-ufrag:a\r\na=ice-pwd:b\r\n", "a=ice-ufrag:a\r\na=ice-pwd:b\r\na=candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype passive\r\n"} {
		if a, err := readAnswer(sdp); err == nil {
			t.Errorf("%q was read as %v", sdp, a)
		}
	}
}
