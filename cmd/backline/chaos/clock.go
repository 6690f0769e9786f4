package chaos

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Clock is the wall clock of a node, which can be set while it runs; the monotonic one goes on, as on a machine whose clock is set.
// The program must be one of [BuildWithClock].
type Clock struct {
	path string
	t    testing.TB
}

// clockVariable names the file with the seconds by which the clock is set.
const clockVariable = "BACKLINE_CHAOS_CLOCK"

// NewClock makes one that goes right.
func NewClock(t testing.TB) *Clock {
	c := &Clock{path: filepath.Join(t.TempDir(), "clock"), t: t}
	c.Set(0)
	return c
}

// Env is for [Options].
func (c *Clock) Env() []string { return []string{clockVariable + "=" + c.path} }

// Set has the clock go wrong by this much, to the second.
func (c *Clock) Set(by time.Duration) {
	c.t.Helper()
	f, err := os.OpenFile(c.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(binary.NativeEndian.AppendUint64(nil, uint64(int64(by/time.Second)))); err != nil {
		c.t.Fatal(err)
	}
}

// stepSource is what package time gets besides: it reads the seconds from the file, which a process has in its memory.
const stepSource = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var stepped *atomic.Int64

func init() {
	path, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic("clock: " + err.Error())
	}
	m, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("clock: " + err.Error())
	}
	stepped = (*atomic.Int64)(unsafe.Pointer(&m[0]))
}

func step() int64 {
	if stepped == nil {
		return 0
	}
	return stepped.Load()
}
`

// BuildWithClock builds the program with a package time whose clock can be set. That takes minutes the first time: nearly all packages need
// time.
func BuildWithClock(t testing.TB) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, pkg := t.TempDir(), filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(pkg, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const reading = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(source), reading) != 1 {
		t.Skip("package time of this version of Go reads the clock in another way")
	}
	overlay := map[string]string{}
	for name, text := range map[string]string{"time.go": strings.Replace(string(source), reading, reading+"\tsec += step()\n", 1), "chaos_step.go": stepSource} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(pkg, name)] = path
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(at, list, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "backline")
	if out, err := exec.Command("go", "build", "-overlay", at, "-o", binary, "backline/cmd/backline").CombinedOutput(); err != nil {
		t.Fatalf("build with a clock: %v\n%s", err, out)
	}
	return binary
}
