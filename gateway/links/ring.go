package links

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Ring is the keys that sign links, in a file of mode 0600. The last one signs, all of them prove. Without
// the file every link made so far is unknown: it belongs into the backup of the data folder.
type Ring struct {
	path string

	mu   sync.RWMutex
	file ringFile
}

// ringFile is the file's form.
type ringFile struct {
	Version int       `json:"version"` // 1
	Salt    []byte    `json:"salt"`    // makes ids of keys, see Spec.Key; never changes
	Keys    []ringKey `json:"keys"`    // by rising id
}

type ringKey struct {
	ID        int       `json:"id"` // 1 to maxKeys
	Secret    []byte    `json:"secret"`
	CreatedAt time.Time `json:"created_at"`
}

// maxKeys is what a token has room for.
const maxKeys = 1<<16 - 1

const secretBytes = 32

// OpenRing reads the key ring at path, or makes one with its first key.
func OpenRing(path string) (*Ring, error) {
	r := &Ring{path: path}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.file = ringFile{Version: 1, Salt: random()}
		_, err := r.Rotate()
		return r, err
	case err != nil:
		return nil, fmt.Errorf("read the links' keys: %w", err)
	}
	if err := json.Unmarshal(data, &r.file); err != nil || !r.file.valid() {
		return nil, fmt.Errorf("%s is damaged: restore it from a backup, or delete it (all links made so far then stop working)", path)
	}
	return r, nil
}

func (f ringFile) valid() bool {
	last := 0
	for _, k := range f.Keys {
		if k.ID <= last || k.ID > maxKeys || len(k.Secret) != secretBytes {
			return false
		}
		last = k.ID
	}
	return f.Version == 1 && len(f.Salt) == secretBytes && last > 0
}

// Rotate adds a key, which signs from now on, and returns its number. It is on disk then.
func (r *Ring) Rotate() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, key, err := r.grownLocked()
	if err != nil {
		return 0, err
	}
	return key, r.takeLocked(next)
}

// Grown is the file of a ring with one key more, and that key's number. This ring stays as it is.
func (r *Ring) Grown() ([]byte, int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, key, err := r.grownLocked()
	if err != nil {
		return nil, 0, err
	}
	data, err := next.encode()
	return data, key, err
}

// Adopt takes a ring that this one has become elsewhere: the newest key signs from now on, here as well. It is on disk
// then. One without all of the keys that are here, or with others, is refused.
func (r *Ring) Adopt(data []byte) error {
	var next ringFile
	if err := json.Unmarshal(data, &next); err != nil || !next.valid() {
		return errors.New("the links' keys of the other gateways are damaged")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !next.holds(r.file):
		return errors.New("the links' keys of the other gateways are not those of this one and more")
	case len(next.Keys) == len(r.file.Keys):
		return nil
	}
	return r.takeLocked(next)
}

// Later reports whether b, the file of a ring, is what a has become.
func Later(a, b []byte) bool {
	var before, after ringFile
	return json.Unmarshal(a, &before) == nil && json.Unmarshal(b, &after) == nil && before.valid() && after.valid() &&
		after.holds(before) && len(after.Keys) > len(before.Keys)
}

// holds reports whether all keys of before are in f, and none between them.
func (f ringFile) holds(before ringFile) bool {
	same := func(a, b ringKey) bool { return a.ID == b.ID && bytes.Equal(a.Secret, b.Secret) }
	return bytes.Equal(f.Salt, before.Salt) && len(f.Keys) >= len(before.Keys) &&
		slices.EqualFunc(f.Keys[:len(before.Keys)], before.Keys, same)
}

func (r *Ring) grownLocked() (ringFile, int, error) {
	next := r.file
	k := ringKey{ID: 1, Secret: random(), CreatedAt: time.Now().UTC().Truncate(time.Second)}
	if n := len(r.file.Keys); n > 0 {
		k.ID = r.file.Keys[n-1].ID + 1
	}
	if k.ID > maxKeys {
		return next, 0, errors.New("the key ring is full")
	}
	next.Keys = append(slices.Clone(r.file.Keys), k)
	return next, k.ID, nil
}

func (r *Ring) takeLocked(next ringFile) error {
	if err := next.save(r.path); err != nil {
		return fmt.Errorf("keep the links' keys: %w", err)
	}
	r.file = next
	return nil
}

func (f ringFile) encode() ([]byte, error) {
	data, err := json.MarshalIndent(f, "", "  ")
	return append(data, '\n'), err
}

// save replaces the file as a whole: a crash leaves the old one or the new one.
func (f ringFile) save(path string) error {
	data, err := f.encode()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".links-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // it is gone when all went well
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func random() []byte {
	b := make([]byte, secretBytes)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return b
}

// current is the key that signs.
func (r *Ring) current() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.file.Keys[len(r.file.Keys)-1].ID
}

// secret returns the secret of a key, nil when there is no such key.
func (r *Ring) secret(key int) []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.file.Keys {
		if k.ID == key {
			return k.Secret
		}
	}
	return nil
}

// idOf is the id of the link with this key: always the same, and not to be guessed from outside.
func (r *Ring) idOf(key string) (i id) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h := hmac.New(sha256.New, r.file.Salt)
	h.Write([]byte(key))
	copy(i[:], h.Sum(nil))
	return i
}
