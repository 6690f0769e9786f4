package conversation_test

import (
	"slices"
	"testing"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/wire"
)

// gathering is a fold with one customer, and a clock of its own.
type gathering struct {
	t    *testing.T
	f    *conversation.Fold
	pos  uint64
	at   time.Time
	who  gateway.Identity
	last []conversation.Change
}

func gather(t *testing.T) *gathering {
	return &gathering{t: t, f: conversation.New(), at: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC),
		who: gateway.Identity{Channel: gateway.ChannelClick2Meet, Account: "link", Remote: "l1"}}
}

// say appends a fact of the customer's thread, a minute after the one before.
func (g *gathering) say(e gateway.Event) { g.on(gateway.ThreadStream(g.who.Thread()), e) }

func (g *gathering) on(stream string, e gateway.Event) {
	g.pos++
	g.at = g.at.Add(time.Minute)
	g.last = g.f.Apply(conversation.Record{Pos: g.pos, Stream: stream, Version: g.pos, At: g.at, Event: e})
}

// open opens the conversation that is wanted.
func (g *gathering) open() *conversation.Conversation {
	g.t.Helper()
	w := g.f.Wanting()
	if len(w) != 1 {
		g.t.Fatalf("%d conversations are wanted", len(w))
	}
	id := w[0].Opens
	g.on(gateway.ConversationStream(id), gateway.ConversationOpened{Conversation: id, Thread: w[0].Thread, Identity: w[0].Identity, Target: "queue/main", Queue: "main", Cause: w[0].Cause})
	c, _ := g.f.Get(id)
	return c
}

func meetingLine(c *conversation.Conversation) *wire.Item {
	for _, it := range c.Items() {
		if it.Kind == "meeting" {
			return it
		}
	}
	return nil
}

func TestAKnockWantsAConversationAndWaitsInItsQueue(t *testing.T) {
	g := gather(t)
	g.say(gateway.MeetingOpened{Meeting: "m", Identity: g.who, Name: "Miriam"})
	c := g.open()
	if c.Head.State != gateway.StateWaiting || c.Head.Meeting == nil || c.Head.Meeting.Name != "Miriam" {
		t.Fatalf("the conversation: %+v", c.Head)
	}
	if it := meetingLine(c); it == nil || it.Meeting == nil || it.Direction != gateway.Inbound {
		t.Errorf("the line: %+v", it)
	}
}

func TestAMeetingIsOneLineThatSaysHowItWent(t *testing.T) {
	g := gather(t)
	g.say(gateway.MeetingOpened{Meeting: "m", Identity: g.who, Name: "Miriam"})
	c := g.open()
	g.say(gateway.MeetingJoined{Meeting: "m", Participant: "a", Name: "Anna", Agent: "anna"})
	g.say(gateway.MeetingJoined{Meeting: "m", Participant: "b", Name: "Miriam"})
	g.say(gateway.MeetingLeft{Meeting: "m", Participant: "b", Reason: gateway.OutLost})
	if p := c.Head.Meeting.People[1]; p.LeftAt == nil || p.Reason != gateway.OutLost {
		t.Errorf("who left: %+v", p)
	}
	g.say(gateway.MeetingJoined{Meeting: "m", Participant: "b", Name: "Miriam"})
	if p := c.Head.Meeting.People[1]; p.LeftAt != nil || p.Joins != 2 {
		t.Errorf("who came back: %+v", p)
	}
	g.say(gateway.MeetingSaid{Meeting: "m", Message: "x", Participant: "b", Name: "Miriam", Text: "here it is"})
	g.say(gateway.MeetingClosed{Meeting: "m", Reason: gateway.CloseEnded, Agent: "anna"})
	it := meetingLine(c)
	if c.Head.Meeting != nil || it.Meeting != nil || it.Met == nil || it.Met.Outcome != "held" || it.Met.Agent != "anna" || len(it.Met.Names) != 2 || it.Met.TimeMS != (7*time.Minute).Milliseconds() {
		t.Errorf("the line: %+v, %+v", it, it.Met)
	}
	g.say(gateway.MeetingClosed{Meeting: "m", Reason: gateway.CloseEmpty}) // the first one counts
	if len(g.last) != 0 {
		t.Errorf("closed twice: %+v", g.last)
	}
	said := c.Items()[len(c.Items())-1]
	if said.Event != "meeting_said" || said.Data["text"] != "here it is" {
		t.Errorf("the chat: %+v", said)
	}
}

func TestWhoGaveUpBeforeTheConversationWasOpenedIsStillMissed(t *testing.T) {
	g := gather(t)
	g.say(gateway.MeetingOpened{Meeting: "m", Identity: g.who, Name: "Miriam"})
	g.say(gateway.MeetingClosed{Meeting: "m", Reason: gateway.CloseGaveUp})
	c := g.open()
	if it := meetingLine(c); it.Met == nil || it.Met.Outcome != "missed" || c.Head.Meeting != nil || c.Head.Unread != 1 {
		t.Errorf("the line: %+v, unread %d", it.Met, c.Head.Unread)
	}
	if ev, due := c.CallDecision(g.at, 0); !due || ev.(gateway.ConversationClosed).Reason != "caller_left" {
		t.Errorf("nobody can answer it: %v, %v", ev, due)
	}
}

func TestClosingTheConversationEndsItsMeeting(t *testing.T) {
	g := gather(t)
	g.say(gateway.MeetingOpened{Meeting: "m", Identity: g.who, Name: "Miriam"})
	c := g.open()
	g.say(gateway.MeetingJoined{Meeting: "m", Participant: "a", Name: "Anna", Agent: "anna"})
	g.on(gateway.ConversationStream(c.Head.ID), gateway.ConversationClosed{By: "anna"})
	if it := meetingLine(c); it.Met == nil || it.Met.Reason != gateway.CloseEnded || c.Head.Meeting != nil {
		t.Errorf("the line: %+v", it.Met)
	}
}

