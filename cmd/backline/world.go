package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"backline/channels/messenger/messengertest"
	"backline/channels/sms/smstest"
	"backline/gateway"
	"backline/gateway/config"
	"backline/gateway/mailing/mailtest"
)

//go:embed demo
var demoFiles embed.FS

// world is what surrounds a gateway in the demo: the company's website, and the customer's phone with the
// providers it hangs on. It never touches the gateway but through the addresses that real ones use.
type world struct {
	gateway   string
	company   *template.Template
	messenger *messengertest.World
	sms       *smstest.Twilio
	mail      *mailtest.Sink
	config    string            // path of the gateway's configuration, for the commands an operator would give
	account   map[string]string // our side of each device, as it is shown
	log       *slog.Logger

	// Guarded by mu.
	mu       sync.Mutex
	watchers map[chan struct{}]struct{} // open simulator pages; capacity 1, never closed
}

// companyPage is one page of the made-up company.
type companyPage struct{ Kicker, Title, Lead, Gateway string }

// The made-up customer.
const (
	customerName   = "Henrik Kolbe"
	customerPSID   = "24000000000000001"
	customerNumber = "+12025550143"
	customerMail   = "henrik.kolbe@kolbe.example"
)

func newWorld(c *config.Config, d demoAddresses, log *slog.Logger) (*world, error) {
	t, err := template.ParseFS(demoFiles, "demo/company.html")
	if err != nil {
		return nil, err
	}
	w := &world{gateway: d.Gateway, company: t, log: log, watchers: map[chan struct{}]struct{}{}, account: map[string]string{"mail": c.Mail.From}, config: demoConfigPath(c.Data)}
	for _, e := range c.Entries {
		w.account[e.Channel] = e.Account()
	}
	m := c.Messenger
	w.messenger = messengertest.New(messengertest.Options{Page: w.account[gateway.ChannelMessenger], AppID: m.AppID, AppSecret: string(m.AppSecret),
		VerifyToken: string(m.VerifyToken), PageToken: string(m.PageToken), Version: m.GraphVersion, Hook: d.Gateway + "/hooks/messenger",
		BaseURL: d.World + "/graph", PSID: customerPSID, CustomerName: customerName, OnChange: w.changed, Log: log})
	w.sms = smstest.NewTwilio(smstest.TwilioOptions{AccountSID: c.SMS.Twilio.AccountSID, AuthToken: string(c.SMS.Twilio.AuthToken),
		Number: w.account[gateway.ChannelSMS], Remote: customerNumber, PublicURL: d.Gateway, BaseURL: d.World + "/twilio", OnChange: w.changed, Log: log})
	w.mail = mailtest.New(mailtest.Options{OnMail: func(string, string) { w.changed() }})
	return w, nil
}

// Run serves the web on l and mail on relay until ctx ends.
func (w *world) Run(ctx context.Context, l, relay net.Listener) error {
	server := &http.Server{Handler: w.routes(), ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("demo's website: %w", err)
		}
		return nil
	})
	g.Go(func() error { return w.messenger.Run(ctx) })
	g.Go(func() error { return w.sms.Run(ctx) })
	g.Go(func() error { return w.mail.Run(ctx, relay) })
	g.Go(func() error {
		<-ctx.Done()
		return server.Close() // nobody in a demo waits for the end of a download
	})
	return g.Wait()
}

func (w *world) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", w.page(companyPage{Kicker: "Refrigerated freight, Hamburg", Title: "Fresh from Soltau to Altona before noon.",
		Lead: "Forty trucks, four degrees, no excuses. See where your delivery is, or ask us: a human answers."}))
	mux.Handle("GET /track", w.page(companyPage{Kicker: "Track a delivery", Title: "Your delivery is on its way.",
		Lead: "The truck is north of Soltau and expected on time. A chat that you began goes on here."}))
	mux.Handle("GET /contact", w.page(companyPage{Kicker: "Contact", Title: "Reach a human, whatever is broken.",
		Lead: "Chat here, write a text message, or message our page."}))
	mux.HandleFunc("GET /demo.css", func(rw http.ResponseWriter, r *http.Request) { http.ServeFileFS(rw, r, demoFiles, "demo/demo.css") })
	mux.HandleFunc("GET /simulator", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, demoFiles, "demo/simulator.html")
	})
	mux.HandleFunc("GET /simulator.js", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, demoFiles, "demo/simulator.js")
	})
	mux.HandleFunc("GET /simulator/state", w.state)
	mux.HandleFunc("GET /simulator/events", w.events)
	mux.HandleFunc("POST /simulator/mail", w.sendLink)
	mux.HandleFunc("POST /simulator/{device}", w.say)
	mux.Handle("/graph/", http.StripPrefix("/graph", w.messenger))
	mux.Handle("/twilio/", http.StripPrefix("/twilio", w.sms))
	return mux
}

func (w *world) page(p companyPage) http.Handler {
	p.Gateway = w.gateway
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		var b bytes.Buffer
		if err := w.company.Execute(&b, p); err != nil {
			http.Error(rw, "the page cannot be drawn", http.StatusInternalServerError)
			w.log.Error("draw the demo's page", "err", err)
			return
		}
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = rw.Write(b.Bytes()) // the visitor may have gone
	})
}
