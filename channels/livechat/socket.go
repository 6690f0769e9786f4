package livechat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"backline/channels"
	"backline/gateway"
	"backline/gateway/httpx"
	"backline/gateway/wire"
)

const (
	writeWait   = 10 * time.Second // one write to a page
	storeWait   = 10 * time.Second // one append; a visitor who leaves does not end it
	typingEvery = time.Second      // more often is dropped
)

// socket is one open page.
type socket struct {
	channel *Channel
	ws      *websocket.Conn
	sink    channels.Sink
	site    string
	visitor string
	who     gateway.Identity
	guest   *channels.Guest // came by a link

	// Owned by the reader.
	page, language string // not yet stored
	typedAt        time.Time
	seen           [2]uint64 // highest position reported: got, read

	// Guarded by mu.
	mu   sync.Mutex // also the turn to write
	sent uint64     // highest position the page was told
}

// closing is why a socket ends, in the words of the protocol.
type closing struct {
	code   int
	reason string
}

func (c *closing) Error() string { return fmt.Sprintf("close %d: %s", c.code, c.reason) }

func (c *Channel) serveSocket(w http.ResponseWriter, r *http.Request, sink channels.Sink) {
	address := httpx.Prefix(httpx.ClientIP(r.Context()))
	if !c.admit(address) {
		c.opts.OnRejected("too_many_sockets")
		httpx.TooMany(w, r, 5*time.Second)
		return
	}
	defer c.leave(address)
	ws, err := c.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer ws.Close()
	s := &socket{channel: c, ws: ws, sink: sink}
	err = s.serve(r)
	if why, ok := errors.AsType[*closing](err); ok {
		if why.code == wire.CloseForbidden {
			c.opts.OnRejected("origin")
		}
		s.close(why.code, why.reason)
	}
	c.opts.Log.Debug("visitor socket ended", "site", s.site, "err", err)
}

// admit counts a connection of an address; leave gives its place back.
func (c *Channel) admit(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.addresses[address] >= c.opts.PerAddress {
		return false
	}
	c.addresses[address]++
	c.wg.Add(1)
	return true
}

func (c *Channel) leave(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.addresses[address]--; c.addresses[address] == 0 {
		delete(c.addresses, address)
	}
	c.wg.Done()
}

func (c *Channel) add(s *socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.sockets[s] = struct{}{}
	return true
}

func (c *Channel) remove(s *socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sockets, s)
}

