// Package mailing sends one personal mail to each row of a list, and remembers whom it has sent one. Where the
// links in the mails come from is others' business, as is who may send.
//
//	row   open → trying → sent | failed | open again (4xx, network: later; crash: at the next run)
//
// # Guarantees
//
// The [Ledger] is on disk: "trying" before a mail leaves, "sent" after the relay has taken it, both with fsync.
// After kill -9 another [Run] with the same ledger misses nobody, and sends nobody a second mail but those
// that were on their way at that moment, at most one for each connection. These go with the Message-ID they
// had, so that a mailbox can tell; whether the relay had taken them nobody knows.
//
// Nothing leaves while the list or the template has mistakes, each named with its line.
//
// # Limits
//
// Rate bounds mails a second over all connections. A 4xx answer or a broken connection puts a mail off, longer
// each time and with jitter, until GiveUp. What would go wrong with every mail alike (credentials, sender,
// policy) stops the run. A list has at most MaxRows rows.
//
// # Concurrency
//
// Run owns one goroutine for each connection and one for the progress, and waits for all. A Template and a List
// are not changed once they are read. A Ledger may be used from any goroutine; its file is locked against
// other processes.
//
// Read next: send.go, then ledger.go.
package mailing

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"backline/gateway"
)

// Recipient is a row of the list with what makes its mail personal.
type Recipient struct {
	Row
	Link    string
	Expires time.Time
}

// Row is one row of a list.
type Row struct {
	Line     int    // of the file, from 1
	Email    string // as mail is sent to it
	Name     string
	Language string // BCP 47; "" unknown
	Subject  string
	Phone    string         // E.164
	To       gateway.Target // "" for the mailing's own
	Extra    map[string]string
}

// Key is what the ledger and the Message-ID know the address by: the same for any way to write it.
func (r Row) Key() string {
	sum := sha256.Sum256([]byte(Normal(r.Email)))
	return hex.EncodeToString(sum[:12])
}

// Normal is the one form of an address by which repetitions are found: small letters. Providers may treat
// capital letters before the @ as others; none does.
func Normal(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// messageID is the same for each try of one mail of one campaign.
func messageID(campaign string, r Row, from string) string {
	sum := sha256.Sum256([]byte(campaign + "\x00" + Normal(r.Email)))
	return hex.EncodeToString(sum[:16]) + "@" + from[strings.LastIndexByte(from, '@')+1:]
}

// readAddress accepts one bare address. A domain with other letters than a–z is written as DNS does, because
// few relays take it otherwise.
func readAddress(s string) (string, bool) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || len(a.Address) > 254 || strings.ContainsAny(s, "<>\"() ") {
		return "", false
	}
	at := strings.LastIndexByte(a.Address, '@')
	local, domain := a.Address[:at], a.Address[at+1:]
	domain, err = idna.Lookup.ToASCII(domain)
	if err != nil || domain == "" || !isASCII(local) || len(local) > 64 || !strings.Contains(domain, ".") && domain != "localhost" {
		return "", false
	}
	return local + "@" + domain, true
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 || r < 33 })
}
