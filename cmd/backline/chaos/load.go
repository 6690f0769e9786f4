package chaos

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Mix says how much goes on at once.
type Mix struct {
	Messenger, SMS int           // webhooks at once; each writes for a few customers
	Visitors       int           // chats
	Agents         int           // consoles; at most three
	Pause          time.Duration // between two webhooks of one sender; 10 ms when zero
	Redeliver      float64       // share of webhooks that come again although they were acknowledged
	Miss           float64       // share of offers that an agent lets ring
}

// Load is what customers, providers and agents do.
type Load struct {
	Ledger *Ledger

	t      testing.TB
	url    string // of the balancer
	mix    Mix
	client *http.Client
	cookie string // of an agent's session, good at every node

	over  chan struct{}   // closed: nobody says anything new
	ctx   context.Context // ends what is not acknowledged by then
	abort context.CancelFunc
	doing sync.WaitGroup // who writes
	desks sync.WaitGroup // who answers
	seed  uint64

	answers atomic.Int64 // of agents, not acknowledged yet
	failed  atomic.Int64 // requests that no node answered, or not with success
	mu      sync.Mutex
	halted  time.Time              // guarded by mu
	taken   []func() *http.Request // webhooks that were acknowledged; guarded by mu
	why     map[string]int         // guarded by mu
}

// NewLoad begins. The seed decides pauses and what comes twice.
func NewLoad(t testing.TB, c *Cluster, mix Mix, seed uint64) *Load {
	t.Helper()
	if mix.Pause == 0 {
		mix.Pause = 10 * time.Millisecond
	}
	l := &Load{Ledger: NewLedger(), t: t, url: c.Balancer.URL, mix: mix, over: make(chan struct{}), seed: seed, why: map[string]int{},
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	l.ctx, l.abort = context.WithCancel(context.Background())
	t.Cleanup(func() { // when the test has failed in between
		l.halt()
		l.abort()
		l.doing.Wait()
		l.desks.Wait()
		l.client.CloseIdleConnections()
	})
	l.cookie = l.signIn(agents[0])
	for i := range mix.Agents {
		l.agent(agents[i])
	}
	for i := range mix.Messenger {
		l.webhooks("messenger", i, l.meta)
	}
	for i := range mix.SMS {
		l.webhooks("sms", i, l.twilio)
	}
	for i := range mix.Visitors {
		l.visitor(i)
	}
	return l
}

// halt has nobody say anything new.
func (l *Load) halt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.halted.IsZero() {
		l.halted = time.Now()
		close(l.over)
	}
}

// Halted is when nobody said anything new any more.
func (l *Load) Halted() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.halted
}

// Finish has nobody say anything new, and lets everybody finish what they have begun, for this long. Consoles look
// on for a moment, so that they are shown what came last.
func (l *Load) Finish(patience time.Duration) {
	l.t.Helper()
	l.halt()
	timer := time.AfterFunc(patience, l.abort)
	defer timer.Stop()
	l.doing.Wait()
	for l.answers.Load() > 0 && l.ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case <-time.After(500 * time.Millisecond):
	case <-l.ctx.Done():
	}
	l.abort()
	l.desks.Wait()
}

// Failed counts requests that failed, and says why.
func (l *Load) Failed() (int64, map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	why := map[string]int{}
	for k, v := range l.why {
		why[k] = v
	}
	return l.failed.Load(), why
}

func (l *Load) fails(err error) {
	if l.ctx.Err() != nil {
		return
	}
	l.failed.Add(1)
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		text = u.Err.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		text = op.Err.Error() // without addresses
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why[text]++
}

func (l *Load) random(who string, i int) *rand.Rand {
	sum := sha256.Sum256(fmt.Append(nil, who, i))
	return rand.New(rand.NewPCG(l.seed, uint64(sum[0])<<8|uint64(sum[1])))
}

func (l *Load) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// pauses waits, unless it is over.
func (l *Load) pauses(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.over:
	}
}

// request builds one webhook; it is called anew for each try.
type request func(sender, n int) (text string, build func() *http.Request)

// webhooks sends as a provider does: again and again until it is taken, in order of each sender.
func (l *Load) webhooks(name string, sender int, next request) {
	random := l.random(name, sender)
	l.doing.Go(func() {
		for n := 0; !l.isOver(); n++ {
			text, build := next(sender, n)
			l.Ledger.Sent(text)
			if !l.deliver(random, build) {
				return
			}
			l.Ledger.Acked(text)
			l.mu.Lock()
			l.taken = append(l.taken, build)
			l.mu.Unlock()
			if random.Float64() < l.mix.Redeliver {
				l.deliver(random, build)
			}
			l.pauses(time.Duration(float64(l.mix.Pause) * (0.5 + random.Float64())))
		}
	})
}

// Again has providers send webhooks again that were acknowledged, ten of them, so many times each.
func (l *Load) Again(times int) {
	l.t.Helper()
	l.mu.Lock()
	var some []func() *http.Request
	for i := range 10 {
		if len(l.taken) > 0 {
			some = append(some, l.taken[i*len(l.taken)/10])
		}
	}
	l.mu.Unlock()
	if len(some) == 0 {
		l.t.Error("no webhook was acknowledged yet")
	}
	random := l.random("again", times)
	for range times {
		for _, build := range some {
			if !l.deliver(random, build) {
				l.t.Error("a webhook that came again was not taken")
				return
			}
		}
	}
}

// deliver reports whether it was taken before all ended.
func (l *Load) deliver(random *rand.Rand, build func() *http.Request) bool {
	for {
		err := l.send(build())
		if err == nil {
			return true
		}
		l.fails(err)
		select {
		case <-time.After(time.Duration(50+random.IntN(150)) * time.Millisecond):
		case <-l.ctx.Done():
			return false
		}
	}
}

