package files

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"backline/gateway"
)

// A file may come in pieces, over a line that breaks again and again:
//
//	nothing → begun (Add, Add, …) → stored (Finish)
//
// A piece is on disk when Add returned, so an upload goes on where it was after any crash, of the sender, of the
// line or of this process. The sender names an upload by a key that only they know; the file's id follows from
// it, so that a Finish whose answer was lost is the same file when it is said again.
//
// On disk: DIR/parts/HASH-OF-KEY. What nobody has added to for PartsLast is removed.

// Bounds of uploads in pieces.
const (
	MaxPieceBytes = 256 << 10
	PartsLast     = 24 * time.Hour

	locks = 64 // uploads that share a lock wait for each other's fsync
)

// gap says that a piece does not begin where the upload ends: ask Have, and go on from there.
func gap(have int64) error {
	return gateway.Errorf(gateway.Conflicting, "The upload has %d bytes; go on from there.", have)
}

// Have is how many bytes of an upload are on disk; for a stored one, all.
func (s *Store) Have(key string) (int64, error) {
	if m, err := s.Get(partID(key)); err == nil {
		return m.SizeBytes, nil
	}
	st, err := os.Stat(s.partPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at upload: %w", err)
	}
	return st.Size(), nil
}

// Add writes a piece that begins at offset and returns how much is there now. A piece that is there already, from
// an answer that was lost, is Conflicting like any other that does not fit.
func (s *Store) Add(key string, offset int64, piece []byte, limit int64) (int64, error) {
	if offset+int64(len(piece)) > limit {
		return 0, gateway.Errorf(gateway.TooLarge, "The file is larger than %s.", humanSize(limit))
	}
	mu := s.lock(key)
	mu.Lock()
	defer mu.Unlock()
	have, err := s.Have(key)
	if err != nil {
		return 0, err
	}
	if offset != have {
		return have, gap(have)
	}
	if len(piece) == 0 {
		return have, nil
	}
	if offset == 0 {
		s.sweepNow(time.Now())
	}
	if err := s.write(s.partPath(key), offset, piece); err != nil {
		return have, diskError("store piece", err)
	}
	return have + int64(len(piece)), nil
}

// write puts a piece at the end of a part. What a failed write leaves behind is cut off, so that the size is
// always what has been synced.
func (s *Store) write(path string, offset int64, piece []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(piece, offset)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		err = errors.Join(err, f.Truncate(offset))
	}
	err = errors.Join(err, f.Close())
	if err == nil && offset == 0 {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

// Finish makes an upload of size bytes a file of the given kind. Said again it is the same file.
func (s *Store) Finish(ctx context.Context, key, name, declaredType, kind string, size int64) (Meta, error) {
	mu := s.lock(key)
	mu.Lock()
	defer mu.Unlock()
	if m, err := s.Get(partID(key)); err == nil {
		return m, nil
	}
	have, err := s.Have(key)
	if err != nil {
		return Meta{}, err
	}
	if have != size || size == 0 {
		return Meta{}, gap(have)
	}
	t, err := s.identifyPart(ctx, key, size, name, declaredType, kind)
	if err != nil {
		return Meta{}, diskError("check upload", err)
	}
	m := Meta{ID: partID(key), Name: t.name(CleanName(name)), Kind: t.kind, ContentType: t.mime, SizeBytes: size,
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	if err := s.keep(s.partPath(key), m); err != nil {
		return Meta{}, diskError("store upload", err)
	}
	return m, nil
}

func (s *Store) identifyPart(ctx context.Context, key string, size int64, name, declaredType, kind string) (fileType, error) {
	f, err := os.Open(s.partPath(key))
	if err != nil {
		return fileType{}, err
	}
	defer f.Close()
	t, err := identify(f, size, name, declaredType)
	if err == nil && t.kind != kind {
		err = &gateway.Error{Kind: gateway.Invalid, Field: "file", Msg: "This is not " + kind + "."}
	}
	if err == nil {
		err = s.admit(ctx, size)
	}
	return t, err
}

// Drop forgets an upload that nobody wants any more.
func (s *Store) Drop(key string) error {
	mu := s.lock(key)
	mu.Lock()
	defer mu.Unlock()
	if err := os.Remove(s.partPath(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop upload: %w", err)
	}
	return nil
}

// SweepParts removes what nobody has added to for PartsLast. An upload that comes back later begins anew.
func (s *Store) SweepParts(now time.Time) error {
	dir := filepath.Join(s.dir, "parts")
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	var errs []error
	for _, e := range list {
		info, err := e.Info()
		if err == nil && now.Sub(info.ModTime()) > PartsLast {
			err = os.Remove(filepath.Join(dir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sweepEvery is how often old uploads are looked for. It is done when another begins: where nobody sends, nothing
// grows.
const sweepEvery = time.Hour

func (s *Store) sweepNow(now time.Time) {
	last := s.swept.Load()
	if now.Sub(time.Unix(last, 0)) >= sweepEvery && s.swept.CompareAndSwap(last, now.Unix()) {
		_ = s.SweepParts(now) // the next hour tries again
	}
}

func (s *Store) partPath(key string) string {
	sum := sha256.Sum256([]byte("path\x00" + key))
	return filepath.Join(s.dir, "parts", hex.EncodeToString(sum[:]))
}

// partID is as hard to guess as the key is.
func partID(key string) gateway.FileID {
	sum := sha256.Sum256([]byte("id\x00" + key))
	return gateway.FileID(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])))
}
