package httpx

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"backline/gateway"
)

// Class is what one Kind of error means outside.
type Class struct {
	Kind   gateway.Kind
	Type   string // stable URI of the problem
	Title  string
	Status int  // HTTP
	Close  int  // websocket close code
	Retry  bool // a client may try again, or connect again, by itself
}

// classes is the one table of Kind → status → close code. Its order is that of the documentation.
var classes = []Class{
	{gateway.Invalid, "/problems/invalid", "Invalid request", http.StatusBadRequest, 4002, false},
	{gateway.Unauthorized, "/problems/unauthorized", "Sign in first", http.StatusUnauthorized, 4001, false},
	{gateway.Forbidden, "/problems/forbidden", "Not allowed", http.StatusForbidden, 4003, false},
	{gateway.NotFound, "/problems/not-found", "Not found", http.StatusNotFound, 4004, false},
	{gateway.Conflicting, "/problems/conflict", "Conflict", http.StatusConflict, 4005, false},
	{gateway.TooLarge, "/problems/too-large", "Too large", http.StatusRequestEntityTooLarge, 4006, false},
	{gateway.TooMany, "/problems/too-many", "Too many requests", http.StatusTooManyRequests, 4007, true},
	{gateway.Unavailable, "/problems/unavailable", "Unavailable for the moment", http.StatusServiceUnavailable, 4009, true},
	{gateway.Internal, "/problems/internal", "Internal error", http.StatusInternalServerError, 4011, true},
}

// Classes returns the table, for documentation and generated clients.
func Classes() []Class { return append([]Class(nil), classes...) }

// ClassOf classifies an error. What is no *gateway.Error is internal, but for a caller that left or ran out
// of time.
func ClassOf(err error) Class {
	kind := gateway.Internal
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		kind = e.Kind
	} else if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind = gateway.Unavailable
	}
	for _, c := range classes {
		if c.Kind == kind {
			return c
		}
	}
	return classes[len(classes)-1]
}

// problem is application/problem+json.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// Problem answers with err as problem details. Only Msg and Field of a *gateway.Error are shown; unknown
// errors show no text. extra adds members, like demo_agents; it may not replace the standard ones. r may be
// nil.
func Problem(w http.ResponseWriter, r *http.Request, err error, extra ...map[string]any) {
	c := ClassOf(err)
	p := problem{Type: c.Type, Title: c.Title, Status: c.Status}
	if e, ok := errors.AsType[*gateway.Error](err); ok && c.Kind != gateway.Internal {
		p.Detail, p.Field = e.Msg, e.Field
	}
	if r != nil {
		p.RequestID = RequestID(r.Context())
		if rec, ok := r.Context().Value(recorderKey{}).(*recorder); ok {
			rec.err = err
		}
	}
	p.Detail = cmp.Or(p.Detail, fallbackDetail(c.Kind))
	body := marshalProblem(p, extra)
	h := w.Header()
	h.Del("Content-Length")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if c.Kind == gateway.Unauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", `Bearer realm="backline"`)
	}
	if c.Retry && c.Kind != gateway.Internal && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "2")
	}
	w.WriteHeader(c.Status)
	_, _ = w.Write(body) // the caller is gone: nobody to tell
}

func fallbackDetail(k gateway.Kind) string {
	switch k {
	case gateway.Internal:
		return "Something broke on our side. The request id finds it in the log."
	case gateway.Unavailable:
		return "The gateway cannot do this right now. Try again in a moment."
	}
	return ""
}

func marshalProblem(p problem, extra []map[string]any) []byte {
	m := map[string]any{}
	for _, e := range extra {
		for k, v := range e {
			m[k] = v
		}
	}
	std, _ := json.Marshal(p) // strings and ints: cannot fail
	_ = json.Unmarshal(std, &m)
	body, err := json.Marshal(m)
	if err != nil {
		return std // an extra that is no JSON
	}
	return append(body, '\n')
}

// RetryAfter sets the header, in whole seconds, at least 1.
func RetryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}

// NotFound answers 404 as a problem.
func NotFound(w http.ResponseWriter, r *http.Request) {
	Problem(w, r, gateway.Errorf(gateway.NotFound, "there is nothing at this address"))
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// errAttr is an error's form for the log: kind and inner error, without Msg, which may name a person.
func errAttr(err error) slog.Attr {
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		s := string(e.Kind)
		if e.Err != nil {
			s += ": " + e.Err.Error()
		}
		return slog.String("err", s)
	}
	return slog.String("err", err.Error())
}
