package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"backline/channels"
	"backline/channels/livechat"
	"backline/gateway"
	"backline/gateway/calls"
	"backline/gateway/config"
	"backline/gateway/hub"
	"backline/gateway/links"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/wire"
)

// openCalls binds the calls' port. Without calls it leaves a.calls nil.
func (a *App) openCalls(bind func(string) (*media.Bound, error)) error {
	c := a.config.RTC
	if c.Media == config.NoMedia {
		return nil
	}
	o := media.Options{Listen: c.Media, STUN: c.STUN, Log: a.log}
	for _, s := range c.PublicIPs {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("rtc.public_ips: %w", err)
		}
		o.PublicIPs = append(o.PublicIPs, ip)
	}
	clips, err := a.recordingClips(&o)
	if err != nil {
		return err
	}
	late := &lateDesk{}
	o.OnEvent = func(e media.Event) { late.OnMedia(e) }
	o.OnMeasured = func(m media.Measured) { a.meter.Ended(m) } // set before anything runs
	if bind != nil {
		if o.Bound, err = bind(c.Media); err != nil {
			return noMedia(c.Media, err)
		}
	}
	engine, err := media.New(o)
	if err != nil {
		return noMedia(c.Media, err)
	}
	a.engine = engine
	a.calls = calls.New(calls.Options{Media: engine, Allow: a.allowCall, Done: a.callDone, Log: a.log, Recording: a.callRecording(engine, clips),
		Bus: a.journal.bus, Leads: a.leads, Relays: a.relays})
	late.Desk = a.calls
	return a.openMusic()
}

func noMedia(at string, err error) error {
	return fmt.Errorf("rtc.media %s: %w (another program has the port: choose another, or %q for no calls)", at, err, config.NoMedia)
}

// lateDesk breaks the circle between media and calls; set before anything runs.
type lateDesk struct{ *calls.Desk }

// linkOf is the link that a customer came by: the part of Remote before a public link's visitor.
func linkOf(who gateway.Identity) (gateway.LinkID, bool) {
	if who.Channel != gateway.ChannelClick2Talk && who.Channel != gateway.ChannelClick2Meet {
		return "", false
	}
	id, _, _ := strings.Cut(who.Remote, ".")
	return gateway.LinkID(id), true
}

func (a *App) linkBehind(who gateway.Identity) (links.Link, bool) {
	id, ok := linkOf(who)
	if !ok {
		return links.Link{}, false
	}
	return a.links.Get(id)
}

// guest says who came by a link. One that has expired is still good for writing to us; the error of a revoked or
// unknown one is that of links.Store.Resolve.
func (a *App) guest(token string) (channels.Guest, error) {
	l, err := a.links.Resolve(token, time.Now())
	if l.Meet {
		return channels.Guest{}, links.ErrUnknown // it leads to a meeting, by another page
	}
	expired := errors.Is(err, links.ErrExpired) && l.ID != ""
	if err != nil && !expired {
		return channels.Guest{}, err
	}
	g := channels.Guest{Link: l.ID, Public: l.Public, Calls: !expired, To: a.targetName(l.To), Expires: l.ExpiresAt,
		About: gateway.ContactLearned{Name: l.Contact.Name, Email: l.Contact.Email, Phone: l.Contact.Phone, Language: l.Language, Subject: l.Subject}}
	if l.As != nil {
		g.As, g.Since = *l.As, l.Pos
	}
	return g, nil
}

// entryOf is where somebody with a link arrives.
func (a *App) entryOf(who gateway.Identity) (live.Entry, bool) {
	l, ok := a.linkBehind(who)
	if !ok {
		return live.Entry{}, false
	}
	e := live.Entry{Name: who.Channel + "/link", Channel: who.Channel, Account: "link", To: l.To, Queue: l.To.Queue()}
	if id := l.To.Agent(); id != "" {
		e.Queue = a.fallback(id)
	}
	return e, true
}

// fallback is the queue that takes an agent's work while they are away: the first of theirs, else the first.
func (a *App) fallback(id gateway.AgentID) gateway.QueueID {
	if g, ok := a.access.Agent(id); ok && len(g.Queues) > 0 {
		return g.Queues[0]
	}
	if len(a.config.Queues) > 0 {
		return a.config.Queues[0].ID
	}
	return ""
}

// allowCall holds a link to its limits.
func (a *App) allowCall(who gateway.Identity, call gateway.CallID) error {
	id, ok := linkOf(who)
	if !ok {
		return nil
	}
	return a.links.Allow(id, call, time.Now())
}

func (a *App) callDone(who gateway.Identity, call gateway.CallID) {
	if a.relay != nil {
		a.relay.server.End(string(call))
	}
	if id, ok := linkOf(who); ok {
		a.links.Done(id, call)
	}
}

// targetName is a queue's or an agent's name as customers may read it.
func (a *App) targetName(to gateway.Target) string {
	if id := to.Agent(); id != "" {
		g, _ := a.access.Agent(id)
		return g.Name
	}
	i := slices.IndexFunc(a.config.Queues, func(q config.Queue) bool { return q.ID == to.Queue() })
	if i < 0 {
		return ""
	}
	return a.config.Queues[i].Name
}

// callRelays are the TURN servers of the node that has a call.
func (a *App) callRelays(call gateway.CallID, side string) []wire.ICEServer {
	if a.calls == nil {
		return nil
	}
	return a.calls.Relays(call, side)
}

// An interface that holds a nil *calls.Desk is not nil: these hand out a true nil where calls are switched off.

func (a *App) liveCalls() live.Calls {
	if a.calls == nil {
		return nil
	}
	return a.calls
}

func (a *App) hubCalls() hub.Calls {
	if a.calls == nil {
		return nil
	}
	return a.calls
}

func (a *App) pageCalls() livechat.Calls {
	if a.calls == nil {
		return nil
	}
	return a.calls
}
