package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestMain lets the test binary be the program itself, so that tests can start it, and kill it, as a process. Under the
// race detector the processes are a build without it, once for all tests: each of them packs the pages when it starts,
// which takes ten times as long with it, and what runs in them is looked for races by the tests of its package.
func TestMain(m *testing.M) {
	if os.Getenv("BACKLINE_TEST_MAIN") != "" {
		main()
		return
	}
	done, err := plainProgram()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	done()
	os.Exit(code)
}

// programVariable names the program that tests start; without it, it is the test binary.
const programVariable = "BACKLINE_TEST_PROGRAM"

// plainProgram builds the program that tests start, if it must be another.
func plainProgram() (done func(), err error) {
	if !raceEnabled {
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "backline-test-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "backline")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return func() { _ = os.RemoveAll(dir) }, os.Setenv(programVariable, path)
}

// programPath is the file of the program that tests start.
func programPath() string { return cmp.Or(os.Getenv(programVariable), os.Args[0]) }

// program returns a command line of ours as a child process.
func program(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, programPath(), args...)
	c.Env = append(os.Environ(), "BACKLINE_TEST_MAIN=1")
	return c
}

// run executes a command and returns what it printed.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	m := &Main{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs}
	code = m.Run(t.Context(), args)
	return code, out.String(), errs.String()
}

// installation is a folder with a configuration, and the gateway that runs on it as a process of its own.
type installation struct {
	t     *testing.T
	url   string
	path  string // of the configuration
	data  string
	child *exec.Cmd
	log   *lockedBuffer // of the child
}

const (
	testSite     = "https://shop.example.org"
	testPassword = "correct horse battery"
)

// install makes one; more follows the last entry of the configuration.
func install(t *testing.T, more string) *installation {
	t.Helper()
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := &installation{t: t, url: "http://" + addr, path: filepath.Join(dir, "backline.yaml"), data: filepath.Join(dir, "data")}
	text := fmt.Sprintf(`version: 1
listen: %[1]s
public_url: http://%[1]s
data: %[2]s
company: {name: Nordwind, language: en}
rtc: {media: "127.0.0.1:0", turn: "127.0.0.1:0"}
queues: [{id: main, name: Service, ring: 5s}, {id: second, name: Second}]
agents:
  - {id: jana, name: Jana Brandt, queues: [main]}
  - {id: emil, name: Emil Sommer, queues: [main, second]}
limits: {requests_per_second: 1000, burst: 1000}
log: {level: debug}
entries:
  - {channel: livechat, site: shop, to: queue/main, origins: ["%[3]s"]}
`, addr, in.data, testSite) + more
	if err := os.WriteFile(in.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in.people()
	return in
}

// people gives the agents their passwords.
func (in *installation) people() {
	in.t.Helper()
	for _, id := range []string{"jana", "emil"} {
		if code, _, errs := run(in.t, testPassword+"\n", "agent", "add", "--config", in.path, "--id", id, "--queues", "main"); code != exitDone {
			in.t.Fatalf("agent add: %s", errs)
		}
	}
}

// start runs the gateway until it is ready.
func (in *installation) start() {
	in.t.Helper()
	in.launch()
	in.becomes(http.StatusOK)
}

// launch runs the gateway.
func (in *installation) launch() {
	in.t.Helper()
	in.child = program(context.Background(), "serve", "--config", in.path)
	log := &lockedBuffer{}
	in.log = log
	// A pipe of our own: one of exec's is waited for, and processes that take over write to it as well.
	r, w, err := os.Pipe()
	if err != nil {
		in.t.Fatal(err)
	}
	go func() { _, _ = io.Copy(log, r) }() // ends with the last process
	in.child.Stdout, in.child.Stderr = w, w
	if err := errors.Join(in.child.Start(), w.Close()); err != nil {
		in.t.Fatal(err)
	}
	child := in.child
	in.t.Cleanup(func() {
		if child.ProcessState == nil {
			_ = child.Process.Kill() // the test has failed before it stopped it
			_ = child.Wait()
		}
		if in.t.Failed() {
			in.t.Logf("the end of the gateway's log:\n%s", end(log.String()))
		}
	})
}

// end is what of a log one can read.
func end(log string) string { return log[max(0, len(log)-8<<10):] }

// becomes waits until /readyz answers with this status.
func (in *installation) becomes(status int) {
	in.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if res, err := http.Get(in.url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == status {
				return
			}
		}
	}
	in.t.Fatalf("/readyz does not become %d:\n%s", status, end(in.log.String()))
}

