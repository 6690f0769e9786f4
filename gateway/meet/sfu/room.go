package sfu

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"backline/gateway"
)

const (
	// lookEvery is how often layers are chosen.
	lookEvery = 250 * time.Millisecond
	// soundRate is what each voice is taken for, with its headers: bits a second.
	soundRate = 56_000
)

// Room is one meeting's media.
type Room struct {
	// Static after newRoom.
	sfu  *SFU
	name string
	over chan struct{} // closed by end
	wake chan struct{} // capacity 1, never closed: there is a clip to play
	end  func()

	closing sync.WaitGroup // connections that are being closed

	mu     sync.Mutex
	conns  map[string]*conn // by participant
	wants  map[string][]Want
	muted  map[string]map[Kind]bool
	taps   map[string]*tapped // by participant
	clips  map[string]*clip   // by participant: what is played to them in place of the others
	told   map[string]Lines   // what OnLines was told last
	rev    uint64
	ending bool // run is over: nothing is installed any more
}

func newRoom(s *SFU, name string) *Room {
	r := &Room{sfu: s, name: name, over: make(chan struct{}), wake: make(chan struct{}, 1), conns: map[string]*conn{},
		wants: map[string][]Want{}, muted: map[string]map[Kind]bool{}, clips: map[string]*clip{}, told: map[string]Lines{}}
	r.end = sync.OnceFunc(func() { close(r.over) })
	return r
}

// run chooses layers and plays clips until the room ends, then closes its connections.
func (r *Room) run() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	beat := time.NewTicker(soundFrame)
	defer beat.Stop()
	beat.Stop() // until there is something to play
	before := time.Now()
	for {
		select {
		case <-r.over:
			r.finish()
			return
		case <-r.wake:
			beat.Reset(soundFrame)
		case now := <-beat.C:
			if !r.playClips(now) {
				beat.Stop()
			}
		case now := <-tick.C:
			r.look(now, now.Sub(before))
			before = now
		}
	}
}

func (r *Room) finish() {
	r.mu.Lock()
	r.ending = true
	for peer := range r.conns {
		r.dropLocked(peer)
	}
	r.mu.Unlock()
	r.closing.Wait()
}

// dropLocked takes a connection out and closes it. Callers hold mu.
func (r *Room) dropLocked(peer string) {
	c := r.conns[peer]
	if c == nil {
		return
	}
	delete(r.conns, peer)
	delete(r.told, peer)
	for _, s := range c.sources {
		s.feed(nil)
	}
	r.closing.Go(c.close)
}

// Offer answers a page's offer. A line that is new, or that shows another certificate because it is another page's,
// makes a new connection, in the place of an older one; one that is there is renegotiated: more slots, or ICE anew. Errors: gateway.Invalid for a bad offer, gateway.TooMany,
// gateway.Unavailable when the room is over, ctx.Err().
func (r *Room) Offer(ctx context.Context, peer string, line int, sdp string) (string, error) {
	o, err := readOffer(sdp)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	c := r.conns[peer]
	r.mu.Unlock()
	if c != nil && c.line == line && c.cert == o.cert {
		answer, err := c.answer(ctx, sdp, o)
		if err == nil {
			r.assign()
		}
		if !errors.Is(err, webrtc.ErrConnectionClosed) {
			return answer, err
		}
	}
	if c, err = r.connect(peer, line, o.cert); err != nil {
		return "", err
	}
	answer, err := c.answer(ctx, sdp, o)
	if err == nil {
		err = r.install(c)
	}
	if err != nil {
		c.close()
		return "", err
	}
	r.assign()
	return answer, nil
}

func (r *Room) install(c *conn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ending:
		return gateway.Errorf(gateway.Unavailable, "the meeting is over")
	case r.conns[c.peer] == nil && len(r.conns) >= MaxPeers:
		return gateway.Errorf(gateway.TooMany, "the meeting is full")
	}
	r.dropLocked(c.peer)
	r.conns[c.peer] = c
	return nil
}

// Line is the number of a participant's connection; 0: there is none.
func (r *Room) Line(peer string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.conns[peer]; c != nil {
		return c.line
	}
	return 0
}

// Leave closes a participant's connection and forgets what they wanted; it does not wait.
func (r *Room) Leave(peer string) {
	r.mu.Lock()
	r.dropLocked(peer)
	delete(r.wants, peer)
	delete(r.muted, peer)
	delete(r.clips, peer)
	r.mu.Unlock()
	r.assign()
}

