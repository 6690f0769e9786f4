package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway/control"
)

// upgrade runs `backline upgrade` and returns the id of the new process.
func (in *installation) upgrade(more ...string) (pid int, err error) {
	in.t.Helper()
	code, out, errs := run(in.t, "", append([]string{"upgrade", "--config", in.path}, more...)...)
	if code != exitDone {
		return 0, errors.New(errs)
	}
	_, after, _ := strings.Cut(out, "process ")
	if _, err := fmt.Sscanf(after, "%d", &pid); err != nil {
		in.t.Fatalf("%q names no process: %v", out, err)
	}
	in.t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) }) // it has ended, unless the test failed
	return pid, nil
}

// end ends the process that runs now, which is not our child, in order.
func (in *installation) end(pid int) {
	in.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		in.t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if _, err := control.Dial(in.data); errors.Is(err, control.ErrNotRunning) {
			if path, err := control.Path(in.data); err != nil || fileThere(path) {
				in.t.Errorf("its control socket is still there: %s, %v", path, err)
			}
			return
		}
	}
	in.t.Fatalf("process %d does not end", pid)
}

func fileThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// load is what goes on while a gateway is replaced.
type load struct {
	in     *installation
	over   chan struct{}
	doing  sync.WaitGroup
	hooks  atomic.Int64 // webhooks that were answered with 200
	asked  atomic.Int64 // REST requests
	texts  sync.Map     // of visitors, acknowledged
	failed atomic.Int64
}

func (l *load) goes(do func(n int) error) {
	l.doing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-l.over:
				return
			default:
			}
			if err := do(n); err != nil {
				if l.failed.Add(1) < 20 {
					l.in.t.Errorf("request failed: %v", err)
				}
			}
			time.Sleep(3 * time.Millisecond)
		}
	})
}

