package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"backline/gateway/journal"
)

// Import implements journal.Importer: into an empty journal, keeping positions, versions and keys.
func (j *Journal) Import(ctx context.Context, events []journal.Event) error {
	for len(events) > 0 {
		n := min(len(events), maxBatch)
		if err := j.importBatch(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (j *Journal) importBatch(ctx context.Context, events []journal.Event) error {
	return j.do(ctx, func(w *writer) error {
		p := newPlan(w, nil)
		empty := p.head == 0
		for _, e := range events {
			if !empty || p.head != 0 {
				if e.Pos != p.head+1 {
					return fmt.Errorf("%w: import: position %d follows %d", journal.ErrInvalid, e.Pos, p.head)
				}
			}
			p.add(e)
		}
		took, err := w.transact(func() error {
			if empty && len(events) > 0 {
				first := driver.NamedValue{Ordinal: 1, Value: int64(events[0].Pos) - 1}
				if err := w.exec("UPDATE trims SET pos=?, sum=0", first); err != nil {
					return err
				}
			}
			return p.store()
		})
		if err != nil {
			return err
		}
		if empty && len(events) > 0 {
			j.mu.Lock()
			j.trimmed = events[0].Pos - 1
			j.mu.Unlock()
		}
		p.publish(took)
		return nil
	})
}

// Finding is one thing wrong with a journal file.
type Finding struct {
	Pos     journal.Pos `json:"pos,omitempty"`
	Stream  string      `json:"stream,omitempty"`
	Problem string      `json:"problem"`
}

// maxFindings bounds a report: what is that broken needs no longer list.
const maxFindings = 100

// Verify reads a journal file, which may be in use, and returns what is wrong with it; none means that every
// row is there, unchanged and in order. An error means that the file could not be judged.
func Verify(ctx context.Context, path string) ([]Finding, error) {
	db, err := sql.Open("sqlite", "file:"+escape(path)+"?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(true)")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	findings, err := verifyPages(ctx, db)
	if err != nil || len(findings) > 0 {
		return findings, err
	}
	return verifyRows(ctx, db)
}

// verifyPages asks SQLite for the health of its pages and indexes.
func verifyPages(ctx context.Context, db *sql.DB) ([]Finding, error) {
	rows, err := db.QueryContext(ctx, "PRAGMA integrity_check(100)")
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return []Finding{{Problem: "the file cannot be read as a journal: " + err.Error()}}, nil
	}
	defer rows.Close()
	var out []Finding
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if line != "ok" {
			out = append(out, Finding{Problem: "file structure: " + line})
		}
	}
	if err := rows.Err(); err != nil {
		out = append(out, Finding{Problem: "the file ends or breaks off: " + err.Error()})
	}
	return out, nil
}

func verifyRows(ctx context.Context, db *sql.DB) ([]Finding, error) {
	rows, err := db.QueryContext(ctx, "SELECT pos,stream,version,type,at,coalesce(key,''),data,sum FROM events ORDER BY pos")
	if err != nil {
		return []Finding{{Problem: "no events table: " + err.Error()}}, nil
	}
	defer rows.Close()
	v := &verifier{versions: map[string]uint64{}}
	if err := db.QueryRowContext(ctx, "SELECT pos,sum FROM trims").Scan(&v.last, &v.sum); err != nil {
		return []Finding{{Problem: "the record of trims cannot be read: " + err.Error()}}, nil
	}
	trimmed := v.last
	for rows.Next() && len(v.findings) < maxFindings {
		var e journal.Event
		var at, sum int64
		if err := rows.Scan(&e.Pos, &e.Stream, &e.Version, &e.Type, &at, &e.Key, &e.Data, &sum); err != nil {
			v.add(e, "row cannot be read: "+err.Error())
			continue
		}
		e.At = time.UnixMicro(at)
		v.row(e, uint32(sum))
	}
	if err := rows.Err(); err != nil {
		v.add(journal.Event{Pos: v.last}, "reading broke off after this position: "+err.Error())
	}
	return v.findings, v.heads(ctx, db, trimmed)
}

type verifier struct {
	last     journal.Pos
	sum      uint32
	versions map[string]uint64
	findings []Finding
}

func (v *verifier) add(e journal.Event, problem string) {
	v.findings = append(v.findings, Finding{Pos: e.Pos, Stream: e.Stream, Problem: problem})
}

func (v *verifier) row(e journal.Event, sum uint32) {
	switch {
	case e.Pos != v.last+1:
		v.add(e, fmt.Sprintf("positions %d to %d are missing", v.last+1, e.Pos-1))
	case checksum(v.sum, &e) != sum:
		v.add(e, "the row was altered: its checksum does not fit")
	}
	if before, seen := v.versions[e.Stream]; seen && e.Version != before+1 {
		v.add(e, fmt.Sprintf("version %d follows %d in its stream", e.Version, before))
	}
	v.last, v.sum, v.versions[e.Stream] = e.Pos, sum, e.Version
}

// heads compares the table of stream versions with the rows.
func (v *verifier) heads(ctx context.Context, db *sql.DB, trimmed journal.Pos) error {
	rows, err := db.QueryContext(ctx, "SELECT stream,version,pos FROM heads")
	if err != nil {
		return fmt.Errorf("verify heads: %w", err)
	}
	defer rows.Close()
	for rows.Next() && len(v.findings) < maxFindings {
		var stream string
		var version, pos uint64
		if err := rows.Scan(&stream, &version, &pos); err != nil {
			return fmt.Errorf("verify heads: %w", err)
		}
		if have, seen := v.versions[stream]; (seen || pos > trimmed) && have != version {
			v.findings = append(v.findings, Finding{Stream: stream, Problem: fmt.Sprintf("head says version %d, the last row %d", version, have)})
		}
	}
	return rows.Err()
}

// Export format: a header line, one line an event, a trailer with the SHA-256 of all bytes before it.
type (
	exportHeader struct {
		Format string      `json:"backline_journal"`
		After  journal.Pos `json:"after"`
		Last   journal.Pos `json:"last"`
	}
	exportEvent struct {
		Pos     journal.Pos     `json:"pos"`
		Stream  string          `json:"stream"`
		Version uint64          `json:"version"`
		Type    string          `json:"type"`
		At      time.Time       `json:"at"`
		Key     string          `json:"key,omitempty"`
		Data    json.RawMessage `json:"data"`
	}
	exportTrailer struct {
		SHA256 string `json:"sha256"`
	}
)

const exportFormat = "1"

// Export writes a consistent copy of the journal while it is in use: everything up to the head of this moment.
func (j *Journal) Export(ctx context.Context, out io.Writer) error {
	after, last, err := j.Bounds(ctx)
	if err != nil {
		return err
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, sum), 64<<10)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(exportHeader{exportFormat, after, last}); err != nil {
		return err
	}
	for after < last {
		events, err := j.query(ctx, after, maxBatch)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("export: events after %d are gone", after)
		}
		for _, e := range events {
			if e.Pos > last {
				break
			}
			if err := enc.Encode(exportEvent{e.Pos, e.Stream, e.Version, e.Type, e.At, e.Key, e.Data}); err != nil {
				return fmt.Errorf("export position %d: %w", e.Pos, err)
			}
		}
		after = events[len(events)-1].Pos
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(exportTrailer{hex.EncodeToString(sum.Sum(nil))})
}

