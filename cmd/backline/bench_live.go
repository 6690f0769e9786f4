package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway/wire"
)

// signIn returns the cookie of the agent's session.
func (b *bench) signIn(ctx context.Context) (string, error) {
	body, err := json.Marshal(map[string]any{"agent": b.agent, "password": b.password})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/api/v1/session", strings.NewReader(string(body)))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := b.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || len(res.Cookies()) == 0 {
		return "", fmt.Errorf("sign in as %s: %s", b.agent, res.Status)
	}
	c := res.Cookies()[0]
	return c.Name + "=" + c.Value, nil
}

func (b *bench) dial(ctx context.Context, url, path string, head http.Header, hello any) (*websocket.Conn, error) {
	ws, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1)+path, head)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", path, err)
	}
	return ws, ws.WriteJSON(hello)
}

// console opens an agent's socket and reads until it is up to date.
func (b *bench) console(ctx context.Context) (*websocket.Conn, error) {
	cookie, err := b.signIn(ctx)
	if err != nil {
		return nil, err
	}
	ws, err := b.dial(ctx, b.url, "/ws/console", http.Header{"Cookie": {cookie}, "Origin": {b.url}}, map[string]any{"t": "hello", "version": wire.Version})
	if err != nil {
		return nil, err
	}
	for {
		_, raw, err := ws.ReadMessage()
		if err != nil {
			return nil, fmt.Errorf("console socket: %w", err)
		}
		if t, _ := decode(raw, &struct{}{}); t == "ready" {
			return ws, nil
		}
	}
}

// toSocket measures webhook → agent's socket at a steady rate.
func (b *bench) toSocket(ctx context.Context) error {
	ws, err := b.console(ctx)
	if err != nil {
		return err
	}
	defer ws.Close()
	total := int(float64(b.rate) * b.hold.Seconds())
	sent := &sentTimes{at: map[string]time.Time{}}
	result := make(chan reading, 1)
	go func() { result <- readUpdates(ws, sent, total, b.hold+10*time.Second) }()
	failed := b.pace(ctx, total, sent)
	got := <-result
	if failed != nil {
		return failed
	}
	if got.err != nil {
		return fmt.Errorf("%d of %d messages reached the console: %w", len(got.took), total, got.err)
	}
	fmt.Fprintf(b.out, "webhook → agent's socket at %d/s: %d messages, %s\n", b.rate, len(got.took), percentiles(got.took))
	return nil
}

// sentTimes is when each message left, by provider id.
type sentTimes struct {
	mu sync.Mutex
	at map[string]time.Time
}

type reading struct {
	took []time.Duration
	err  error
}

func readUpdates(ws *websocket.Conn, sent *sentTimes, total int, limit time.Duration) reading {
	var r reading
	if r.err = ws.SetReadDeadline(time.Now().Add(limit)); r.err != nil {
		return r
	}
	for len(r.took) < total {
		_, raw, err := ws.ReadMessage()
		if err != nil {
			r.err = err
			return r
		}
		var u wire.ConsoleUpdate
		if t, err := decode(raw, &u); err != nil || t != "update" || u.Item == nil {
			continue
		}
		sent.mu.Lock()
		if at, ok := sent.at[u.Item.ProviderID]; ok {
			r.took = append(r.took, time.Since(at))
			delete(sent.at, u.Item.ProviderID)
		}
		sent.mu.Unlock()
	}
	return r
}

// pace sends total messages, rate a second. The callers take turns; a message that is late is not left out,
// and counts from when it was due.
func (b *bench) pace(ctx context.Context, total int, sent *sentTimes) error {
	run := rand.Text()[:8]
	var wg sync.WaitGroup
	errs := make(chan error, b.callers)
	began := time.Now()
	for w := range b.callers {
		wg.Go(func() {
			c, err := newCaller(ctx, b.node(w))
			if err != nil {
				errs <- err
				return
			}
			defer c.conn.Close()
			for i := w; i < total && ctx.Err() == nil; i += b.callers {
				mid := fmt.Sprintf("m_%s_%d", run, i)
				body, sig := b.event(fmt.Sprintf("8%08d", i%200), mid)
				due := began.Add(time.Duration(i) * time.Second / time.Duration(b.rate))
				time.Sleep(time.Until(due))
				sent.mu.Lock()
				sent.at[mid] = due
				sent.mu.Unlock()
				if err := c.post(body, sig); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs // nil when there was none
}

// chats measures message → acknowledged on disk, on visitors' sockets.
func (b *bench) chats(ctx context.Context) error {
	const each = 50
	results := make(chan reading, b.visitors)
	began := time.Now()
	for i := range b.visitors {
		go func() { results <- b.chat(ctx, b.node(i), each) }()
	}
	var took []time.Duration
	var failed error
	for range b.visitors {
		r := <-results
		took = append(took, r.took...)
		if r.err != nil {
			failed = r.err
		}
	}
	if failed != nil {
		return failed
	}
	fmt.Fprintf(b.out, "chat message → acknowledged: %d visitors, %d messages, %.0f/s, %s\n", b.visitors, len(took),
		float64(len(took))/time.Since(began).Seconds(), percentiles(took))
	return nil
}

// chat writes one message after the other, slowly enough for the limit of 20 in 10 s.
func (b *bench) chat(ctx context.Context, url string, n int) (r reading) {
	ws, err := b.dial(ctx, url, "/ws/visitor", http.Header{"Origin": {b.url}}, map[string]any{"t": "hello", "version": wire.Version, "site": "bench"})
	if err != nil {
		return reading{err: err}
	}
	defer ws.Close()
	for i := range n {
		id := rand.Text()[:16]
		at := time.Now()
		if err := ws.WriteJSON(map[string]any{"t": "message", "client_id": id, "text": fmt.Sprintf("message %d", i)}); err != nil {
			return reading{took: r.took, err: err}
		}
		if err := awaitAck(ws, id); err != nil {
			return reading{took: r.took, err: err}
		}
		r.took = append(r.took, time.Since(at))
		time.Sleep(time.Until(at.Add(600 * time.Millisecond)))
	}
	return r
}

func awaitAck(ws *websocket.Conn, id string) error {
	if err := ws.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	for {
		_, raw, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		var ack wire.VisitorAck
		if t, err := decode(raw, &ack); err != nil || t != "ack" || ack.ClientID != id {
			continue
		}
		if ack.Failure != nil {
			return fmt.Errorf("a chat message was refused: %s", ack.Failure.Detail)
		}
		return nil
	}
}
