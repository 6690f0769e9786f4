// Package mailtest is a mail relay and a mailbox in one, for tests and for the demo: it takes mails by SMTP,
// keeps the last ones and shows what is in them. It can put off, refuse and break as real relays do.
//
// A Sink's Run serves until its context ends; the other methods may be called from any goroutine at any time.
package mailtest

import (
	"context"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"
)

// Bounds.
const (
	maxMails     = 500 // kept, the latest
	maxMailBytes = 1 << 20
)

// Mail is one that arrived.
type Mail struct {
	ID        int       `json:"id"` // 1, 2, … in order of arrival
	At        time.Time `json:"at"`
	From      string    `json:"from"` // as the header has it
	To        string    `json:"to"`   // the envelope's
	Subject   string    `json:"subject"`
	MessageID string    `json:"message_id"`
	Text      string    `json:"text"`
	HTML      string    `json:"html"`
	Raw       string    `json:"-"`
}

// Options of a Sink.
type Options struct {
	// User and Password are asked for when User is set.
	User, Password string
	// Fault is asked at MAIL ("mail"), RCPT ("rcpt") and after DATA ("data", then the mail is not kept); an error
	// of type *smtp.SMTPError is the answer, another breaks the connection. nil: all is well.
	Fault func(stage, address string) error
	// OnMail is told of each mail when it is kept, before the client hears that it was taken.
	OnMail func(to, raw string)
	// Forget keeps no mails: OnMail sees them.
	Forget bool
}

// ErrBreak is a Fault that breaks the connection.
var ErrBreak = errors.New("the connection breaks")

// Sink takes mails.
type Sink struct {
	o Options

	mu    sync.Mutex
	count int
	mails []Mail
}

// New returns a sink; Run serves it.
func New(o Options) *Sink { return &Sink{o: o} }

// Mails returns what arrived, the latest first.
func (s *Sink) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := append([]Mail{}, s.mails...) // never nil: it is shown as JSON
	slices.Reverse(out)
	return out
}

// Count is how many arrived in all.
func (s *Sink) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Run serves SMTP on l until ctx ends.
func (s *Sink) Run(ctx context.Context, l net.Listener) error {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{sink: s, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth, server.MaxMessageBytes = "mail.example", true, maxMailBytes
	server.ErrorLog = log.New(io.Discard, "", 0) // a client that leaves is no news
	served := make(chan error, 1)                // one value; never closed
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err := server.Close()
	<-served // what it says of the closed listener is no news
	return err
}

// session is one connection.
type session struct {
	sink *Sink
	conn *smtp.Conn
	in   bool // signed in
	to   string
}

func (x *session) Reset()        { x.to = "" }
func (x *session) Logout() error { return nil }

// AuthMechanisms implements smtp.AuthSession.
func (x *session) AuthMechanisms() []string {
	if x.sink.o.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != x.sink.o.User || password != x.sink.o.Password {
			return smtp.ErrAuthFailed
		}
		x.in = true
		return nil
	}), nil
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	if x.sink.o.User != "" && !x.in {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Sign in first"}
	}
	return x.fault("mail", from)
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.to = to
	return x.fault("rcpt", to)
}

func (x *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := x.fault("data", x.to); err != nil {
		return err
	}
	if err := x.sink.keep(x.to, string(raw)); err != nil {
		return err
	}
	if x.sink.o.OnMail != nil {
		x.sink.o.OnMail(x.to, string(raw))
	}
	return nil
}

func (x *session) fault(stage, address string) error {
	if x.sink.o.Fault == nil {
		return nil
	}
	err := x.sink.o.Fault(stage, address)
	if _, ok := errors.AsType[*smtp.SMTPError](err); err != nil && !ok {
		_ = x.conn.Conn().Close() // that is the fault
	}
	return err
}

func (s *Sink) keep(to, raw string) error {
	var m Mail
	if !s.o.Forget {
		var err error
		if m, err = read(raw); err != nil {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "Not a mail: " + err.Error()}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if s.o.Forget {
		return nil
	}
	m.ID, m.At, m.To, m.Raw = s.count, time.Now().UTC(), to, raw
	if len(s.mails) == maxMails {
		s.mails = slices.Delete(s.mails, 0, 1)
	}
	s.mails = append(s.mails, m)
	return nil
}

// read takes a mail apart.
func read(raw string) (Mail, error) {
	msg, err := gomail.EMLToMsgFromString(raw)
	if err != nil {
		return Mail{}, err
	}
	m := Mail{MessageID: strings.Trim(msg.GetMessageID(), "<>")}
	if from := msg.GetFromString(); len(from) > 0 {
		m.From = from[0]
	}
	if subject := msg.GetGenHeader(gomail.HeaderSubject); len(subject) > 0 {
		if m.Subject, err = new(mime.WordDecoder).DecodeHeader(subject[0]); err != nil {
			return Mail{}, err
		}
	}
	for _, p := range msg.GetParts() {
		content, err := p.GetContent()
		if err != nil {
			return Mail{}, err
		}
		switch p.GetContentType() {
		case gomail.TypeTextPlain:
			m.Text = string(content)
		case gomail.TypeTextHTML:
			m.HTML = string(content)
		}
	}
	return m, nil
}
