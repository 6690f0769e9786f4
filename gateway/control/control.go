// Package control is the socket by which commands reach a running gateway: HTTP over a unix socket in the
// data folder. Whoever may open the folder may do everything; nobody else gets as far as connect.
//
//	data/               mode 0700
//	data/control.sock   mode 0600
//
// A path that is too long for a unix socket (104 bytes on macOS, 108 on Linux) is replaced by one in a folder
// of mode 0700 under the temporary folder, named by a hash of the data folder; both sides find it.
//
// In an upgrade the listening socket itself goes to the next process (package takeover), so that a command finds
// somebody at any time.
//
// A socket that a killed gateway left behind is replaced; one that answers is not: [Listen] then returns
// ErrRunning. [Serve] ends its goroutines before it returns. Everything may be called from any goroutine.
package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"backline/gateway/httpx"
)

// Base is what URLs of the client from Dial begin with; the host says nothing.
const Base = "http://control"

// maxPath is the shortest sun_path of our systems, without its closing zero.
const maxPath = 103

// stopTime is how long running commands may take to end when the gateway stops.
const stopTime = 5 * time.Second

var (
	// ErrNotRunning: no gateway has this data folder open.
	ErrNotRunning = errors.New("the gateway is not running")
	// ErrRunning: another gateway has this data folder open.
	ErrRunning = errors.New("a gateway is already running with this data folder")
)

// Path returns where the socket of a data folder is.
func Path(dataDir string) (string, error) {
	abs, err := filepath.Abs(dataDir)
	if err != nil {
		return "", fmt.Errorf("find data folder: %w", err)
	}
	// Two ways to one folder are one gateway. A folder that is not there yet has no other name.
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	if p := filepath.Join(abs, "control.sock"); len(p) <= maxPath {
		return p, nil
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join(os.TempDir(), fmt.Sprintf("backline-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])), "control.sock"), nil
}

// Listen makes the folder, if need be, and the socket in it. Closing the listener removes the socket.
func Listen(dataDir string) (net.Listener, error) {
	if err := private(dataDir); err != nil {
		return nil, err
	}
	path, err := Path(dataDir)
	if err != nil {
		return nil, err
	}
	if err := private(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := clear(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	// Until here the folder's mode has kept others out.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close() // the chmod's error says more
		return nil, fmt.Errorf("protect control socket: %w", err)
	}
	return l, nil
}

// private makes a folder that only its owner can enter. One of somebody else is refused.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at folder: %w", err)
	}
	if !ours(info) {
		return fmt.Errorf("folder %s belongs to another user", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("protect folder: %w", err)
		}
	}
	return nil
}

// clear removes a socket that nobody answers at. What is no socket stays: it is not ours.
func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at control socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is in the way: it is not a socket", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close() // it was only to ask
		return ErrRunning
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("ask control socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale control socket: %w", err)
	}
	return nil
}

// Serve answers at l until ctx ends, lets running commands finish for 5 s, and removes the socket.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := httpx.NewServer(h, log)
	served := make(chan error, 1) // one value; never closed
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve control socket: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := srv.Shutdown(stop)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	<-served
	return err
}

// Dial returns a client of the running gateway, for URLs that begin with Base. It has asked whether one
// answers: the error is ErrNotRunning when none does, and then the caller may open the folder itself.
func Dial(dataDir string) (*http.Client, error) {
	path, err := Path(dataDir)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", path)
	}
	c, err := DialConn(dataDir)
	if err != nil {
		return nil, err
	}
	c.Close() // it was only to ask
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			DisableKeepAlives: true, // a command asks once or twice, and leaves no connection behind
		},
	}, nil
}

// DialConn returns a connection to the running gateway. The error is ErrNotRunning when there is none.
func DialConn(dataDir string) (net.Conn, error) {
	path, err := Path(dataDir)
	if err != nil {
		return nil, err
	}
	c, err := net.DialTimeout("unix", path, 2*time.Second)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTDIR) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("reach the running gateway: %w", err)
	}
	return c, nil
}
