package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"backline/gateway/journal"
)

const columns = "pos,stream,version,type,at,key,data,sum"

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
		return scan(ctx, dc, "SELECT "+columns+" FROM events WHERE pos>? ORDER BY pos LIMIT ?", args,
			func(e journal.Event, _ uint32) error { out = append(out, e); return nil })
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

// scan calls each for every row of a query over columns.
func scan(ctx context.Context, dc any, query string, args []driver.NamedValue, each func(journal.Event, uint32) error) error {
	q, ok := dc.(driver.QueryerContext)
	if !ok {
		return errors.New("the SQLite driver cannot query")
	}
	rows, err := q.QueryContext(ctx, query, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	var row [8]driver.Value
	for n := 0; ; n++ {
		if err := rows.Next(row[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, sum, err := event(row)
		if err != nil {
			return err
		}
		if err := each(e, sum); err != nil {
			return err
		}
	}
}

// event takes a row apart. STRICT tables keep the types; a damaged file may not.
func event(row [8]driver.Value) (journal.Event, uint32, error) {
	pos, ok1 := row[0].(int64)
	stream, ok2 := row[1].(string)
	version, ok3 := row[2].(int64)
	kind, ok4 := row[3].(string)
	at, ok5 := row[4].(int64)
	key, ok6 := row[5].(string)
	data, ok7 := row[6].([]byte)
	sum, ok8 := row[7].(int64)
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && (ok6 || row[5] == nil) && (ok7 || row[6] == nil) && ok8) {
		return journal.Event{}, 0, fmt.Errorf("position %v has columns of wrong types", row[0])
	}
	return journal.Event{Pos: uint64(pos), Stream: stream, Version: uint64(version), Type: kind,
		At: time.UnixMicro(at).UTC(), Key: key, Data: data}, uint32(sum), nil
}
