package api

import (
	"net/http"
	"strconv"

	"backline/gateway"
	"backline/gateway/recording"
)

// heard finds a recording that who asks may listen to.
func (a *API) heard(r *http.Request) (recording.View, error) {
	v, err := a.opts.Recordings.View(gateway.RecordingID(r.PathValue("id")))
	if err == nil && !a.opts.MayHear(r, v) {
		err = gateway.Errorf(gateway.Forbidden, "recordings are for agents of their queue, supervisors and administrators")
	}
	return v, err
}

func (a *API) recording(r *http.Request) (int, any, error) {
	v, err := a.heard(r)
	return http.StatusOK, v, err
}

func (a *API) deleteRecording(r *http.Request) (int, any, error) {
	v, err := a.heard(r)
	if err == nil && !a.opts.Person(r).Admin {
		err = gateway.Errorf(gateway.Forbidden, "only an administrator may delete recordings")
	}
	if err == nil {
		err = a.opts.Recordings.Delete(r.Context(), v.ID, a.opts.By(r))
	}
	return http.StatusNoContent, nil, err
}

// track serves one side of a recording, also in parts. Who asks is in the journal before the first byte goes out.
func (a *API) track(w http.ResponseWriter, r *http.Request) {
	v, err := a.heard(r)
	if err != nil {
		a.opts.Fail(w, r, err)
		return
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		n = -1
	}
	f, v, err := a.opts.Recordings.Open(r.Context(), v.ID, n, a.opts.By(r))
	if err != nil {
		a.opts.Fail(w, r, err)
		return
	}
	defer f.Close() // read only: nothing to lose
	h := w.Header()
	h.Set("Content-Type", "audio/ogg")
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", `inline; filename="`+string(v.ID)+"-"+strconv.Itoa(n)+`.ogg"`)
	http.ServeContent(w, r, "", v.StartedAt, f)
}
