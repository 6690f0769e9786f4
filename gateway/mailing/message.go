package mailing

import (
	"io"
	"net/mail"

	gomail "github.com/wneessen/go-mail"
)

// message writes the mail of one recipient: plain text, and HTML beside it where the template has it.
func (o *Options) message(r Recipient) (*gomail.Msg, error) {
	words, err := o.Template.words(Fields{Name: r.Name, Email: r.Email, Phone: r.Phone, Subject: r.Subject, Language: r.Language,
		Link: r.Link, Expires: r.Expires.Local(), Company: o.Company, Extra: r.Extra})
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(o.Relay.From)
	m.ToMailAddress(&mail.Address{Name: r.Name, Address: r.Email})
	m.Subject(words.Subject)
	m.SetMessageIDWithValue(messageID(o.Campaign, r.Row, o.Relay.From.Address))
	m.SetGenHeader("Content-Language", words.Language)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer is wanted from a program …
	m.SetGenHeader("X-Auto-Response-Suppress", "All")  // … and in Exchange's words
	if o.Unsubscribe {
		m.SetListUnsubscribe("mailto:" + o.Relay.From.Address + "?subject=unsubscribe")
	}
	m.SetBodyString(gomail.TypeTextPlain, words.Text)
	if words.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, words.HTML)
	}
	return m, nil
}

// Preview writes the mail that a recipient would get.
func Preview(o Options, r Recipient, w io.Writer) error {
	m, err := o.message(r)
	if err != nil {
		return err
	}
	_, err = m.WriteTo(w)
	return err
}
