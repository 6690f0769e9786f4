package smstest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// TwilioOptions of a stand-in. Client, OnChange and Log may be nil.
type TwilioOptions struct {
	AccountSID, AuthToken string
	Number                string // the company's
	Remote                string // the customer's
	PublicURL             string // the gateway's; webhooks go there
	BaseURL               string // where this stand-in is reached
	Client                *http.Client
	OnChange              func()
	Log                   *slog.Logger
}

// Twilio stands in for the company of that name, for one account, one number and one phone.
type Twilio struct {
	phone
	o       TwilioOptions
	reports chan report
	failing chan Fault
}

// Fault is what one call gets instead of being served.
type Fault struct {
	Status int    // 0: the connection is cut after the message was taken
	Body   string // of the answer
	Header http.Header
}

// report is a status callback to be posted.
type report struct {
	m      *Message
	sid    string
	to     string // address
	status string
}

// NewTwilio returns a stand-in.
func NewTwilio(o TwilioOptions) *Twilio {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 15 * time.Second}
	}
	if o.OnChange == nil {
		o.OnChange = func() {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Twilio{phone: phone{changed: o.OnChange}, o: o, reports: make(chan report, 4*maxMessages), failing: make(chan Fault, 100)}
}

// Fail makes the next call that sends a message end so.
func (t *Twilio) Fail(f Fault) { t.failing <- f }

// Run posts status callbacks until ctx ends.
func (t *Twilio) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-t.reports:
			if err := t.post(ctx, r); err != nil && ctx.Err() == nil {
				t.o.Log.Warn("a status report was not taken", "err", err)
			}
			t.mark(r.m, r.status)
		}
	}
}

func (t *Twilio) post(ctx context.Context, r report) error {
	params := url.Values{"MessageSid": {r.sid}, "SmsSid": {r.sid}, "MessageStatus": {r.status}, "SmsStatus": {r.status}, "To": {t.o.Remote},
		"From": {t.o.Number}, "AccountSid": {t.o.AccountSID}, "ApiVersion": {"2010-04-01"}}
	return deliver(ctx, t.o.Client, t.webhook(r.to, params))
}

// webhook builds a signed request.
func (t *Twilio) webhook(address string, params url.Values) func() (*http.Request, error) {
	return func() (*http.Request, error) {
		req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(params.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		req.Header.Set("X-Twilio-Signature", t.sign(address, params))
		return req, nil
	}
}

func (t *Twilio) sign(address string, params url.Values) string {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	text := address
	for _, name := range names {
		text += name + params.Get(name)
	}
	m := hmac.New(sha1.New, []byte(t.o.AuthToken))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// Say writes from the phone; image may be nil. It returns when the gateway has taken the message.
func (t *Twilio) Say(ctx context.Context, text string, image []byte) error {
	sid := newID("SM")
	m := &Message{From: "customer", Text: text, Status: Sending, At: time.Now().UTC()}
	params := url.Values{"MessageSid": {sid}, "SmsSid": {sid}, "SmsMessageSid": {sid}, "AccountSid": {t.o.AccountSID}, "From": {t.o.Remote},
		"To": {t.o.Number}, "Body": {text}, "NumMedia": {"0"}, "NumSegments": {"1"}, "SmsStatus": {"received"}, "ApiVersion": {"2010-04-01"}}
	if image != nil {
		m.Media = t.o.BaseURL + "/phone/media/" + strconv.Itoa(t.keep(image))
		params.Set("NumMedia", "1")
		params.Set("MediaUrl0", t.o.BaseURL+t.account()+"/Messages/"+sid+"/Media/"+strconv.Itoa(t.last()))
		params.Set("MediaContentType0", http.DetectContentType(image))
	}
	t.show(m)
	err := deliver(ctx, t.o.Client, t.webhook(strings.TrimSuffix(t.o.PublicURL, "/")+"/hooks/twilio/sms", params))
	if err != nil {
		t.mark(m, Failed)
		return err
	}
	t.mark(m, Sent)
	return nil
}

func (t *Twilio) last() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.media) - 1
}

