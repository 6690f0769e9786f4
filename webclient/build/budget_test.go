package build_test

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"backline/webclient"
	"backline/webclient/build"
)

// Budgets in bytes, brotli at its best. Websites pay the loader on each page and the widget on a click.
const (
	loaderBudget = 1536
	widgetBudget = 14336
)

func assets(t *testing.T) *build.Bundle {
	t.Helper()
	b, err := webclient.Assets()
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

// The widget is one module: a second request is a second chance to fail. The budget counts only that one.
func TestWidgetIsOneModule(t *testing.T) {
	b := assets(t)
	widget, _ := b.Entry("widget")
	for _, call := range []string{"import(", `from"./`, `import"./`} {
		if bytes.Contains(b.File(widget.Script).Plain, []byte(call)) {
			t.Errorf("%s loads more: %s", widget.Script, call)
		}
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
