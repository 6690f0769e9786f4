package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"backline/gateway/config"
	"backline/gateway/control"
	"backline/gateway/journal"
	"backline/gateway/journal/archive"
	"backline/gateway/journal/redis"
	"backline/gateway/journal/sqlite"
)

// recordOf is the record of a configuration; without one it is in the folder.
func recordOf(s config.Store, folder string) (record, error) {
	if s.Engine != redisEngine {
		return embeddedRecord{folder}, nil
	}
	options, err := redisOptions(s)
	if err != nil {
		return nil, err
	}
	return redisRecord{redis.Options{Client: options, Name: s.Name, Replicas: s.Replicas}, filepath.Join(folder, archiveDir)}, nil
}

// embeddedRecord is the journal in a data folder, which a gateway may have open.
type embeddedRecord struct{ folder string }

func (r embeddedRecord) String() string { return filepath.Join(r.folder, journalFile) }

func (r embeddedRecord) Verify(ctx context.Context) (journal.Report, error) {
	if err := r.alone(); err != nil {
		return journal.Report{}, err
	}
	if _, err := os.Stat(r.String()); err != nil {
		return journal.Report{}, err
	}
	return sqlite.Verify(ctx, r.String())
}

// Export asks the running gateway, or opens the folder when none runs.
func (r embeddedRecord) Export(ctx context.Context, out io.Writer) error {
	return withControl(ctx, r.folder, func(c *http.Client) error {
		c.Timeout = 0 // a large journal on a slow disk takes its time
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, control.Base+"/journal", nil)
		if err != nil {
			return err
		}
		res, err := c.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the gateway answered %s", res.Status)
		}
		_, err = io.Copy(out, res.Body)
		return err
	})
}

// alone refuses a folder whose gateway has its journal elsewhere.
func (r embeddedRecord) alone() error {
	if errors.Is(aloneIn(r.folder, nil), errShared) {
		return fmt.Errorf("the gateway of %s has its journal on Redis: say --config FILE instead of the folder", r.folder)
	}
	return nil
}

func (r embeddedRecord) Restore(ctx context.Context, in io.Reader) error {
	if err := r.alone(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.folder, 0o700); err != nil {
		return err
	}
	return sqlite.Restore(ctx, r.String(), in)
}

// redisRecord is the journal on Redis, which needs no gateway between, and what has left it: the archive of the gateway
// that the command is run for.
type redisRecord struct {
	options redis.Options
	archive string // a folder
}

func (r redisRecord) String() string {
	return "the journal on Redis at " + strings.Join(r.options.Client.Addrs, ", ")
}

func (r redisRecord) with(ctx context.Context, do func(*redis.Journal) error) error {
	j, err := redis.Open(ctx, r.options)
	if err != nil {
		return err
	}
	return errors.Join(do(j), j.Close())
}

func (r redisRecord) Verify(ctx context.Context) (report journal.Report, err error) {
	err = r.with(ctx, func(j *redis.Journal) error {
		if report, err = j.Verify(ctx); err != nil {
			return err
		}
		folder, err := archive.OpenFolder(r.archive)
		if err != nil {
			return err
		}
		if archived, _ := folder.Head(); archived >= report.Trimmed {
			report.Trimmed = 0
		}
		return folder.Verify(ctx, &report)
	})
	return report, err
}

func (r redisRecord) Export(ctx context.Context, out io.Writer) error {
	return r.with(ctx, func(j *redis.Journal) error {
		folder, err := archive.OpenFolder(r.archive)
		if err != nil {
			return err
		}
		whole := archive.New(archive.Options{Folder: folder, Shared: j})
		if trimmed, _, err := whole.Bounds(ctx); err != nil || trimmed > 0 {
			return errors.Join(err, fmt.Errorf("records up to position %d are not in Redis any more, and not in %s: run this with the configuration of a gateway, where its data folder is", trimmed, r.archive))
		}
		return journal.Export(ctx, whole, out)
	})
}

func (r redisRecord) Restore(ctx context.Context, in io.Reader) error {
	return r.with(ctx, func(j *redis.Journal) error { return j.Restore(ctx, in) })
}