// serve runs one socket: hello, welcome, then the follower beside the reader.
func (s *socket) serve(r *http.Request) error {
	s.ws.SetReadLimit(wire.MaxFrameBytes)
	hello, err := s.hello(r.Header.Get("Origin"))
	if err != nil {
		return err
	}
	if !s.channel.add(s) {
		return &closing{wire.CloseRestarting, "restarting"}
	}
	defer s.channel.remove(s)
	if err := s.welcome(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	var follower sync.WaitGroup
	var followed error
	after := hello.After
	if s.guest != nil {
		after = max(after, s.guest.Since)
	}
	follower.Go(func() {
		if followed = s.channel.opts.Feed.Follow(ctx, s.who, hello.Language, after, s.send); followed != nil {
			s.close(wire.CloseSlow, "too slow")
		}
		s.ws.Close() // ends the reader
	})
	err = s.read(ctx)
	if why, ok := errors.AsType[*closing](err); ok {
		s.close(why.code, why.reason)
	}
	cancel()
	s.ws.Close() // ends a write of the follower
	follower.Wait()
	return errors.Join(err, followed)
}

// hello reads the first frame and finds out who it is.
func (s *socket) hello(origin string) (wire.VisitorHello, error) {
	_ = s.ws.SetReadDeadline(time.Now().Add(wire.HelloTimeout)) // fails only on a closed connection; the read says so
	_, data, err := s.ws.ReadMessage()
	if err != nil {
		return wire.VisitorHello{}, err
	}
	f, err := decodeFrame(data)
	h, ok := f.(wire.VisitorHello)
	if err != nil || !ok {
		return h, &closing{wire.CloseProtocol, "hello expected"}
	}
	c := s.channel
	if h.Link != "" {
		h.Site = linkSite
	}
	if !c.knows(h.Site) || !c.allowed(h.Site, origin) || h.Site == linkSite && h.Link == "" {
		return h, &closing{wire.CloseForbidden, "this website may not show this chat"}
	}
	s.site, s.page, s.language = h.Site, h.Page, h.Language
	if h.Token == "" {
		s.visitor = newVisitor()
	} else if s.visitor, err = c.visitor(h.Site, h.Token, time.Now()); err != nil {
		return h, &closing{wire.CloseUnauthorized, "token"}
	}
	s.who = gateway.Identity{Channel: gateway.ChannelLivechat, Account: s.site, Remote: s.visitor}
	if h.Link != "" {
		return h, s.byLink(h.Link)
	}
	return h, nil
}

// byLink makes the visitor who the link says.
func (s *socket) byLink(token string) error {
	g, err := s.channel.opts.Guest(token)
	if err != nil {
		return &closing{wire.CloseForbidden, "this link does not work"}
	}
	s.guest, s.page = &g, ""
	s.who = gateway.Identity{Channel: gateway.ChannelClick2Talk, Account: "link", Remote: string(g.Link)}
	switch {
	case !g.As.IsZero():
		s.who = g.As
	case g.Public:
		s.who.Remote += "." + s.visitor
	}
	return nil
}

func (s *socket) welcome() error {
	o, now := s.channel.opts, time.Now()
	w := wire.VisitorWelcome{Version: wire.Version, Token: s.channel.mint(s.site, s.visitor, now), Company: o.Company, ServerNow: now.UTC()}
	w.Status = s.status(o.Feed.Status(s.who, s.language))
	if g := s.guest; g != nil {
		w.Link = &wire.Link{Name: g.About.Name, Subject: g.About.Subject, To: g.To, Expires: g.Expires}
	}
	return s.send(w)
}

// status is a status as this page may have it: a link that has ended is good for writing only.
func (s *socket) status(st wire.Status) wire.Status {
	st.Calls = st.Calls && s.channel.opts.Calls != nil && (s.guest == nil || s.guest.Calls)
	return st
}

// send writes one frame. A page that does not read holds up its own follower only.
func (s *socket) send(frame any) error {
	switch f := frame.(type) {
	case wire.VisitorStatus:
		frame = wire.VisitorStatus{Status: s.status(f.Status)}
	case wire.VisitorItem:
		// An old line that has only changed: who holds the link need not be who wrote it.
		if s.guest != nil && f.Item.Position < s.guest.Since {
			return nil
		}
	}
	data, err := wire.Marshal(frame)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f := frame.(type) {
	case wire.VisitorItem:
		s.sent = max(s.sent, f.Item.Position)
	case wire.VisitorReady:
		s.sent = max(s.sent, f.Head)
	}
	_ = s.ws.SetWriteDeadline(time.Now().Add(writeWait)) // fails only on a closed connection; the write says so
	return s.ws.WriteMessage(websocket.TextMessage, data)
}

func (s *socket) close(code int, reason string) {
	_ = s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second)) // the page may be gone
}

// bye sends the page away.
func (s *socket) bye(ctx context.Context, when wire.Bye) {
	if ctx.Err() == nil {
		_ = s.send(when) // it may be gone already
	}
	s.close(wire.CloseRestarting, "restarting")
	s.ws.Close()
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
		if err := s.handle(ctx, f, err); err != nil {
			return err
		}
	}
}

// handle does what one frame asks. bad is what decoding found wrong with it.
func (s *socket) handle(ctx context.Context, frame any, bad error) error {
	refused, isRefused := errors.AsType[*gateway.Error](bad)
	if bad != nil && !isRefused {
		return &closing{wire.CloseProtocol, "bad frame"}
	}
	switch f := frame.(type) {
	case wire.Ping:
		return s.send(wire.Pong{})
	case wire.VisitorIsTyping:
		if now := time.Now(); now.Sub(s.typedAt) >= typingEvery {
			s.typedAt = now
			s.channel.opts.Feed.VisitorTyping(s.who)
		}
		return nil
	case wire.VisitorSeen:
		return s.report(ctx, f)
	case wire.VisitorContact:
		if refused != nil {
			return nil // the form has checked it; what is wrong here nobody typed
		}
		return s.learn(ctx, gateway.ContactLearned{Name: f.Name, Email: f.Email, Phone: f.Phone})
	case wire.VisitorMessage:
		return s.message(ctx, f, refused)
	case wire.VisitorOffer:
		return s.call(ctx, f, refused)
	case wire.VisitorConsent:
		return s.consent(ctx, f)
	case wire.VisitorHangup:
		return s.hangup(ctx, f)
	}
	return &closing{wire.CloseProtocol, "unexpected frame"} // a second hello
}

