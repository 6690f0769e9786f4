package media

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/net/ipv4"
)

// batchSize is how many packets one system call takes or gives at most.
const batchSize = 64

// batch is the UDP socket that all legs share, read and written many packets at a time. The goroutine that reads
// it, pion's, handles the sound of legs with a short way itself; all else it hands to pion.
type batch struct {
	*net.UDPConn
	many  *ipv4.PacketConn // also for IPv6: the messages carry their own addresses
	log   *slog.Logger
	paths *paths

	// Owned by the reader.
	in      []ipv4.Message
	next, n int // of in: not yet handled, and how many came

	mu      sync.Mutex
	out     []ipv4.Message // guarded by mu
	queued  int            // of out; guarded by mu
	holding int            // who will flush what they cause; guarded by mu
}

func newBatch(c *net.UDPConn, p *paths, log *slog.Logger) *batch {
	b := &batch{UDPConn: c, many: ipv4.NewPacketConn(c), log: log, paths: p}
	b.in, b.out = messages(), messages()
	return b
}

func messages() []ipv4.Message {
	all := make([]ipv4.Message, batchSize)
	for i := range all {
		all[i].Buffers = [][]byte{make([]byte, maxPacket)}
	}
	return all
}

// ReadFromAddrPort returns the next packet that is pion's. It goes on after an error.
func (b *batch) ReadFromAddrPort(to []byte) (int, netip.AddrPort, error) {
	for {
		for b.next < b.n {
			m := &b.in[b.next]
			b.next++
			from := m.Addr.(*net.UDPAddr).AddrPort()
			from = b.paths.inner.name(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
			if b.sound(m.Buffers[0][:m.N], from) {
				continue
			}
			return copy(to, m.Buffers[0][:m.N]), from, nil
		}
		if b.n > 0 {
			b.n, b.next = 0, 0
			b.flush()
		}
		n, err := b.many.ReadBatch(b.in, 0)
		if err != nil {
			if passing(err, "read sound", b.log) {
				continue
			}
			return 0, netip.AddrPort{}, err
		}
		b.next, b.n = 0, n
		b.hold()
	}
}

// sound handles a packet that needs nothing of pion.
func (b *batch) sound(p []byte, from netip.AddrPort) bool {
	if len(p) < 12 || p[0]&0xc0 != 0x80 || p[1] >= 192 && p[1] < 224 { // not RTP, or RTCP (RFC 5761, 4)
		return false
	}
	l := b.paths.find(from)
	return l != nil && l.direct.open.Load() && !l.direct.take(l, p, time.Now())
}

func (b *batch) WriteToAddrPort(p []byte, to netip.AddrPort) (int, error) {
	at, _ := b.paths.inner.where(to)
	return b.WriteToUDPAddrPort(p, at)
}

// send encrypts a packet into the next free place. It leaves at once, or with others where
// somebody holds.
func (b *batch) send(d *direct, p *rtp.Packet, to *net.UDPAddr) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := &b.out[b.queued]
	n, err := p.MarshalTo(m.Buffers[0][:maxPacket])
	if err != nil {
		return err
	}
	sealed, err := d.seal(m.Buffers[0][:maxPacket], m.Buffers[0][:n])
	if err != nil {
		return err
	}
	m.Buffers[0], m.Addr = sealed, to
	b.queued++
	if b.holding == 0 || b.queued == len(b.out) {
		return b.flushLocked()
	}
	return nil
}

// hold lets what is sent gather until flush; each hold wants one. Without a batch
// both do nothing.
func (b *batch) hold() {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.holding++
	b.mu.Unlock()
}

// flush sends what has gathered, also for others that hold still.
func (b *batch) flush() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holding--
	_ = b.flushLocked() // a browser that cannot be reached is noticed by ICE
}

// flushLocked sends all; what the system does not take is lost.
func (b *batch) flushLocked() error {
	var failed error
	for sent := 0; sent < b.queued; {
		n, err := b.many.WriteBatch(b.out[sent:b.queued], 0)
		if err != nil {
			failed = err
			n = max(n, 0) + 1 // the first that is left is what failed
		}
		sent += n
	}
	b.queued = 0
	return failed
}
