package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"backline/gateway/journal"
)

// Verify reads a journal file, which may be in use, and reports what is wrong with it; no finding means that
// every row is there, unchanged and in order. A tail that is gone as a whole, rows, heads, keys and log
// alike, leaves no trace in the file: whoever has seen a later position than Head knows of it. An error means
// that the file could not be judged.
func Verify(ctx context.Context, path string) (journal.Report, error) {
	v := &verifier{report: journal.Report{Findings: []journal.Finding{}}, last: map[string]mark{}}
	if err := v.log(ctx, path+"-wal"); err != nil {
		return v.report, fmt.Errorf("verify the write-ahead log: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+escape(path)+"?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(true)")
	if err != nil {
		return v.report, err
	}
	defer db.Close() // read only: nothing to lose
	conn, err := db.Conn(ctx)
	if err == nil {
		defer conn.Close()
		_, err = conn.ExecContext(ctx, "BEGIN") // one moment of a file that is being written
	}
	if err != nil {
		return v.report, v.unreadable(ctx, "the file cannot be opened as a journal: ", err)
	}
	v.conn = conn
	for _, step := range []func(context.Context) error{v.pages, v.rows, v.heads, v.keys} {
		if err := step(ctx); err != nil || len(v.report.Findings) > 0 {
			return v.report, err
		}
	}
	return v.report, nil
}

// verifier collects a report. Each step relies on the ones before it.
type verifier struct {
	conn   *sql.Conn
	report journal.Report
	last   map[string]mark // of each stream
}

type mark struct {
	version uint64
	pos     journal.Pos
}

// unreadable is a finding, unless the caller gave up.
func (v *verifier) unreadable(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	v.report.Add(journal.Event{}, "%s%v", what, err)
	return nil
}

// each calls f for every row of a query; an error of the file is a finding.
func (v *verifier) each(ctx context.Context, query string, f func(*sql.Rows) error, args ...any) error {
	rows, err := v.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return v.unreadable(ctx, "the file cannot be read as a journal: ", err)
	}
	defer rows.Close()
	for rows.Next() && !v.report.Full() {
		if err := f(rows); err != nil {
			return v.unreadable(ctx, "a row cannot be read: ", err)
		}
	}
	if err := rows.Err(); err != nil {
		return v.unreadable(ctx, fmt.Sprintf("reading broke off after position %d: ", v.report.Head), err)
	}
	return nil
}

// pages asks SQLite for the health of its pages and indexes.
func (v *verifier) pages(ctx context.Context) error {
	return v.each(ctx, "PRAGMA integrity_check(100)", func(rows *sql.Rows) error {
		var line string
		err := rows.Scan(&line)
		if err == nil && line != "ok" {
			v.report.Add(journal.Event{}, "file structure: %s", line)
		}
		return err
	})
}

// rows follows the chain of checksums.
func (v *verifier) rows(ctx context.Context) error {
	var sum uint32
	err := v.conn.QueryRowContext(ctx, "SELECT pos,sum FROM trims").Scan(&v.report.Trimmed, &sum)
	if err != nil {
		return v.unreadable(ctx, "this is no journal, or its record of trims is gone: ", err)
	}
	v.report.Head = v.report.Trimmed
	return v.each(ctx, "SELECT pos,stream,version,type,at,coalesce(key,''),data,sum FROM events ORDER BY pos", func(rows *sql.Rows) error {
		var e journal.Event
		var at, have int64
		if err := rows.Scan(&e.Pos, &e.Stream, &e.Version, &e.Type, &at, &e.Key, &e.Data, &have); err != nil {
			return err
		}
		e.At = time.UnixMicro(at)
		switch {
		case e.Pos != v.report.Head+1:
			v.report.Add(e, "positions %d to %d are missing before it", v.report.Head+1, e.Pos-1)
		case checksum(sum, &e) != uint32(have):
			v.report.Add(e, "the row was altered: its checksum does not fit")
		}
		before, seen := v.last[e.Stream]
		if (seen || v.report.Trimmed == 0) && e.Version != before.version+1 {
			v.report.Add(e, "version %d follows %d in its stream", e.Version, before.version)
		}
		v.report.Head, sum, v.last[e.Stream] = e.Pos, uint32(have), mark{e.Version, e.Pos}
		return nil
	})
}

// heads compares the table of stream versions with the rows. It shows that rows at the end are gone.
func (v *verifier) heads(ctx context.Context) error {
	err := v.each(ctx, "SELECT stream,version,pos FROM heads", func(rows *sql.Rows) error {
		var stream string
		var head mark
		if err := rows.Scan(&stream, &head.version, &head.pos); err != nil {
			return err
		}
		row, seen := v.last[stream]
		if (seen || head.pos > v.report.Trimmed) && row != head {
			v.report.Add(journal.Event{Stream: stream}, "its head says version %d at position %d, its last row is version %d at position %d",
				head.version, head.pos, row.version, row.pos)
		}
		delete(v.last, stream)
		return nil
	})
	if err != nil {
		return err
	}
	for stream, row := range v.last {
		v.report.Add(journal.Event{Pos: row.pos, Stream: stream}, "the stream has no head")
	}
	return nil
}

// keys compares the table of idempotency keys with the rows: a lost key would let an append in twice.
func (v *verifier) keys(ctx context.Context) error {
	const lost = `SELECT e.pos,e.stream FROM events e LEFT JOIN keys k ON k.key=e.key
		WHERE e.key IS NOT NULL AND (k.pos IS NOT e.pos OR k.version IS NOT e.version)`
	const stray = `SELECT k.pos,'' FROM keys k LEFT JOIN events e ON e.pos=k.pos WHERE k.pos>? AND e.key IS NOT k.key`
	found := func(problem string) func(*sql.Rows) error {
		return func(rows *sql.Rows) error {
			var e journal.Event
			err := rows.Scan(&e.Pos, &e.Stream)
			if err == nil {
				v.report.Add(e, "%s", problem)
			}
			return err
		}
	}
	return errors.Join(v.each(ctx, lost, found("its key is not among the keys")),
		v.each(ctx, stray, found("a key names this position, which does not have it"), int64(v.report.Trimmed)))
}