// message stores what the visitor wrote, then says so.
func (s *socket) message(ctx context.Context, m wire.VisitorMessage, refused *gateway.Error) error {
	s.typedAt = time.Time{} // what comes next is new writing
	ack := wire.VisitorAck{ClientID: m.ClientID}
	err := error(refused)
	if refused == nil {
		err = s.accept(ctx, m)
	}
	if err != nil {
		ack.Failure = failure(err)
	}
	return s.send(ack)
}

func (s *socket) accept(ctx context.Context, m wire.VisitorMessage) error {
	c := s.channel
	if _, ok := c.messages.Allow(s.who.Remote); !ok {
		return gateway.Errorf(gateway.TooMany, "too many messages at once; wait a moment")
	}
	key := s.key(m.ClientID)
	received := gateway.MessageReceived{Message: messageID(key), Identity: s.who, Text: m.Text, ClientID: m.ClientID,
		SentAt: time.Now().UTC(), Offline: m.Offline}
	if s.joins() {
		received.Via = gateway.ChannelClick2Talk
	}
	for _, id := range m.Files {
		a, err := c.opts.File(ctx, id)
		if err != nil {
			return &gateway.Error{Kind: gateway.Invalid, Field: "files", Msg: "a file of this message is not here; attach it again", Err: err}
		}
		received.Attachments = append(received.Attachments, a)
	}
	facts := []gateway.Fact{s.fact(key, received)}
	switch {
	case m.CallBack != nil:
		facts = s.callBack(key, received, *m.CallBack)
	case m.VoiceMS != 0 && received.Attachments[0].Kind != "audio":
		return &gateway.Error{Kind: gateway.Invalid, Field: "files", Msg: "this file is no sound"}
	case m.VoiceMS != 0:
		received.Kind, received.Extra = "voice", map[string]string{"voice_ms": strconv.Itoa(m.VoiceMS)}
		facts = []gateway.Fact{s.fact(key, received)}
	}
	if err := s.store(ctx, append(facts, s.about(key)...)...); err != nil {
		return err
	}
	s.page, s.language = "", ""
	return nil
}

// joins reports whether this page speaks in the thread of another channel.
func (s *socket) joins() bool { return s.guest != nil && !s.guest.As.IsZero() }

// callBack is a request to be called back, and how the person is reached from now on.
func (s *socket) callBack(key string, m gateway.MessageReceived, c wire.CallBack) []gateway.Fact {
	m.Kind, m.Extra = "call_request", map[string]string{"way": c.Way}
	var learned gateway.ContactLearned
	switch c.Way {
	case "sms":
		learned.Phone = c.To
	case "email":
		learned.Email = c.To
	}
	if c.To == "" {
		return []gateway.Fact{s.fact(key, m)}
	}
	m.Extra["to"] = c.To
	// The address first: whoever sees the request sees where to.
	return []gateway.Fact{s.fact(key+"/way", learned), s.fact(key, m)}
}

// about is what is known of the visitor and not yet stored; it goes along with the first thing they do. Key is
// that of what they do.
func (s *socket) about(key string) []gateway.Fact {
	var facts []gateway.Fact
	if s.guest != nil && !s.joins() {
		facts = append(facts, s.fact(s.key("about"), s.guest.About))
	}
	if s.page != "" || s.language != "" {
		facts = append(facts, s.fact(key+"/page", gateway.ContactLearned{Page: s.page, Language: s.language}))
	}
	return facts
}

// call answers a line of a call. Facts about a caller are stored before the call is, which is when it is heard.
func (s *socket) call(ctx context.Context, f wire.VisitorOffer, refused *gateway.Error) error {
	answer := wire.CallAnswer{Call: f.Call}
	err := error(refused)
	if refused == nil {
		answer.SDP, err = s.line(ctx, f)
	}
	if err != nil {
		answer.Failure = failure(err)
	} else {
		answer.ICE = s.channel.opts.Relays(f.Call, "customer")
	}
	return s.send(answer)
}

