// Package api is the REST side of the gateway, /api/v1/…, for the console and for scripts. Requests are
// authorised before they come here (package access); answers are JSON, errors problem+json (RFC 9457).
//
// What a script changes is durable when it is answered, and what it reads next has it: commands wait until
// the live state has seen their event.
package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"backline/gateway"
	"backline/gateway/history"
	"backline/gateway/httpx"
	"backline/gateway/links"
	"backline/gateway/live"
	"backline/gateway/quality"
	"backline/gateway/recording"
	"backline/gateway/wire"
)

// openapi describes this package; api_test.go holds it against the routes.
//
//go:embed openapi.json
var openapi []byte

// Options of an API.
type Options struct {
	Live    *live.Live
	History *history.Store
	Links   *links.Store
	Lines   *quality.Report // how good the lines of calls were
	// Agent is who asks; "" for a token that belongs to nobody.
	Agent func(*http.Request) gateway.AgentID
	// By is who asks, for the record: an agent or a token's name.
	By func(*http.Request) string
	// Person is who asks, where it matters who they are.
	Person func(*http.Request) Person
	// Reach is how a person is reached by "sms" or "email"; the error says why not.
	Reach func(way, to string) (gateway.Identity, error)
	// Company speaks to customers in talk links.
	Company wire.Company
	// Music is what waits sound like; nil where there are no calls.
	Music Music
	// Fail writes a problem.
	Fail func(http.ResponseWriter, *http.Request, error)
	// Recordings of calls; MayHear reports whether who asks may listen to one.
	Recordings *recording.Store
	MayHear    func(*http.Request, recording.View) bool
	// SaveFile stores an upload; File looks one up.
	SaveFile func(ctx context.Context, name, contentType string, r io.Reader) (gateway.Attachment, error)
	File     func(context.Context, gateway.FileID) (gateway.Attachment, error)
}

// API answers /api/v1/.
type API struct{ opts Options }

// New returns an API.
func New(o Options) *API { return &API{opts: o} }

// handler answers a request with a status and a value to be written as JSON, or an error.
type handler func(r *http.Request) (int, any, error)

// Routes are the patterns and handlers, without authorisation.
func (a *API) Routes() map[string]http.Handler {
	routes := map[string]handler{
		"GET /api/v1/conversations":                 a.list,
		"GET /api/v1/conversations/{id}":            a.get,
		"GET /api/v1/conversations/{id}/timeline":   a.timeline,
		"POST /api/v1/conversations/{id}/messages":  a.send,
		"POST /api/v1/conversations/{id}/notes":     a.note,
		"POST /api/v1/conversations/{id}/assign":    a.assign,
		"POST /api/v1/conversations/{id}/transfer":  a.transfer,
		"POST /api/v1/conversations/{id}/close":     a.close,
		"POST /api/v1/conversations/{id}/talk-link": a.talkLink,
		"GET /api/v1/recordings/{id}":               a.recording,
		"DELETE /api/v1/recordings/{id}":            a.deleteRecording,
		"GET /api/v1/queues":                        a.queues,
		"GET /api/v1/agents":                        a.agents,
		"GET /api/v1/search":                        a.search,
		"GET /api/v1/links":                         a.listLinks,
		"POST /api/v1/links":                        a.createLink,
		"DELETE /api/v1/links/{id}":                 a.revokeLink,
		"GET /api/v1/hold-music":                    a.holdMusic,
		"DELETE /api/v1/hold-music":                 a.dropHoldMusic,
		"GET /api/v1/emergency":                     a.emergency,
		"PUT /api/v1/emergency":                     a.setEmergency,
		"GET /api/v1/reports/calls":                 a.callReport,
	}
	out := map[string]http.Handler{}
	for pattern, h := range routes {
		out[pattern] = a.json(h)
	}
	out["GET /api/v1/recordings/{id}/tracks/{n}"] = http.HandlerFunc(a.track)
	upload := a.json(a.upload)
	out["POST /api/v1/files"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpx.Body(w, r, wire.MaxFileBytes+1) // one more, so that the store sees the excess and says so
		upload.ServeHTTP(w, r)
	})
	music := a.json(a.setHoldMusic)
	out["PUT /api/v1/hold-music"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpx.Body(w, r, maxMusicBytes)
		music.ServeHTTP(w, r)
	})
	return out
}

