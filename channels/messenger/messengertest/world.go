// Package messengertest is a stand-in for Facebook: the Graph API on one side, one customer's phone on the
// other. The demo shows it as a phone, tests drive it.
//
//	phone:   Say → signed webhook → gateway            sending → sent | failed
//	gateway: POST /{version}/{page}/messages → phone   sent → delivered → read
//
// A [World] checks what Meta checks (token, appsecret_proof, messaging type, text length, reply window) and
// answers with Meta's error bodies. Run posts the echo and the delivery report of what was sent; without it
// messages arrive and nobody hears of it. Webhooks are written as Meta writes them, with "ä" as \u00e4 and
// "/" as \/, so that a receiver that signs anything but the raw bytes is found out.
//
// What it does not do: other apps, standby, quick replies, templates, several people, uploads.
//
// A World may be used from any goroutine and starts none. It keeps the last 500 messages and 50 pictures.
package messengertest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits and times.
const (
	maxMessages = 500
	maxMedia    = 50
	maxImage    = 8 << 20 // bytes
	typingTime  = 20 * time.Second
	window      = 24 * time.Hour
	humanWindow = 7 * 24 * time.Hour
)

// Status of a message.
const (
	Sending   = "sending"
	Sent      = "sent"
	Failed    = "failed"
	Delivered = "delivered"
	Read      = "read"
)

// Options of New.
type Options struct {
	Page, AppID, AppSecret, VerifyToken, PageToken string

	Version string // of Graph, "" means v25.0
	Hook    string // the gateway's webhook URL; POSTs go there, signed
	BaseURL string // where ServeHTTP is reachable, for picture and image URLs; no slash at the end

	PSID, CustomerName string

	Client   *http.Client // calls Hook; nil means one with a 10 s timeout
	OnChange func()       // called after every change of Messages or Typing; may be nil
	Log      *slog.Logger // nil means silence
}

// Message is one bubble on the phone. Status of a page's message: sent, delivered, read; of the customer's:
// sending, sent, failed.
type Message struct {
	From   string    `json:"from"` // customer or page
	Text   string    `json:"text"`
	Media  string    `json:"media,omitempty"` // URL
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// World is the stand-in.
type World struct {
	o    Options
	mux  *http.ServeMux
	wake chan struct{} // one slot, never closed

	// Guarded by mu.
	mu          sync.Mutex
	messages    []*message
	media       map[int][]byte
	mediaCount  int
	typingUntil time.Time
	lastInbound time.Time  // the reply window counts from it; at first the start
	pending     []*message // sent by the page, not yet echoed
	off         bool       // the app was taken off the page
	refuse      bool       // and may not come back
}

// message is a Message and what Meta knows of it. Only Status changes.
type message struct {
	Message
	mid      string
	metadata string
}

// New returns a World in which nothing was said yet. The reply window is open.
func New(o Options) *World {
	if o.Version == "" {
		o.Version = "v25.0"
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if o.OnChange == nil {
		o.OnChange = func() {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	w := &World{o: o, wake: make(chan struct{}, 1), media: map[int][]byte{}, lastInbound: time.Now(), mux: http.NewServeMux()}
	w.mux.HandleFunc("POST /{version}/{page}/messages", w.serveMessages)
	w.mux.HandleFunc("GET /{version}/{node}", w.serveProfile)
	w.mux.HandleFunc("GET /{version}/{page}/subscribed_apps", w.serveSubscription)
	w.mux.HandleFunc("POST /{version}/{page}/subscribed_apps", w.serveSubscription)
	w.mux.HandleFunc("GET /picture/{name}", w.servePicture)
	w.mux.HandleFunc("GET /media/{n}", w.serveMedia)
	return w
}

// ServeHTTP is the Graph API and the network that serves pictures.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// Unsubscribe takes the app off the page, as Meta does after an hour of failed webhooks: nothing is delivered
// until the gateway subscribes again, which fails when forGood.
func (w *World) Unsubscribe(forGood bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off, w.refuse = true, forGood
}

// Messages returns what the phone shows, oldest first.
func (w *World) Messages() []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Message, len(w.messages))
	for i, m := range w.messages {
		out[i] = m.Message
	}
	return out
}

// Typing reports whether the phone shows that the page is typing.
func (w *World) Typing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.typingUntil)
}

