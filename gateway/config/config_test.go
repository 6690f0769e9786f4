package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway/config"
)

const small = `version: 1
queues: [{id: main}]
entries:
  - {channel: livechat, site: shop, to: queue/main, origins: ["https://shop.example.org"]}
`

var exampleSecrets = []string{
	"BACKLINE_MESSENGER_APP_SECRET=s1", "BACKLINE_MESSENGER_VERIFY_TOKEN=s2", "BACKLINE_MESSENGER_PAGE_TOKEN=s3",
	"BACKLINE_SMS_TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000", "BACKLINE_SMS_TWILIO_AUTH_TOKEN=s4",
	"BACKLINE_SMS_TELNYX_API_KEY=s5", "BACKLINE_SMS_TELNYX_PUBLIC_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	"BACKLINE_MAIL_SMTP=smtp://user:hunter2@mail.example.org:587",
}

const examplePath = "../../backline.example.yaml"

func TestExampleLoadsOnceSecretsAreFilled(t *testing.T) {
	c, err := config.Load(examplePath, exampleSecrets)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Messenger.AppSecret); got != "s1" {
		t.Errorf("app secret %q, want s1", got)
	}
	if got, want := c.Entries[0].Queue, "main"; string(got) != want {
		t.Errorf("fallback queue %q, want %q", got, want)
	}
	if got, want := c.Queues[1].Ring, 20*time.Second; got != want {
		t.Errorf("default ring %v, want %v", got, want)
	}
}

