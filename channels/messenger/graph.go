package messenger

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"backline/channels"
)

// maxAnswerBytes of Graph: answers have a few hundred.
const maxAnswerBytes = 256 << 10

// graphError is Meta's own word on what went wrong.
type graphError struct {
	Code      int    `json:"code"`
	Subcode   int    `json:"error_subcode"`
	Transient bool   `json:"is_transient"`
	Trace     string `json:"fbtrace_id"` // what Meta's support asks for
}

// call does one exchange with Graph and reads a 2xx answer into out. The error is a *channels.SendError:
// Uncertain from the moment the request was on the wire, until Graph says otherwise.
func (c *Channel) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	if err := ctx.Err(); err != nil {
		return lost(false, err)
	}
	w := new(line)
	req, err := c.request(w.watch(ctx), method, path, query, body)
	if err != nil {
		return &channels.SendError{Code: channels.Rejected, Reason: "request", Err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(w.mayBeOut(err), fmt.Errorf("call graph: %w", bare(err)))
	}
	defer resp.Body.Close() // read to its end, or given up
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return lost(true, fmt.Errorf("read graph's answer: %w", bare(err)))
	}
	if resp.StatusCode/100 != 2 {
		return c.refused(resp, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		// Not Graph's voice: a portal, a proxy. Whether Graph heard us is open.
		return &channels.SendError{Code: channels.Uncertain, Reason: "answer", Err: errors.New("graph's answer is not the JSON expected")}
	}
	return nil
}

// request builds a call.
func (c *Channel) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	q := url.Values{"appsecret_proof": {proof(c.o.AppSecret, c.o.PageToken)}}
	for name, v := range query {
		q[name] = v
	}
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.o.GraphURL+"/"+c.o.GraphVersion+"/"+path+"?"+q.Encode(), content)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", bare(err))
	}
	// A header, because URLs end up in the logs of proxies.
	req.Header.Set("Authorization", "Bearer "+c.o.PageToken)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// proof shows Graph that the caller of the token also knows the app's secret.
func proof(secret, token string) string { return hex.EncodeToString(mac(secret, []byte(token))) }

// bare takes the URL out of an error: it names a person and holds the proof.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// line is what the transport told about one call.
type line struct{ asked, wrote atomic.Bool }

func (w *line) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { w.asked.Store(true) },
		WroteHeaders: func() { w.wrote.Store(true) },
	})
}

// mayBeOut is false only where it is certain that no byte of the request left: the transport said that it
// looked for a connection and not that it wrote, or that it could not dial. Silence is no proof.
func (w *line) mayBeOut(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return false
	}
	return w.wrote.Load() || !w.asked.Load()
}

// lost is a call without an answer.
func lost(mayBeOut bool, err error) *channels.SendError {
	if mayBeOut {
		return &channels.SendError{Code: channels.Uncertain, Reason: "no_answer", Err: err}
	}
	return &channels.SendError{Code: channels.Temporary, Reason: "no_connection", Err: err}
}

// refused reads an answer that is not 2xx. Meta: decide by code and subcode, not by status or text.
func (c *Channel) refused(resp *http.Response, answer []byte) *channels.SendError {
	var body struct {
		Error *graphError `json:"error"`
	}
	if json.Unmarshal(answer, &body) != nil || body.Error == nil || body.Error.Code == 0 {
		return strange(resp)
	}
	e := classify(*body.Error, resp.StatusCode)
	if e.Code == channels.Throttled || e.Code == channels.Temporary {
		e.RetryAfter = retryAfter(resp.Header)
	}
	c.log.Debug("graph refused a call", "code", e.Code, "reason", e.Reason, "trace", clip(body.Error.Trace, 64))
	return e
}
