// Command backline is the gateway and its tools in one program. It holds no logic: flags, wiring, signals.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"backline/gateway/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	m := &Main{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}
	code := m.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main is the program; tests run it as users do.
type Main struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string
}

// command is one line of the help.
type command struct {
	name, args, does string
	run              func(*Main, context.Context, []string) error
}

func commands() []command {
	return []command{
		{"demo", "[--listen 127.0.0.1:8080] [--data DIR]", "the whole product with nothing to set up", (*Main).demo},
		{"serve", "--config FILE [--takeover]", "run the gateway", (*Main).serve},
		{"upgrade", "--config FILE [--program FILE]", "put a new version in its place while it runs", (*Main).upgrade},
		{"agent", "add|list|remove|password", "people who answer", (*Main).agent},
		{"token", "create|list|revoke", "tokens for scripts", (*Main).token},
		{"link", "create|send|list|revoke|rotate-key", "signed links by which customers call", (*Main).link},
		{"music", "show|set FILE|default", "what callers hear while they wait", (*Main).musicCommand},
		{"emergency", "on|off|status", "tell every customer that the phones are dead", (*Main).emergency},
		{"config", "check|show FILE", "judge or print a configuration", (*Main).config},
		{"report", "calls [--days 30]", "how good calls were, by day, entry and path", (*Main).report},
		{"journal", "verify|export|import", "integrity of the record, a copy, and back", (*Main).journal},
		{"doctor", "rtc|redis [--json]", "prove from outside by which ways calls get through; whether Redis keeps what it is given", (*Main).doctor},
		{"bench", "[calls|start] [--url URL]", "load on a gateway, what calls cost, or a start on a long past", (*Main).bench},
		{"version", "", "print the version", (*Main).version},
	}
}

// usageError is wrong use: exit 2.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// Run executes one command line and returns the exit code.
func (m *Main) Run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		m.help(m.Stderr)
		return exitUsage
	}
	name := strings.TrimLeft(args[0], "-")
	if name == "help" || name == "h" {
		m.help(m.Stdout)
		return exitDone
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		return m.exit(c, c.run(m, ctx, args[1:]))
	}
	fmt.Fprintf(m.Stderr, "backline: there is no command %q; backline help lists them\n", args[0])
	return exitUsage
}

// exit says what went wrong and returns the exit code.
func (m *Main) exit(c command, err error) int {
	var usage *usageError
	var mistakes *config.Error
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(m.Stderr, "backline %s: %s\n\nusage: backline %s %s\n", c.name, usage.msg, c.name, c.args)
		return exitUsage
	case errors.As(err, &mistakes): // each line begins with its place, as editors want it
		fmt.Fprintln(m.Stderr, err)
	default:
		fmt.Fprintf(m.Stderr, "backline %s: %v\n", c.name, err)
	}
	return exitFailed
}

func (m *Main) help(w io.Writer) {
	fmt.Fprintln(w, "Backline keeps a company reachable when its phone line is dead.\n\nusage: backline COMMAND [flags]")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %-40s %s\n", c.name, c.args, c.does)
	}
	fmt.Fprintln(w, "\nExit codes: 0 done, 1 failed, 2 wrong use.")
}

// parse reads flags; a bad flag is wrong use.
func (m *Main) parse(fs *flag.FlagSet, args []string) error {
	fs.SetOutput(m.Stderr)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return &usageError{err.Error()}
	}
	return nil
}

// build is what the binary knows of itself.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	if revision == "" {
		return info.Main.Version
	}
	return revision + modified
}

func (m *Main) version(_ context.Context, args []string) error {
	if len(args) > 0 {
		return usagef("takes no arguments")
	}
	fmt.Fprintf(m.Stdout, "backline %s\n", build())
	return nil
}
