package sms

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"backline/channels"
	"backline/gateway"
)

// maxText is the longest text in one message, in characters. Source: Twilio, Messages resource, Body ≤ 1600.
const maxText = 1600

// maxMedia of one message. Source: Twilio, MediaUrl.
const maxMedia = 10

// parts splits what is too long for one message at a space where there is one. Media go with the first.
func parts(m channels.Outbound) []Outgoing {
	var out []Outgoing
	rest := []rune(m.Text)
	for first := true; first || len(rest) > 0; first = false {
		n := min(len(rest), maxText)
		if n < len(rest) {
			n = lastBreak(rest[:n])
		}
		o := Outgoing{From: m.To.Account, To: m.To.Remote, Text: strings.TrimSpace(string(rest[:n])), Attempt: AttemptName(m.Key, m.Attempt)}
		if first {
			for _, f := range m.Attachments[:min(len(m.Attachments), maxMedia)] {
				o.Media = append(o.Media, f.URL)
			}
		}
		rest = rest[n:]
		if o.Text != "" || len(o.Media) > 0 {
			out = append(out, o)
		}
	}
	return out
}

// lastBreak is where to cut: after the last space of the second half, else at the end.
func lastBreak(text []rune) int {
	for i := len(text) - 1; i > len(text)/2; i-- {
		if unicode.IsSpace(text[i]) {
			return i + 1
		}
	}
	return len(text)
}

// AttemptName is what a provider is given to name our attempt in its reports.
func AttemptName(key gateway.MessageID, attempt int) string {
	return string(key) + "." + strconv.Itoa(attempt)
}

// MessageOf returns the message of an attempt's name, "" if it is none.
func MessageOf(attempt string) gateway.MessageID {
	key, n, ok := strings.Cut(attempt, ".")
	if _, err := strconv.Atoi(n); !ok || err != nil || len(key) > 64 || !gateway.ValidName(key) {
		return ""
	}
	return gateway.MessageID(key)
}

// maxName bounds ids and numbers in a webhook, in bytes. Those of networks have a third of it.
const maxName = 128

// Plausible reports whether ids and numbers are of a size that can be stored with every event.
func Plausible(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return len(n) > maxName })
}

// maxURL bounds an attachment's address, in bytes.
const maxURL = 4096

// Media is an attachment that lies at the provider.
func Media(address, contentType string, size int64) gateway.Attachment {
	a := gateway.Attachment{URL: address, Kind: Kind(contentType), ContentType: clean(contentType), SizeBytes: max(size, 0)}
	if len(address) > maxURL || len(contentType) > maxName {
		return gateway.Attachment{Kind: "file", Error: "The address cannot be used."}
	}
	return a
}

// Incoming is a text message as a provider brought it. Consent is what the provider itself says about it:
// "STOP", "START", "HELP", or "" when it says nothing.
type Incoming struct {
	Provider, ID, From, To, Text, Consent string
	Attachments                           []gateway.Attachment
	At                                    time.Time
}

// Words that end, begin and explain text messages when they are the whole message, in any case. Source:
// Twilio, default handling of opt-out keywords; Telnyx has the first two groups.
func consentOf(text string) string {
	switch strings.ToUpper(strings.Join(strings.Fields(text), " ")) {
	case "STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT":
		return "STOP"
	case "START", "UNSTOP", "YES":
		return "START"
	case "HELP", "INFO":
		return "HELP"
	}
	return ""
}

// Facts are what an incoming message means. Opting out and in is a fact of its own, so that it holds for every
// provider. "Yes" opts in, but is mostly an answer to something: it stays an ordinary message.
func (in Incoming) Facts() []gateway.Fact {
	who := gateway.Identity{Channel: gateway.ChannelSMS, Account: in.To, Remote: in.From}
	key := "sms/" + in.Provider + "/" + in.ID
	m := gateway.MessageReceived{Message: messageID(key), Identity: who, Text: clean(in.Text), Attachments: in.Attachments,
		ProviderID: in.ID, SentAt: in.At}
	word := in.Consent
	if word == "" {
		word = consentOf(in.Text)
	}
	fact := func(key string, e gateway.Event) gateway.Fact {
		return gateway.Fact{Key: key, Channel: gateway.ChannelSMS, Identity: who, Event: e}
	}
	switch word {
	case "STOP":
		m.Kind = "optout"
		return []gateway.Fact{fact(key, m), fact(key+"/consent", gateway.ConsentChanged{OptedOut: true, Word: "STOP"})}
	case "START":
		if !strings.EqualFold(strings.TrimSpace(in.Text), "yes") {
			m.Kind = "optin"
		}
		return []gateway.Fact{fact(key, m), fact(key+"/consent", gateway.ConsentChanged{OptedOut: false, Word: "START"})}
	case "HELP":
		m.Kind = "help"
	}
	return []gateway.Fact{fact(key, m)}
}

// Report is a provider's word on a message we sent. Number is our side, Remote the person's.
type Report struct {
	Provider, ID, Attempt, Number, Remote string
	State                                 gateway.Delivery
	Code, Status                          string        // the provider's own
	Why                                   channels.Code // what the code means, "" if that is not known
	SafeToResend                          bool
	OptedOut                              bool
}

// Facts are what a report means.
func (r Report) Facts() []gateway.Fact {
	who := gateway.Identity{Channel: gateway.ChannelSMS, Account: r.Number, Remote: r.Remote}
	key := "sms/" + r.Provider + "/" + r.ID + "/" + r.Status
	out := []gateway.Fact{{Key: key, Channel: gateway.ChannelSMS, Identity: who, Event: gateway.DeliveryReported{Message: MessageOf(r.Attempt),
		ProviderID: r.ID, State: r.State, Provider: r.Provider, Code: r.Code, Detail: string(r.Why), SafeToResend: r.SafeToResend}}}
	if r.OptedOut {
		out = append(out, gateway.Fact{Key: key + "/consent", Channel: gateway.ChannelSMS, Identity: who,
			Event: gateway.ConsentChanged{OptedOut: true, Word: r.Code}})
	}
	return out
}

// maxKept is how much of an event without a meaning is kept, in bytes.
const maxKept = 32 << 10

// Kept is a provider's event that has no meaning for us, kept as it came; what is not JSON as a string.
func Kept(provider, id, kind string, raw []byte) gateway.Fact {
	if id == "" || !Plausible(id) {
		sum := sha256.Sum256(raw)
		id = hex.EncodeToString(sum[:12])
	}
	if len(raw) > maxKept || !json.Valid(raw) {
		raw, _ = json.Marshal(clean(string(raw[:min(len(raw), maxKept)]))) // a string can be encoded
	}
	return gateway.Fact{Key: "sms/" + provider + "/raw/" + id, Channel: gateway.ChannelSMS,
		Event: gateway.RawKept{Channel: gateway.ChannelSMS, Kind: provider + "/" + kind, Raw: raw}}
}

func messageID(key string) gateway.MessageID {
	sum := sha256.Sum256([]byte(key))
	return gateway.MessageID("m" + hex.EncodeToString(sum[:12]))
}

// clean makes text storable: valid UTF-8, no control characters but line breaks and tabs, bounded.
func clean(s string) string {
	const maxStored = 32 << 10 // bytes; networks carry a twentieth
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
	for len(s) > maxStored {
		s = s[:maxStored]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

// Kind of an attachment by its media type; what can run is a file to download.
func Kind(contentType string) string {
	main, _, _ := strings.Cut(contentType, "/")
	switch {
	case strings.Contains(contentType, "svg"):
		return "file"
	case main == "image", main == "audio", main == "video":
		return main
	}
	return "file"
}
