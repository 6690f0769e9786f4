package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"backline/gateway/control"
	"backline/gateway/history"
	"backline/gateway/journal/sqlite"
)

func (m *Main) journal(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usagef("want: journal verify, export or import")
	}
	fs := flag.NewFlagSet("journal "+args[0], flag.ContinueOnError)
	var at place
	at.flags(fs)
	file := fs.String("file", "-", "the export; - is standard output or input")
	asJSON := fs.Bool("json", false, "print JSON")
	if err := m.parse(fs, args[1:]); err != nil {
		return err
	}
	folder, err := at.folder(m.Environ)
	if err != nil {
		return err
	}
	switch args[0] {
	case "verify":
		return m.verifyJournal(ctx, filepath.Join(folder, "journal.db"), *asJSON)
	case "export":
		return m.exportJournal(ctx, folder, *file)
	case "import":
		return m.importJournal(ctx, folder, *file)
	}
	return usagef("unknown %q: want verify, export or import", args[0])
}

func (m *Main) verifyJournal(ctx context.Context, path string, asJSON bool) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	seen := history.Seen(ctx, filepath.Join(filepath.Dir(path), "history.db")) // before: the journal may grow
	report, err := sqlite.Verify(ctx, path)
	if err != nil {
		return err
	}
	if len(report.Findings) == 0 && seen > report.Head {
		report.Findings = []sqlite.Finding{{Pos: report.Head + 1, Problem: fmt.Sprintf(
			"the journal ends before it, but history.db has seen position %d: the end is lost, or an older copy was put in place", seen)}}
	}
	if asJSON {
		err = json.NewEncoder(m.Stdout).Encode(report)
	} else {
		m.printReport(path, report)
	}
	if err == nil && len(report.Findings) > 0 {
		err = fmt.Errorf("%s is damaged (findings: %d). Stop the gateway, keep a copy of the folder, and import the latest export into an empty one", path, len(report.Findings))
	}
	return err
}

func (m *Main) printReport(path string, r sqlite.Report) {
	for _, f := range r.Findings {
		fmt.Fprintf(m.Stdout, "%s: %s\n", path, f)
	}
	if len(r.Findings) == 0 {
		fmt.Fprintf(m.Stdout, "%s: all %d records up to position %d are there, unchanged and in order\n", path, r.Head-r.Trimmed, r.Head)
	}
}

// exportJournal writes a copy. A file bears its name only when all of it is on the disk.
func (m *Main) exportJournal(ctx context.Context, folder, file string) error {
	if file == "-" {
		return copyJournal(ctx, folder, m.Stdout)
	}
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s is there already: choose another name", file)
	}
	part := file + ".part"
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = copyJournal(ctx, folder, out)
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, file)
}

func copyJournal(ctx context.Context, folder string, out io.Writer) error {
	return withControl(ctx, folder, func(c *http.Client) error {
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

// importJournal fills a folder that has no journal yet; what goes wrong leaves none.
func (m *Main) importJournal(ctx context.Context, folder, file string) error {
	in := m.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	path := filepath.Join(folder, "journal.db")
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s is there already: import into an empty folder", path)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	j, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	err = j.ImportFrom(ctx, in)
	if closeErr := j.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			_ = os.Remove(path + suffix) // the reason is err; a rest is refused next time
		}
		return err
	}
	fmt.Fprintf(m.Stdout, "imported into %s\n", path)
	return nil
}
