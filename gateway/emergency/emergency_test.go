package emergency_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/emergency"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// board is a switch with the journal it lives on.
type board struct {
	*emergency.Switch
	t   *testing.T
	all []gateway.EmergencyChanged
}

func newBoard(t *testing.T, texts emergency.Texts) *board {
	return &board{Switch: emergency.New(texts), t: t}
}

// press sets the switch and reports whether anything changed.
func (b *board) press(r emergency.Request) bool {
	b.t.Helper()
	ev, err := b.Set(r)
	if err != nil {
		b.t.Fatal(err)
	}
	if ev == nil {
		return false
	}
	e := ev.(gateway.EmergencyChanged)
	b.all = append(b.all, e)
	n := uint64(len(b.all))
	b.Apply(100+n, n, noon.Add(time.Duration(n)*time.Minute), e)
	return true
}

func on(why string, text map[string]string) emergency.Request {
	return emergency.Request{On: true, By: "Jana Brandt", Why: why, Text: text}
}

var nordwind = emergency.Texts{Company: "Nordwind", Language: "de", Calls: true}

func TestPressedTwiceItSwitchesOnce(t *testing.T) {
	b := newBoard(t, nordwind)
	if got := b.State(); got.On || got.Since != nil {
		t.Errorf("a new switch is %+v", got)
	}
	if b.press(emergency.Request{}) {
		t.Error("off when off changed something")
	}
	if !b.press(on("trunk down", nil)) || b.press(on("trunk down", nil)) || b.press(on("somebody else noticed", nil)) {
		t.Error("on, on, on: want one change")
	}
	since, number := *b.State().Since, b.Number()
	if !b.press(on("", map[string]string{"en": "Back at three."})) || b.press(on("x", map[string]string{"en": " Back at three. "})) {
		t.Error("other texts, then the same: want one change")
	}
	got := b.State()
	if got.Why != "trunk down" || got.Text["en"] != "Back at three." || *got.Since != since || b.Number() != number {
		t.Errorf("after new texts: %+v", got)
	}
	if b.press(on("", nil)) {
		t.Error("pressing without texts took back those that were given")
	}
	if !b.press(on("", map[string]string{})) || b.State().Text["en"] == "Back at three." {
		t.Error("no texts at all are those of the configuration")
	}
	if !b.press(emergency.Request{By: "Emil"}) || b.press(emergency.Request{By: "Emil"}) || b.Number() != 0 || b.On() {
		t.Error("off, off: want one change")
	}
}

func TestGivenBeatsConfiguredBeatsBuiltIn(t *testing.T) {
	texts := nordwind
	texts.Configured = map[string]string{"fr": "configured fr", "de": "configured de"}
	b := newBoard(t, texts)
	if got := b.Notice("fr"); got != "" {
		t.Errorf("off, and it says %q", got)
	}
	b.press(on("x", map[string]string{"fr": "given fr", "pt-br": "given pt"}))
	for _, c := range []struct{ languages, want string }{
		{"fr", "given fr"}, {"fr-CH", "given fr"}, {"FR_ch", "given fr"}, {"de-AT", "configured de"},
		{"en-US", "The phone numbers of Nordwind are out of order right now. Chat and calls from here work."},
		{"pt-BR", "given pt"}, {"pt", "configured de"}, {"", "configured de"}, {"ja", "configured de"},
		{"ja,fr", "given fr"}, {",fr", "given fr"}, {"en,fr", "The phone numbers of Nordwind are out of order right now. Chat and calls from here work."},
	} {
		if got := b.Notice(strings.Split(c.languages, ",")...); got != c.want {
			t.Errorf("%q: %q, want %q", c.languages, got, c.want)
		}
	}
	b.press(emergency.Request{By: "x"})
	b.press(on("again", nil))
	if got := b.Notice("fr"); got != "configured fr" {
		t.Errorf("the next emergency begins with %q", got)
	}
}

func TestCompanyOfAnotherLanguageStillHasAText(t *testing.T) {
	b := newBoard(t, emergency.Texts{Company: "Foo", Language: "ja"})
	b.press(on("x", nil))
	if got := b.Notice("ko"); got != "The phone numbers of Foo are out of order right now. The chat here works." {
		t.Errorf("got %q", got)
	}
}

func TestAnswerSpeaksOfWhereItIsRead(t *testing.T) {
	b := newBoard(t, nordwind)
	b.press(on("x", map[string]string{"fr": "Panne."}))
	for _, c := range []struct{ language, link, want string }{
		{"en", "", "The phone numbers of Nordwind are out of order right now. You can go on writing to us here."},
		{"", "https://x/t", "Die Telefonnummern von Nordwind sind zurzeit gestört. Hier können Sie uns weiterhin schreiben.\nSprechen können Sie mit uns im Browser: https://x/t"},
		{"fr", "https://x/t", "Panne.\nhttps://x/t"},
	} {
		if got := b.Answer(c.link, c.language); got != c.want {
			t.Errorf("%s: %q, want %q", c.language, got, c.want)
		}
	}
}

