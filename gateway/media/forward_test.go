package media

import (
	"net"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"
)

// binding is what a PeerConnection gives a track once it is negotiated.
type binding struct{ to webrtc.TrackLocalWriter }

func (b binding) CodecParameters() []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{opus}
}
func (b binding) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter { return nil }
func (b binding) SSRC() webrtc.SSRC                                      { return 77 }
func (b binding) SSRCRetransmission() webrtc.SSRC                        { return 0 }
func (b binding) SSRCForwardErrorCorrection() webrtc.SSRC                { return 0 }
func (b binding) WriteStream() webrtc.TrackLocalWriter                   { return b.to }
func (b binding) ID() string                                             { return "b" }
func (b binding) RTCPReader() interceptor.RTCPReader                     { return nil }

// sink is a network that takes everything and brings nothing.
type sink struct {
	net.Conn
	over chan struct{}
}

func (s sink) SetReadDeadline(time.Time) error { return nil }

func (s sink) Write(b []byte) (int, error) { return len(b), nil }
func (s sink) Read([]byte) (int, error)    { <-s.over; return 0, net.ErrClosed }
func (s sink) Close() error                { close(s.over); return nil }

// encrypted is a track whose packets are encrypted as for a browser and then thrown away.
func encrypted(t testing.TB) track {
	t.Helper()
	keys := srtp.SessionKeys{
		LocalMasterKey: make([]byte, 16), LocalMasterSalt: make([]byte, 12),
		RemoteMasterKey: make([]byte, 16), RemoteMasterSalt: make([]byte, 12),
	}
	s, err := srtp.NewSessionSRTP(sink{over: make(chan struct{})}, &srtp.Config{Keys: keys, Profile: srtp.ProtectionProfileAeadAes128Gcm, LoggerFactory: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w, err := s.OpenWriteStream()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := webrtc.NewTrackLocalStaticRTP(opus.RTPCodecCapability, "audio", "backline")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Bind(binding{w}); err != nil {
		t.Fatal(err)
	}
	return tr
}

// speech is one packet as Chromium sends it, 20 ms of Opus in 80 bytes.
func speech(t testing.TB) []byte {
	b, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SSRC: 5}, Payload: make([]byte, 80)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forwarder returns the path of one packet: parsed, counted, numbered, encrypted, sent.
func forwarder(t testing.TB) func() {
	s, w := &stream{}, newWriter(encrypted(t))
	w.hear(s)
	s.feed([]*writer{w})
	var r reception
	var p, scratch rtp.Packet
	raw, now := speech(t), time.Unix(1e9, 0)
	return func() {
		raw[3]++
		if raw[3] == 0 {
			raw[2]++
		}
		if err := p.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		now = now.Add(frameTime)
		r.packet(&p, len(raw), now)
		s.forward(&p, &scratch, now)
	}
}

func TestForwardingAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(1000, forwarder(t)); n > 0 {
		t.Errorf("one packet costs %v allocations, want none", n)
	}
}

func BenchmarkForward(b *testing.B) {
	f := forwarder(b)
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
}

// BenchmarkProfiles is one packet encrypted and decrypted: which profile is the cheapest on this processor.
func BenchmarkProfiles(b *testing.B) {
	for name, p := range map[string]srtp.ProtectionProfile{
		"AES-128-GCM": srtp.ProtectionProfileAeadAes128Gcm, "AES-256-GCM": srtp.ProtectionProfileAeadAes256Gcm,
		"AES-128-CM-SHA1-80": srtp.ProtectionProfileAes128CmHmacSha1_80,
	} {
		b.Run(name, func(b *testing.B) {
			key, _ := p.KeyLen()
			salt, _ := p.SaltLen()
			out, err := srtp.CreateContext(make([]byte, key), make([]byte, salt), p)
			if err != nil {
				b.Fatal(err)
			}
			in, err := srtp.CreateContext(make([]byte, key), make([]byte, salt), p)
			if err != nil {
				b.Fatal(err)
			}
			raw, sealed, plain := speech(b), make([]byte, 0, maxPacket), make([]byte, 0, maxPacket)
			var h rtp.Header
			b.ReportAllocs()
			for b.Loop() {
				if raw[3]++; raw[3] == 0 {
					raw[2]++
				}
				if sealed, err = out.EncryptRTP(sealed[:0], raw, &h); err != nil {
					b.Fatal(err)
				}
				if plain, err = in.DecryptRTP(plain[:0], sealed, &h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
