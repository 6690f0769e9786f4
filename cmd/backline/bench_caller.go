package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"
)

// caller posts webhooks over one kept connection, as a provider's machine does. It is thin on purpose: load
// that comes from the same machine must not cost more than the work it causes.
type caller struct {
	conn    net.Conn
	in      *bufio.Reader
	host    string
	request []byte // reused
}

func newCaller(ctx context.Context, address string) (*caller, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(host, map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{}).DialContext(ctx, "tcp", host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", host)
	}
	if err != nil {
		return nil, err
	}
	return &caller{conn: conn, in: bufio.NewReader(conn), host: u.Host}, nil
}

// post sends one webhook and waits for its 200.
func (c *caller) post(body []byte, signature string) error {
	c.request = fmt.Appendf(c.request[:0], "POST /hooks/messenger HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nX-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n%s",
		c.host, signature, len(body), body)
	if err := c.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	return c.answer()
}

// answer reads one response: its status, and over its body, whose length a gateway's webhook always says.
func (c *caller) answer() error {
	status, length := "", 0
	for line := 0; ; line++ {
		text, err := c.in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read the answer to a webhook: %w", err)
		}
		text = bytes.TrimRight(text, "\r\n")
		switch {
		case line == 0:
			_, after, _ := bytes.Cut(text, []byte(" "))
			status = string(after)
		case len(text) == 0:
			if _, err := c.in.Discard(length); err != nil {
				return err
			}
			if status != "200 OK" {
				return fmt.Errorf("the gateway answered a webhook with %s", status)
			}
			return nil
		default:
			if v, ok := bytes.CutPrefix(text, []byte("Content-Length: ")); ok {
				if length, err = strconv.Atoi(string(v)); err != nil {
					return fmt.Errorf("read the answer to a webhook: %w", err)
				}
			}
		}
	}
}