func TestExampleShowsEveryKey(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, parent string) {
		for f := range typ.Fields() {
			key := f.Tag.Get("yaml")
			if !regexp.MustCompile(`(?m)^[ -]*` + key + `:`).Match(data) {
				t.Errorf("%s%s is not in the example", parent, key)
			}
			ft := f.Type
			if ft.Kind() == reflect.Slice {
				ft = ft.Elem()
			}
			if ft.Kind() == reflect.Struct {
				walk(ft, parent+key+".")
			}
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
}

func TestSmallFileHasDefaults(t *testing.T) {
	if m := config.Check([]byte(small)); len(m) > 0 {
		t.Fatal(m)
	}
	path := write(t, "c.yaml", small)
	c, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.PublicURL != "http://127.0.0.1:8080" || c.Queues[0].Name != "main" || c.Queues[0].WrapUp != 30*time.Second {
		t.Errorf("defaults missing: %+v", c)
	}
	if want := filepath.Join(filepath.Dir(path), "data"); c.Data != want {
		t.Errorf("data %q, want %q", c.Data, want)
	}
}

// Each row is one mistake; at is "line:column key", msg a part of the message.
func TestEachMistakeHasItsLineAndColumn(t *testing.T) {
	for _, tt := range []struct{ name, yaml, at, msg string }{
		{"unknown key", "version: 1\ncompani: {name: x}", `2:1 compani`, `did you mean "company"?`},
		{"unknown inner key", "version: 1\nqueues:\n  - {id: main, rong: 5s}", `3:16 queues[0].rong`, `did you mean "ring"?`},
		{"no version", "listen: 127.0.0.1:1", `1:1 version`, "required"},
		{"other version", "version: 2", `1:10 version`, "version 1 only"},
		{"duration", "version: 1\nqueues:\n  - id: main\n    ring: 20", `4:11 queues[0].ring`, "write 20s"},
		{"duration out of range", "version: 1\nqueues:\n  - id: main\n    ring: 1s", `4:11 queues[0].ring`, "want 5s"},
		{"bad id", "version: 1\nqueues: [{id: Main}]", `2:15 queues[0].id`, "a-z"},
		{"id twice", "version: 1\nqueues: [{id: a}, {id: a}]", `2:24 queues[1].id`, "twice"},
		{"key twice", "version: 1\nlisten: a:1\nlisten: b:2", `3:1`, "already defined"},
		{"no such queue", small + "agents: [{id: jana, queues: [mian]}]", `5:30 agents[0].queues[0]`, `did you mean "main"?`},
		{"no such target", strings.Replace(small, "to: queue/main", "to: queue/night", 1), `4:41 entries[0].to`, "no queue"},
		{"no such agent", small + "agents: [{id: jana}]\n" + "replies: []\n" + "trusted_proxies: [nope]", `7:19 trusted_proxies[0]`, "no address"},
		{"origin with a path", strings.Replace(small, "example.org", "example.org/", 1), `4:63 entries[0].origins[0]`, "exactly"},
		{"origin with a star", strings.Replace(small, "https://shop", "https://*", 1), `4:63 entries[0].origins[0]`, "exactly"},
		{"entry twice", small + `  - {channel: livechat, site: shop, to: queue/main, origins: ["https://a.example"]}`, `5:5 entries[1]`, "twice"},
		{"number", small + `  - {channel: sms, number: "0202555", to: queue/main}` + "\nsms: {providers: []}", `5:28 entries[1].number`, "E.164"},
		{"number at Telnyx", small + `  - {channel: sms, number: "+12025550100", telnyx_number: "312", to: queue/main}`, `5:59 entries[1].telnyx_number`, "E.164"},
		{"number at Twilio of a page", small + `  - {channel: messenger, page: "1", twilio_number: "+12025550100", to: queue/main}`, `5:52 entries[1].twilio_number`, "does not belong"},
		{"one number for two entries", small + `  - {channel: sms, number: "+12025550100", to: queue/main}` + "\n" +
			`  - {channel: sms, number: "+12025550101", telnyx_number: "+12025550100", to: queue/main}`, `6:59 entries[2].telnyx_number`, "another entry's"},
		{"redis nowhere", "version: 1\nstore: {engine: redis}\nnode: {name: a}", `2:8 store.url`, "required: redis://host:6379"},
		{"redis elsewhere", "version: 1\nstore: {engine: redis, url: 'http://x'}\nnode: {name: a}", `2:29 store.url`, "want redis://"},
		{"sentinels without a name", "version: 1\nstore: {engine: redis, sentinels: ['a:1']}\nnode: {name: a}", `2:8 store.master`, "belong together"},
		{"a sentinel without a port", "version: 1\nstore: {engine: redis, sentinels: [a], master: m}\nnode: {name: a}", `2:36 store.sentinels[0]`, "want host:port"},
		{"records that stay for an hour", "version: 1\nstore: {engine: redis, url: 'redis://x:1', keep: 1h}\nnode: {name: a}", `2:50 store.keep`, "want 24h"},
		{"records that leave a disk", "version: 1\nstore: {keep: 720h}", `2:15 store.keep`, "want redis"},
		{"a node nobody can name", "version: 1\nstore: {engine: redis, url: 'redis://x:1'}\nnode: {name: 'A B'}", `3:14 node.name`, "want 1–64"},
		{"a node's address with a path", "version: 1\nstore: {engine: redis, url: 'redis://x:1'}\nnode: {name: a, address: 'http://x/y'}", `3:26 node.address`, "without a path"},
		{"embedded elsewhere", "version: 1\nstore: {engine: embedded, url: 'redis://x:1'}", `2:17 store.engine`, "no url"},
		{"hours", "version: 1\nqueues: [{id: a, hours: {timezone: Mars/X}}]", `2:36 queues[0].hours.timezone`, "time zone"},
		{"weekly", "version: 1\nqueues: [{id: a, hours: {weekly: [\"mon-fri 8-18\"]}}]", `2:35 queues[0].hours.weekly[0]`, "mon-fri"},
		{"weekly without time between", "version: 1\nqueues: [{id: a, hours: {weekly: [\"mon 08:00-08:00\"]}}]", `2:35 queues[0].hours.weekly[0]`, "nothing between"},
		{"holiday", "version: 1\nqueues: [{id: a, hours: {holidays: [\"2026-02-30\"]}}]", `2:37 queues[0].hours.holidays[0]`, "2026-02-30"},
		{"holiday twice", "version: 1\nqueues: [{id: a, hours: {holidays: [\"12-25\", \"12-25\"]}}]", `2:36 queues[0].hours.holidays`, "twice"},
		{"level", "version: 1\nlog: {level: warning}", `2:14 log.level`, `did you mean "warn"?`},
		{"list wanted", "version: 1\nqueues: 7", `2:9 queues`, "want a list"},
		{"mapping wanted", "version: 1\ncompany: 7", `2:10 company`, "keys and values"},
		{"anchor", "version: 1\nlisten: &a 127.0.0.1:1", `2:9 listen`, "anchors"},
		{"color unquoted", "version: 1\ncompany: {color: red}", `2:18 company.color`, "#rrggbb"},
		{"not YAML", "version: 1\nlisten: [", `2:9`, ""},
		{"emergency text in no language", "version: 1\nemergency: {text: {german: x}}", `2:28 emergency.text.german`, "like de or pt-BR"},
		{"emergency text too long", "version: 1\nemergency: {text: {de: " + strings.Repeat("ä", 501) + "}}", `2:24 emergency.text.de`, "500"},
		{"emergency text empty", "version: 1\nemergency: {text: {de: \"\"}}", `2:24 emergency.text.de`, "empty"},
		{"emergency text twice", "version: 1\nemergency: {text: {de-AT: x, de_at: y}}", `2:37 emergency.text.de_at`, "twice"},
		{"emergency text as a list", "version: 1\nemergency: {text: [x]}", `2:19 emergency.text`, "keys and values"},
		{"emergency text nested", "version: 1\nemergency: {text: {de: {a: b}}}", `2:24 emergency.text.de`, "single value"},
		{"emergency of no queue", small + "emergency: {queues: [{id: mian, hours: always}]}", `5:27 emergency.queues[0].id`, `did you mean "main"?`},
		{"emergency queue twice", small + "emergency: {queues: [{id: main, hours: always}, {id: main, hours: always}]}", `5:54 emergency.queues[1].id`, "twice"},
		{"emergency hours", small + "emergency: {queues: [{id: main, hours: alway}]}", `5:40 emergency.queues[0].hours`, `did you mean "always"?`},
		{"emergency that changes nothing", small + "emergency: {queues: [{id: main}]}", `5:22 emergency.queues[0]`, "changes nothing"},
		{"emergency overflow into itself", small + "emergency: {queues: [{id: main, overflow: queue/main}]}", `5:43 emergency.queues[0].overflow`, "itself"},
		{"emergency overflow to nobody", small + "emergency: {queues: [{id: main, overflow: queue/night}]}", `5:43 emergency.queues[0].overflow`, "no queue"},
		{"emergency overflow too late", small + "emergency: {queues: [{id: main, overflow_after: 25h}]}", `5:49 emergency.queues[0].overflow_after`, "want 1s"},
		{"value and file", "version: 1\nmessenger: {app_secret: a, app_secret_file: b, verify_token: c, page_token: d}", `2:28 messenger.app_secret_file`, "not both"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mistakes := config.Check([]byte(tt.yaml))
			for _, m := range mistakes {
				at := strings.TrimSpace(fmt.Sprintf("%d:%d %s", m.Line, m.Column, m.Key))
				if at == tt.at && strings.Contains(m.Msg, tt.msg) {
					return
				}
			}
			t.Errorf("got %v\nwant %s: …%s…", mistakes, tt.at, tt.msg)
		})
	}
}

