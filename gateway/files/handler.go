package files

import (
	"errors"
	"mime"
	"net/http"

	"backline/gateway"
)

// Handler serves GET and HEAD of /files/{id} and /files/{id}/{name}; the name is for people and not looked at.
// With ?download the browser saves the file in any case.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /files/{id}", s.serve)
	mux.HandleFunc("GET /files/{id}/{name}", s.serve)
	return mux
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	// These hold for errors too. Widgets on other sites show our pictures, hence cross-origin.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	id := gateway.FileID(r.PathValue("id"))
	m, err := s.Get(id)
	if err == nil {
		err = s.send(w, r, m)
	}
	if err != nil {
		fail(w, err)
	}
}

func (s *Store) send(w http.ResponseWriter, r *http.Request, m Meta) error {
	f, err := s.Content(m.ID)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Cache-Control", "private, max-age=31536000, immutable") // a stored file never changes
	h.Set("ETag", `"`+string(m.ID)+`"`)
	h.Set("Content-Type", m.ContentType)
	if m.ContentType == plain.mime || m.ContentType == csv.mime {
		h.Set("Content-Type", m.ContentType+"; charset=utf-8")
	}
	how := "attachment"
	// Only what cannot run anything is shown in place.
	if (m.Kind == "image" || m.Kind == "audio" || m.Kind == "video") && !r.URL.Query().Has("download") {
		how = "inline"
	}
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": m.Name}))
	http.ServeContent(w, r, m.Name, m.CreatedAt, f)
	return nil
}

// fail answers without details: whoever guesses at addresses learns nothing.
func fail(w http.ResponseWriter, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind == gateway.NotFound {
		http.Error(w, e.Msg, http.StatusNotFound)
		return
	}
	http.Error(w, "The file cannot be read at the moment.", http.StatusServiceUnavailable)
}