// webhooks sends Messenger messages that a provider would have to send again if one failed.
func (l *load) webhooks(who string, client *http.Client) {
	b := &bench{benchOptions: benchOptions{page: testPage}, secret: testSecret}
	l.goes(func(n int) error {
		body, signature := b.event("2400000000000"+who, fmt.Sprintf("m_%s_%d", who, n))
		// A reader of which the client does not know that it can be read again, so that it does not try again by itself.
		req, err := http.NewRequest(http.MethodPost, l.in.url+"/hooks/messenger", io.NopCloser(strings.NewReader(string(body))))
		if err != nil {
			return err
		}
		req.ContentLength = int64(len(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Hub-Signature-256", signature)
		if err := l.send(client, req); err != nil {
			return fmt.Errorf("webhook %s %d: %w", who, n, err)
		}
		l.hooks.Add(1)
		return nil
	})
}

func (l *load) send(client *http.Client, req *http.Request) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return err
}

func (l *load) asks(client *http.Client, cookie string) {
	l.goes(func(int) error {
		req, err := http.NewRequest(http.MethodGet, l.in.url+"/api/v1/conversations?limit=5", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Cookie", cookie)
		l.asked.Add(1)
		return l.send(client, req)
	})
}

// visitor writes as the widget does: what is not acknowledged is sent again under the same id on the next socket.
func (l *load) visitor(who int) {
	var ws *websocket.Conn
	token := ""
	l.doing.Go(func() {
		for n := 0; ; n++ {
			text := fmt.Sprintf("visitor %d says %d", who, n)
			for acked := false; !acked; {
				select {
				case <-l.over:
					return
				default:
				}
				if ws == nil {
					if ws = l.connect(&token); ws == nil {
						return
					}
				}
				if acked = acknowledged(ws, fmt.Sprint("v", n), text); !acked {
					ws.Close()
					ws = nil
				}
			}
			l.texts.Store(text, true)
			time.Sleep(600 * time.Millisecond) // visitors write twice a second at most
		}
	})
}

// connect opens a visitor's socket. A handshake that fails is a failed request.
func (l *load) connect(token *string) *websocket.Conn {
	ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(l.in.url, "http", "ws", 1)+"/ws/visitor", http.Header{"Origin": {testSite}})
	if err != nil {
		l.failed.Add(1)
		l.in.t.Errorf("visitor's socket: %v", err)
		return nil
	}
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	if ws.WriteJSON(map[string]any{"t": "hello", "version": 1, "site": "shop", "token": *token}) != nil {
		return ws // said when it is used
	}
	var f map[string]any
	for f["t"] != "ready" {
		f = nil
		if ws.ReadJSON(&f) != nil {
			return ws
		}
		if t, ok := f["token"].(string); ok {
			*token = t
		}
	}
	return ws
}

// acknowledged reports whether a message was acknowledged.
func acknowledged(ws *websocket.Conn, id, text string) bool {
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	if ws.WriteJSON(map[string]any{"t": "message", "client_id": id, "text": text}) != nil {
		return false
	}
	for {
		var f map[string]any
		if ws.ReadJSON(&f) != nil {
			return false
		}
		if f["t"] == "ack" && f["client_id"] == id {
			return true
		}
	}
}

// Twenty times another process takes over while providers, scripts and visitors go on, on connections that they
// keep and on fresh ones: no request fails, no message is lost or doubled.
func TestTwentyUpgradesUnderLoad(t *testing.T) {
	const upgrades = 20
	in := installNetworks(t, "http://127.0.0.1:9")
	in.start()
	first := in.child
	cookie := in.signIn("jana")
	l := &load{in: in, over: make(chan struct{})}
	kept := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	fresh := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for i := range 4 {
		l.webhooks(fmt.Sprint("1000", i), kept)
		l.visitor(i)
	}
	l.webhooks("20000", fresh)
	l.webhooks("20001", fresh)
	l.asks(kept, cookie)
	l.asks(fresh, cookie)
	pid := 0
	for i := range upgrades {
		began := time.Now()
		next, err := in.upgrade()
		if err != nil {
			t.Fatalf("upgrade %d: %v", i+1, err)
		}
		t.Logf("upgrade %d took %d ms", i+1, time.Since(began).Milliseconds())
		pid = next
		time.Sleep(200 * time.Millisecond)
	}
	close(l.over)
	l.doing.Wait()
	kept.CloseIdleConnections()
	if err := first.Wait(); err != nil {
		t.Errorf("the first process: %v", err)
	}
	l.check(cookie)
	in.end(pid)
	if code, out, errs := run(t, "", "journal", "verify", "--data", in.data); code != exitDone {
		t.Errorf("journal verify: %s%s", out, errs)
	}
	t.Logf("%d webhooks, %d REST requests, %d failed", l.hooks.Load(), l.asked.Load(), l.failed.Load())
}

// check finds everything once.
func (l *load) check(cookie string) {
	t := l.in.t
	t.Helper()
	messages, texts := map[string]int{}, map[string]int{}
	for _, lines := range l.in.all(cookie) {
		for _, line := range lines {
			if line.Kind != "message" {
				continue
			}
			texts[line.Text]++
			if line.ProviderID != "" {
				messages[line.ProviderID]++
			}
		}
	}
	if got := int64(len(messages)); got != l.hooks.Load() || got < 500 {
		t.Errorf("%d messages from webhooks, of which %d were accepted", got, l.hooks.Load())
	}
	for id, n := range messages {
		if n != 1 {
			t.Errorf("message %s is there %d times", id, n)
		}
	}
	said := 0
	l.texts.Range(func(text, _ any) bool {
		said++
		if n := texts[text.(string)]; n != 1 {
			t.Errorf("%q is there %d times", text, n)
		}
		return true
	})
	if said < 20 {
		t.Errorf("visitors said only %d things", said)
	}
}

// script writes a program that is us, but for what comes first.
func (in *installation) script(lines string) string {
	in.t.Helper()
	path := filepath.Join(in.t.TempDir(), "next")
	text := "#!/bin/sh\n" + lines + "\nexec " + programPath() + " \"$@\"\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		in.t.Fatal(err)
	}
	return path
}

