// Package config is the one configuration of the gateway: a YAML file, the environment over it, secrets
// from files. It reads and judges; it dials nothing and starts nothing.
//
//	defaults → file → BACKLINE_… of the environment → secrets from *_file → validate
//
// Reading is strict: a key that does not exist is a mistake, with a suggestion. All mistakes are found in
// one go, each with its line and column. A [Config] that came out of [Load] is whole: every target exists,
// every number is E.164, every URL parses, and nothing needs a second look.
//
// # Environment
//
// Each key has a variable: the path in capitals, joined by "_", after BACKLINE_ — messenger.app_secret is
// BACKLINE_MESSENGER_APP_SECRET. Simple lists are separated by commas (BACKLINE_SMS_PROVIDERS=twilio,telnyx);
// queues, agents, entries, replies and the texts and queues of an emergency are YAML in one variable. [Variables] lists them.
//
// # Secrets
//
// Fields of type [Secret] print as "••••". Each has a twin with "_file" behind its name whose file holds the
// value, in YAML and in the environment; a trailing newline is cut off.
//
// A Config is not changed after Load and may be read from any goroutine. Errors of Load are [*Error].
// Relative paths (data, tls, *_file) count from the folder of the configuration file.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/router"
)

// Config is everything an operator can set.
type Config struct {
	// Version of this format; 1. Required.
	Version int `yaml:"version"`

	// Listen is the address of the HTTP server, host:port. Default 127.0.0.1:8080: put a proxy with TLS
	// before it.
	Listen string `yaml:"listen"`

	// TLS makes Listen speak HTTPS, with no proxy before it. Default: none.
	TLS TLS `yaml:"tls"`

	// PublicURL is how the world reaches the gateway: scheme and host, no path. Signatures of webhooks are
	// checked against it, never against the Host header. Default http:// (https:// with TLS) and Listen, good on
	// loopback only.
	PublicURL string `yaml:"public_url"`

	// Data is the folder with journal, files and control socket. Default ./data.
	Data string `yaml:"data"`

	// TrustedProxies are the addresses (CIDR or single) whose X-Forwarded-For is believed. Default none.
	TrustedProxies []string `yaml:"trusted_proxies"`

	Company   Company   `yaml:"company"`
	Queues    []Queue   `yaml:"queues"`
	Agents    []Agent   `yaml:"agents"`
	Entries   []Entry   `yaml:"entries"`
	Replies   []Reply   `yaml:"replies"`
	Emergency Emergency `yaml:"emergency"`
	Messenger Messenger `yaml:"messenger"`
	SMS       SMS       `yaml:"sms"`
	Mail      Mail      `yaml:"mail"`
	Links     Links     `yaml:"links"`
	RTC       RTC       `yaml:"rtc"`
	Calls     Calls     `yaml:"calls"`
	Store     Store     `yaml:"store"`
	Node      Node      `yaml:"node"`
	Limits    Limits    `yaml:"limits"`
	Log       Log       `yaml:"log"`
}

// TLS is the gateway's certificate. The files are read again when they change.
type TLS struct {
	// Certificate is a PEM file with the chain.
	Certificate string `yaml:"certificate"`
	// PrivateKey is a PEM file.
	PrivateKey string `yaml:"private_key"`
}

// On reports whether the gateway speaks TLS itself.
func (t TLS) On() bool { return t.Certificate != "" }

// Company is who customers talk to.
type Company struct {
	// Name is shown in the widget and on links. Default "Backline".
	Name string `yaml:"name"`
	// Language of texts we send, where the customer's is unknown: BCP 47. Default en.
	Language string `yaml:"language"`
	// Color of the widget, #rrggbb. Default #1f5fbf.
	Color string `yaml:"color"`
}

