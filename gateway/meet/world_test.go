package meet

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/meet/sfu"
	"backline/gateway/wire"
)

// book is a journal and its fold in memory. Everybody who knocks has a conversation at once.
type book struct {
	mu     sync.Mutex
	desk   *Desk
	fold   *conversation.Fold
	pos    uint64
	keys   map[string]bool
	events []gateway.Event
	broken bool
	told   []wire.ConsoleMeet
}

func (b *book) CallFact(_ context.Context, who gateway.Identity, key string, e gateway.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken {
		return gateway.Errorf(gateway.Unavailable, "the disk is full")
	}
	if b.keys[key] {
		return nil
	}
	b.keys[key] = true
	b.events = append(b.events, e)
	b.applyLocked(gateway.ThreadStream(who.Thread()), e)
	for _, w := range b.fold.Wanting() {
		id := w.Opens
		b.applyLocked(gateway.ConversationStream(id), gateway.ConversationOpened{Conversation: id, Thread: w.Thread, Identity: w.Identity,
			Target: "queue/main", Queue: "main", Cause: w.Cause})
	}
	return nil
}

func (b *book) applyLocked(stream string, e gateway.Event) {
	b.pos++
	for _, ch := range b.fold.Apply(conversation.Record{Pos: b.pos, Stream: stream, Version: b.pos, At: time.Now(), Event: e}) {
		if ch.Conversation != nil && b.desk != nil {
			t, _ := b.fold.Thread(ch.Thread)
			b.desk.MeetingChanged(live.MeetingChange{Conversation: ch.Conversation.ID, Who: t.Identity, Queue: ch.Conversation.Queue, Holder: ch.Conversation.Agent, Meeting: ch.Conversation.Meeting})
		}
	}
}

func (b *book) MeetingOf(who gateway.Identity) (live.MeetingChange, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.fold.Thread(who.Thread())
	if !ok || t.Meeting() == nil {
		return live.MeetingChange{}, false
	}
	return live.MeetingChange{Who: who, Meeting: t.Meeting()}, true
}

func (b *book) OpenMeeting(ctx context.Context, by gateway.AgentID, _ gateway.ConversationID, m gateway.MeetingID) (gateway.Identity, error) {
	return customer, b.CallFact(ctx, customer, "opened", gateway.MeetingOpened{Meeting: m, Identity: customer, Agent: by})
}

func (b *book) TellAgent(_ gateway.AgentID, frame any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, frame.(wire.ConsoleMeet))
}

// notices are what agents were told of the door.
func (b *book) notices() []wire.ConsoleMeet {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.told)
}

// setBroken makes writing fail, or no longer.
func (b *book) setBroken(broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = broken
}

// assign gives the conversation to an agent.
func (b *book) assign(agent gateway.AgentID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, _ := b.fold.Thread(customer.Thread())
	b.applyLocked(gateway.ConversationStream(t.Current().Head.ID), gateway.ConversationAssigned{Agent: agent, How: "taken"})
}

// line is the meeting's line of the timeline.
func (b *book) line() *wire.Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, _ := b.fold.Thread(customer.Thread())
	for _, it := range slices.Backward(t.Current().Items()) {
		if it.Kind == "meeting" {
			c := *it
			return &c
		}
	}
	return nil
}

// wrote names what is in the journal, without the meeting's name.
func (b *book) wrote() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.events {
		name := strings.TrimPrefix(e.EventType(), "meeting.")
		switch e := e.(type) {
		case gateway.MeetingJoined:
			name += ":" + e.Name
		case gateway.MeetingLeft:
			name += ":" + string(e.Reason)
		case gateway.MeetingClosed:
			name += ":" + string(e.Reason)
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

// carrier is media that remember what they were told.
type carrier struct {
	mu     sync.Mutex
	muted  map[string]bool // by participant: the sound
	left   []string
	closed []string
	clips  map[string]string     // by participant: what is played to them
	tapped map[string]media.Side // whose sound is recorded
	taps   []gateway.RecordingID // where it went, in order of change; "" nowhere
}

func (m *carrier) Offer(context.Context, string, string, int, string) (string, error) {
	return "answer", nil
}
func (m *carrier) Line(string, string) int                  { return 0 }
func (m *carrier) Want(string, string, []sfu.Want)          {}
func (m *carrier) Lines(string, string) (uint64, sfu.Lines) { return 0, sfu.Lines{} }
func (m *carrier) Leave(_, peer string)                     { m.note(func() { m.left = append(m.left, peer) }) }
func (m *carrier) Close(room string)                        { m.note(func() { m.closed = append(m.closed, room) }) }
func (m *carrier) Mute(_, peer string, k sfu.Kind, muted bool) {
	if k == sfu.Audio {
		m.note(func() { m.muted[peer] = muted })
	}
}

func (m *carrier) Play(_, peer, clip string) { m.note(func() { m.clips[peer] = clip }) }
func (m *carrier) Tap(_ string, to media.Tap, who map[string]media.Side) {
	m.note(func() {
		id := gateway.RecordingID("")
		if t, ok := to.(tapOf); ok {
			id = gateway.RecordingID(t)
		}
		m.tapped, m.taps = who, append(m.taps, id)
	})
}

// clip is what is being played to somebody.
func (m *carrier) clip(peer string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clips[peer]
}

// tapOf is the tape of a recording that keeps nothing.
type tapOf gateway.RecordingID

func (tapOf) Sound(media.Side, *rtp.Header, []byte, uint8, time.Time) {}

// recorder remembers what it was told.
type recorder struct {
	mu    sync.Mutex
	begun []gateway.RecordingID
	ended []string // recording, reason
}

func (r *recorder) Record(id gateway.RecordingID) media.Tap {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.begun, id) {
		r.begun = append(r.begun, id)
	}
	return tapOf(id)
}

func (r *recorder) Finish(id gateway.RecordingID, why gateway.RecordingEnd) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, string(why))
}