// Say writes as the customer, with an image if there is one. It returns nil when the gateway took the
// message. Where it cannot be reached or is unavailable the same message is delivered again a few times.
func (w *World) Say(ctx context.Context, text string, image []byte) error {
	if text == "" && len(image) == 0 {
		return errors.New("say: nothing to say")
	}
	if len(image) > maxImage {
		return errors.New("say: the image is larger than 8 MiB")
	}
	m := &message{Message: Message{From: "customer", Text: text, Status: Sending, At: time.Now().UTC()}, mid: newMID()}
	content := map[string]any{"mid": m.mid}
	if text != "" {
		content["text"] = text
	}
	w.mu.Lock()
	if len(image) > 0 {
		m.Media = w.store(image)
		content["attachments"] = []any{map[string]any{"type": "image", "payload": map[string]any{"url": m.Media}}}
	}
	w.lastInbound = m.At
	w.show(m)
	w.mu.Unlock()
	w.o.OnChange()

	err := w.deliver(ctx, map[string]any{"sender": id(w.o.PSID), "recipient": id(w.o.Page), "timestamp": m.At.UnixMilli(), "message": content})
	status := Sent
	if err != nil {
		status = Failed
	}
	w.mark(status, m)
	w.o.OnChange()
	return err
}

// Read is the customer looking at the conversation: all that was sent is read, and Meta reports it. Without
// anything new it does nothing.
func (w *World) Read(ctx context.Context) error {
	now := time.Now()
	w.mu.Lock()
	news := false
	for _, m := range w.messages {
		if m.From == "page" && m.Status != Read {
			m.Status, news = Read, true
		}
	}
	w.mu.Unlock()
	if !news {
		return nil
	}
	w.o.OnChange()
	return w.deliver(ctx, map[string]any{"sender": id(w.o.PSID), "recipient": id(w.o.Page), "timestamp": now.UnixMilli(),
		"read": map[string]any{"watermark": now.UnixMilli()}})
}

// Run posts echo and delivery report of what was sent, until ctx ends; then it returns nil.
func (w *World) Run(ctx context.Context) error {
	typing := time.NewTimer(time.Hour)
	defer typing.Stop()
	for {
		w.mu.Lock()
		jobs := w.pending
		w.pending = nil
		if left := time.Until(w.typingUntil); left > 0 {
			typing.Reset(left)
		} else {
			typing.Stop()
		}
		w.mu.Unlock()
		for _, m := range jobs {
			w.report(ctx, m)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-typing.C:
			w.o.OnChange()
		}
	}
}

// report tells the gateway what became of a message it sent.
func (w *World) report(ctx context.Context, m *message) {
	app, _ := strconv.ParseInt(w.o.AppID, 10, 64) // 0 when it is no number
	content := map[string]any{"mid": m.mid, "is_echo": true, "app_id": app}
	if m.metadata != "" {
		content["metadata"] = m.metadata
	}
	if m.Text != "" {
		content["text"] = m.Text
	}
	if m.Media != "" {
		content["attachments"] = []any{map[string]any{"type": "image", "payload": map[string]any{"url": m.Media}}}
	}
	err := w.deliver(ctx, map[string]any{"sender": id(w.o.Page), "recipient": id(w.o.PSID), "timestamp": m.At.UnixMilli(), "message": content})
	w.mark(Delivered, m)
	w.o.OnChange()
	if err == nil {
		now := time.Now().UnixMilli()
		err = w.deliver(ctx, map[string]any{"sender": id(w.o.PSID), "recipient": id(w.o.Page), "timestamp": now,
			"delivery": map[string]any{"mids": []string{m.mid}, "watermark": now}})
	}
	if err != nil && ctx.Err() == nil {
		w.o.Log.Warn("stand-in could not deliver a report", "err", err)
	}
}

// show adds a message. w.mu is held.
func (w *World) show(m *message) {
	w.messages = append(w.messages, m)
	if extra := len(w.messages) - maxMessages; extra > 0 {
		w.messages = slices.Delete(w.messages, 0, extra)
	}
}

// mark moves a message on, but never back from read.
func (w *World) mark(status string, m *message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.Status != Read {
		m.Status = status
	}
}

// store keeps a picture and returns its URL. w.mu is held.
func (w *World) store(image []byte) string {
	w.mediaCount++
	w.media[w.mediaCount] = slices.Clone(image)
	delete(w.media, w.mediaCount-maxMedia)
	return w.o.BaseURL + "/media/" + strconv.Itoa(w.mediaCount)
}

func (w *World) ring() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func id(s string) map[string]string { return map[string]string{"id": s} }

func newMID() string { return "m_" + rand.Text() }

func sign(secret string, data []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(data) // a hash returns no error
	return hex.EncodeToString(m.Sum(nil))
}
