// Package history keeps every conversation and every line of its timeline in a local SQLite database that can
// be searched. It is a projection: the journal is the truth, and a file that is missing, damaged or of another
// version is thrown away and filled again from position 0.
//
//	open → applied 0 … n → closed
//
// [Store.Apply] takes the changes that the one fold of package conversation made and writes them with the
// position they lead up to in one transaction. Applying the same changes twice changes nothing. Within one
// call only the last form of a head or a line is written, so a rebuild should hand over large batches.
//
// Guarantees: a reader sees all of an Apply or nothing of it. After kill -9 or a power cut the database is at
// an earlier position (synchronous=NORMAL), never in between; [Store.Applied] says where to go on.
//
// Concurrency: one goroutine calls Apply; everything else may be called by any number at the same time and
// does not wait for Apply. Errors: a conversation that is not there is a *gateway.Error of kind NotFound;
// everything else is wrapped as it came from the database.
//
// Read next: apply.go (writing), read.go and search.go (reading).
package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"modernc.org/sqlite"
)

// version of the schema. Raise it with every change of the tables or of what is written into them.
const version = 1

// appID marks the file as ours ("BkLh").
const appID = 0x426b4c68

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('applied', 0);

CREATE TABLE conversations (
	id TEXT PRIMARY KEY, state TEXT NOT NULL, channel TEXT NOT NULL, queue TEXT NOT NULL, agent TEXT NOT NULL,
	contact TEXT NOT NULL, last_at INTEGER NOT NULL, rev INTEGER NOT NULL, head BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversations_last ON conversations (last_at, id);
CREATE INDEX conversations_contact ON conversations (contact, last_at, id);
CREATE INDEX conversations_agent ON conversations (agent, last_at, id) WHERE agent <> '';
CREATE INDEX conversations_open ON conversations (state, last_at, id) WHERE state <> 'closed';

-- item is the line's JSON without its text, which stands in its own column for the full-text index.
CREATE TABLE items (
	seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, conversation TEXT NOT NULL, thread TEXT NOT NULL,
	position INTEGER NOT NULL, rev INTEGER NOT NULL, at INTEGER NOT NULL, delivery TEXT NOT NULL,
	provider_id TEXT NOT NULL, text TEXT NOT NULL, item BLOB NOT NULL
);
CREATE INDEX items_conversation ON items (conversation, position);
CREATE INDEX items_thread ON items (thread, rev);
CREATE INDEX items_rev ON items (rev);
CREATE INDEX items_provider ON items (provider_id) WHERE provider_id <> '';
CREATE TABLE parts (provider_id TEXT, item TEXT, PRIMARY KEY (provider_id, item)) WITHOUT ROWID;

CREATE VIEW texts AS SELECT seq, text FROM items WHERE text <> '';
CREATE VIRTUAL TABLE search USING fts5(text, content='texts', content_rowid='seq',
	tokenize='unicode61 remove_diacritics 2', prefix='3');
CREATE TRIGGER items_insert AFTER INSERT ON items WHEN new.text <> '' BEGIN
	INSERT INTO search(rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER items_update AFTER UPDATE OF text ON items WHEN old.text <> new.text BEGIN
	INSERT INTO search(search, rowid, text) SELECT 'delete', old.seq, old.text WHERE old.text <> '';
	INSERT INTO search(rowid, text) SELECT new.seq, new.text WHERE new.text <> '';
END;
`

// Store is an open history database.
type Store struct {
	// Static after Open.
	path  string
	write *sql.DB // one connection
	read  *sql.DB

	writer writer // owned by the caller of Apply

	// Guarded by mu.
	mu      sync.Mutex
	applied uint64
	moved   chan struct{} // closed and replaced when applied grows
}

// Open opens the database at path, or begins it anew when it cannot be used.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make history folder: %w", err)
	}
	if _, err := os.Stat(damagedMark(path)); err == nil {
		if err := discard(path); err != nil {
			return nil, err
		}
	}
	s, err := open(ctx, path)
	if err == nil || ctx.Err() != nil {
		return s, err
	}
	if !errors.Is(err, errUnusable) && !damaged(err) {
		return nil, err
	}
	if err := discard(path); err != nil {
		return nil, err
	}
	return open(ctx, path)
}

// OpenAnew opens an empty database at path, whatever was there.
func OpenAnew(ctx context.Context, path string) (*Store, error) {
	if err := discard(path); err != nil {
		return nil, err
	}
	return Open(ctx, path)
}

// Seen reads, of a database that may be in use, the journal position everything up to which is in it. One
// that is not there or not usable has seen nothing.
func Seen(ctx context.Context, path string) uint64 {
	if _, err := os.Stat(path); err != nil {
		return 0
	}
	name, err := dsn(path)
	if err != nil {
		return 0
	}
	db, err := sql.Open("sqlite", name+"?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		return 0
	}
	defer db.Close() // read only: nothing to lose
	var applied uint64
	if err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'applied'`).Scan(&applied); err != nil {
		return 0
	}
	return applied
}

