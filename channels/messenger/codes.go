package messenger

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"backline/channels"
)

// graphCode is an error of Graph; subcode -1 stands for every other.
type graphCode struct{ code, subcode int }

const anySub = -1

// codes is what Graph's errors mean for the outbox. Source: Meta, error codes of the Messenger Platform and
// of the Graph API. A subcode goes before its code, and those in subcodes before both.
var codes = map[graphCode]channels.Code{
	{1, 1357046}:    channels.SentAnyway, // "Received invalid JSON reply": documented as delivered
	{1, anySub}:     channels.Uncertain,  // unknown error: the message may be out
	{1200, anySub}:  channels.Uncertain,
	{2, anySub}:     channels.Temporary, // also seen when the person blocked the page: the outbox gives up in time
	{4, anySub}:     channels.Throttled,
	{17, anySub}:    channels.Throttled,
	{32, anySub}:    channels.Throttled,
	{341, anySub}:   channels.Throttled,
	{613, anySub}:   channels.Throttled,
	{613, 2018338}:  channels.Unreachable, // bothersome to this person
	{613, 1893016}:  channels.Rejected,
	{80001, anySub}: channels.Throttled,
	{80006, anySub}: channels.Throttled,

	{10, 2018278}: channels.WindowClosed,
	{10, 2018065}: channels.WindowClosed,
	{10, 2534022}: channels.WindowClosed,

	{551, anySub}:  channels.Unreachable,
	{10, 2018108}:  channels.Unreachable,
	{100, 2018001}: channels.Unreachable, // no such person
	{100, 2018218}: channels.Unreachable,

	{190, anySub}: channels.ChannelDown, // the token is dead
	{102, anySub}: channels.ChannelDown,
	{200, 0}:      channels.ChannelDown, // a permission is missing
	{10, 0}:       channels.ChannelDown,
	{3, anySub}:   channels.ChannelDown,
	{368, anySub}: channels.ChannelDown, // blocked for policy
	{10, 1893063}: channels.ChannelDown, // the page is restricted
}

// subcodes mean the same under whatever code they come.
var subcodes = map[int]channels.Code{
	1545041: channels.Unreachable, // 200 and 551: this person isn't available
	2018300: channels.Rejected,    // another app owns the thread
	2018321: channels.Rejected,
}

// classify never looks at Graph's words, which may hold parts of what was sent. What it does not know is
// Rejected when Graph blames the request, and Uncertain when Graph blames itself.
func classify(g graphError, status int) *channels.SendError {
	reason := strconv.Itoa(g.Code)
	if g.Subcode != 0 {
		reason += "/" + strconv.Itoa(g.Subcode)
	}
	e := &channels.SendError{Reason: reason, Err: errors.New("graph answered " + strconv.Itoa(status))}
	for _, find := range []func() (channels.Code, bool){
		func() (c channels.Code, ok bool) { c, ok = subcodes[g.Subcode]; return },
		func() (c channels.Code, ok bool) { c, ok = codes[graphCode{g.Code, g.Subcode}]; return },
		func() (c channels.Code, ok bool) { c, ok = codes[graphCode{g.Code, anySub}]; return },
	} {
		if code, ok := find(); ok {
			e.Code = code
			return e
		}
	}
	switch {
	case status >= 500:
		e.Code = channels.Uncertain
	case g.Transient:
		e.Code = channels.Temporary
	default:
		e.Code = channels.Rejected
	}
	return e
}

// strange is an answer that is not Graph's: of a proxy, a load balancer, a portal.
func strange(resp *http.Response) *channels.SendError {
	e := &channels.SendError{Code: channels.Uncertain, Reason: "http/" + strconv.Itoa(resp.StatusCode),
		Err: errors.New("an answer that is not graph's")}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		e.Code, e.RetryAfter = channels.Throttled, retryAfter(resp.Header)
	case resp.StatusCode < 500:
		e.Code = channels.Temporary // refused before Graph saw it
	}
	return e
}

// maxRetryAfter bounds what a header may ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter is how long Graph wants to be left alone; 0 when it does not say.
func retryAfter(h http.Header) time.Duration {
	var wait time.Duration
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && n > 0 {
		wait = min(time.Duration(min(n, 1<<20))*time.Second, maxRetryAfter)
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		wait = min(max(time.Until(at), 0), maxRetryAfter)
	}
	// {"PAGE":[{"type":"messenger","call_count":100,…,"estimated_time_to_regain_access":MINUTES}]}
	var usage map[string][]struct {
		Minutes int `json:"estimated_time_to_regain_access"`
	}
	if json.Unmarshal([]byte(h.Get("X-Business-Use-Case-Usage")), &usage) != nil {
		return wait
	}
	for _, cases := range usage {
		for _, u := range cases {
			wait = max(wait, min(time.Duration(min(max(u.Minutes, 0), 1<<20))*time.Minute, maxRetryAfter))
		}
	}
	return wait
}