// Queue is where conversations wait for people.
type Queue struct {
	// ID names the queue in targets, "queue/main". Required.
	ID gateway.QueueID `yaml:"id"`
	// Name for people. Default the ID.
	Name string `yaml:"name"`
	// Ring is how long one offer rings. Default 20s; 5s–10m.
	Ring time.Duration `yaml:"ring"`
	// WrapUp is how long an agent is left alone after a call. Default 30s; 0s means not at all.
	WrapUp time.Duration `yaml:"wrap_up"`
	// Strategy says who is rung: longest_idle (default), round_robin, ring_all.
	Strategy string `yaml:"strategy"`
	// Hours in which people answer. Default: always open.
	Hours Hours `yaml:"hours"`
	// Overflow is the target that takes over after OverflowAfter. Default none.
	Overflow gateway.Target `yaml:"overflow"`
	// OverflowAfter is the waiting time until Overflow. Default 2m where Overflow is set.
	OverflowAfter time.Duration `yaml:"overflow_after"`
	// Priority is a head start in waiting time: each step counts as a minute. Default 0; -100–100.
	Priority int `yaml:"priority"`
	// Recording of its calls and of its conversations' meetings: off (default); agent, when the agent who has the call,
	// or one in the meeting, says so; always. All hear and read that it is recorded before what they say is.
	Recording string `yaml:"recording"`
}

// Hours is when a queue is open. The zero value is always open.
type Hours struct {
	// Timezone, an IANA name: Europe/Berlin. Default UTC.
	Timezone string `yaml:"timezone"`
	// Weekly spans, "mon-fri 08:00-12:00 13:00-18:00". Empty: all week.
	Weekly []string `yaml:"weekly"`
	// Holidays on which it is closed, "2026-12-25", each year "12-25", or open for a part of the day,
	// "2026-12-24 08:00-12:00".
	Holidays []string `yaml:"holidays"`
}

// Router is the hours as the router takes them, nil when it is always open.
func (h Hours) Router() (*router.Hours, error) {
	if len(h.Weekly)+len(h.Holidays) == 0 {
		return nil, nil
	}
	week := h.Weekly
	if len(week) == 0 {
		week = []string{"mon-sun 00:00-24:00"}
	}
	return router.ParseHours(h.Timezone, week, h.Holidays)
}

// Agent is a person answering. Those added by command or console live in the journal beside these.
type Agent struct {
	// ID to sign in with. Required.
	ID gateway.AgentID `yaml:"id"`
	// Name for customers and colleagues. Default the ID.
	Name string `yaml:"name"`
	// Queues the agent answers. Default none: only what is given to the agent by name.
	Queues []gateway.QueueID `yaml:"queues"`
	// Role is agent (default) or admin.
	Role string `yaml:"role"`
	// Capacity is how much at once.
	Capacity Capacity `yaml:"capacity"`
}

// Capacity is how many conversations an agent holds at once.
type Capacity struct {
	// Call: calls at once. Default 1; 0 means no calls.
	Call int `yaml:"call"`
	// Text: written conversations at once. Default 4.
	Text int `yaml:"text"`
}

// Entry is where a channel's customers arrive: one site, page or number.
type Entry struct {
	// Channel is livechat, messenger or sms. Required.
	Channel string `yaml:"channel"`
	// Site (livechat) is the data-site of the widget.
	Site string `yaml:"site"`
	// Page (messenger) is the Facebook page's id.
	Page string `yaml:"page"`
	// Number (sms) is ours, in E.164.
	Number string `yaml:"number"`
	// TwilioNumber (sms) is the number that Twilio hosts for this entry. Default Number.
	TwilioNumber string `yaml:"twilio_number"`
	// TelnyxNumber (sms) is the number that Telnyx hosts for this entry. Default Number.
	TelnyxNumber string `yaml:"telnyx_number"`
	// To is who answers: "queue/main" or "agent/jana". Required.
	To gateway.Target `yaml:"to"`
	// Queue is where it waits when an agent target does not answer. Default: the agent's first queue, else the
	// first queue of all.
	Queue gateway.QueueID `yaml:"queue"`
	// Origins (livechat) are the websites that may show the widget, exactly: "https://shop.example.org".
	Origins []string `yaml:"origins"`
}

// Account is our side of the entry as gateway.Identity names it.
func (e Entry) Account() string {
	switch e.Channel {
	case gateway.ChannelLivechat:
		return e.Site
	case gateway.ChannelMessenger:
		return e.Page
	}
	return e.Number
}