// errUnusable: the file is a database, but not one of this version.
var errUnusable = errors.New("history: another version")

func open(ctx context.Context, path string) (*Store, error) {
	// Made before SQLite does it, which gives its log and index the mode it finds.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make history: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, fmt.Errorf("protect history: %w", err)
	}
	name, err := dsn(path)
	if err != nil {
		return nil, err
	}
	base := name + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=temp_store(MEMORY)"
	s := &Store{path: path, moved: make(chan struct{})}
	if s.write, err = sql.Open("sqlite", base+"&_pragma=cache_size(-32000)&_txlock=immediate"); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", base+"&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(fmt.Errorf("open history: %w", err), s.write.Close())
	}
	s.read.SetMaxOpenConns(max(4, runtime.NumCPU()))
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// dsn names the file as a URL, so that no character of the path is taken for an option.
func dsn(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("history path: %w", err)
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(abs)}).String(), nil
}

// begin makes the tables in an empty file and reads where an old one stands.
func (s *Store) begin(ctx context.Context) error {
	var id, v int
	var tables int
	err := s.write.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id a, pragma_user_version v`).Scan(&id, &v, &tables)
	switch {
	case err != nil:
		return fmt.Errorf("read history version: %w", err)
	case tables == 0:
		if err := s.create(ctx); err != nil {
			return err
		}
	case id != appID || v != version:
		return errUnusable
	}
	if err := s.write.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'applied'`).Scan(&s.applied); err != nil {
		return fmt.Errorf("read history position: %w", errors.Join(errUnusable, err))
	}
	return nil
}

func (s *Store) create(ctx context.Context) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("create history: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	stamp := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", appID, version)
	if _, err := tx.ExecContext(ctx, stamp+schema); err != nil {
		return fmt.Errorf("create history tables: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("create history: %w", err)
	}
	return nil
}

// Close releases the file.
func (s *Store) Close() error {
	return errors.Join(s.writer.close(), s.read.Close(), s.write.Close())
}

// Applied is the journal position everything up to which is in the database.
func (s *Store) Applied() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}

// Last is the position up to which everything is in, and the sum of the journal's event there; 0 where it is not known.
// Another event at that position is another past.
func (s *Store) Last(ctx context.Context) (pos, sum uint64, err error) {
	var stored int64
	err = s.read.QueryRowContext(ctx, `SELECT value, (SELECT coalesce(max(value), 0) FROM meta WHERE key = 'sum') FROM meta WHERE key = 'applied'`).Scan(&pos, &stored)
	if err != nil {
		return 0, 0, fmt.Errorf("read history position: %w", err)
	}
	return pos, uint64(stored), nil
}

// Wait blocks until pos is applied or ctx ends.
func (s *Store) Wait(ctx context.Context, pos uint64) error {
	for {
		s.mu.Lock()
		applied, moved := s.applied, s.moved
		s.mu.Unlock()
		if applied >= pos {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) moveTo(pos uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = pos
	close(s.moved)
	s.moved = make(chan struct{})
}

// fail wraps an error of the database. Damage found in the middle is marked beside the file, so that the
// next Open begins anew.
func (s *Store) fail(doing string, err error) error {
	if damaged(err) {
		// Best effort: without the mark the next Open meets the damage by itself, or later.
		_ = os.WriteFile(damagedMark(s.path), nil, 0o600)
	}
	return fmt.Errorf("history: %s: %w", doing, err)
}

func damagedMark(path string) string { return path + ".damaged" }

// damaged reports SQLITE_CORRUPT and SQLITE_NOTADB.
func damaged(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == 11 || e.Code()&0xff == 26)
}

// discard removes the database with all that belongs to it; the mark goes last.
func discard(path string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal", "", ".damaged"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("discard history: %w", err)
		}
	}
	return nil
}