func (l *Load) send(req *http.Request) error {
	res, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s", req.URL.Path, res.Status, strings.TrimSpace(string(body)))
	}
	return err
}

// post is a request that the client does not send again by itself: each failure shows.
func (l *Load) post(path string, body []byte, head map[string]string) *http.Request {
	req, err := http.NewRequestWithContext(l.ctx, http.MethodPost, l.url+path, io.NopCloser(strings.NewReader(string(body))))
	if err != nil {
		panic(err) // the address is the balancer's
	}
	req.ContentLength = int64(len(body))
	for k, v := range head {
		req.Header.Set(k, v)
	}
	return req
}

// customers is for how many one sender of webhooks writes.
const customers = 4

func (l *Load) meta(sender, n int) (string, func() *http.Request) {
	text := fmt.Sprintf("messenger %d.%d", sender, n)
	body := fmt.Appendf(nil, `{"object":"page","entry":[{"id":%[1]q,"time":%[2]d,"messaging":[{"sender":{"id":"24%014[3]d"},"recipient":{"id":%[1]q},"timestamp":%[2]d,"message":{"mid":"m_%[4]d_%[5]d","text":%[6]q}}]}]}`,
		page, time.Now().UnixMilli(), sender*customers+n%customers+1, sender, n, text)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return text, func() *http.Request {
		return l.post("/hooks/messenger", body, map[string]string{"Content-Type": "application/json", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil))})
	}
}

func (l *Load) twilio(sender, n int) (string, func() *http.Request) {
	text := fmt.Sprintf("sms %d.%d", sender, n)
	sid := fmt.Sprintf("SM%016x%016x", sender+1, n)
	params := url.Values{"MessageSid": {sid}, "SmsSid": {sid}, "SmsMessageSid": {sid}, "AccountSid": {account},
		"From": {fmt.Sprintf("+1202555%04d", 1000+sender*customers+n%customers)}, "To": {number}, "Body": {text}, "NumMedia": {"0"},
		"NumSegments": {"1"}, "SmsStatus": {"received"}, "ApiVersion": {"2010-04-01"}}
	const path = "/hooks/twilio/sms"
	signed := l.url + path // what is signed: address, then each name and value by name
	for _, name := range slices.Sorted(keys(params)) {
		signed += name + params.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(signed))
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return text, func() *http.Request {
		return l.post(path, []byte(params.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature})
	}
}

func keys(v url.Values) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range v {
			if !yield(k) {
				return
			}
		}
	}
}

// visitor writes as the widget does: what is not acknowledged is sent again under the same id on the next socket.
func (l *Load) visitor(who int) {
	random := l.random("visitor", who)
	l.doing.Go(func() {
		v := &chat{load: l, name: fmt.Sprint("visitor ", who)}
		defer v.close()
		for n := 0; !l.isOver(); n++ {
			text := fmt.Sprintf("chat %d.%d", who, n)
			l.Ledger.Sent(text)
			for !v.says(fmt.Sprint("v", n), text) {
				v.close()
				select {
				case <-time.After(time.Duration(50+random.IntN(200)) * time.Millisecond): // jitter, as the page's
				case <-l.ctx.Done():
					return
				}
			}
			l.Ledger.Acked(text)
			l.pauses(time.Duration(550+random.IntN(150)) * time.Millisecond) // the gateway takes two in a second
		}
	})
}

// chat is a visitor's page.
type chat struct {
	load  *Load
	name  string
	ws    *websocket.Conn
	token string
	after uint64
}

func (v *chat) close() {
	if v.ws != nil {
		v.ws.Close()
		v.ws = nil
	}
}

// says reports whether a message was acknowledged on the socket that is open, or on a new one.
func (v *chat) says(id, text string) bool {
	if v.ws == nil && !v.connect() {
		return false
	}
	_ = v.ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	if v.ws.WriteJSON(map[string]any{"t": "message", "client_id": id, "text": text}) != nil {
		return false
	}
	for {
		f, ok := v.next()
		if !ok {
			return false
		}
		if f.T == "ack" && f.ClientID == id {
			return f.Failure == nil
		}
	}
}

// visitorFrame is what a page looks at.
type visitorFrame struct {
	T, Token string
	ClientID string `json:"client_id"`
	Failure  *struct{ Detail string }
	Item     *struct {
		Position       uint64
		ID, Kind, Text string
	}
}

func (v *chat) next() (visitorFrame, bool) {
	var f visitorFrame
	if v.ws.ReadJSON(&f) != nil {
		return f, false
	}
	if f.Item != nil {
		v.after = max(v.after, f.Item.Position)
		if f.Item.Kind == "message" {
			v.load.Ledger.Shown(v.name, f.Item.ID, f.Item.Text)
		}
	}
	return f, f.T != "bye"
}

func (v *chat) connect() bool {
	ws, _, err := (&websocket.Dialer{HandshakeTimeout: 5 * time.Second}).DialContext(v.load.ctx, strings.Replace(v.load.url, "http", "ws", 1)+"/ws/visitor", http.Header{"Origin": {site}})
	if err != nil {
		v.load.fails(fmt.Errorf("visitor's socket: %w", err))
		return false
	}
	v.ws = ws
	_ = ws.SetReadDeadline(time.Now().Add(5 * time.Second))
	if ws.WriteJSON(map[string]any{"t": "hello", "version": 1, "site": "shop", "token": v.token, "after": v.after}) != nil {
		return false
	}
	for {
		f, ok := v.next()
		if !ok {
			return false
		}
		if f.Token != "" {
			v.token = f.Token
		}
		if f.T == "ready" {
			return true
		}
	}
}
