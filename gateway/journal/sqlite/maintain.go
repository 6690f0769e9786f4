package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
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
