package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/config"
	"backline/gateway/links"
)

// openLinks makes the store of links; who calls it feeds it from the journal.
func openLinks(c *config.Config, j links.Appender, people *access.Store, log *slog.Logger) (*links.Store, error) {
	ring, err := links.OpenRing(filepath.Join(c.Data, linksKey))
	if err != nil {
		return nil, err
	}
	known := func(to gateway.Target) bool {
		if id := to.Agent(); id != "" {
			_, ok := people.Agent(id)
			return ok || slices.ContainsFunc(c.Agents, func(a config.Agent) bool { return a.ID == id })
		}
		return slices.ContainsFunc(c.Queues, func(q config.Queue) bool { return q.ID == to.Queue() })
	}
	return links.New(links.Options{Journal: j, Ring: ring, Log: log, PublicURL: c.PublicURL, TTL: c.Links.TTL,
		TriesPerHour: c.Links.TriesPerHour, Known: known}), nil
}

// linkWords are the commands below `backline link`.
func linkWords() map[string]func(*Main, context.Context, []string) error {
	return map[string]func(*Main, context.Context, []string) error{
		"create": (*Main).linkCreate, "list": (*Main).linkList, "revoke": (*Main).linkRevoke, "rotate-key": (*Main).linkRotate,
		"send": (*Main).linkSend,
	}
}

func (m *Main) link(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usagef("want: link create, send, list, revoke or rotate-key")
	}
	do, ok := linkWords()[args[0]]
	if !ok {
		return usagef("unknown %q: want create, send, list, revoke or rotate-key", args[0])
	}
	return do(m, ctx, args[1:])
}

// linkFlags reads the flags of one command. It returns the configuration too, nil where only --data was given.
func (m *Main) linkFlags(fs *flag.FlagSet, args []string) (folder string, c *config.Config, err error) {
	var at place
	at.flags(fs)
	if err := m.parse(fs, args); err != nil {
		return "", nil, err
	}
	if folder, err = at.folder(m.Environ); err != nil || at.config == "" {
		return folder, nil, err
	}
	if c, err = config.Load(at.config, m.Environ); err != nil {
		return "", nil, err
	}
	c.Data = folder // --data wins
	return folder, c, nil
}

func (m *Main) linkCreate(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("link create", flag.ContinueOnError)
	to := fs.String("to", "", "who answers: `queue/ID` or agent/ID")
	contact := fs.String("contact", "", `who calls: "Name <mail>", or one of the two`)
	asJSON := fs.Bool("json", false, "print JSON")
	var r links.Request
	fs.StringVar(&r.Contact.Phone, "phone", "", "the caller's number, with its country: +12025550100")
	fs.StringVar(&r.Subject, "subject", "", "what it is about")
	fs.StringVar(&r.Language, "language", "", "the caller's language: de, pt-BR")
	fs.StringVar(&r.TTL, "ttl", "", "how long it is good: `72h`; default links.ttl")
	fs.BoolVar(&r.Meet, "meet", false, "a link to a video meeting, not to a call")
	fs.BoolVar(&r.Public, "public", false, "the one standing link of the target, to print and hang up")
	folder, c, err := m.linkFlags(fs, args)
	if err != nil {
		return err
	}
	if r.To = gateway.Target(*to); r.To == "" {
		return usagef("--to is missing: queue/ID or agent/ID")
	}
	if r.Contact.Name, r.Contact.Email, err = splitContact(*contact); err != nil {
		return err
	}
	return withFolder(ctx, folder, c, func(client *http.Client) error {
		var l links.View
		if err := call(ctx, client, http.MethodPost, "/links", r, &l); err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(m.Stdout).Encode(l)
		}
		fmt.Fprintln(m.Stdout, l.URL)
		return nil
	})
}

// splitContact reads "Name <mail>", a mail alone or a name alone.
func splitContact(s string) (name, email string, err error) {
	if !strings.Contains(s, "@") {
		return strings.TrimSpace(s), "", nil
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return "", "", usagef(`--contact: want "Name <mail>", or one of the two`)
	}
	return a.Name, a.Address, nil
}

func (m *Main) linkList(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("link list", flag.ContinueOnError)
	campaign := fs.String("campaign", "", "those of one mailing")
	asJSON := fs.Bool("json", false, "print JSON, one link a line")
	folder, c, err := m.linkFlags(fs, args)
	if err != nil {
		return err
	}
	return withFolder(ctx, folder, c, func(client *http.Client) error {
		for cursor := ""; ; {
			var page linkList
			q := url.Values{"campaign": {*campaign}, "cursor": {cursor}}
			if err := call(ctx, client, http.MethodGet, "/links?"+q.Encode(), nil, &page); err != nil {
				return err
			}
			for _, l := range page.Links {
				if err := m.printLink(l, *asJSON); err != nil {
					return err
				}
			}
			if cursor = page.Cursor; cursor == "" {
				return nil
			}
		}
	})
}

func (m *Main) printLink(l links.View, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(m.Stdout).Encode(l)
	}
	state := "until " + l.ExpiresAt.Format(time.RFC3339)
	if l.Revoked {
		state = "revoked"
	}
	who := strings.TrimSpace(l.Contact.Name + " " + l.Contact.Email + " " + l.Contact.Phone)
	_, err := fmt.Fprintf(m.Stdout, "%s  %-16s %-26s %-16s %s\n", l.ID, l.To, state, l.Campaign, who)
	return err
}

func (m *Main) linkRevoke(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("link revoke", flag.ContinueOnError)
	campaign := fs.String("campaign", "", "all links of a mailing")
	key := fs.Int("key", 0, "all links that this key has signed")
	var ids []string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		ids, args = args[:1], args[1:]
	}
	folder, c, err := m.linkFlags(fs, args)
	if err != nil {
		return err
	}
	ids = append(ids, fs.Args()...)
	path, given := "", len(ids)
	if given == 1 {
		path = "/links/" + url.PathEscape(ids[0])
	}
	if *campaign != "" {
		path, given = "/links?campaign="+url.QueryEscape(*campaign), given+1
	}
	if *key != 0 {
		path, given = fmt.Sprintf("/links/keys/%d", *key), given+1
	}
	if given != 1 {
		return usagef("want one of: a link's ID, --campaign NAME, --key NUMBER")
	}
	return withFolder(ctx, folder, c, func(client *http.Client) error {
		return call(ctx, client, http.MethodDelete, path, nil, nil)
	})
}

func (m *Main) linkRotate(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("link rotate-key", flag.ContinueOnError)
	folder, c, err := m.linkFlags(fs, args)
	if err != nil {
		return err
	}
	return withFolder(ctx, folder, c, func(client *http.Client) error {
		var out struct{ Key int }
		if err := call(ctx, client, http.MethodPost, "/links/keys", nil, &out); err != nil {
			return err
		}
		fmt.Fprintf(m.Stdout, "Key %d signs new links. Those of older keys stay good until they expire; `link revoke --key N` ends a key's links.\n", out.Key)
		return nil
	})
}