func TestWhatIsNotYAMLIsTheOnlyMistake(t *testing.T) {
	for _, text := range []string{"version: 1\nlisten: [", "version: 1\nqueues:\n\t- {id: a}", strings.Repeat("[", 5000)} {
		if got := config.Check([]byte(text)); len(got) != 1 {
			t.Errorf("%.30q: %v, want one mistake: the keys in it are not missing", text, got)
		}
	}
}

func TestHoursWithHolidaysAloneAreOpenAllWeek(t *testing.T) {
	h, err := config.Hours{Timezone: "Europe/Berlin", Holidays: []string{"12-25"}}.Router()
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for day, open := range map[int]bool{24: true, 25: false, 26: true} {
		if got := h.Open(time.Date(2026, 12, day, 12, 0, 0, 0, berlin)); got != open {
			t.Errorf("open on December %d: %v, want %v", day, got, open)
		}
	}
	if h, err := (config.Hours{Timezone: "Europe/Berlin"}).Router(); h != nil || err != nil {
		t.Errorf("a time zone alone: %v %v, want always open", h, err)
	}
}

func TestAllMistakesAreFoundAtOnce(t *testing.T) {
	got := config.Check([]byte("version: 1\nlisten: x\nfoo: 1\nqueues:\n  - {id: A, ring: 1}\nlog: {format: xml}\n"))
	if len(got) != 5 {
		t.Errorf("got %d mistakes, want 5: %v", len(got), got)
	}
	for i := 1; i < len(got); i++ {
		if got[i].Line < got[i-1].Line {
			t.Errorf("mistakes are not in order of lines: %v", got)
		}
	}
}

