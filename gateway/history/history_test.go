package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/wire"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openNew(t testing.TB) *Store { return openAt(t, filepath.Join(t.TempDir(), "history.db")) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// message is an outbound line with the head it belongs to.
func message(pos uint64, conv, id, text string) []conversation.Change {
	at := start.Add(time.Duration(pos) * time.Second)
	head := &wire.Conversation{ID: gateway.ConversationID(conv), Channel: "sms", State: gateway.StateActive, Queue: "main",
		Agent: "jana", LastAt: at, Preview: text, Rev: pos, Contact: wire.Contact{ID: gateway.ContactID("k" + conv)}}
	item := &wire.Item{Position: pos, Rev: pos, ID: id, Conversation: head.ID, Time: at, Kind: "message", Text: text,
		Direction: gateway.Outbound, Delivery: gateway.DeliverySent, ProviderID: "p-" + id}
	th := gateway.ThreadID("t" + conv)
	return []conversation.Change{{Pos: pos, Thread: th, Item: item}, {Pos: pos, Thread: th, Conversation: head}}
}

func TestTimelineIsPagedWithoutGaps(t *testing.T) {
	s := openNew(t)
	var all []conversation.Change
	for i := range 20 {
		all = append(all, message(uint64(i/3+1), "c1", fmt.Sprintf("m%02d", i), "hello")...)
	}
	must(t, s.Apply(t.Context(), all, 20, 0))
	var got []string
	for before, more := uint64(0), true; more; {
		var items []wire.Item
		var err error
		items, more, err = s.Timeline(t.Context(), "c1", before, 4)
		must(t, err)
		if len(items) == 0 {
			break
		}
		var ids []string
		for _, it := range items {
			ids = append(ids, it.ID)
		}
		got, before = append(ids, got...), items[0].Position
	}
	for i, id := range got {
		if want := fmt.Sprintf("m%02d", i); id != want {
			t.Fatalf("timeline %v, want m00 … m19", got)
		}
	}
	if len(got) != 20 {
		t.Errorf("%d lines, want 20", len(got))
	}
}

func TestApplyTwiceChangesNothing(t *testing.T) {
	s := openNew(t)
	c := message(5, "c1", "m1", "hello")
	must(t, s.Apply(t.Context(), c, 5, 0))
	before := dump(t, s)
	must(t, s.Apply(t.Context(), c, 5, 0))
	c[0].Item.Text = "changed behind our back"
	must(t, s.Apply(t.Context(), c, 6, 0)) // its position is known: skipped
	if diff := cmp.Diff(before, dump(t, s)); diff != "" {
		t.Error(diff)
	}
	if s.Applied() != 6 {
		t.Errorf("applied %d, want 6", s.Applied())
	}
}

func TestPatchNeverMovesADeliveryBack(t *testing.T) {
	s := openNew(t)
	must(t, s.Apply(t.Context(), append(message(1, "c1", "m1", "a"), message(2, "c1", "m2", "b")...), 2, 0))
	patch := func(pos uint64, p conversation.Patch) {
		must(t, s.Apply(t.Context(), []conversation.Change{{Pos: pos, Thread: "tc1", Patch: &p}}, pos, 0))
	}
	want := func(id string, d gateway.Delivery, rev uint64) {
		t.Helper()
		items, _, err := s.Timeline(t.Context(), "c1", 0, 10)
		must(t, err)
		for _, it := range items {
			if it.ID == id && (it.Delivery != d || it.Rev != rev) {
				t.Errorf("%s is %s at %d, want %s at %d", id, it.Delivery, it.Rev, d, rev)
			}
		}
	}
	patch(3, conversation.Patch{ProviderID: "p-m1", State: gateway.DeliveryRead})
	patch(4, conversation.Patch{Message: "m1", State: gateway.DeliveryDelivered})
	want("m1", gateway.DeliveryRead, 3)
	patch(5, conversation.Patch{Watermark: start.Add(time.Second), State: gateway.DeliveryDelivered})
	want("m2", gateway.DeliverySent, 2)
	patch(6, conversation.Patch{Watermark: start.Add(time.Hour), State: gateway.DeliveryDelivered})
	want("m2", gateway.DeliveryDelivered, 6)
	want("m1", gateway.DeliveryRead, 3)
	patch(7, conversation.Patch{Position: 1, State: gateway.DeliveryRead})
	want("m2", gateway.DeliveryDelivered, 6)
	patch(8, conversation.Patch{Position: 2, State: gateway.DeliveryRead})
	want("m2", gateway.DeliveryRead, 8)
	must(t, s.Apply(t.Context(), message(10, "c1", "m3", "c"), 10, 0))
	patch(11, conversation.Patch{Message: "m3", ProviderID: "an earlier attempt", State: gateway.DeliveryFailed})
	want("m3", gateway.DeliverySent, 10)
	patch(12, conversation.Patch{Message: "m3", ProviderID: "p-m3", State: gateway.DeliveryFailed})
	want("m3", gateway.DeliveryFailed, 12)
	text := "corrected"
	patch(13, conversation.Patch{ProviderID: "p-m2", Text: &text})
	hits, err := s.Search(t.Context(), "correc", 5)
	must(t, err)
	if len(hits) != 1 || !hits[0].Item.Edited {
		t.Errorf("edited text is not found: %+v", hits)
	}
	if hits, _ := s.Search(t.Context(), "b", 5); len(hits) != 0 {
		t.Error("the old text is still found")
	}
}

