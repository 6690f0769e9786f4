package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Providers stand in for Meta and Twilio: they take what the gateway sends, and count.
type Providers struct {
	URL string

	mu    sync.Mutex
	sent  map[string]int            // by text; guarded by mu
	texts map[string][]twilioRecord // by number; guarded by mu
	next  atomic.Int64
	pause atomic.Int64 // before an answer, in ns
}

// twilioRecord is a message as Twilio lists it, for whoever looks up what became of an attempt.
type twilioRecord struct {
	SID         string `json:"sid"`
	Body        string `json:"body"`
	To          string `json:"to"`
	From        string `json:"from"`
	Status      string `json:"status"`
	DateCreated string `json:"date_created"` // RFC 1123
}

// NewProviders starts them; they end with the test.
func NewProviders(t testing.TB) *Providers {
	p := &Providers{sent: map[string]int{}, texts: map[string][]twilioRecord{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.URL = s.URL
	return p
}

// Slow makes every answer take this long.
func (p *Providers) Slow(d time.Duration) { p.pause.Store(int64(d)) }

// Sent is how often each text arrived.
func (p *Providers) Sent() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]int, len(p.sent))
	for k, v := range p.sent {
		out[k] = v
	}
	return out
}

func (p *Providers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := p.next.Add(1)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/Messages.json") && r.Method == http.MethodPost:
		m := twilioRecord{SID: fmt.Sprintf("SM%032x", id), Body: r.FormValue("Body"), To: r.FormValue("To"), From: number, Status: "queued",
			DateCreated: time.Now().UTC().Format(time.RFC1123Z)}
		p.mu.Lock()
		p.texts[m.To] = append(p.texts[m.To], m)
		p.mu.Unlock()
		p.take(m.Body)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(m) // who asked may be gone
	case strings.HasSuffix(r.URL.Path, "/Messages.json"):
		p.mu.Lock()
		list := slices.Clone(p.texts[r.FormValue("To")])
		p.mu.Unlock()
		slices.Reverse(list) // the latest first
		_ = json.NewEncoder(w).Encode(map[string]any{"messages": list[:min(len(list), 100)]})
	default:
		var body struct{ Message struct{ Text string } }
		if json.NewDecoder(r.Body).Decode(&body) == nil && body.Message.Text != "" {
			p.take(body.Message.Text)
		}
		fmt.Fprintf(w, `{"recipient_id":"1","message_id":"mid.%d"}`, id)
	}
}

func (p *Providers) take(text string) {
	p.mu.Lock()
	p.sent[text]++
	p.mu.Unlock()
	time.Sleep(time.Duration(p.pause.Load()))
}
