package journal

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Sum is a hash (XXH64) over everything an event is, Data byte by byte. It is the same in every process and version,
// so that two readers can compare what they have read at a position without keeping it.
func (e Event) Sum() uint64 {
	b := make([]byte, 0, 256)
	b = binary.BigEndian.AppendUint64(b, e.Pos)
	b = binary.BigEndian.AppendUint64(b, e.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	for _, s := range [...]string{e.Stream, e.Type, e.Key} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	h := xxhash.New()
	_, _ = h.Write(b) // a hash takes everything
	_, _ = h.Write(e.Data)
	return h.Sum64()
}
