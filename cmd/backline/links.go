package main

import (
	"log/slog"
	"path/filepath"
	"slices"

	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/config"
	"backline/gateway/links"
)

// openLinks makes the store of links; who calls it feeds it from the journal.
func openLinks(c *config.Config, j links.Appender, people *access.Store, log *slog.Logger) (*links.Store, error) {
	ring, err := links.OpenRing(filepath.Join(c.Data, "links.key"))
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
