package sfu

import (
	"strings"

	"github.com/pion/sdp/v3"

	"backline/gateway"
)

// Limits of an offer, checked before pion sees it. A page has three lines to send on, and one for each sound and
// each picture it gets.
const (
	MaxSDPBytes   = 48 << 10
	MaxMediaLines = 3 + 2*MaxPeers
	MaxCandidates = 60
)

// line is one media line of an offer.
type line struct {
	mid   string
	audio bool
	sends bool // the page sends on it; else it wants to get something
}

// offered is what of an offer matters to us.
type offered struct {
	lines []line
	ufrag string // changes when ICE restarts
	cert  string // of the page's certificate: the same for as long as its connection lives
}

// readOffer judges an offer. The error is a *gateway.Error of kind gateway.Invalid.
func readOffer(text string) (o offered, err error) {
	bad := func(why string) (offered, error) { return offered{}, gateway.Errorf(gateway.Invalid, "%s", why) }
	if len(text) > MaxSDPBytes {
		return bad("the offer is too long")
	}
	var d sdp.SessionDescription
	if d.UnmarshalString(text) != nil {
		return bad("the offer is no SDP") // the parser quotes the line, and that may be somebody's address
	}
	if n := len(d.MediaDescriptions); n == 0 || n > MaxMediaLines {
		return bad("the offer has too many media lines, or none")
	}
	o.cert, _ = d.Attribute("fingerprint") // for all lines, or with each
	candidates, mids := 0, map[string]bool{}
	for _, m := range d.MediaDescriptions {
		l, ufrag, n := readLine(m)
		if of, ok := m.Attribute("fingerprint"); ok {
			o.cert = of
		}
		candidates += n
		if m.MediaName.Media != "audio" && m.MediaName.Media != "video" {
			return bad("the offer has a line that is neither audio nor video")
		}
		if l.mid == "" || len(l.mid) > 16 || mids[l.mid] {
			return bad("the offer has a line without a name, or two of one name")
		}
		mids[l.mid] = true
		o.ufrag = ufrag
		o.lines = append(o.lines, l)
	}
	if candidates > MaxCandidates {
		return bad("the offer has too many candidates")
	}
	return o, nil
}

func readLine(m *sdp.MediaDescription) (l line, ufrag string, candidates int) {
	l.audio, l.sends = m.MediaName.Media == "audio", true
	for _, a := range m.Attributes {
		switch {
		case a.IsICECandidate():
			candidates++
		case a.Key == "mid":
			l.mid = strings.TrimSpace(a.Value)
		case a.Key == "ice-ufrag":
			ufrag = a.Value
		case a.Key == "recvonly", a.Key == "inactive":
			l.sends = false
		}
	}
	return l, ufrag, candidates
}

// sending names what comes in on each line: one sound, a camera, then a screen. Further ones are not listened to.
func (o offered) sending() map[string]Kind {
	kinds, videos := map[string]Kind{}, []Kind{Camera, Screen}
	heard := false
	for _, l := range o.lines {
		switch {
		case !l.sends:
		case l.audio && !heard:
			kinds[l.mid], heard = Audio, true
		case !l.audio && len(videos) > 0:
			kinds[l.mid], videos = videos[0], videos[1:]
		}
	}
	return kinds
}
