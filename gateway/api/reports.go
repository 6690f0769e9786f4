package api

import (
	"net/http"

	"backline/gateway/quality"
)

// callReport says how good calls were.
func (a *API) callReport(r *http.Request) (int, any, error) {
	from, to, err := quality.Days(r.URL.Query().Get("days"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, a.opts.Lines.Summary(from, to), nil
}