func (m *carrier) note(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *carrier) hears(peer string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.muted[peer]
}

var customer = gateway.Identity{Channel: gateway.ChannelClick2Meet, Account: "link", Remote: "l1"}

// world is a desk with a fake journal and fake media.
type world struct {
	t     *testing.T
	desk  *Desk
	book  *book
	media *carrier
	// Of recordings.
	recorder *recorder
	rule     atomic.Value // string
}

// inBubble runs a test with a running desk, in fake time.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, book: &book{fold: conversation.New(), keys: map[string]bool{}}, media: &carrier{muted: map[string]bool{}, clips: map[string]string{}}, recorder: &recorder{}}
		w.rule.Store("")
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		w.start(ctx, &running)
		test(t, w)
		cancel()
		running.Wait()
	})
}

func (w *world) start(ctx context.Context, running *sync.WaitGroup) {
	w.desk = New(Options{Media: w.media, Secret: []byte(strings.Repeat("s", 32)), Company: wire.Company{Name: "Nordwind"},
		Link: func(context.Context, gateway.ConversationID, gateway.AgentID) (string, error) {
			return "https://gw/meet/x", nil
		},
		Recording: Recording{Recorder: w.recorder, Rule: func(gateway.QueueID) string { return w.rule.Load().(string) },
			Clip: func(language string) string { return "notice/" + language }}})
	w.desk.Use(w.book)
	w.book.desk = w.desk
	running.Go(func() {
		if err := w.desk.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
}

// page is a page of the meeting without its network.
type page struct {
	*socket
	w *world
	// What it was told last.
	place wire.MeetPlace
	room  wire.MeetRoom
	chat  []wire.MeetChat
	muted int
	acks  []*wire.Failure
}

func (w *world) page(agent gateway.AgentID) *page {
	s := &socket{desk: w.desk, out: make(chan any, wire.MeetFrames), slow: make(chan struct{}, 1), agent: agent,
		place: Place{Who: customer, Guest: true, About: gateway.ContactLearned{Subject: "Order 17"}}}
	return &page{socket: s, w: w}
}

// read takes what was pushed.
func (p *page) read() *page {
	synctest.Wait()
	for {
		select {
		case f := <-p.out:
			switch f := f.(type) {
			case wire.MeetPlace:
				p.place = f
			case wire.MeetRoom:
				p.room = f
			case wire.MeetChat:
				p.chat = append(p.chat, f)
			case wire.MeetMuted:
				p.muted++
			case wire.MeetAck:
				p.acks = append(p.acks, f.Failure)
			}
		default:
			return p
		}
	}
}

func (p *page) say(frame any) {
	p.w.t.Helper()
	if err := p.handle(context.Background(), frame, nil); err != nil {
		p.w.t.Fatal(err)
	}
}

func (p *page) join(name string) *page {
	p.w.t.Helper()
	p.say(wire.MeetJoin{Name: name})
	return p.read()
}

func (p *page) do(what, peer string) *wire.Failure {
	p.say(wire.MeetDo{ID: "d", Do: what, Peer: peer})
	p.read()
	return p.acks[len(p.acks)-1]
}

func (p *page) leaves() { p.say(wire.MeetLeave{}); p.read() }

// closes is the page going without a word.
func (p *page) closes() { p.w.desk.leaveSocket(p.socket) }

// again is the same person's next page.
func (p *page) again() *page {
	n := p.w.page(p.agent)
	if s, ok := p.w.desk.seat(p.place.Seat); !ok || !p.w.desk.rejoin(context.Background(), n.socket, s) {
		n.place.At = "green"
	}
	return n.read()
}

func (p *page) wantAt(at, why string) {
	p.w.t.Helper()
	if p.read(); p.place.At != at || p.place.Why != why {
		p.w.t.Errorf("the page is at %q %q, want %q %q", p.place.At, p.place.Why, at, why)
	}
}

// meeting is one with an agent and a guest in it.
func (w *world) meeting() (host, guest *page) {
	w.t.Helper()
	host = w.page("anna").join("Anna")
	guest = w.page("").join("Miriam")
	guest.wantAt("lobby", "")
	if f := host.do("admit", guest.place.You); f != nil {
		w.t.Fatal(f)
	}
	guest.wantAt("in", "")
	return host, guest
}
