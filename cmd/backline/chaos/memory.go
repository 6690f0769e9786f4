package chaos

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// MemoryLimit is a control group whose processes together have so much memory; what takes more is killed by the kernel.
type MemoryLimit struct {
	dir   string
	names groupFiles
	t     testing.TB
}

// groupFiles are the names of version 1 and 2 (docs.kernel.org/admin-guide/cgroup-v1/memory.html, …/cgroup-v2.html).
type groupFiles struct{ limit, peak, events, killed string }

var (
	group1 = groupFiles{"memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control", "oom_kill "}
	group2 = groupFiles{"memory.max", "memory.peak", "memory.events", "oom_kill "}
)

// NewMemoryLimit makes one below our own; the test is skipped where that is not allowed.
func NewMemoryLimit(t testing.TB, limit int64) *MemoryLimit {
	t.Helper()
	m := &MemoryLimit{t: t}
	raw, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skipf("this system has no control groups: %v", err)
	}
	for line := range strings.Lines(string(raw)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "memory":
			m.dir, m.names = "/sys/fs/cgroup/memory"+parts[2], group1
		case parts[0] == "0" && m.dir == "":
			m.dir, m.names = "/sys/fs/cgroup"+parts[2], group2
		}
	}
	m.dir = filepath.Join(m.dir, fmt.Sprint("backline-chaos-", os.Getpid()))
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(m.dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(m.dir, m.names.limit), []byte(strconv.FormatInt(limit, 10)), 0); err != nil {
		t.Skipf("a control group's memory cannot be limited here: %v", err)
	}
	return m
}

// Wrap is for [Options].
func (m *MemoryLimit) Wrap() []string {
	return []string{"sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, m.dir}
}

// Peak is how much memory, with the kernel's caches, was in use at most, in bytes.
func (m *MemoryLimit) Peak() int64 {
	m.t.Helper()
	raw, err := os.ReadFile(filepath.Join(m.dir, m.names.peak))
	if err != nil {
		m.t.Fatal(err)
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// Kills counts how often the kernel has killed.
func (m *MemoryLimit) Kills() int {
	m.t.Helper()
	raw, err := os.ReadFile(filepath.Join(m.dir, m.names.events))
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, m.names.killed); ok {
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil {
				m.t.Fatal(err)
			}
			return n
		}
	}
	m.t.Fatalf("%s does not say how often: %s", m.names.events, raw)
	return 0
}

// Heavy are connections that each send a webhook of a size, but for its last byte, and then wait; those that are refused are left
// out. The caller closes them.
func Heavy(addr string, n, size int) []net.Conn {
	conns := Mute(addr, n)
	head := fmt.Sprintf("POST /hooks/messenger HTTP/1.1\r\nHost: flood\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size)
	body := append([]byte(head), bytes.Repeat([]byte{' '}, size-1)...)
	for _, c := range conns {
		_, _ = c.Write(body) // refused: it is closed
	}
	return conns
}
