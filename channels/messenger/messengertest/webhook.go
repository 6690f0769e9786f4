package messengertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf16"
)

// tries of one webhook, with pauses of 200 ms doubling between them: 6.2 s in all.
const (
	tries      = 6
	firstPause = 200 * time.Millisecond
)

// deliver posts one event, again and again while the gateway is unreachable or answers 5xx, as Meta does.
func (w *World) deliver(ctx context.Context, event map[string]any) error {
	w.mu.Lock()
	off := w.off
	w.mu.Unlock()
	if off {
		return errors.New("the app is not subscribed to the page")
	}
	var last error
	for try := range tries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return errors.Join(last, ctx.Err())
			case <-time.After(firstPause << (try - 1)):
			}
		}
		again, err := w.post(ctx, event)
		if err == nil || !again {
			return err
		}
		last = err
	}
	return fmt.Errorf("given up after %d tries: %w", tries, last)
}

// post is one try. again says that another may help.
func (w *World) post(ctx context.Context, event map[string]any) (again bool, err error) {
	body, err := json.Marshal(map[string]any{"object": "page", "entry": []any{
		map[string]any{"id": w.o.Page, "time": time.Now().UnixMilli(), "messaging": []any{event}}}})
	if err != nil {
		return false, fmt.Errorf("encode webhook: %w", err)
	}
	body = escape(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.Hook, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("build webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", "sha256="+sign(w.o.AppSecret, body))
	resp, err := w.o.Client.Do(req)
	if err != nil {
		return ctx.Err() == nil, fmt.Errorf("post webhook: %w", err)
	}
	defer resp.Body.Close() // its error matters to nobody
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode >= 500, fmt.Errorf("post webhook: the gateway answered %d", resp.StatusCode)
	}
	return false, nil
}

// Verify asks the gateway the question that Meta asks when a webhook is set up.
func (w *World) Verify(ctx context.Context) error {
	q := url.Values{"hub.mode": {"subscribe"}, "hub.verify_token": {w.o.VerifyToken}, "hub.challenge": {"1158201444"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.o.Hook+"?"+q.Encode(), nil)
	if err != nil {
		return errors.New("verify: the hook's address cannot be used")
	}
	resp, err := w.o.Client.Do(req)
	if err != nil {
		return errors.New("verify: the gateway cannot be reached") // the error would hold the token
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if resp.StatusCode != http.StatusOK || string(answer) != "1158201444" {
		return fmt.Errorf("verify: the gateway answered %d", resp.StatusCode)
	}
	return nil
}

// escape writes JSON as Meta does: no byte above 0x7F, and "/" as "\/".
func escape(data []byte) []byte {
	var b strings.Builder
	b.Grow(len(data) + len(data)/4)
	for _, r := range string(data) {
		switch {
		case r == '/':
			b.WriteString(`\/`) // outside strings JSON has none
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case r > 0x7E:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return []byte(b.String())
}
