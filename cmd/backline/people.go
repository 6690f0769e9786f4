package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/config"
	"backline/gateway/control"
)

// place is how a command finds the data folder.
type place struct {
	config, data string
	queues       []config.Queue // of the configuration, when it was read
	store        config.Store   // of the configuration, when it was read
}

func (p *place) flags(fs *flag.FlagSet) {
	fs.StringVar(&p.config, "config", "", "configuration `FILE`")
	fs.StringVar(&p.data, "data", "", "data `FOLDER`")
}

func (p *place) folder(environ []string) (string, error) {
	switch {
	case p.data != "":
		if _, err := os.Stat(p.data); err != nil {
			return "", fmt.Errorf("data folder: %w", err)
		}
		return p.data, nil
	case p.config == "":
		return "", usagef("say where: --config FILE or --data FOLDER")
	}
	c, err := config.Load(p.config, environ)
	if err != nil {
		return "", err
	}
	p.queues, p.store = c.Queues, c.Store
	// People may be added before the first start.
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	return c.Data, nil
}

// withControl is withControl for a folder that this place has found.
func (p *place) withControl(ctx context.Context, folder string, do func(*http.Client) error) error {
	if _, err := control.Dial(folder); errors.Is(err, control.ErrNotRunning) && p.store.Engine == redisEngine {
		return errShared
	}
	return withControl(ctx, folder, do)
}

func (m *Main) agent(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usagef("want: agent add, list, remove or password")
	}
	fs := flag.NewFlagSet("agent "+args[0], flag.ContinueOnError)
	var at place
	at.flags(fs)
	a := agentBody{Agent: access.Agent{Role: access.RoleAgent, CallCapacity: 1, TextCapacity: 4}}
	id := fs.String("id", "", "what the agent signs in with")
	queues := fs.String("queues", "", "queues, separated by commas")
	asJSON := fs.Bool("json", false, "print JSON")
	fs.StringVar(&a.Name, "name", "", "name for customers and colleagues")
	fs.StringVar(&a.Role, "role", access.RoleAgent, "agent, supervisor or admin")
	fs.IntVar(&a.TextCapacity, "texts", 4, "written conversations at once")
	if err := m.parse(fs, args[1:]); err != nil {
		return err
	}
	folder, err := at.folder(m.Environ)
	if err != nil {
		return err
	}
	a.ID = gateway.AgentID(*id)
	if a.ID == "" && fs.NArg() == 1 {
		a.ID = gateway.AgentID(fs.Arg(0))
	}
	if args[0] != "list" && a.ID == "" {
		return usagef("--id is missing")
	}
	for _, q := range strings.Split(*queues, ",") {
		if q = strings.TrimSpace(q); q != "" {
			a.Queues = append(a.Queues, gateway.QueueID(q))
		}
	}
	if err := knownQueues(a.Queues, at.queues); err != nil {
		return usagef("--queues: %s", err.Msg)
	}
	return at.withControl(ctx, folder, func(c *http.Client) error {
		switch args[0] {
		case "add":
			return m.addAgent(ctx, c, a)
		case "list":
			return m.listAgents(ctx, c, *asJSON)
		case "remove":
			return call(ctx, c, http.MethodDelete, "/agents/"+url.PathEscape(string(a.ID)), nil, nil)
		case "password":
			return m.changePassword(ctx, c, a.ID)
		}
		return usagef("unknown %q: want add, list, remove or password", args[0])
	})
}

// addAgent reads the password from standard input, so that it stands in no shell history.
func (m *Main) addAgent(ctx context.Context, c *http.Client, a agentBody) error {
	if a.Name == "" {
		a.Name = string(a.ID)
	}
	var err error
	if a.Password, err = m.readPassword(a.ID); err != nil {
		return err
	}
	if err := call(ctx, c, http.MethodPost, "/agents", a, nil); err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "%s can sign in now.\n", a.ID)
	return nil
}

func (m *Main) changePassword(ctx context.Context, c *http.Client, id gateway.AgentID) error {
	var all []access.Agent
	if err := call(ctx, c, http.MethodGet, "/agents", nil, &all); err != nil {
		return err
	}
	for _, a := range all {
		if a.ID == id {
			return m.addAgent(ctx, c, agentBody{Agent: a})
		}
	}
	return fmt.Errorf("there is no agent %s", id)
}

func (m *Main) readPassword(id gateway.AgentID) (string, error) {
	fmt.Fprintf(m.Stderr, "Password for %s (12 characters or more): ", id)
	line, err := bufio.NewReader(m.Stdin).ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("read password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (m *Main) listAgents(ctx context.Context, c *http.Client, asJSON bool) error {
	var all []access.Agent
	if err := call(ctx, c, http.MethodGet, "/agents", nil, &all); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(m.Stdout).Encode(all)
	}
	for _, a := range all {
		fmt.Fprintf(m.Stdout, "%-16s %-10s %-24s %v\n", a.ID, a.Role, a.Name, a.Queues)
	}
	return nil
}

func (m *Main) token(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usagef("want: token create, list or revoke")
	}
	fs := flag.NewFlagSet("token "+args[0], flag.ContinueOnError)
	var at place
	at.flags(fs)
	name := fs.String("name", "", "what the token is for")
	role := fs.String("role", access.RoleAgent, "agent or admin")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := m.parse(fs, args[1:]); err != nil {
		return err
	}
	folder, err := at.folder(m.Environ)
	if err != nil {
		return err
	}
	if args[0] != "list" && *name == "" {
		return usagef("--name is missing")
	}
	return at.withControl(ctx, folder, func(c *http.Client) error {
		switch args[0] {
		case "create":
			var out struct{ Token string }
			if err := call(ctx, c, http.MethodPost, "/tokens", map[string]string{"Name": *name, "Role": *role}, &out); err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(m.Stdout).Encode(map[string]string{"name": *name, "role": *role, "token": out.Token})
			}
			fmt.Fprintln(m.Stdout, out.Token)
			return nil
		case "list":
			var all []access.Token
			if err := call(ctx, c, http.MethodGet, "/tokens", nil, &all); err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(m.Stdout).Encode(all)
			}
			for _, t := range all {
				fmt.Fprintf(m.Stdout, "%-24s %s\n", t.Name, t.Role)
			}
			return nil
		case "revoke":
			return call(ctx, c, http.MethodDelete, "/tokens/"+url.PathEscape(*name), nil, nil)
		}
		return usagef("unknown %q: want create, list or revoke", args[0])
	})
}
