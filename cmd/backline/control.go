package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/config"
	"backline/gateway/control"
	"backline/gateway/emergency"
	"backline/gateway/httpx"
	"backline/gateway/journal"
	"backline/gateway/journal/sqlite"
	"backline/gateway/links"
	"backline/gateway/quality"
)

// controls is what the control socket answers: for whoever owns the data folder, and for nobody else.
type controls struct {
	access  *access.Store
	links   *links.Store                       // nil when the public address is not known
	rotate  func(context.Context) (int, error) // has a new key sign links
	journal journal.Journal
	removed func(gateway.AgentID) // ends the agent's sockets
	queues  []config.Queue        // nil: not known here

	emergency presser
	lines     *quality.Report
	doctor    func(*http.ServeMux) // nil: no gateway runs
	music     *holdMusic           // nil: calls are switched off
	after     *succession          // nil: nobody may take over
}

func (c *controls) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /agents", func(w http.ResponseWriter, _ *http.Request) {
		httpx.WriteJSON(w, http.StatusOK, c.access.Agents())
	})
	mux.HandleFunc("POST /agents", c.saveAgent)
	mux.HandleFunc("DELETE /agents/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := gateway.AgentID(r.PathValue("id"))
		err := c.access.RemoveAgent(r.Context(), id)
		if err == nil && c.removed != nil {
			c.removed(id)
		}
		done(w, r, err)
	})
	mux.HandleFunc("GET /tokens", func(w http.ResponseWriter, _ *http.Request) {
		httpx.WriteJSON(w, http.StatusOK, c.access.Tokens())
	})
	mux.HandleFunc("POST /tokens", c.createToken)
	mux.HandleFunc("DELETE /tokens/{name}", func(w http.ResponseWriter, r *http.Request) {
		done(w, r, c.access.RevokeToken(r.Context(), r.PathValue("name")))
	})
	c.linkRoutes(mux)
	c.emergencyRoutes(mux)
	c.reportRoutes(mux)
	if c.doctor != nil {
		c.doctor(mux)
	}
	c.musicRoutes(mux)
	c.after.routes(mux)
	mux.HandleFunc("GET /journal", func(w http.ResponseWriter, r *http.Request) {
		if err := journal.Export(r.Context(), c.journal, w); err != nil {
			panic(http.ErrAbortHandler) // the status is out: a cut connection says that it is not whole
		}
	})
	return mux
}

func done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// agentBody is an agent to save; Password may be empty.
type agentBody struct {
	access.Agent
	Password string `json:"password"`
}

func (c *controls) saveAgent(w http.ResponseWriter, r *http.Request) {
	var b agentBody
	if err := httpx.ReadJSON(w, r, &b); err != nil {
		httpx.Problem(w, r, err)
		return
	}
	if b.Password != "" {
		if err := access.CheckPassword(b.Password, b.ID); err != nil {
			httpx.Problem(w, r, err)
			return
		}
	}
	if err := knownQueues(b.Queues, c.queues); err != nil {
		httpx.Problem(w, r, err)
		return
	}
	err := c.access.SaveAgent(r.Context(), b.Agent)
	if err == nil && b.Password != "" {
		err = c.access.SetPassword(r.Context(), b.ID, b.Password)
	}
	done(w, r, err)
}

// knownQueues refuses an agent of a queue that the configuration does not have: nothing would ever ring.
func knownQueues(want []gateway.QueueID, have []config.Queue) *gateway.Error {
	if len(have) == 0 {
		return nil
	}
	for _, id := range want {
		if !slices.ContainsFunc(have, func(q config.Queue) bool { return q.ID == id }) {
			return &gateway.Error{Kind: gateway.Invalid, Field: "queues", Msg: fmt.Sprintf("there is no queue %q in the configuration", id)}
		}
	}
	return nil
}

func (c *controls) createToken(w http.ResponseWriter, r *http.Request) {
	var b struct{ Name, Role string }
	if err := httpx.ReadJSON(w, r, &b); err != nil {
		httpx.Problem(w, r, err)
		return
	}
	token, err := c.access.CreateToken(r.Context(), b.Name, b.Role)
	if err != nil {
		httpx.Problem(w, r, err)
		return
	}
	httpx.WriteJSON(w, http.StatusCreated, map[string]string{"token": token})
}

// control serves the socket of a running gateway. Commands that come while the journal is read wait until it
// is: they are about what it says.
func (a *App) control(ctx context.Context, l net.Listener, after *succession) error {
	select {
	case <-a.live.Replayed():
	case <-ctx.Done():
		return l.Close()
	}
	c := &controls{access: a.access, links: a.links, journal: a.journal, rotate: a.rotateKey, removed: a.hub.Drop, queues: a.config.Queues, emergency: a.live, lines: &a.lines, doctor: a.doctorRoutes, music: a.music, after: after}
	return control.Serve(ctx, l, c.handler(), a.log)
}

// withControl calls do with a client of the running gateway, or, when none runs, of the folder itself.
func withControl(ctx context.Context, data string, do func(*http.Client) error) error {
	return withFolder(ctx, data, nil, do)
}

// withFolder is withControl where c, unless nil, says what a gateway would know of its configuration.
func withFolder(ctx context.Context, data string, c *config.Config, do func(*http.Client) error) error {
	client, err := control.Dial(data)
	if err == nil {
		return do(client)
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	if err := aloneIn(data, c); err != nil {
		return err
	}
	j, err := sqlite.Open(ctx, filepath.Join(data, journalFile), sqlite.Options{})
	if err != nil {
		return err
	}
	defer j.Close()
	texts := emergency.Texts{}
	if c != nil {
		texts = emergencyTexts(c)
	}
	alert := &shelf{journal: j, state: emergency.New(texts)}
	face := &controls{access: access.New(access.Options{Journal: j}), journal: j, emergency: alert, lines: &quality.Report{}, music: shelvedMusic(data)}
	apply := []func(journal.Event) error{face.access.Apply, alert.Apply, face.lines.Apply}
	if c != nil {
		if face.links, err = openLinks(c, j, face.access, nil); err != nil {
			return err
		}
		face.queues = c.Queues
		face.rotate = func(context.Context) (int, error) { return face.links.RotateKey() }
		apply = append(apply, face.links.Apply)
	}
	if err := replay(ctx, j, apply); err != nil {
		return err
	}
	if face.links != nil {
		face.links.Replayed()
	}
	return do(&http.Client{Transport: inProcess{face.handler()}})
}

func replay(ctx context.Context, j journal.Journal, apply []func(journal.Event) error) error {
	for after := journal.Pos(0); ; {
		events, err := j.Read(ctx, after, 1024, 0)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			for _, f := range apply {
				if err := f(e); err != nil {
					return err
				}
			}
		}
		after = events[len(events)-1].Pos
	}
}

// call sends one request to the control handler and decodes its answer into out, if any.
func call(ctx context.Context, c *http.Client, method, path string, in, out any) error {
	var body io.Reader
	if raw, ok := in.([]byte); ok {
		body = bytes.NewReader(raw)
	} else if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = strings.NewReader(string(data))
	}
	req, err := http.NewRequestWithContext(ctx, method, control.Base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		p := refusal{Status: res.Status}
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
			p.Detail = ""
		}
		return &p
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// refusal is what the gateway answers instead of doing it.
type refusal struct {
	Status string `json:"-"`
	Detail string `json:"detail"`
	Field  string `json:"field"`
}

func (e *refusal) Error() string {
	switch {
	case e.Detail == "":
		return "the gateway answered " + e.Status
	case e.Field != "":
		return e.Field + ": " + e.Detail
	}
	return e.Detail
}
