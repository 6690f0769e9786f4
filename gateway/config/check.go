package config

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no zone files, and hours must not depend on that

	"github.com/nyaruka/phonenumbers"

	"backline/gateway"
	"backline/gateway/router"
)

// checker judges a Config that was read. Each method is one section.
type checker struct {
	*decoder
	c      *Config
	queues map[gateway.QueueID]bool
	agents map[gateway.AgentID]bool
}

var (
	colorForm    = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	languageForm = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$`)
	graphForm    = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,2}$`)
	digitsForm   = regexp.MustCompile(`^[0-9]{1,32}$`)
)

func (k *checker) all() {
	k.collect()
	k.server()
	k.company()
	k.eachQueue()
	k.eachAgent()
	k.eachEntry()
	k.eachReply()
	k.emergency()
	k.messenger()
	k.sms()
	k.mail()
	k.links()
	k.tls()
	k.rtc()
	k.storeLimitsLog()
}

// collect learns the names first, so that targets may point forward.
func (k *checker) collect() {
	k.queues, k.agents = map[gateway.QueueID]bool{}, map[gateway.AgentID]bool{}
	for i, q := range k.c.Queues {
		k.id(fmt.Sprintf("queues[%d].id", i), string(q.ID), k.queues[q.ID])
		k.queues[q.ID] = true
	}
	for i, a := range k.c.Agents {
		k.id(fmt.Sprintf("agents[%d].id", i), string(a.ID), k.agents[a.ID])
		k.agents[a.ID] = true
	}
}

func (k *checker) id(key, id string, taken bool) {
	switch {
	case id == "":
		k.addAt(key, "required")
	case !gateway.ValidName(id):
		k.addAt(key, `%q: want 1–64 of a-z, 0-9, "-", "_", "."`, clip(id))
	case taken:
		k.addAt(key, "%q is there twice", id)
	}
}

func (k *checker) server() {
	c := k.c
	switch c.Version {
	case 1:
	case 0:
		k.addAt("version", `required: write "version: 1"`)
	default:
		k.addAt("version", "this program reads version 1 only")
	}
	k.address("listen", c.Listen)
	if u := k.url("public_url", c.PublicURL, "https", "http"); u != nil && (u.Path != "" && u.Path != "/" || u.RawQuery != "") {
		k.addAt("public_url", "want scheme and host only, like https://gw.example.org")
	} else if u != nil {
		c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	}
	if c.Data == "" {
		k.addAt("data", "required: a folder")
	}
	for i, s := range c.TrustedProxies {
		if _, err := parsePrefix(s); err != nil {
			k.addAt(fmt.Sprintf("trusted_proxies[%d]", i), "%q is no address and no CIDR", clip(s))
		}
	}
}

func (k *checker) company() {
	if strings.TrimSpace(k.c.Company.Name) == "" || len(k.c.Company.Name) > 200 {
		k.addAt("company.name", "want 1–200 characters")
	}
	if !colorForm.MatchString(k.c.Company.Color) {
		k.addAt("company.color", "%q: want #rrggbb, in quotes", clip(k.c.Company.Color))
	}
	k.language("company.language", k.c.Company.Language)
}

func (k *checker) eachQueue() {
	for i, q := range k.c.Queues {
		key := fmt.Sprintf("queues[%d]", i)
		k.between(key+".ring", q.Ring, 5*time.Second, 10*time.Minute)
		k.between(key+".wrap_up", q.WrapUp, 0, time.Hour)
		k.between(key+".overflow_after", q.OverflowAfter, time.Second, 24*time.Hour)
		k.oneOf(key+".strategy", q.Strategy, "longest_idle", "round_robin", "ring_all")
		k.within(key+".priority", q.Priority, -100, 100)
		k.oneOf(key+".recording", q.Recording, "off", "agent", "always")
		if q.Overflow != "" {
			k.target(key+".overflow", q.Overflow)
			if q.Overflow == gateway.QueueTarget(q.ID) {
				k.addAt(key+".overflow", "a queue cannot overflow into itself")
			}
		}
		k.hours(key+".hours", q.Hours)
	}
}

