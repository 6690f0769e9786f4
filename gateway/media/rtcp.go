package media

import (
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// reportEvery is the time between our reports to a browser.
const reportEvery = time.Second

// reception counts what came from one browser (RFC 3550, A.1, A.3 and A.8).
type reception struct {
	mu sync.Mutex
	counts
}

// counts are of one SSRC; zero packets means that nothing came yet.
type counts struct {
	ssrc    uint32
	packets uint32
	bytes   uint64
	base    uint32    // first sequence number
	top     uint32    // highest, with wraps counted in the upper half
	transit uint32    // arrival less timestamp of the last packet, in ticks of the RTP clock
	jitter  float64   // in ticks
	last    time.Time // when the last packet came
	due     uint32    // packets expected at the last report
	got     uint32    // packets at the last report
	sr      uint32    // middle half of the NTP time of the last sender report
	srAt    time.Time // when that came
}

// packet counts one packet of n bytes.
func (r *reception) packet(p *rtp.Packet, n int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	transit := uint32(now.UnixNano()/int64(time.Second/clockRate)) - p.Timestamp
	if r.packets == 0 || r.ssrc != p.SSRC {
		r.counts = counts{
			ssrc: p.SSRC, base: uint32(p.SequenceNumber), top: uint32(p.SequenceNumber), transit: transit,
		}
	}
	if step := int16(p.SequenceNumber - uint16(r.top)); step > 0 {
		r.top += uint32(step)
	}
	r.last = now
	r.packets++
	r.bytes += uint64(n)
	d := float64(int32(transit - r.transit))
	r.transit = transit
	r.jitter += (max(d, -d) - r.jitter) / 16
}

// expected is how many packets were sent, as far as we know; lost how many of them never came.
func (c *counts) expected() uint32 { return c.top - c.base + 1 }

func (c *counts) lost() uint32 { return c.expected() - min(c.packets, c.expected()) }

// fresh reports whether sound has come within SilentAfter.
func (r *reception) fresh(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets > 0 && now.Sub(r.last) < SilentAfter
}

// rollovers says how often the sequence number of a stream has begun anew when it is seq, which is taken to be less
// than half a round from the highest (RFC 3711, 3.3.1). A stream that was not heard has just begun.
func (r *reception) rollovers(ssrc uint32, seq uint16) uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packets == 0 || r.ssrc != ssrc {
		return 0
	}
	return uint32(max(0, int64(r.top)+int64(int16(seq-uint16(r.top)))) >> 16)
}

// block is the report about it; false when nothing came yet.
func (r *reception) block(now time.Time) (rtcp.ReceptionReport, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packets == 0 {
		return rtcp.ReceptionReport{}, false
	}
	b := rtcp.ReceptionReport{
		SSRC: r.ssrc, LastSequenceNumber: r.top, TotalLost: min(r.lost(), 1<<23-1), Jitter: uint32(r.jitter),
		LastSenderReport: r.sr,
	}
	due, got := r.expected()-r.due, r.packets-r.got
	if due > got {
		b.FractionLost = uint8((due - got) * 256 / (due + 1))
	}
	if !r.srAt.IsZero() {
		b.Delay = uint32(now.Sub(r.srAt).Seconds() * 65536)
	}
	r.due, r.got = r.expected(), r.packets
	return b, true
}

// senderReport remembers when the browser said what time it has, so that it can compute the round trip.
func (r *reception) senderReport(ntp uint64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sr, r.srAt = uint32(ntp>>16), now
}

// reported is what the browser says about the sound it gets.
type reported struct {
	mu     sync.Mutex
	lost   uint32
	jitter uint32 // in ticks of the RTP clock
	rtt    time.Duration
}

// block takes a report that arrived now. The round trip is RFC 3550, 6.4.1: arrival - LSR - DLSR.
func (r *reported) block(b rtcp.ReceptionReport, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost, r.jitter = b.TotalLost, b.Jitter
	if b.LastSenderReport == 0 {
		return
	}
	rtt := uint32(ntpTime(now)>>16) - b.LastSenderReport - b.Delay
	if d := time.Duration(rtt) * time.Second / 65536; d < time.Minute {
		r.rtt = d
	}
}

func (r *reported) roundTrip() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rtt
}

// report sends one compound packet: what we sent and what we got.
func (l *leg) report(now time.Time) {
	e := l.sender.GetParameters().Encodings
	if len(e) == 0 {
		return
	}
	var blocks []rtcp.ReceptionReport
	if b, ok := l.received.block(now); ok {
		// Who speaks repairs what is lost on the whole way, not only on the way to us.
		b.FractionLost = max(b.FractionLost, l.in.worst())
		blocks = append(blocks, b)
	}
	var p rtcp.Packet = &rtcp.ReceiverReport{SSRC: uint32(e[0].SSRC), Reports: blocks}
	if sent, clock, ok := l.out.progress(now); ok {
		p = &rtcp.SenderReport{
			SSRC: uint32(e[0].SSRC), NTPTime: ntpTime(now), RTPTime: clock,
			PacketCount: sent.Packets, OctetCount: sent.Octets, Reports: blocks,
		}
	}
	// A report that cannot be sent is made good by the next.
	_ = l.pc.WriteRTCP([]rtcp.Packet{p})
}

// readRTCP reads reports until the connection ends; RTCP that nobody reads would stop the sound.
func (l *leg) readRTCP(read func([]byte) (int, interceptor.Attributes, error)) {
	buf := make([]byte, maxPacket)
	for {
		n, _, err := read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		now := time.Now()
		for _, p := range packets {
			l.takeRTCP(p, now)
		}
	}
}

func (l *leg) takeRTCP(p rtcp.Packet, now time.Time) {
	var blocks []rtcp.ReceptionReport
	switch p := p.(type) {
	case *rtcp.SenderReport:
		l.received.senderReport(p.NTPTime, now)
		blocks = p.Reports
	case *rtcp.ReceiverReport:
		blocks = p.Reports
	case *rtcp.TransportLayerNack:
		if w := l.writer(p.MediaSSRC); w != nil {
			w.again(p.Nacks)
		}
	}
	for _, b := range blocks {
		l.reported.block(b, now)
		if w := l.writer(b.SSRC); w != nil {
			w.loss.Store(uint32(b.FractionLost))
		}
	}
}

// writer finds a stream to the browser by its SSRC.
func (l *leg) writer(ssrc uint32) *writer {
	for _, o := range l.outs {
		if t, ok := o.to.(*outlet); ok && t.ssrc.Load() == ssrc {
			return o.writer
		}
	}
	return nil
}

// ntpTime is the 64-bit NTP timestamp of t: seconds since 1900 and their fraction.
func ntpTime(t time.Time) uint64 {
	const from1900to1970 = 2208988800
	return (uint64(t.Unix())+from1900to1970)<<32 | uint64(t.Nanosecond())<<32/1e9
}
