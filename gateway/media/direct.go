package media

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"
)

const (
	// abreast is how often one packet in each direction goes pion's way although there is a shorter one. That
	// keeps pion's count of rollovers of the sequence number in step, so that a leg may change to TCP at any
	// time, and shows its ICE agent that the path lives.
	abreast = time.Second
	// abreastNumbers is after how many numbers at the latest: less than the half of a round in which a receiver
	// can still tell a rollover (RFC 3711, 3.3.1).
	abreastNumbers = 1 << 13
	// echoes is how many of these packets may be on pion's way at once. One that is forgotten would count as new,
	// and old numbers that count as new spoil the count of rollovers.
	echoes = 32
	// maxPaths a leg is found by; browsers have a handful.
	maxPaths = 16
)

// direct is a leg's short way past pion: what comes in over UDP is decrypted, and what goes out encrypted, where
// the socket is read, so that a packet crosses no goroutine and no queue. ICE, DTLS and RTCP stay pion's, and so
// does all sound of a leg on TCP.
type direct struct {
	ring   *keyring
	lookup *paths
	open   atomic.Bool                 // the connection is up, and its certificate was verified
	to     atomic.Pointer[net.UDPAddr] // where the browser is; nil: pion's way
	stale  atomic.Bool                 // sound came pion's way, so that remote missed it
	echo   [echoes]atomic.Uint32       // 1<<16 | sequence numbers of packets that pion was given as well

	// Owned by the reader of the socket.
	remote  *srtp.Context
	scratch rtp.Packet // what goes out
	packet  rtp.Packet // what came in
	plain   []byte
	passed  time.Time // when pion was given one last
	echoed  int       // how many
	number  uint16    // of that one

	mu     sync.Mutex
	local  *srtp.Context    // guarded by mu
	header rtp.Header       // guarded by mu: of the packet that is encrypted
	at     []netip.AddrPort // guarded by mu: addresses in lookup
	over   bool             // guarded by mu
}

func newDirect(lookup *paths) *direct {
	d := &direct{ring: &keyring{}, lookup: lookup}
	d.stale.Store(true)
	return d
}

// start opens the way; called when pion says that the connection is up. A leg whose keys are not known (its
// browser was the DTLS server) stays with pion.
func (d *direct) start() error {
	if d.open.Load() {
		return nil
	}
	keys, profile, err := d.ring.keys()
	if err != nil {
		return err
	}
	local, err := srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, profile)
	if err != nil {
		return fmt.Errorf("prepare to encrypt: %w", err)
	}
	d.mu.Lock()
	d.local = local
	d.mu.Unlock()
	d.open.Store(true)
	return nil
}

// selected takes the path that ICE has chosen.
func (d *direct) selected(pair *webrtc.ICECandidatePair) {
	ip, err := netip.ParseAddr(pair.Remote.Address)
	if err != nil || pair.Local.Protocol != webrtc.ICEProtocolUDP {
		d.to.Store(nil)
		return
	}
	at, _ := d.lookup.inner.where(netip.AddrPortFrom(ip, pair.Remote.Port))
	d.to.Store(net.UDPAddrFromAddrPort(at))
}

// seen notes the address that an ICE check with our password came from.
func (d *direct) seen(l *leg, remote ice.Candidate) {
	ip, err := netip.ParseAddr(remote.Address())
	if err != nil || !remote.NetworkType().IsUDP() {
		return
	}
	at := netip.AddrPortFrom(ip.Unmap(), uint16(remote.Port()))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over || len(d.at) >= maxPaths {
		return
	}
	if d.lookup.add(at, l) {
		d.at = append(d.at, at)
	}
}

