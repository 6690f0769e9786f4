package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"modernc.org/sqlite"

	"backline/gateway/journal"
)

const (
	maxBatch      = 1024    // appends in one transaction
	maxBatchBytes = 4 << 20 // of data in one transaction; the append that crosses it is the last
	maxHeads      = 1 << 17 // streams whose versions are remembered; beyond that the memory is emptied
	trimChunk     = 1000    // events removed in one transaction, so that appends wait milliseconds
)

// request is one append, or a task that needs the writer's connection.
type request struct {
	write   journal.Write
	task    func(*writer) error // instead of write
	receipt journal.Receipt
	err     error
	done    chan struct{} // closed by the writer; receipt and err may be read after it
}

func (r *request) finish(receipt journal.Receipt, err error) {
	r.receipt, r.err = receipt, err
	close(r.done)
}

// writer owns the writing connection. All fields belong to run.
type writer struct {
	j     *Journal
	conn  *sql.Conn
	db    driver.Conn // conn's own; used inside conn.Raw only
	stmts map[string]driver.Stmt
	heads map[string]uint64 // versions of streams, as far as remembered
}

// run takes what waits, commits it as one transaction, and so on until Close; what was taken is finished.
func (w *writer) run() {
	defer close(w.j.ended)
	defer w.conn.Close() // its error is the pool's, which release reports
	for {
		select {
		case r := <-w.j.reqs:
			w.serve(r)
		case <-w.j.closed:
			for {
				select {
				case r := <-w.j.reqs:
					w.serve(r)
				default:
					w.closeStatements()
					return
				}
			}
		}
	}
}

func (w *writer) closeStatements() {
	w.raw(func() error { //nolint:errcheck // the connection is closed next, which frees them anyway
		for _, s := range w.stmts {
			s.Close()
		}
		return nil
	})
}

// serve handles first and everything that waits behind it, up to the next task.
func (w *writer) serve(first *request) {
	for first != nil {
		if first.task != nil {
			first.finish(journal.Receipt{}, w.guarded(func() error { return first.task(w) }))
			return
		}
		batch, next := w.collect(first)
		w.commit(batch)
		first = next
	}
}

// collect drains the waiting appends, after those who are about to append had their turn: a larger batch costs
// everybody less, and on an idle machine nobody waits. A task found on the way ends the batch and comes next.
func (w *writer) collect(first *request) (batch []*request, next *request) {
	batch = append(batch, first)
	bytes := size(first)
	runtime.Gosched()
	for len(batch) < maxBatch && bytes < maxBatchBytes {
		select {
		case r := <-w.j.reqs:
			if r.task != nil {
				return batch, r
			}
			batch = append(batch, r)
			bytes += size(r)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

func size(r *request) (n int) {
	for _, e := range r.write.Events {
		n += len(e.Data)
	}
	return n
}

// guarded runs f unless the journal is out of service.
func (w *writer) guarded(f func() error) error {
	if err := w.j.Healthy(); err != nil {
		return err
	}
	w.j.setBusy(time.Now())
	defer w.j.setBusy(time.Time{})
	return w.raw(f)
}

func (w *writer) raw(f func() error) error {
	return w.conn.Raw(func(dc any) error {
		w.db = dc.(driver.Conn)
		err := f()
		if errors.Is(err, driver.ErrBadConn) {
			return fmt.Errorf("journal connection: %v", err) // never let the pool replace the connection
		}
		return err
	})
}

// commit decides about each append of the batch, writes those that pass, and answers all of them.
func (w *writer) commit(batch []*request) {
	p := newPlan(w, batch)
	var took time.Duration
	err := w.guarded(func() error {
		if err := p.look(); err != nil {
			return fmt.Errorf("append: %w", classify(err))
		}
		p.decide()
		if len(p.rows) == 0 {
			return nil
		}
		var err error
		took, err = w.transact(p.store)
		return err
	})
	if err == nil {
		p.publish(took)
	}
	for i, r := range batch {
		o := p.outcomes[i]
		if err != nil && (o.err == nil || !p.decided) {
			o = outcome{err: err}
		}
		r.finish(o.receipt, o.err)
	}
}

// transact runs f between BEGIN and COMMIT. An error before COMMIT leaves nothing behind. A failed COMMIT,
// but for a full disk, leaves the file in a state that only opening it again can tell.
func (w *writer) transact(f func() error) (time.Duration, error) {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return 0, fmt.Errorf("begin: %w", classify(err))
	}
	if err := f(); err != nil {
		return 0, w.undo(classify(err))
	}
	start := time.Now()
	err := w.exec("COMMIT")
	if err == nil && w.j.failCommit != nil {
		err = w.j.failCommit()
	}
	took := time.Since(start)
	if err == nil {
		return took, nil
	}
	if err = classify(err); errors.Is(err, journal.ErrFull) {
		return took, w.undo(err)
	}
	return took, w.breakOff(err)
}

// undo rolls back and makes sure that nothing of the transaction stayed.
func (w *writer) undo(cause error) error {
	w.exec("ROLLBACK") //nolint:errcheck // SQLite has already rolled back after some errors; proved below
	if errors.Is(cause, journal.ErrFull) {
		w.j.setFull(true)
		rows, err := w.query("SELECT coalesce(max(pos),0) FROM events", nil, 1)
		if err != nil || rows[0][0] != int64(w.j.Stats().Head) {
			return w.breakOff(cause)
		}
	}
	return fmt.Errorf("append: %w", cause)
}

func (w *writer) breakOff(cause error) error {
	w.j.mu.Lock()
	if w.j.broken == nil {
		w.j.broken = fmt.Errorf("the journal is out of service until it is opened again: %w: %w", journal.ErrClosed, cause)
		close(w.j.failed)
	}
	w.j.mu.Unlock()
	return fmt.Errorf("commit: %w: %w", journal.ErrUncertain, cause)
}

// classify maps SQLite's "disk full" to the journal's. That the index of the log cannot grow is a full disk, too.
func classify(err error) error {
	const full, noIndex = 13, 10 | 19<<8 // SQLITE_FULL, SQLITE_IOERR_SHMSIZE
	if e, ok := errors.AsType[*sqlite.Error](err); ok && (e.Code()&0xff == full || e.Code() == noIndex) {
		return fmt.Errorf("%w: %w", journal.ErrFull, err)
	}
	return err
}

// exec runs a statement that is prepared once.
func (w *writer) exec(query string, args ...driver.NamedValue) error {
	s, err := w.prepare(query)
	if err != nil {
		return err
	}
	_, err = s.(driver.StmtExecContext).ExecContext(context.Background(), args)
	return err
}

func (w *writer) query(query string, args []driver.NamedValue, columns int) ([][]driver.Value, error) {
	s, err := w.prepare(query)
	if err != nil {
		return nil, err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]driver.Value
	for {
		row := make([]driver.Value, columns)
		if err := rows.Next(row); err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
}

func (w *writer) prepare(query string) (driver.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	s, err := w.db.Prepare(query)
	if err == nil {
		w.stmts[query] = s
	}
	return s, err
}
