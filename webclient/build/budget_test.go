package build_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"backline/webclient/build"
)

// Budgets in bytes, brotli at its best. Websites pay the loader on each page, the widget and one language on a
// click, and the rest when it is needed.
const (
	loaderBudget = 1536
	widgetBudget = 14336
	laterBudget  = 1152 // each of the parts that the widget loads: a language, uploads, the sound
	laterParts   = 4
)

// ours are the sources without the console, which has no budget here.
type ours struct{ fs.FS }

func (o ours) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "src/console") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}

func assets(t *testing.T) *build.Bundle {
	t.Helper()
	b, err := build.Build(ours{os.DirFS("..")})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func packed(t *testing.T, body []byte) int {
	t.Helper()
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, brotli.BestCompression)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestPagesStayWithinTheirBudgets(t *testing.T) {
	b := assets(t)
	widget, ok := b.Entry("widget")
	if !ok {
		t.Fatal("this build has no widget")
	}
	if widget.Style != "" {
		t.Errorf("the widget has a style sheet of its own, %s: nothing would load it", widget.Style)
	}
	for _, page := range []struct {
		name   string
		body   []byte
		budget int
	}{
		{"loader", b.Loader().Plain, loaderBudget},
		{"widget", b.File(widget.Script).Plain, widgetBudget},
	} {
		got := packed(t, page.body)
		t.Logf("%s: %d bytes, %d packed, budget %d", page.name, len(page.body), got, page.budget)
		if got > page.budget {
			t.Errorf("%s: %d bytes packed, want ≤ %d", page.name, got, page.budget)
		}
	}
}

func TestLoaderImportsNothing(t *testing.T) {
	if got := assets(t).Inputs("loader"); !slices.Equal(got, []string{"src/loader/loader.ts"}) {
		t.Errorf("the loader is made of %v", got)
	}
}

// The widget is one module, so that one request makes a chat; what it loads later is small and stands alone.
func TestWidgetLoadsLittleLater(t *testing.T) {
	b := assets(t)
	widget, _ := b.Entry("widget")
	later := regexp.MustCompile(`import\("` + build.Prefix + `([^"]+)"\)`)
	static := regexp.MustCompile(`\bfrom\s*"|\bimport\s*"`)
	names := map[string]bool{}
	for _, hit := range later.FindAllSubmatch(b.File(widget.Script).Plain, -1) {
		names[string(hit[1])] = true
	}
	if len(names) != laterParts {
		t.Errorf("the widget loads %d parts later, want %d", len(names), laterParts)
	}
	for name := range names {
		part := b.File(name)
		if part == nil {
			t.Fatalf("%s is not part of the build", name)
		}
		if got := packed(t, part.Plain); got > laterBudget {
			t.Errorf("%s: %d bytes packed, want ≤ %d", name, got, laterBudget)
		}
		if hit := static.Find(part.Plain); hit != nil {
			t.Errorf("%s needs another part: %s", name, hit)
		}
	}
	if hit := static.Find(b.File(widget.Script).Plain); hit != nil {
		t.Errorf("%s is not one module: %s", widget.Script, hit)
	}
}

func TestWidgetImportsOnlyItsOwn(t *testing.T) {
	allowed := []string{"src/widget", "src/shared", "third_party/preact"}
	inputs := assets(t).Inputs("widget")
	if len(inputs) < 5 {
		t.Fatalf("the widget is made of %v", inputs)
	}
	for _, in := range inputs {
		if !slices.ContainsFunc(allowed, func(folder string) bool { return strings.HasPrefix(path.Clean(in), folder+"/") }) {
			t.Errorf("the widget imports %s", in)
		}
	}
}
