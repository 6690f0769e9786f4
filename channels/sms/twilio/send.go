package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"
	twilioapi "github.com/twilio/twilio-go/rest/api/v2010"

	"backline/channels"
	"backline/channels/sms"
)

const (
	maxAnswerBytes = 256 << 10
	// validity: what has waited an hour at Twilio is given back as failed, so that another way is tried.
	validity = 3600 // seconds
)

// Send implements sms.Provider.
func (p *Provider) Send(ctx context.Context, m sms.Outgoing) (string, error) {
	params := &twilioapi.CreateMessageParams{}
	params.SetPathAccountSid(p.o.AccountSID)
	params.SetTo(m.To)
	if p.o.MessagingServiceSID != "" {
		params.SetMessagingServiceSid(p.o.MessagingServiceSID)
	} else {
		params.SetFrom(p.o.Numbers.Own(m.From))
	}
	if m.Text != "" {
		params.SetBody(m.Text)
	}
	if len(m.Media) > 0 {
		params.SetMediaUrl(m.Media)
	}
	params.SetValidityPeriod(validity)
	params.SetStatusCallback(p.callback(m))
	answer, err := p.service(ctx).CreateMessage(params)
	if err != nil {
		return "", sendError(err)
	}
	if answer.Sid == nil || *answer.Sid == "" {
		return "", &channels.SendError{Code: channels.Uncertain, Reason: "answer", Err: errors.New("twilio's answer names no message")}
	}
	return *answer.Sid, nil
}

// callback is where reports on this attempt go.
func (p *Provider) callback(m sms.Outgoing) string {
	return strings.TrimSuffix(p.o.PublicURL, "/") + "/hooks/twilio/status?" + url.Values{"attempt": {m.Attempt}, "number": {m.From}}.Encode()
}

// Time that Twilio's list may lag behind, and that its clock may differ from ours.
const (
	listLag = 10 * time.Second
	skew    = 30 * time.Second
)

// Find implements sms.Finder: it looks for a message with this text to this number since the attempt began.
// One that is a little older than that may be an earlier one with the same text, and one from our sender with
// another text may be this one as Twilio changed it (SmartEncoded): then nobody knows.
func (p *Provider) Find(ctx context.Context, m sms.Outgoing, startedAt time.Time) (string, error) {
	if time.Since(startedAt) < listLag {
		return "", errors.New("twilio's list may not have the message yet")
	}
	params := &twilioapi.ListMessageParams{}
	params.SetPathAccountSid(p.o.AccountSID)
	params.SetTo(m.To)
	params.SetDateSentAfter(startedAt.Add(-24 * time.Hour)) // the filter knows days only
	params.SetPageSize(100)
	params.SetLimit(100)
	list, err := p.service(ctx).ListMessage(params)
	if err != nil {
		return "", fmt.Errorf("look for the message: %w", sms.Bare(err))
	}
	unclear := false
	for _, found := range list {
		if found.Sid == nil || found.Body == nil || found.DateCreated == nil {
			continue
		}
		at, err := time.Parse(time.RFC1123Z, *found.DateCreated)
		since := !at.Before(startedAt.Add(-time.Second)) // Twilio writes whole seconds
		// A trial account puts a sentence before every text.
		same := *found.Body == m.Text || m.Text != "" && strings.HasSuffix(*found.Body, " - "+m.Text)
		switch {
		case err != nil || at.Before(startedAt.Add(-skew)):
		case same && since:
			return *found.Sid, nil
		case same || since && p.sentByUs(found, m):
			unclear = true
		}
	}
	if unclear {
		return "", errors.New("twilio has a message of this time that may be this one")
	}
	return "", nil
}

// sentByUs reports whether a message left through the sender that m has.
func (p *Provider) sentByUs(found twilioapi.ApiV2010Message, m sms.Outgoing) bool {
	if p.o.MessagingServiceSID != "" {
		return found.MessagingServiceSid != nil && *found.MessagingServiceSid == p.o.MessagingServiceSID
	}
	return found.From != nil && *found.From == p.o.Numbers.Own(m.From)
}

// service is Twilio's own client over our transport, for one call.
func (p *Provider) service(ctx context.Context) *twilioapi.ApiService {
	return twilioapi.NewApiServiceWithClient(&call{p: p, ctx: ctx})
}

// call is a client.BaseClient: it carries the context and the exact outcome, which Twilio's own does not.
type call struct {
	p   *Provider
	ctx context.Context
}

var _ client.BaseClient = (*call)(nil)

func (c *call) AccountSid() string       { return c.p.o.AccountSID }
func (c *call) SetTimeout(time.Duration) {} // the context has it
func (c *call) SetOauth(client.OAuth)    {}
func (c *call) OAuth() client.OAuth      { return nil }

// SendRequest implements client.BaseClient. An answer that is not 2xx is a *channels.SendError.
func (c *call) SendRequest(method, rawURL string, data url.Values, _ map[string]any, _ ...byte) (*http.Response, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, &channels.SendError{Code: channels.Rejected, Reason: "request", Err: errors.New("twilio's client built no address")}
	}
	u.Scheme, u.Host, u.Path = c.p.api.Scheme, c.p.api.Host, strings.TrimSuffix(c.p.api.Path, "/")+u.Path
	var content io.Reader
	if method == http.MethodGet {
		q := u.Query()
		for name, values := range data {
			q[name] = values
		}
		u.RawQuery = q.Encode()
	} else {
		content = strings.NewReader(data.Encode())
	}
	line := new(sms.Line)
	req, err := http.NewRequestWithContext(line.Watch(c.ctx), method, u.String(), content)
	if err != nil {
		return nil, &channels.SendError{Code: channels.Rejected, Reason: "request", Err: sms.Bare(err)}
	}
	req.SetBasicAuth(c.p.credentials())
	req.Header.Set("Accept", "application/json")
	if content != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.p.http.Do(req)
	if err != nil {
		return nil, line.Lost(err)
	}
	if resp.StatusCode/100 == 2 {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswerBytes), resp.Body}
		return resp, nil
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes)) // half an answer is judged by its status
	return nil, refused(resp, answer)
}

// refused judges an answer that is not 2xx, by Twilio's code first.
func refused(resp *http.Response, answer []byte) *channels.SendError {
	var body struct{ Code int }
	e := &channels.SendError{Reason: "http/" + strconv.Itoa(resp.StatusCode), Err: fmt.Errorf("twilio answered %d", resp.StatusCode)}
	isTwilios := json.Unmarshal(answer, &body) == nil && body.Code != 0
	if isTwilios {
		e.Reason = strconv.Itoa(body.Code)
	}
	code, known := codes[body.Code]
	switch {
	case known:
		e.Code = code
	case resp.StatusCode == http.StatusTooManyRequests:
		e.Code = channels.Throttled
	case resp.StatusCode >= 500:
		e.Code = channels.Uncertain // it may be out
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		e.Code = channels.ProviderDown
	case isTwilios:
		e.Code = channels.Rejected
	default:
		e.Code = channels.Temporary // a proxy's voice: Twilio has not seen it
	}
	if e.Code == channels.Throttled {
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
			e.RetryAfter = min(time.Duration(n)*time.Second, 24*time.Hour)
		}
	}
	return e
}

// sendError keeps what SendRequest said; an answer that could not be read leaves the outcome open.
func sendError(err error) error {
	if e, ok := errors.AsType[*channels.SendError](err); ok {
		return e
	}
	return &channels.SendError{Code: channels.Uncertain, Reason: "answer", Err: errors.New("twilio's answer is not the JSON expected")}
}
