package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"backline/gateway/access"
	"backline/gateway/config"
)

func (m *Main) serve(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	path := fs.String("config", "backline.yaml", "configuration `FILE`")
	take := fs.Bool("takeover", false, "take the place of a gateway that runs with the same data folder, if there is one")
	if err := m.parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usagef("unknown argument %q", fs.Arg(0))
	}
	c, err := config.Load(*path, m.Environ)
	if err != nil {
		return err
	}
	if lookupEnv(m.Environ, "GOGC") == "" {
		debug.SetGCPercent(collectPercent)
		collecting := begin(ctx, collectWhenQuiet)
		defer func() { _ = collecting.end() }() // it has no error
	}
	if limit := memoryLimit(os.DirFS("/")); limit > 0 && lookupEnv(m.Environ, "GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(heapShare * float64(limit)))
	}
	s := m.newService(c, *path)
	if !*take {
		return s.run(ctx, nil)
	}
	before, err := s.ask(ctx)
	if err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	return s.run(ctx, before)
}

// closing closes what Open opened when the rest of the start failed.
func closing(a *App, err error) error {
	if e := a.close(); e != nil {
		a.log.Error("closing", "err", e)
	}
	return err
}

func newLog(w io.Writer, c config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.SlogLevel()}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// offerSetup prints the one-time link for the first administrator. It goes to the operator's terminal, not
// to the log: logs are kept and shipped.
func (a *App) offerSetup(ctx context.Context) error {
	if a.out == nil {
		return nil
	}
	secret, err := a.access.OfferSetup(ctx)
	if err != nil {
		return fmt.Errorf("offer the first sign-in: %w", err)
	}
	if secret != "" {
		fmt.Fprintf(a.out, "No administrator has a password yet. Open this link once (valid for %s):\n  %s\n", access.SetupTime,
			access.SetupLink(a.config.PublicURL, secret))
	}
	return nil
}
