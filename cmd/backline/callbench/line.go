package callbench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
)

// maxPacket is more than an ICE, DTLS or RTP packet on a usual path has.
const maxPacket = 1500

// Identity is the certificate that lines show; one serves all of a run.
type Identity struct {
	certificate tls.Certificate
	fingerprint string
}

// NewIdentity makes one.
func NewIdentity() (*Identity, error) {
	c, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	sum := sha256.Sum256(c.Certificate[0])
	return &Identity{c, strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")}, nil
}

// Line is one side of a call. Make one with NewLine.
type Line struct {
	// Static after NewLine.
	identity   *Identity
	ssrc       uint32
	ufrag, pwd string
	began      time.Time // of the run; stamps count from here

	// Static after Join.
	conn    *net.UDPConn
	theirs  answer
	session *dtls.Conn
	local   *srtp.Context

	remote atomic.Pointer[srtp.Context] // used by the reader; set once
	answer atomic.Bool                  // an ICE check was answered
	heard  atomic.Int64                 // first packet of sound, since began; 0 none yet

	// Owned by the one who sends.
	seq   uint16
	ticks uint32
	plain []byte
	wire  []byte

	mu       sync.Mutex
	window   uint32          // guarded by mu
	sent     uint32          // packets of window, guarded by mu
	received uint32          // packets of window, guarded by mu
	delays   []time.Duration // of window, guarded by mu
}

// NewLine makes a line of a run that began then.
func NewLine(id *Identity, began time.Time) *Line {
	text := rand.Text()
	return &Line{identity: id, ssrc: mathrand.Uint32(), ufrag: text[:8], pwd: text[:24], began: began, seq: uint16(mathrand.Uint32())}
}

// Join connects with what the answer says and returns when sound can flow. ctx bounds it.
func (l *Line) Join(ctx context.Context, sdp string) error {
	var err error
	if l.theirs, err = readAnswer(sdp); err != nil {
		return err
	}
	if l.conn, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.theirs.at)); err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() }) // ends every read below
	defer stop()
	if err := l.checks(ctx); err != nil {
		return fmt.Errorf("ICE: %w", err)
	}
	if err := l.handshake(ctx); err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	return nil
}

// Close ends the line.
func (l *Line) Close() error {
	switch {
	case l.session != nil:
		return l.session.Close() // and with it the socket
	case l.conn != nil:
		return l.conn.Close()
	}
	return nil
}

// Heard is when the first packet of a talking line arrived; false: none yet.
func (l *Line) Heard() (time.Duration, bool) {
	d := l.heard.Load()
	return time.Duration(d), d != 0
}

// handshake agrees on the keys of the sound. It leaves pion's reader running, through which everything that
// arrives comes from now on.
func (l *Line) handshake(ctx context.Context) error {
	options := []dtls.Option{
		dtls.WithCertificates(l.identity.certificate), dtls.WithInsecureSkipVerify(true),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret), dtls.WithFlightInterval(100 * time.Millisecond),
		// As Chromium offers them.
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
	}
	var err error
	if l.theirs.active {
		server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, o := range options {
			server = append(server, o)
		}
		l.session, err = dtls.ServerWithOptions(reader{l.conn, l}, l.conn.RemoteAddr(), server...)
	} else {
		client := []dtls.ClientOption{}
		for _, o := range options {
			client = append(client, o)
		}
		l.session, err = dtls.ClientWithOptions(reader{l.conn, l}, l.conn.RemoteAddr(), client...)
	}
	if err != nil {
		return err
	}
	if err := l.session.HandshakeContext(ctx); err != nil {
		return err
	}
	return l.keys()
}

func (l *Line) keys() error {
	profile, ok := l.session.SelectedSRTPProtectionProfile()
	if !ok {
		return errors.New("no profile for the sound was agreed on")
	}
	state, ok := l.session.ConnectionState()
	if !ok {
		return errors.New("the handshake left no state")
	}
	c := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(&state, !l.theirs.active); err != nil {
		return err
	}
	var err error
	if l.local, err = srtp.CreateContext(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile); err != nil {
		return err
	}
	remote, err := srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile)
	if err != nil {
		return err
	}
	l.remote.Store(remote)
	return nil
}

// reader is the socket as DTLS sees it: what is not DTLS is taken on the way (RFC 7983).
type reader struct {
	*net.UDPConn
	line *Line
}

func (r reader) WriteTo(b []byte, _ net.Addr) (int, error) { return r.Write(b) }

func (r reader) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := r.Read(b)
		if err != nil {
			return n, nil, err
		}
		if n == 0 {
			continue
		}
		switch first := b[0]; {
		case first < 4:
			r.line.check(b[:n])
		case first >= 20 && first < 64:
			return n, r.RemoteAddr(), nil
		case first >= 128 && first < 192:
			r.line.sound(b[:n])
		}
	}
}

// sound takes a packet of sound; what is not a talking line's, music say, is passed over.
func (l *Line) sound(b []byte) {
	c := l.remote.Load()
	if c == nil || len(b) < 12 || b[1] >= 192 && b[1] < 224 { // RTCP (RFC 5761)
		return
	}
	plain, err := c.DecryptRTP(b, b, nil)
	if err != nil {
		return
	}
	payload := plain[12:]
	if plain[0]&0x3f != 0 || len(payload) < stampBytes || string(payload[1:9]) != mark {
		return
	}
	now := time.Since(l.began)
	l.heard.CompareAndSwap(0, int64(now))
	sent := time.Duration(binary.BigEndian.Uint64(payload[13:]))
	l.mu.Lock()
	defer l.mu.Unlock()
	if binary.BigEndian.Uint32(payload[9:]) == l.window && l.window != 0 {
		l.received++
		l.delays = append(l.delays, now-sent)
	}
}