// stop ends the way.
func (d *direct) stop(l *leg) {
	d.open.Store(false)
	d.to.Store(nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	d.lookup.remove(d.at, l)
	d.at = nil
}

// take handles a packet that came from an address of l. It reports whether pion should have it too.
func (d *direct) take(l *leg, b []byte, now time.Time) (pass bool) {
	number := l.number.Load()
	if number == 0 { // the first is pion's, which knows what was negotiated
		return true
	}
	if d.remote == nil || d.stale.Swap(false) {
		if d.remote = d.receiver(&l.received, b); d.remote == nil {
			d.stale.Store(true)
			return true
		}
	}
	if d.plain == nil {
		d.plain = make([]byte, 0, maxPacket)
	}
	if !l.streams.known(binary.BigEndian.Uint32(b[8:12])) {
		return true // to be counted
	}
	plain, err := d.remote.DecryptRTP(d.plain, b, &d.packet.Header)
	if err != nil { // forged, or repeated
		return false
	}
	if d.packet.Unmarshal(plain) != nil || len(d.packet.Payload) == 0 || d.packet.PayloadType != uint8(number) {
		return false
	}
	if n := d.packet.SequenceNumber; now.Sub(d.passed) >= abreast || n-d.number >= abreastNumbers && n-d.number < 1<<15 {
		d.passed, d.number = now, n
		d.echo[d.echoed%echoes].Store(1<<16 | uint32(n))
		d.echoed++
		pass = true
	}
	l.sound(&d.packet, &d.scratch, len(b), now)
	return pass
}

// receiver makes a context that goes on where the sound so far ended, with b.
func (d *direct) receiver(so *reception, b []byte) *srtp.Context {
	keys, profile, err := d.ring.keys()
	if err != nil {
		return nil
	}
	c, err := srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, profile, srtp.SRTPReplayProtection(64))
	if err != nil {
		return nil
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	c.SetROC(ssrc, so.rollovers(ssrc, binary.BigEndian.Uint16(b[2:])))
	return c
}

// again reports whether a packet that came pion's way was taken already; any other makes the short way's
// context stale.
func (d *direct) again(seq uint16) bool {
	for i := range d.echo {
		if d.echo[i].CompareAndSwap(1<<16|uint32(seq), 0) {
			return true
		}
	}
	d.stale.Store(true)
	return false
}

// seal encrypts a packet of which plain is header and payload, into b.
func (d *direct) seal(b, plain []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.local.EncryptRTP(b, plain, &d.header)
}

// outlet is a track that takes the short way when there is one.
type outlet struct {
	*webrtc.TrackLocalStaticRTP
	direct *direct
	out    *batch // nil: pion's way only
	ssrc   atomic.Uint32
	number atomic.Uint32 // payload type

	mu   sync.Mutex
	last time.Time // when a packet went pion's way, guarded by mu
	seq  uint16    // of that one, guarded by mu
}

// Bind also learns under which SSRC and payload type the track was negotiated.
func (o *outlet) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	p, err := o.TrackLocalStaticRTP.Bind(c)
	if err == nil {
		o.ssrc.Store(uint32(c.SSRC()))
		o.number.Store(uint32(p.PayloadType))
	}
	return p, err
}

// WriteRTP sends a packet. A number goes one way only: it is part of what the packet is encrypted with.
func (o *outlet) WriteRTP(p *rtp.Packet) error {
	if o.out == nil || !o.direct.open.Load() {
		return o.TrackLocalStaticRTP.WriteRTP(p)
	}
	to, due := o.direct.to.Load(), o.due(p.SequenceNumber)
	if due {
		o.follow(p)
	}
	if due || to == nil {
		return o.TrackLocalStaticRTP.WriteRTP(p)
	}
	p.SSRC, p.PayloadType = o.ssrc.Load(), uint8(o.number.Load())
	return o.out.send(o.direct, p, to)
}

// due reports whether a packet is the one in a while that keeps both ways abreast.
func (o *outlet) due(seq uint16) bool {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if ahead := seq - o.seq; now.Sub(o.last) < abreast && (ahead < abreastNumbers || ahead >= 1<<15) {
		return false
	}
	o.last, o.seq = now, seq
	return true
}

// follow lets the short way count a rollover that it might miss.
func (o *outlet) follow(p *rtp.Packet) {
	h := p.Header
	h.SSRC, h.PayloadType = o.ssrc.Load(), uint8(o.number.Load())
	if b, err := h.Marshal(); err == nil {
		_, _ = o.direct.seal(nil, b) // thrown away: only the count is wanted
	}
}

// paths finds the leg behind an address.
type paths struct {
	inner *inner // static

	mu sync.RWMutex
	of map[netip.AddrPort]*leg // guarded by mu
}

// add reports whether the address is new for l. One that another leg is heard from stays with that leg.
func (p *paths) add(at netip.AddrPort, l *leg) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.of[at]
	if old == l || old != nil && old.direct.open.Load() && old.received.fresh(time.Now()) {
		return false
	}
	p.of[at] = l
	return true
}

func (p *paths) remove(all []netip.AddrPort, l *leg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range all {
		if p.of[at] == l {
			delete(p.of, at)
		}
	}
}

func (p *paths) find(at netip.AddrPort) *leg {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.of[at]
}
