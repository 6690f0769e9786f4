package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"backline/gateway"
	"backline/gateway/config"
	"backline/gateway/oneport"
	"backline/gateway/turn"
	"backline/gateway/wire"
)

// relay is the TURN server and where browsers find it.
type relay struct {
	server *turn.Server
	shared *oneport.Queue // TURN over TLS on the port of listen; nil: not there
	urls   []string
}

// openRelay reads the certificate and binds the TURN server. Without calls there is none.
func (a *App) openRelay() error {
	c := a.config
	var err error
	if c.TLS.On() {
		if a.certs, err = oneport.OpenCertificate(c.TLS.Certificate, c.TLS.PrivateKey, a.log); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	if a.engine == nil || c.RTC.Turn == "" && c.RTC.TurnTLS == config.NoTurnTLS {
		return nil
	}
	r := &relay{}
	o := turn.Options{Media: a.engine, Listen: c.RTC.Turn, Log: a.log}
	if o.Secret, err = keptSecret(filepath.Join(c.Data, turnKey)); err != nil {
		return err
	}
	if o.TLS, err = a.turnTLS(r); err != nil {
		return err
	}
	if r.server, err = turn.New(o); err != nil {
		return fmt.Errorf("rtc.turn %s: %w (another program has the port: choose another, or \"\" for none)", c.RTC.Turn, err)
	}
	r.urls = turnURLs(c, r.server, o.TLS)
	a.relay = r
	return nil
}

// turnTLS is where TURN over TLS comes in; nil: nowhere.
func (a *App) turnTLS(r *relay) (net.Listener, error) {
	switch at := a.config.RTC.TurnTLS; at {
	case config.NoTurnTLS:
		return nil, nil
	case config.Shared:
		r.shared = oneport.NewQueue(&net.TCPAddr{})
		return r.shared, nil
	default:
		l, err := net.Listen("tcp", at)
		if err != nil {
			return nil, fmt.Errorf("rtc.turn_tls: %w", err)
		}
		return tls.NewListener(l, a.certs.Config()), nil
	}
}

// turnURLs are the three ways to TURN, as far as they are there.
func turnURLs(c *config.Config, s *turn.Server, secure net.Listener) []string {
	host := c.RTC.TurnHost
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	var all []string
	if at := s.Addr(); at.IsValid() {
		for _, transport := range []string{"udp", "tcp"} {
			all = append(all, fmt.Sprintf("turn:%s:%d?transport=%s", host, at.Port(), transport))
		}
	}
	if secure != nil {
		all = append(all, fmt.Sprintf("turns:%s:%s?transport=tcp", host, securePort(c, secure)))
	}
	return all
}

// securePort is where browsers find TURN over TLS.
func securePort(c *config.Config, l net.Listener) string {
	switch {
	case c.RTC.TurnTLSPort != 0:
		return strconv.Itoa(c.RTC.TurnTLSPort)
	case c.RTC.TurnTLS == config.Shared:
		return publicPort(c.PublicURL)
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// publicPort is the port of an address that browsers open.
func publicPort(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "443" // config has checked it
	}
	return cmp.Or(u.Port(), map[string]string{"http": "80"}[u.Scheme], "443")
}

// relays are the TURN servers for one side of a call.
func (a *App) relays(call gateway.CallID, side string) []wire.ICEServer {
	if a.relay == nil {
		return nil
	}
	c := a.relay.server.Credentials(string(call), side)
	return []wire.ICEServer{{URLs: a.relay.urls, Username: c.Username, Credential: c.Password}}
}

// secure puts TLS over a listener, and TURN beside HTTPS where that is wanted.
func (a *App) secure(l net.Listener) (net.Listener, *oneport.Port) {
	var shared *oneport.Queue
	if a.relay != nil {
		shared = a.relay.shared
	}
	port := oneport.New(l, a.certs.Config(), shared, a.log)
	return port.HTTPS(), port
}