func TestBuiltInTextsAreShortAndCalm(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, company := range []string{"", "Nordwind Logistik", long} {
		for _, calls := range []bool{true, false} {
			for tag, text := range (emergency.Texts{Company: company, Calls: calls}).Defaults() {
				if strings.Contains(text, "!") || emergency.CheckText(text) != "" || !strings.Contains(text, company) {
					t.Errorf("%s: %q", tag, text)
				}
			}
		}
	}
}

func TestBadRequestsNameTheField(t *testing.T) {
	many := map[string]string{}
	for i := range 17 {
		many[fmt.Sprintf("a%c", 'a'+i)] = "x"
	}
	for _, c := range []struct {
		r     emergency.Request
		field string
	}{
		{on("", nil), "why"},
		{on("  ", nil), "why"},
		{on(strings.Repeat("ä", 201), nil), "why"},
		{on("two\nlines", nil), "why"},
		{on("\xff", nil), "why"},
		{emergency.Request{Why: "a\x00"}, "why"},
		{on("x", map[string]string{"de": strings.Repeat("ä", 501)}), "text.de"},
		{on("x", map[string]string{"de": "a\x1b[0m"}), "text.de"},
		{on("x", map[string]string{"german": "x"}), "text"},
		{on("x", map[string]string{"": "x"}), "text"},
		{on("x", map[string]string{"de-AT": "x", "de_at": "y"}), "text"},
		{on("x", many), "text"},
	} {
		_, err := emergency.New(nordwind).Set(c.r)
		e, ok := err.(*gateway.Error)
		if !ok || e.Field != c.field {
			t.Errorf("%+v: %v, want field %s", c.r, err, c.field)
		}
	}
	ok := on(strings.Repeat("ä", 200), map[string]string{"de": strings.Repeat("ä", 500) + "\n"})
	ok.Text["de"] = strings.Repeat("ä", 498) + "\nx"
	if _, err := emergency.New(nordwind).Set(ok); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestReplayLeadsToTheSameState(t *testing.T) {
	b := newBoard(t, nordwind)
	for i := range 70 {
		b.press(emergency.Request{On: i%3 != 2, By: "x", Why: fmt.Sprint("w", i), Text: map[string]string{"en": fmt.Sprint("t", i)}})
	}
	again := emergency.New(nordwind)
	for range 2 { // the second time changes nothing
		for i, e := range b.all {
			n := uint64(i + 1)
			again.Apply(100+n, n, noon.Add(time.Duration(n)*time.Minute), e)
		}
	}
	if diff := cmp.Diff(b.Report(), again.Report()); diff != "" {
		t.Error(diff)
	}
	r := again.Report()
	if len(r.Log) != emergency.MaxLog || r.Log[0].Why != b.all[len(b.all)-1].Why || again.Switched() != uint64(len(b.all)) {
		t.Errorf("%d in the log, the newest %+v, %d of %d counted", len(r.Log), r.Log[0], again.Switched(), len(b.all))
	}
	// What was handed out is the receiver's own.
	r.Text["en"], r.Log[0].Why = "changed", "changed"
	if got := again.Report(); got.Text["en"] == "changed" || got.Log[0].Why == "changed" {
		t.Error("the report shares memory with the switch")
	}
}

func TestEachThreadIsToldOnceInAnEmergency(t *testing.T) {
	a := emergency.NewAnswers()
	a.Want("c1", "t1", gateway.ChannelSMS)
	if len(a.Due(10)) != 0 {
		t.Error("off, and somebody is to be told")
	}
	a.Begin(7)
	a.Want("c1", "t1", gateway.ChannelSMS)
	a.Want("c2", "t2", gateway.ChannelLivechat)
	a.Want("c3", "t3", gateway.ChannelMessenger)
	if len(a.Due(10)) != 2 || len(a.Due(1)) != 1 || a.Waits("c2") {
		t.Errorf("due %v", a.Due(10))
	}
	a.Submitted("c1", gateway.MessageSubmitted{Thread: "t1", Automatic: true, ClientID: emergency.ClientID(7)})
	a.Submitted("c3", gateway.MessageSubmitted{Thread: "t3", Agent: "jana"})
	a.Want("c4", "t1", gateway.ChannelSMS)
	if len(a.Due(10)) != 0 {
		t.Errorf("due %v, want nobody: told already, or a person has answered", a.Due(10))
	}
	a.Want("c5", "t3", gateway.ChannelMessenger)
	a.Done("c5")
	a.End()
	a.Begin(9)
	a.Submitted("c1", gateway.MessageSubmitted{Thread: "t1", Automatic: true, ClientID: emergency.ClientID(7)}) // of the last one
	a.Want("c4", "t1", gateway.ChannelSMS)
	if !a.Waits("c4") || a.Waits("c5") {
		t.Error("a new emergency is told anew")
	}
}

func FuzzTag(f *testing.F) {
	for _, s := range []string{"de", "pt_br", "zh-hant-TW", "x", "de-", "", "DE-at", "sr-Latn-RS", "de-1996"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tag, ok := emergency.Tag(s)
		if !ok {
			return
		}
		again, ok := emergency.Tag(tag)
		if !ok || again != tag || !strings.EqualFold(strings.ReplaceAll(s, "_", "-"), tag) {
			t.Errorf("%q is %q, then %q", s, tag, again)
		}
	})
}