func TestEnvironmentWinsOverFile(t *testing.T) {
	path := write(t, "c.yaml", small)
	c, err := config.Load(path, []string{
		"BACKLINE_LISTEN=127.0.0.1:9", "BACKLINE_TRUSTED_PROXIES=10.0.0.0/8, ::1",
		`BACKLINE_QUEUES=[{id: main, ring: 7s}]`, "BACKLINE_SERVICE_HOST=10.1.2.3", "PATH=/bin",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:9" || c.Queues[0].Ring != 7*time.Second || c.Queues[0].WrapUp != 30*time.Second {
		t.Errorf("got %+v", c)
	}
	if diff := cmp.Diff([]string{"10.0.0.0/8", "::1"}, c.TrustedProxies); diff != "" {
		t.Error(diff)
	}
	if len(c.Proxies()) != 2 {
		t.Errorf("proxies %v", c.Proxies())
	}
}

func TestEnvironmentMistakesNameTheVariable(t *testing.T) {
	_, err := config.Load(write(t, "c.yaml", small), []string{"BACKLINE_LISTN=127.0.0.1:9", "BACKLINE_LIMITS_BURST=x"})
	e, ok := errors.AsType[*config.Error](err)
	if !ok || len(e.Mistakes) != 2 {
		t.Fatalf("got %v, want two mistakes", err)
	}
	for _, want := range []string{"BACKLINE_LISTN: unknown variable; did you mean BACKLINE_LISTEN?", "BACKLINE_LIMITS_BURST: limits.burst"} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q is not in %q", want, e.Error())
		}
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	path := write(t, "c.yaml", small+"messenger: {app_secret_file: app, verify_token: v, page_token: p}\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "app"), []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := write(t, "other", "from-env-file")
	c, err := config.Load(path, []string{"BACKLINE_MESSENGER_PAGE_TOKEN_FILE=" + other})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Messenger.AppSecret), "from-file"; got != want {
		t.Errorf("app secret %q, want %q", got, want)
	}
	if got, want := string(c.Messenger.PageToken), "from-env-file"; got != want {
		t.Errorf("page token %q, want %q", got, want)
	}
	_, err = config.Load(write(t, "d.yaml", small+"messenger: {app_secret_file: missing, verify_token: v, page_token: p}\n"), nil)
	if err == nil || !strings.Contains(err.Error(), "d.yaml:5:30: messenger.app_secret_file: ") {
		t.Errorf("got %v, want the place of the missing file", err)
	}
}

