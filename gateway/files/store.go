// Package files keeps what people attach to messages: it takes uploads, fetches what lies at a provider, and
// hands files out under addresses nobody can guess.
//
//	temporary → checked → stored (for good)
//
// A file has a random id of 130 bits; knowing the address is the permission to read it. Its type is what its
// first bytes say, not what the sender claims, and must be on the list of types.go; everything else is
// refused, above all what a browser would run (HTML, SVG, scripts, programs).
//
// Guarantees: when Save returns, content and description are on disk (fsync, then rename). A crash leaves at
// most a temporary file, which an Open removes when it is an hour old, or content without a description, which
// nobody can reach. Nothing stored is ever changed.
//
// On disk: DIR/ab/abcdef… is the content, DIR/ab/abcdef….json its [Meta]; DIR/tmp holds unfinished ones, DIR/parts
// those that come in pieces.
//
// Concurrency: everything may be called from any goroutine. Errors that a person can act on are
// *gateway.Error: Invalid (type), TooLarge, NotFound, Unavailable (disk full).
//
// Read next: types.go (what is allowed), parts.go (what comes in pieces), handler.go (how it is served), fetcher.go (provider media).
package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"backline/gateway"
)

// Meta describes a stored file.
type Meta struct {
	ID          gateway.FileID `json:"id"`
	Name        string         `json:"name"`
	Kind        string         `json:"kind"` // image, audio, video, file
	ContentType string         `json:"content_type"`
	SizeBytes   int64          `json:"size_bytes"`
	CreatedAt   time.Time      `json:"created_at"`
}

// Attachment is the file as part of a message.
func (m Meta) Attachment() gateway.Attachment {
	return gateway.Attachment{File: m.ID, Kind: m.Kind, Name: m.Name, ContentType: m.ContentType, SizeBytes: m.SizeBytes}
}

// Admit is asked with the size of a complete file before it is stored, and may refuse it with a
// *gateway.Error: the place for quotas.
type Admit func(ctx context.Context, sizeBytes int64) error

// Store is a folder of files.
type Store struct {
	dir   string
	admit Admit
	parts [locks]sync.Mutex // held while a piece is written; see lock
	swept atomic.Int64      // when old uploads were looked for, in Unix seconds
}

func (s *Store) lock(key string) *sync.Mutex {
	sum := sha256.Sum256([]byte(key))
	return &s.parts[sum[0]%locks]
}

// Open uses dir, which it makes if needed. Admit may be nil.
func Open(dir string, admit Admit) (*Store, error) {
	tmp := filepath.Join(dir, "tmp")
	if err := clearTemporary(tmp, time.Now()); err != nil {
		return nil, fmt.Errorf("clear unfinished files: %w", err)
	}
	for _, folder := range []string{tmp, filepath.Join(dir, "parts")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("make files folder: %w", err)
		}
	}
	if admit == nil {
		admit = func(context.Context, int64) error { return nil }
	}
	s := &Store{dir: dir, admit: admit}
	return s, s.SweepParts(time.Now())
}

// unfinishedTime is longer than any upload takes. A file that was written to since may be one that the process
// before us still receives.
const unfinishedTime = time.Hour

// clearTemporary removes what a crash has left behind.
func clearTemporary(dir string, now time.Time) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && now.Sub(info.ModTime()) < unfinishedTime {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Save reads r to its end, at most limit bytes, and stores it.
func (s *Store) Save(ctx context.Context, name, declaredType string, r io.Reader, limit int64) (Meta, error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), "up-*")
	if err != nil {
		return Meta{}, diskError("make temporary file", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	size, err := io.Copy(f, io.LimitReader(&patient{ctx, r}, limit+1))
	if err == nil && size > limit {
		err = gateway.Errorf(gateway.TooLarge, "The file is larger than %s.", humanSize(limit))
	}
	if err == nil && size == 0 {
		err = gateway.Errorf(gateway.Invalid, "The file is empty.")
	}
	if err != nil {
		return Meta{}, errors.Join(diskError("receive file", err), f.Close())
	}
	t, err := identify(f, size, name, declaredType)
	if err == nil {
		err = s.admit(ctx, size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return Meta{}, diskError("check file", err)
	}
	m := Meta{ID: gateway.FileID(strings.ToLower(rand.Text())), Name: t.name(CleanName(name)), Kind: t.kind,
		ContentType: t.mime, SizeBytes: size, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	if err := s.keep(f.Name(), m); err != nil {
		return Meta{}, diskError("store file", err)
	}
	return m, nil
}

// keep moves the content and then the description into place: with a description, a file exists.
func (s *Store) keep(tmp string, m Meta) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := s.path(m.ID)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := writeSynced(tmp+".json", data); err != nil {
		return errors.Join(err, os.Remove(tmp+".json"))
	}
	defer os.Remove(tmp + ".json") // gone already when all went well
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if err := os.Rename(tmp+".json", path+".json"); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return errors.Join(syncDir(filepath.Dir(path)), syncDir(s.dir))
}

func (s *Store) path(id gateway.FileID) string {
	return filepath.Join(s.dir, string(id[:2]), string(id))
}

// validID keeps paths inside the folder.
func validID(id gateway.FileID) bool {
	return len(id) >= 26 && len(id) <= 64 && strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// Get describes a file.
func (s *Store) Get(id gateway.FileID) (Meta, error) {
	var m Meta
	if !validID(id) {
		return m, notFound()
	}
	data, err := os.ReadFile(s.path(id) + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return m, notFound()
	}
	if err != nil {
		return m, fmt.Errorf("read file description: %w", err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("decode file description: %w", err)
	}
	return m, nil
}

// Content opens a file for reading; the caller closes it.
func (s *Store) Content(id gateway.FileID) (*os.File, error) {
	if !validID(id) {
		return nil, notFound()
	}
	f, err := os.Open(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	return f, nil
}

func notFound() error { return gateway.Errorf(gateway.NotFound, "There is no such file.") }

// diskError makes a full disk something the sender can understand, and leaves other errors alone.
func diskError(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "Files cannot be stored at the moment.", Err: fmt.Errorf("%s: %w", doing, err)}
	}
	if _, ok := errors.AsType[*gateway.Error](err); ok {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename durable. Systems that cannot sync a folder say so with an error that means nothing.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, fs.ErrPermission) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}

// patient is a reader that stops with its context.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

func humanSize(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", max(1, n>>10))
}
