package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"backline/cmd/backline/callbench"
	"backline/gateway/quality"
)

// callLines makes calls at a gateway, which jana takes.
func (in *installation) callLines(t *testing.T) *deskTarget {
	t.Helper()
	id, err := callbench.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	b := &callsBench{out: &lockedBuffer{}, talk: &callbench.Talk{}, began: time.Now(), id: id}
	talking, silence := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { b.talk.Run(talking); close(done) }()
	t.Cleanup(func() { silence(); <-done })
	d, err := openDesk(t.Context(), b, &bench{benchOptions: benchOptions{url: in.url, agent: "jana"}, password: testPassword, client: http.DefaultClient}, in.child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	d.site, d.origin = "shop", testSite
	return d
}

func TestHowGoodACallWasIsSeenKeptAndReported(t *testing.T) {
	in := install(t, "")
	in.start()
	console := in.console("jana", 0)
	desk := in.callLines(t)
	if _, err := desk.bench.joinOne(t.Context(), desk); err != nil {
		t.Fatal(err)
	}
	live := console.await("call.quality", func(f map[string]any) bool { return len(f["lines"].([]any)) == 2 })
	for _, l := range live["lines"].([]any) {
		if l := l.(map[string]any); l["path"] != "udp" || l["loss_in"] != 0.0 || l["mos"].(float64) < 4 || l["kbps"].(float64) < 30 {
			t.Errorf("a line is told as %v", l)
		}
	}
	if n := in.metric(`backline_call_lines{path="udp"}`); n != 2 {
		t.Errorf("%v lines run, want 2", n)
	}
	for _, l := range desk.bench.talk.Clear() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := desk.leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := console.await("update", func(f map[string]any) bool {
		lines, ok := part(f, "item", "lines").([]any)
		return ok && len(lines) == 2 && part(f, "item", "ended", "outcome") == "answered"
	})
	if mos := part(part(kept, "item", "lines").([]any)[0].(map[string]any), "mos").(float64); mos < 4 {
		t.Errorf("kept with a score of %v", mos)
	}
	cookie := in.signIn("jana")
	var s quality.Summary
	if status := in.rest(cookie, "GET", "/api/v1/reports/calls?days=1", nil, &s); status != http.StatusOK {
		t.Fatalf("the report: %d", status)
	}
	if len(s.Rows) != 1 || s.Rows[0].Calls != 1 || s.Rows[0].Lines != 2 || s.Rows[0].Entry != "livechat/shop" || s.Rows[0].Path != "udp" || s.Rows[0].Poor != 0 {
		t.Errorf("got %+v", s)
	}
	if n := in.metric(`backline_call_line_mos_count{path="udp",side="customer"}`); n != 1 {
		t.Errorf("%v customers' lines are counted, want 1", n)
	}
	if status := in.rest(cookie, "GET", "/api/v1/reports/calls?days=0", nil, nil); status != http.StatusBadRequest {
		t.Errorf("no days at all are answered with %d", status)
	}
	in.stop()
	code, out, errs := run(t, "", "report", "calls", "--config", in.path)
	if code != exitDone || !strings.Contains(out, "livechat/shop") || !strings.Contains(out, "BELOW 3.5") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	var again quality.Summary
	if code, out, errs = run(t, "", "report", "calls", "--json", "--config", in.path); code != exitDone || json.Unmarshal([]byte(out), &again) != nil || len(again.Rows) != 1 {
		t.Errorf("%d %s %s", code, out, errs)
	}
}
