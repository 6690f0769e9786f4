package control_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backline/gateway/control"
)

// start serves "hello" for a folder until the test ends.
func start(t *testing.T, dir string) (stop func()) {
	t.Helper()
	l, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello "+r.URL.Path) })
	go func() { done <- control.Serve(ctx, l, h, slog.New(slog.DiscardHandler)) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

func get(t *testing.T, dir string) string {
	t.Helper()
	c, err := control.Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Get(control.Base + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCommandReachesRunningGateway(t *testing.T) {
	for name, dir := range map[string]string{
		"short": filepath.Join(t.TempDir(), "d"),
		"long":  filepath.Join(t.TempDir(), strings.Repeat("x", 120)),
	} {
		t.Run(name, func(t *testing.T) {
			stop := start(t, dir)
			if got, want := get(t, dir), "hello /x"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			path, err := control.Path(dir)
			if err != nil {
				t.Fatal(err)
			}
			for p, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(path): 0o700, path: 0o600} {
				if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
					t.Errorf("%s: %v %v, want mode %o", p, info, err, want)
				}
			}
			if _, err := control.Listen(dir); !errors.Is(err, control.ErrRunning) {
				t.Errorf("second gateway: %v, want ErrRunning", err)
			}
			stop()
			if _, err := os.Stat(path); err == nil {
				t.Error("the socket is still there")
			}
			if _, err := control.Dial(dir); !errors.Is(err, control.ErrNotRunning) {
				t.Errorf("after the stop: %v, want ErrNotRunning", err)
			}
			if name == "long" {
				os.Remove(filepath.Dir(path))
			}
		})
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path, err := control.Path(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as kill -9 leaves it
	l.Close()
	if _, err := control.Dial(dir); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
	defer start(t, dir)()
	if got := get(t, dir); got != "hello /x" {
		t.Errorf("got %q", got)
	}
}

func TestFileInTheWayIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "control.sock")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(dir); err == nil {
		t.Error("listened over a file")
	}
	if data, _ := os.ReadFile(path); string(data) != "mine" {
		t.Error("the file is gone")
	}
}

func TestOpenFolderIsClosed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer start(t, dir)()
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
}
