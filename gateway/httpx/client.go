package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ClientOptions of SafeClient. The zero value is right for files that customers point us at.
type ClientOptions struct {
	MaxBytes int64         // of one answer's body; 0 means 25 MiB
	Timeout  time.Duration // of the whole exchange, body included; 0 means 30 s

	// AllowHosts are "host:port" that may be dialled whatever their address: a provider's stand-in on
	// loopback. They are compared with the URL, before any look-up.
	AllowHosts []string

	// Resolver for tests; nil is the system's.
	Resolver *net.Resolver
}

// Errors of SafeClient, wrapped in the *url.Error of http.Client.
var (
	ErrBlockedAddress = errors.New("address is not on the public internet")
	ErrBlockedURL     = errors.New("only http and https on their own ports, without a user, are fetched")
	ErrTooLarge       = errors.New("answer is too large")
	errRedirects      = errors.New("more than 3 redirects")
)

const maxRedirects = 3

// SafeClient fetches addresses that strangers chose. It dials only addresses of the public internet: the
// check sits in the dialer, behind the resolver, so that neither a redirect nor a name that changes its
// address between check and use gets past it. It follows at most 3 redirects, uses no proxy, sends no
// cookie and caps size and time. Each redirect is checked like the first URL.
func SafeClient(o ClientOptions) *http.Client {
	if o.MaxBytes == 0 {
		o.MaxBytes = 25 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	public := &net.Dialer{Timeout: 10 * time.Second, Resolver: o.Resolver, Control: controlPublic}
	open := &net.Dialer{Timeout: 10 * time.Second, Resolver: o.Resolver}
	t := &http.Transport{
		Proxy: nil, // HTTP_PROXY would dial for us, unchecked
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if slices.Contains(o.AllowHosts, addr) {
				return open.DialContext(ctx, network, addr)
			}
			return public.DialContext(ctx, network, addr)
		},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  o.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           16,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
		// A body that unpacks is bounded after unpacking, but is not asked for.
		DisableCompression: true,
	}
	return &http.Client{
		Transport: &guard{next: t, o: o},
		Timeout:   o.Timeout,
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errRedirects
			}
			return nil
		},
	}
}

// guard checks each URL, redirects included, and caps each body.
type guard struct {
	next http.RoundTripper
	o    ClientOptions
}

func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkURL(r.URL, g.o.AllowHosts); err != nil {
		return nil, err
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > g.o.MaxBytes {
		resp.Body.Close() // its error matters to nobody: the body is not wanted
		return nil, ErrTooLarge
	}
	resp.Body = &capped{ReadCloser: resp.Body, left: g.o.MaxBytes}
	return resp, nil
}

func (g *guard) CloseIdleConnections() {
	if c, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// CheckURL reports whether SafeClient would try this URL. It looks nothing up.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return ErrBlockedURL // url.Error would repeat the URL
	}
	return checkURL(u, nil)
}

func checkURL(u *url.URL, allow []string) error {
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if port == "" || u.User != nil || u.Hostname() == "" || u.Opaque != "" {
		return ErrBlockedURL
	}
	if slices.Contains(allow, net.JoinHostPort(u.Hostname(), orPort(u, port))) {
		return nil
	}
	if p := u.Port(); p != "" && p != "80" && p != "443" {
		return ErrBlockedURL
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		if Blocked(a) {
			return ErrBlockedAddress
		}
		return nil
	}
	// Resolvers read 2130706433, 0x7f.1 and 127.1 as IPv4 addresses; no real name ends in a number.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" || last[0] >= '0' && last[0] <= '9' {
		return ErrBlockedURL
	}
	return nil
}

func orPort(u *url.URL, port string) string {
	if p := u.Port(); p != "" {
		return p
	}
	return port
}

// controlPublic runs with the address about to be connected to, after all name look-ups.
func controlPublic(network, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrBlockedAddress, err)
	}
	if !strings.HasPrefix(network, "tcp") || ap.Port() != 80 && ap.Port() != 443 || Blocked(ap.Addr()) {
		return ErrBlockedAddress
	}
	return nil
}

// capped ends with ErrTooLarge where more than left bytes come.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.ReadCloser.Read(p)
	c.left -= int64(n)
	if c.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

// blocked is every prefix that is not the public internet: the IANA special-purpose registries (RFC 6890
// and later), multicast, and the forms of IPv6 that carry an IPv4 address inside. netip's IsPrivate and
// IsGlobalUnicast know fewer than half of these.
var blocked = prefixes(
	"0.0.0.0/8",         // this network; 0.0.0.0 connects to loopback
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // carrier NAT
	"127.0.0.0/8",       // loopback
	"169.254.0.0/16",    // link-local, cloud metadata
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // IETF protocols
	"192.0.2.0/24",      // documentation
	"192.31.196.0/24",   // AS112
	"192.52.193.0/24",   // AMT
	"192.88.99.0/24",    // 6to4 relay
	"192.168.0.0/16",    // private
	"192.175.48.0/24",   // AS112
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, broadcast
	"::/96",             // unspecified, loopback, IPv4-compatible
	"::ffff:0:0:0/96",   // IPv4-translated
	"64:ff9b::/96",      // NAT64: carries any IPv4 address
	"64:ff9b:1::/48",    // local NAT64
	"100::/64",          // discard
	"100:0:0:1::/64",    // dummy prefix
	"2001::/23",         // IETF protocols, Teredo, ORCHID
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: carries any IPv4 address
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
	"5f00::/16",         // segment routing
	"fc00::/7",          // unique local
	"fe80::/10",         // link-local
	"fec0::/10",         // site-local
	"ff00::/8",          // multicast
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// Blocked reports whether an address is not on the public internet. IPv4 inside IPv6 (::ffff:127.0.0.1)
// counts as what it is; an IPv6 zone is always blocked.
func Blocked(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return true
	}
	a = a.Unmap()
	for _, p := range blocked {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
