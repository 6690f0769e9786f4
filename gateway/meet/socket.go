package meet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/meet/sfu"
	"backline/gateway/wire"
)

const (
	writeWait = 10 * time.Second // one write to a page
	storeWait = 10 * time.Second // one thing that a page asks for
)

// socket is one open page of a meeting.
type socket struct {
	desk  *Desk
	ws    *websocket.Conn
	out   chan any      // answers and news; never closed
	bye   chan struct{} // closed by Stop
	slow  chan struct{} // one slot: out was full
	place Place
	agent gateway.AgentID // "": a guest

	language string // of the page; "": it does not say

	// Guarded by Desk.mu.
	room   *room
	person *person // nil: in the green room
	gone   bool    // the page is gone
}

// closing is why a socket ends, in the words of the protocol.
type closing struct {
	code   int
	reason string
}

func (c *closing) Error() string { return fmt.Sprintf("close %d: %s", c.code, c.reason) }

// push hands the page a frame; it never waits. A page that does not read is closed and comes back.
func (s *socket) push(frame any) {
	select {
	case s.out <- frame:
	default:
		select {
		case s.slow <- struct{}{}:
		default:
		}
	}
}

// ServeHTTP serves one page's socket.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address := httpx.Prefix(httpx.ClientIP(r.Context()))
	if !d.admit(address) {
		httpx.TooMany(w, r, 5*time.Second)
		return
	}
	defer d.dismiss(address)
	ws, err := d.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer ws.Close()
	s := &socket{desk: d, ws: ws, out: make(chan any, wire.MeetFrames), bye: make(chan struct{}), slow: make(chan struct{}, 1)}
	err = s.serve(r)
	if why, ok := errors.AsType[*closing](err); ok {
		s.close(why.code, why.reason)
	}
	d.opts.Log.Debug("meeting socket ended", "err", err)
}

// admit counts a page of an address; dismiss gives its place back.
func (d *Desk) admit(address string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped || d.addresses[address] >= PerAddress || len(d.sockets) >= MaxSockets {
		return false
	}
	d.addresses[address]++
	d.wg.Add(1)
	return true
}

func (d *Desk) dismiss(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.addresses[address]--; d.addresses[address] == 0 {
		delete(d.addresses, address)
	}
	d.wg.Done()
}

// Stop says goodbye to every page and waits until all sockets have ended or ctx is over.
func (d *Desk) Stop(ctx context.Context) {
	d.mu.Lock()
	d.stopped = true
	for s := range d.sockets {
		close(s.bye)
	}
	d.mu.Unlock()
	done := make(chan struct{})
	go func() { d.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		d.mu.Lock()
		for s := range d.sockets {
			s.ws.Close()
		}
		d.mu.Unlock()
		<-done
	}
}

func (s *socket) close(code int, reason string) {
	_ = s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second)) // the page may be gone
}

// serve runs one socket: hello, welcome, then the writer beside the reader.
func (s *socket) serve(r *http.Request) error {
	s.ws.SetReadLimit(wire.MaxFrameBytes)
	hello, err := s.hello(r)
	if err != nil {
		return err
	}
	d := s.desk
	d.mu.Lock()
	stopped := d.stopped
	if !stopped {
		d.sockets[s] = struct{}{}
	}
	d.mu.Unlock()
	if stopped {
		return &closing{wire.CloseRestarting, "restarting"}
	}
	defer d.leaveSocket(s)
	ctx, cancel := context.WithCancel(r.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		s.write(ctx)
		s.ws.Close() // ends the reader
	})
	if st, ok := d.seat(hello.Seat); !ok || !d.rejoin(ctx, s, st) {
		s.push(wire.MeetPlace{At: "green"})
	}
	err = s.read(ctx)
	if why, ok := errors.AsType[*closing](err); ok {
		s.close(why.code, why.reason)
	}
	cancel()
	s.ws.Close() // ends a write under way
	writer.Wait()
	return err
}

