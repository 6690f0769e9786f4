// Package httpx is how the gateway speaks HTTP: a server with limits, errors as problem details
// (RFC 9457), the middlewares every request passes, limits per address, and a client for addresses that
// strangers chose.
//
// # A request's way
//
// [Chain] puts the pieces in this order; the first is outermost:
//
//	request id → security headers → client address → access log → panics → limits → body limit → handler
//
// # Limits and units
//
// Headers must be complete within 5 s and 16 KiB; an idle connection is closed after 60 s; a body is at most
// 1 MiB and 30 s unless a handler asks for more with [Body]. Of bodies that are read as a whole ([ReadBody]) 32 MiB at once are
// taken into the memory, and 32 KiB of each beside that. A limited address gets 429 with Retry-After.
//
// # Logs
//
// The access log is Debug and holds method, route pattern, status, bytes, time taken and request id: no
// query string, no path parameter, no address, no header.
//
// Everything here may be used from any goroutine, starts none, and is static after construction, but for
// [Limiter], which guards its map. Errors are *gateway.Error; [Problem] writes them.
// Read next: problem.go (errors), client.go (the SSRF-safe client).
package httpx

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"backline/gateway"
)

// Limits of every server.
const (
	ReadHeaderTimeout = 5 * time.Second
	IdleTimeout       = 60 * time.Second
	MaxHeaderBytes    = 16 << 10
	MaxBodyBytes      = 1 << 20
	BodyTimeout       = 30 * time.Second
	UploadTimeout     = 5 * time.Minute // of a body that may be larger: 10 MiB at 280 kbit/s
)

// NewServer returns a server with limits; the caller serves and shuts it down. It has no read or write
// timeout as a whole, because sockets and downloads last: [Chain] times bodies, handlers set their own deadlines.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: ReadHeaderTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(dropText{log.Handler()}, slog.LevelDebug),
	}
}

// dropText replaces what net/http writes about broken connections: it holds addresses of visitors.
type dropText struct{ slog.Handler }

func (d dropText) Handle(ctx context.Context, r slog.Record) error {
	r.Message = "connection failed"
	return d.Handler.Handle(ctx, r)
}

// WriteJSON answers with v. An error of the connection is dropped: nobody is there to hear of it.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		Problem(w, nil, &gateway.Error{Kind: gateway.Internal, Err: err})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// ReadJSON reads the one JSON value of a body into v, strictly: application/json, no unknown field, nothing
// behind it. The error is a *gateway.Error.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if t, _, err := mime.ParseMediaType(ct); err != nil || t != "application/json" {
			return gateway.Errorf(gateway.Invalid, "the body must be application/json")
		}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return bodyError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if tooLarge(err) {
			return bodyError(err)
		}
		return gateway.Errorf(gateway.Invalid, "the body must be one JSON value")
	}
	return nil
}

// What bodies that are read as a whole may take of the memory. Anybody can send them, as slowly as BodyTimeout allows, and who it
// was is known when all is there.
const (
	smallBody   = 32 << 10 // bytes that anybody may bring; nearly all webhooks are smaller
	largeBodies = 32 << 20 // bytes of all larger ones at once; what does not fit is told to come again
)

type roomKey struct{}

// withRoom gives the requests of one server their share of the memory.
func withRoom(next http.Handler) http.Handler {
	room := semaphore.NewWeighted(largeBodies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), roomKey{}, room)))
	})
}

// ReadBody reads a body of at most limit bytes. The error is a *gateway.Error; Unavailable where too many large ones are being
// read.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	Body(w, r, limit)
	data, err := io.ReadAll(io.LimitReader(r.Body, smallBody))
	if err == nil && len(data) == smallBody {
		if room, ok := r.Context().Value(roomKey{}).(*semaphore.Weighted); ok {
			if !room.TryAcquire(limit) {
				return nil, gateway.Errorf(gateway.Unavailable, "too many large requests at once; please try again")
			}
			defer room.Release(limit)
		}
		var rest []byte
		rest, err = io.ReadAll(r.Body)
		data = append(data, rest...)
	}
	if err != nil {
		return nil, bodyError(err)
	}
	return data, nil
}

func tooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

// bodyError says what is wrong with a body, without repeating any of it.
func bodyError(err error) *gateway.Error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &gateway.Error{Kind: gateway.TooLarge, Msg: "the body is larger than " + bytesText(e.Limit), Err: err}
	}
	e := &gateway.Error{Kind: gateway.Invalid, Msg: "the body is not the JSON this address takes", Err: err}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		e.Field, e.Msg = t.Field, "want "+t.Type.String()
	}
	return e
}

type requestIDKey struct{}

// RequestID returns the id of the request, "" outside of one.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// withRequestID gives each request an id of its own. One that comes in is not believed.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()[:16]
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}
