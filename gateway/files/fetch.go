package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"time"

	"backline/gateway"
	"backline/gateway/httpx"
)

// Limits of a fetch from a provider.
const (
	MaxFetchBytes = 25 << 20 // the largest that the providers take
	fetchTimeout  = 2 * time.Minute
)

// errForGood marks a fetch that fails the same way when it is repeated.
var errForGood = errors.New("not to be had")

// Fetch stores what lies at a provider's address. Client must be one that refuses private addresses; prepare
// (may be nil) adds credentials. No error shows the address, which may contain a token.
func (s *Store) Fetch(ctx context.Context, address string, prepare func(*http.Request), client *http.Client) (Meta, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil || req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		return Meta{}, fmt.Errorf("fetch: the address is not usable: %w", errForGood)
	}
	if prepare != nil {
		prepare(req)
	}
	resp, err := client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address
		}
		return Meta{}, fmt.Errorf("fetch: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		// Best effort, for the connection's sake.
		_, _ = io.CopyN(io.Discard, resp.Body, 4096)
		return Meta{}, statusError(resp.StatusCode)
	}
	if resp.ContentLength > MaxFetchBytes {
		return Meta{}, gateway.Errorf(gateway.TooLarge, "The file is larger than %s.", humanSize(MaxFetchBytes))
	}
	return s.Save(ctx, nameOf(resp), resp.Header.Get("Content-Type"), resp.Body, MaxFetchBytes)
}

func statusError(status int) error {
	switch {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return fmt.Errorf("fetch: the provider answered %d", status)
	}
	return fmt.Errorf("fetch: the provider answered %d: %w", status, errForGood)
}

// nameOf is what the provider calls the file, else the last part of the address.
func nameOf(resp *http.Response) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return params["filename"]
	}
	name := path.Base(resp.Request.URL.Path)
	if name == "." || name == "/" {
		return "file"
	}
	return name
}

// forGood reports whether another try is useless.
func forGood(err error) bool {
	if errors.Is(err, errForGood) || errors.Is(err, httpx.ErrBlockedURL) || errors.Is(err, httpx.ErrBlockedAddress) {
		return true
	}
	e, ok := errors.AsType[*gateway.Error](err)
	return ok && e.Kind != gateway.Unavailable
}
