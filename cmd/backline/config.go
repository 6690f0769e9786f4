package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"

	"backline/gateway/config"
)

func (m *Main) config(_ context.Context, args []string) error {
	if len(args) == 0 {
		return usagef("want: config check FILE, or config show FILE")
	}
	fs := flag.NewFlagSet("config "+args[0], flag.ContinueOnError)
	asJSON := fs.Bool("json", false, "print the mistakes as JSON")
	if err := m.parse(fs, args[1:]); err != nil {
		return err
	}
	if fs.NArg() != 1 {
		return usagef("want one FILE, behind the flags")
	}
	c, err := config.Load(fs.Arg(0), m.Environ)
	switch args[0] {
	case "check":
		return m.checked(fs.Arg(0), err, *asJSON)
	case "show":
		if err != nil {
			return err
		}
		return c.Show(m.Stdout)
	}
	return usagef("unknown %q: want check or show", args[0])
}

// checked says what came of reading a file. It was judged with this environment, as serve would.
func (m *Main) checked(path string, err error, asJSON bool) error {
	if !asJSON {
		if err == nil {
			fmt.Fprintf(m.Stdout, "%s: no mistakes\n", path)
		}
		return err
	}
	mistakes := []config.Mistake{}
	if e, ok := errors.AsType[*config.Error](err); ok {
		mistakes = e.Mistakes
	} else if err != nil {
		return err
	}
	if e := json.NewEncoder(m.Stdout).Encode(mistakes); e != nil {
		return e
	}
	return err
}
