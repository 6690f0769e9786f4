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
	"backline/gateway/journal/redis"
	"backline/gateway/journal/spool"
	"backline/gateway/journal/sqlite"
	"backline/gateway/links"
)

// store is the journal: the disk alone, or the disk as the spool of one that several nodes share.
type store struct {
	journal.Journal
	disk  *sqlite.Journal
	spool *spool.Journal // nil: the disk is all
	bus   *bus.Bus       // nil: there is no other node
}

// redisEngine is the store.engine of several gateways.
const redisEngine = "redis"

// Names in the data folder. A spool is no journal: two files, so that neither is taken for the other.
const (
	journalFile = "journal.db"
	spoolFile   = "spool.db"

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

// openStore opens the journal of the configuration. changed is told when a shared journal goes away or comes back.
func openStore(ctx context.Context, c *config.Config, log *slog.Logger, changed func(spool.State)) (*store, error) {
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
	disk, err := sqlite.Open(ctx, filepath.Join(c.Data, spoolFile), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	s, err := spool.Open(ctx, spool.Options{Local: disk, Log: log, Changed: changed, Dial: func(ctx context.Context) (journal.Journal, error) {
		if err := shareSecrets(ctx, options, c.Store.Name, c.Data); err != nil {
			return nil, err
		}
		return redis.Open(ctx, redis.Options{Client: options, Name: c.Store.Name, Replicas: c.Store.Replicas})
	}})
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	if err := haveSecrets(c.Data); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	b := busredis.New(busredis.Options{Client: options, Name: c.Store.Name, Node: c.Node.Name, Address: c.Node.Address, Log: log})
	return &store{Journal: s, disk: disk, spool: s, bus: b}, nil
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

// secretFiles sign what one node gives out and another must know: visitors' tokens, links, seats, relays. Each is made by
// its function where there is none.
func secretFiles() map[string]func(path string) error {
	kept := func(path string) error { _, err := keptSecret(path); return err }
	ring := func(path string) error { _, err := links.OpenRing(path); return err }
	return map[string]func(string) error{livechatKey: kept, meetKey: kept, turnKey: kept, linksKey: ring}
}

// shareSecrets makes the nodes have the same keys: those of the first are everybody's. A folder with others belongs to
// another installation.
func shareSecrets(ctx context.Context, o goredis.UniversalOptions, name, folder string) (err error) {
	o.DisableIdentity = true
	client := goredis.NewUniversalClient(&o)
	defer func() { err = errors.Join(err, client.Close()) }()
	for file, begin := range secretFiles() {
		if err := shareSecret(ctx, client, "{"+name+"}:secrets", filepath.Join(folder, file), begin); err != nil {
			return err
		}
	}
	return nil
}

func shareSecret(ctx context.Context, client goredis.UniversalClient, hash, path string, begin func(path string) error) error {
	file := filepath.Base(path)
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		err = begin(path)
	}
	if err != nil {
		return err
	}
	own, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := client.HSetNX(ctx, hash, file, own).Err(); err != nil {
		return errors.Join(fmt.Errorf("the gateways' keys: %w: redis: %w", journal.ErrUnreachable, err), unmake(path, fresh))
	}
	shared, err := client.HGet(ctx, hash, file).Bytes()
	switch {
	case err != nil:
		return errors.Join(fmt.Errorf("the gateways' keys: %w: redis: %w", journal.ErrUnreachable, err), unmake(path, fresh))
	case string(own) == string(shared):
		return nil
	case !fresh:
		return fmt.Errorf("%s differs from that of the other gateways on this Redis: this data folder belongs to another installation; if it does not, move the file away", path)
	}
	return replaceFile(path, shared)
}

// unmake removes a key that nobody has used.
func unmake(path string, fresh bool) error {
	if !fresh {
		return nil
	}
	return os.Remove(path)
}

// replaceFile replaces a file, mode 0600, as a whole: a crash leaves the old one or the new one.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// haveSecrets refuses a first start without the other gateways' keys.
func haveSecrets(folder string) error {
	for file := range secretFiles() {
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			return fmt.Errorf("the first start needs Redis, which has the keys that the gateways share: %w", err)
		}
	}
	return nil
}