func TestPartOfALongMessageIsFoundByItsId(t *testing.T) {
	s := openNew(t)
	c := message(1, "c1", "m1", "long")
	c[0].Item.ProviderID = "SM1 SM2 SM3"
	must(t, s.Apply(t.Context(), c, 1, 0))
	p := &conversation.Patch{ProviderID: "SM2", State: gateway.DeliveryFailed, Info: "30003"}
	must(t, s.Apply(t.Context(), []conversation.Change{{Pos: 2, Thread: "tc1", Patch: p}}, 2, 0))
	items, err := s.ItemsSince(t.Context(), 1, 10)
	must(t, err)
	if len(items) != 1 || items[0].Delivery != gateway.DeliveryFailed || items[0].ProviderID != "SM1 SM2 SM3" {
		t.Errorf("got %+v", items)
	}
}

func TestSearchFindsWordsWithoutAccentsAndByPrefix(t *testing.T) {
	s := openNew(t)
	must(t, s.Apply(t.Context(), append(message(1, "c1", "m1", "Die Störung in Köln ist behoben"), message(2, "c2", "m2", "Alles gut")...), 2, 0))
	for typed, want := range map[string]string{
		"storung": "Die \x02Störung\x03 in Köln ist behoben", "KÖLN beh": "Die Störung in \x02Köln\x03 ist \x02behoben\x03",
		"ko\u0308ln": "Die Störung in \x02Köln\x03 ist behoben", `"köln* OR (`: "", "": "", "NOT": "", "köln gut": "",
		`in "st`: "Die \x02Störung\x03 \x02in\x03 Köln ist behoben",
	} {
		hits, err := s.Search(t.Context(), typed, 5)
		must(t, err)
		got := ""
		if len(hits) > 0 {
			got = hits[0].Snippet
		}
		if got != want {
			t.Errorf("%q finds %q, want %q", typed, got, want)
		}
	}
}

func TestConversationsAreFilteredAndPaged(t *testing.T) {
	s := openNew(t)
	var all []conversation.Change
	for i := uint64(1); i <= 30; i++ {
		c := message(i, fmt.Sprintf("c%d", i), fmt.Sprintf("m%d", i), "x")
		if i%3 == 0 {
			c[1].Conversation.State, c[1].Conversation.Agent = gateway.StateClosed, ""
		}
		c[1].Conversation.LastAt = start.Add(time.Duration(i/4) * time.Second) // ties
		all = append(all, c...)
	}
	must(t, s.Apply(t.Context(), all, 30, 0))
	for _, c := range []struct {
		f    Filter
		want int
	}{{Filter{}, 30}, {Filter{State: gateway.StateClosed}, 10}, {Filter{State: gateway.StateActive, Agent: "jana"}, 20},
		{Filter{Contact: "kc7"}, 1}, {Filter{Channel: "sms", Queue: "main"}, 30}, {Filter{Channel: "messenger"}, 0}} {
		seen := map[gateway.ConversationID]bool{}
		last := time.Time{}
		for c.f.Limit = 7; ; {
			list, cursor, err := s.Conversations(t.Context(), c.f)
			must(t, err)
			for _, x := range list {
				if !last.IsZero() && x.LastAt.After(last) {
					t.Errorf("%+v: not newest first", c.f)
				}
				last, seen[x.ID] = x.LastAt, true
			}
			if c.f.Cursor = cursor; cursor == "" {
				break
			}
		}
		if len(seen) != c.want {
			t.Errorf("%+v: %d conversations, want %d", c.f, len(seen), c.want)
		}
	}
	_, _, err := s.Conversations(t.Context(), Filter{Cursor: "nonsense"})
	if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.Invalid {
		t.Errorf("bad cursor: %v", err)
	}
	_, err = s.Conversation(t.Context(), "c0")
	if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.NotFound {
		t.Errorf("missing conversation: %v", err)
	}
}

