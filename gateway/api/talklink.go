package api

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/links"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// talkLinkTTL is how long the link of a conversation is good for calling.
const talkLinkTTL = 24 * time.Hour

type talkLinkBody struct {
	ClientID string `json:"client_id"`
	Way      string `json:"way"` // sms, email; "": the conversation's own channel, or what is known of the person
}

// talkLink sends the customer a link with which one tap calls, and the call joins this conversation. The same
// client_id again is the same link and the same message.
func (a *API) talkLink(r *http.Request) (int, any, error) {
	b, err := body[talkLinkBody](r)
	if err != nil {
		return 0, nil, err
	}
	if b.ClientID == "" || len(b.ClientID) > 128 {
		return 0, nil, &gateway.Error{Kind: gateway.Invalid, Field: "client_id", Msg: "client_id is 1 to 128 characters, made by you: the same one again is the same link"}
	}
	c, ok := a.opts.Live.Conversation(id(r))
	if !ok || len(c.Contact.Identities) == 0 {
		return 0, nil, gateway.Errorf(gateway.NotFound, "there is no open conversation %q", id(r))
	}
	to, err := a.wayTo(c, b.Way)
	if err != nil {
		return 0, nil, err
	}
	agent := a.opts.Agent(r)
	target := gateway.QueueTarget(c.Queue)
	if agent != "" {
		target = gateway.AgentTarget(agent)
	}
	language, err := links.CheckLanguage(c.Contact.Language)
	if err != nil {
		language = "" // a browser may say anything
	}
	l, err := a.opts.Links.Create(r.Context(), links.Spec{To: target, Contact: gateway.LinkContact{Name: c.Contact.Name}, Subject: c.Subject,
		Language: language, TTL: talkLinkTTL, By: a.opts.By(r), As: &c.Contact.Identities[0], Key: "talk/" + string(c.ID) + "/" + b.ClientID})
	if err != nil {
		return 0, nil, err
	}
	text := talkText(cmp.Or(language, a.opts.Company.Language), a.opts.Company.Name, a.opts.Links.URL(l))
	var res live.Result
	if to.IsZero() {
		res, err = a.opts.Live.Submit(r.Context(), agent, c.ID, b.ClientID, text, nil)
	} else {
		res, err = a.opts.Live.SubmitTo(r.Context(), agent, c.ID, b.ClientID, text, to)
	}
	return http.StatusAccepted, messageAnswer{res.Message}, err
}

// wayTo is how the person is reached; zero: by the conversation's own channel.
func (a *API) wayTo(c wire.Conversation, way string) (gateway.Identity, error) {
	if way == "" {
		switch {
		case c.Channel == gateway.ChannelSMS || c.Channel == gateway.ChannelMessenger:
			return gateway.Identity{}, nil
		case c.Contact.Phone != "":
			if to, err := a.opts.Reach("sms", c.Contact.Phone); err == nil {
				return to, nil
			}
		}
		way = "email"
	}
	address := map[string]string{"sms": c.Contact.Phone, "email": c.Contact.Email}[way]
	if address == "" {
		return gateway.Identity{}, &gateway.Error{Kind: gateway.Invalid, Field: "way", Msg: "nothing is known of this person to send the link to"}
	}
	if way == "sms" {
		number, err := links.CheckPhone(address)
		if err != nil {
			return gateway.Identity{}, err
		}
		address = number
	}
	return a.opts.Reach(way, address)
}

// talkText is short: it is a text message, and the link is most of it.
func talkText(language, company, url string) string {
	if strings.HasPrefix(language, "de") {
		return company + ": Jetzt mit uns sprechen, einmal tippen genügt: " + url
	}
	return company + ": talk to us now, one tap is enough: " + url
}
