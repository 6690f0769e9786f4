package poster_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skip2/go-qrcode"

	"backline/gateway/poster"
)

func nordwind() poster.Sheet {
	return poster.Sheet{Company: "Nordwind <Logistik>", Main: "de", On: true,
		Notice: map[string]string{"de": "Die Telefone sind gestört.", "en": "The phones are out of order."},
		Talk:   []poster.Door{{"Service & Hilfe", "https://gw.example.org/talk/AbC-123"}, {"Dispatch", "https://gw.example.org/talk/DeF-456"}},
		Sites:  []string{"https://shop.example.org"}, Numbers: []string{"+1 202-555-0100"}, Pages: []string{"100000000000001"},
		At: time.Date(2026, 5, 4, 12, 30, 0, 0, time.UTC)}
}

func show(t *testing.T, s poster.Sheet, query string) (string, http.Header) {
	t.Helper()
	h := poster.Handler(func(context.Context) (poster.Sheet, error) { return s, nil },
		func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/print/contact"+query, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), w.Result().Header
}

func TestSheetSaysItInBothLanguagesTheChosenOneFirst(t *testing.T) {
	for _, c := range []struct{ query, first, second string }{
		{"", "So erreichen Sie uns jetzt", "How to reach us now"},
		{"?language=en", "How to reach us now", "So erreichen Sie uns jetzt"},
		{"?language=xx", "So erreichen Sie uns jetzt", "How to reach us now"},
	} {
		body, _ := show(t, nordwind(), c.query)
		h1 := strings.Index(body, "<h1>"+c.first)
		if h1 < 0 || strings.Index(body, ">"+c.second) < h1 {
			t.Errorf("%q: %s", c.query, body)
		}
		for _, want := range []string{"Nordwind &lt;Logistik&gt;", "Die Telefone sind gestört.", "The phones are out of order.",
			"Service &amp; Hilfe", "gw.example.org/talk/AbC-123", "shop.example.org", "1 202-555-0100", "m.me/100000000000001"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is missing %q", c.query, want)
			}
		}
	}
}

func TestWithoutAnEmergencyNoPhoneIsCalledBroken(t *testing.T) {
	s := nordwind()
	s.On = false
	body, _ := show(t, s, "")
	if strings.Contains(body, "gestört.</p>") || strings.Contains(body, `class="on"`) || !strings.Contains(body, "AbC-123") {
		t.Errorf("%s", body)
	}
}

func TestWhatIsNotThereIsNotOnTheSheet(t *testing.T) {
	body, _ := show(t, poster.Sheet{Company: "X", Main: "en"}, "")
	if strings.Contains(body, "<svg") || strings.Contains(body, "<h2") || strings.Contains(body, "<dl") {
		t.Errorf("%s", body)
	}
}

// The style is allowed by its hash; nothing else may load.
func TestPolicyAllowsTheStyleAndNothingElse(t *testing.T) {
	body, head := show(t, nordwind(), "")
	policy := head.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, bad := range []string{"<script", "<img", "<link", "style=", "ZgotmplZ"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
}

func TestCodesAreDrawnAsTheyAreEncoded(t *testing.T) {
	body, _ := show(t, nordwind(), "")
	svg := regexp.MustCompile(`<svg viewBox="-4 -4 (\d+) \d+"[^>]*><path d="([^"]*)"/></svg>`).FindAllStringSubmatch(body, -1)
	addresses := []string{"https://gw.example.org/talk/AbC-123", "https://gw.example.org/talk/DeF-456", "https://shop.example.org"}
	if len(svg) != len(addresses) {
		t.Fatalf("%d codes, want %d", len(svg), len(addresses))
	}
	run := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	for i, address := range addresses {
		q, err := qrcode.New(address, qrcode.Medium)
		if err != nil {
			t.Fatal(err)
		}
		q.DisableBorder = true
		want := q.Bitmap()
		got := make([][]bool, len(want))
		for y := range got {
			got[y] = make([]bool, len(want))
		}
		for _, m := range run.FindAllStringSubmatch(svg[i][2], -1) {
			x, y, n := number(t, m[1]), number(t, m[2]), number(t, m[3])
			for k := range n {
				got[y][x+k] = true
			}
		}
		if number(t, svg[i][1]) != len(want)+8 {
			t.Errorf("%s: %s wide, want %d and 4 of white on each side", address, svg[i][1], len(want))
		}
		for y := range want {
			for x := range want {
				if got[y][x] != want[y][x] {
					t.Fatalf("%s differs at %d,%d", address, x, y)
				}
			}
		}
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFailureIsSaid(t *testing.T) {
	var got error
	h := poster.Handler(func(context.Context) (poster.Sheet, error) { return poster.Sheet{}, errors.New("no links") },
		func(_ http.ResponseWriter, _ *http.Request, err error) { got = err })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if got == nil {
		t.Error("nobody heard of it")
	}
}