func TestRebuildEqualsIncremental(t *testing.T) {
	all := realistic(4000, 3)
	one, many := openNew(t), openNew(t)
	must(t, one.Apply(t.Context(), all, 4000, 0))
	rng := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < len(all); {
		n := i + 1
		for n < len(all) && (all[n].Pos == all[n-1].Pos || rng.IntN(20) > 0) {
			n++
		}
		must(t, many.Apply(t.Context(), all[i:n], all[n-1].Pos, 0))
		i = n
	}
	if diff := cmp.Diff(dump(t, one), dump(t, many)); diff != "" {
		t.Error(diff)
	}
	for _, s := range []*Store{one, many} {
		if _, err := s.write.Exec(`INSERT INTO search(search, rank) VALUES ('integrity-check', 1)`); err != nil {
			t.Errorf("full-text index and lines disagree: %v", err)
		}
	}
}

// dump is the content, in an order that does not depend on when a row was written.
func dump(t *testing.T, s *Store) []string {
	t.Helper()
	var out []string
	for _, q := range []string{`SELECT id || state || agent || last_at || rev || head FROM conversations ORDER BY id`,
		`SELECT id || conversation || thread || position || rev || delivery || provider_id || text || item FROM items ORDER BY id`} {
		rows, err := s.read.Query(q)
		must(t, err)
		for rows.Next() {
			var v sql.NullString
			must(t, rows.Scan(&v))
			out = append(out, v.String)
		}
		must(t, rows.Close())
	}
	return out
}

func TestOldOrDamagedFileIsBegunAnew(t *testing.T) {
	for name, spoil := range map[string]func(path string){
		"garbage":  func(p string) { os.WriteFile(p, []byte(strings.Repeat("no database ", 1000)), 0o600) },
		"version":  func(p string) { exec(t, p, `PRAGMA user_version = 999`) },
		"foreign":  func(p string) { exec(t, p, `PRAGMA application_id = 1`) },
		"headless": func(p string) { exec(t, p, `DROP TABLE meta`) },
		"marked":   func(p string) { os.WriteFile(damagedMark(p), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a b?#%", "history.db")
			s := openAt(t, path)
			must(t, s.Apply(t.Context(), message(1, "c1", "m1", "hello"), 1, 0))
			must(t, s.Close())
			if s = openAt(t, path); s.Applied() != 1 {
				t.Fatalf("reopened at %d, want 1", s.Applied())
			}
			must(t, s.Close())
			spoil(path)
			s = openAt(t, path)
			if s.Applied() != 0 {
				t.Errorf("applied %d, want 0", s.Applied())
			}
			must(t, s.Apply(t.Context(), message(1, "c1", "m1", "hello"), 1, 0))
		})
	}
}

func exec(t *testing.T, path, q string) {
	t.Helper()
	name, err := dsn(path)
	must(t, err)
	db, err := sql.Open("sqlite", name)
	must(t, err)
	defer db.Close()
	_, err = db.Exec(q)
	must(t, err)
}

func TestSeenTellsFromOutside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	if got := Seen(t.Context(), path); got != 0 {
		t.Errorf("no file has seen %d", got)
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), nil, 7, 0); err != nil {
		t.Fatal(err)
	}
	if got := Seen(t.Context(), path); got != 7 {
		t.Errorf("seen %d while it is open, want 7", got)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want it to be its owner's alone", suffix, info, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenAnew(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := again.Applied(); got != 0 {
		t.Errorf("begun anew, and it has %d", got)
	}
}

func TestWaitReturnsWhenThePositionIsApplied(t *testing.T) {
	s := openNew(t)
	synctest.Test(t, func(t *testing.T) {
		s.mu.Lock()
		s.moved = make(chan struct{}) // of this bubble
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Wait(ctx, 2) }()
		s.moveTo(1)
		synctest.Wait()
		select {
		case <-done:
			t.Error("returned too early")
		default:
		}
		s.moveTo(2)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Wait(ctx, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
	})
}

