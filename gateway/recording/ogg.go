package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Ogg (RFC 3533) with Opus (RFC 7845), as far as a recording needs it: one stream a file, one channel.

const (
	pageHeader  = 27
	maxSegments = 255
	granuleNone = ^uint64(0) // of a page on which no packet ends
	flagCont    = 1
	flagFirst   = 2
	flagLast    = 4
)

// vendor stands in the tags of each file.
const vendor = "backline"

// oggWriter writes packets into pages. The first error stays.
type oggWriter struct {
	to      io.Writer
	serial  uint32
	page    uint32 // number of the next
	granule uint64 // ticks of 48 kHz up to the end of what was given
	table   []byte
	body    []byte
	err     error
}

// begin writes the two headers, each on a page of its own as RFC 7845 wants.
func (o *oggWriter) begin() {
	head := binary.LittleEndian.AppendUint32([]byte("OpusHead\x01\x01\x00\x00"), clockRate) // version, channels, pre-skip
	head = append(head, 0, 0, 0)                                                            // gain, mapping family
	o.add(head)
	o.write(flagFirst, 0)
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), uint32(len(vendor)))
	tags = append(tags, vendor...)
	o.add(binary.LittleEndian.AppendUint32(tags, 0))
	o.write(0, 0)
}

// packet takes an Opus packet that lasts so many ticks.
func (o *oggWriter) packet(p []byte, ticks int) {
	if len(o.table)+len(p)/255+1 > maxSegments {
		o.flush()
	}
	o.add(p)
	o.granule += uint64(ticks)
}

func (o *oggWriter) add(p []byte) {
	for n := len(p); ; n -= 255 {
		o.table = append(o.table, byte(min(n, 255)))
		if n < 255 {
			break
		}
	}
	o.body = append(o.body, p...)
}

// flush writes what was taken as a page, if there is any.
func (o *oggWriter) flush() {
	if len(o.table) > 0 {
		o.write(0, o.granule)
	}
}

// end writes the last page, which may be empty.
func (o *oggWriter) end() { o.write(flagLast, o.granule) }

func (o *oggWriter) write(flags byte, granule uint64) {
	b := append(make([]byte, 0, pageHeader+len(o.table)+len(o.body)), "OggS\x00"...)
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint64(b, granule)
	b = binary.LittleEndian.AppendUint32(b, o.serial)
	b = binary.LittleEndian.AppendUint32(b, o.page)
	b = append(b, 0, 0, 0, 0, byte(len(o.table)))
	b = append(append(b, o.table...), o.body...)
	binary.LittleEndian.PutUint32(b[22:], checksum(b))
	o.page++
	o.table, o.body = o.table[:0], o.body[:0]
	if o.err == nil {
		_, o.err = o.to.Write(b)
	}
}

// crcTable is the polynomial 0x04c11db7, not reflected, as RFC 3533 has it.
var crcTable = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			if r&(1<<31) != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
		t[i] = r
	}
	return t
}()

func checksum(b []byte) uint32 {
	var sum uint32
	for _, c := range b {
		sum = sum<<8 ^ crcTable[byte(sum>>24)^c]
	}
	return sum
}

// tail is where a file that was being written ends.
type tail struct {
	bytes   int64 // of whole pages
	serial  uint32
	page    uint32 // number of the next
	granule uint64
	last    bool // the end was written
}

var errNoOgg = errors.New("no Ogg file with Opus")

// scan reads whole pages up to the first that is cut off or damaged. It keeps one page in memory.
func scan(r io.Reader) (tail, error) {
	var t tail
	page := make([]byte, 0, pageHeader+maxSegments+maxSegments*255)
	for t.page = 0; ; t.page++ {
		var err error
		if page, err = readPage(r, page[:0]); err != nil {
			break
		}
		if t.page == 0 && !bytes.HasPrefix(page[pageHeader+int(page[26]):], []byte("OpusHead")) {
			break
		}
		serial := binary.LittleEndian.Uint32(page[14:])
		if t.page > 0 && serial != t.serial || binary.LittleEndian.Uint32(page[18:]) != t.page {
			break
		}
		t.serial, t.bytes, t.last = serial, t.bytes+int64(len(page)), page[5]&flagLast != 0
		if g := binary.LittleEndian.Uint64(page[6:]); g != granuleNone {
			t.granule = g
		}
	}
	if t.page < 2 {
		return t, errNoOgg
	}
	return t, nil
}

// readPage appends the next page to b.
func readPage(r io.Reader, b []byte) ([]byte, error) {
	b = b[:pageHeader]
	if _, err := io.ReadFull(r, b); err != nil {
		return b, err
	}
	if !bytes.HasPrefix(b, []byte("OggS\x00")) {
		return b, errNoOgg
	}
	table := int(b[26])
	b = b[:pageHeader+table]
	if _, err := io.ReadFull(r, b[pageHeader:]); err != nil {
		return b, err
	}
	body := 0
	for _, n := range b[pageHeader:] {
		body += int(n)
	}
	at := len(b)
	b = b[:at+body]
	if _, err := io.ReadFull(r, b[at:]); err != nil {
		return b, err
	}
	want := binary.LittleEndian.Uint32(b[22:])
	clear(b[22:26])
	got := checksum(b)
	binary.LittleEndian.PutUint32(b[22:], want)
	if got != want {
		return b, fmt.Errorf("%w: a page is damaged", errNoOgg)
	}
	return b, nil
}
