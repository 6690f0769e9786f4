package chaos

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Pauses of a page that has lost its gateway: full jitter, doubling (webclient/src/widget/connection.ts).
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Crowd are pages that are open and say nothing. They come back as pages do.
type Crowd struct {
	open atomic.Int64
	stop context.CancelFunc
	all  sync.WaitGroup
}

// NewCrowd opens them, at most 100 at once; it ends with the test.
func NewCrowd(t testing.TB, url string, n int) *Crowd {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Crowd{stop: cancel}
	t.Cleanup(c.Leave)
	doors := make(chan struct{}, 100)
	for range n {
		doors <- struct{}{}
		var once sync.Once
		c.all.Go(func() {
			in := func() { once.Do(func() { <-doors }) }
			defer in()
			c.page(ctx, strings.Replace(url, "http", "ws", 1)+"/ws/visitor", in)
		})
	}
	return c
}

// Open is how many are in now.
func (c *Crowd) Open() int { return int(c.open.Load()) }

// Leave closes them.
func (c *Crowd) Leave() {
	c.stop()
	c.all.Wait()
}

func (c *Crowd) page(ctx context.Context, url string, in func()) {
	token, most := "", firstRetry
	for ctx.Err() == nil {
		if c.visit(ctx, url, &token, in) {
			most = firstRetry
		}
		in()
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(most)))):
		case <-ctx.Done():
		}
		most = min(2*most, lastRetry)
	}
}

// visit stays until the socket ends, and reports whether it was ready.
func (c *Crowd) visit(ctx context.Context, url string, token *string, in func()) (ready bool) {
	ws, _, err := (&websocket.Dialer{HandshakeTimeout: 10 * time.Second}).DialContext(ctx, url, http.Header{"Origin": {site}})
	if err != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { ws.Close() })()
	defer ws.Close()
	if ws.WriteJSON(map[string]any{"t": "hello", "version": 1, "site": "shop", "token": *token}) != nil {
		return false
	}
	for {
		var f visitorFrame
		if ws.ReadJSON(&f) != nil {
			break
		}
		if f.Token != "" {
			*token = f.Token
		}
		if f.T == "ready" && !ready {
			ready = true
			c.open.Add(1)
			in()
		}
	}
	if ready {
		c.open.Add(-1)
	}
	return ready
}

// Mute are connections that are opened and say nothing; those that cannot be had are left out. The caller closes them.
func Mute(addr string, n int) []net.Conn {
	var out []net.Conn
	for range n {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			break
		}
		out = append(out, c)
	}
	return out
}
