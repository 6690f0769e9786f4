package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backline/gateway/journal/redis/redistest"
)

// Each row is one command line and what comes of it: the exit code, and a part of what it prints.
func TestCommandsSayWhatIsWrongAndWhatToDo(t *testing.T) {
	in := install(t, "")
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("version: 1\nlistn: 127.0.0.1:1\nqueues: [{id: main, ring: 1}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		{nil, "", exitUsage, "", "usage: backline COMMAND"},
		{[]string{"help"}, "", exitDone, "journal", ""},
		{[]string{"--help"}, "", exitDone, "journal", ""},
		{[]string{"version"}, "", exitDone, "backline ", ""},
		{[]string{"version", "x"}, "", exitUsage, "", "takes no arguments"},
		{[]string{"nope"}, "", exitUsage, "", `no command "nope"`},
		{[]string{"serve", "--nope"}, "", exitUsage, "", "usage: backline serve"},
		{[]string{"serve", "--config", "missing.yaml"}, "", exitFailed, "", "missing.yaml: no such file"},
		{[]string{"serve", "--config", wrong}, "", exitFailed, "", wrong + `:2:1: listn: unknown key "listn"; did you mean "listen"?`},
		{[]string{"config", "check", in.path}, "", exitDone, "no mistakes", ""},
		{[]string{"config", "check", wrong}, "", exitFailed, "", wrong + ":3:27: queues[0].ring: "},
		{[]string{"config", "check", "--json", wrong}, "", exitFailed, `{"line":2,"column":1,"key":"listn"`, wrong},
		{[]string{"config", "check", "--json", in.path}, "", exitDone, "[]", ""},
		{[]string{"config", "show", in.path}, "", exitDone, "ring: 5s", ""},
		{[]string{"config", "check"}, "", exitUsage, "", "want one FILE"},
		{[]string{"config", "burn", in.path}, "", exitUsage, "", "want check or show"},
		{[]string{"agent"}, "", exitUsage, "", "want: agent add"},
		{[]string{"agent", "add", "--id", "x"}, "", exitUsage, "", "say where"},
		{[]string{"agent", "add", "--config", in.path}, "", exitUsage, "", "--id is missing"},
		{[]string{"agent", "add", "--config", in.path, "--id", "x", "--queues", "mian"}, "", exitUsage, "", `no queue "mian"`},
		{[]string{"agent", "add", "--config", in.path, "--id", "x"}, "short\n", exitFailed, "", "at least 12 characters"},
		{[]string{"agent", "add", "--config", in.path, "--id", "X Y"}, testPassword + "\n", exitFailed, "", "id: want"},
		{[]string{"agent", "add", "--config", in.path, "--id", "x", "--role", "boss"}, testPassword + "\n", exitFailed, "", "role: want"},
		{[]string{"agent", "add", "--config", in.path, "--id", "x"}, "", exitFailed, "", "read password from standard input"},
		{[]string{"agent", "list", "--config", in.path}, "", exitDone, "emil", ""},
		{[]string{"agent", "list", "--data", in.data, "--json"}, "", exitDone, `[{"id":"emil"`, ""},
		{[]string{"agent", "remove", "--data", in.data, "nobody"}, "", exitFailed, "", `no agent "nobody"`},
		{[]string{"agent", "remove", "--data", in.data, "emil"}, "", exitDone, "", ""},
		{[]string{"token", "create", "--data", in.data}, "", exitUsage, "", "--name is missing"},
		{[]string{"token", "create", "--data", in.data, "--name", "a", "--role", "boss"}, "", exitFailed, "", "role: want"},
		{[]string{"token", "create", "--data", in.data, "--name", "a", "--json"}, "", exitDone, `"token":"bl_`, ""},
		{[]string{"token", "create", "--data", in.data, "--name", "a"}, "", exitFailed, "", "revoke it first"},
		{[]string{"token", "list", "--data", in.data, "--json"}, "", exitDone, `[{"name":"a"`, ""},
		{[]string{"token", "revoke", "--data", in.data, "--name", "a"}, "", exitDone, "", ""},
		{[]string{"token", "list", "--data", in.data}, "", exitDone, "", ""},
		{[]string{"journal"}, "", exitUsage, "", "want: journal verify"},
		{[]string{"journal", "verify", "--data", "nowhere"}, "", exitFailed, "", "nowhere"},
		{[]string{"journal", "verify", "--config", in.path}, "", exitDone, "unchanged and in order", ""},
		{[]string{"journal", "import", "--data", in.data}, "", exitFailed, "", "import into an empty folder"},
	} {
		code, stdout, stderr := run(t, c.stdin, c.args...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || c.stderr == "" && code == exitDone && strings.Contains(stderr, "backline ") {
			t.Errorf("backline %s: code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(c.args, " "), code, c.code, stdout, stderr)
		}
	}
}

// What works on a folder works beside a running gateway, too, and is seen there at once.
func TestCommandsReachTheRunningGateway(t *testing.T) {
	in := install(t, "")
	in.start()
	if code, _, errs := run(t, testPassword+"\n", "agent", "add", "--data", in.data, "--id", "lena", "--queues", "second"); code != exitDone {
		t.Fatal(errs)
	}
	if code, _, errs := run(t, testPassword+"\n", "agent", "add", "--data", in.data, "--id", "max", "--queues", "mian"); code != exitFailed || !strings.Contains(errs, `no queue "mian"`) {
		t.Errorf("code %d, %s", code, errs)
	}
	in.signIn("lena")
	s := newScript(t, in)
	s.ask("GET", "/api/v1/agents", nil, 200, nil)
	if code, _, errs := run(t, "", "token", "revoke", "--data", in.data, "--name", "script"); code != exitDone {
		t.Fatal(errs)
	}
	s.ask("GET", "/api/v1/agents", nil, 401, nil)
	if info, err := os.Stat(filepath.Join(in.data, "control.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control socket: %v %v", info, err)
	}
	in.stop()
}

// An installation moves to Redis and back by export and import: the same record at the end.
func TestJournalMovesToRedisAndBack(t *testing.T) {
	in := install(t, "")
	s := redistest.Start(t)
	moved := filepath.Join(t.TempDir(), "redis.yaml")
	text, err := os.ReadFile(in.path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "store: {engine: redis, url: \"redis://"+s.Addr+"\"}\n"...)
	if err := os.WriteFile(moved, text, 0o600); err != nil {
		t.Fatal(err)
	}
	step := func(stdin string, args ...string) string {
		t.Helper()
		code, out, errs := run(t, stdin, append([]string{"journal"}, args...)...)
		if code != exitDone {
			t.Fatalf("journal %q: %s", args, errs)
		}
		return out
	}
	if code, out, errs := run(t, "", "doctor", "redis", "--config", moved); code != exitDone || !strings.Contains(out, "ok   appendfsync") {
		t.Errorf("doctor redis: code %d, %s%s", code, out, errs)
	}
	s.Config("appendfsync", "everysec")
	if code, out, _ := run(t, "", "doctor", "redis", "--config", moved); code != exitFailed || !strings.Contains(out, "BAD  appendfsync") {
		t.Errorf("doctor redis of a server that loses a second: code %d, %s", code, out)
	}
	s.Config("appendfsync", "always")
	if code, _, errs := run(t, "", "doctor", "redis", "--config", in.path); code != exitUsage || !strings.Contains(errs, "not on Redis") {
		t.Errorf("doctor redis of a folder: code %d, %s", code, errs)
	}
	first := step("", "export", "--config", in.path)
	step(first, "import", "--config", moved)
	if out := step("", "verify", "--config", moved); !strings.Contains(out, "unchanged and in order") {
		t.Error(out)
	}
	if code, _, errs := run(t, first, "journal", "import", "--config", moved); code != exitFailed || !strings.Contains(errs, "the journal is there already") {
		t.Errorf("import over the first: code %d, %s", code, errs)
	}
	back := t.TempDir()
	step(step("", "export", "--config", moved), "import", "--data", back)
	if again := step("", "export", "--data", back); again != first || !strings.Contains(first, "jana") {
		t.Errorf("another record at the end:\n%s\nbegan as\n%s", again, first)
	}
}

// An export taken while the gateway runs fills an empty folder with the same record.
func TestExportComesBackInAnotherFolder(t *testing.T) {
	in := install(t, "")
	in.start()
	v := in.visitor("", 0)
	v.await("ready", nil)
	v.send(map[string]any{"t": "message", "client_id": "v1", "text": "hello"})
	v.await("ack", nil)
	dir := t.TempDir()
	file := filepath.Join(dir, "export")
	export := func() (int, string) {
		code, _, errs := run(t, "", "journal", "export", "--data", in.data, "--file", file)
		return code, errs
	}
	if code, errs := export(); code != exitDone {
		t.Fatal(errs)
	}
	if code, errs := export(); code != exitFailed || !strings.Contains(errs, "there already") {
		t.Errorf("a second one over the first: code %d, %s", code, errs)
	}
	in.stop()
	code, offline, errs := run(t, "", "journal", "export", "--data", in.data)
	if code != exitDone {
		t.Fatal(errs)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(offline, `"text":"hello"`) || !bytes.Contains(whole, []byte(`"text":"hello"`)) {
		t.Error("the message is not in the exports")
	}
	for name, c := range map[string]struct {
		export string
		code   int
		stderr string
	}{
		"whole":   {string(whole), exitDone, ""},
		"altered": {strings.Replace(string(whole), `"text":"hello"`, `"text":"hullo"`, 1), exitFailed, "altered"},
		"cut off": {string(whole[:len(whole)-100]), exitFailed, "import"},
		"empty":   {"", exitFailed, "empty"},
		"other":   {"PK\x03\x04", exitFailed, "no export"},
	} {
		folder := filepath.Join(dir, name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		code, _, errs := run(t, c.export, "journal", "import", "--data", folder)
		if code != c.code || !strings.Contains(errs, c.stderr) {
			t.Errorf("%s: code %d, %s", name, code, errs)
		}
		left, err := os.ReadDir(folder)
		if err != nil || (c.code == exitFailed && len(left) > 0) {
			t.Errorf("%s left %v behind: %v", name, left, err)
		}
		if c.code == exitDone {
			_, report, _ := run(t, "", "journal", "verify", "--data", folder, "--json")
			var r struct{ Head uint64 }
			if err := json.Unmarshal([]byte(report), &r); err != nil || r.Head == 0 {
				t.Errorf("verify the import: %s %v", report, err)
			}
		}
	}
}
