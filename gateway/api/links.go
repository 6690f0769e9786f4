package api

import (
	"net/http"

	"backline/gateway"
	"backline/gateway/links"
)

type linkList struct {
	Links  []links.View `json:"links"`
	Cursor string       `json:"cursor"` // "" at the end
}

func (a *API) listLinks(r *http.Request) (int, any, error) {
	n, err := limit(r)
	if err != nil {
		return 0, nil, err
	}
	q := r.URL.Query()
	page, cursor, err := a.opts.Links.List(links.Filter{Campaign: q.Get("campaign"), Cursor: q.Get("cursor"), Limit: n})
	if err != nil {
		return 0, nil, err
	}
	out := linkList{Links: make([]links.View, len(page)), Cursor: cursor}
	for i, l := range page {
		out.Links[i] = a.opts.Links.View(l)
	}
	return http.StatusOK, out, nil
}

func (a *API) createLink(r *http.Request) (int, any, error) {
	b, err := body[links.Request](r)
	if err != nil {
		return 0, nil, err
	}
	l, err := a.opts.Links.Make(r.Context(), b, a.opts.By(r))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, a.opts.Links.View(l), nil
}

func (a *API) revokeLink(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, a.opts.Links.Revoke(r.Context(), gateway.LinkID(r.PathValue("id")), a.opts.By(r))
}
