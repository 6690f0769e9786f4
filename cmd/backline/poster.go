package main

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"backline/gateway"
	"backline/gateway/access"
	"backline/gateway/poster"
)

// signedIn lets agents and tokens through; a browser of somebody else is led to where one signs in.
func (a *App) signedIn(next http.Handler) http.Handler {
	inside := a.access.Require(access.RoleAgent)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := a.access.Identify(r); !ok && r.Header.Get("Authorization") == "" {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		inside.ServeHTTP(w, r)
	})
}

// contactSheet is how to reach the company now, to print and hang up.
func (a *App) contactSheet(ctx context.Context) (poster.Sheet, error) {
	report, err := a.live.Emergency(ctx)
	if err != nil {
		return poster.Sheet{}, err
	}
	c := a.config
	s := poster.Sheet{Company: c.Company.Name, Main: "en", On: report.On, Notice: map[string]string{}, At: time.Now(),
		Pages: a.accounts(gateway.ChannelMessenger)}
	if language, _, _ := strings.Cut(c.Company.Language, "-"); language == "de" {
		s.Main = "de"
	}
	texts := emergencyTexts(c)
	for _, language := range []string{"de", "en"} { // the built-in texts say what works "here", which is not on paper
		s.Notice[language] = cmp.Or(report.Given[language], c.Emergency.Text[language], texts.Broken(language))
	}
	for _, e := range c.Entries {
		for _, origin := range e.Origins {
			if !slices.Contains(s.Sites, origin) {
				s.Sites = append(s.Sites, origin)
			}
		}
	}
	for _, number := range a.accounts(gateway.ChannelSMS) {
		s.Numbers = append(s.Numbers, readable(number))
	}
	s.Talk, err = a.talkDoors(ctx)
	return s, err
}

// talkDoors are the standing links of the queues.
func (a *App) talkDoors(ctx context.Context) ([]poster.Door, error) {
	if !hasCalls(a.config) {
		return nil, nil
	}
	var out []poster.Door
	for _, q := range a.config.Queues {
		l, err := a.links.Public(ctx, gateway.QueueTarget(q.ID), "printed page")
		if err != nil {
			return nil, err
		}
		out = append(out, poster.Door{Name: q.Name, URL: a.links.URL(l)})
	}
	return out, nil
}

// readable writes a number with gaps.
func readable(number string) string {
	n, err := phonenumbers.Parse(number, "ZZ")
	if err != nil {
		return number
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}