func (t *Twilio) account() string { return "/2010-04-01/Accounts/" + t.o.AccountSID }

// ServeHTTP is Twilio's API, and /phone/media/N for the phone's own screen.
func (t *Twilio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/phone/media/") {
		t.serveMedia(w, r)
		return
	}
	user, password, _ := r.BasicAuth()
	switch {
	case user != t.o.AccountSID || !hmac.Equal([]byte(password), []byte(t.o.AuthToken)):
		twilioError(w, http.StatusUnauthorized, 20003, "Authenticate")
	case r.Method == http.MethodPost && r.URL.Path == t.account()+"/Messages.json":
		t.create(w, r)
	case r.Method == http.MethodGet && r.URL.Path == t.account()+"/Messages.json":
		t.list(w)
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/Media/"):
		t.serveMedia(w, r)
	default:
		twilioError(w, http.StatusNotFound, 20404, "The requested resource was not found")
	}
}

func (t *Twilio) serveMedia(w http.ResponseWriter, r *http.Request) {
	data := t.picture(numberOf(r.URL.Path))
	if data == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", http.DetectContentType(data))
	_, _ = w.Write(data) // the reader may have gone
}

// create takes a message and checks it as Twilio does.
func (t *Twilio) create(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		twilioError(w, http.StatusBadRequest, 20001, "The request could not be read")
		return
	}
	f := r.PostForm
	var fault *Fault
	select {
	case next := <-t.failing:
		fault = &next
	default:
	}
	switch {
	case fault != nil && fault.Status != 0:
		for name, values := range fault.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body) // the caller may have gone
		return
	case f.Get("To") != t.o.Remote:
		twilioError(w, http.StatusBadRequest, 21211, "The 'To' number is not a valid phone number.")
		return
	case f.Get("From") != t.o.Number && f.Get("MessagingServiceSid") == "":
		twilioError(w, http.StatusBadRequest, 21606, "The 'From' number is not a valid, SMS-capable number of your account.")
		return
	case f.Get("Body") == "" && f.Get("MediaUrl") == "":
		twilioError(w, http.StatusBadRequest, 21602, "Message body is required.")
		return
	case utf8.RuneCountInString(f.Get("Body")) > 1600:
		twilioError(w, http.StatusBadRequest, 21617, "The concatenated message body exceeds the 1600 character limit.")
		return
	case t.stopped():
		twilioError(w, http.StatusBadRequest, 21610, "Attempt to send to unsubscribed recipient")
		return
	}
	sid := newID("SM")
	m := t.show(&Message{From: "company", Text: f.Get("Body"), Media: f.Get("MediaUrl"), Status: Queued, At: time.Now().UTC(), id: sid})
	if to := f.Get("StatusCallback"); to != "" {
		for _, status := range []string{Sent, Delivered} {
			select {
			case t.reports <- report{m, sid, to, status}:
			default: // nobody runs Run
			}
		}
	}
	if fault != nil {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	writeJSON(w, http.StatusCreated, t.resource(sid, m))
}

// list names the messages of the company, as the look-up after a lost answer needs them.
func (t *Twilio) list(w http.ResponseWriter) {
	t.mu.Lock()
	var out []map[string]any
	for _, m := range slices.Backward(t.messages) {
		if m.From == "company" {
			out = append(out, t.resource(m.id, m))
		}
	}
	t.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"messages": out, "page": 0, "page_size": 100, "next_page_uri": nil})
}

func (t *Twilio) resource(sid string, m *Message) map[string]any {
	return map[string]any{"sid": sid, "account_sid": t.o.AccountSID, "api_version": "2010-04-01", "body": m.Text, "status": Queued, "from": t.o.Number,
		"to": t.o.Remote, "direction": "outbound-api", "error_code": nil, "num_segments": "1", "num_media": "0",
		"date_created": m.At.Format(time.RFC1123Z)}
}

func twilioError(w http.ResponseWriter, status, code int, message string) {
	writeJSON(w, status, map[string]any{"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code), "status": status})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may have gone
}
