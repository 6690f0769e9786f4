package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"backline/gateway"
	"backline/gateway/conversation"
	"backline/gateway/wire"
)

// rowsAtOnce is how many rows one statement writes. The full-text index writes its memory out at the start of
// each statement, so few long ones are faster.
const rowsAtOnce = 128

const (
	putConversation = `INSERT INTO conversations (id, state, channel, queue, agent, contact, last_at, rev, head) VALUES %s
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, channel = excluded.channel, queue = excluded.queue,
		agent = excluded.agent, contact = excluded.contact, last_at = excluded.last_at, rev = excluded.rev, head = excluded.head
		WHERE excluded.rev >= rev`
	putItem = `INSERT INTO items (id, conversation, thread, position, rev, at, delivery, provider_id, text, item) VALUES %s
		ON CONFLICT (id) DO UPDATE SET conversation = excluded.conversation, thread = excluded.thread,
		position = excluded.position, rev = excluded.rev, at = excluded.at, delivery = excluded.delivery,
		provider_id = excluded.provider_id, text = excluded.text, item = excluded.item WHERE excluded.rev >= rev`
	conversationColumns, itemColumns = 9, 10
)

// writer holds the prepared statements and the rows not yet written. Owned by the caller of Apply.
type writer struct {
	conversations, conversations1, items, items1, parts *sql.Stmt

	heads map[gateway.ConversationID]*wire.Conversation
	lines map[string]line
	order []string // ids of heads and lines in order of first appearance
	args  []any
}

type line struct {
	item   *wire.Item
	thread gateway.ThreadID
}

func (w *writer) prepare(ctx context.Context, db *sql.DB) (err error) {
	if w.conversations != nil {
		return nil
	}
	w.heads, w.lines = map[gateway.ConversationID]*wire.Conversation{}, map[string]line{}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&w.parts, `INSERT OR IGNORE INTO parts VALUES (?, ?)`},
		{&w.items1, fmt.Sprintf(putItem, marks(1, itemColumns))},
		{&w.items, fmt.Sprintf(putItem, marks(rowsAtOnce, itemColumns))},
		{&w.conversations1, fmt.Sprintf(putConversation, marks(1, conversationColumns))},
		{&w.conversations, fmt.Sprintf(putConversation, marks(rowsAtOnce, conversationColumns))},
	} {
		if *p.to, err = db.PrepareContext(ctx, p.text); err != nil {
			return err
		}
	}
	return nil
}

func marks(rows, columns int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
}