func (s *socket) line(ctx context.Context, f wire.VisitorOffer) (string, error) {
	c := s.channel
	if c.opts.Calls == nil || s.guest != nil && !s.guest.Calls {
		return "", gateway.Errorf(gateway.Forbidden, "calls cannot be had here; write to us")
	}
	if _, ok := c.offers.Allow(s.who.Remote); !ok {
		return "", gateway.Errorf(gateway.TooMany, "too many calls at once; wait a moment")
	}
	if facts := s.about(s.key("call/" + string(f.Call))); len(facts) > 0 {
		if err := s.store(ctx, facts...); err != nil {
			return "", err
		}
		s.page, s.language = "", ""
	}
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	return c.opts.Calls.CustomerOffer(ctx, s.who, f.Call, f.SDP, f.Restart)
}

// hangup outlives the page: who closes it has hung up.
func (s *socket) hangup(ctx context.Context, f wire.VisitorHangup) error {
	if s.channel.opts.Calls == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	if err := s.channel.opts.Calls.CustomerHangup(ctx, s.who, f.Call); err != nil {
		return &closing{wire.CloseSlow, "not stored"} // the page comes back and says it again
	}
	return nil
}

// consent stores whether the customer agrees that their call is recorded.
func (s *socket) consent(ctx context.Context, f wire.VisitorConsent) error {
	c := s.channel
	if _, ok := c.offers.Allow(s.who.Remote); !ok || c.opts.Calls == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	if err := c.opts.Calls.CustomerConsent(ctx, s.who, f.Call, f.Agreed, f.Language); err != nil {
		return &closing{wire.CloseSlow, "not stored"} // the page comes back and asks again
	}
	return nil
}

// report stores how far the page has shown what agents wrote. A page can only speak of what it was sent.
func (s *socket) report(ctx context.Context, f wire.VisitorSeen) error {
	s.mu.Lock()
	pos := min(f.Position, s.sent)
	s.mu.Unlock()
	state, i := gateway.DeliveryDelivered, 0
	if f.Read {
		state, i = gateway.DeliveryRead, 1
	}
	if pos <= s.seen[i] || pos <= s.seen[1] {
		return nil
	}
	key := s.key(fmt.Sprintf("seen/%s/%d", state, pos))
	if err := s.store(ctx, s.fact(key, gateway.DeliveryReported{Position: pos, State: state})); err != nil {
		return nil // the page says it again when it comes back; a tick is not worth the connection
	}
	s.seen[i] = pos
	return nil
}

// learn stores what the visitor says about themselves. Each time is a fact of its own: people correct
// themselves, and back again.
func (s *socket) learn(ctx context.Context, e gateway.ContactLearned) error {
	if _, ok := s.channel.messages.Allow(s.who.Remote); !ok || e == (gateway.ContactLearned{}) {
		return nil
	}
	if err := s.store(ctx, s.fact(s.key(fmt.Sprintf("contact/%d", time.Now().UnixNano())), e)); err != nil {
		return &closing{wire.CloseSlow, "not stored"} // the page says it again after hello
	}
	return nil
}

func (s *socket) key(of string) string {
	return s.who.Channel + "/" + s.who.Account + "/" + s.who.Remote + "/" + of
}

func (s *socket) fact(key string, e gateway.Event) gateway.Fact {
	return gateway.Fact{Key: key, Channel: s.who.Channel, Identity: s.who, Event: e}
}

// store outlives the visitor: what has arrived is kept even if they leave meanwhile.
func (s *socket) store(ctx context.Context, facts ...gateway.Fact) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	return s.sink.Accept(ctx, facts...)
}

// messageID is the same for the same key: a message sent again is the same message.
func messageID(key string) gateway.MessageID {
	sum := sha256.Sum256([]byte(key))
	return gateway.MessageID("m" + hex.EncodeToString(sum[:12]))
}

// failure is what the page is told of err: nothing of the inside.
func failure(err error) *wire.Failure {
	if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind != gateway.Internal {
		return &wire.Failure{Kind: e.Kind, Detail: e.Msg, Field: e.Field}
	}
	return &wire.Failure{Kind: gateway.Unavailable, Detail: "the message could not be stored; it will be tried again"}
}