func TestChangesShareNothingWithTheFold(t *testing.T) {
	g := gather(t)
	g.say(gateway.MeetingOpened{Meeting: "m", Identity: g.who})
	g.open()
	g.say(gateway.MeetingJoined{Meeting: "m", Participant: "a", Name: "Anna", Agent: "anna"})
	before := slices.Clone(g.last) // Apply uses its list again
	g.say(gateway.MeetingLeft{Meeting: "m", Participant: "a", Reason: gateway.OutSelf})
	for _, ch := range before {
		if ch.Conversation != nil && ch.Conversation.Meeting.People[0].LeftAt != nil || ch.Item != nil && ch.Item.Meeting.People[0].LeftAt != nil {
			t.Error("what was told changed afterwards")
		}
	}
}

func TestAMeetingsRecordingFollowsWhatIsSaidAboutIt(t *testing.T) {
	g := gather(t)
	g.say(gateway.MeetingOpened{Meeting: "m", Identity: g.who, Agent: "anna"})
	g.say(gateway.MeetingRecordingWanted{Meeting: "m", By: "anna"}) // there is no conversation yet
	c := g.open()
	if c.Head.Meeting.Recording != nil {
		t.Errorf("without a conversation it is %+v", c.Head.Meeting.Recording)
	}
	g.say(gateway.MeetingJoined{Meeting: "m", Participant: "a", Name: "Anna", Agent: "anna"})
	g.say(gateway.MeetingJoined{Meeting: "m", Participant: "b", Name: "Miriam"})
	step := func(state wire.RecordingState, recorded string, e gateway.Event) {
		t.Helper()
		g.say(e)
		got := ""
		for _, p := range c.Head.Meeting.People {
			if p.RecordedIn(c.Head.Meeting.Recording) {
				got += p.ID
			}
		}
		if r := c.Head.Meeting.Recording; r == nil && state != "" || r != nil && r.State != state || got != recorded {
			t.Errorf("after %s: %+v, recorded are %q", e.EventType(), r, got)
		}
		if line := meetingLine(c); line.Meeting.Recording == nil != (c.Head.Meeting.Recording == nil) || line.Meeting.Recording == c.Head.Meeting.Recording && line.Meeting.Recording != nil {
			t.Error("the line does not say so, or shares memory with the head")
		}
	}
	step("notice", "", gateway.MeetingRecordingWanted{Meeting: "m", By: "anna", Ask: true})
	step("notice", "", gateway.MeetingRecordingWanted{Meeting: "m", By: "ben"})
	step("on", "", gateway.MeetingRecordingStarted{Meeting: "m", Recording: "r1", By: "anna"})
	step("on", "", gateway.MeetingRecordingStarted{Meeting: "m", Recording: "r0"})
	step("on", "a", gateway.MeetingRecordingTold{Meeting: "m", Recording: "r1", Participant: "a"})
	step("on", "a", gateway.MeetingRecordingTold{Meeting: "m", Recording: "r1", Participant: "b"})
	step("on", "ab", gateway.MeetingRecordingAnswered{Meeting: "m", Participant: "b", Agreed: true, Language: "de"})
	if p := c.Head.Meeting.People[1]; p.AgreedAt == nil || p.AgreedIn != "de" {
		t.Errorf("who agreed is %+v", p)
	}
	step("on", "a", gateway.MeetingRecordingAnswered{Meeting: "m", Participant: "b"})
	step("on", "a", gateway.MeetingRecordingEnded{Meeting: "m", Recording: "another", Reason: gateway.RecordingFailed})
	step("notice", "", gateway.MeetingRecordingEnded{Meeting: "m", Recording: "r1", Reason: gateway.RecordingRestart})
	step("on", "", gateway.MeetingRecordingStarted{Meeting: "m", Recording: "r2"})
	step("on", "a", gateway.MeetingRecordingTold{Meeting: "m", Recording: "r2", Participant: "a"})
	step("stopped", "", gateway.MeetingRecordingStopped{Meeting: "m", By: "anna"})
	step("stopped", "", gateway.MeetingRecordingEnded{Meeting: "m", Recording: "r2", Reason: gateway.RecordingStopped})
	step("notice", "", gateway.MeetingRecordingWanted{Meeting: "m"})
	step("on", "", gateway.MeetingRecordingStarted{Meeting: "m", Recording: "r3"})
	step("failed", "", gateway.MeetingRecordingEnded{Meeting: "m", Recording: "r3", Reason: gateway.RecordingFailed})
	step("notice", "", gateway.MeetingRecordingWanted{Meeting: "m"})
	step("", "", gateway.MeetingRecordingStopped{Meeting: "m"}) // by a rule: the next queue has its own
	g.say(gateway.MeetingClosed{Meeting: "m", Reason: gateway.CloseEnded})
	g.say(gateway.MeetingRecordingStarted{Meeting: "m", Recording: "r4"}) // too late
	if it := meetingLine(c); !slices.Equal(it.Recordings, []gateway.RecordingID{"r1", "r2", "r3"}) {
		t.Errorf("the line has %v", it.Recordings)
	}
	var events []string
	for _, it := range c.Items() {
		if it.Kind == "event" && it.Data["meeting"] != "" {
			events = append(events, it.Event)
		}
	}
	want := []string{"recording_on", "recording_agreed", "recording_refused", "recording_on", "recording_stopped", "recording_on", "recording_failed", "recording_stopped"}
	if !slices.Equal(events, want) {
		t.Errorf("the timeline says %v", events)
	}
}
