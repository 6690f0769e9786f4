// Package meet runs video meetings (Click2Meet): who is before the door, who is in, who may do what, and the pages'
// socket, /ws/meet. Sound and pictures are package sfu's; what happened is in the journal.
//
//	green room → lobby (a guest knocks) → in → over
//	     └──────── an agent ────────────↗
//
// A meeting belongs to a customer's conversation and there is at most one at a time. An agent opens it from the
// conversation, or a customer by a link: who knocks where no meeting is open opens one, and their conversation
// waits in its queue as a call does. Agents come in without knocking and let guests in; ten can be in.
//
// Guarantees. The journal is the truth for what counts (opened, joined, left, said, closed) and each fact has a
// key; somebody is in, and a line of chat is shown, when that is on disk. Presence is fleeting: a page that comes
// back within [LostAfter] with its seat, which is signed, is where it was, also after a restart of the gateway. Who
// is muted by an agent is not heard, whatever their page does, until they unmute themselves.
//
// Concurrency: all methods may be called from any goroutine. Desk.mu guards rooms and people and is never held over
// I/O or a call to the book; of the media only Line and Slots are asked under it, which answer at once. [Desk.Run] owns the one goroutine that watches the time and writes what
// is due; each socket has a reader (ServeHTTP's own) and a writer. MeetingChanged comes from live under its lock:
// Desk.mu is below Live's. What one room writes is written one after the other.
//
// Recording: recording.go. What somebody says is taken when they have heard that it is, and agreed where guests must.
//
// Limits: package wire's; [MaxSockets] pages at once and [PerAddress] of one address. Errors are *gateway.Error.
// Read next: room.go (rights, pure), desk.go (what follows), socket.go, package sfu.
package meet

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/live"
	"backline/gateway/media"
	"backline/gateway/meet/sfu"
	"backline/gateway/wire"
)

// Times of a meeting.
const (
	LostAfter   = 30 * time.Second // whose page is gone this long has left
	EmptyAfter  = time.Minute      // nobody is there any more: it closes
	UnusedAfter = 5 * time.Minute  // an agent opened it and nobody came
	GaveUpAfter = 10 * time.Second // who knocked is gone, and nobody had come
)

// Bounds of sockets.
const (
	MaxSockets = 2000
	PerAddress = 40
)

// Book is where meetings are written down; *live.Live is one.
type Book interface {
	CallFact(ctx context.Context, who gateway.Identity, key string, e gateway.Event) error
	MeetingOf(who gateway.Identity) (live.MeetingChange, bool)
	OpenMeeting(ctx context.Context, by gateway.AgentID, id gateway.ConversationID, meeting gateway.MeetingID) (gateway.Identity, error)
	TellAgent(id gateway.AgentID, frame any)
}

// Media carries sound and pictures; *sfu.SFU is one.
type Media interface {
	Offer(ctx context.Context, room, peer string, line int, sdp string) (answer string, err error)
	Line(room, peer string) int
	Want(room, peer string, wants []sfu.Want)
	Mute(room, peer string, kind sfu.Kind, muted bool)
	Lines(room, peer string) (rev uint64, lines sfu.Lines)
	Play(room, peer, clip string)
	Tap(room string, to media.Tap, who map[string]media.Side)
	Leave(room, peer string)
	Close(room string)
}

// Place is where a link leads.
type Place struct {
	Who     gateway.Identity       // whose conversation it is
	About   gateway.ContactLearned // of a link that was made for somebody: stored when they knock
	Name    string                 // of the person, as far as known
	Subject string
	Guest   bool // the link is the conversation's only way: who knocks is its customer
	Staffed bool // somebody is signed in who can let people in
}

// Options of a Desk. All but Relays, Recording and Log are needed.
type Options struct {
	Media   Media
	Secret  []byte // ≥ 32 bytes, signs seats
	Company wire.Company
	// Resolve says where a link leads. The error is a *gateway.Error for people.
	Resolve func(token string) (Place, error)
	// Link returns the address that leads to a conversation's meeting.
	Link func(ctx context.Context, id gateway.ConversationID, by gateway.AgentID) (string, error)
	// Agent says which agent is signed in where a request comes from.
	Agent  func(*http.Request) (id gateway.AgentID, name string, ok bool)
	Origin func(*http.Request) bool // may this page open a socket
	// Relays are the ways for a page whose line does not come up directly; nil: there are none.
	Relays    func(meeting gateway.MeetingID, person string) []wire.ICEServer
	Recording Recording
	Log       *slog.Logger
}

// Desk runs meetings. Make one with New and Use, then Run it.
type Desk struct {
	opts     Options
	book     Book
	upgrader websocket.Upgrader
	wake     chan struct{} // capacity 1, never closed
	knocks   *httpx.Limiter
	chats    *httpx.Limiter
	offers   *httpx.Limiter

	// Guarded by mu.
	mu        sync.Mutex
	rooms     map[gateway.ThreadID]*room
	meetings  map[gateway.MeetingID]*room // those that are open
	sockets   map[*socket]struct{}
	addresses map[string]int
	left      []gone   // whose media are to be closed
	ended     []string // meetings whose media are to be closed
	plays     []playing
	tapings   []taping
	stopped   bool
	wg        sync.WaitGroup // sockets
}

var _ live.Meetings = (*Desk)(nil)

// New returns a Desk; it starts nothing. Use must be called before Run.
func New(o Options) *Desk {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{opts: o, wake: make(chan struct{}, 1), rooms: map[gateway.ThreadID]*room{}, meetings: map[gateway.MeetingID]*room{},
		sockets: map[*socket]struct{}{}, addresses: map[string]int{},
		knocks: httpx.NewLimiter(20, time.Minute, 10), chats: httpx.NewLimiter(20, 10*time.Second, 20), offers: httpx.NewLimiter(60, time.Minute, 20),
		upgrader: websocket.Upgrader{ReadBufferSize: 4 << 10, WriteBufferSize: 8 << 10, CheckOrigin: o.Origin}}
}

// Use sets where meetings are written down: the two know each other.
func (d *Desk) Use(b Book) { d.book = b }

func (d *Desk) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Stats counts what there is now.
func (d *Desk) Stats() (meetings, people, waiting int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.meetings {
		meetings++
		people += r.count(inside)
		waiting += r.count(lobby)
	}
	return meetings, people, waiting
}
