package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/api"
	"backline/gateway/config"
	"backline/gateway/emergency"
	"backline/gateway/links"
	"backline/gateway/live"
	"backline/gateway/router"
)

// hasCalls reports whether customers can call from a browser.
func hasCalls(c *config.Config) bool { return c.RTC.Media != config.NoMedia }

func emergencyTexts(c *config.Config) emergency.Texts {
	return emergency.Texts{Company: c.Company.Name, Language: c.Company.Language, Configured: c.Emergency.Text, Calls: hasCalls(c)}
}

// emergencyOptions is what the configuration says of an emergency, in the words of the live state.
func (a *App) emergencyOptions() (live.Emergency, error) {
	c := a.config
	o := live.Emergency{Texts: emergencyTexts(c), Rules: map[gateway.QueueID]router.Rules{}}
	if hasCalls(c) {
		o.TalkLink = a.talkLink
	}
	changed := *c
	changed.Queues = nil
	for _, q := range c.Queues {
		changed.Queues = append(changed.Queues, c.Emergency.In(q))
	}
	queues, err := routerQueues(&changed)
	for _, q := range queues {
		o.Rules[q.ID] = q.Rules()
	}
	return o, err
}

// emergencyLinkTTL is how long a link in an automatic answer is good: longer than most outages.
const emergencyLinkTTL = 7 * 24 * time.Hour

// talkLink makes the link in one person's automatic answer. What the network says of them and is no name or
// number to us is left out.
func (a *App) talkLink(ctx context.Context, to live.TalkTo) (string, error) {
	spec := links.Spec{To: gateway.QueueTarget(to.Queue), Language: to.Contact.Language, TTL: emergencyLinkTTL, By: "emergency", Key: to.Key,
		Contact: gateway.LinkContact{Name: to.Contact.Name, Email: to.Contact.Email, Phone: to.Contact.Phone}}
	if to.Identity.Channel == gateway.ChannelSMS {
		spec.Contact.Phone = to.Identity.Remote
	}
	l, err := a.links.Create(ctx, spec)
	var bad *gateway.Error
	if errors.As(err, &bad) && bad.Kind == gateway.Invalid {
		spec.Contact, spec.Language = gateway.LinkContact{}, ""
		l, err = a.links.Create(ctx, spec)
	}
	if err != nil {
		return "", err
	}
	return a.links.URL(l), nil
}

// personOf is who presses the emergency switch by REST.
func (a *App) personOf(r *http.Request) api.Person {
	p, _ := access.From(r.Context())
	if p.Agent != "" {
		return api.Person{Name: cmp.Or(p.Name, string(p.Agent)), Log: "agent/" + string(p.Agent), Admin: p.Role == access.RoleAdmin}
	}
	return api.Person{Name: p.Token, Log: "token/" + p.Token, Admin: p.Role == access.RoleAdmin}
}
