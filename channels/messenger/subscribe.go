package messenger

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"backline/channels"
	"backline/gateway"
)

// Meta takes an app off a page after an hour of failed webhooks and tells nobody: from then on customers
// write into the void. So the subscription is looked at, first when the gateway's own start is over.
const (
	checkFirst = time.Minute
	checkEvery = 10 * time.Minute
)

const alarmUnsubscribed = "unsubscribed"

// webhookFields is everything that events.go understands.
var webhookFields = strings.Join([]string{"messages", "message_echoes", "message_edits", "message_reactions", "message_deliveries",
	"message_reads", "messaging_postbacks", "messaging_referrals", "messaging_optins", "messaging_handovers", "messaging_policy_enforcement",
	"messaging_account_linking", "standby"}, ",")

// Run looks after the subscriptions until ctx ends: it subscribes the app to its pages again when Meta has
// taken it off, and raises the alarm "unsubscribed" where that fails.
func (c *Channel) Run(ctx context.Context, sink channels.Sink) error {
	defer c.http.CloseIdleConnections()
	s := subscriptions{c: c, sink: sink, told: map[string]state{}}
	timer := time.NewTimer(checkFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for _, page := range c.o.Pages {
			s.check(ctx, page)
		}
		timer.Reset(checkEvery)
	}
}

// state of one page's subscription, as far as the journal was told.
type state string

const (
	subscribed   state = "subscribed"
	unsubscribed state = "unsubscribed"
)

// subscriptions is owned by Run.
type subscriptions struct {
	c    *Channel
	sink channels.Sink
	told map[string]state // by page; nothing yet after a start
}

func (s *subscriptions) check(ctx context.Context, page string) {
	on, err := s.c.subscribed(ctx, page)
	if err == nil && !on {
		s.c.log.Warn("the app was not subscribed to its page: messages may have been lost", "page", page)
		if err := s.c.subscribe(ctx, page); err != nil {
			s.c.log.Warn("the app cannot be subscribed to its page", "page", page, "err", err)
			s.tell(ctx, page, unsubscribed, "Meta delivers nothing from this page: the app is not subscribed and may not subscribe itself")
			return
		}
		on = true
	}
	if err != nil {
		// Graph cannot be asked, which says nothing about the subscription.
		s.c.log.Debug("subscription not looked up", "page", page, "err", err)
		return
	}
	s.tell(ctx, page, subscribed, "the app is subscribed to the page")
}

// tell writes down a change, and the first finding after a start: an earlier process may have left an alarm.
func (s *subscriptions) tell(ctx context.Context, page string, now state, detail string) {
	if s.told[page] == now {
		return
	}
	err := s.sink.Accept(ctx, gateway.Fact{
		Key:     factKey(page, "subscription", string(now), time.Now().UTC().Format(time.RFC3339Nano)),
		Channel: gateway.ChannelMessenger,
		Event: gateway.ChannelAlarm{Channel: gateway.ChannelMessenger, Account: page, Code: alarmUnsubscribed,
			Detail: detail, Cleared: now == subscribed},
	})
	if err != nil {
		s.c.log.Warn("alarm not written", "page", page, "err", err)
		return // again at the next look
	}
	s.told[page] = now
}

// subscribed asks whether Meta sends us the page's events.
func (c *Channel) subscribed(ctx context.Context, page string) (bool, error) {
	var answer struct {
		Data []struct {
			ID ident `json:"id"`
		} `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, page+"/subscribed_apps", nil, nil, &answer); err != nil {
		return false, err
	}
	if c.o.AppID == "" {
		return len(answer.Data) > 0, nil // a page token sees its own app
	}
	for _, app := range answer.Data {
		if string(app.ID) == c.o.AppID {
			return true, nil
		}
	}
	return false, nil
}

func (c *Channel) subscribe(ctx context.Context, page string) error {
	var answer struct{}
	return c.call(ctx, http.MethodPost, page+"/subscribed_apps", url.Values{"subscribed_fields": {webhookFields}}, nil, &answer)
}
