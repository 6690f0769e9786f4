package callbench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	// CheckEvery is how often a line says that it is there, as Chromium does on a path that works.
	CheckEvery = 2500 * time.Millisecond
	// firstChecks until one is answered.
	firstChecks = 50 * time.Millisecond
)

// Offer is what the page of this line would send.
func (l *Line) Offer() string {
	return strings.ReplaceAll(fmt.Sprintf(`v=0
o=- %[1]d 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:%[2]s
a=ice-pwd:%[3]s
a=fingerprint:sha-256 %[4]s
a=setup:actpass
a=mid:0
a=sendrecv
a=msid:line sound
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:%[1]d cname:line
`, l.ssrc, l.ufrag, l.pwd, l.identity.fingerprint), "\n", "\r\n")
}

// answer is what a line needs of the other side's.
type answer struct {
	ufrag, pwd string
	active     bool // begins DTLS
	at         netip.AddrPort
}

func readAnswer(sdp string) (answer, error) {
	var a answer
	for line := range strings.Lines(sdp) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "a=ice-ufrag":
			a.ufrag = value
		case "a=ice-pwd":
			a.pwd = value
		case "a=setup":
			a.active = value == "active"
		case "a=candidate":
			if at, ok := candidate(value); ok && !a.at.IsValid() {
				a.at = at
			}
		}
	}
	if a.ufrag == "" || a.pwd == "" || !a.at.IsValid() {
		return a, errors.New("the answer names no UDP candidate, or no password")
	}
	return a, nil
}

// candidate reads "1 1 udp 2130706431 127.0.0.1 7881 typ host" (RFC 8839, 5.1).
func candidate(value string) (netip.AddrPort, bool) {
	f := strings.Fields(value)
	if len(f) < 6 || !strings.EqualFold(f[2], "udp") || f[1] != "1" {
		return netip.AddrPort{}, false
	}
	ip, err := netip.ParseAddr(f[4])
	if err != nil {
		return netip.AddrPort{}, false
	}
	port, err := strconv.ParseUint(f[5], 10, 16)
	return netip.AddrPortFrom(ip, uint16(port)), err == nil
}

// checks asks until one check is answered; what else arrives meanwhile is repeated by its sender.
func (l *Line) checks(ctx context.Context) error {
	b := make([]byte, maxPacket)
	for !l.answer.Load() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.Check(); err != nil {
			return err
		}
		again := time.Now().Add(firstChecks)
		for time.Now().Before(again) && !l.answer.Load() {
			if err := l.conn.SetReadDeadline(again); err != nil {
				return err
			}
			if n, err := l.conn.Read(b); err == nil && n > 0 && b[0] < 4 {
				l.check(b[:n])
			}
		}
	}
	return l.conn.SetReadDeadline(time.Time{})
}

// Check sends one connectivity check that nominates this path (RFC 8445).
func (l *Line) Check() error {
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(l.theirs.ufrag+":"+l.ufrag),
		ice.AttrControlling(l.ssrc), ice.PriorityAttr(2130706431), ice.UseCandidate(),
		stun.NewShortTermIntegrity(l.theirs.pwd), stun.Fingerprint)
	if err != nil {
		return err
	}
	_, err = l.conn.Write(m.Raw)
	return err
}

// check takes the answer to one of ours, and answers one of theirs.
func (l *Line) check(b []byte) {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if m.Decode() != nil {
		return
	}
	switch m.Type {
	case stun.BindingSuccess:
		l.answer.Store(true)
	case stun.BindingRequest:
		at := l.theirs.at
		reply, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: at.Addr().AsSlice(), Port: int(at.Port())},
			stun.NewShortTermIntegrity(l.pwd), stun.Fingerprint)
		if err == nil {
			_, _ = l.conn.Write(reply.Raw) // one that is lost is asked for again
		}
	}
}