// Want says which pictures a participant's page shows.
func (r *Room) Want(peer string, wants []Want) {
	r.mu.Lock()
	r.wants[peer] = slices.Clone(wants)
	r.mu.Unlock()
	r.assign()
}

// Mute holds back what a participant sends of a kind, or no longer.
func (r *Room) Mute(peer string, kind Kind, muted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.muted[peer] == nil {
		r.muted[peer] = map[Kind]bool{}
	}
	r.muted[peer][kind] = muted
	if c := r.conns[peer]; c != nil && c.sources[kind] != nil {
		c.sources[kind].muted.Store(muted)
	}
}

// source finds or makes what a connection sends of a kind.
func (r *Room) source(c *conn, kind Kind) *source {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := c.sources[kind]
	if s == nil {
		s = &source{peer: c.peer, kind: kind, conn: c}
		s.muted.Store(r.muted[c.peer][kind])
		if kind == Audio {
			s.tap.Store(r.taps[c.peer])
		}
		c.sources[kind] = s
	}
	return s
}

// turned notes that a connection came up or broke.
func (r *Room) turned(c *conn, state webrtc.PeerConnectionState) {
	up := state == webrtc.PeerConnectionStateConnected
	r.mu.Lock()
	changed := c.up != up
	if c.up = up; up {
		c.down = time.Time{}
	} else if changed {
		c.down = time.Now()
	}
	current := r.conns[c.peer] == c
	r.mu.Unlock()
	if changed && current {
		r.sfu.opts.OnUp(r.name, c.peer, up)
		r.look(time.Now(), 0) // what waited for it begins
	}
}

// assign gives slots to sources: every voice, and the pictures that are wanted. Who has a slot keeps it.
func (r *Room) assign() {
	r.mu.Lock()
	listeners := map[*source][]*slot{}
	for _, c := range r.conns {
		r.assignLocked(c, listeners)
	}
	var fresh []*slot
	for _, c := range r.conns {
		for _, s := range c.sources {
			s.feed(listeners[s])
		}
		if clip := r.clips[c.peer]; clip != nil {
			clip.source.feed(listeners[clip.source])
		}
		for _, s := range c.slots {
			if from, at, _ := s.state(); from != nil && !s.audio && at == none {
				fresh = append(fresh, s)
			}
		}
	}
	tell := r.newsLocked()
	r.mu.Unlock()
	for _, f := range tell {
		f()
	}
	if len(fresh) > 0 { // nobody waits for the next look
		r.look(time.Now(), 0)
	}
}

// assignLocked gives one receiver its slots.
func (r *Room) assignLocked(c *conn, listeners map[*source][]*slot) {
	need := r.needLocked(c)
	var free [2][]*slot
	for _, s := range c.slots {
		from, _, _ := s.state()
		if i := slices.Index(need, from); from != nil && i >= 0 {
			need = slices.Delete(need, i, i+1)
			listeners[from] = append(listeners[from], s)
			continue
		}
		free[b2i(s.audio)] = append(free[b2i(s.audio)], s)
	}
	for _, from := range need {
		i := b2i(from.kind == Audio)
		if len(free[i]) == 0 {
			continue
		}
		s := free[i][0]
		free[i] = free[i][1:]
		s.give(from)
		listeners[from] = append(listeners[from], s)
	}
	for _, s := range slices.Concat(free[0], free[1]) {
		s.give(nil)
	}
}

// needLocked is what a receiver is to get: voices first, or a clip in their place, then pictures as it wants them.
func (r *Room) needLocked(c *conn) []*source {
	var need []*source
	clip := r.clips[c.peer]
	if clip != nil {
		need = append(need, clip.source)
	}
	for peer, other := range r.conns {
		if s := other.sources[Audio]; s != nil && peer != c.peer && clip == nil {
			need = append(need, s)
		}
	}
	for _, w := range r.wants[c.peer] {
		other := r.conns[w.Peer]
		if other == nil || w.Peer == c.peer || w.Kind == Audio {
			continue
		}
		if s := other.sources[w.Kind]; s != nil && !slices.Contains(need, s) {
			need = append(need, s)
		}
	}
	return need
}

