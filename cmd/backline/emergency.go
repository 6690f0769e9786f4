package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"backline/gateway/wire"
)

// emergency is the manual switch, for whoever owns the data folder.
func (m *Main) emergency(ctx context.Context, args []string) error {
	if len(args) == 0 || !slices.Contains([]string{"on", "off", "status"}, args[0]) {
		return usagef("want: emergency on --why TEXT, emergency off or emergency status")
	}
	word := args[0]
	fs := flag.NewFlagSet("emergency "+word, flag.ContinueOnError)
	asJSON := fs.Bool("json", false, "print JSON")
	var put wire.EmergencyPut
	if word != "status" {
		fs.StringVar(&put.Why, "why", "", "why, in a few `words`: colleagues read it, customers do not")
	}
	if word == "on" {
		m.textFlags(fs, &put)
	}
	folder, c, err := m.linkFlags(fs, args[1:])
	switch {
	case err != nil:
		return err
	case fs.NArg() > 0:
		return usagef("unknown argument %q", fs.Arg(0))
	}
	return withFolder(ctx, folder, c, func(client *http.Client) error {
		var out emergencyAnswer
		method, body := http.MethodGet, any(nil)
		if word != "status" {
			on := word == "on"
			put.On = &on
			method, body = http.MethodPut, put
		}
		if err := call(ctx, client, method, "/emergency", body, &out); err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(m.Stdout).Encode(out)
		}
		m.printEmergency(out)
		return nil
	})
}

// textFlags are the texts for customers.
func (m *Main) textFlags(fs *flag.FlagSet, put *wire.EmergencyPut) {
	set := func(language, text string) error {
		if put.Text == nil {
			put.Text = map[string]string{}
		}
		put.Text[language] = text
		return nil
	}
	fs.Func("text-de", "what German-speaking customers are told, as `TEXT`", func(s string) error { return set("de", s) })
	fs.Func("text-en", "what English-speaking customers are told, as `TEXT`", func(s string) error { return set("en", s) })
	fs.Func("text", "what customers of another language are told: `fr=TEXT`", func(s string) error {
		language, text, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("want LANGUAGE=TEXT")
		}
		return set(language, text)
	})
}

func (m *Main) printEmergency(e emergencyAnswer) {
	switch {
	case !e.On && e.Since == nil:
		fmt.Fprintln(m.Stdout, "The emergency switch is off. It was never pressed.")
	case !e.On:
		fmt.Fprintf(m.Stdout, "The emergency switch is off since %s (%s).\n", e.Since.Format(time.RFC3339), e.By)
	default:
		fmt.Fprintf(m.Stdout, "The emergency switch is ON since %s (%s): %s\nCustomers are told:\n", e.Since.Format(time.RFC3339), e.By, e.Why)
		for _, tag := range slices.Sorted(maps.Keys(e.Text)) {
			fmt.Fprintf(m.Stdout, "  %-5s %s\n", tag, strings.ReplaceAll(e.Text[tag], "\n", "\n        "))
		}
	}
	if !e.Running {
		fmt.Fprintln(m.Stdout, "The gateway is not running: nobody sees it before it starts.")
	}
}
