package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"strings"

	"backline/gateway"
	"backline/gateway/httpx"
)

// device is what the simulator's page shows of one phone.
type device struct {
	Remote   string `json:"remote"`
	Account  string `json:"account"`
	Messages any    `json:"messages"`
}

func (w *world) state(rw http.ResponseWriter, _ *http.Request) {
	httpx.WriteJSON(rw, http.StatusOK, map[string]device{
		"sms":       {customerNumber, w.account[gateway.ChannelSMS], w.sms.Messages()},
		"messenger": {customerName, w.account[gateway.ChannelMessenger], w.messenger.Messages()},
		"mail":      {customerMail, w.account["mail"], w.mail.Mails()},
	})
}

// changed tells every open simulator page to look again.
func (w *world) changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.watchers {
		select {
		case c <- struct{}{}:
		default: // it has yet to look at the change before
		}
	}
}

// events is a stream of server-sent events, each of which says that something changed.
func (w *world) events(rw http.ResponseWriter, r *http.Request) {
	changes := make(chan struct{}, 1)
	w.mu.Lock()
	w.watchers[changes] = struct{}{}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.watchers, changes)
		w.mu.Unlock()
	}()
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(rw)
	for {
		if _, err := fmt.Fprint(rw, "data: changed\n\n"); err != nil || flush.Flush() != nil {
			return
		}
		select {
		case <-changes:
		case <-r.Context().Done():
			return
		}
	}
}

// say writes from one of the phones.
func (w *world) say(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Text  string `json:"text"`
		Image bool   `json:"image"`
	}
	if err := httpx.ReadJSON(rw, r, &in); err != nil {
		httpx.Problem(rw, r, err)
		return
	}
	say, ok := map[string]func(context.Context, string, []byte) error{"sms": w.sms.Say, "messenger": w.messenger.Say}[r.PathValue("device")]
	if !ok {
		http.NotFound(rw, r)
		return
	}
	var photo []byte
	if in.Image {
		photo = picture()
	}
	if err := say(r.Context(), in.Text, photo); err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

// sendLink is the company's side for once: it mails the customer a link as an operator would, by the command.
func (w *world) sendLink(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
	}
	if err := httpx.ReadJSON(rw, r, &in); err != nil {
		httpx.Problem(rw, r, err)
		return
	}
	if err := w.linkSend(r.Context(), in.Text); err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

func (w *world) linkSend(ctx context.Context, subject string) error {
	list, err := os.CreateTemp("", "backline-demo-*.csv")
	if err != nil {
		return err
	}
	defer os.Remove(list.Name()) // a rest would be in nobody's way
	c := csv.NewWriter(list)
	err = c.WriteAll([][]string{{"email", "name", "language", "subject"}, {customerMail, customerName, "en", subject}})
	if err := errors.Join(err, list.Close()); err != nil {
		return err
	}
	var out, errs strings.Builder
	m := &Main{Stdout: &out, Stderr: &errs}
	if m.Run(ctx, []string{"link", "send", "--config", w.config, "--csv", list.Name(), "--to", "queue/main", "--campaign", "demo-" + strings.ToLower(rand.Text()[:8])}) != exitDone {
		return errors.New(errs.String())
	}
	return nil
}

// picture is the photograph that the made-up customer sends: a truck in the dusk, as far as 320 by 200 allow.
func picture() []byte {
	const w, h = 320, 200
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			sky := color.RGBA{uint8(40 + y/2), uint8(60 + y/3), uint8(110 - y/4), 255}
			switch {
			case y > 150:
				sky = color.RGBA{52, 58, 60, 255} // the road
			case y > 70 && x > 60 && x < 210:
				sky = color.RGBA{232, 236, 236, 255} // the box
			case y > 100 && x >= 214 && x < 262:
				sky = color.RGBA{10, 95, 115, 255} // the cab
			}
			img.SetRGBA(x, y, sky)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil // cannot fail into a buffer
	}
	return b.Bytes()
}