// hello reads the first frame, which must come at once, and welcomes the page.
func (s *socket) hello(r *http.Request) (h wire.MeetHello, err error) {
	_ = s.ws.SetReadDeadline(time.Now().Add(wire.HelloTimeout)) // fails only on a closed connection; the read says so
	_, data, err := s.ws.ReadMessage()
	if err != nil {
		return h, err
	}
	f, err := decodeFrame(data)
	h, ok := f.(wire.MeetHello)
	if err != nil || !ok {
		return h, &closing{wire.CloseProtocol, "hello expected"}
	}
	d := s.desk
	s.language = h.Language
	if s.place, err = d.opts.Resolve(h.Link); err != nil {
		if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind == gateway.Unavailable {
			return h, &closing{wire.CloseRestarting, "not ready"}
		}
		return h, &closing{wire.CloseForbidden, "this link does not work"}
	}
	name := s.place.Name
	if h.Host {
		id, agentName, ok := d.opts.Agent(r)
		if !ok {
			return h, &closing{wire.CloseUnauthorized, "sign in"}
		}
		s.agent, name = id, agentName
	}
	s.push(d.welcome(s, name))
	return h, nil
}

func (d *Desk) welcome(s *socket, name string) wire.MeetWelcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := wire.MeetWelcome{Version: wire.Version, Company: d.opts.Company, Subject: s.place.Subject, Name: name,
		Host: s.agent != "", Staffed: s.place.Staffed, ServerNow: time.Now().UTC()}
	if r := d.rooms[s.place.Who.Thread()]; r != nil && r.meeting != "" {
		w.Open, w.People, w.Locked, w.Recorded = true, r.count(inside), r.locked, r.rec.Wanted()
		if s.agent == "" && r.count(inside) > 1 {
			w.Name = "" // the customer is in already: this is somebody else
		}
	}
	return w
}

// leaveSocket notes that a page is gone. Whose it was may come back.
func (d *Desk) leaveSocket(s *socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sockets, s)
	s.gone = true
	if p := s.person; p != nil && p.socket == s {
		p.socket, p.away = nil, time.Now()
		d.tellLocked(s.room)
		d.poke()
	}
}

// write sends what is pushed until the socket ends.
func (s *socket) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.bye:
			_ = s.send(wire.Bye{RetryMS: 200 + rand.IntN(800)}) // it may be gone already
			s.close(wire.CloseRestarting, "restarting")
			return
		case <-s.slow:
			s.close(wire.CloseSlow, "too slow")
			return
		case f := <-s.out:
			if s.send(f) != nil {
				return
			}
		}
	}
}

func (s *socket) send(frame any) error {
	data, err := wire.Marshal(frame)
	if err != nil {
		return err
	}
	_ = s.ws.SetWriteDeadline(time.Now().Add(writeWait)) // fails only on a closed connection; the write says so
	return s.ws.WriteMessage(websocket.TextMessage, data)
}

// read handles the page's frames until the socket ends.
func (s *socket) read(ctx context.Context) error {
	for {
		_ = s.ws.SetReadDeadline(time.Now().Add(wire.DeadAfter)) // fails only on a closed connection
		_, data, err := s.ws.ReadMessage()
		if err != nil {
			return err
		}
		f, err := decodeFrame(data)
		if _, refused := errors.AsType[*gateway.Error](err); err != nil && !refused {
			return &closing{wire.CloseProtocol, "bad frame"}
		}
		if err := s.handle(ctx, f, err); err != nil {
			return err
		}
	}
}