func (k *checker) hours(key string, h Hours) {
	if h.Timezone != "" {
		if _, err := time.LoadLocation(h.Timezone); err != nil || h.Timezone == "Local" {
			k.addAt(key+".timezone", "%q is no time zone: write one like Europe/Berlin", clip(h.Timezone))
		}
	}
	// Judged by the reader that the router uses, so that what passes here is what it runs on.
	good := true
	judge := func(at string, week, holidays []string) {
		if _, err := router.ParseHours("", week, holidays); err != nil && good {
			k.addAt(at, "%s", clipTo(err.Error(), 200))
			good = false
		}
	}
	for i, w := range h.Weekly {
		judge(fmt.Sprintf("%s.weekly[%d]", key, i), []string{w}, nil)
	}
	for i, d := range h.Holidays {
		judge(fmt.Sprintf("%s.holidays[%d]", key, i), nil, []string{d})
	}
	judge(key+".holidays", nil, h.Holidays) // one of them may be there twice
}

func (k *checker) eachAgent() {
	for i, a := range k.c.Agents {
		key := fmt.Sprintf("agents[%d]", i)
		k.oneOf(key+".role", a.Role, "agent", "supervisor", "admin")
		k.within(key+".capacity.call", a.Capacity.Call, 0, 10)
		k.within(key+".capacity.text", a.Capacity.Text, 0, 100)
		for j, q := range a.Queues {
			if !k.queues[q] {
				k.noQueue(fmt.Sprintf("%s.queues[%d]", key, j), q)
			}
			if slices.Contains(a.Queues[:j], q) {
				k.addAt(fmt.Sprintf("%s.queues[%d]", key, j), "%q is there twice", clip(string(q)))
			}
		}
	}
}

func (k *checker) eachEntry() {
	seen := map[string]bool{}
	for i, e := range k.c.Entries {
		key := fmt.Sprintf("entries[%d]", i)
		if e.To == "" {
			k.addAt(key+".to", `required: "queue/ID" or "agent/ID"`)
		} else {
			k.target(key+".to", e.To)
		}
		if e.Queue != "" && !k.queues[e.Queue] && e.To.Queue() != e.Queue {
			k.noQueue(key+".queue", e.Queue)
		}
		if !k.entryAddress(key, e) {
			continue
		}
		name := e.Channel + "/" + e.Account()
		if seen[name] {
			k.addAt(key, "%s %q is there twice", e.Channel, clip(e.Account()))
		}
		seen[name] = true
	}
	k.hosted("twilio_number", func(e Entry) string { return cmp.Or(e.TwilioNumber, e.Number) })
	k.hosted("telnyx_number", func(e Entry) string { return cmp.Or(e.TelnyxNumber, e.Number) })
}

// hosted: a number at a provider leads to one entry.
func (k *checker) hosted(name string, number func(Entry) string) {
	seen := map[string]bool{}
	for i, e := range k.c.Entries {
		n := number(e)
		if e.Channel != gateway.ChannelSMS || n == "" {
			continue
		}
		if seen[n] && n != e.Number {
			k.addAt(fmt.Sprintf("entries[%d].%s", i, name), "%q is another entry's", clip(n))
		}
		seen[n] = true
	}
}

// entryAddress checks the one address an entry has, and that it has no other's.
func (k *checker) entryAddress(key string, e Entry) bool {
	fields := map[string]string{"site": e.Site, "page": e.Page, "number": e.Number}
	own, ok := map[string]string{
		gateway.ChannelLivechat: "site", gateway.ChannelMessenger: "page", gateway.ChannelSMS: "number",
	}[e.Channel]
	if !ok {
		k.addAt(key+".channel", "%q: want livechat, messenger or sms", clip(e.Channel))
		return false
	}
	for _, name := range []string{"site", "page", "number"} {
		if name != own && fields[name] != "" {
			k.addAt(key+"."+name, "does not belong to %s; it wants %q", e.Channel, own)
		}
	}
	if fields[own] == "" {
		k.addAt(key+"."+own, "required for %s", e.Channel)
		return false
	}
	switch own {
	case "site":
		k.id(key+".site", e.Site, false)
		k.origins(key, e.Origins)
	case "page":
		if !digitsForm.MatchString(e.Page) {
			k.addAt(key+".page", "%q: want the page's id, digits only", clip(e.Page))
		}
	case "number":
		k.number(key+".number", e.Number)
	}
	for name, number := range map[string]string{".twilio_number": e.TwilioNumber, ".telnyx_number": e.TelnyxNumber} {
		switch {
		case number != "" && own != "number":
			k.addAt(key+name, "does not belong to %s", e.Channel)
		case number != "":
			k.number(key+name, number)
		}
	}
	if own != "site" && len(e.Origins) > 0 {
		k.addAt(key+".origins", "does not belong to %s", e.Channel)
	}
	return true
}