func TestEveryKeyHasAVariable(t *testing.T) {
	names := map[string]config.Variable{}
	for _, v := range config.Variables() {
		if _, twice := names[v.Name]; twice {
			t.Errorf("%s is there twice", v.Name)
		}
		names[v.Name] = v
	}
	if v := names["BACKLINE_MESSENGER_APP_SECRET"]; v.Key != "messenger.app_secret" || !v.Secret {
		t.Errorf("got %+v", v)
	}
	if v := names["BACKLINE_QUEUES"]; v.Form != "yaml" {
		t.Errorf("got %+v", v)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	c, err := config.Load(examplePath, exampleSecrets)
	if err != nil {
		t.Fatal(err)
	}
	c.Messenger.AppSecret = "hunter2"
	var out bytes.Buffer
	if err := c.Show(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "app_secret: ••••") {
		t.Errorf("no blanked secret in\n%s", out.String())
	}
	if m := config.Check(out.Bytes()); len(m) > 0 && !onlySecrets(m) {
		t.Errorf("what Show prints does not read back: %v", m)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", c.Messenger.AppSecret, "all", c.Messenger)
	data, _ := json.Marshal(c)
	fmt.Fprintf(&out, "%s %v %+v %#v %s %q", data, c, c, c.Messenger, c.Messenger.AppSecret, c.Messenger.AppSecret)
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("a secret was printed:\n%s", out.String())
	}
}

func onlySecrets(ms []config.Mistake) bool {
	for _, m := range ms {
		if !strings.Contains(m.Key, "sms.t") {
			return false
		}
	}
	return true
}

func FuzzCheck(f *testing.F) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{small, string(example), "", "a: &a [*a]", "? {a: b}: c", strings.Repeat("[", 5000), strings.Repeat("- ", 5000), "a: !!binary x", "version: 1\n---\nb: 2", "version: 1e9"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := config.Check(data)
		if len(got) > 100 {
			t.Errorf("%d mistakes", len(got))
		}
		for _, m := range got {
			if m.Line < 1 || m.Column < 1 || m.Msg == "" || len(m.Msg) > 2000 {
				t.Errorf("bad mistake %+v", m)
			}
		}
	})
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEmergencyChangesWhatItNamesAndLeavesTheRest(t *testing.T) {
	c, err := config.Load(write(t, "c.yaml", `version: 1
queues:
  - {id: main, hours: {weekly: ["mon-fri 08:00-18:00"]}, overflow: queue/night, overflow_after: 5m, ring: 7s}
  - {id: night, hours: {weekly: ["sat 08:00-18:00"]}}
emergency:
  text: {pt_br: "  Os telefones "}
  queues: [{id: main, hours: always, overflow_after: 30s}]
`), []string{"BACKLINE_COMPANY_NAME=Nordwind"})
	if err != nil {
		t.Fatal(err)
	}
	want := c.Queues[0]
	want.Hours, want.OverflowAfter = config.Hours{}, 30*time.Second
	if diff := cmp.Diff(want, c.Emergency.In(c.Queues[0])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(c.Queues[1], c.Emergency.In(c.Queues[1])); diff != "" {
		t.Errorf("a queue that is not named has changed: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"pt-BR": "Os telefones"}, c.Emergency.Text); diff != "" {
		t.Error(diff)
	}
	c, err = config.Load(write(t, "d.yaml", small), []string{"BACKLINE_EMERGENCY_TEXT={de: Hallo}", "BACKLINE_EMERGENCY_QUEUES=[{id: main, hours: always}]"})
	if err != nil || c.Emergency.Text["de"] != "Hallo" || c.Emergency.Queues[0].Hours != "always" {
		t.Errorf("from the environment: %+v, %v", c.Emergency, err)
	}
}

func TestTurnOverTLSNeedsACertificateAndSharesThePortByDefault(t *testing.T) {
	for _, c := range []struct{ text, wantTLS, wantHost string }{
		{"public_url: https://gw.example.org", "none", "gw.example.org"},
		{"public_url: https://gw.example.org\ntls: {certificate: c.pem, private_key: k.pem}", "shared", "gw.example.org"},
		{"tls: {certificate: c.pem, private_key: k.pem}\nrtc: {turn_tls: \":5349\", turn_host: turn.example.org}", ":5349", "turn.example.org"},
	} {
		path := t.TempDir() + "/backline.yaml"
		if err := os.WriteFile(path, []byte("version: 1\nqueues: [{id: main}]\n"+c.text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(path, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got.RTC.TurnTLS != c.wantTLS || got.RTC.TurnHost != c.wantHost {
			t.Errorf("%s: TURN over TLS %q at %q, want %q at %q", c.text, got.RTC.TurnTLS, got.RTC.TurnHost, c.wantTLS, c.wantHost)
		}
		if got.TLS.On() && got.TLS.Certificate != filepath.Join(filepath.Dir(path), "c.pem") {
			t.Errorf("certificate %q, want it beside the configuration", got.TLS.Certificate)
		}
	}
	for _, bad := range []string{"rtc: {turn_tls: shared}", "tls: {certificate: c.pem}", "rtc: {stun: [stun.example.org]}"} {
		if len(config.Check([]byte("version: 1\nqueues: [{id: main}]\n"+bad+"\n"))) == 0 {
			t.Errorf("%s: no mistake is found", bad)
		}
	}
}
