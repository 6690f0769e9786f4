// Package media is the far end of every call: browsers send their sound to it and hear what it sends. It
// knows legs and who hears whom; it knows no conversation, no queue and no signalling. Nothing is decoded:
// Opus goes through as it came.
//
// A call is a name with a table that says what each side hears: a set of other sides, or music, or nothing. A
// leg is one side's PeerConnection. It has one track out for each source it can hear at once: nothing is mixed
// here, the browser does that. How many there are, the browser's offer says once and for all, by lines that only
// receive; a change of the table (answer, hold, transfer, somebody joins) never touches a connection. Each track
// out has one SSRC, and sequence numbers and timestamps that go on, whatever it is fed from. The life of a leg:
//
//	connecting → connected → interrupted → (connected | gone) → closed
//
// Guarantees. The events of a leg come in order, one at a time, and end with exactly one closed; a leg that a
// new offer replaced says nothing more. A slow [Options].OnEvent holds up the events of its own leg only,
// never sound; states that passed meanwhile are left out. Sound that came in is sent on at once or not at
// all: nothing is stored but what a TCP connection has yet to take, and that is bounded. Media state is
// fleeting: after a crash the pages offer again under the same key.
//
// ICE is the lite kind: the gateway answers checks and never sends any, so that an offer cannot make it send
// packets to an address of somebody's choice. All legs share one UDP port, and one TCP port of the same number
// for networks without UDP. Sockets may come from another process that is about to end ([Bound]).
//
// Concurrency. All methods may be called from any goroutine and do not wait for OnEvent, so OnEvent may call
// them. [New] binds the sockets, whose read loops pion starts; [Engine.Run] owns the music and ends everything:
// legs, sockets, and the goroutines of both. A leg has four goroutines of ours: its life, its sound, and the
// RTCP of each direction. Engine.mu guards calls and tables and is never held while something is sent, closed
// or called back; a writer's mu may be taken under it, not the other way.
//
// Limits: [MaxLegs]; a leg hears at most [MaxHeard] sources, and of those no more than its page has tracks for:
// the first in the table come first. An offer has at most [MaxSDPBytes], [MaxMediaLines] and [MaxCandidates]; a TCP leg that does
// not take its sound for about two seconds loses some. Errors are *gateway.Error.
//
// The short way. Sound over UDP does not go through pion: it is decrypted, stamped, encrypted and sent where the
// shared socket is read, many packets to a system call (direct.go, batch.go), with the keys of the DTLS handshake
// (keys.go). That one goroutine carries all UDP sound, so nothing that it calls may wait. ICE, DTLS, RTCP and all
// of TCP stay pion's; one packet a second goes pion's way too, so that a leg can change over at any time.
//
// Read next: leg.go (the life), hear.go (who hears whom), writer.go (one stream from many sources), sockets.go and
// discover.go (what browsers are told), music.go.
package media

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/transport/v5"

	"backline/gateway"
)

// Options of an Engine. Listen is needed.
type Options struct {
	// Listen is "host:port" of UDP and of ICE over TCP. An empty host is every address of this machine; port
	// 0 is any that both have free.
	Listen string
	// Bound are sockets to use instead of binding Listen. They are read from Run on, not from New on.
	Bound *Bound
	// PublicIPs are what browsers are told instead of this machine's addresses, where a 1:1 NAT maps the port.
	PublicIPs []netip.Addr
	// STUN servers ("host:port") that tell us which public addresses we have, where PublicIPs does not say.
	STUN []string
	// Log may be nil: silent. Addresses of people are never logged.
	Log *slog.Logger
	// Music is an Ogg file with Opus packets of 20 ms, played in a loop. Nil: our own.
	Music []byte
	// Clips are such files too, played once to a call whose table has [Clip] of their name.
	Clips map[string][]byte
	// Levels asks browsers to say with each packet how loud it is (RFC 6464), for a [Tap]; 8 bytes a packet.
	Levels bool
	// OnEvent hears what becomes of legs; nil: nobody does. Called from the leg's goroutine.
	OnEvent func(Event)
	// OnMeasured hears once of each leg that was connected, when it ends, also of one that was replaced; nil: nobody
	// does. It must not wait.
	OnMeasured func(Measured)
	// Net may replace the operating system's network, in tests. Nil: the operating system's.
	Net transport.Net
}