// origins are compared byte by byte with what browsers send, so they must be written as browsers do.
func (k *checker) origins(key string, origins []string) {
	if len(origins) == 0 {
		k.addAt(key+".origins", `required: the websites that show the widget, like ["https://shop.example.org"]`)
	}
	for i, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != o ||
			strings.ContainsAny(o, "*@") || o != strings.ToLower(o) || defaultPort(u) {
			k.addAt(fmt.Sprintf("%s.origins[%d]", key, i),
				"%q: want exactly what a browser sends: scheme and host in small letters, no path, no *, like https://shop.example.org", clip(o))
		}
	}
}

func defaultPort(u *url.URL) bool {
	return u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" || strings.HasSuffix(u.Host, ":")
}

func (k *checker) number(key, s string) {
	n, err := phonenumbers.Parse(s, "ZZ")
	if err != nil || phonenumbers.Format(n, phonenumbers.E164) != s || !phonenumbers.IsPossibleNumber(n) {
		k.addAt(key, `%q: want E.164, in quotes, like "+12025550100"`, clip(s))
	}
}

func (k *checker) eachReply() {
	seen := map[string]bool{}
	for i, r := range k.c.Replies {
		key := fmt.Sprintf("replies[%d]", i)
		k.id(key+".id", r.ID, seen[r.ID+"\x00"+r.Language])
		seen[r.ID+"\x00"+r.Language] = true
		if strings.TrimSpace(r.Text) == "" || len([]rune(r.Text)) > 10000 {
			k.addAt(key+".text", "want 1–10000 characters")
		}
		k.language(key+".language", r.Language)
	}
}

func (k *checker) messenger() {
	m := k.c.Messenger
	k.url("messenger.graph_url", m.GraphURL, "https", "http")
	if !graphForm.MatchString(m.GraphVersion) {
		k.addAt("messenger.graph_version", "%q: want a version like v25.0", clip(m.GraphVersion))
	}
	entry := slices.ContainsFunc(k.c.Entries, func(e Entry) bool { return e.Channel == gateway.ChannelMessenger })
	if !entry && !m.On() && m.PageToken == "" && m.VerifyToken == "" && m.AppID == "" {
		return
	}
	k.required("messenger.app_secret", string(m.AppSecret))
	k.required("messenger.verify_token", string(m.VerifyToken))
	k.required("messenger.page_token", string(m.PageToken))
}

func (k *checker) sms() {
	s := k.c.SMS
	for i, p := range s.Providers {
		key := fmt.Sprintf("sms.providers[%d]", i)
		k.oneOf(key, p, "twilio", "telnyx")
		if slices.Contains(s.Providers[:i], p) {
			k.addAt(key, "%q is there twice", clip(p))
		}
	}
	k.url("sms.twilio.api_url", s.Twilio.APIURL, "https", "http")
	k.url("sms.telnyx.api_url", s.Telnyx.APIURL, "https", "http")
	if slices.Contains(s.Providers, "twilio") {
		k.required("sms.twilio.account_sid", s.Twilio.AccountSID)
		k.required("sms.twilio.auth_token", string(s.Twilio.AuthToken))
		if (s.Twilio.APIKey == "") != (s.Twilio.APISecret == "") {
			k.addAt("sms.twilio.api_key", "api_key and api_secret go together")
		}
	}
	if slices.Contains(s.Providers, "telnyx") {
		k.required("sms.telnyx.api_key", string(s.Telnyx.APIKey))
		k.required("sms.telnyx.public_key", s.Telnyx.PublicKey)
		if b, err := base64.StdEncoding.DecodeString(s.Telnyx.PublicKey); s.Telnyx.PublicKey != "" && (err != nil || len(b) != ed25519.PublicKeySize) {
			k.addAt("sms.telnyx.public_key", "want the Ed25519 public key in base64, 44 characters")
		}
	}
	if len(s.Providers) == 0 {
		for i, e := range k.c.Entries {
			if e.Channel == gateway.ChannelSMS {
				k.addAt(fmt.Sprintf("entries[%d]", i), "sms needs a provider: set sms.providers")
			}
		}
	}
}

