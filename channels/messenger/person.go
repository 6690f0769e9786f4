package messenger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"backline/channels"
	"backline/gateway"
)

// actionTimeout: a sign of typing that comes late is worth nothing.
const actionTimeout = 5 * time.Second

type actionBody struct {
	Recipient recipient `json:"recipient"`
	Action    string    `json:"sender_action"`
}

// Typing shows the person for 20 s, or until the next message, that somebody writes.
func (c *Channel) Typing(ctx context.Context, to gateway.Identity) { c.action(ctx, to, "typing_on") }

// MarkSeen shows the person that their messages were seen.
func (c *Channel) MarkSeen(ctx context.Context, to gateway.Identity) { c.action(ctx, to, "mark_seen") }

func (c *Channel) action(ctx context.Context, to gateway.Identity, name string) {
	if !slices.Contains(c.o.Pages, to.Account) || to.Remote == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	var answer struct{}
	if err := c.call(ctx, http.MethodPost, to.Account+"/messages", nil, actionBody{recipient{to.Remote}, name}, &answer); err != nil {
		c.log.Debug("sender action failed", "action", name, "err", err)
	}
}

// Profile asks for the person's name and picture. Meta tells neither about some people: that is a zero
// profile and no error. The picture's URL expires.
func (c *Channel) Profile(ctx context.Context, who gateway.Identity) (channels.ContactProfile, error) {
	if who.Remote == "" || strings.Trim(who.Remote, "0123456789") != "" {
		return channels.ContactProfile{}, nil // not an id of Graph's, and it would be part of a path
	}
	var answer struct {
		First   string `json:"first_name"`
		Last    string `json:"last_name"`
		Picture string `json:"profile_pic"`
	}
	err := c.call(ctx, http.MethodGet, who.Remote, url.Values{"fields": {"first_name,last_name,profile_pic"}}, nil, &answer)
	if e, ok := errors.AsType[*channels.SendError](err); ok && e.Code == channels.Unreachable {
		return channels.ContactProfile{}, nil // 100/2018218: no profile
	}
	if err != nil {
		return channels.ContactProfile{}, fmt.Errorf("look up profile: %w", err)
	}
	p := channels.ContactProfile{Name: clean(strings.TrimSpace(answer.First+" "+answer.Last), 200)}
	if webAddress(answer.Picture) {
		p.PictureURL = answer.Picture
	}
	return p, nil
}
