package media

import (
	"fmt"
	"net"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
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
func (s *sockets) api() (*webrtc.API, error) {
	codecs := &webrtc.MediaEngine{}
	if err := codecs.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("register Opus: %w", err)
	}
	set := webrtc.SettingEngine{LoggerFactory: quiet{}}
	set.SetNet(s.net)
	set.SetLite(true)
	set.DisableActiveTCP(true) // else an offer could have us connect to any address
	set.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	set.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	set.SetICEUDPMux(s.udp)
	set.SetICETCPMux(s.tcp)
	set.SetIncludeLoopbackCandidate(true) // home may be loopback; what browsers are told is set below
	// pion gives a leg up only after we did.
	set.SetICETimeouts(SilentAfter, 2*GoneAfter, keepalive)
	set.SetDTLSRetransmissionInterval(dtlsRetransmit)
	if err := s.tell(&set); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(codecs), webrtc.WithSettingEngine(set),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{})), nil
}

// tell maps each home address to the addresses of its family that browsers are told.
func (s *sockets) tell(set *webrtc.SettingEngine) error {
	told, err := s.told()
	if err != nil {
		return err
	}
	var rules []webrtc.ICEAddressRewriteRule
	for _, home := range s.home {
		var external []string
		for _, a := range told {
			if a.Is4() == home.Is4() {
				external = append(external, a.String())
			}
		}
		if len(external) > 0 {
			rules = append(rules, webrtc.ICEAddressRewriteRule{
				External: external, Local: home.String(),
				AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
			})
		}
	}
	if err := set.SetICEAddressRewriteRules(rules...); err != nil {
		return fmt.Errorf("map %s to public addresses: %w", net.JoinHostPort(s.addr.Addr().String(), "*"), err)
	}
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
