package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"backline/gateway"
	"backline/gateway/api"
	"backline/gateway/httpx"
	"backline/gateway/media"
)

// holdMusic is the operator's music in the data folder, music.opus; without it ours plays.
type holdMusic struct {
	engine *media.Engine // nil: no gateway runs
	path   string

	mu   sync.Mutex
	own  bool
	long time.Duration
}

// musicFile is its name in the data folder.
const musicFile = "music.opus"

// openMusic plays what the operator has chosen. A file that cannot be played any more is no reason to take no calls.
func (a *App) openMusic() error {
	m := &holdMusic{engine: a.engine, path: filepath.Join(a.config.Data, musicFile)}
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
	m.own, m.long = ogg != nil, 0
	var err error
	if m.engine != nil {
		m.long, err = m.engine.SetMusic(ogg)
	} else if ogg != nil {
		m.long, err = media.CheckMusic(ogg)
	}
	return err
}

// shelvedMusic is the music of a folder that no gateway has open.
func shelvedMusic(data string) *holdMusic {
	m := &holdMusic{path: filepath.Join(data, musicFile)}
	if file, err := os.ReadFile(m.path); err == nil {
		m.own = true
		m.long, _ = media.CheckMusic(file) // one that cannot be played is said to last 0 s
	}
	return m
}

// keep writes the file beside the old one and puts it in its place.
func (m *holdMusic) keep(ogg []byte) error {
	if ogg == nil {
		if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return replaceFile(m.path, ogg)
}

// restMusic is a true nil where calls are switched off.
func (a *App) restMusic() api.Music {
	if a.music == nil {
		return nil
	}
	return a.music
}

// musicAnswer is what the control socket says of the music.
type musicAnswer struct {
	Own     bool    `json:"own"`
	Seconds float64 `json:"seconds"` // 0: that of the program, and no gateway runs
}

func (c *controls) musicRoutes(mux *http.ServeMux) {
	answer := func(w http.ResponseWriter, r *http.Request, change bool, ogg []byte) {
		if c.music == nil {
			httpx.Problem(w, r, gateway.Errorf(gateway.NotFound, "calls are switched off here: see rtc.media"))
			return
		}
		if change {
			if err := c.music.Set(ogg); err != nil {
				httpx.Problem(w, r, err)
				return
			}
		}
		own, long := c.music.Info()
		httpx.WriteJSON(w, http.StatusOK, musicAnswer{own, long.Seconds()})
	}
	mux.HandleFunc("GET /music", func(w http.ResponseWriter, r *http.Request) { answer(w, r, false, nil) })
	mux.HandleFunc("DELETE /music", func(w http.ResponseWriter, r *http.Request) { answer(w, r, true, nil) })
	mux.HandleFunc("PUT /music", func(w http.ResponseWriter, r *http.Request) {
		ogg, err := io.ReadAll(http.MaxBytesReader(w, r.Body, media.MaxMusicBytes+1))
		if err != nil {
			httpx.Problem(w, r, gateway.Errorf(gateway.TooLarge, "music has at most %d MB", media.MaxMusicBytes>>20))
			return
		}
		answer(w, r, true, ogg)
	})
}

// musicCommand is `backline music`.
func (m *Main) musicCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("music", flag.ContinueOnError)
	if len(args) == 0 {
		return usagef("want: music show, music set FILE or music default")
	}
	word, file, rest := args[0], "", args[1:]
	if word == "set" {
		if len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
			return usagef("want: music set FILE, an Ogg file with Opus")
		}
		file, rest = rest[0], rest[1:]
	}
	folder, c, err := m.linkFlags(flags, rest)
	if err != nil {
		return err
	}
	method, body := http.MethodGet, any(nil)
	switch word {
	case "show":
	case "default":
		method = http.MethodDelete
	case "set":
		ogg, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		method, body = http.MethodPut, ogg
	default:
		return usagef("unknown %q: want show, set FILE or default", word)
	}
	return withFolder(ctx, folder, c, func(client *http.Client) error {
		var a musicAnswer
		if err := call(ctx, client, method, "/music", body, &a); err != nil {
			return err
		}
		whose := "that of the program"
		if a.Own {
			whose = fmt.Sprintf("your own, %.0f s", a.Seconds)
		}
		fmt.Fprintf(m.Stdout, "The music for those who wait is %s.\n", whose)
		return nil
	})
}