func TestUpgradeThatFailsLeavesTheOldOneServing(t *testing.T) {
	in := install(t, "")
	in.start()
	jana := in.console("jana", 0)
	good, err := os.ReadFile(in.path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cases := []struct {
		name, config, script, want string
		restarts                   bool // consoles notice
	}{
		{name: "a program that is none", script: "echo no such luck; exit 3", want: "no such luck"},
		{name: "a configuration that is wrong", config: string(good) + "colour: red\n", want: "colour"},
		{name: "an address that is taken", config: strings.Replace(string(good), "listen: "+strings.TrimPrefix(in.url, "http://"), "listen: "+taken.Addr().String(), 1), want: "address already in use"},
		{name: "death at once", script: "case $1 in serve) exit 4;; esac", want: "exit status 4"},
		{name: "after the data folder was given", restarts: true, want: "rtc.turn",
			script: "case $1 in serve) set -- serve --config " + other + " --takeover;; esac"},
	}
	spoiled := strings.Replace(string(good), `turn: "127.0.0.1:0"`, `turn: "`+taken.Addr().String()+`"`, 1)
	if spoiled == string(good) {
		t.Fatal("the configuration has no TURN")
	}
	if err := os.WriteFile(other, []byte(spoiled), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var more []string
			if c.script != "" {
				more = []string{"--program", in.script(c.script)}
			}
			if c.config != "" {
				if err := os.WriteFile(in.path, []byte(c.config), 0o600); err != nil {
					t.Fatal(err)
				}
				defer os.WriteFile(in.path, good, 0o600)
				more = []string{"--data", in.data}
			}
			code, _, errs := run(t, "", append([]string{"upgrade", "--data", in.data}, more...)...)
			if code != exitFailed || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d, %q, want something about %q", code, errs, c.want)
			}
			in.becomes(http.StatusOK)
			if c.restarts {
				jana = in.console("jana", 0)
			}
			jana.command("presence", map[string]any{"presence": "ready"})
		})
	}
	pid, err := in.upgrade()
	if err != nil {
		t.Fatalf("a good one after them: %v", err)
	}
	if err := in.child.Wait(); err != nil {
		t.Errorf("the old process: %v", err)
	}
	in.end(pid)
}

// What takes longer than everybody waits for ends in the old process.
func TestSlowUploadOutlivesItsProcess(t *testing.T) {
	in := install(t, "")
	in.start()
	cookie := in.signIn("jana")
	body, pen := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.url+"/api/v1/files", body)
	if err != nil {
		t.Fatal(err)
	}
	const form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n"
	req.Header.Set("Cookie", cookie)
	req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	answered := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			defer res.Body.Close()
			if text, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
				err = fmt.Errorf("%s: %s", res.Status, text)
			}
		}
		answered <- err
	}()
	io.WriteString(pen, form+"half of a sentence ")
	pid, err := in.upgrade()
	if err != nil {
		t.Fatal(err)
	}
	in.becomes(http.StatusOK) // by the new process
	io.WriteString(pen, "and the rest of it\r\n--x--\r\n")
	pen.Close()
	if err := <-answered; err != nil {
		t.Errorf("upload: %v", err)
	}
	if err := in.child.Wait(); err != nil {
		t.Errorf("the old process: %v", err)
	}
	in.end(pid)
}

func TestTakeoverOfNobodyIsAStart(t *testing.T) {
	in := install(t, "")
	if code, _, errs := run(t, "", "upgrade", "--config", in.path); code != exitFailed || !strings.Contains(errs, "nothing to upgrade") {
		t.Errorf("upgrade of nobody: exit %d, %q", code, errs)
	}
	in.child = program(context.Background(), "serve", "--config", in.path, "--takeover")
	in.log = &lockedBuffer{}
	in.child.Stderr = in.log
	if err := in.child.Start(); err != nil {
		t.Fatal(err)
	}
	in.becomes(http.StatusOK)
	in.stop()
}

func TestSupervisorHearsWhoRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	in := install(t, "")
	in.start()
	next := func() string {
		t.Helper()
		_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 1024)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	if got := next(); !strings.HasPrefix(got, "READY=1") {
		t.Errorf("after the start: %q", got)
	}
	pid, err := in.upgrade()
	if err != nil {
		t.Fatal(err)
	}
	got := []string{next(), next(), next()}
	if all := strings.Join(got, "|"); !strings.Contains(all, fmt.Sprint("MAINPID=", pid)) || !strings.HasPrefix(got[0], "RELOADING=1") || !strings.Contains(all, "READY=1") {
		t.Errorf("in an upgrade: %q", got)
	}
	in.end(pid)
	if got := next(); got != "STOPPING=1" {
		t.Errorf("at the end: %q", got)
	}
}