// Reply is a canned reply.
type Reply struct {
	// ID is what an agent types after "/". Required.
	ID string `yaml:"id"`
	// Title in the list. Default the ID.
	Title string `yaml:"title"`
	// Text that is put into the composer. Required.
	Text string `yaml:"text"`
	// Language it is written in, BCP 47. Default company.language.
	Language string `yaml:"language"`
}

// Messenger is the Facebook app. It is on when AppSecret is set.
type Messenger struct {
	// AppID of the Facebook app.
	AppID string `yaml:"app_id"`
	// AppSecret signs what Meta sends us.
	AppSecret Secret `yaml:"app_secret"`
	// VerifyToken is what we chose when subscribing the webhook.
	VerifyToken Secret `yaml:"verify_token"`
	// PageToken is a long-lived token of the page.
	PageToken Secret `yaml:"page_token"`
	// GraphURL of the Graph API. Default https://graph.facebook.com.
	GraphURL string `yaml:"graph_url"`
	// GraphVersion. Default v25.0.
	GraphVersion string `yaml:"graph_version"`
}

// On reports whether Messenger is set up.
func (m Messenger) On() bool { return m.AppSecret != "" }

// SMS is the text message providers.
type SMS struct {
	// Providers in the order of fail-over: twilio, telnyx. Default none: no SMS.
	Providers []string `yaml:"providers"`
	Twilio    Twilio   `yaml:"twilio"`
	Telnyx    Telnyx   `yaml:"telnyx"`
}

// Twilio is one SMS provider.
type Twilio struct {
	// AccountSID, "AC" and 32 hex digits.
	AccountSID string `yaml:"account_sid"`
	// AuthToken signs what Twilio sends us, and our calls where APIKey is empty.
	AuthToken Secret `yaml:"auth_token"`
	// AuthTokenSecondary is accepted for signatures too, while tokens are rotated. Default none.
	AuthTokenSecondary Secret `yaml:"auth_token_secondary"`
	// APIKey, "SK…", signs our calls instead of AuthToken. Default none.
	APIKey string `yaml:"api_key"`
	// APISecret belongs to APIKey.
	APISecret Secret `yaml:"api_secret"`
	// MessagingServiceSID, "MG…", sends instead of the entry's number. Default none.
	MessagingServiceSID string `yaml:"messaging_service_sid"`
	// APIURL. Default https://api.twilio.com.
	APIURL string `yaml:"api_url"`
}

// Telnyx is another SMS provider.
type Telnyx struct {
	// APIKey signs our calls.
	APIKey Secret `yaml:"api_key"`
	// PublicKey (base64, Ed25519) proves what Telnyx sends us.
	PublicKey string `yaml:"public_key"`
	// MessagingProfileID sends instead of the entry's number. Default none.
	MessagingProfileID string `yaml:"messaging_profile_id"`
	// APIURL. Default https://api.telnyx.com.
	APIURL string `yaml:"api_url"`
}

// Mail is how links are sent by e-mail. It is on when SMTP is set.
type Mail struct {
	// SMTP is the relay, smtp://user:pass@host:587 (STARTTLS) or smtps://…:465. A secret, because of the
	// password.
	SMTP Secret `yaml:"smtp"`
	// From of our mails: "Nordwind <service@example.org>".
	From string `yaml:"from"`
}

// Links are the signed links of Click2Talk.
type Links struct {
	// TTL of links that are made without one. Default 72h; 1m–8784h (366 days).
	TTL time.Duration `yaml:"ttl"`
	// TriesPerHour is how often one link may begin a call. Default 10; 1–1000.
	TriesPerHour int `yaml:"tries_per_hour"`
}

// NoMedia as RTC.Media switches calls off.
const NoMedia = "none"

// Shared and NoTurnTLS are values of RTC.TurnTLS.
const (
	Shared    = "shared"
	NoTurnTLS = "none"
)

