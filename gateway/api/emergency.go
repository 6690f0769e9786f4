package api

import (
	"net/http"

	"backline/gateway"
	"backline/gateway/emergency"
	"backline/gateway/wire"
)

// Person is who presses the emergency switch: Name for colleagues, Log for the log of the process, which knows
// no people's names.
type Person struct {
	Name, Log string
	Admin     bool
}

func (a *API) emergency(r *http.Request) (int, any, error) {
	report, err := a.opts.Live.Emergency(r.Context())
	return http.StatusOK, report, err
}

func (a *API) setEmergency(r *http.Request) (int, any, error) {
	who := a.opts.Person(r)
	if !who.Admin {
		return 0, nil, gateway.Errorf(gateway.Forbidden, "only an administrator may press the emergency switch; ask one of them")
	}
	b, err := body[wire.EmergencyPut](r)
	if err != nil {
		return 0, nil, err
	}
	press, err := emergency.Put(b, who.Name)
	if err != nil {
		return 0, nil, err
	}
	report, err := a.opts.Live.SetEmergency(r.Context(), press, who.Log)
	return http.StatusOK, report, err
}
