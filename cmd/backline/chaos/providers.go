package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
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
	sent  map[string]int // by text
	next  atomic.Int64
	pause atomic.Int64 // before an answer, in ns
}

// NewProviders starts them; they end with the test.
func NewProviders(t testing.TB) *Providers {
	p := &Providers{sent: map[string]int{}}
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
		p.take(r.FormValue("Body"))
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"sid":"SM%032x","status":"queued","to":%q,"from":%q,"num_segments":"1"}`, id, r.FormValue("To"), number)
	case strings.HasSuffix(r.URL.Path, "/Messages.json"): // what was sent, for whoever looks an attempt up: nobody knows
		fmt.Fprint(w, `{"messages":[]}`)
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
