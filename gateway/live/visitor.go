package live

import (
	"context"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/wire"
)

// visitor is one open page of a customer. Frames are bounded; when full, the page is cut off and resumes.
type visitor struct {
	who      gateway.Identity
	language string // of the page, BCP 47, or ""
	frames   chan any
	last     wire.Status
	cut      bool // guarded by Live.mu; frames is closed
}

func (v *visitor) push(frame any) {
	if v.cut {
		return
	}
	select {
	case v.frames <- frame:
	default:
		v.cut = true
		close(v.frames)
	}
}

// visible is what a customer may see of an item: messages, and the events that concern them. Agents' ids,
// notes and reasons stay inside.
func visible(it wire.Item) (wire.Item, bool) {
	it.Conversation, it.ProviderID, it.Extra, it.DeliveryInfo = "", "", nil, ""
	it.From.ID, it.Lines = "", nil
	switch it.Kind {
	case "message":
		if it.From.Kind == "colleague" {
			it.From.Kind = "agent"
		}
		return it, true
	case "event":
		switch it.Event {
		case "assigned":
			it.Data = map[string]string{"agent_name": it.Data["agent_name"]}
		case "closed", "reopened", "queued":
			it.Data = nil
		default:
			return it, false
		}
		return it, true
	case "call":
		if it.Call != nil {
			call := *it.Call
			call.Agent, call.HeldSince, call.Legs, call.Recording = "", nil, nil, nil
			it.Call = &call
		}
		it.Recordings = nil
		if it.Ended != nil {
			ended := *it.Ended
			ended.Agent = ""
			it.Ended = &ended
		}
		return it, true
	}
	return it, false
}

// Follow implements livechat's Feed: what the visitor missed since after, then what happens, until ctx ends
// or the page is too slow.
func (l *Live) Follow(ctx context.Context, who gateway.Identity, language string, after uint64, emit func(frame any) error) error {
	select {
	case <-l.ready:
	case <-ctx.Done():
		return nil
	}
	thread := who.Thread()
	v := &visitor{who: who, language: language, frames: make(chan any, wire.VisitorFrames)}
	head, after := l.addVisitor(thread, v, after)
	defer l.removeVisitor(thread, v)

	if err := l.WaitHistory(ctx, head); err != nil {
		return err
	}
	items, err := l.opts.History.Thread(ctx, thread, after, resumeItems)
	if err != nil {
		return err
	}
	sent := after
	for _, it := range items {
		sent = max(sent, it.Rev)
		if shown, ok := visible(it); ok {
			if err := emit(wire.VisitorItem{Item: shown}); err != nil {
				return err
			}
		}
	}
	if err := emit(wire.VisitorStatus{Status: l.statusOf(thread, who, language)}); err != nil {
		return err
	}
	if err := emit(wire.VisitorReady{Head: max(head, sent)}); err != nil {
		return err
	}
	return v.forward(ctx, sent, emit)
}

// forward sends live frames; items that history has already given are not sent again.
func (v *visitor) forward(ctx context.Context, sent uint64, emit func(frame any) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f, ok := <-v.frames:
			if !ok {
				return gateway.Errorf(gateway.Unavailable, "too slow")
			}
			if it, isItem := f.(wire.VisitorItem); isItem && it.Item.Rev <= sent {
				continue
			}
			if err := emit(f); err != nil {
				return err
			}
		}
	}
}

// addVisitor returns the head and where the page goes on from.
func (l *Live) addVisitor(t gateway.ThreadID, v *visitor, after uint64) (head, from uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.visitors[t] == nil {
		l.visitors[t] = map[*visitor]struct{}{}
	}
	online := l.pagesLocked(t)
	l.visitors[t][v] = struct{}{}
	if len(l.visitors[t]) == 1 {
		l.sayLocked(topicPage, pageBody{Thread: t, Open: true})
	}
	if !online {
		l.onlineLocked(t, true)
	}
	if after <= l.anew {
		after = 0
	}
	return l.head, after
}

func (l *Live) removeVisitor(t gateway.ThreadID, v *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.visitors[t], v)
	if len(l.visitors[t]) > 0 {
		return
	}
	delete(l.visitors, t)
	l.sayLocked(topicPage, pageBody{Thread: t})
	if !l.pagesLocked(t) {
		l.onlineLocked(t, false)
	}
}

