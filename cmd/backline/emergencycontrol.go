package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"backline/gateway"
	"backline/gateway/emergency"
	"backline/gateway/httpx"
	"backline/gateway/journal"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// presser is the emergency switch: of a running gateway, or of its folder.
type presser interface {
	Emergency(ctx context.Context) (wire.EmergencyReport, error)
	SetEmergency(ctx context.Context, r emergency.Request, by string) (wire.EmergencyReport, error)
}

// emergencyAnswer says also whether anybody sees it.
type emergencyAnswer struct {
	wire.EmergencyReport
	Running bool `json:"running"` // the gateway is
}

func (c *controls) emergencyRoutes(mux *http.ServeMux) {
	answer := func(w http.ResponseWriter, r *http.Request, report wire.EmergencyReport, err error) {
		if err != nil {
			httpx.Problem(w, r, err)
			return
		}
		_, folder := c.emergency.(*shelf)
		httpx.WriteJSON(w, http.StatusOK, emergencyAnswer{report, !folder})
	}
	mux.HandleFunc("GET /emergency", func(w http.ResponseWriter, r *http.Request) {
		report, err := c.emergency.Emergency(r.Context())
		answer(w, r, report, err)
	})
	mux.HandleFunc("PUT /emergency", func(w http.ResponseWriter, r *http.Request) {
		var b wire.EmergencyPut
		err := httpx.ReadJSON(w, r, &b)
		var press emergency.Request
		if err == nil {
			press, err = emergency.Put(b, byCommand)
		}
		var report wire.EmergencyReport
		if err == nil {
			report, err = c.emergency.SetEmergency(r.Context(), press, byCommand)
		}
		answer(w, r, report, err)
	})
}

// shelf is the switch of a folder that no gateway has open. It belongs to one goroutine.
type shelf struct {
	journal journal.Journal
	state   *emergency.Switch
}

func (s *shelf) Emergency(context.Context) (wire.EmergencyReport, error) {
	return s.state.Report(), nil
}

func (s *shelf) Apply(e journal.Event) error {
	if e.Stream != gateway.EmergencyStream {
		return nil
	}
	ev, err := gateway.DecodeEvent(e.Type, e.Data)
	if errors.Is(err, gateway.ErrUnknownEvent) {
		return nil
	}
	if changed, ok := ev.(gateway.EmergencyChanged); ok {
		s.state.Apply(e.Pos, e.Version, e.At, changed)
	}
	return err
}

func (s *shelf) SetEmergency(ctx context.Context, r emergency.Request, _ string) (wire.EmergencyReport, error) {
	ev, err := s.state.Set(r)
	if err != nil || ev == nil {
		return s.state.Report(), err
	}
	now := time.Now().UTC()
	receipt, err := s.journal.Append(ctx, live.Write(gateway.EmergencyStream, s.state.Version(), "", now, ev))
	if err != nil {
		return wire.EmergencyReport{}, &gateway.Error{Kind: gateway.Unavailable, Msg: "it could not be stored; try again in a moment", Err: err}
	}
	s.state.Apply(receipt.Pos, receipt.Version, now, ev.(gateway.EmergencyChanged))
	return s.state.Report(), nil
}
