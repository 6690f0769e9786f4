package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"backline/gateway"
	"backline/gateway/journal"
	"backline/gateway/links"
)

// secrets are the keys that sign what one node gives out and another must know: visitors' tokens, links, seats, relays.
// Those of the first node are everybody's: a file of the data folder each, and a field of a hash in Redis.
type secrets struct {
	redis  goredis.UniversalOptions
	hash   string
	folder string

	mu sync.Mutex // one of share, rotate and take at a time: each compares files with Redis
}

// secretFile makes a key's file where there is none. later reports whether b is what a became; nil: a key never changes.
type secretFile struct {
	begin func(path string) error
	later func(a, b []byte) bool
}

func secretFiles() map[string]secretFile {
	kept := secretFile{begin: func(path string) error { _, err := keptSecret(path); return err }}
	ring := secretFile{begin: func(path string) error { _, err := links.OpenRing(path); return err }, later: links.Later}
	return map[string]secretFile{livechatKey: kept, meetKey: kept, turnKey: kept, linksKey: ring}
}

// with calls do with a client.
func (s *secrets) with(do func(goredis.UniversalClient) error) error {
	o := s.redis
	o.DisableIdentity = true
	client := goredis.NewUniversalClient(&o)
	return errors.Join(do(client), client.Close())
}

// share makes the nodes have the same keys. A folder with others belongs to another installation.
func (s *secrets) share(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.with(func(c goredis.UniversalClient) error {
		for name, file := range secretFiles() {
			if err := s.shareFile(ctx, c, name, file); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *secrets) shareFile(ctx context.Context, c goredis.UniversalClient, name string, file secretFile) error {
	path := filepath.Join(s.folder, name)
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		err = file.begin(path)
	}
	if err != nil {
		return err
	}
	own, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	shared, err := s.first(ctx, c, name, own)
	switch {
	case err != nil:
		return errors.Join(err, unmake(path, fresh))
	case string(own) == string(shared):
		return nil
	case fresh || file.later != nil && file.later(own, shared):
		return replaceFile(path, shared)
	case file.later != nil && file.later(shared, own):
		_, err := s.swap(ctx, c, name, shared, own) // Redis has lost it; where another node was faster, it had the same
		return err
	}
	return fmt.Errorf("%s differs from that of the other gateways on this Redis: this data folder belongs to another installation; if it does not, move the file away", path)
}

// first is what all have: own where nobody has been before.
func (s *secrets) first(ctx context.Context, c goredis.UniversalClient, name string, own []byte) ([]byte, error) {
	if err := c.HSetNX(ctx, s.hash, name, own).Err(); err != nil {
		return nil, keysAway(err)
	}
	shared, err := c.HGet(ctx, s.hash, name).Bytes()
	return shared, keysAway(err)
}

func keysAway(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the gateways' keys: %w: redis: %w", journal.ErrUnreachable, err)
}

// swap puts a key in the place of another, unless somebody has before.
func (s *secrets) swap(ctx context.Context, c goredis.UniversalClient, name string, before, after []byte) (bool, error) {
	const lua = `if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`
	n, err := c.Eval(ctx, lua, []string{s.hash}, name, before, after).Int()
	return n == 1, keysAway(err)
}

// rotateTries is how often another node may be faster.
const rotateTries = 3

// rotate has a new key sign links, here and, when they have taken it, at the other nodes. It returns its number.
func (s *secrets) rotate(ctx context.Context, ring *links.Ring) (key int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.with(func(c goredis.UniversalClient) error {
		for range rotateTries {
			shared, err := s.adopt(ctx, c, ring)
			if err != nil {
				return err
			}
			var next []byte
			if next, key, err = ring.Grown(); err != nil {
				return err
			}
			swapped, err := s.swap(ctx, c, linksKey, shared, next)
			switch {
			case err != nil: // nobody signs with it, whether Redis has it or not
				return err
			case swapped:
				return ring.Adopt(next)
			}
		}
		return gateway.Errorf(gateway.Conflicting, "other gateways make keys at the same time: look at their links, then try again")
	})
	return key, err
}

// take has a ring hold what other nodes have added.
func (s *secrets) take(ctx context.Context, ring *links.Ring) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.with(func(c goredis.UniversalClient) error { _, err := s.adopt(ctx, c, ring); return err })
}

// adopt brings file, Redis and ring to the same, and returns that. A key that Redis has lost in a fail-over comes back.
func (s *secrets) adopt(ctx context.Context, c goredis.UniversalClient, ring *links.Ring) ([]byte, error) {
	if err := s.shareFile(ctx, c, linksKey, secretFiles()[linksKey]); err != nil {
		return nil, err
	}
	shared, err := os.ReadFile(filepath.Join(s.folder, linksKey))
	if err != nil {
		return nil, err
	}
	return shared, ring.Adopt(shared)
}

// unmake removes a key that nobody has used.
func unmake(path string, fresh bool) error {
	if !fresh {
		return nil
	}
	return os.Remove(path)
}

// replaceFile replaces a file, mode 0600, as a whole: a crash, or a power cut, leaves the old one or the new one, and after it has
// returned the new one.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// complete refuses a first start without the other gateways' keys.
func (s *secrets) complete() error {
	for file := range secretFiles() {
		if _, err := os.Stat(filepath.Join(s.folder, file)); err != nil {
			return fmt.Errorf("the first start needs Redis, which has the keys that the gateways share: %w", err)
		}
	}
	return nil
}
