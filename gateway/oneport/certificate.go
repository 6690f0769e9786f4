package oneport

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often the files of a certificate are looked at; whoever renews it need not tell us.
const lookEvery = time.Minute

// Certificate is a pair of PEM files that is read again when they change. One that cannot be used is refused, and
// the one before stays. All methods may be called from any goroutine.
type Certificate struct {
	chain, key string
	log        *slog.Logger

	mu     sync.Mutex
	now    *tls.Certificate // guarded by mu
	leaf   *x509.Certificate
	stamp  stamp     // of the files that now was read from; guarded by mu
	looked time.Time // guarded by mu
}

type stamp struct{ chain, key time.Time }

// OpenCertificate reads the files.
func OpenCertificate(chain, key string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{chain: chain, key: key, log: log}
	s, err := c.stamps()
	if err != nil {
		return nil, err
	}
	if err := c.read(s); err != nil {
		return nil, err
	}
	c.looked = time.Now()
	return c, nil
}

// Config is for a TLS server with this certificate.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		now, _ := c.current()
		return now, nil
	}}
}

// Leaf is the certificate that is in use.
func (c *Certificate) Leaf() *x509.Certificate {
	_, leaf := c.current()
	return leaf
}

func (c *Certificate) current() (*tls.Certificate, *x509.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.renew()
	}
	return c.now, c.leaf
}

// renew reads the files if they are others. Callers hold mu.
func (c *Certificate) renew() {
	s, err := c.stamps()
	if err == nil && s == c.stamp {
		return
	}
	if err == nil {
		err = c.read(s)
	}
	if err != nil {
		c.log.Error("the renewed certificate cannot be used; the one before stays in use", "err", err)
		return
	}
	c.log.Info("certificate read again", "until", c.leaf.NotAfter)
}

func (c *Certificate) stamps() (stamp, error) {
	chain, err := os.Stat(c.chain)
	if err != nil {
		return stamp{}, fmt.Errorf("certificate: %w", err)
	}
	key, err := os.Stat(c.key)
	if err != nil {
		return stamp{}, fmt.Errorf("private key: %w", err)
	}
	return stamp{chain.ModTime(), key.ModTime()}, nil
}

// read replaces the certificate. Callers hold mu, or have the only copy.
func (c *Certificate) read(s stamp) error {
	pair, err := tls.LoadX509KeyPair(c.chain, c.key)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	c.now, c.leaf, c.stamp = &pair, leaf, s
	return nil
}
