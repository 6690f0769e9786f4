package links

import (
	"context"
	"time"

	"backline/gateway"
)

// Request is a link as programs ask for one in JSON. All but To may be missing.
type Request struct {
	To       gateway.Target      `json:"to"`
	Contact  gateway.LinkContact `json:"contact,omitzero"`
	Subject  string              `json:"subject,omitempty"`
	Language string              `json:"language,omitempty"`
	TTL      string              `json:"ttl,omitempty"` // "72h"
	Campaign string              `json:"campaign,omitempty"`
	Key      string              `json:"key,omitempty"`
	// Meet asks for a link to a video meeting, else it is one to a call.
	Meet bool `json:"meet,omitempty"`
	// Public asks for the one standing link of To; it goes with none of the others.
	Public bool `json:"public,omitempty"`
}

// Spec reads a request. The error names the bad field.
func (r Request) Spec(by string) (Spec, error) {
	p := Spec{To: r.To, Contact: r.Contact, Subject: r.Subject, Language: r.Language, Campaign: r.Campaign, Key: r.Key, By: by, Meet: r.Meet}
	if r.TTL == "" {
		return p, nil
	}
	var err error
	if p.TTL, err = time.ParseDuration(r.TTL); err != nil || p.TTL <= 0 {
		return p, bad("ttl", "want a duration like 72h")
	}
	return p, nil
}

// View is a link as it is shown to who may see links. URL is the secret of it.
type View struct {
	Link
	URL string `json:"url"`
}

// View adds the address to a link.
func (s *Store) View(l Link) View { return View{Link: l, URL: s.URL(l)} }

// Make makes the link that a request asks for.
func (s *Store) Make(ctx context.Context, r Request, by string) (Link, error) {
	if r.Public {
		if (r != Request{To: r.To, Public: true}) {
			return Link{}, bad("public", "a public link has nothing but a target")
		}
		return s.Public(ctx, r.To, by)
	}
	p, err := r.Spec(by)
	if err != nil {
		return Link{}, err
	}
	return s.Create(ctx, p)
}