// handle does what one frame asks. refused is what is wrong with it.
func (s *socket) handle(ctx context.Context, frame any, refused error) error {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	switch f := frame.(type) {
	case wire.Ping:
		s.push(wire.Pong{})
	case wire.MeetJoin:
		s.ack("join", s.join(ctx, f, refused))
	case wire.MeetOffer:
		s.offer(ctx, f, refused)
	case wire.MeetWant:
		if room, id, ok := s.seated(); ok && refused == nil {
			s.desk.opts.Media.Want(room, id, wants(f))
		}
	case wire.MeetMedia:
		s.desk.sends(s, f)
	case wire.MeetSay:
		if _, ok := s.desk.chats.Allow(s.limitKey()); !ok && refused == nil {
			refused = gateway.Errorf(gateway.TooMany, "too much at once; wait a moment")
		}
		if refused == nil {
			refused = s.desk.say(ctx, s, f)
		}
		s.ack(f.ID, refused)
	case wire.MeetConsent:
		if _, ok := s.desk.chats.Allow(s.limitKey()); !ok && refused == nil {
			refused = gateway.Errorf(gateway.TooMany, "too much at once; wait a moment")
		}
		if refused == nil {
			refused = s.desk.consent(ctx, s, f)
		}
		s.ack(f.ID, refused)
	case wire.MeetDo:
		if refused == nil {
			refused = s.desk.do(ctx, s, f)
		}
		s.ack(f.ID, refused)
	case wire.MeetLeave:
		s.desk.leave(s)
	default:
		return &closing{wire.CloseProtocol, "unexpected frame"} // a second hello
	}
	return nil
}

func (s *socket) join(ctx context.Context, f wire.MeetJoin, refused error) error {
	if refused != nil {
		return refused
	}
	if s.agent == "" {
		if _, ok := s.desk.knocks.Allow(string(s.place.Who.Thread())); !ok {
			return gateway.Errorf(gateway.TooMany, "too many knock at this door; wait a moment")
		}
	}
	return s.desk.enter(ctx, s, f.Name)
}

// leave is what a page says that goes on purpose.
func (d *Desk) leave(s *socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.person != nil {
		d.outLocked(s.room, s.person, gateway.OutSelf, "", "left")
	}
}

// seated says where the page is in; false: it is not.
func (s *socket) seated() (room, id string, ok bool) {
	s.desk.mu.Lock()
	defer s.desk.mu.Unlock()
	if s.person == nil || s.person.at != inside {
		return "", "", false
	}
	return string(s.room.meeting), s.person.id, true
}

func (s *socket) limitKey() string {
	_, id, _ := s.seated()
	return id
}

func (s *socket) offer(ctx context.Context, f wire.MeetOffer, refused error) {
	answer := wire.MeetAnswer{Line: f.Line}
	room, id, ok := s.seated()
	if !ok && refused == nil {
		refused = gateway.Errorf(gateway.Forbidden, "come in first")
	}
	if _, ok := s.desk.offers.Allow(id); !ok && refused == nil {
		refused = gateway.Errorf(gateway.TooMany, "too many offers at once; wait a moment")
	}
	if refused == nil {
		answer.SDP, refused = s.desk.opts.Media.Offer(ctx, room, id, f.Line, f.SDP)
	}
	if relays := s.desk.opts.Relays; refused == nil && relays != nil {
		answer.ICE = relays(gateway.MeetingID(room), id)
	}
	answer.Failure = s.failure(refused)
	s.push(answer)
}

func wants(f wire.MeetWant) []sfu.Want {
	out := make([]sfu.Want, len(f.Tiles))
	for i, t := range f.Tiles {
		out[i] = sfu.Want{Peer: t.Peer, Kind: sfu.Kind(t.Kind), Height: t.Height}
	}
	return out
}

func (s *socket) ack(id string, err error) { s.push(wire.MeetAck{ID: id, Failure: s.failure(err)}) }

// failure is what the page is told of err: nothing of the inside.
func (s *socket) failure(err error) *wire.Failure {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind != gateway.Internal {
		return &wire.Failure{Kind: e.Kind, Detail: e.Msg, Field: e.Field}
	}
	s.desk.opts.Log.Error("a meeting's page asked for something that failed", "err", err)
	return &wire.Failure{Kind: gateway.Unavailable, Detail: "something went wrong here; please try again"}
}