// MaxLegs that one Engine carries at once; the next offer is refused with gateway.TooMany.
const MaxLegs = 1000

// Times in the life of a leg.
const (
	SilentAfter = 5 * time.Second  // nothing came from the browser: ICE says disconnected
	Grace       = 2 * time.Second  // then this long before a leg is called interrupted
	GoneAfter   = 30 * time.Second // since ICE said disconnected, or since the offer for one that never came up
)

// Side names a leg within its call.
type Side string

// The sides of a call between two.
const (
	Customer Side = "customer"
	Agent    Side = "agent"
)

// Source is something that a leg hears: Music or, by [From], another side.
type Source string

// Music is the source that is no side.
const Music Source = "music"

// Table says what each side of a call hears, the most important first; who is not in it hears nothing.
type Table map[Side][]Source

// From is the sound of a side of the same call; silence as long as that side has no leg.
func From(s Side) Source { return Source(s) }

// Clip is a sound of [Options.Clips], played to this call from its beginning when a table first has it.
func Clip(name string) Source { return clipPrefix + Source(name) }

const clipPrefix = "clip/"

// LegKey names a leg. Call is opaque and the caller's.
type LegKey struct {
	Call string
	Side Side
}

// State of a leg.
type State string

const (
	Connecting  State = "connecting"  // answered, not yet connected
	Connected   State = "connected"   // ICE and DTLS are up
	Interrupted State = "interrupted" // nothing comes any more: ask the page for an ICE restart
	Gone        State = "gone"        // nothing came for GoneAfter: the engine closes the leg
	Closed      State = "closed"      // the end, whoever brought it about
)

// Event says what became of a leg.
type Event struct {
	Leg   LegKey
	State State
	// FirstAudio is true once a connection, when its first packet of sound has come; State is Connected.
	FirstAudio bool
}

// ErrNoLeg is what an ICE restart gets that finds no leg: offer a new connection.
var ErrNoLeg error = &gateway.Error{Kind: gateway.NotFound, Msg: "the call has no such leg"}

// Engine carries calls. Make one with New, then Run it.
type Engine struct {
	// Static after New.
	sockets *sockets
	stun    []string
	music   *music
	clips   map[string][][]byte // packets of 20 ms
	log     *slog.Logger
	onEvent func(Event)
	onEnd   func(Measured)

	legs sync.WaitGroup // the goroutines of legs, and discovery; Run waits

	mu     sync.Mutex
	calls  map[string]*call // guarded by mu
	count  int              // legs, guarded by mu
	closed bool             // Run is over, guarded by mu
}

// New binds the sockets. An Engine that is not wanted any more is ended by Run with a context that is over.
func New(o Options) (*Engine, error) {
	m, err := newMusic(o.Music)
	if err != nil {
		return nil, err
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s, err := listen(o, log)
	if err != nil {
		return nil, err
	}
	m.out = s.batch
	clips, err := newClips(o.Clips)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	onEvent := o.OnEvent
	if onEvent == nil {
		onEvent = func(Event) {}
	}
	onEnd := o.OnMeasured
	if onEnd == nil {
		onEnd = func(Measured) {}
	}
	return &Engine{sockets: s, stun: o.STUN, music: m, clips: clips, log: log, onEvent: onEvent, onEnd: onEnd, calls: map[string]*call{}}, nil
}

// Addr is where UDP and TCP are bound.
func (e *Engine) Addr() netip.AddrPort { return e.sockets.addr }

// Run plays the music until ctx ends, then closes every leg and the sockets and returns nil when all
// goroutines have ended.
func (e *Engine) Run(ctx context.Context) error {
	e.sockets.serve()
	e.legs.Go(func() { e.discover(ctx) })
	e.music.run(ctx)
	e.mu.Lock()
	e.closed = true
	for _, c := range e.calls {
		for _, l := range c.legs {
			l.end()
		}
	}
	e.mu.Unlock()
	e.legs.Wait()
	return e.sockets.close()
}
