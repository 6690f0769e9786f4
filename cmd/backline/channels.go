package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"backline/channels"
	"backline/channels/click2talk"
	"backline/channels/email"
	"backline/channels/livechat"
	"backline/channels/messenger"
	"backline/channels/sms"
	"backline/channels/sms/telnyx"
	"backline/channels/sms/twilio"
	"backline/gateway"
	"backline/gateway/config"
	"backline/gateway/live"
	"backline/gateway/wire"
)

// channelSet is every channel that is switched on, and what the other parts need of them.
type channelSet struct {
	byName   map[string]channels.Channel
	feed     *visitorFeed
	livechat *livechat.Channel
}

// visitorFeed breaks the circle between livechat and live; set once, before anything runs.
type visitorFeed struct{ *live.Live }

// openChannels makes the channels that the configuration switches on: ten lines anyone can read.
func openChannels(a *App) (*channelSet, error) {
	s := &channelSet{byName: map[string]channels.Channel{}, feed: &visitorFeed{}}
	for _, open := range []func(*App) error{s.openClick2Talk, s.openClick2Meet, s.openLivechat, s.openMessenger, s.openSMS, s.openEmail} {
		if err := open(a); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *channelSet) openClick2Talk(*App) error {
	s.byName[gateway.ChannelClick2Talk] = click2talk.Channel{}
	return nil
}

func (s *channelSet) openLivechat(a *App) error {
	c := a.config
	secret, err := keptSecret(filepath.Join(c.Data, livechatKey))
	if err != nil {
		return err
	}
	var sites []livechat.Site
	for _, e := range c.Entries {
		if e.Channel == gateway.ChannelLivechat {
			sites = append(sites, livechat.Site{Name: e.Site, Origins: e.Origins})
		}
	}
	s.livechat, err = livechat.New(livechat.Options{Sites: sites, Secret: secret, OwnOrigin: originOf(c.PublicURL), Feed: s.feed,
		Company: a.company(), Save: a.saveFile, File: a.file, Voice: voice{a.files}, PerAddress: c.Limits.VisitorsPerAddress,
		Calls: a.pageCalls(), Relays: a.callRelays, Guest: a.guest,
		OnRejected: a.metrics.reject(gateway.ChannelLivechat), Log: a.log})
	if err != nil {
		return err
	}
	s.byName[s.livechat.Name()] = s.livechat
	return nil
}

func (s *channelSet) openMessenger(a *App) error {
	c := a.config.Messenger
	if !c.On() {
		return nil
	}
	ch, err := messenger.New(messenger.Options{Pages: a.accounts(gateway.ChannelMessenger), AppID: c.AppID, AppSecret: string(c.AppSecret),
		VerifyToken: string(c.VerifyToken), PageToken: string(c.PageToken), GraphURL: c.GraphURL, GraphVersion: c.GraphVersion,
		Log: a.log, OnRejected: a.metrics.reject(gateway.ChannelMessenger)})
	if err != nil {
		return err
	}
	s.byName[ch.Name()] = ch
	return nil
}

func (s *channelSet) openSMS(a *App) error {
	c := a.config.SMS
	o := sms.Options{Log: a.log}
	for _, name := range c.Providers {
		p, err := a.smsProvider(name)
		if err != nil {
			return err
		}
		o.Providers = append(o.Providers, p)
	}
	if len(o.Providers) == 0 {
		return nil
	}
	ch, err := sms.New(o)
	if err != nil {
		return err
	}
	s.byName[ch.Name()] = ch
	return nil
}

// openEmail sends single mails where mail is set up.
func (s *channelSet) openEmail(a *App) error {
	if a.config.Mail.SMTP == "" {
		return nil
	}
	relay, err := relayOf(a.config)
	if err != nil {
		return err
	}
	ch := email.New(email.Options{Relay: relay, Subject: a.config.Company.Name})
	s.byName[ch.Name()] = ch
	return nil
}

func (a *App) smsProvider(name string) (sms.Provider, error) {
	reject := a.metrics.reject(gateway.ChannelSMS)
	switch name {
	case "twilio":
		t := a.config.SMS.Twilio
		return twilio.New(twilio.Options{AccountSID: t.AccountSID, AuthToken: string(t.AuthToken), AuthTokenSecondary: string(t.AuthTokenSecondary),
			APIKey: t.APIKey, APISecret: string(t.APISecret), MessagingServiceSID: t.MessagingServiceSID, APIURL: t.APIURL,
			PublicURL: a.config.PublicURL, Numbers: a.hosted(func(e config.Entry) string { return e.TwilioNumber }), OnRejected: reject, Log: a.log})
	case "telnyx":
		t := a.config.SMS.Telnyx
		return telnyx.New(telnyx.Options{APIKey: string(t.APIKey), PublicKey: t.PublicKey, MessagingProfileID: t.MessagingProfileID, APIURL: t.APIURL,
			PublicURL: a.config.PublicURL, Numbers: a.hosted(func(e config.Entry) string { return e.TelnyxNumber }), OnRejected: reject, Log: a.log})
	}
	return nil, fmt.Errorf("sms.providers: %q is not known", name)
}

// hosted are the entries' numbers as one provider knows them.
func (a *App) hosted(own func(config.Entry) string) sms.Numbers {
	n := sms.Numbers{}
	for _, e := range a.config.Entries {
		if e.Channel == gateway.ChannelSMS {
			n[e.Number] = cmp.Or(own(e), e.Number)
		}
	}
	return n
}

// accounts are our sides of a channel's entries: pages, numbers.
func (a *App) accounts(channel string) []string {
	var out []string
	for _, e := range a.config.Entries {
		if e.Channel == channel {
			out = append(out, e.Account())
		}
	}
	return out
}

// typing shows the customer that an agent types, where the network can.
func (s *channelSet) typing(ctx context.Context, to gateway.Identity) {
	if t, ok := s.byName[to.Channel].(channels.Typist); ok {
		t.Typing(ctx, to)
	}
}

// seen tells the customer that an agent has read, where the network can.
func (s *channelSet) seen(ctx context.Context, to gateway.Identity) {
	if r, ok := s.byName[to.Channel].(channels.Reader); ok {
		r.MarkSeen(ctx, to)
	}
}

// prepare are the credentials for attachments that providers keep.
func (s *channelSet) prepare() map[string]func(*http.Request) {
	out := map[string]func(*http.Request){}
	for name, ch := range s.byName {
		if f, ok := ch.(channels.MediaFetcher); ok {
			out[name] = f.PrepareMedia
		}
	}
	return out
}

// profilers are the networks that tell who somebody is.
func (s *channelSet) profilers() map[string]channels.Profiler {
	out := map[string]channels.Profiler{}
	for name, ch := range s.byName {
		if p, ok := ch.(channels.Profiler); ok {
			out[name] = p
		}
	}
	return out
}

// windows are the reply windows of networks that have one.
func windows() map[string]func(lastInbound, now time.Time) *wire.Window {
	return map[string]func(lastInbound, now time.Time) *wire.Window{gateway.ChannelMessenger: messenger.Window}
}

// keptSecret reads a key of the data folder, or makes it. With a new key what was signed before is good no more:
// every visitor is a stranger again.
func keptSecret(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails: crypto/rand
		if err := replaceFile(path, key); err != nil {
			return nil, fmt.Errorf("keep a key: %w", err)
		}
		return key, nil
	case err != nil:
		return nil, fmt.Errorf("read a key: %w", err)
	case len(key) < 32:
		return nil, fmt.Errorf("%s is shorter than 32 bytes: restore it from a backup, or delete it (what was signed with it is then good no more)", path)
	}
	return key, nil
}

// originOf is scheme and host of an address, as browsers write an origin.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // config has checked it
	}
	return u.Scheme + "://" + u.Host
}
