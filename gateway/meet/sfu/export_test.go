package sfu

import "encoding/binary"

// VP8Packet is a frame in one packet; HeightOf reads what such a frame, key or not, says.
func VP8Packet(pic uint16, tl0 uint8, key bool, height int) []byte {
	return vp8Packet(pic, tl0, key, height)
}

func HeightOf(p []byte) (height int, key bool) {
	f, _ := readVP8(p)
	at := 8
	if f.key {
		at = 13
	}
	if len(p) < at+2 {
		return 0, false
	}
	return int(binary.LittleEndian.Uint16(p[at:])) & 0x3fff, f.key
}

// ReadOffer is how many lines an offer has.
func ReadOffer(text string) (int, error) {
	o, err := readOffer(text)
	return len(o.lines), err
}