// RTC is calls in the browser.
type RTC struct {
	// Media is the UDP address of all media, and of ICE over TCP. "none": no calls and no meetings. Default :7881.
	Media string `yaml:"media"`
	// Turn is the address of the TURN server, UDP and TCP: for networks that let the media port not through.
	// Empty: none. Default :3478.
	Turn string `yaml:"turn"`
	// TurnTLS is where TURN over TLS is spoken: "shared" for the port of listen, which tells the two apart, or
	// an address of its own. Either needs tls. Default shared where tls is set, else none.
	TurnTLS string `yaml:"turn_tls"`
	// TurnTLSPort is the port of TURN over TLS as browsers see it, where something before the gateway passes it
	// through. Default: that of turn_tls, of public_url where it is shared.
	TurnTLSPort int `yaml:"turn_tls_port"`
	// TurnHost is the name or address at which browsers reach TURN; for TLS the certificate must have it.
	// Default: the host of public_url.
	TurnHost string `yaml:"turn_host"`
	// PublicIPs that browsers reach us at. Default: the addresses of this machine, and what STUN says.
	PublicIPs []string `yaml:"public_ips"`
	// STUN servers, host:port, that are asked for our public addresses, where PublicIPs does not say. Default
	// none.
	STUN []string `yaml:"stun"`
}

// Calls are rules about them.
type Calls struct {
	// Supervision: supervisors and admins may listen to calls, whisper to agents and join. shown: agents see it
	// while it lasts and in the timeline; hidden: they do not, the journal has it; off: nobody may. Many countries
	// demand that agents know. Default shown.
	Supervision string `yaml:"supervision"`
	// Recording of calls and meetings, where their queue has it.
	Recording Recording `yaml:"recording"`
}

// Recording is how calls and meetings are recorded. Many countries demand that people know, some that they agree.
type Recording struct {
	// Consent of customers: notice (default), they hear and read that the call is recorded; click, it is recorded only
	// when they have agreed by a click, too; in a meeting each guest decides about what they say themselves.
	Consent string `yaml:"consent"`
	// Keep is how long after its end a recording is deleted. Default 720h, 30 days; 1h–87600h.
	Keep time.Duration `yaml:"keep"`
	// Notice is what people hear before they are recorded, by language: Ogg Opus files of 20 ms packets, in place
	// of our own in German and English.
	Notice map[string]string `yaml:"notice"`
}

// Store is where the journal lives.
type Store struct {
	// Engine: embedded (default), one gateway with its data folder; redis, several of them.
	Engine string `yaml:"engine"`
	// URL of Redis, redis://user:password@host:port/number, rediss:// with TLS; empty for embedded. With Sentinels,
	// user, password and number are of the server they name.
	URL Secret `yaml:"url"`
	// Sentinels that know which Redis is the primary, host:port.
	Sentinels []string `yaml:"sentinels"`
	// Master is the name by which the sentinels know it.
	Master string `yaml:"master"`
	// Name begins all keys, in braces; gateways with the same name belong together. Default backline.
	Name string `yaml:"name"`
	// Replicas that must have a decision before it counts; -1 (default): one, as long as there is one.
	Replicas int `yaml:"replicas"`
	// Keep is how long records stay in Redis, 24h–87600h; older ones are on the disk of each gateway. Default 0: for
	// ever. The same at all gateways.
	Keep time.Duration `yaml:"keep"`
}

// Node is what tells gateways on one Redis apart.
type Node struct {
	// Name of this gateway. Two with one name must never run at once. Default: the host's name.
	Name string `yaml:"name"`
	// Address at which the other gateways reach this one: http://10.0.0.2:8080. Default: none, and files and meetings
	// of this gateway are had here only.
	Address string `yaml:"address"`
}

// Limits keep one visitor from being in everybody's way.
type Limits struct {
	// RequestsPerSecond from one address (IPv4 /32, IPv6 /64). Default 20.
	RequestsPerSecond int `yaml:"requests_per_second"`
	// Burst of requests from one address. Default 60.
	Burst int `yaml:"burst"`
	// VisitorsPerAddress is how many visitor sockets one address may hold; an office has many people.
	// Default 200.
	VisitorsPerAddress int `yaml:"visitors_per_address"`
	// UploadBytes of one file. Default 10485760 (10 MiB), which is also the most.
	UploadBytes int `yaml:"upload_bytes"`
}