// kill ends the gateway as a power failure would.
func (in *installation) kill() {
	in.t.Helper()
	if err := in.child.Process.Kill(); err != nil {
		in.t.Fatal(err)
	}
	_ = in.child.Wait() // "signal: killed"
}

// stop ends it in order.
func (in *installation) stop() {
	in.t.Helper()
	if err := in.child.Process.Signal(syscall.SIGTERM); err != nil {
		in.t.Fatal(err)
	}
	if err := in.child.Wait(); err != nil {
		in.t.Errorf("the gateway did not stop in order: %v", err)
	}
}

func (in *installation) signIn(agent string) string {
	in.t.Helper()
	b := &bench{benchOptions: benchOptions{url: in.url, agent: agent}, password: testPassword, client: http.DefaultClient}
	cookie, err := b.signIn(in.t.Context())
	if err != nil {
		in.t.Fatal(err)
	}
	return cookie
}

// rest asks the REST API as an agent.
func (in *installation) rest(cookie, method, path string, body, out any) int {
	in.t.Helper()
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			in.t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(in.t.Context(), method, in.url+path, r)
	if err != nil {
		in.t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer res.Body.Close()
	if out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			in.t.Fatalf("%s %s: %s: %v", method, path, res.Status, err)
		}
	}
	return res.StatusCode
}

// socket is either side's web socket; frames that were read while waiting for another are kept in got.
type socket struct {
	t   *testing.T
	ws  *websocket.Conn
	got []map[string]any
}

func (in *installation) dial(path string, head http.Header, hello map[string]any) *socket {
	in.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(in.url, "http", "ws", 1)+path, head)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { ws.Close() })
	s := &socket{t: in.t, ws: ws}
	hello["t"], hello["version"] = "hello", 1
	s.send(hello)
	return s
}

func (in *installation) visitor(token string, after uint64) *socket {
	in.t.Helper()
	return in.dial("/ws/visitor", http.Header{"Origin": {testSite}}, map[string]any{"site": "shop", "token": token, "after": after})
}

func (in *installation) console(agent string, after uint64) *socket {
	in.t.Helper()
	s := in.dial("/ws/console", http.Header{"Cookie": {in.signIn(agent)}, "Origin": {in.url}}, map[string]any{"after": after})
	s.await("ready", nil)
	return s
}

func (s *socket) send(frame map[string]any) {
	s.t.Helper()
	if err := s.ws.WriteJSON(frame); err != nil {
		s.t.Fatal(err)
	}
}

// await reads until a frame of this type fits.
func (s *socket) await(frame string, fits func(map[string]any) bool) map[string]any {
	s.t.Helper()
	_ = s.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		var f map[string]any
		if err := s.ws.ReadJSON(&f); err != nil {
			s.t.Fatalf("waiting for %s: %v; got so far: %v", frame, err, s.got)
		}
		s.got = append(s.got, f)
		if f["t"] == frame && (fits == nil || fits(f)) {
			return f
		}
	}
}

// command sends a console's command and waits for its answer.
func (s *socket) command(do string, fields map[string]any) map[string]any {
	s.t.Helper()
	id := fmt.Sprint("c", time.Now().UnixNano())
	f := map[string]any{"t": "cmd", "id": id, "do": do}
	for k, v := range fields {
		f[k] = v
	}
	s.send(f)
	ack := s.await("ack", func(a map[string]any) bool { return a["id"] == id })
	if ack["failure"] != nil {
		s.t.Fatalf("%s refused: %v", do, ack["failure"])
	}
	return ack
}

// part reads into a frame: part(f, "item", "text").
func part(f map[string]any, path ...string) any {
	var v any = f
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func itemText(text string) func(map[string]any) bool {
	return func(f map[string]any) bool { return part(f, "item", "text") == text }
}

func delivery(text, state string) func(map[string]any) bool {
	return func(f map[string]any) bool {
		return part(f, "item", "text") == text && part(f, "item", "delivery") == state
	}
}

// lockedBuffer takes a child's output, which is written while a test may look at it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
