package main

import (
	"encoding/json"
	"strings"
	"testing"

	"backline/gateway/links"
)

// linkCommand runs `backline link …` on an installation.
func (in *installation) linkCommand(word string, args ...string) (code int, stdout, stderr string) {
	in.t.Helper()
	return run(in.t, "", append([]string{"link", word, "--config", in.path}, args...)...)
}

func TestLinksAreMadeWithAndWithoutARunningGateway(t *testing.T) {
	in := install(t, "")
	code, before, errs := in.linkCommand("create", "--to", "queue/main", "--contact", "Henrik Kolbe <h.kolbe@example.org>", "--subject", "Oranges")
	if code != exitDone || !strings.HasPrefix(before, in.url+"/talk/") || strings.Count(before, "\n") != 1 {
		t.Fatalf("create: %d %q %s", code, before, errs)
	}
	in.start()
	code, out, errs := in.linkCommand("create", "--to", "agent/jana", "--ttl", "1h", "--json")
	var made links.View
	if err := json.Unmarshal([]byte(out), &made); code != exitDone || err != nil || made.To != "agent/jana" || made.By != byCommand {
		t.Fatalf("create beside the gateway: %d %q %s %v", code, out, errs, err)
	}
	_, list, _ := in.linkCommand("list")
	if strings.Count(list, "\n") != 2 || !strings.Contains(list, "h.kolbe@example.org") || !strings.Contains(list, string(made.ID)) {
		t.Errorf("list:\n%s", list)
	}
	if code, _, errs := run(t, "", "link", "revoke", string(made.ID), "--config", in.path); code != exitDone {
		t.Errorf("revoke: %s", errs)
	}
	_, list, _ = in.linkCommand("list", "--json")
	for line := range strings.Lines(list) {
		var l links.View
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Revoked != (l.ID == made.ID) {
			t.Errorf("%+v, %v", l, err)
		}
	}
	if code, out, _ := in.linkCommand("rotate-key"); code != exitDone || !strings.Contains(out, "Key 2 signs") {
		t.Errorf("rotate-key: %q", out)
	}
	if code, _, errs := in.linkCommand("revoke", "--key", "1"); code != exitDone {
		t.Errorf("revoke --key: %s", errs)
	}
	in.kill()
	in.start()
	_, again, _ := in.linkCommand("list", "--json")
	if strings.Count(again, `"revoked":true`) != 2 {
		t.Errorf("after a crash:\n%s", again)
	}
	in.stop()
}

func TestThePublicLinkIsTheSameEachTime(t *testing.T) {
	in := install(t, "")
	_, first, errs := in.linkCommand("create", "--to", "queue/main", "--public")
	_, second, _ := in.linkCommand("create", "--to", "queue/main", "--public")
	if first == "" || first != second {
		t.Errorf("%q and %q %s", first, second, errs)
	}
}

func TestWrongLinkCommandsSayWhatIsWrong(t *testing.T) {
	in := install(t, "")
	for want, args := range map[string][]string{
		"to: there is no queue/nowhere": {"create", "--to", "queue/nowhere"},
		"contact.phone: want a number":  {"create", "--to", "queue/main", "--phone", "12"},
		"ttl: want":                     {"create", "--to", "queue/main", "--ttl", "soon"},
		"--to is missing":               {"create"},
		"want one of":                   {"revoke"},
		"no such link":                  {"revoke", "l0"},
		"no link of this campaign":      {"revoke", "--campaign", "june"},
		"unknown \"mint\"":              {"mint"},
	} {
		if code, out, errs := in.linkCommand(args[0], args[1:]...); code == exitDone || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
	if _, _, errs := run(t, "", "link", "create", "--data", in.data, "--to", "queue/main"); !strings.Contains(errs, "--config") {
		t.Errorf("without a configuration: %q", errs)
	}
}
