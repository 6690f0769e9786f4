package main

import (
	"context"
	"fmt"
	"os"

	"backline/gateway/config"
)

func (m *Main) config(_ context.Context, args []string) error {
	if len(args) != 2 {
		return usagef("want: config check FILE, or config show FILE")
	}
	switch args[0] {
	case "check":
		return m.checkConfig(args[1])
	case "show":
		c, err := config.Load(args[1], m.Environ)
		if err != nil {
			return err
		}
		return c.Show(m.Stdout)
	}
	return usagef("unknown %q: want check or show", args[0])
}

// checkConfig prints each mistake with its place; the file is judged with this environment, as serve would.
func (m *Main) checkConfig(path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if _, err := config.Load(path, m.Environ); err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "%s: no mistakes\n", path)
	return nil
}
