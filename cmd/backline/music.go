package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/api"
	"backline/gateway/media"
)

// holdMusic is the operator's music in the data folder, music.opus; without it ours plays.
type holdMusic struct {
	engine *media.Engine
	path   string

	mu   sync.Mutex
	own  bool
	long time.Duration
}

// openMusic plays what the operator has chosen. A file that cannot be played any more is no reason to take no calls.
func (a *App) openMusic() error {
	m := &holdMusic{engine: a.engine, path: filepath.Join(a.config.Data, "music.opus")}
	file, err := os.ReadFile(m.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the music: %w", err)
	}
	if m.long, err = a.engine.SetMusic(file); err != nil {
		a.log.Error("music.opus of the data folder cannot be played; ours is played", "err", err)
		file = nil
		if m.long, err = a.engine.SetMusic(nil); err != nil {
			return err
		}
	}
	m.own, a.music = file != nil, m
	return nil
}

// Info implements api.Music.
func (m *holdMusic) Info() (bool, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.own, m.long
}

// Set implements api.Music: checked, then kept, then played.
func (m *holdMusic) Set(ogg []byte) error {
	if ogg != nil {
		if _, err := media.CheckMusic(ogg); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.keep(ogg); err != nil {
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "the music cannot be stored at the moment", Err: err}
	}
	long, err := m.engine.SetMusic(ogg)
	if err == nil {
		m.own, m.long = ogg != nil, long
	}
	return err
}

// keep writes the file beside the old one and puts it in its place.
func (m *holdMusic) keep(ogg []byte) error {
	if ogg == nil {
		if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(m.path), "music-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(ogg)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), m.path)
}

// restMusic is a true nil where calls are switched off.
func (a *App) restMusic() api.Music {
	if a.music == nil {
		return nil
	}
	return a.music
}
