package sfu

import "encoding/binary"

// frameStart is what the payload descriptor of a VP8 packet says (RFC 7741, 4.2), and the beginning of the frame
// behind it (RFC 6386, 9.1).
type frameStart struct {
	first  bool // a frame begins in this packet
	key    bool // and it is a key frame
	height int  // of a key frame's picture in pixels; 0: not said

	// Where the numbers stand in the payload; 0: they are not there, since no number stands first.
	picAt, tl0At int
	wide         bool // the picture id has 15 bits, else 7
	pic          uint16
	tl0          uint8
}

// readVP8 reads a payload; false: it is no VP8.
func readVP8(p []byte) (f frameStart, ok bool) {
	if len(p) < 2 {
		return f, false
	}
	at, head := 1, p[0]
	if head&0x80 != 0 { // X
		ext := p[1]
		at = 2
		if ext&0x80 != 0 { // I
			if at, ok = f.readPicture(p, at); !ok {
				return f, false
			}
		}
		if ext&0x40 != 0 { // L
			if at >= len(p) {
				return f, false
			}
			f.tl0, f.tl0At = p[at], at
			at++
		}
		if ext&0x30 != 0 { // T or K
			at++
		}
	}
	if at >= len(p) {
		return f, false
	}
	f.first = head&0x10 != 0 && head&0x07 == 0 // S, and partition 0
	f.key = f.first && p[at]&0x01 == 0
	if f.key && len(p) >= at+10 && p[at+3] == 0x9d && p[at+4] == 0x01 && p[at+5] == 0x2a {
		f.height = int(binary.LittleEndian.Uint16(p[at+8:]) & 0x3fff)
	}
	return f, true
}

// readPicture reads the picture id and says where it ends.
func (f *frameStart) readPicture(p []byte, at int) (next int, ok bool) {
	if at >= len(p) {
		return at, false
	}
	f.picAt, f.pic = at, uint16(p[at]&0x7f)
	if p[at]&0x80 == 0 { // M
		return at + 1, true
	}
	if at+1 >= len(p) {
		return at, false
	}
	f.wide, f.pic = true, binary.BigEndian.Uint16(p[at:])&0x7fff
	return at + 2, true
}

// pictures shifts picture ids and TL0PICIDX so that they go on when the source changes. Decoders take a jump of
// either for a loss.
type pictures struct {
	pic   uint16 // highest sent, 15 bits
	tl0   uint8  // of the last packet sent
	picBy uint16
	tl0By uint8
}

// join makes the frame that begins now follow the last one sent.
func (n *pictures) join(f frameStart) {
	n.picBy = n.pic + 1 - f.pic
	n.tl0By = n.tl0 + 1 - f.tl0
}

// write puts the shifted numbers into the payload.
func (n *pictures) write(p []byte, f frameStart) {
	if f.picAt > 0 {
		pic := (f.pic + n.picBy) & 0x7fff
		if step := int16((pic - n.pic) << 1); step > 0 { // 15 bits: the sign is bit 14
			n.pic = pic
		}
		if f.wide {
			binary.BigEndian.PutUint16(p[f.picAt:], pic|0x8000)
		} else {
			p[f.picAt] = byte(pic & 0x7f)
		}
	}
	if f.tl0At > 0 {
		n.tl0 = f.tl0 + n.tl0By
		p[f.tl0At] = n.tl0
	}
}