func (w *writer) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{w.conversations, w.conversations1, w.items, w.items1, w.parts} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// Apply writes changes and notes that everything up to the position upTo is in, in one transaction. Changes
// at or before Applied are skipped. sum is that of the journal's event at upTo, for [Store.Last].
func (s *Store) Apply(ctx context.Context, changes []conversation.Change, upTo, sum uint64) error {
	applied := s.Applied()
	if upTo <= applied {
		return nil
	}
	w := &s.writer
	if err := w.prepare(ctx, s.write); err != nil {
		return s.fail("prepare", err)
	}
	w.clear()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.fail("begin", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	for _, c := range changes {
		if c.Pos <= applied {
			continue
		}
		if err := w.take(ctx, tx, c); err != nil {
			return s.fail("apply a change", err)
		}
	}
	if err := w.flush(ctx, tx); err != nil {
		return s.fail("write", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO meta VALUES ('applied', ?), ('sum', ?)`, int64(upTo), int64(sum)); err != nil {
		return s.fail("note the position", err)
	}
	if err := tx.Commit(); err != nil {
		return s.fail("commit", err)
	}
	s.moveTo(upTo)
	return nil
}

func (w *writer) clear() {
	clear(w.heads)
	clear(w.lines)
	w.order = w.order[:0]
}

func (w *writer) take(ctx context.Context, tx *sql.Tx, c conversation.Change) error {
	switch {
	case c.Conversation != nil:
		if w.heads[c.Conversation.ID] == nil {
			w.order = append(w.order, string(c.Conversation.ID))
		}
		w.heads[c.Conversation.ID] = c.Conversation
	case c.Item != nil:
		if _, ok := w.lines[c.Item.ID]; !ok {
			w.order = append(w.order, c.Item.ID)
		}
		w.lines[c.Item.ID] = line{c.Item, c.Thread}
	case c.Patch != nil:
		return w.patch(ctx, tx, c)
	}
	return nil
}

// flush writes the rows that wait, in the order in which they came, so that a rebuild gives the same numbers.
func (w *writer) flush(ctx context.Context, tx *sql.Tx) error {
	one, many := tx.StmtContext(ctx, w.conversations1), tx.StmtContext(ctx, w.conversations)
	err := w.rows(ctx, one, many, conversationColumns, func(id string) error {
		if c := w.heads[gateway.ConversationID(id)]; c != nil {
			return w.conversationRow(c)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("conversations: %w", err)
	}
	one, many = tx.StmtContext(ctx, w.items1), tx.StmtContext(ctx, w.items)
	err = w.rows(ctx, one, many, itemColumns, func(id string) error {
		if l, ok := w.lines[id]; ok {
			return w.itemRow(l)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("items: %w", err)
	}
	if err := w.flushParts(ctx, tx); err != nil {
		return fmt.Errorf("provider ids: %w", err)
	}
	w.clear()
	return nil
}

// rows lets add append the arguments of each row and writes them rowsAtOnce at a time.
func (w *writer) rows(ctx context.Context, one, many *sql.Stmt, columns int, add func(id string) error) error {
	w.args = w.args[:0]
	for _, id := range w.order {
		if err := add(id); err != nil {
			return err
		}
		if len(w.args) == rowsAtOnce*columns {
			if _, err := many.ExecContext(ctx, w.args...); err != nil {
				return err
			}
			w.args = w.args[:0]
		}
	}
	for rest := w.args; len(rest) > 0; rest = rest[columns:] {
		if _, err := one.ExecContext(ctx, rest[:columns]...); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) conversationRow(c *wire.Conversation) error {
	head, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	w.args = append(w.args, string(c.ID), string(c.State), c.Channel, string(c.Queue), string(c.Agent),
		string(c.Contact.ID), c.LastAt.UnixMicro(), int64(c.Rev), head)
	return nil
}

func (w *writer) itemRow(l line) error {
	bare := *l.item
	bare.Text = ""
	data, err := json.Marshal(&bare)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	it := l.item
	w.args = append(w.args, it.ID, string(it.Conversation), string(l.thread), int64(it.Position), int64(it.Rev),
		it.Time.UnixMicro(), string(it.Delivery), it.ProviderID, it.Text, data)
	return nil
}

// flushParts notes the single ids of messages that a provider took in several parts.
func (w *writer) flushParts(ctx context.Context, tx *sql.Tx) error {
	for _, id := range w.order {
		l, ok := w.lines[id]
		if !ok || !strings.Contains(l.item.ProviderID, " ") {
			continue
		}
		for _, part := range strings.Fields(l.item.ProviderID) {
			if _, err := tx.StmtContext(ctx, w.parts).ExecContext(ctx, part, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// patch changes lines that had left the fold's memory. They may be stored or still wait to be.
func (w *writer) patch(ctx context.Context, tx *sql.Tx, c conversation.Change) error {
	lines, err := w.patched(ctx, tx, c)
	if err != nil {
		return fmt.Errorf("find patched lines: %w", err)
	}
	for _, l := range lines {
		own := *l.item // the fold keeps the one it gave us
		if change(&own, c.Patch) {
			own.Rev = c.Pos
			if _, waits := w.lines[own.ID]; !waits {
				w.order = append(w.order, own.ID)
			}
			w.lines[own.ID] = line{&own, l.thread}
		}
	}
	return nil
}

// patched finds what a patch names: by our id, else by the provider's, else by time or position.
func (w *writer) patched(ctx context.Context, tx *sql.Tx, c conversation.Change) ([]line, error) {
	const q = `SELECT thread, text, item FROM items WHERE `
	p := c.Patch
	if p.Message != "" {
		if l, ok := w.lines[string(p.Message)]; ok {
			return []line{l}, nil
		}
		lines, err := w.find(ctx, tx, q+`id = ?`, string(p.Message))
		if err != nil || len(lines) > 0 {
			return lines, err
		}
	}
	var lines []line
	var err error
	switch {
	case p.ProviderID != "":
		lines, err = w.find(ctx, tx, q+`id IN (SELECT id FROM items WHERE provider_id = ? AND provider_id <> ''
			UNION SELECT item FROM parts WHERE provider_id = ?) AND (thread = ? OR ? = '') ORDER BY seq`,
			p.ProviderID, p.ProviderID, string(c.Thread), string(c.Thread))
	case !p.Watermark.IsZero():
		lines, err = w.find(ctx, tx, q+`thread = ? AND delivery IN ('sent', 'delivered', 'uncertain') AND at <= ? ORDER BY seq`,
			string(c.Thread), p.Watermark.UnixMicro())
	case p.Position > 0:
		lines, err = w.find(ctx, tx, q+`thread = ? AND delivery IN ('pending', 'sent', 'delivered', 'uncertain') AND position <= ? ORDER BY seq`,
			string(c.Thread), p.Position)
	default:
		return nil, nil
	}
	// What waits replaces what is stored.
	lines = slices.DeleteFunc(lines, func(l line) bool { _, waits := w.lines[l.item.ID]; return waits })
	for _, id := range w.order {
		if l, ok := w.lines[id]; ok && named(l, c) {
			lines = append(lines, l)
		}
	}
	return lines, err
}

// named is the condition of patched's queries for a line in memory.
func named(l line, c conversation.Change) bool {
	if c.Patch.ProviderID != "" {
		return (c.Thread == l.thread || c.Thread == "") && slices.Contains(strings.Fields(l.item.ProviderID), c.Patch.ProviderID)
	}
	if c.Thread != l.thread || !conversation.Watermarked(l.item.Delivery, c.Patch.Position > 0) {
		return false
	}
	if c.Patch.Position > 0 {
		return l.item.Position <= c.Patch.Position
	}
	return l.item.Time.UnixMicro() <= c.Patch.Watermark.UnixMicro()
}

func (w *writer) find(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]line, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lines []line
	for rows.Next() {
		var l line
		var text string
		var data []byte
		if err := rows.Scan(&l.thread, &text, &data); err != nil {
			return nil, err
		}
		if l.item, err = decodeItem(text, data); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, rows.Err()
}

// change applies a patch to one line and reports whether anything changed. A delivery never goes back.
func change(it *wire.Item, p *conversation.Patch) (changed bool) {
	if p.Text != nil && *p.Text != it.Text {
		it.Text, it.Edited, changed = *p.Text, true, true
	}
	if p.State == "" || it.Direction != gateway.Outbound || conversation.Stale(it.ProviderID, p.ProviderID, p.State) {
		return changed
	}
	if it.ProviderID == "" && p.ProviderID != "" {
		it.ProviderID, changed = p.ProviderID, true
	}
	if conversation.Rank(p.State) < conversation.Rank(it.Delivery) || p.State == it.Delivery && p.Info == it.DeliveryInfo {
		return changed
	}
	it.Delivery, it.DeliveryInfo = p.State, p.Info
	return true
}

func decodeItem(text string, data []byte) (*wire.Item, error) {
	it := new(wire.Item)
	if err := json.Unmarshal(data, it); err != nil {
		return nil, fmt.Errorf("decode line: %w", err)
	}
	it.Text = text
	it.Time = it.Time.In(time.UTC)
	return it, nil
}
