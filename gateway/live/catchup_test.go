package live_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/journal"
	"backline/gateway/journal/memory"
	"backline/gateway/live"
)

// slow is a history on a disk that lets one transaction through for each token.
type slow struct {
	*notebook
	tokens chan struct{}
}

func (s *slow) Apply(ctx context.Context, changes []conversation.Change, upTo, sum uint64) error {
	select {
	case <-s.tokens:
		return s.notebook.Apply(ctx, changes, upTo, sum)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// longPast has 1,000 conversations of 60 records, all closed.
func longPast(t *testing.T) *memory.Journal {
	t.Helper()
	j := memory.New()
	at := time.Now().Add(-240 * time.Hour)
	var all []journal.Event
	add := func(stream string, version uint64, e gateway.Event) {
		x := live.Write(stream, journal.Any, "", at, e).Events[0]
		x.Pos, x.Stream, x.Version = uint64(len(all))+1, stream, version
		all = append(all, x)
	}
	for n := range 1000 {
		who := visitor(n)
		id := conversation.ID(who.Thread(), 0)
		at = at.Add(time.Minute)
		for k := range 58 {
			add(gateway.ThreadStream(who.Thread()), uint64(k+1), gateway.MessageReceived{Message: gateway.MessageID(fmt.Sprintf("m%d.%d", n, k)), Identity: who, SentAt: at, Text: "hello?"})
			if k == 0 {
				add(gateway.ConversationStream(id), 1, gateway.ConversationOpened{Conversation: id, Thread: who.Thread(), Identity: who, Entry: "livechat/shop", Target: "queue/main", Queue: "main", Cause: uint64(len(all))})
			}
		}
		add(gateway.ConversationStream(id), 2, gateway.ConversationClosed{By: "anna"})
	}
	if err := j.Import(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	return j
}

// A new node has no history, and whoever waits is routed before it has one. What happens meanwhile is in it, too.
func TestTheStartDoesNotWaitForTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := &slow{notebook: newNotebook(), tokens: make(chan struct{})}
		h := run(t, longPast(t), func(o *live.Options) { o.History = notes })
		if notes.Applied() != 0 {
			t.Fatalf("the history was at %d before it could be written", notes.Applied())
		}
		h.agent("anna")
		for n := range 300 {
			h.says(visitor(n), "and now?")
			if n%20 == 0 {
				notes.tokens <- struct{}{}
			}
			time.Sleep(time.Second)
		}
		if head := h.Head(); notes.Applied() >= head {
			t.Fatal("the history was complete while people wrote, which shows nothing")
		}
		close(notes.tokens)
		_, head, err := h.journal.Bounds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h.must(nil, h.WaitHistory(t.Context(), head))
		want := newNotebook()
		fold := conversation.New()
		events, err := h.journal.Read(t.Context(), 0, int(head), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			x, err := gateway.DecodeEvent(e.Type, e.Data)
			if err != nil {
				t.Fatal(err)
			}
			changes := fold.Apply(conversation.Record{Pos: e.Pos, Stream: e.Stream, Version: e.Version, At: e.At, Event: x})
			if err := want.Apply(t.Context(), changes, e.Pos, 0); err != nil {
				t.Fatal(err)
			}
		}
		h.stop()
		if len(want.items) < 58_300 {
			t.Fatalf("%d lines, want more", len(want.items))
		}
		if len(want.heads) != len(notes.heads) || len(want.items) != len(notes.items) {
			t.Errorf("%d conversations and %d lines, want %d and %d", len(notes.heads), len(notes.items), len(want.heads), len(want.items))
		}
		for id, it := range want.items {
			if !reflect.DeepEqual(it, notes.items[id]) {
				t.Fatal(cmp.Diff(it, notes.items[id]))
			}
		}
		for id, head := range want.heads {
			if !reflect.DeepEqual(head, notes.heads[id]) {
				t.Fatal(cmp.Diff(head, notes.heads[id]))
			}
		}
	})
}