func (l *Live) onlineLocked(id gateway.ThreadID, online bool) {
	if t, ok := l.fold.Thread(id); ok && t.Current() != nil {
		l.sendAllLocked(wire.ConsoleOnline{Conversation: t.Current().Head.ID, Online: online})
	}
}

// tellVisitorsLocked passes an item on and the status if it changed.
func (l *Live) tellVisitorsLocked(t gateway.ThreadID, it *wire.Item) {
	pages := l.visitors[t]
	if len(pages) == 0 {
		return
	}
	if it != nil {
		if shown, ok := visible(*it); ok {
			for v := range pages {
				v.push(wire.VisitorItem{Item: shown})
			}
		}
		return
	}
	now := time.Now()
	for v := range pages {
		s := l.statusLocked(t, v.who, now)
		if s.Notice = l.noticeLocked(t, v.language); v.last != s {
			v.last = s
			v.push(wire.VisitorStatus{Status: s})
		}
	}
}

// Status is the truth for a page in this language (or "") that has no conversation yet.
func (l *Live) Status(who gateway.Identity, language string) wire.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.statusLocked("", who, time.Now())
	s.Notice = l.noticeLocked("", language)
	return s
}

func (l *Live) statusOf(t gateway.ThreadID, who gateway.Identity, language string) wire.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.statusLocked(t, who, time.Now())
	s.Notice = l.noticeLocked(t, language)
	return s
}

func (l *Live) statusLocked(id gateway.ThreadID, who gateway.Identity, now time.Time) wire.Status {
	e := l.entry(who)
	s := wire.Status{State: "none", Staffed: l.router.Staffed(e.Queue, now), Open: l.router.Open(e.Queue, now), EstimateMS: -1, Calls: l.opts.Calls != nil}
	if id == "" {
		if q := l.router.QueueStats(e.Queue, now); q.EstimateKnown {
			s.EstimateMS = q.Estimate.Milliseconds()
		}
		return s
	}
	t, ok := l.fold.Thread(id)
	if !ok {
		return s
	}
	s.Call = l.visitorCallLocked(t.Call())
	if t.Current() == nil {
		return s
	}
	h := &t.Current().Head
	s.Seen = t.Current().Seen
	s.Staffed, s.Open = l.router.Staffed(h.Queue, now), l.router.Open(h.Queue, now)
	switch h.State {
	case gateway.StateClosed:
		s.State = "closed"
	case gateway.StateActive, gateway.StateWrapUp:
		s.State = "active"
		if a := l.agents[h.Agent]; a != nil {
			s.Agent = a.saved.Name
		}
	default:
		s.State = "waiting"
		if place, ok := l.router.Position(h.ID); ok {
			s.Position = place
		}
		if d, ok := l.router.Estimate(h.ID, now); ok {
			s.EstimateMS = d.Milliseconds()
		}
	}
	return s
}

// VisitorTyping shows consoles that the customer types.
func (l *Live) VisitorTyping(who gateway.Identity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := typingBody{Thread: who.Thread()}
	l.showTypingLocked(m)
	l.sayLocked(topicTyping, m)
}

// visitorCallLocked is a call as the customer sees it.
func (l *Live) visitorCallLocked(c *wire.Call) wire.VisitorCall {
	if c == nil {
		return wire.VisitorCall{}
	}
	v := wire.VisitorCall{ID: c.ID, State: c.State, Since: c.Since}
	if c.State == wire.CallConnected && c.ConnectedAt != nil {
		v.Since = *c.ConnectedAt
	}
	if a := l.agents[c.Agent]; a != nil {
		v.Agent = a.saved.Name
	}
	v.Held = c.HeldSince != nil
	if r := c.Recording; r != nil {
		v.Recording, v.Agreed = shownRecording(r), r.AgreedAt != nil
	}
	var with []string
	for _, leg := range c.Legs {
		if a := l.agents[leg.Agent]; a != nil && (leg.Role == gateway.RoleGuest || leg.Role == gateway.RoleBarge && !leg.Hidden) {
			with = append(with, a.saved.Name)
		}
	}
	v.With = strings.Join(with, ", ")
	return v
}
