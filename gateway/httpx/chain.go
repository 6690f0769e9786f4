package httpx

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"backline/gateway"
)

// Options of Chain.
type Options struct {
	Log     *slog.Logger
	Proxies []netip.Prefix // whose X-Forwarded-For is believed
	HSTS    bool           // the public address is https
	Limiter *Limiter       // per address; nil: no limit
	// Unlimited says which requests pass the limiter: health checks, provider webhooks. May be nil.
	Unlimited func(*http.Request) bool
	OnPanic   func()                                               // counts; may be nil
	OnDone    func(pattern string, status int, took time.Duration) // for metrics; may be nil
}

// Chain wraps next in everything each request passes; see the package doc for the order.
func Chain(next http.Handler, o Options) http.Handler {
	h := http.Handler(next)
	h = limitBody(withRoom(h))
	if o.Limiter != nil {
		h = limitRate(h, o)
	}
	h = catchPanics(h, o)
	h = logAccess(h, o)
	h = withClientIP(h, o.Proxies)
	h = secureHeaders(h, o.HSTS)
	return withRequestID(h)
}

// secureHeaders sets what no page of ours goes without. Pages that need more from their policy, and pages
// that may be framed, set their own Content-Security-Policy over this one.
func secureHeaders(next http.Handler, hsts bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "microphone=(self), camera=(self), geolocation=()")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
		if hsts {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

type clientIPKey struct{}

// ClientIP returns the visitor's address: the connection's, or what a trusted proxy says. It is the zero
// Addr for a connection without one (a unix socket).
func ClientIP(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(clientIPKey{}).(netip.Addr)
	return a
}

// WithClientIP is for tests and for handlers that are reached in other ways.
func WithClientIP(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, clientIPKey{}, a)
}

func withClientIP(next http.Handler, proxies []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := clientIP(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), proxies)
		next.ServeHTTP(w, r.WithContext(WithClientIP(r.Context(), a)))
	})
}

// clientIP walks X-Forwarded-For from its end, the part written nearest to us, as long as what wrote it is
// trusted: everything left of the first stranger is the stranger's invention.
func clientIP(remote string, forwarded []string, proxies []netip.Prefix) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	at = at.Unmap().WithZone("")
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && trusted(at, proxies); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = next.Unmap().WithZone("")
	}
	return at
}

func trusted(a netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

type recorderKey struct{}

// recorder remembers the answer for the log. Unwrap lets http.ResponseController and websockets through.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	err    error
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Flush sends what was written so far.
func (r *recorder) Flush() {
	_ = http.NewResponseController(r.ResponseWriter).Flush() // not every writer can: then the end flushes
}

// Hijack hands the connection to a websocket, which then counts as answered.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil {
		r.status = http.StatusSwitchingProtocols
	}
	return c, rw, err
}

func logAccess(next http.Handler, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), recorderKey{}, rec))
		defer func() {
			took := time.Since(start)
			if rec.status == 0 {
				rec.status = http.StatusOK
			}
			if o.OnDone != nil {
				o.OnDone(r.Pattern, rec.status, took)
			}
			attrs := []slog.Attr{
				slog.String("method", r.Method), slog.String("route", r.Pattern), slog.Int("status", rec.status),
				slog.Int64("bytes", rec.bytes), slog.Duration("took", took), slog.String("request", RequestID(r.Context())),
			}
			level := slog.LevelDebug
			if rec.err != nil {
				attrs = append(attrs, errAttr(rec.err))
			}
			if rec.status == http.StatusInternalServerError {
				level = slog.LevelError
			}
			o.Log.LogAttrs(r.Context(), level, "request", attrs...)
		}()
		next.ServeHTTP(rec, r)
	})
}

// catchPanics turns a panic into a 500 and counts it. http.ErrAbortHandler goes on to the server, which
// closes the connection for it.
func catchPanics(next http.Handler, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			if o.OnPanic != nil {
				o.OnPanic()
			}
			// The value's type, not the value: it may hold anything.
			o.Log.LogAttrs(r.Context(), slog.LevelError, "panic in a handler", slog.String("route", r.Pattern),
				slog.String("request", RequestID(r.Context())), slog.String("panic", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			if rec, ok := r.Context().Value(recorderKey{}).(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler) // half an answer is out: cut it, so that nobody takes it for whole
			}
			Problem(w, r, gateway.Errorf(gateway.Internal, ""))
		}()
		next.ServeHTTP(w, r)
	})
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = limited(w, r.Body, MaxBodyBytes, BodyTimeout)
		}
		next.ServeHTTP(w, r)
	})
}

// body is a limited body that remembers the unlimited one, for Body.
type body struct {
	io.ReadCloser
	raw  io.ReadCloser
	conn *http.ResponseController
}

// limited gives a body a size and a time. Writers that have no connection, in tests, have no time.
func limited(w http.ResponseWriter, raw io.ReadCloser, limit int64, within time.Duration) *body {
	b := &body{ReadCloser: http.MaxBytesReader(w, raw, limit), raw: raw, conn: http.NewResponseController(w)}
	_ = b.conn.SetReadDeadline(time.Now().Add(within))
	return b
}

// Read ends the time with the body: the handler may take longer.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.conn.SetReadDeadline(time.Time{}) // as above
	}
	return n, err
}

// Body gives a handler another limit than MaxBodyBytes, for uploads, and UploadTimeout. Call it before the
// first read.
func Body(w http.ResponseWriter, r *http.Request, limit int64) {
	within := BodyTimeout
	if limit > MaxBodyBytes {
		within = UploadTimeout
	}
	raw := r.Body
	if b, ok := r.Body.(*body); ok {
		raw = b.raw
	}
	r.Body = limited(w, raw, limit, within)
}