// OpenAPI serves the description; it needs no authorisation.
func OpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openapi) // the client may have gone
}

func (a *API) json(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, v, err := h(r)
		if err != nil {
			a.opts.Fail(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if v == nil {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // the client may have gone
	})
}

// maxBody of a JSON request.
const maxBody = 64 << 10

// body decodes a JSON request strictly.
func body[T any](r *http.Request) (T, error) {
	var v T
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return v, gateway.Errorf(gateway.TooLarge, "the body is larger than %d bytes", tooBig.Limit)
		}
		return v, &gateway.Error{Kind: gateway.Invalid, Msg: "the body is not the JSON expected: " + err.Error()}
	}
	if dec.More() {
		return v, gateway.Errorf(gateway.Invalid, "the body has more than one JSON value")
	}
	return v, nil
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

func limit(r *http.Request) (int, error) {
	s := r.URL.Query().Get("limit")
	if s == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		return 0, &gateway.Error{Kind: gateway.Invalid, Field: "limit", Msg: "limit is 1 to 200"}
	}
	return n, nil
}

// states that a filter may name.
var states = []gateway.State{"", gateway.StateWaiting, gateway.StateOffered, gateway.StateActive, gateway.StateWrapUp, gateway.StateClosed}

type conversationList struct {
	Conversations []wire.Conversation `json:"conversations"`
	Cursor        string              `json:"cursor"` // "" at the end
}

func (a *API) list(r *http.Request) (int, any, error) {
	q := r.URL.Query()
	n, err := limit(r)
	if err != nil {
		return 0, nil, err
	}
	f := history.Filter{State: gateway.State(q.Get("state")), Channel: q.Get("channel"), Queue: gateway.QueueID(q.Get("queue")),
		Agent: gateway.AgentID(q.Get("agent")), Contact: gateway.ContactID(q.Get("contact")), Cursor: q.Get("cursor"), Limit: n}
	if !slices.Contains(states, f.State) {
		return 0, nil, &gateway.Error{Kind: gateway.Invalid, Field: "state", Msg: "state is waiting, offered, active, wrap-up or closed"}
	}
	if err := a.settled(r.Context()); err != nil {
		return 0, nil, err
	}
	list, cursor, err := a.opts.History.Conversations(r.Context(), f)
	if err != nil {
		return 0, nil, err
	}
	for i := range list {
		if v, ok := a.opts.Live.Conversation(list[i].ID); ok {
			list[i] = v // with window and presence of this moment
		}
	}
	if list == nil {
		list = []wire.Conversation{}
	}
	return http.StatusOK, conversationList{list, cursor}, nil
}

// settled waits until the history database has what the live state has.
func (a *API) settled(ctx context.Context) error {
	return a.opts.Live.WaitHistory(ctx, a.opts.Live.Head())
}

func id(r *http.Request) gateway.ConversationID { return gateway.ConversationID(r.PathValue("id")) }

func (a *API) get(r *http.Request) (int, any, error) {
	if v, ok := a.opts.Live.Conversation(id(r)); ok {
		return http.StatusOK, v, nil
	}
	if err := a.settled(r.Context()); err != nil {
		return 0, nil, err
	}
	v, err := a.opts.History.Conversation(r.Context(), id(r))
	return http.StatusOK, v, err
}

type timeline struct {
	Items []wire.Item `json:"items"`
	More  bool        `json:"more"` // there are older ones: ask with before = the first position
}

