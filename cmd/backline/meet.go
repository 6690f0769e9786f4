package main

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"backline/channels/click2meet"
	"backline/gateway"
	"backline/gateway/hub"
	"backline/gateway/links"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/meet"
	"backline/gateway/meet/sfu"
	"backline/gateway/wire"
)

// meetingLinkTTL is how long the link works that an agent sends into a conversation.
const meetingLinkTTL = 24 * time.Hour

// openMeetings makes the rooms of video meetings. They use the calls' port; without calls there are none.
func (a *App) openMeetings() error {
	if a.engine == nil {
		return nil
	}
	secret, err := keptSecret(filepath.Join(a.config.Data, meetKey))
	if err != nil {
		return err
	}
	late := &lateMeet{}
	clips := map[string][][]byte{}
	for name, ogg := range a.notices {
		if clips[name], err = media.OpusPackets(ogg); err != nil {
			return err
		}
	}
	a.sfu = sfu.New(sfu.Options{Connector: a.engine, Log: a.log, Clips: clips, Levels: len(clips) > 0,
		OnPlayed: func(room, peer, clip string) { late.OnPlayed(room, peer, clip) },
		OnLines:  func(room, peer string, rev uint64, lines sfu.Lines) { late.OnLines(room, peer, rev, lines) },
		OnUp:     func(room, peer string, up bool) { late.OnUp(room, peer, up) }})
	a.meetings = meet.New(meet.Options{Media: a.sfu, Secret: secret, Company: a.company(), Resolve: a.meetingPlace, Link: a.meetingLink,
		Agent: a.meetingAgent, Origin: a.sameOrigin, Log: a.log, Recording: a.meetingRecording(),
		Relays: func(m gateway.MeetingID, person string) []wire.ICEServer {
			return a.relays(gateway.CallID(m), "meet/"+person)
		}})
	late.Desk = a.meetings
	return nil
}

// lateMeet breaks the circle between media and meetings; set before anything runs.
type lateMeet struct{ *meet.Desk }

// meetingPlace says where a meeting's link leads.
func (a *App) meetingPlace(token string) (meet.Place, error) {
	l, err := a.links.Resolve(token, time.Now())
	switch {
	case err != nil:
		return meet.Place{}, err
	case !l.Meet:
		return meet.Place{}, links.ErrUnknown
	}
	p := meet.Place{Name: l.Contact.Name, Subject: l.Subject, Guest: l.As == nil}
	if p.Guest {
		p.Who = gateway.Identity{Channel: gateway.ChannelClick2Meet, Account: "link", Remote: string(l.ID)}
		p.About = gateway.ContactLearned{Name: l.Contact.Name, Email: l.Contact.Email, Phone: l.Contact.Phone, Language: l.Language, Subject: l.Subject}
	} else {
		p.Who, p.Name = *l.As, a.live.NameOf(*l.As)
	}
	p.Staffed = a.live.Status(p.Who, l.Language).Staffed
	return p, nil
}

// meetingLink is the address of a conversation's meeting; asked again it is the same.
func (a *App) meetingLink(ctx context.Context, id gateway.ConversationID, by gateway.AgentID) (string, error) {
	c, known := a.live.Conversation(id)
	who, ok := a.live.IdentityOf(id)
	if !known || !ok {
		return "", gateway.Errorf(gateway.NotFound, "there is no such conversation, or it was closed long ago")
	}
	l, err := a.links.Create(ctx, links.Spec{To: gateway.QueueTarget(c.Queue), TTL: meetingLinkTTL, By: string(by), Meet: true, As: &who,
		Key: "meeting/" + string(id)})
	if err != nil {
		return "", err
	}
	return a.links.URL(l), nil
}

func (a *App) meetingAgent(r *http.Request) (gateway.AgentID, string, bool) {
	p, ok := a.access.Identify(r)
	return p.Agent, p.Name, ok && p.Agent != ""
}

func (s *channelSet) openClick2Meet(a *App) error {
	c := click2meet.Channel{}
	if a.meetings != nil {
		c.Say = a.meetings.Say
	}
	s.byName[gateway.ChannelClick2Meet] = c
	return nil
}

// An interface that holds a nil *meet.Desk is not nil: these hand out a true nil where there are no meetings.

func (a *App) liveMeetings() live.Meetings {
	if a.meetings == nil {
		return nil
	}
	return meetingsHere{a}
}

// meetingsHere hears of meetings where they are at home: at the node that decides.
type meetingsHere struct{ *App }

func (m meetingsHere) MeetingChanged(ch live.MeetingChange) {
	if m.leads() {
		m.meetings.MeetingChanged(ch)
	}
}

func (a *App) hubMeetings() hub.Meetings {
	if a.meetings == nil {
		return nil
	}
	return a.meetings
}
