// Package sqlite is the embedded journal: one SQLite file in WAL mode with synchronous=FULL, written by one
// goroutine that puts concurrent appends into one transaction (group commit), so that they share one fsync.
//
//	journal.db       tables events, heads, keys, trims; readable by any sqlite3 in an emergency
//	journal.db.lock  held while open: a second process is refused
//
// Durability: Append returns after COMMIT, which in this mode returns after the fsync of the write-ahead log.
// The pragmas are read back at open, because a driver may ignore them. After a failed commit that is not
// "disk full" the state of the file is unknown: the journal refuses everything until it is opened again.
//
// Each row carries a checksum chained to the row before it, so that [Verify] finds altered, missing and
// reordered rows and names them.
//
// Concurrency: every method may be called from any goroutine; one goroutine of its own writes, started by
// Open and ended by Close.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"

	"backline/gateway/journal"
)

// minVersion has the fix of the WAL-reset bug (sqlite.org/wal.html#walresetbug).
var minVersion = [3]int{3, 51, 3}

const schemaVersion = 1

const schema = `
CREATE TABLE IF NOT EXISTS events(
  pos INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
  at INTEGER NOT NULL, key TEXT, data BLOB NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trims(one INTEGER PRIMARY KEY CHECK(one=1), pos INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO trims VALUES (1,0,0);
CREATE TABLE IF NOT EXISTS heads(stream TEXT PRIMARY KEY, version INTEGER NOT NULL, pos INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys(key TEXT PRIMARY KEY, pos INTEGER NOT NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

// Options of Open.
type Options struct {
	MaxPages int // limit of the file in pages of 4 KiB, refused as a full disk is; 0: none

	failCommit func() error // for tests: the outcome of a COMMIT
	forgetful  bool         // for tests: what is read comes from the file
}

// Journal implements journal.Journal and journal.Importer.
type Journal struct {
	path   string
	lock   *os.File
	write  *sql.DB // one connection, used by the writer goroutine only
	read   *sql.DB
	reqs   chan *request
	closed chan struct{} // closed by Close: nothing new is taken
	ended  chan struct{} // closed by the writer
	failed chan struct{} // closed when the journal is out of service
	once   sync.Once
	err    error // of Close; read after once

	failCommit func() error // Static after Open
	forgetful  bool         // Static after Open

	room sync.Mutex // held by the one who tries whether there is room

	mu      sync.Mutex
	head    journal.Pos
	recent  recent
	trimmed journal.Pos
	sum     uint32 // of the last row
	changed chan struct{}
	broken  error
	full    bool      // the last append did not fit on the disk; at the start: nobody knows
	busy    time.Time // since when the writer waits for the disk; zero: it does not
	stats   Stats
}

// Stats are counters since Open.
type Stats struct {
	Appends, Batches, Events uint64
	Fsync                    time.Duration // spent in COMMIT
	Head                     journal.Pos
}

var (
	_ journal.Journal  = (*Journal)(nil)
	_ journal.Importer = (*Journal)(nil)
)

// Open opens or makes the journal at path.
func Open(ctx context.Context, path string, o Options) (*Journal, error) {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	j := &Journal{path: path, lock: lock, reqs: make(chan *request, maxBatch), closed: make(chan struct{}),
		ended: make(chan struct{}), failed: make(chan struct{}), changed: make(chan struct{}), failCommit: o.failCommit, forgetful: o.forgetful, full: true}
	if err := j.open(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), j.release())
	}
	conn, err := j.write.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), j.release())
	}
	w := &writer{j: j, conn: conn, stmts: map[string]driver.Stmt{}, heads: map[string]uint64{}}
	go w.run()
	return j, nil
}

func (j *Journal) release() error {
	var errs []error
	for _, db := range []*sql.DB{j.read, j.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, j.lock.Close())...)
}

// lockFile takes the lock that a crash frees at once.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the journal is in use by another process (%s): %w", path, err), f.Close())
	}
	return f, nil
}

func (j *Journal) open(ctx context.Context, o Options) error {
	// fdatasync keeps what recovery needs and spares the time stamps; where it is missing fsync stays.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return err
	}
	if err := private(j.path); err != nil {
		return err
	}
	var err error
	dsn := "file:" + escape(j.path) + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(1000)&_pragma=cache_size(-16384)"
	if o.MaxPages > 0 {
		dsn += "&_pragma=max_page_count(" + strconv.Itoa(o.MaxPages) + ")"
	}
	if j.write, err = sql.Open("sqlite", dsn); err != nil {
		return err
	}
	j.write.SetMaxOpenConns(1)
	if err := checkEngine(ctx, j.write); err != nil {
		return err
	}
	if err := migrate(ctx, j.write); err != nil {
		return err
	}
	if j.read, err = sql.Open("sqlite", "file:"+escape(j.path)+"?_pragma=busy_timeout(5000)&_pragma=query_only(true)"); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(j.path)); err != nil {
		return err
	}
	return j.load(ctx)
}

// private makes the file before SQLite does, which gives its log and index the mode it finds.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// syncDir makes the names of new files durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// escape keeps characters that a URI would read as its own.
func escape(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// checkEngine reads back what was asked for: a pragma that did not take is silent.
func checkEngine(ctx context.Context, db *sql.DB) error {
	var version, mode string
	var sync int
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	var v [3]int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return fmt.Errorf("SQLite version %q: %w", version, err)
	}
	for i := range v {
		if v[i] != minVersion[i] {
			if v[i] < minVersion[i] {
				return fmt.Errorf("SQLite %s can lose commits; at least %v is needed", version, minVersion)
			}
			break
		}
	}
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return err
	}
	if mode != "wal" || sync != 2 {
		return fmt.Errorf("journal_mode is %s and synchronous %d, want wal and 2 (FULL): this disk cannot keep promises", mode, sync)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	var v int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return err
	}
	switch {
	case v > schemaVersion:
		return tooNew(v)
	case v == schemaVersion:
		return nil
	}
	_, err := db.ExecContext(ctx, schema+"PRAGMA user_version = "+strconv.Itoa(schemaVersion))
	return err
}

// load reads where the journal stands.
func (j *Journal) load(ctx context.Context) error {
	row := j.read.QueryRowContext(ctx, "SELECT pos, sum, (SELECT coalesce(max(pos),0) FROM events) FROM trims")
	if err := row.Scan(&j.trimmed, &j.sum, &j.head); err != nil {
		return err
	}
	if j.head == 0 {
		return nil
	}
	return j.read.QueryRowContext(ctx, "SELECT sum FROM events WHERE pos=?", j.head).Scan(&j.sum)
}

// Append implements journal.Journal.
func (j *Journal) Append(ctx context.Context, w journal.Write) (journal.Receipt, error) {
	if err := journal.Check(w); err != nil {
		return journal.Receipt{}, err
	}
	if err := ctx.Err(); err != nil {
		return journal.Receipt{}, err
	}
	r := &request{write: w, done: make(chan struct{})}
	if err := j.submit(ctx, r); err != nil {
		return journal.Receipt{}, err
	}
	select {
	case <-r.done:
		return r.receipt, r.err
	case <-ctx.Done():
		return journal.Receipt{}, ctx.Err()
	case <-j.ended:
	}
	select {
	case <-r.done: // it was in the last batch
		return r.receipt, r.err
	default:
		return journal.Receipt{}, journal.ErrClosed
	}
}

func (j *Journal) submit(ctx context.Context, r *request) error {
	select {
	case <-j.closed:
		return journal.ErrClosed
	default:
	}
	select {
	case j.reqs <- r:
		return nil
	case <-j.closed:
		return journal.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read implements journal.Journal.
func (j *Journal) Read(ctx context.Context, after journal.Pos, limit int, wait time.Duration) ([]journal.Event, error) {
	var timeout <-chan time.Time
	for {
		j.mu.Lock()
		head, trimmed, changed := j.head, j.trimmed, j.changed
		near := j.recent.after(after, limit)
		j.mu.Unlock()
		switch {
		case j.isClosed():
			return nil, journal.ErrClosed
		case after < trimmed:
			return nil, journal.ErrTrimmed
		case len(near) > 0:
			return owned(near), nil
		case after < head:
			return j.query(ctx, after, limit)
		case wait <= 0:
			return nil, ctx.Err()
		}
		if timeout == nil {
			t := time.NewTimer(wait)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-changed:
		case <-timeout:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-j.closed:
			return nil, journal.ErrClosed
		}
	}
}

func (j *Journal) isClosed() bool {
	select {
	case <-j.closed:
		return true
	default:
		return false
	}
}

func readError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("read journal: %w", err)
}

// Bounds implements journal.Journal.
func (j *Journal) Bounds(context.Context) (trimmed, head journal.Pos, err error) {
	if j.isClosed() {
		return 0, 0, journal.ErrClosed
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.trimmed, j.head, nil
}

// Stats returns the counters of this moment.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Head = j.head
	return s
}

// Healthy reports whether the journal is in service; its error is what the operator must see. A full disk does
// not end the service.
func (j *Journal) Healthy() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken
}

// Failed is closed when the journal goes out of service; Healthy then says why. Only opening it again helps.
func (j *Journal) Failed() <-chan struct{} { return j.failed }

// roomBytes is what must fit on the disk again before a journal that was full counts as ready: an event of the
// largest size.
const roomBytes = journal.MaxDataBytes

// stallTime is how long a commit may take before whoever can should go elsewhere: providers give up after five seconds.
const stallTime = 2 * time.Second

// Ready reports whether an append would be durable now. After one that did not fit it tries whether there is
// room again, because whoever asks may keep appends away until then.
func (j *Journal) Ready() error {
	j.mu.Lock()
	broken, full, busy := j.broken, j.full, j.busy
	j.mu.Unlock()
	switch {
	case broken != nil:
		return broken
	case !busy.IsZero() && time.Since(busy) > stallTime:
		return fmt.Errorf("the disk has not answered for %s", time.Since(busy).Round(time.Second))
	case !full:
		return nil
	}
	j.room.Lock()
	defer j.room.Unlock()
	path := j.path + ".room"
	err := os.WriteFile(path, make([]byte, roomBytes), 0o600)
	if e := os.Remove(path); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%w: %w", journal.ErrFull, err)
	}
	j.setFull(false)
	return nil
}

func (j *Journal) setBusy(since time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.busy = since
}

func (j *Journal) setFull(full bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.full = full
}

// Close implements journal.Journal.
func (j *Journal) Close() error {
	j.once.Do(func() {
		close(j.closed)
		<-j.ended
		j.err = j.release()
	})
	return j.err
}
