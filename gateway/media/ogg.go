package media

import (
	"bytes"
	"fmt"

	"backline/gateway"
)

// opusPackets takes the audio packets out of an Ogg file (RFC 3533, RFC 7845). A page holds many packets; the
// lacing table says where each ends, and a packet may go on in the next page.
func opusPackets(ogg []byte) ([][]byte, error) {
	var packets [][]byte
	var open []byte
	serial := []byte(nil)
	for len(ogg) > 0 {
		if len(ogg) < 27 || !bytes.HasPrefix(ogg, []byte("OggS")) {
			return nil, badMusic("it is no Ogg file")
		}
		if serial == nil {
			serial = ogg[14:18]
		}
		if !bytes.Equal(ogg[14:18], serial) {
			return nil, badMusic("it holds more than one stream")
		}
		lacing := int(ogg[26])
		if len(ogg) < 27+lacing {
			return nil, badMusic("it is cut off")
		}
		table, body := ogg[27:27+lacing], ogg[27+lacing:]
		for _, n := range table {
			if len(body) < int(n) {
				return nil, badMusic("it is cut off")
			}
			open, body = append(open, body[:n]...), body[n:]
			if n < 255 {
				packets, open = append(packets, open), nil
			}
		}
		ogg = body
	}
	return checkPackets(packets)
}

// checkPackets drops the two headers and wants packets of 20 ms, which is what encoders make by default.
func checkPackets(packets [][]byte) ([][]byte, error) {
	if len(packets) < 3 || !bytes.HasPrefix(packets[0], []byte("OpusHead")) || !bytes.HasPrefix(packets[1], []byte("OpusTags")) {
		return nil, badMusic("it holds no Opus")
	}
	packets = packets[2:]
	for i, p := range packets {
		if len(p) == 0 || len(p) > maxOpus || opusTicks(p) != frameTicks {
			return nil, badMusic(fmt.Sprintf("packet %d does not last 20 ms", i))
		}
	}
	return packets, nil
}

// maxOpus is the most an Opus packet of one frame can have (RFC 6716, 3.4).
const maxOpus = 1276

func badMusic(why string) error {
	return gateway.Errorf(gateway.Invalid, "the music cannot be played: %s", why)
}

// OpusTicks is how long a packet lasts, in ticks of 48 kHz; 0 for one that is empty or broken.
func OpusTicks(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	return opusTicks(p)
}

// opusTicks is how long a packet lasts, in ticks of 48 kHz (RFC 6716, 3.1: table of contents byte).
func opusTicks(p []byte) int {
	config := int(p[0] >> 3)
	var frame int
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = []int{480, 960, 1920, 2880}[config%4]
	case config < 16: // hybrid: 10, 20 ms
		frame = []int{480, 960}[config%2]
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = []int{120, 240, 480, 960}[config%4]
	}
	switch p[0] & 3 {
	case 0:
		return frame
	case 1, 2:
		return 2 * frame
	}
	if len(p) < 2 {
		return 0
	}
	return int(p[1]&63) * frame
}