// maxExportLine bounds one line: data, and JSON around it.
const maxExportLine = journal.MaxDataBytes + 8<<10

// ImportFrom restores an export into an empty journal. An export that was cut off or altered is refused before
// its last batch; the half-filled journal must then be thrown away.
func (j *Journal) ImportFrom(ctx context.Context, in io.Reader) error {
	if _, head, err := j.Bounds(ctx); err != nil || head != 0 {
		return errors.Join(err, errors.New("import: the journal is not empty"))
	}
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 64<<10), maxExportLine)
	sum := sha256.New()
	header, err := readHeader(sc, sum)
	if err != nil {
		return err
	}
	next := header.After + 1
	var batch []journal.Event
	for sc.Scan() {
		line := sc.Bytes()
		if next > header.Last {
			return j.finishImport(ctx, batch, line, sum)
		}
		e, err := readEvent(line, next)
		if err != nil {
			return err
		}
		hashLine(sum, line)
		next++
		if batch = append(batch, e); len(batch) == maxBatch && next <= header.Last {
			if err := j.Import(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	return errors.Join(sc.Err(), errors.New("import: the export was cut off"))
}

func readHeader(sc *bufio.Scanner, sum hash.Hash) (exportHeader, error) {
	var h exportHeader
	if !sc.Scan() {
		return h, errors.Join(sc.Err(), errors.New("import: the export is empty"))
	}
	if err := json.Unmarshal(sc.Bytes(), &h); err != nil || h.Format != exportFormat || h.After > h.Last {
		return h, errors.New("import: this is no export of a Backline journal of format " + exportFormat)
	}
	hashLine(sum, sc.Bytes())
	return h, nil
}

func hashLine(sum hash.Hash, line []byte) {
	sum.Write(line)
	sum.Write([]byte{'\n'})
}

func readEvent(line []byte, want journal.Pos) (journal.Event, error) {
	var x exportEvent
	if err := json.Unmarshal(line, &x); err != nil {
		return journal.Event{}, fmt.Errorf("import position %d: %w", want, err)
	}
	if x.Pos != want || x.Stream == "" || x.Type == "" || len(x.Data) == 0 || x.Version == 0 {
		return journal.Event{}, fmt.Errorf("import: line of position %d is incomplete or out of order", want)
	}
	return journal.Event{Pos: x.Pos, Stream: x.Stream, Version: x.Version, Type: x.Type, At: x.At, Key: x.Key, Data: bytes.Clone(x.Data)}, nil
}

func (j *Journal) finishImport(ctx context.Context, batch []journal.Event, line []byte, sum hash.Hash) error {
	var t exportTrailer
	if err := json.Unmarshal(line, &t); err != nil || t.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
		return errors.New("import: the export was altered: its checksum does not fit")
	}
	return j.Import(ctx, batch)
}
