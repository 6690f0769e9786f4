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
	mu       sync.Mutex
	started  bool
	ssrc     uint32
	base     uint32 // first sequence number
	top      uint32 // highest, with wraps counted in the upper half
	packets  uint32
	bytes    uint64
	transit  uint32
	jitter   float64 // in ticks of the RTP clock
	expected uint32  // at the last report
	got      uint32  // at the last report
	sr       uint32  // middle half of the NTP time of the last sender report
	srAt     time.Time
}

// packet counts one packet of n bytes.
func (r *reception) packet(p *rtp.Packet, n int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	arrival := uint32(now.UnixNano() / int64(time.Second/clockRate))
	transit := arrival - p.Timestamp
	if !r.started || r.ssrc != p.SSRC {
		r.started, r.ssrc = true, p.SSRC
		r.base, r.top, r.packets, r.expected, r.got = uint32(p.SequenceNumber), uint32(p.SequenceNumber), 0, 0, 0
		r.transit, r.jitter = transit, 0
	}
	if step := int16(p.SequenceNumber - uint16(r.top)); step > 0 {
		r.top += uint32(step)
	}
	r.packets++
	r.bytes += uint64(n)
	d := float64(int32(transit - r.transit))
	r.transit = transit
	r.jitter += (max(d, -d) - r.jitter) / 16
}

// block is the report about it; false when nothing came yet.
func (r *reception) block(now time.Time) (rtcp.ReceptionReport, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started {
		return rtcp.ReceptionReport{}, false
	}
	expected := r.top - r.base + 1
	lost := max(int64(expected)-int64(r.packets), 0)
	lately, missing := expected-r.expected, int64(expected-r.expected)-int64(r.packets-r.got)
	r.expected, r.got = expected, r.packets
	b := rtcp.ReceptionReport{
		SSRC: r.ssrc, LastSequenceNumber: r.top, TotalLost: uint32(min(lost, 1<<23-1)), Jitter: uint32(r.jitter),
		LastSenderReport: r.sr,
	}
	if lately > 0 && missing > 0 {
		b.FractionLost = uint8(min(missing*256/int64(lately), 255))
	}
	if !r.srAt.IsZero() {
		b.Delay = uint32(now.Sub(r.srAt).Seconds() * 65536)
	}
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

// report sends one compound packet: what we sent and what we got.
func (l *leg) report(now time.Time) {
	e := l.sender.GetParameters().Encodings
	if len(e) == 0 {
		return
	}
	var blocks []rtcp.ReceptionReport
	if b, ok := l.received.block(now); ok {
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
	}
	for _, b := range blocks {
		l.reported.block(b, now)
	}
}

// ntpTime is the 64-bit NTP timestamp of t: seconds since 1900 and their fraction.
func ntpTime(t time.Time) uint64 {
	const from1900to1970 = 2208988800
	return (uint64(t.Unix())+from1900to1970)<<32 | uint64(t.Nanosecond())<<32/1e9
}