// Log is the process log on stderr.
type Log struct {
	// Level: debug, info (default), warn, error.
	Level string `yaml:"level"`
	// Format: text (default) or json.
	Format string `yaml:"format"`
}

// SlogLevel is Level for log/slog.
func (l Log) SlogLevel() slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(l.Level)) != nil {
		return slog.LevelInfo // only before validation
	}
	return level
}

// Proxies are the trusted proxies as prefixes.
func (c *Config) Proxies() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range c.TrustedProxies {
		if p, err := parsePrefix(s); err == nil { // Load has refused the others
			out = append(out, p)
		}
	}
	return out
}

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		Listen:  "127.0.0.1:8080",
		Data:    "./data",
		Company: Company{Name: "Backline", Language: "en", Color: "#1f5fbf"},
		Messenger: Messenger{
			GraphURL:     "https://graph.facebook.com",
			GraphVersion: "v25.0",
		},
		SMS: SMS{
			Twilio: Twilio{APIURL: "https://api.twilio.com"},
			Telnyx: Telnyx{APIURL: "https://api.telnyx.com"},
		},
		Links:  Links{TTL: 72 * time.Hour, TriesPerHour: 10},
		RTC:    RTC{Media: ":7881", Turn: ":3478"},
		Calls:  Calls{Supervision: "shown", Recording: Recording{Consent: "notice", Keep: 720 * time.Hour}},
		Store:  Store{Engine: "embedded", Name: "backline", Replicas: -1},
		Limits: Limits{RequestsPerSecond: 20, Burst: 60, VisitorsPerAddress: 200, UploadBytes: 10 << 20},
		Log:    Log{Level: "info", Format: "text"},
	}
}

// preset gives list items their defaults before they are read, so that an explicit zero stays zero.
type preset interface{ preset() }

func (q *Queue) preset() {
	*q = Queue{Ring: 20 * time.Second, WrapUp: 30 * time.Second, Strategy: "longest_idle", OverflowAfter: 2 * time.Minute, Recording: "off"}
}

func (a *Agent) preset() { *a = Agent{Role: "agent", Capacity: Capacity{Call: 1, Text: 4}} }

// complete fills defaults that depend on other fields.
func (c *Config) complete() {
	if host, err := os.Hostname(); c.Node.Name == "" && err == nil {
		c.Node.Name = strings.ToLower(host)
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Listen
		if c.TLS.On() {
			c.PublicURL = "https://" + c.Listen
		}
	}
	if c.RTC.TurnHost == "" {
		if u, err := url.Parse(c.PublicURL); err == nil {
			c.RTC.TurnHost = u.Hostname()
		}
	}
	if c.RTC.TurnTLS == "" {
		c.RTC.TurnTLS = NoTurnTLS
		if c.TLS.On() {
			c.RTC.TurnTLS = Shared
		}
	}
	for i := range c.Queues {
		if q := &c.Queues[i]; q.Name == "" {
			q.Name = string(q.ID)
		}
	}
	for i := range c.Agents {
		if a := &c.Agents[i]; a.Name == "" {
			a.Name = string(a.ID)
		}
	}
	for i := range c.Replies {
		r := &c.Replies[i]
		if r.Title == "" {
			r.Title = r.ID
		}
		if r.Language == "" {
			r.Language = c.Company.Language
		}
	}
	for i := range c.Entries {
		c.Entries[i].Queue = c.fallback(c.Entries[i])
	}
}

// fallback is the queue an entry ends in.
func (c *Config) fallback(e Entry) gateway.QueueID {
	if e.Queue != "" {
		return e.Queue
	}
	if q := e.To.Queue(); q != "" {
		return q
	}
	for _, a := range c.Agents {
		if a.ID == e.To.Agent() && len(a.Queues) > 0 {
			return a.Queues[0]
		}
	}
	if len(c.Queues) > 0 {
		return c.Queues[0].ID
	}
	return ""
}
