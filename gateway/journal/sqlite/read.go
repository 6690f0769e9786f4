package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"backline/gateway/journal"
)

// row is an event as one text: six numbers and a space behind each, then stream, type, key and data without
// anything between. Each column that is read on its own costs several locks inside the driver and an
// allocation or two, which was twice the time of a start.
const row = `concat_ws(' ',pos,version,at,octet_length(stream),octet_length(type),ifnull(octet_length(key),-1),
	stream||type||ifnull(key,'')||data)`

// query reads events after a position. It scans the driver's rows itself: database/sql's Scan costs more than
// SQLite's own work here.
func (j *Journal) query(ctx context.Context, after journal.Pos, limit int) ([]journal.Event, error) {
	conn, err := j.read.Conn(ctx)
	if err != nil {
		return nil, readError(ctx, err)
	}
	defer conn.Close() // back to the pool
	var out []journal.Event
	err = conn.Raw(func(dc any) error {
		out = make([]journal.Event, 0, min(limit, 4096))
		args := []driver.NamedValue{{Ordinal: 1, Value: int64(after)}, {Ordinal: 2, Value: int64(limit)}}
		return scan(ctx, dc, "SELECT "+row+" FROM events WHERE pos>? ORDER BY pos LIMIT ?", args,
			func(e journal.Event) { out = append(out, e) })
	})
	if err != nil {
		return nil, readError(ctx, err)
	}
	if len(out) == 0 || out[0].Pos != after+1 { // trimmed since the bounds were looked at, or damaged
		return nil, j.missing(after)
	}
	return out, nil
}

func (j *Journal) missing(after journal.Pos) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if after < j.trimmed {
		return journal.ErrTrimmed
	}
	return fmt.Errorf("%w: position %d is missing in the file", journal.ErrForked, after+1)
}

// scan calls each for every event of a query over row.
func scan(ctx context.Context, dc any, query string, args []driver.NamedValue, each func(journal.Event)) error {
	q, ok := dc.(driver.QueryerContext)
	if !ok {
		return errors.New("the SQLite driver cannot query")
	}
	rows, err := q.QueryContext(ctx, query, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	var one [1]driver.Value
	types := map[string]string{} // there are few, and many events
	for n := 0; ; n++ {
		if err := rows.Next(one[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		text, ok := one[0].(string)
		e, fits := event(text, types)
		if !ok || !fits {
			return fmt.Errorf("row %d behind the position asked for is damaged", n+1)
		}
		each(e)
	}
}

// event takes a row apart. Nothing of an event keeps the whole row in memory.
func event(text string, types map[string]string) (e journal.Event, ok bool) {
	var n [6]int64
	for i := range n {
		number, rest, _ := strings.Cut(text, " ")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return e, false
		}
		n[i], text = v, rest
	}
	stream, kind := n[3], n[3]+n[4]
	key := kind + max(n[5], 0)
	if stream < 0 || kind < stream || key < kind || key > int64(len(text)) {
		return e, false
	}
	head := strings.Clone(text[:key])
	e = journal.Event{Pos: uint64(n[0]), Stream: head[:stream], Version: uint64(n[1]), Type: types[head[stream:kind]],
		At: time.UnixMicro(n[2]).UTC(), Key: head[kind:], Data: []byte(text[key:])}
	if e.Type == "" {
		e.Type = strings.Clone(head[stream:kind])
		types[e.Type] = e.Type
	}
	return e, true
}

// Types are the types of records in the journal at path, which another process may have open. The error is that of
// a file whose format this program does not know. A file that is not there has none.
func Types(ctx context.Context, path string) ([]string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := sql.Open("sqlite", "file:"+escape(path)+"?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(true)")
	if err != nil {
		return nil, fmt.Errorf("look at journal: %w", err)
	}
	defer db.Close() // read only: nothing to lose
	var format int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&format); err != nil {
		return nil, fmt.Errorf("look at journal: %w", err)
	}
	if format > schemaVersion {
		return nil, tooNew(format)
	}
	rows, err := db.QueryContext(ctx, "SELECT DISTINCT type FROM events")
	if err != nil {
		return nil, fmt.Errorf("look at journal: %w", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, fmt.Errorf("look at journal: %w", err)
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

func tooNew(format int) error {
	return fmt.Errorf("the file has format %d, this program knows up to %d: use the newer program", format, schemaVersion)
}
