package chaos

import (
	"bytes"
	"os"
	"path/filepath"
)

// Unflush takes the last FLUSHALL, and what came after it, off the append-only file of a server that does not run: what an
// operator does by hand.
func (x *Server) Unflush() {
	x.t.Helper()
	parts, err := filepath.Glob(filepath.Join(x.dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(parts) == 0 {
		x.t.Fatalf("%s has no append-only file: %v", x.Name, err)
	}
	for _, path := range parts {
		log, err := os.ReadFile(path)
		if err != nil {
			x.t.Fatal(err)
		}
		if at := bytes.LastIndex(log, []byte("*1\r\n$8\r\nFLUSHALL\r\n")); at >= 0 {
			if err := os.Truncate(path, int64(at)); err != nil {
				x.t.Fatal(err)
			}
			return
		}
	}
	x.t.Fatalf("%s: no FLUSHALL in %v", x.Name, parts)
}

// Wipe gives a server that does not run an empty disk.
func (x *Server) Wipe() {
	x.t.Helper()
	if err := os.RemoveAll(filepath.Join(x.dir, "appendonlydir")); err != nil {
		x.t.Fatal(err)
	}
}
