package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"backline/gateway"
	"backline/gateway/bus"
	"backline/gateway/journal"
	"backline/gateway/journal/archive"
)

// Nodes ask each other for segments of the archive (package archive) over the bus, which only nodes are on.

// Topics of the bus.
const (
	topicSegment = "archive.segment" // body: segmentQuestion; answer: up to segmentPart bytes of the file, fewer at its end
	topicHas     = "archive.has"     // body: segmentQuestion, of a segment's end; the answer has no body
)

// segmentPart is how many bytes of a file one answer has.
const segmentPart = bus.MaxBody

// segmentQuestion names a place between segments, and a byte of the file of the one behind it.
type segmentQuestion struct {
	Pos    journal.Pos `json:"pos"`
	Sum    uint64      `json:"sum"`
	Offset int         `json:"offset,omitempty"`
}

// segments is one node's side of it.
type segments struct {
	bus    *bus.Bus
	folder *archive.Folder
}

// answer registers what this node tells others.
func (s segments) answer() {
	s.bus.Answer(topicSegment, func(_ context.Context, _ bus.Node, body []byte) ([]byte, error) {
		q, err := readQuestion(body)
		if err != nil {
			return nil, err
		}
		file, err := s.folder.File(q.Pos, q.Sum)
		switch {
		case errors.Is(err, archive.ErrOtherPast):
			return nil, gateway.Errorf(gateway.Conflicting, "another event is at position %d here", q.Pos)
		case errors.Is(err, archive.ErrNone):
			return nil, gateway.Errorf(gateway.NotFound, "no segment behind position %d is here", q.Pos)
		case err != nil:
			return nil, err
		}
		from := min(q.Offset, len(file))
		return file[from:min(from+segmentPart, len(file))], nil
	})
	s.bus.Answer(topicHas, func(ctx context.Context, _ bus.Node, body []byte) ([]byte, error) {
		q, err := readQuestion(body)
		if err == nil {
			err = s.folder.Has(ctx, q.Pos, q.Sum)
		}
		if errors.Is(err, archive.ErrNone) {
			err = gateway.Errorf(gateway.NotFound, "no segment ends at position %d here", q.Pos)
		}
		return nil, err
	})
}

func readQuestion(body []byte) (q segmentQuestion, err error) {
	if err := json.Unmarshal(body, &q); err != nil || q.Offset < 0 {
		return q, gateway.Errorf(gateway.Invalid, "this is no question about a segment")
	}
	return q, nil
}

// fetch is archive.Options.Fetch.
func (s segments) fetch(ctx context.Context, after journal.Pos, sum uint64) ([]byte, error) {
	last := archive.ErrNone
	for _, p := range s.bus.Peers() {
		file, err := s.from(ctx, p.Node, segmentQuestion{Pos: after, Sum: sum})
		if err == nil {
			return file, nil
		}
		if !errors.Is(last, archive.ErrOtherPast) {
			last = err
		}
	}
	return nil, last
}

// from gets a file part by part.
func (s segments) from(ctx context.Context, n bus.Node, q segmentQuestion) (file []byte, err error) {
	for len(file) <= archive.MaxBytes {
		q.Offset = len(file)
		part, err := s.ask(ctx, n, topicSegment, q)
		if err != nil {
			if e, ok := errors.AsType[*gateway.Error](err); ok && e.Kind == gateway.Conflicting {
				err = errors.Join(archive.ErrOtherPast, err)
			}
			return nil, err
		}
		if file = append(file, part...); len(part) < segmentPart {
			return file, nil
		}
	}
	return nil, fmt.Errorf("node %s gives a segment without an end", n.Name())
}

// everywhere is archive.Options.Everywhere. Two processes of one name have one disk.
func (s segments) everywhere(ctx context.Context, pos journal.Pos, sum uint64) error {
	if !s.bus.Connected() {
		return errors.New("nobody knows which gateways live")
	}
	others := 0
	for _, p := range s.bus.Peers() {
		if p.Node.Name() == s.bus.Self().Name() {
			continue
		}
		if _, err := s.ask(ctx, p.Node, topicHas, segmentQuestion{Pos: pos, Sum: sum}); err != nil {
			return fmt.Errorf("gateway %s: %w", p.Node.Name(), err)
		}
		others++
	}
	if others == 0 {
		return errors.New("no other gateway is there to have them too")
	}
	return nil
}

func (s segments) ask(ctx context.Context, n bus.Node, topic string, q segmentQuestion) ([]byte, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return s.bus.Ask(ctx, n, topic, body)
}
