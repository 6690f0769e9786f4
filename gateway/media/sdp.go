package media

import (
	"strings"

	"github.com/pion/sdp/v3"

	"backline/gateway"
)

// Limits of an offer, checked before pion sees it.
const (
	MaxSDPBytes   = 16 << 10
	MaxMediaLines = 4
	MaxCandidates = 30
)

// CheckOffer says whether an offer is one that a leg can answer: one audio line with Opus among at most
// MaxMediaLines, no data channel. The error is a *gateway.Error of kind gateway.Invalid.
func CheckOffer(offer string) error {
	if len(offer) > MaxSDPBytes {
		return gateway.Errorf(gateway.Invalid, "the offer has %d bytes, at most %d are taken", len(offer), MaxSDPBytes)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(offer); err != nil {
		// The parser quotes the line, and that may be somebody's address.
		return gateway.Errorf(gateway.Invalid, "the offer is no SDP")
	}
	if n := len(d.MediaDescriptions); n > MaxMediaLines {
		return gateway.Errorf(gateway.Invalid, "the offer has %d media lines, at most %d are taken", n, MaxMediaLines)
	}
	return checkMedia(&d)
}

func checkMedia(d *sdp.SessionDescription) error {
	audio, candidates := 0, 0
	for _, m := range d.MediaDescriptions {
		for _, a := range m.Attributes {
			if a.IsICECandidate() {
				candidates++
			}
		}
		switch m.MediaName.Media {
		case "audio":
			audio++
			if !hasOpus(m) {
				return gateway.Errorf(gateway.Invalid, "the offer has no Opus")
			}
		case "video": // answered as rejected, since no video codec is known
		default:
			return gateway.Errorf(gateway.Invalid, "the offer has a line that is neither audio nor video")
		}
	}
	if audio != 1 {
		return gateway.Errorf(gateway.Invalid, "the offer has %d audio lines, want one", audio)
	}
	if candidates > MaxCandidates {
		return gateway.Errorf(gateway.Invalid, "the offer has %d candidates, at most %d are taken", candidates, MaxCandidates)
	}
	return nil
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