// newsLocked returns what tells the pages whose lines have changed.
func (r *Room) newsLocked() []func() {
	var tell []func()
	for peer, c := range r.conns {
		now, before := Lines{Camera: c.useful(Camera), Screen: c.useful(Screen)}, r.told[peer]
		for _, s := range c.slots {
			if from, _, _ := s.state(); from != nil && s.mid != "" {
				now.Slots = append(now.Slots, Slot{MID: s.mid, Peer: from.peer, Kind: from.kind})
			}
		}
		if now.Camera == before.Camera && now.Screen == before.Screen && slices.Equal(now.Slots, before.Slots) {
			continue
		}
		r.told[peer] = now
		r.rev++
		rev := r.rev
		tell = append(tell, func() { r.sfu.opts.OnLines(r.name, peer, rev, now) })
	}
	return tell
}

// Lines is what a page was told, to be told again.
func (r *Room) Lines(peer string) (rev uint64, lines Lines) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rev++
	return r.rev, r.told[peer]
}

// look chooses every receiver's layers and asks for the key frames that somebody waits for. passed is the time
// since the layers were measured; 0: they are not measured now.
func (r *Room) look(now time.Time, passed time.Duration) {
	r.mu.Lock()
	for peer, c := range r.conns {
		if !c.down.IsZero() && now.Sub(c.down) >= GoneAfter {
			r.dropLocked(peer)
			continue
		}
		for _, s := range c.sources {
			if passed > 0 {
				s.look(passed)
			}
			s.wanted = 1 // who joins sees something at once
		}
	}
	var wait []*slot
	for _, c := range r.conns {
		if passed > 0 {
			c.look(now, passed)
		}
		wait = append(wait, r.chooseLocked(c, now)...)
	}
	for _, c := range r.conns {
		for _, s := range c.sources {
			s.settle(now)
		}
	}
	tell := r.newsLocked()
	r.mu.Unlock()
	for _, f := range tell {
		f()
	}
	for _, s := range wait {
		s.needKey(now)
	}
}

// chooseLocked chooses the layers of one receiver and returns the slots that wait for a key frame.
func (r *Room) chooseLocked(c *conn, now time.Time) (wait []*slot) {
	var slots []*slot
	var asks []ask
	sound := 0
	for _, s := range c.slots {
		from, at, _ := s.state()
		switch {
		case from == nil:
		case s.audio:
			sound += soundRate
		default:
			slots = append(slots, s)
			a := ask{layers: from.now(), height: r.heightLocked(c.peer, from), screen: from.kind == Screen, now: at}
			asks = append(asks, a)
			if c.up {
				from.wanted = max(from.wanted, a.useful())
			}
		}
	}
	if len(slots) == 0 || !c.up { // key frames that nobody can take are not asked for
		return nil
	}
	got := choose(asks, c.budget.rate-sound, c.budget.mayRise(now))
	c.sound, c.limited, c.least = sound, false, true
	for i, s := range slots {
		c.limited = c.limited || got[i] < asks[i].top()
		c.least = c.least && got[i] <= asks[i].above(none)
		s.aim(got[i])
		if _, before, _ := s.state(); got[i] != before {
			r.sfu.opts.Log.Debug("picture", "to", c.peer, "line", s.mid, "layer", got[i], "before", asks[i].now, "height", asks[i].height,
				"budget", c.budget.rate)
		}
		if got[i] != none && got[i] != asks[i].now {
			wait = append(wait, s)
		}
	}
	return wait
}

func (r *Room) heightLocked(peer string, of *source) int {
	for _, w := range r.wants[peer] {
		if w.Peer == of.peer && w.Kind == of.kind {
			return w.Height
		}
	}
	return 0
}

// PeerStats is how a participant's media are, as [Room.Stats] tells.
type PeerStats struct {
	Peer      string
	Up        bool
	Transport string // "udp" or "tcp"
	Budget    int    // bits a second that its line is taken for, sound included
	Gets      []Got
}

// Got is a picture that a participant gets. Layer is 0 to 2, or −1: nothing fits.
type Got struct {
	Peer  string
	Kind  Kind
	Layer int
}

// Stats of all participants.
func (r *Room) Stats() []PeerStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []PeerStats
	for peer, c := range r.conns {
		p := PeerStats{Peer: peer, Up: c.up, Transport: c.pc.Transport(), Budget: c.budget.rate}
		for _, s := range c.slots {
			if from, at, _ := s.state(); from != nil && !s.audio {
				p.Gets = append(p.Gets, Got{from.peer, from.kind, at})
			}
		}
		all = append(all, p)
	}
	return all
}
