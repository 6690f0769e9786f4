package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/links"
)

// byCommand is who makes a link with the command: whoever owns the data folder.
const byCommand = "command line"

// linkPage is how many links one answer of the control socket holds.
const linkPage = 1000

// linkBatch is how many links are made by one request; it is one append, and its body is far below the limit.
const linkBatch = 256

// linkRoutes are the commands about links.
func (c *controls) linkRoutes(mux *http.ServeMux) {
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /links":               c.listLinks,
		"POST /links":              c.makeLink,
		"POST /links/batch":        c.makeLinks,
		"DELETE /links":            c.revokeLinks,
		"POST /links/keys":         c.rotateKey,
		"DELETE /links/{id}":       c.revokeLink,
		"DELETE /links/keys/{key}": c.revokeKey,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if c.links == nil {
				httpx.Problem(w, r, gateway.Errorf(gateway.Invalid, "the gateway is not running: name its configuration with --config, for the links' address"))
				return
			}
			if err := h(w, r); err != nil {
				httpx.Problem(w, r, err)
			}
		})
	}
}

// linkList is a page of links.
type linkList struct {
	Links  []links.View `json:"links"`
	Cursor string       `json:"cursor"`
}

func (c *controls) views(all []links.Link) []links.View {
	out := make([]links.View, len(all))
	for i, l := range all {
		out[i] = c.links.View(l)
	}
	return out
}

func (c *controls) listLinks(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, cursor, err := c.links.List(links.Filter{Campaign: q.Get("campaign"), Cursor: q.Get("cursor"), Limit: linkPage})
	if err == nil {
		httpx.WriteJSON(w, http.StatusOK, linkList{c.views(page), cursor})
	}
	return err
}

func (c *controls) makeLink(w http.ResponseWriter, r *http.Request) error {
	var b links.Request
	if err := httpx.ReadJSON(w, r, &b); err != nil {
		return err
	}
	l, err := c.links.Make(r.Context(), b, byCommand)
	if err == nil {
		httpx.WriteJSON(w, http.StatusCreated, c.links.View(l))
	}
	return err
}

// batchBody is links to be made together.
type batchBody struct {
	Links []links.Request `json:"links"`
}

// makeLinks answers with the links in the order of the requests. The field of an error is that of the bad
// link: links[2].to.
func (c *controls) makeLinks(w http.ResponseWriter, r *http.Request) error {
	var b batchBody
	if err := httpx.ReadJSON(w, r, &b); err != nil {
		return err
	}
	if len(b.Links) > linkBatch {
		return gateway.Errorf(gateway.TooLarge, "at most %d links at once", linkBatch)
	}
	specs := make([]links.Spec, len(b.Links))
	for i, q := range b.Links {
		var err error
		if specs[i], err = q.Spec(byCommand); err != nil {
			return inBatch(i, err)
		}
	}
	made, err := c.links.Mint(r.Context(), specs)
	if e, ok := errors.AsType[*links.SpecError](err); ok {
		return inBatch(e.Index, e.Err)
	}
	if err == nil {
		httpx.WriteJSON(w, http.StatusCreated, linkList{Links: c.views(made)})
	}
	return err
}

func inBatch(i int, err error) error {
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		return &gateway.Error{Kind: e.Kind, Field: strings.TrimSuffix(fmt.Sprintf("links[%d].%s", i, e.Field), "."), Msg: e.Msg, Err: err}
	}
	return err
}

func (c *controls) revokeLink(w http.ResponseWriter, r *http.Request) error {
	err := c.links.Revoke(r.Context(), gateway.LinkID(r.PathValue("id")), byCommand)
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (c *controls) revokeLinks(w http.ResponseWriter, r *http.Request) error {
	err := c.links.RevokeCampaign(r.Context(), r.URL.Query().Get("campaign"), byCommand)
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (c *controls) rotateKey(w http.ResponseWriter, r *http.Request) error {
	key, err := c.rotate(r.Context())
	if err != nil {
		return &gateway.Error{Kind: gateway.Unavailable, Msg: "the new key could not be stored: " + err.Error(), Err: err}
	}
	httpx.WriteJSON(w, http.StatusCreated, map[string]int{"key": key})
	return nil
}

func (c *controls) revokeKey(w http.ResponseWriter, r *http.Request) error {
	key, err := strconv.Atoi(r.PathValue("key"))
	if err != nil {
		return &gateway.Error{Kind: gateway.Invalid, Field: "key", Msg: "want the number of a key"}
	}
	if err := c.links.RevokeKey(r.Context(), key, byCommand); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