func (k *checker) mail() {
	m := k.c.Mail
	if m.SMTP == "" && m.From == "" {
		return
	}
	// The address holds a password, so nothing of it is repeated.
	if u, err := url.Parse(string(m.SMTP)); m.SMTP != blank && (err != nil || u.Host == "" || u.Scheme != "smtp" && u.Scheme != "smtps") {
		k.addAt("mail.smtp", "want smtp://user:pass@host:587 or smtps://user:pass@host:465")
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		k.addAt("mail.from", "want an address, like Nordwind <service@example.org>")
	}
}

func (k *checker) links() {
	k.between("links.ttl", k.c.Links.TTL, time.Minute, 366*24*time.Hour)
	k.within("links.tries_per_hour", k.c.Links.TriesPerHour, 1, 1000)
}

func (k *checker) rtc() {
	if k.c.RTC.Media != NoMedia {
		k.address("rtc.media", k.c.RTC.Media)
	}
	k.oneOf("calls.supervision", k.c.Calls.Supervision, "shown", "hidden", "off")
	k.oneOf("calls.recording.consent", k.c.Calls.Recording.Consent, "notice", "click")
	k.between("calls.recording.keep", k.c.Calls.Recording.Keep, time.Hour, 87600*time.Hour)
	for language := range k.c.Calls.Recording.Notice {
		if !languageForm.MatchString(language) {
			k.addAt("calls.recording.notice."+language, "%q: want a language like de or pt-BR", clip(language))
		}
	}
	if k.c.RTC.Turn != "" {
		k.address("rtc.turn", k.c.RTC.Turn)
	}
	for i, s := range k.c.RTC.PublicIPs {
		if _, err := netip.ParseAddr(s); err != nil {
			k.addAt(fmt.Sprintf("rtc.public_ips[%d]", i), "%q is no IP address", clip(s))
		}
	}
	for i, s := range k.c.RTC.STUN {
		k.address(fmt.Sprintf("rtc.stun[%d]", i), s)
	}
	k.within("rtc.turn_tls_port", k.c.RTC.TurnTLSPort, 0, 65535)
	switch s := k.c.RTC.TurnTLS; s {
	case NoTurnTLS:
	default:
		if s != Shared {
			k.address("rtc.turn_tls", s)
		}
		if !k.c.TLS.On() {
			k.addAt("rtc.turn_tls", "TURN over TLS needs the certificate of tls")
		}
	}
}

func (k *checker) tls() {
	if t := k.c.TLS; (t.Certificate == "") != (t.PrivateKey == "") {
		k.addAt("tls", "certificate and private_key go together")
	}
}

func (k *checker) store() {
	s, n := k.c.Store, k.c.Node
	switch s.Engine {
	case "embedded":
		if s.URL != "" || len(s.Sentinels) > 0 {
			k.addAt("store.engine", "the embedded engine has no url and no sentinels; want redis")
		}
		if s.Keep != 0 {
			k.addAt("store.keep", "the embedded engine keeps all on its disk; want redis")
		}
		return
	case "redis":
	default:
		k.addAt("store.engine", "%q: want embedded or redis", clip(s.Engine))
		return
	}
	if s.URL == "" && len(s.Sentinels) == 0 {
		k.addAt("store.url", "required: redis://host:6379, or name the sentinels")
	}
	if s.URL != "" {
		if u, err := url.Parse(string(s.URL)); err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Host == "" {
			k.addAt("store.url", "want redis://user:password@host:port/number, or rediss:// with TLS") // the value is a secret
		}
	}
	if (len(s.Sentinels) > 0) != (s.Master != "") {
		k.addAt("store.master", "sentinels and the name by which they know the primary belong together")
	}
	for i, at := range s.Sentinels {
		if _, _, err := net.SplitHostPort(at); err != nil {
			k.addAt(fmt.Sprintf("store.sentinels[%d]", i), "%q: want host:port", clip(at))
		}
	}
	if !gateway.ValidName(s.Name) {
		k.addAt("store.name", `%q: want 1–64 of a-z, 0-9, "-", "_", "."`, clip(s.Name))
	}
	k.within("store.replicas", s.Replicas, -1, 16)
	if s.Keep != 0 {
		k.between("store.keep", s.Keep, 24*time.Hour, 87600*time.Hour)
	}
	if !gateway.ValidName(n.Name) {
		k.addAt("node.name", `%q: want 1–64 of a-z, 0-9, "-", "_", "."; without one it is the host's name`, clip(n.Name))
	}
	if u, err := url.Parse(n.Address); n.Address != "" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Path != "") {
		k.addAt("node.address", "%q: want http://host:port, without a path", clip(n.Address))
	}
}

