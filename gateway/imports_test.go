package gateway_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestArrowsPointOneWay keeps the direction of imports that docs/architecture.md draws.
func TestArrowsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			if why := forbidden(p.ImportPath, imp); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
			}
		}
	}
}

func TestTheRuleSeesABadImport(t *testing.T) {
	for _, bad := range [][2]string{
		{"backline/channels/sms", "backline/channels/messenger"},
		{"backline/channels/sms/twilio", "backline/gateway/router"},
		{"backline/gateway/outbox", "backline/channels/sms"},
		{"backline/gateway", "github.com/gorilla/websocket"},
		{"backline/gateway/router", "net/http"},
		{"backline/gateway/media", "backline/gateway/conversation"},
		{"backline/gateway/media", "net/http"},
		{"backline/gateway/outbox", "backline/gateway/live"},
		{"backline/gateway/live", "backline/gateway/hub"},
		{"backline/gateway/access", "backline/gateway/config"},
		{"backline/gateway/live", "backline/gateway/journal/sqlite"},
		{"backline/gateway/wire", "backline/gateway/conversation"},
		{"backline/gateway/journal", "backline/gateway"},
		{"backline/gateway/hub", "backline/webclient/serve"},
		{"backline/webclient/build", "backline/gateway"},
		{"backline/channels/livechat", "backline/cmd/backline"},
	} {
		if forbidden(bad[0], bad[1]) == "" {
			t.Errorf("%s may import %s", bad[0], bad[1])
		}
	}
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "backline/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// pure packages decide: functions of (state, event, time).
var pure = []string{"backline/gateway/conversation", "backline/gateway/emergency", "backline/gateway/router"}

// impure: what a pure package must not reach.
var impure = []string{"net", "net/http", "os", "database/sql", "log/slog", "sync", "context"}

func forbidden(from, to string) string {
	ours := strings.HasPrefix(to, "backline/")
	third := !ours && strings.Contains(strings.Split(to, "/")[0], ".")
	switch {
	case from == "backline/gateway" && (ours || third):
		return "the words import the standard library only"
	case from == "backline/channels" && ours && to != "backline/gateway":
		return "the channel contract knows the words only"
	case strings.HasPrefix(from, "backline/channels/") && strings.HasPrefix(to, "backline/channels/") && channel(from) != channel(to) && channel(to) != "channeltest":
		return "a channel knows no other channel"
	case strings.HasPrefix(from, "backline/channels/") && strings.HasPrefix(to, "backline/gateway/") && !shared[to]:
		return "a channel knows its provider and the words, nothing else of the gateway"
	case strings.HasPrefix(from, "backline/gateway/") && strings.HasPrefix(to, "backline/channels/"):
		return "the gateway knows the contract, not the channels"
	case contains(pure, from) && (contains(impure, to) || third):
		return "deciding is pure"
	case from == "backline/gateway/media" && (ours && to != "backline/gateway" || to == "net/http"):
		return "media knows the words, and who hears whom"
	case from == "backline/cmd/backline" || !ours:
		return ""
	case strings.HasPrefix(to, "backline/cmd/"):
		return "nobody knows the program"
	case strings.HasPrefix(from, "backline/webclient") != strings.HasPrefix(to, "backline/webclient"):
		return "the front end and the gateway meet in the program only"
	}
	if who, closed := users[to]; closed && !contains(who, from) {
		return "only the program and " + strings.Join(who, ", ") + " know it"
	}
	if what, closed := knows[from]; closed && !contains(what, to) {
		return "it stands below: it knows " + strings.Join(what, ", ") + " and nothing else of ours"
	}
	return ""
}

// users are those who may import a package besides the program, for packages that stand on top.
var users = map[string][]string{
	"backline/gateway/live":            {"backline/gateway/calls", "backline/gateway/meet", "backline/gateway/hub", "backline/gateway/api"},
	"backline/gateway/hub":             nil,
	"backline/gateway/api":             nil,
	"backline/gateway/config":          nil,
	"backline/gateway/control":         nil,
	"backline/gateway/mailing":         nil,
	"backline/gateway/journal/sqlite":  nil, // an engine is chosen, not known
	"backline/gateway/journal/memory":  nil,
	"backline/gateway/journal/redis":   nil,
	"backline/gateway/journal/spool":   nil,
	"backline/gateway/journal/archive": nil,
	"backline/gateway/lease":           nil,
	"backline/gateway/bus/redis":       nil, // nor is what carries the bus
}

// knows is what packages that stand below may import of ours.
var knows = map[string][]string{
	"backline/gateway/journal":         nil,
	"backline/gateway/journal/spool":   {"backline/gateway/journal"},
	"backline/gateway/journal/archive": {"backline/gateway/journal"},
	"backline/gateway/lease":           {"backline/gateway", "backline/gateway/journal"},
	"backline/gateway/quickjson":       nil,
	"backline/gateway/httpx":           {"backline/gateway"},
	"backline/gateway/wire":            {"backline/gateway"},
	"backline/gateway/router":          {"backline/gateway"},
	"backline/gateway/bus":             {"backline/gateway"},
}

// shared is what channels may use of the gateway besides the words.
var shared = map[string]bool{"backline/gateway/quickjson": true, "backline/gateway/wire": true, "backline/gateway/httpx": true}

func channel(path string) string {
	return strings.Split(strings.TrimPrefix(path, "backline/channels/"), "/")[0]
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
