package media

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// opus is the only codec there is, under the number that browsers use; an offer with another number is
// answered with that one. useinbandfec lets a browser repair a lost packet from the next.
var opus = webrtc.RTPCodecParameters{
	RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: clockRate, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	},
	PayloadType: 111,
}

// api builds what pion needs for one connection. No interceptor is registered: reports are written by the leg
// (rtcp.go), which costs no allocation per packet.
func (s *sockets) api(path *firstPath, keys *keyring, streams *streams) (*webrtc.API, error) {
	codecs := &webrtc.MediaEngine{}
	if err := codecs.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("register Opus: %w", err)
	}
	if s.levels {
		said := webrtc.RTPHeaderExtensionCapability{URI: LevelURI}
		if err := codecs.RegisterHeaderExtension(said, webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionRecvonly); err != nil {
			return nil, fmt.Errorf("register levels: %w", err)
		}
	}
	return s.apiFor(path, keys, streams, codecs, &interceptor.Registry{})
}

// apiFor is api with codecs and interceptors of somebody else's choice. Keys may be nil: all goes through pion.
// Streams may be nil: pion makes its own buffers.
func (s *sockets) apiFor(path *firstPath, keys *keyring, streams *streams, codecs *webrtc.MediaEngine, chain *interceptor.Registry) (*webrtc.API, error) {
	set := webrtc.SettingEngine{LoggerFactory: quiet{}}
	set.SetLite(true)
	set.SetICEBindingRequestHandler(path.take)
	set.DisableActiveTCP(true) // else an offer could have us connect to any address
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	set.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	set.SetICETCPMux(s.tcp)
	set.SetIncludeLoopbackCandidate(s.addr.Addr().IsLoopback())
	// pion gives a leg up only after we did.
	set.SetICETimeouts(SilentAfter, 2*GoneAfter, keepalive)
	set.SetDTLSRetransmissionInterval(dtlsRetransmit)
	if err := set.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return nil, fmt.Errorf("be the DTLS server: %w", err)
	}
	set.SetDTLSInsecureSkipHelloVerify(true) // ICE has verified the address; a cookie would cost a round trip
	if streams != nil {
		set.BufferFactory = streams.buffer
	}
	if keys != nil {
		set.SetDTLSServerHelloMessageHook(keys.hello)
		set.SetDTLSKeyLogWriter(keys)
	}
	set.SetSRTPProtectionProfiles(profiles()...)
	if err := s.tell(&set); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(codecs), webrtc.WithSettingEngine(set),
		webrtc.WithInterceptorRegistry(chain)), nil
}

// profiles are how sound may be encrypted, the cheapest on a processor with AES instructions first; every
// browser of today has it.
func profiles() []dtls.SRTPProtectionProfile {
	return []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
}

// firstPath takes the path of a browser's first check that knows the password. A lite agent would wait for the
// browser to nominate one, which Chromium does with its second check and costs the caller 50 ms; what it
// nominates later replaces it.
type firstPath struct {
	taken atomic.Bool
	seen  func(remote ice.Candidate) // static; hears of each path that a check came by
}

// take is called for each check; true selects its path.
func (f *firstPath) take(_ *stun.Message, _, remote ice.Candidate, _ *ice.CandidatePair) bool {
	f.seen(remote)
	return f.taken.CompareAndSwap(false, true)
}

// reset is for an ICE restart, which forgets all paths.
func (f *firstPath) reset() { f.taken.Store(false) }

// tell gives pion one home address for each family that browsers are told an address of, and has it say those
// instead of the home.
func (s *sockets) tell(set *webrtc.SettingEngine) error {
	told, err := s.told()
	if err != nil {
		return err
	}
	external := map[netip.Addr][]string{}
	for _, a := range told {
		at := home(s.addr.Addr(), a.Is4())
		external[at] = append(external[at], a.String())
	}
	homes := slices.Collect(maps.Keys(external))
	var rules []webrtc.ICEAddressRewriteRule
	for at, as := range external {
		rules = append(rules, webrtc.ICEAddressRewriteRule{
			External: as, Local: at.String(),
			AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		})
	}
	if err := set.SetICEAddressRewriteRules(rules...); err != nil {
		return fmt.Errorf("tell browsers our addresses: %w", err)
	}
	set.SetNet(homeNet{s.net, homes})
	set.SetICEUDPMux(homeUDP{s.udp, homes, s.addr.Port()})
	return nil
}

// quiet is pion's log, unsaid: its lines are full of people's addresses.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger { return quiet{} }

func (quiet) Trace(string)          {}
func (quiet) Tracef(string, ...any) {}
func (quiet) Debug(string)          {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Info(string)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warn(string)           {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Error(string)          {}
func (quiet) Errorf(string, ...any) {}
