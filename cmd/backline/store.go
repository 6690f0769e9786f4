package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway/bus"
	busredis "backline/gateway/bus/redis"
	"backline/gateway/config"
	"backline/gateway/journal"
	"backline/gateway/journal/archive"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/spool"
	"backline/gateway/journal/sqlite"
)

// store is the journal: the disk alone, or the disk as the spool of one that several nodes share.
type store struct {
	journal.Journal
	disk    *sqlite.Journal
	spool   *spool.Journal   // nil: the disk is all
	archive *archive.Journal // nil, as the spool
	bus     *bus.Bus         // nil: there is no other node
	keys    *secrets         // nil: nobody shares them
}

// redisEngine is the store.engine of several gateways.
const redisEngine = "redis"

// Names in the data folder. A spool is no journal: two files, so that neither is taken for the other.
const (
	journalFile = "journal.db"
	spoolFile   = "spool.db"
	originFile  = "journal.origin" // which shared journal the folder belongs to
	archiveDir  = "archive"        // what has left the shared journal

	livechatKey = "livechat.key"
	linksKey    = "links.key"
	meetKey     = "meet.key"
	turnKey     = "turn.key"
)

// diskFile is the name of what a gateway writes to its own disk: the journal, or the spool.
func diskFile(c *config.Config) string {
	if c.Store.Engine == redisEngine {
		return spoolFile
	}
	return journalFile
}

// errShared: what a folder holds is not all, and only a running gateway has the rest.
var errShared = errors.New("this data folder belongs to one of several gateways on Redis: start it first (backline serve)")

// aloneIn refuses a folder whose gateway shares its journal, or will. c may be nil.
func aloneIn(folder string, c *config.Config) error {
	if c != nil && c.Store.Engine == redisEngine {
		return errShared
	}
	_, err := os.Stat(filepath.Join(folder, spoolFile))
	if err == nil {
		return errShared
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// openStore opens the journal of the configuration. changed is told when a shared journal goes away or comes back; leads
// says whether this node decides.
func openStore(ctx context.Context, c *config.Config, log *slog.Logger, changed func(spool.State), leads func() bool) (*store, error) {
	if c.Store.Engine != redisEngine {
		disk, err := sqlite.Open(ctx, filepath.Join(c.Data, journalFile), sqlite.Options{})
		if err != nil {
			return nil, err
		}
		return &store{Journal: disk, disk: disk}, nil
	}
	options, err := redisOptions(c.Store)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(c.Data, journalFile)); err == nil {
		return nil, fmt.Errorf("%s holds a journal of its own, which would stay unread: bring it over with journal export and journal import, and start with an empty folder", c.Data)
	}
	folder, err := archive.OpenFolder(filepath.Join(c.Data, archiveDir))
	if err != nil {
		return nil, err
	}
	disk, err := sqlite.Open(ctx, filepath.Join(c.Data, spoolFile), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	keys := &secrets{redis: options, hash: "{" + c.Store.Name + "}:secrets", folder: c.Data}
	s, err := spool.Open(ctx, spool.Options{Local: disk, Log: log, Changed: changed, Dial: func(ctx context.Context) (journal.Journal, error) {
		if err := keys.share(ctx); err != nil {
			return nil, err
		}
		o := redis.Options{Client: options, Name: c.Store.Name, Replicas: c.Store.Replicas}
		var err error
		if o.Origin, err = sharedOrigin(c.Data); err != nil {
			return nil, err
		}
		o.Learned = func(origin string) error { return replaceFile(filepath.Join(c.Data, originFile), []byte(origin)) }
		return redis.Open(ctx, o)
	}})
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	if err := keys.complete(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	b := busredis.New(busredis.Options{Client: options, Name: c.Store.Name, Node: c.Node.Name, Address: c.Node.Address, Log: log})
	others := segments{bus: b, folder: folder}
	others.answer()
	whole := archive.New(archive.Options{Folder: folder, Shared: s, Fetch: others.fetch, Keep: c.Store.Keep, Leads: leads, Everywhere: others.everywhere, Log: log})
	return &store{Journal: whole, disk: disk, spool: s, archive: whole, bus: b, keys: keys}, nil
}

// sharedOrigin is the shared journal that a folder belongs to; "": none yet.
func sharedOrigin(folder string) (string, error) {
	b, err := os.ReadFile(filepath.Join(folder, originFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// redisOptions is where Redis is.
func redisOptions(s config.Store) (goredis.UniversalOptions, error) {
	o := goredis.UniversalOptions{Addrs: s.Sentinels, MasterName: s.Master}
	if s.URL == "" {
		return o, nil
	}
	u, err := goredis.ParseURL(string(s.URL))
	if err != nil {
		return o, errors.New("store.url: it cannot be read as an address of Redis") // its text may hold a password
	}
	o.Username, o.Password, o.DB, o.TLSConfig = u.Username, u.Password, u.DB, u.TLSConfig
	if len(o.Addrs) == 0 {
		o.Addrs = []string{u.Addr}
	}
	return o, nil
}
