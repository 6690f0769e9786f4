package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An export is text: a header line, one line an event, a trailer with the SHA-256 of all bytes before it.
type (
	exportHeader struct {
		Format string `json:"backline_journal"`
		After  Pos    `json:"after"` // up to here events were trimmed
		Last   Pos    `json:"last"`
	}
	exportEvent struct {
		Pos     Pos             `json:"pos"`
		Stream  string          `json:"stream"`
		Version uint64          `json:"version"`
		Type    string          `json:"type"`
		At      time.Time       `json:"at"`
		Key     string          `json:"key,omitempty"`
		Data    json.RawMessage `json:"data,omitempty"`
		Bytes   *[]byte         `json:"bytes,omitempty"` // in place of data that JSON would not give back byte by byte
	}
	// importEvent is an exportEvent as it is read: a start reads many (package archive), and this is twice as fast.
	importEvent struct {
		Pos     Pos            `json:"pos"`
		Stream  string         `json:"stream"`
		Version uint64         `json:"version"`
		Type    string         `json:"type"`
		At      time.Time      `json:"at"`
		Key     string         `json:"key"`
		Data    jsontext.Value `json:"data"`
		Bytes   *[]byte        `json:"bytes"`
	}
	exportTrailer struct {
		SHA256 string `json:"sha256"`
	}
)

const exportFormat = "1"

// maxPos is the last position that every engine can count to.
const maxPos = 1 << 53

// exportBatch is how many events are in memory at once.
const exportBatch = 512

// Export writes a consistent copy of a journal while it is in use: everything up to the head of this moment.
func Export(ctx context.Context, j Journal, out io.Writer) error {
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
		events, err := j.Read(ctx, after, int(min(exportBatch, last-after)), 0)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return fmt.Errorf("export: events after %d are gone", after)
		}
		for _, e := range events {
			line, err := exported(e, after+1)
			if err == nil {
				err = enc.Encode(line)
			}
			if err != nil {
				return fmt.Errorf("export position %d: %w", after+1, err)
			}
			after = e.Pos
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(exportTrailer{hex.EncodeToString(sum.Sum(nil))})
}

// exported is an event as a line.
func exported(e Event, want Pos) (exportEvent, error) {
	if e.Pos != want {
		return exportEvent{}, fmt.Errorf("%w: position %d follows %d", ErrForked, e.Pos, want-1)
	}
	for _, s := range [...]string{e.Stream, e.Type, e.Key} {
		if !utf8.ValidString(s) {
			return exportEvent{}, fmt.Errorf("%q is no text, and would come back altered", s)
		}
	}
	x := exportEvent{Pos: e.Pos, Stream: e.Stream, Version: e.Version, Type: e.Type, At: e.At, Key: e.Key, Data: e.Data}
	var same bytes.Buffer // the encoder leaves out what JSON does not need
	if json.Compact(&same, e.Data) != nil || !bytes.Equal(same.Bytes(), e.Data) || !utf8.Valid(e.Data) {
		raw := append([]byte{}, e.Data...) // nil would be null
		x.Data, x.Bytes = nil, &raw
	}
	return x, nil
}

// imported is the event of a line.
func imported(line []byte, want Pos) (Event, error) {
	var x importEvent
	if err := jsonv2.Unmarshal(line, &x); err != nil {
		return Event{}, fmt.Errorf("import position %d: %w", want, err)
	}
	data := []byte(x.Data)
	if x.Bytes != nil {
		data = *x.Bytes
	}
	if x.Pos != want || x.Version == 0 || (len(x.Data) > 0) == (x.Bytes != nil) {
		return Event{}, fmt.Errorf("import: line of position %d is incomplete or out of order", want)
	}
	e := Event{Pos: x.Pos, Stream: x.Stream, Version: x.Version, Type: x.Type, At: x.At.UTC(), Key: x.Key, Data: bytes.Clone(data)}
	if err := Check(Write{Stream: e.Stream, Key: e.Key, Events: []Event{e}}); err != nil {
		return Event{}, fmt.Errorf("import position %d: %w", want, err)
	}
	return e, nil
}

// Limits of an import.
const (
	maxExportLine    = MaxDataBytes*4/3 + 8<<10 // data as base64, and JSON around it
	importBatch      = 512                      // events handed over at once
	importBatchBytes = 4 << 20                  // of data; the event that crosses it is the last
)

// Restorer is a journal that can be filled from an export.
type Restorer interface {
	Importer
	Bounds(ctx context.Context) (trimmed, head Pos, err error)
}

// ImportFrom restores an export into an empty journal. An export that was cut off or altered is refused before its
// last batch; the half-filled journal must then be thrown away (the engines' Restore does that).
func ImportFrom(ctx context.Context, to Restorer, in io.Reader) error {
	if _, head, err := to.Bounds(ctx); err != nil || head != 0 {
		return errors.Join(err, errors.New("import: the journal is not empty"))
	}
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 64<<10), maxExportLine)
	r := restoring{to: to, versions: map[string]uint64{}}
	sum := sha256.New()
	header, err := readHeader(sc)
	if err != nil {
		return err
	}
	for next := header.After + 1; ; next++ {
		_, _ = sum.Write(sc.Bytes()) // a hash takes everything
		_, _ = sum.Write([]byte{'\n'})
		if !sc.Scan() {
			return errors.Join(sc.Err(), errors.New("import: the export was cut off"))
		}
		if next > header.Last {
			break
		}
		e, err := imported(sc.Bytes(), next)
		if err == nil {
			err = r.add(ctx, e, header.After == 0)
		}
		if err != nil {
			return err
		}
	}
	var t exportTrailer
	if err := json.Unmarshal(sc.Bytes(), &t); err != nil || t.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
		return errors.New("import: the export was altered: its checksum does not fit")
	}
	return r.flush(ctx)
}

func readHeader(sc *bufio.Scanner) (exportHeader, error) {
	var h exportHeader
	if !sc.Scan() {
		return h, errors.Join(sc.Err(), errors.New("import: the export is empty"))
	}
	if err := json.Unmarshal(sc.Bytes(), &h); err != nil || h.Format != exportFormat || h.After > h.Last || h.Last > maxPos {
		return h, errors.New("import: this is no export of a Backline journal of format " + exportFormat)
	}
	return h, nil
}

// restoring hands events over in batches, one behind: the last batch waits for the checksum.
type restoring struct {
	to       Restorer
	batch    []Event
	bytes    int
	versions map[string]uint64 // of streams
}

// add takes the next event. Whole: the export begins with the first event there ever was.
func (r *restoring) add(ctx context.Context, e Event, whole bool) error {
	before, seen := r.versions[e.Stream]
	if (seen || whole) && e.Version != before+1 {
		return fmt.Errorf("import position %d: version %d follows %d in %q", e.Pos, e.Version, before, e.Stream)
	}
	r.versions[e.Stream] = e.Version
	if len(r.batch) >= importBatch || r.bytes >= importBatchBytes {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.batch, r.bytes = append(r.batch, e), r.bytes+len(e.Data)
	return nil
}

func (r *restoring) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	err := r.to.Import(ctx, r.batch)
	r.batch, r.bytes = nil, 0
	return err
}
