package mailing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	gosmtp "github.com/wneessen/go-mail/smtp"
)

// Relay is the SMTP server that takes our mails, and who they come from.
type Relay struct {
	From *mail.Address

	host     string
	port     int
	tls      bool // from the first byte
	user     string
	password string
}

// replyTime is how long one answer of the relay may take.
const replyTime = time.Minute

// ParseRelay reads mail.smtp and mail.from of the configuration:
//
//	smtp://user:pass@host:587    STARTTLS; needed where there is a password, but on this machine itself
//	smtps://user:pass@host:465   TLS
func ParseRelay(address, from string) (*Relay, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("mail.smtp: want smtp://user:pass@host:587 or smtps://user:pass@host:465") // it holds a password: not repeated
	}
	r := &Relay{host: u.Hostname(), tls: u.Scheme == "smtps", port: 587, user: u.User.Username()}
	r.password, _ = u.User.Password()
	if r.tls {
		r.port = 465
	}
	if p := u.Port(); p != "" {
		if r.port, err = strconv.Atoi(p); err != nil {
			return nil, errors.New("mail.smtp: the port is no number")
		}
	}
	if r.From, err = mail.ParseAddress(from); err != nil {
		return nil, errors.New("mail.from: want an address, like Nordwind <service@example.org>")
	}
	return r, nil
}

// String is the relay without its password.
func (r *Relay) String() string { return net.JoinHostPort(r.host, strconv.Itoa(r.port)) }

func (r *Relay) local() bool {
	ip := net.ParseIP(r.host)
	return r.host == "localhost" || ip != nil && ip.IsLoopback()
}

// client makes what dials; each session has its own.
func (r *Relay) client() (*gomail.Client, error) {
	policy := gomail.TLSOpportunistic
	if r.user != "" && !r.local() {
		policy = gomail.TLSMandatory
	}
	// NOOP before each mail would be a third round trip: a broken connection shows at MAIL FROM as well.
	o := []gomail.Option{gomail.WithPort(r.port), gomail.WithTimeout(replyTime), gomail.WithTLSPolicy(policy), gomail.WithoutNoop(),
		gomail.WithHELO(cmp.Or(r.From.Address[strings.LastIndexByte(r.From.Address, '@')+1:], "localhost"))}
	if r.tls {
		o = append(o, gomail.WithSSL())
	}
	if r.user != "" {
		o = append(o, gomail.WithUsername(r.user), gomail.WithPassword(r.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(r.host, o...)
}

// Answer is what the relay said to one mail, or what happened instead.
type Answer struct {
	Code   int // 0: no answer
	Reason string
	kind   answerKind
}

type answerKind int

const (
	taken     answerKind = iota // it is the relay's now
	later                       // 4xx: try again
	refused                     // 5xx for this mail
	broken                      // the connection; nobody knows
	everybody                   // it would go wrong with every mail
)

// connection is one session with the relay, used by one goroutine. The zero session dials at the first use.
type connection struct {
	relay  *Relay
	client *gomail.Client
	smtp   *gosmtp.Client
	since  time.Time
	mails  int
}

// A session is renewed after so many mails or so long: relays end those that they find too long.
const (
	sessionMails = 100
	sessionTime  = time.Minute
)

// dial makes sure of a session. The answer is taken when there is one.
func (c *connection) dial(ctx context.Context) Answer {
	if c.smtp != nil && (c.mails >= sessionMails || time.Since(c.since) >= sessionTime) {
		c.close()
	}
	if c.smtp != nil {
		return Answer{}
	}
	var err error
	if c.client, err = c.relay.client(); err != nil {
		return Answer{Reason: err.Error(), kind: everybody}
	}
	s, err := c.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return dialAnswer(err)
	}
	c.smtp, c.since, c.mails = s, time.Now(), 0
	return Answer{}
}

func dialAnswer(err error) Answer {
	a := Answer{Reason: err.Error(), kind: broken}
	e, ok := errors.AsType[*textproto.Error](err)
	switch {
	case ok && e.Code >= 500:
		a.Code, a.kind = e.Code, everybody
	case ok:
		a.Code, a.kind = e.Code, later
	case errors.Is(err, gomail.ErrNoSupportedAuthDiscovered), strings.Contains(err.Error(), "STARTTLS"), strings.Contains(err.Error(), "SMTP AUTH"),
		strings.Contains(err.Error(), "x509:"), strings.Contains(err.Error(), "tls: "):
		a.kind = everybody // go-mail has no types for these; none of them goes away by itself
	}
	return a
}

// send hands over one mail; the session was made sure of.
func (c *connection) send(m *gomail.Msg) Answer {
	c.mails++
	err := c.client.SendWithSMTPClient(c.smtp, m)
	if m.IsDelivered() {
		if err != nil {
			c.drop() // taken, and then the session broke
		}
		return Answer{Code: 250}
	}
	a := sendAnswer(err)
	if a.kind == broken || a.Code == 421 {
		c.drop()
	}
	return a
}

func sendAnswer(err error) Answer {
	e, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return Answer{Reason: err.Error(), kind: broken}
	}
	reason, _, _ := strings.Cut(e.Error(), ", affected") // go-mail adds the address and the Message-ID
	a := Answer{Code: e.ErrorCode(), Reason: reason}
	switch {
	case a.Code == 0:
		a.kind = broken
	case a.Code < 500:
		a.kind = later
	case a.Code == 530 || a.Code == 534 || a.Code == 535 || a.Code == 538 || a.Code == 554 || e.Reason == gomail.ErrSMTPMailFrom:
		a.kind = everybody
	default:
		a.kind = refused
	}
	return a
}

// close says goodbye.
func (c *connection) close() {
	if c.smtp != nil {
		_ = c.client.CloseWithSMTPClient(c.smtp) // the mails are the relay's; nothing is lost with a goodbye
		c.drop()
	}
}

// drop gives up a session that cannot be used any more.
func (c *connection) drop() {
	_ = c.smtp.Close() // it may be closed
	c.smtp = nil
}

// StopError is why a run ended although there is more to send.
type StopError struct{ Answer }

func (e *StopError) Error() string {
	advice := "the relay takes no mail from us"
	switch e.Code {
	case 530, 534, 535, 538:
		advice = "the relay does not accept our credentials: check user and password in mail.smtp"
	case 554:
		advice = "the relay refuses our mail by policy: ask whoever runs it, then go on with the same command"
	case 0:
		advice = "the relay cannot be used as mail.smtp says"
	}
	return fmt.Sprintf("%s (%s)", advice, e.Reason)
}
