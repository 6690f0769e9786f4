package main

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// heapShare of the memory that we may have is for the Go heap; the rest is for SQLite, stacks and the kernel's buffers.
const heapShare = 0.7

// memoryLimit is how many bytes our control group, or one above it, may take; 0: nobody limits us. root is the system's.
func memoryLimit(root fs.FS) int64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0 // no Linux
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "memory":
			least = min(least, leastOf(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes"))
		case parts[0] == "0":
			least = min(least, leastOf(root, "sys/fs/cgroup", parts[2], "memory.max"))
		}
	}
	if least > 1<<50 { // version 1 says "none" by a very large number
		return 0
	}
	return least
}

// leastOf reads the limits of a group and of all above it. In a container the group's own path may be that of the host, and not
// be there.
func leastOf(root fs.FS, mount, group, name string) int64 {
	least := int64(math.MaxInt64)
	for {
		text, err := fs.ReadFile(root, path.Join(mount, group, name))
		if err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // else "max"
				least = min(least, n)
			}
		}
		if group == "/" || group == "." {
			return least
		}
		group = path.Dir(group)
	}
}
