package media

import (
	"strings"

	"github.com/pion/sdp/v3"

	"backline/gateway"
)

// Limits of an offer, checked before pion sees it.
const (
	MaxSDPBytes   = 16 << 10
	MaxMediaLines = 1 + MaxHeard
	MaxCandidates = 30
)

// CheckOffer says whether an offer is one that a leg can answer: one audio line that talks, any that only receive,
// all with Opus, at most MaxMediaLines in all, no data channel. The error is a *gateway.Error of kind
// gateway.Invalid.
func CheckOffer(offer string) error {
	_, err := checkOffer(offer)
	return err
}

// checkOffer also counts the lines that only receive.
func checkOffer(offer string) (spare int, err error) {
	if len(offer) > MaxSDPBytes {
		return 0, gateway.Errorf(gateway.Invalid, "the offer has %d bytes, at most %d are taken", len(offer), MaxSDPBytes)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(offer); err != nil {
		// The parser quotes the line, and that may be somebody's address.
		return 0, gateway.Errorf(gateway.Invalid, "the offer is no SDP")
	}
	if n := len(d.MediaDescriptions); n > MaxMediaLines {
		return 0, gateway.Errorf(gateway.Invalid, "the offer has %d media lines, at most %d are taken", n, MaxMediaLines)
	}
	return checkMedia(&d)
}

func checkMedia(d *sdp.SessionDescription) (spare int, err error) {
	talks, candidates := 0, 0
	for _, m := range d.MediaDescriptions {
		for _, a := range m.Attributes {
			if a.IsICECandidate() {
				candidates++
			}
		}
		switch m.MediaName.Media {
		case "audio":
			if _, only := m.Attribute("recvonly"); only {
				spare++
			} else {
				talks++
			}
			if !hasOpus(m) {
				return 0, gateway.Errorf(gateway.Invalid, "the offer has no Opus")
			}
		case "video": // answered as rejected, since no video codec is known
		default:
			return 0, gateway.Errorf(gateway.Invalid, "the offer has a line that is neither audio nor video")
		}
	}
	if talks != 1 {
		return 0, gateway.Errorf(gateway.Invalid, "the offer has %d audio lines that talk, want one", talks)
	}
	if candidates > MaxCandidates {
		return 0, gateway.Errorf(gateway.Invalid, "the offer has %d candidates, at most %d are taken", candidates, MaxCandidates)
	}
	return spare, nil
}

// hasOpus looks for a=rtpmap:111 opus/48000/2 under any number (RFC 7587).
func hasOpus(m *sdp.MediaDescription) bool {
	for _, a := range m.Attributes {
		_, codec, _ := strings.Cut(a.Value, " ")
		if a.Key == "rtpmap" && strings.EqualFold(strings.TrimSpace(codec), "opus/48000/2") {
			return true
		}
	}
	return false
}
