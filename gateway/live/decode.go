package live

import (
	"errors"
	"sync"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/quickjson"
)

// decodeAtOnce is how many records one goroutine decodes.
const decodeAtOnce = 256

// batch is a stretch of the journal. Its records may be read when decoded is done.
type batch struct {
	events  []journal.Event
	records []conversation.Record
	decoded *sync.WaitGroup
}

// decode begins to read a batch's records, beside the reading of the next batch: a start goes through the
// whole journal. running is for the caller to wait on before it ends.
func (l *Live) decode(running *sync.WaitGroup, events []journal.Event) batch {
	b := batch{events: events, records: make([]conversation.Record, len(events)), decoded: &sync.WaitGroup{}}
	part := func(from int) {
		for i := from; i < min(from+decodeAtOnce, len(events)); i++ {
			b.records[i] = l.decodeOne(events[i])
		}
	}
	if len(events) <= decodeAtOnce {
		part(0)
		return b
	}
	for from := 0; from < len(events); from += decodeAtOnce {
		b.decoded.Add(1)
		running.Go(func() {
			defer b.decoded.Done()
			part(from)
		})
	}
	return b
}

func (l *Live) decodeOne(e journal.Event) conversation.Record {
	ev, err := gateway.DecodeEventWith(quickjson.Unmarshal, e.Type, e.Data)
	if err != nil {
		if errors.Is(err, gateway.ErrUnknownEvent) && !l.foreign.CompareAndSwap(0, e.Pos) {
			return conversation.Record{} // said once: Run ends
		}
		l.opts.Log.Warn("journal record not understood", "pos", e.Pos, "type", e.Type, "err", err)
	}
	return conversation.Record{Pos: e.Pos, Stream: e.Stream, Version: e.Version, At: e.At, Event: ev}
}
