package messenger

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/httpx"
)

// Limits of a webhook.
const (
	maxBodyBytes  = 1 << 20
	maxChallenge  = 256 // characters; Meta's have about ten
	signatureName = "X-Hub-Signature-256"
)

// Reasons given to Options.OnRejected.
const (
	rejectedSignature = "signature"
	rejectedTooLarge  = "too_large"
	rejectedMalformed = "malformed"
)

// Routes are Meta's check of our address and the webhook itself.
func (c *Channel) Routes(sink channels.Sink) map[string]http.Handler {
	return map[string]http.Handler{
		"GET /hooks/messenger": http.HandlerFunc(c.verify),
		"POST /hooks/messenger": http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			c.receive(rw, r, sink)
		}),
	}
}

// verify answers Meta's question whether this address wants its webhooks. Of a repeated parameter the first
// counts. The challenge is echoed as plain text, so that a browser never reads it as a page.
func (c *Channel) verify(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	challenge := q.Get("hub.challenge")
	h := rw.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	switch {
	case !sameToken(q.Get("hub.verify_token"), c.o.VerifyToken) || q.Get("hub.mode") != "subscribe":
		rw.WriteHeader(http.StatusForbidden)
	case challenge == "" || len(challenge) > maxChallenge:
		rw.WriteHeader(http.StatusBadRequest)
	default:
		_, _ = io.WriteString(rw, challenge) // Meta left: it asks again
	}
}

// sameToken takes the same time whatever the two are. An empty token of ours fits nothing.
func sameToken(got, want string) bool {
	g, w := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1 && want != ""
}

// receive takes one webhook in. See the package doc for its life.
func (c *Channel) receive(rw http.ResponseWriter, r *http.Request, sink channels.Sink) {
	body, err := httpx.ReadBody(rw, r, maxBodyBytes)
	if err != nil {
		if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind == gateway.TooLarge {
			c.o.OnRejected(rejectedTooLarge)
		}
		httpx.Problem(rw, r, err)
		return
	}
	if !signed(c.o.AppSecret, body, r.Header.Values(signatureName)) {
		c.o.OnRejected(rejectedSignature)
		httpx.Problem(rw, r, gateway.Errorf(gateway.Forbidden, "the signature does not fit"))
		return
	}
	facts, err := c.parse(body, time.Now().UTC())
	if err != nil {
		c.o.OnRejected(rejectedMalformed)
		httpx.Problem(rw, r, err)
		return
	}
	if len(facts) > 0 {
		if err := sink.Accept(r.Context(), facts...); err != nil {
			httpx.Problem(rw, r, err)
			return
		}
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(rw, "EVENT_RECEIVED") // Meta left: it delivers again, which does no harm
}

// signed reports whether the one signature header is the HMAC of the bytes as they came. Meta escapes
// "ä" and "/" in the body it signs: a body read and written again has another signature.
func signed(secret string, body []byte, headers []string) bool {
	if len(headers) != 1 {
		return false
	}
	given, ok := strings.CutPrefix(headers[0], "sha256=")
	if !ok {
		return false
	}
	sum, err := hex.DecodeString(given)
	return err == nil && hmac.Equal(sum, mac(secret, body))
}

func mac(secret string, data []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(data) // a hash returns no error
	return m.Sum(nil)
}
