package bus

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"backline/gateway"
)

// An envelope is one line and a body:
//
//	backline-bus/1 KIND FROM SEQ TOPIC ASK\n
//	BODY
//
// SEQ rises with each envelope of a sender, whomever it is for. TOPIC is "-" where there is none, ASK the question's
// number or 0. A node that does not understand one counts it: versions that cannot talk do not guess.
const magic = "backline-bus/1"

type kind string

const (
	kindBeat   kind = "beat"   // body: JSON {"address"}
	kindBye    kind = "bye"    // the sender ends
	kindSend   kind = "send"   // a message of a topic
	kindAsk    kind = "ask"    // a question of a topic
	kindAnswer kind = "answer" // body: the answer
	kindFail   kind = "fail"   // body: JSON {"kind","field","msg"}
)

type envelope struct {
	kind  kind
	from  Node
	seq   uint64
	topic string
	ask   uint64
	body  []byte
}

// maxHeader is longer than any header: kind, two names of 64, a node's start and two numbers.
const maxHeader = 256

func (e envelope) encode() []byte {
	topic := e.topic
	if topic == "" {
		topic = "-"
	}
	out := make([]byte, 0, len(e.body)+maxHeader)
	for _, f := range []string{magic, string(e.kind), string(e.from), strconv.FormatUint(e.seq, 10), topic} {
		out = append(append(out, f...), ' ')
	}
	out = append(strconv.AppendUint(out, e.ask, 10), '\n')
	return append(out, e.body...)
}

var errMalformed = errors.New("not an envelope of this version")

// parse is strict: what it accepts encodes to the same bytes.
func parse(payload []byte) (envelope, error) {
	end := bytes.IndexByte(payload[:min(len(payload), maxHeader)], '\n')
	if end < 0 || len(payload)-end-1 > MaxBody {
		return envelope{}, errMalformed
	}
	f := strings.Split(string(payload[:end]), " ")
	if len(f) != 6 || f[0] != magic || f[4] == "" {
		return envelope{}, errMalformed
	}
	e := envelope{kind: kind(f[1]), from: Node(f[2]), topic: f[4], body: payload[end+1:]}
	seq, err1 := number(f[3])
	ask, err2 := number(f[5])
	if err := errors.Join(err1, err2); err != nil || !e.from.valid() || seq == 0 {
		return envelope{}, errMalformed
	}
	e.seq, e.ask = seq, ask
	if e.topic == "-" {
		e.topic = ""
	}
	if !e.sound() {
		return envelope{}, errMalformed
	}
	return e, nil
}

// sound reports whether the fields belong to the kind.
func (e envelope) sound() bool {
	named, asked := gateway.ValidName(e.topic), e.ask != 0
	switch e.kind {
	case kindBeat, kindBye:
		return e.topic == "" && !asked
	case kindSend:
		return named && !asked
	case kindAsk:
		return named && asked
	case kindAnswer, kindFail:
		return e.topic == "" && asked
	}
	return false
}

func number(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err == nil && strconv.FormatUint(n, 10) != s {
		return 0, errMalformed
	}
	return n, err
}
