package api

import (
	"errors"
	"io"
	"net/http"
	"time"

	"backline/gateway"
)

// maxMusicBytes is a little more than media takes, so that media sees the excess and says so.
const maxMusicBytes = 8<<20 + 1

// Music is the music that callers hear while they wait and are on hold.
type Music interface {
	// Info says whether it is the operator's own, and how long it plays.
	Info() (own bool, long time.Duration)
	// Set keeps an Ogg file with Opus and plays it from now on; nil goes back to ours. The error is a *gateway.Error.
	Set(ogg []byte) error
}

type musicAnswer struct {
	Own     bool    `json:"own"`
	Seconds float64 `json:"seconds"`
}

func (a *API) holdMusic(*http.Request) (int, any, error) {
	if a.opts.Music == nil {
		return 0, nil, gateway.Errorf(gateway.NotFound, "calls are switched off here: see rtc.media")
	}
	own, long := a.opts.Music.Info()
	return http.StatusOK, musicAnswer{own, long.Seconds()}, nil
}

func (a *API) setHoldMusic(r *http.Request) (int, any, error) {
	file, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return 0, nil, gateway.Errorf(gateway.TooLarge, "music has at most %d bytes", tooLarge.Limit-1)
	}
	if err != nil {
		return 0, nil, &gateway.Error{Kind: gateway.Invalid, Msg: "the file is cut off", Err: err}
	}
	return a.changeMusic(r, file)
}

func (a *API) dropHoldMusic(r *http.Request) (int, any, error) { return a.changeMusic(r, nil) }

func (a *API) changeMusic(r *http.Request, file []byte) (int, any, error) {
	switch {
	case !a.opts.Person(r).Admin:
		return 0, nil, gateway.Errorf(gateway.Forbidden, "only an administrator may change the music; ask one of them")
	case a.opts.Music == nil:
		return a.holdMusic(r)
	}
	if err := a.opts.Music.Set(file); err != nil {
		return 0, nil, err
	}
	return a.holdMusic(r)
}
