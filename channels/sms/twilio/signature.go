package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// signed reports whether a webhook is Twilio's, and returns its parameters. The signature is base64 of
// HMAC-SHA1 under the auth token over the full address and, for a form, every name and value sorted by name.
// A JSON body is signed by its SHA-256 in the address. (Source: Twilio, Security.)
//
// A name that comes twice is refused: the signature of a captured request would still fit if the checker and
// the reader looked at different ones of the two.
func (p *Provider) signed(r *http.Request, body []byte) (url.Values, bool) {
	given := r.Header.Values("X-Twilio-Signature")
	if len(given) != 1 {
		return nil, false
	}
	address := strings.TrimSuffix(p.o.PublicURL, "/") + r.URL.RequestURI()
	params, content, ok := parameters(r, body)
	if !ok {
		return nil, false
	}
	for _, a := range withAndWithoutPort(address) {
		for _, token := range []string{p.o.AuthToken, p.o.AuthTokenSecondary} {
			if token != "" && subtle.ConstantTimeCompare([]byte(sign(token, a+content)), []byte(given[0])) == 1 {
				return params, true
			}
		}
	}
	return nil, false
}

// parameters reads a webhook's parameters and what of them is signed behind the address.
func parameters(r *http.Request, body []byte) (params url.Values, content string, ok bool) {
	if want := r.URL.Query().Get("bodySHA256"); want != "" {
		sum := sha256.Sum256(body)
		return url.Values{}, "", subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(want))) == 1
	}
	raw := string(body)
	if r.Method == http.MethodGet {
		raw = r.URL.RawQuery
	}
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, "", false
	}
	names := make([]string, 0, len(params))
	for name, values := range params {
		if len(values) != 1 {
			return nil, "", false
		}
		names = append(names, name)
	}
	if r.Method == http.MethodGet {
		return params, "", true // all of it stands in the address
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name + params.Get(name))
	}
	return params, b.String(), true
}

func sign(token, text string) string {
	m := hmac.New(sha1.New, []byte(token))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// withAndWithoutPort: some of Twilio's products sign the address with its port, some without.
func withAndWithoutPort(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	out := []string{address}
	other := *u
	if u.Port() != "" {
		other.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	} else {
		other.Host = net.JoinHostPort(strings.Trim(u.Host, "[]"), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	// The rest stays as it came, encoding included.
	return append(out, strings.Replace(address, "//"+u.Host, "//"+other.Host, 1))
}
