package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"backline/gateway/history"
	"backline/gateway/journal"
)

// record is where the journal of an installation is, as the commands need it.
type record interface {
	fmt.Stringer // for people
	Verify(ctx context.Context) (journal.Report, error)
	Export(ctx context.Context, out io.Writer) error
	// Restore fills a record that is empty; what goes wrong leaves it so.
	Restore(ctx context.Context, in io.Reader) error
}

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
	rec, err := recordOf(at.store, folder)
	if err != nil {
		return err
	}
	switch args[0] {
	case "verify":
		return m.verifyJournal(ctx, rec, folder, *asJSON)
	case "export":
		return m.exportJournal(ctx, rec, *file)
	case "import":
		return m.importJournal(ctx, rec, *file)
	}
	return usagef("unknown %q: want verify, export or import", args[0])
}

func (m *Main) verifyJournal(ctx context.Context, rec record, folder string, asJSON bool) error {
	seen := history.Seen(ctx, filepath.Join(folder, "history.db")) // before: the journal may grow
	report, err := rec.Verify(ctx)
	if err != nil {
		return err
	}
	if len(report.Findings) == 0 && seen > report.Head {
		report.Findings = []journal.Finding{{Pos: report.Head + 1, Problem: fmt.Sprintf(
			"the journal ends before it, but history.db has seen position %d: the end is lost, or an older copy was put in place", seen)}}
	}
	if asJSON {
		err = json.NewEncoder(m.Stdout).Encode(report)
	} else {
		m.printReport(rec, report)
	}
	if err == nil && len(report.Findings) > 0 {
		err = fmt.Errorf("%s is damaged (findings: %d). Stop the gateway, keep a copy, and import the latest export into an empty one", rec, len(report.Findings))
	}
	return err
}

func (m *Main) printReport(rec record, r journal.Report) {
	for _, f := range r.Findings {
		fmt.Fprintf(m.Stdout, "%s: %s\n", rec, f)
	}
	if len(r.Findings) == 0 {
		fmt.Fprintf(m.Stdout, "%s: all %d records up to position %d are there, unchanged and in order\n", rec, r.Head-r.Trimmed, r.Head)
	}
}

// exportJournal writes a copy. A file bears its name only when all of it is on the disk.
func (m *Main) exportJournal(ctx context.Context, rec record, file string) error {
	if file == "-" {
		return rec.Export(ctx, m.Stdout)
	}
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s is there already: choose another name", file)
	}
	part := file + ".part"
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = rec.Export(ctx, out)
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

// importJournal fills a record that is empty; what goes wrong leaves it so.
func (m *Main) importJournal(ctx context.Context, rec record, file string) error {
	in := m.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	if err := rec.Restore(ctx, in); err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "imported into %s\n", rec)
	return nil
}
