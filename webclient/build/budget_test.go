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
	callBudget   = 4608 // what a call needs more
	laterBudget  = 1344 // each of the other parts that the widget loads: a language, files, the sound, …
	laterParts   = 9
	wayBudget    = 4096  // a way other than a call, when somebody takes it: a voice message, to be called back
	talkBudget   = 26624 // what the page of a link loads to be read and to call, in one language
	meetBudget   = 25600 // what the page of a meeting loads, in one language: video is the whole of it
	talkPage     = 640   // of these for the HTML, which package serve writes
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

func later(script []byte) []string {
	var names []string
	for _, hit := range regexp.MustCompile(`import\("`+build.Prefix+`([^"]+)"\)`).FindAllSubmatch(script, -1) {
		names = append(names, string(hit[1]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The widget is one module, so that one request makes a chat; what it loads later is small and stands alone. One of
// the parts is for calls.
func TestWidgetLoadsLittleLater(t *testing.T) {
	b := assets(t)
	widget, _ := b.Entry("widget")
	static := regexp.MustCompile(`\bfrom\s*"|\bimport\s*"`)
	names := later(b.File(widget.Script).Plain)
	if len(names) != laterParts {
		t.Errorf("the widget loads %d parts later, want %d", len(names), laterParts)
	}
	calls := 0
	for i := 0; i < len(names); i++ {
		part := b.File(names[i])
		if part == nil {
			t.Fatalf("%s is not part of the build", names[i])
		}
		budget := laterBudget
		if bytes.Contains(part.Plain, []byte("panel-way")) || bytes.Contains(part.Plain, []byte("next-way")) {
			budget = wayBudget
			t.Logf("another way: %d bytes, %d packed, budget %d", len(part.Plain), packed(t, part.Plain), budget)
		}
		if bytes.Contains(part.Plain, []byte("RTCPeerConnection")) {
			calls++
			budget = callBudget
			names = append(names, later(part.Plain)...)
			t.Logf("calls: %d bytes, %d packed, budget %d", len(part.Plain), packed(t, part.Plain), budget)
		}
		if got := packed(t, part.Plain); got > budget {
			t.Errorf("%s: %d bytes packed, want ≤ %d", names[i], got, budget)
		}
		if hit := static.Find(part.Plain); hit != nil {
			t.Errorf("%s needs another part: %s", names[i], hit)
		}
	}
	if calls != 1 {
		t.Errorf("%d parts are for calls", calls)
	}
	if hit := static.Find(b.File(widget.Script).Plain); hit != nil {
		t.Errorf("%s is not one module: %s", widget.Script, hit)
	}
}

func TestTalkPageIsLight(t *testing.T) {
	b := assets(t)
	page, ok := b.Entry("talk")
	if !ok || page.Style == "" {
		t.Fatalf("the page of a link: %+v", page)
	}
	sum := talkPage + packed(t, b.File(page.Script).Plain) + packed(t, b.File(page.Style).Plain)
	language := 0
	for _, name := range later(b.File(page.Script).Plain) {
		if part := b.File(name).Plain; bytes.Contains(part, []byte("callUnanswered")) {
			language = max(language, packed(t, part))
		}
	}
	if language == 0 {
		t.Error("no part looks like a language")
	}
	sum += language
	for _, hit := range regexp.MustCompile(`\bfrom\s*"`+build.Prefix+`([^"]+)"`).FindAllSubmatch(b.File(page.Script).Plain, -1) {
		sum += packed(t, b.File(string(hit[1])).Plain)
	}
	t.Logf("talk: %d packed, budget %d", sum, talkBudget)
	if sum > talkBudget {
		t.Errorf("the page of a link: %d bytes packed in all, want ≤ %d", sum, talkBudget)
	}
}

func TestMeetingPageIsLight(t *testing.T) {
	b := assets(t)
	page, ok := b.Entry("meet")
	if !ok || page.Style == "" {
		t.Fatalf("the page of a meeting: %+v", page)
	}
	sum, language := talkPage+packed(t, b.File(page.Script).Plain)+packed(t, b.File(page.Style).Plain), 0
	for _, name := range later(b.File(page.Script).Plain) {
		language = max(language, packed(t, b.File(name).Plain))
	}
	if language == 0 {
		t.Error("no part looks like a language")
	}
	sum += language
	t.Logf("meet: %d packed, budget %d", sum, meetBudget)
	if sum > meetBudget {
		t.Errorf("the page of a meeting: %d bytes packed in all, want ≤ %d", sum, meetBudget)
	}
}

func TestCustomersPagesImportOnlyTheirOwn(t *testing.T) {
	b := assets(t)
	common := []string{"src/widget", "src/shared", "third_party/preact"}
	for page, allowed := range map[string][]string{"widget": common, "talk": append(slices.Clone(common), "src/talk"),
		"meet": append(slices.Clone(common), "src/meet", "third_party/signals", "third_party/signals-core")} {
		inputs := b.Inputs(page)
		if len(inputs) < 5 {
			t.Fatalf("the %s page is made of %v", page, inputs)
		}
		for _, in := range inputs {
			if !slices.ContainsFunc(allowed, func(folder string) bool { return strings.HasPrefix(path.Clean(in), folder+"/") }) {
				t.Errorf("the %s page imports %s", page, in)
			}
		}
	}
}
