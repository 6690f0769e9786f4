package pathcheck

import (
	"net/http"

	"backline/gateway/httpx"
)

// Routes are what the page asks, all below its own address; whoever has the link may.
func (c *Checks) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /check/{token}/start":  http.HandlerFunc(c.serveStart),
		"POST /check/{token}/offer":  http.HandlerFunc(c.serveOffer),
		"POST /check/{token}/result": http.HandlerFunc(c.serveResult),
	}
}

func (c *Checks) serveStart(w http.ResponseWriter, r *http.Request) {
	s, err := c.Start(r.PathValue("token"))
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	httpx.WriteJSON(w, http.StatusOK, s)
}

func (c *Checks) serveOffer(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Key, SDP string
		Path     Path
	}
	err := httpx.ReadJSON(w, r, &b)
	var answer string
	if err == nil {
		answer, err = c.Offer(r.Context(), r.PathValue("token"), b.Key, b.Path, b.SDP)
	}
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	httpx.WriteJSON(w, http.StatusOK, map[string]string{"sdp": answer})
}

func (c *Checks) serveResult(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Key string
		Result
	}
	err := httpx.ReadJSON(w, r, &b)
	if err == nil {
		err = c.Report(r.PathValue("token"), b.Key, b.Result)
	}
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
