package links_test

import (
	"os"
	"path/filepath"
	"testing"

	"backline/gateway/links"
)

func TestARingIsWhatItHasBecomeElsewhere(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	file := func(name string) []byte { data, err := os.ReadFile(path(name)); must(t, err); return data }
	here, err := links.OpenRing(path("here"))
	must(t, err)
	first := file("here")
	must(t, os.WriteFile(path("there"), first, 0o600))
	there, err := links.OpenRing(path("there"))
	must(t, err)
	if n, err := there.Rotate(); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	second := file("there")
	if !links.Later(first, second) || links.Later(second, first) || links.Later(first, first) || links.Later([]byte("{}"), second) {
		t.Error("which of two rings is later is not told")
	}
	must(t, here.Adopt(second))
	must(t, here.Adopt(second)) // again
	if string(file("here")) != string(second) {
		t.Error("what was adopted is not on disk")
	}
	if here.Adopt(first) == nil {
		t.Error("a key was taken away")
	}
	_, err = here.Rotate()
	must(t, err)
	_, err = there.Rotate()
	must(t, err)
	if here.Adopt(file("there")) == nil || links.Later(file("here"), file("there")) {
		t.Error("one key was taken for another of its number")
	}
	for _, bad := range []string{"", "{}", `{"version":2}`} {
		if here.Adopt([]byte(bad)) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
