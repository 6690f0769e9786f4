package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"backline/gateway/control"
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
	findings, err := sqlite.Verify(ctx, path)
	if err != nil {
		return err
	}
	if asJSON {
		if findings == nil {
			findings = []sqlite.Finding{}
		}
		if err := json.NewEncoder(m.Stdout).Encode(findings); err != nil {
			return err
		}
	}
	for _, f := range findings {
		if !asJSON {
			fmt.Fprintf(m.Stdout, "%s: position %d %s: %s\n", path, f.Pos, f.Stream, f.Problem)
		}
	}
	if len(findings) > 0 {
		return fmt.Errorf("%s: %d findings", path, len(findings))
	}
	if !asJSON {
		fmt.Fprintf(m.Stdout, "%s: every record is there, unchanged and in order\n", path)
	}
	return nil
}

func (m *Main) exportJournal(ctx context.Context, folder, file string) (err error) {
	out := io.WriteCloser(nopCloser{m.Stdout})
	if file != "-" {
		if out, err = os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
			return err
		}
	}
	err = withControl(ctx, folder, func(c *http.Client) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, control.Base+"/journal", nil)
		if err != nil {
			return err
		}
		res, err := c.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(out, res.Body)
		return err
	})
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

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
