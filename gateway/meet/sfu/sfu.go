// Package sfu carries the sound and the pictures of meetings: each participant sends once, and the gateway
// forwards to each other what they have use for and what their line can take. Nothing is decoded. It knows no
// lobby, no rights and no signalling: package meet does.
//
// A participant has one PeerConnection, which the page offers. On its first lines it sends: sound, the camera in
// up to three layers (simulcast, rid q, h, f), a shared screen. The other lines are slots to get something on: a slot is
// given to a source, and may be given to another later, without a word of SDP. What a slot carries has one SSRC and
// numbers that go on, whatever it is fed from; pictures change their source or layer at a key frame only.
//
// Who sees what: everybody hears all, or for a moment a clip and nobody (clip.go); pictures are those that [Room.Want] names. Four times a second each receiver's
// layers are chosen (choose.go) from the size of its tiles and from what its line carries, as the transport-wide
// feedback tells (TWCC, GCC). Sound is taken off the estimate first, and never waits behind pictures. Layers that no
// tile of anybody has had use for during some seconds the page need not send.
//
// Guarantees. A key frame is asked for at most once a second of each layer, at once when somebody new looks. What
// a page loses it can ask for again (NACK); what the gateway loses it asks for. Media state is fleeting: after a
// crash the pages offer again.
//
// Concurrency. All methods may be called from any goroutine; the callbacks of Options are called without a lock
// held and may call back. A room has one goroutine for its choices; a participant has one for each track it sends
// and for the reports of each slot. [SFU.Run] ends them all and waits. Room.mu guards who is there and who gets what; a
// slot's mu may be taken under it, not the other way.
//
// Limits: [MaxPeers] in a room, [MaxRooms] at once; an offer has at most [MaxSDPBytes], [MaxMediaLines] and
// [MaxCandidates]. Errors are *gateway.Error.
// Read next: room.go, conn.go (one participant's connection), slot.go (switching), choose.go.
package sfu

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"backline/gateway"
	"backline/gateway/media"
)

// Bounds.
const (
	MaxPeers = 10  // in one room
	MaxRooms = 100 // at once
)

// GoneAfter is how long a connection may be silent before it is closed; the page makes another.
const GoneAfter = 30 * time.Second

// Kind is what is sent.
type Kind string

// Kinds.
const (
	Audio  Kind = "audio"
	Camera Kind = "camera"
	Screen Kind = "screen"
)

// Slot says that a line of a page carries this of that participant.
type Slot struct {
	MID  string
	Peer string
	Kind Kind
}

// Lines is what a page is told.
type Lines struct {
	Slots []Slot
	// Camera and Screen are how many layers of its own, from the smallest, somebody has use for; 0: it sends none yet.
	Camera, Screen int
}

// Want is a picture that a page shows, and how high in pixels of the screen. Those named first go first when there
// are too few slots.
type Want struct {
	Peer   string
	Kind   Kind
	Height int
}

// Connector makes connections; *media.Engine is one.
type Connector interface {
	Connect(*webrtc.MediaEngine, *interceptor.Registry) (*media.Connection, error)
}

// Options of an SFU. Connector is needed.
type Options struct {
	Connector Connector
	Log       *slog.Logger // nil: silent
	// OnLines hears what a page is to be told, whenever that changes; of two the one with the higher rev is true.
	OnLines func(room, peer string, rev uint64, lines Lines)
	// OnUp hears that a participant's connection has come up or is interrupted.
	OnUp func(room, peer string, up bool)
	// Clips are what can be played to a participant, by name: packets of 20 ms, as media.OpusPackets gives them.
	Clips map[string][][]byte
	// OnPlayed hears that a clip was played to a participant to its end.
	OnPlayed func(room, peer, clip string)
	// Levels asks pages to say with each packet of sound how loud it is (RFC 6464), for a tap; 8 bytes a packet.
	Levels bool
}

// SFU holds the rooms. Make one with New, then Run it.
type SFU struct {
	opts Options
	wg   sync.WaitGroup // the rooms' goroutines

	mu     sync.Mutex
	rooms  map[string]*Room
	closed bool
}

// New returns an SFU; it starts nothing.
func New(o Options) *SFU {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnLines == nil {
		o.OnLines = func(string, string, uint64, Lines) {}
	}
	if o.OnUp == nil {
		o.OnUp = func(string, string, bool) {}
	}
	if o.OnPlayed == nil {
		o.OnPlayed = func(string, string, string) {}
	}
	return &SFU{opts: o, rooms: map[string]*Room{}}
}

// Run waits for ctx, then ends all rooms and returns nil when all goroutines have ended.
func (s *SFU) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	for _, r := range s.rooms {
		r.end()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// Room returns the room of that name, and makes it.
func (s *SFU) Room(name string) (*Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[name]; r != nil {
		return r, nil
	}
	switch {
	case s.closed:
		return nil, gateway.Errorf(gateway.Unavailable, "meetings are shutting down")
	case len(s.rooms) >= MaxRooms:
		return nil, gateway.Errorf(gateway.TooMany, "too many meetings at once")
	}
	r := newRoom(s, name)
	s.rooms[name] = r
	s.wg.Go(r.run)
	return r, nil
}

// Close ends a room, if there is one; it does not wait.
func (s *SFU) Close(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[name]; r != nil {
		r.end()
		delete(s.rooms, name)
	}
}

// Stats counts what there is now.
func (s *SFU) Stats() (rooms, peers int) {
	s.mu.Lock()
	all := make([]*Room, 0, len(s.rooms))
	for _, r := range s.rooms {
		all = append(all, r)
	}
	s.mu.Unlock()
	for _, r := range all {
		r.mu.Lock()
		peers += len(r.conns)
		r.mu.Unlock()
	}
	return len(all), peers
}

// The methods of a room, for who knows only its name. What is not there is left alone.

// Offer answers a page's offer; see [Room.Offer].
func (s *SFU) Offer(ctx context.Context, room, peer string, line int, sdp string) (string, error) {
	r, err := s.Room(room)
	if err != nil {
		return "", err
	}
	return r.Offer(ctx, peer, line, sdp)
}

// Line is the number of a participant's connection; see [Room.Line].
func (s *SFU) Line(room, peer string) int {
	if r := s.find(room); r != nil {
		return r.Line(peer)
	}
	return 0
}

// Want says what a page shows; see [Room.Want].
func (s *SFU) Want(room, peer string, wants []Want) {
	if r, err := s.Room(room); err == nil {
		r.Want(peer, wants)
	}
}

// Mute holds back what a participant sends; see [Room.Mute].
func (s *SFU) Mute(room, peer string, kind Kind, muted bool) {
	if r, err := s.Room(room); err == nil {
		r.Mute(peer, kind, muted)
	}
}

// Play plays a clip to a participant; see [Room.Play].
func (s *SFU) Play(room, peer, clip string) {
	if r, err := s.Room(room); err == nil {
		r.Play(peer, clip)
	}
}

// Tap gives what participants say to a tap; see [Room.Tap].
func (s *SFU) Tap(room string, to media.Tap, who map[string]media.Side) {
	if r := s.find(room); r != nil {
		r.Tap(to, who)
	}
}

// Lines is what a page was told; see [Room.Lines].
func (s *SFU) Lines(room, peer string) (uint64, Lines) {
	if r := s.find(room); r != nil {
		return r.Lines(peer)
	}
	return 0, Lines{}
}

// Leave closes a participant's connection; see [Room.Leave].
func (s *SFU) Leave(room, peer string) {
	if r := s.find(room); r != nil {
		r.Leave(peer)
	}
}

func (s *SFU) find(room string) *Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms[room]
}
