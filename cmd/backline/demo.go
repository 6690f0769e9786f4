package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"text/template"

	"golang.org/x/sync/errgroup"

	"backline/gateway"
	"backline/gateway/config"
)

// demo runs the whole product with nothing to set up: a gateway as `serve` runs it, and beside it a small
// world with a company's website, a customer's phone and the providers between them. The two know each other
// only by HTTP.
func (m *Main) demo(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:8080", "`address` of the gateway; the company's website is on another port")
	data := fs.String("data", "", "`folder` to keep the data in; default: a temporary one that goes away")
	verbose := fs.Bool("verbose", false, "log what happens")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usagef("unknown argument %q", fs.Arg(0))
	}
	folder := *data
	if folder == "" {
		tmp, err := os.MkdirTemp("", "backline-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp) // what is left of a demo is in nobody's way
		folder = tmp
	}
	log := slog.New(slog.NewTextHandler(m.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if *verbose {
		log = slog.New(slog.NewTextHandler(m.Stderr, nil))
	}
	return m.runDemo(ctx, *listen, folder, log)
}

func (m *Main) runDemo(ctx context.Context, listen, folder string, log *slog.Logger) error {
	gatewayListener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w (choose another with --listen)", listen, err)
	}
	defer gatewayListener.Close() // again, after Run has closed it
	worldListener, err := listenBeside(gatewayListener.Addr().(*net.TCPAddr))
	if err != nil {
		return err
	}
	defer worldListener.Close()
	mailListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer mailListener.Close()
	d := demoAddresses{Gateway: "http://" + hostOf(gatewayListener), World: "http://" + hostOf(worldListener), Mail: hostOf(mailListener)}
	c, err := demoConfig(folder, d)
	if err != nil {
		return err
	}
	a, err := Open(ctx, c, log, AppOptions{DemoAgents: demoAgents(), AllowHosts: []string{hostOf(worldListener)}})
	if err != nil {
		return err
	}
	world, err := newWorld(c, d, log)
	if err != nil {
		return closing(a, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.Run(ctx, gatewayListener) })
	g.Go(func() error { return world.Run(ctx, worldListener, mailListener) })
	g.Go(func() error { return m.welcome(ctx, a, d) })
	return g.Wait()
}

// welcome opens the doors and says where they are.
func (m *Main) welcome(ctx context.Context, a *App, d demoAddresses) error {
	select {
	case <-a.live.Replayed():
	case <-ctx.Done():
		return nil
	}
	for _, id := range demoAgents() {
		// Whoever signs in is rung at once; until then nobody is there.
		if _, err := a.live.SetPresence(ctx, id, gateway.PresenceReady); err != nil {
			return fmt.Errorf("make %s ready: %w", id, err)
		}
	}
	fmt.Fprintf(m.Stdout, `Backline is running. Open these three side by side:

  The company's website   %s/            write in the chat, bottom right
  The agents' console     %s/            one click signs you in
  A customer's phone      %s/simulator   text messages, Messenger and mail

Stop with Ctrl+C.
`, d.World, d.Gateway, d.World)
	return nil
}

// demoAgents sign in with one click.
func demoAgents() []gateway.AgentID { return []gateway.AgentID{"jana", "emil"} }

// demoAddresses are where the servers of the demo are reached: two by HTTP, the mail relay as host:port.
type demoAddresses struct{ Gateway, World, Mail string }

// listenBeside takes the next port, so that the address is the same each time, or any free one.
func listenBeside(a *net.TCPAddr) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(a.IP.String(), strconv.Itoa(a.Port+1)))
	if err == nil {
		return l, nil
	}
	return net.Listen("tcp", net.JoinHostPort(a.IP.String(), "0"))
}

// hostOf is a listener's address as browsers on this machine write it.
func hostOf(l net.Listener) string {
	a := l.Addr().(*net.TCPAddr)
	if a.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(a.Port))
	}
	return a.String()
}

func demoConfigPath(folder string) string { return filepath.Join(folder, "backline.yaml") }

// mediaBeside is any free port for calls beside the gateway's address.
func mediaBeside(listen string) string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "127.0.0.1:0"
	}
	return net.JoinHostPort(host, "0")
}

// demoConfig writes the demo's configuration into its folder, to look at and to learn from, and loads it as
// `serve` would. The secrets are new each time: they join only the two servers of this process.
func demoConfig(folder string, d demoAddresses) (*config.Config, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("demo folder: %w", err)
	}
	var text bytes.Buffer
	listen := d.Gateway[len("http://"):]
	err := template.Must(template.New("config").Parse(demoYAML)).Execute(&text, struct {
		demoAddresses
		Data, Listen, Media string
		Secret              func() string
	}{d, strconv.Quote(folder), listen, strconv.Quote(mediaBeside(listen)), rand.Text})
	if err != nil {
		return nil, err
	}
	path := demoConfigPath(folder)
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("demo configuration: %w", err)
	}
	c, err := config.Load(path, nil)
	if err != nil {
		return nil, errors.Join(errors.New("the demo's own configuration is wrong"), err)
	}
	return c, nil
}

const demoYAML = `version: 1
listen: {{.Listen}}
public_url: {{.Gateway}}
data: {{.Data}}
company: {name: Nordwind Logistik, language: en, color: "#0a5f73"}
rtc: {media: {{.Media}}, turn: {{.Media}}}
queues:
  - {id: main, name: Service}
  - {id: dispatch, name: Dispatch}
agents:
  - {id: jana, name: Jana Brandt, queues: [main, dispatch], role: admin}
  - {id: emil, name: Emil Sommer, queues: [main]}
entries:
  - {channel: livechat, site: shop, to: queue/main, origins: ["{{.World}}"]}
  - {channel: messenger, page: "100000000000001", to: queue/main}
  - {channel: sms, number: "+12025550100", to: queue/main}
messenger:
  app_id: "555000000000001"
  app_secret: {{call .Secret}}
  verify_token: {{call .Secret}}
  page_token: {{call .Secret}}
  graph_url: {{.World}}/graph
sms:
  providers: [twilio]
  twilio:
    account_sid: AC00000000000000000000000000000001
    auth_token: {{call .Secret}}
    api_url: {{.World}}/twilio
mail: {smtp: "smtp://{{.Mail}}", from: Nordwind Logistik <service@nordwind.example>}
replies:
  - {id: hello, title: Greeting, text: "Hello {{"{{name}}"}}, this is Nordwind. How can I help?"}
  - {id: number, title: Ask for the number, text: "Could you give me the delivery number, please? It stands at the top of your order mail."}
  - {id: bye, title: Goodbye, text: "You are welcome. Write again here whenever something comes up."}
`