func (a *API) timeline(r *http.Request) (int, any, error) {
	n, err := limit(r)
	if err != nil {
		return 0, nil, err
	}
	var before uint64
	if s := r.URL.Query().Get("before"); s != "" {
		if before, err = strconv.ParseUint(s, 10, 64); err != nil {
			return 0, nil, &gateway.Error{Kind: gateway.Invalid, Field: "before", Msg: "before is a position"}
		}
	}
	if _, _, err := a.get(r); err != nil {
		return 0, nil, err
	}
	if err := a.settled(r.Context()); err != nil {
		return 0, nil, err
	}
	items, more, err := a.opts.History.Timeline(r.Context(), id(r), before, n)
	if items == nil {
		items = []wire.Item{}
	}
	return http.StatusOK, timeline{items, more}, err
}

type messageBody struct {
	Text     string           `json:"text"`
	ClientID string           `json:"client_id"`
	Files    []gateway.FileID `json:"files"`
}

type messageAnswer struct {
	MessageID gateway.MessageID `json:"message_id"`
}

func (a *API) send(r *http.Request) (int, any, error) {
	b, err := body[messageBody](r)
	if err != nil {
		return 0, nil, err
	}
	if len(b.Files) > wire.MaxAttachments {
		return 0, nil, &gateway.Error{Kind: gateway.TooLarge, Field: "files", Msg: "at most 10 files a message"}
	}
	var files []gateway.Attachment
	for _, f := range b.Files {
		att, err := a.opts.File(r.Context(), f)
		if err != nil {
			return 0, nil, err
		}
		files = append(files, att)
	}
	res, err := a.opts.Live.Submit(r.Context(), a.opts.Agent(r), id(r), b.ClientID, b.Text, files)
	return http.StatusAccepted, messageAnswer{res.Message}, err
}

func (a *API) note(r *http.Request) (int, any, error) {
	b, err := body[messageBody](r)
	if err != nil {
		return 0, nil, err
	}
	res, err := a.opts.Live.Note(r.Context(), a.opts.Agent(r), id(r), b.ClientID, b.Text)
	return http.StatusAccepted, messageAnswer{res.Message}, err
}

type targetBody struct {
	To gateway.Target `json:"to"`
}

func (a *API) assign(r *http.Request) (int, any, error) {
	b, err := body[targetBody](r)
	if err != nil {
		return 0, nil, err
	}
	if _, err := a.opts.Live.Assign(r.Context(), a.opts.Agent(r), id(r), b.To); err != nil {
		return 0, nil, err
	}
	return a.get(r)
}

func (a *API) transfer(r *http.Request) (int, any, error) {
	b, err := body[targetBody](r)
	if err != nil {
		return 0, nil, err
	}
	if _, err := a.opts.Live.Transfer(r.Context(), a.opts.Agent(r), id(r), b.To); err != nil {
		return 0, nil, err
	}
	return a.get(r)
}

func (a *API) close(r *http.Request) (int, any, error) {
	if _, err := a.opts.Live.Close(r.Context(), a.opts.Agent(r), id(r)); err != nil {
		return 0, nil, err
	}
	return a.get(r)
}

func (a *API) queues(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{"queues": a.opts.Live.Queues()}, nil
}

func (a *API) agents(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{"agents": a.opts.Live.Agents()}, nil
}

func (a *API) search(r *http.Request) (int, any, error) {
	n, err := limit(r)
	if err != nil {
		return 0, nil, err
	}
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if q == "" || len(q) > 256 {
		return 0, nil, &gateway.Error{Kind: gateway.Invalid, Field: "q", Msg: "q is 1 to 256 characters"}
	}
	if err := a.settled(r.Context()); err != nil {
		return 0, nil, err
	}
	hits, err := a.opts.History.Search(r.Context(), q, n)
	if hits == nil {
		hits = []history.Hit{}
	}
	return http.StatusOK, map[string]any{"hits": hits}, err
}

func (a *API) upload(r *http.Request) (int, any, error) {
	att, err := a.opts.SaveFile(r.Context(), r.URL.Query().Get("name"), r.Header.Get("Content-Type"), r.Body)
	return http.StatusCreated, att, err
}