func (k *checker) storeLimitsLog() {
	c := k.c
	k.store()
	k.within("limits.requests_per_second", c.Limits.RequestsPerSecond, 1, 100000)
	k.within("limits.burst", c.Limits.Burst, 1, 1000000)
	k.within("limits.visitors_per_address", c.Limits.VisitorsPerAddress, 1, 1000000)
	k.within("limits.upload_bytes", c.Limits.UploadBytes, 1, 10<<20)
	k.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "text", "json")
}

func (k *checker) required(key, value string) {
	if value == "" {
		k.addAt(key, "required")
	}
}

func (k *checker) oneOf(key, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	msg := fmt.Sprintf("%q: want %s", clip(value), strings.Join(allowed, ", "))
	if s := suggest(value, allowed); s != "" {
		msg += fmt.Sprintf("; did you mean %q?", s)
	}
	k.addAt(key, "%s", msg)
}

func (k *checker) within(key string, v, low, high int) {
	if v < low || v > high {
		k.addAt(key, "%d: want %d to %d", v, low, high)
	}
}

func (k *checker) between(key string, v, low, high time.Duration) {
	if v < low || v > high {
		k.addAt(key, "%v: want %v to %v", v, low, high)
	}
}

func (k *checker) language(key, s string) {
	if !languageForm.MatchString(s) {
		k.addAt(key, "%q: want a language like de or pt-BR", clip(s))
	}
}

func (k *checker) target(key string, t gateway.Target) {
	if _, err := gateway.ParseTarget(string(t)); err != nil {
		k.addAt(key, `%q: want "queue/ID" or "agent/ID"`, clip(string(t)))
		return
	}
	if q := t.Queue(); q != "" && !k.queues[q] {
		k.noQueue(key, q)
	}
	// Agents may be added by command, and then only the journal knows them. But a file that lists agents and
	// names another is far more often wrong than right.
	if a := t.Agent(); a != "" && len(k.agents) > 0 && !k.agents[a] {
		names := make([]string, 0, len(k.c.Agents))
		for _, have := range k.c.Agents {
			names = append(names, string(have.ID))
		}
		k.missing(key, "agent", string(a), names)
	}
}

func (k *checker) noQueue(key string, q gateway.QueueID) {
	names := make([]string, 0, len(k.c.Queues))
	for _, have := range k.c.Queues {
		names = append(names, string(have.ID))
	}
	k.missing(key, "queue", string(q), names)
}

func (k *checker) missing(key, kind, name string, names []string) {
	msg := fmt.Sprintf("there is no %s %q", kind, clip(name))
	if s := suggest(name, names); s != "" {
		msg += fmt.Sprintf("; did you mean %q?", s)
	}
	k.addAt(key, "%s", msg)
}

func (k *checker) url(key, s string, schemes ...string) *url.URL {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) || u.User != nil || u.Fragment != "" {
		k.addAt(key, "want an address that starts with %s://", strings.Join(schemes, ":// or "))
		return nil
	}
	return u
}

func (k *checker) address(key, s string) {
	_, port, err := net.SplitHostPort(s)
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || n > 65535 {
		k.addAt(key, "%q: want host:port, like 127.0.0.1:8080", clip(s))
	}
}

// parsePrefix reads a CIDR or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
