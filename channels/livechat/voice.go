package livechat

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/wire"
)

// A voice message comes in pieces, so that a line that breaks costs one piece and not the whole message. The page
// makes up an id for it, 128 random bits, and says
//
//	PUT  /w/voice/{clip}?site=S&offset=N   a piece of at most wire.VoicePiece bytes → {"have"}
//	GET  /w/voice/{clip}?site=S            where to go on → {"have"}
//	POST /w/voice/{clip}?site=S&size=N     that was all → the file, to be named by a message
//
// Each answer comes after the fsync. A piece that does not begin where the upload ends is answered by 409 with
// {"have"}. All three can be said again: nothing is stored twice, and the file is the same.

// voiceAnswer says how many bytes are on disk.
type voiceAnswer struct {
	Have int64 `json:"have"`
}

// clip is the key of a visitor's upload.
func (c *Channel) clip(r *http.Request, visitor string) (string, error) {
	id := r.PathValue("clip")
	if c.opts.Voice == nil {
		return "", gateway.Errorf(gateway.NotFound, "voice messages cannot be left here")
	}
	if len(id) < 16 || !validClientID(id) {
		return "", &gateway.Error{Kind: gateway.Invalid, Field: "clip", Msg: "want 16–64 of A-Z, a-z, 0-9, - and _"}
	}
	return r.URL.Query().Get("site") + "\x00" + visitor + "\x00" + id, nil
}

func (c *Channel) voiceHas(w http.ResponseWriter, r *http.Request, visitor string) error {
	key, err := c.clip(r, visitor)
	if err != nil {
		return err
	}
	have, err := c.opts.Voice.Have(key)
	if err == nil {
		httpx.WriteJSON(w, http.StatusOK, voiceAnswer{have})
	}
	return err
}

func (c *Channel) voicePiece(w http.ResponseWriter, r *http.Request, visitor string) error {
	key, err := c.clip(r, visitor)
	if err != nil {
		return err
	}
	if wait, ok := c.pieces.Allow(visitor); !ok {
		httpx.TooMany(w, r, wait)
		return nil
	}
	offset, err := number(r, "offset")
	if err != nil {
		return err
	}
	httpx.Body(w, r, wire.VoicePiece)
	piece, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return gateway.Errorf(gateway.TooLarge, "a piece has at most %d bytes", tooLarge.Limit)
	}
	// What came of a piece before the line broke is worth keeping: the page asks how far it got.
	have, failed := c.opts.Voice.Add(key, offset, piece, wire.MaxVoiceBytes)
	switch e, _ := errors.AsType[*gateway.Error](failed); {
	case err != nil:
		return gateway.Errorf(gateway.Invalid, "the piece is cut off")
	case e != nil && e.Kind == gateway.Conflicting:
		httpx.WriteJSON(w, http.StatusConflict, voiceAnswer{have})
		return nil
	case failed != nil:
		return failed
	}
	httpx.WriteJSON(w, http.StatusOK, voiceAnswer{have})
	return nil
}

func (c *Channel) voiceDone(w http.ResponseWriter, r *http.Request, visitor string) error {
	key, err := c.clip(r, visitor)
	if err != nil {
		return err
	}
	size, err := number(r, "size")
	if err != nil {
		return err
	}
	if wait, ok := c.uploads.Allow(visitor); !ok {
		httpx.TooMany(w, r, wait)
		return nil
	}
	a, err := c.opts.Voice.Finish(r.Context(), key, fileName(r.Header.Get("X-File-Name")), mediaType(r), size)
	if err == nil {
		httpx.WriteJSON(w, http.StatusCreated, uploadAnswer{a.File, a.Name, a.ContentType, a.SizeBytes})
	}
	return err
}

// number reads a query parameter that counts bytes.
func number(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil || n < 0 || n > wire.MaxVoiceBytes {
		return 0, &gateway.Error{Kind: gateway.Invalid, Field: name, Msg: "want a number of bytes up to " + strconv.Itoa(wire.MaxVoiceBytes)}
	}
	return n, nil
}
