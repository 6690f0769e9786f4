package build

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// inPackage says where npm's package keeps the file that we vendor.
var inPackage = map[string]string{
	"preact/preact.mjs":             "preact/dist/preact.mjs",
	"preact/hooks.mjs":              "preact/hooks/dist/hooks.mjs",
	"preact/jsxRuntime.mjs":         "preact/jsx-runtime/dist/jsxRuntime.mjs",
	"signals/signals.mjs":           "@preact/signals/dist/signals.mjs",
	"signals-core/signals-core.mjs": "@preact/signals-core/dist/signals-core.mjs",
	"uqr/uqr.mjs":                   "uqr/dist/index.mjs",
}

func TestVendoredFilesAreWhatTheLockNames(t *testing.T) {
	raw, err := os.ReadFile("../package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version string } `json:"packages"`
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		t.Fatal(err)
	}
	versions, err := os.ReadFile("../third_party/VERSIONS")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(versions)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			t.Fatalf("VERSIONS: %q: want package, version, file, sha512", line)
		}
		listed["third_party/"+f[2]] = true
		if got := lock.Packages["node_modules/"+f[0]].Version; got != f[1] {
			t.Errorf("%s: vendored %s, the lock has %q", f[0], f[1], got)
		}
		checkFile(t, f[2], f[3])
	}
	for module, file := range vendored() {
		if !listed[file] {
			t.Errorf("%s: %s is not in VERSIONS", module, file)
		}
	}
}

func checkFile(t *testing.T, file, want string) {
	t.Helper()
	ours, err := os.ReadFile(path.Join("../third_party", file))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha512.Sum512(ours); hex.EncodeToString(sum[:]) != want {
		t.Errorf("%s does not have the hash of VERSIONS", file)
	}
	theirs, err := os.ReadFile(path.Join("../node_modules", inPackage[file]))
	if errors.Is(err, fs.ErrNotExist) {
		return // no npm ci here
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Errorf("%s differs from the package's", file)
	}
}
