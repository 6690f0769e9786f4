package recording

import (
	"os"
	"path/filepath"
	"testing"

	"backline/gateway/media"
)

func TestTheNoticesAreShortAndCanBeReplaced(t *testing.T) {
	clips, err := Notices(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, ogg := range clips {
		if p, err := media.OpusPackets(ogg); err != nil || len(p) < 100 || len(p) > 300 {
			t.Errorf("%s has %d packets of 20 ms (%v), want 2 to 6 s", name, len(p), err)
		}
	}
	path := filepath.Join(t.TempDir(), "fr.opus")
	if err := os.WriteFile(path, clips["notice/de"], 0o600); err != nil {
		t.Fatal(err)
	}
	more, err := Notices(map[string]string{"fr": path})
	if err != nil || len(more) != 3 {
		t.Errorf("%d notices, %v", len(more), err)
	}
	if err := os.WriteFile(path, []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, path + "x"} {
		if _, err := Notices(map[string]string{"fr": bad}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	for want, languages := range map[string][]string{
		"notice/fr": {"fr-CA", "de"}, "notice/de": {"", "de-AT"}, "notice/en": {"pt", ""},
	} {
		if got := NoticeFor(more, languages...); got != want {
			t.Errorf("for %q: %s, want %s", languages, got, want)
		}
	}
}