func FuzzMatchExpression(f *testing.F) {
	for _, s := range []string{`"`, `a"b`, `NEAR(a b)`, `text:x`, `^a`, "a*", "\x00", "ä\u0308", "-", "🙂", "AND", strings.Repeat("w ", 99)} {
		f.Add(s)
	}
	s, err := Open(f.Context(), filepath.Join(f.TempDir(), "h.db"))
	must(f, err)
	defer s.Close()
	must(f, s.Apply(f.Context(), message(1, "c1", "m1", "hello text"), 1, 0))
	f.Fuzz(func(t *testing.T, typed string) {
		if _, err := s.Search(t.Context(), typed, 1); err != nil {
			t.Errorf("%q → %s: %v", typed, matchExpression(typed), err)
		}
	})
}

var words = strings.Fields(`hello the order has not come yet could you please look where it is my number changed we are
	sorry there was an outage since monday the technician will call you again tomorrow at nine thank you very much best regards
	Störung Rechnung Köln Vertrag Leitung Router Modem blinkt rot grün Kunde Nummer bitte danke Termin`)

// realistic makes the changes of n records: conversations of about 8 messages, states, receipts and patches.
func realistic(n int, seed uint64) []conversation.Change {
	rng := rand.New(rand.NewPCG(seed, 2))
	var heads []*wire.Conversation
	var lastItem []*wire.Item
	var out []conversation.Change
	for pos := uint64(1); pos <= uint64(n); pos++ {
		i := rng.IntN(len(heads) + 1)
		if len(heads) > 50 {
			i %= 50
		}
		if i == len(heads) || rng.IntN(10) == 0 {
			heads = append(heads, nil)
			lastItem = append(lastItem, nil)
			i = len(heads) - 1
			heads[i], heads[0], lastItem[0] = heads[0], nil, nil
			i = 0
			heads[0] = &wire.Conversation{ID: gateway.ConversationID(fmt.Sprint("c", pos)), Channel: "sms", Entry: "+4922100", State: gateway.StateWaiting,
				Queue: "main", Target: "queue/main", OpenedAt: start, Contact: wire.Contact{ID: gateway.ContactID(fmt.Sprint("k", rng.IntN(500)))}}
		}
		if heads[i] == nil {
			continue
		}
		at := start.Add(time.Duration(pos) * time.Second)
		th := gateway.ThreadID("t" + heads[i].ID)
		h := *heads[i]
		h.LastAt, h.Rev = at, pos
		heads[i] = &h
		switch d := rng.IntN(10); {
		case d < 4 || lastItem[i] == nil:
			var text []string
			for range 4 + rng.IntN(16) {
				text = append(text, words[rng.IntN(len(words))])
			}
			it := &wire.Item{Position: pos, Rev: pos, ID: fmt.Sprint("m", pos), Conversation: h.ID, Time: at, Kind: "message", Channel: "sms",
				Direction: gateway.Outbound, Text: strings.Join(text, " "), Delivery: gateway.DeliveryPending, ProviderID: fmt.Sprint("SM", pos)}
			lastItem[i], h.Preview = it, it.Text
			out = append(out, conversation.Change{Pos: pos, Thread: th, Item: it}, conversation.Change{Pos: pos, Thread: th, Conversation: &h})
		case d < 8:
			it := *lastItem[i]
			it.Rev, it.Delivery = pos, gateway.DeliverySent
			lastItem[i] = &it
			out = append(out, conversation.Change{Pos: pos, Thread: th, Item: &it})
		case d == 8:
			out = append(out, conversation.Change{Pos: pos, Thread: th, Conversation: &h})
		case rng.IntN(20) == 0:
			p := &conversation.Patch{ProviderID: lastItem[i].ProviderID, State: gateway.DeliveryDelivered}
			out = append(out, conversation.Change{Pos: pos, Thread: th, Patch: p})
		default:
			it := &wire.Item{Position: pos, Rev: pos, ID: fmt.Sprint("e", pos), Conversation: h.ID, Time: at, Kind: "event", Event: "assigned"}
			out = append(out, conversation.Change{Pos: pos, Thread: th, Item: it}, conversation.Change{Pos: pos, Thread: th, Conversation: &h})
		}
	}
	return out
}

func BenchmarkRebuild(b *testing.B) {
	const n = 100_000
	all := realistic(n, 1)
	for b.Loop() {
		s, err := Open(b.Context(), filepath.Join(b.TempDir(), "h.db"))
		must(b, err)
		for i := 0; i < len(all); {
			j := min(i+10_000, len(all))
			for j < len(all) && all[j].Pos == all[j-1].Pos {
				j++
			}
			must(b, s.Apply(b.Context(), all[i:j], all[j-1].Pos, 0))
			i = j
		}
		s.Close()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
