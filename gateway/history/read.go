package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"backline/gateway"
	"backline/gateway/wire"
)

// maxRows bounds every answer, whatever the caller asks for; zero or less asks for defaultRows.
const (
	maxRows     = 1000
	defaultRows = 50
)

func bound(limit int) int {
	if limit <= 0 {
		return defaultRows
	}
	return min(limit, maxRows)
}

// Timeline returns the last lines of a conversation before a position (0: the end), oldest first, and whether
// there may be older ones. Lines of one position come together even when that is more than limit: asking
// again with the oldest position misses nothing.
func (s *Store) Timeline(ctx context.Context, id gateway.ConversationID, before uint64, limit int) (items []wire.Item, more bool, err error) {
	limit = bound(limit)
	to := int64(math.MaxInt64)
	if before > 0 && before < math.MaxInt64 {
		to = int64(before)
	}
	const q = `SELECT seq, text, item FROM items WHERE conversation = ? AND `
	items, last, err := s.items(ctx, q+`position < ? ORDER BY position DESC, seq DESC LIMIT ?`, string(id), to, limit+1)
	if err != nil {
		return nil, false, s.fail("read timeline", err)
	}
	if len(items) > limit {
		more = true
		oldest := items[limit].Position
		items = items[:limit]
		if items[limit-1].Position == oldest {
			rest, _, err := s.items(ctx, q+`position = ? AND seq <= ? ORDER BY seq DESC`, string(id), int64(oldest), last)
			if err != nil {
				return nil, false, s.fail("read timeline", err)
			}
			items = append(items, rest...)
		}
	}
	slices.Reverse(items)
	return items, more, nil
}

// Thread returns the lines of a thread that changed after a revision, in order of revision. It may return
// more than limit lines: those of one revision come together, so that asking again with the last one's
// revision misses nothing.
func (s *Store) Thread(ctx context.Context, id gateway.ThreadID, afterRev uint64, limit int) ([]wire.Item, error) {
	items, err := s.since(ctx, `thread = ? AND `, []any{string(id)}, afterRev, limit)
	if err != nil {
		return nil, s.fail("read thread", err)
	}
	return items, nil
}

// ItemsSince returns all lines that changed after a revision, under the same rule as Thread.
func (s *Store) ItemsSince(ctx context.Context, rev uint64, limit int) ([]wire.Item, error) {
	items, err := s.since(ctx, ``, nil, rev, limit)
	if err != nil {
		return nil, s.fail("read changes", err)
	}
	return items, nil
}

func (s *Store) since(ctx context.Context, where string, args []any, rev uint64, limit int) ([]wire.Item, error) {
	limit = bound(limit)
	const q = `SELECT seq, text, item FROM items WHERE `
	first := append(slices.Clone(args), int64(min(rev, math.MaxInt64)), limit)
	items, last, err := s.items(ctx, q+where+`rev > ? ORDER BY rev, seq LIMIT ?`, first...)
	if err != nil || len(items) < limit {
		return items, err
	}
	rest := append(slices.Clone(args), int64(items[len(items)-1].Rev), last)
	more, _, err := s.items(ctx, q+where+`rev = ? AND seq > ? ORDER BY seq`, rest...)
	return append(items, more...), err
}

// items runs a query for seq, text and item and returns the last seq too.
func (s *Store) items(ctx context.Context, query string, args ...any) (items []wire.Item, last int64, err error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var data []byte
		if err := rows.Scan(&last, &text, &data); err != nil {
			return nil, 0, err
		}
		it, err := decodeItem(text, data)
		if err != nil {
			return nil, 0, err
		}
		items = append(items, *it)
	}
	return items, last, rows.Err()
}

// Conversation returns the head of one conversation.
func (s *Store) Conversation(ctx context.Context, id gateway.ConversationID) (wire.Conversation, error) {
	var c wire.Conversation
	var head []byte
	err := s.read.QueryRowContext(ctx, `SELECT head FROM conversations WHERE id = ?`, string(id)).Scan(&head)
	if errors.Is(err, sql.ErrNoRows) {
		return c, gateway.Errorf(gateway.NotFound, "There is no such conversation.")
	}
	if err != nil {
		return c, s.fail("read conversation", err)
	}
	if err := json.Unmarshal(head, &c); err != nil {
		return c, s.fail("decode conversation", err)
	}
	return c, nil
}

// Filter chooses conversations; an empty field does not matter. Cursor is what the last answer returned.
type Filter struct {
	State   gateway.State
	Channel string
	Queue   gateway.QueueID
	Agent   gateway.AgentID
	Contact gateway.ContactID
	Cursor  string
	Limit   int // zero means 50, at most 1000
}

// Conversations lists those that match, newest activity first. The cursor is empty at the end.
func (s *Store) Conversations(ctx context.Context, f Filter) (list []wire.Conversation, cursor string, err error) {
	where, args, err := f.where()
	if err != nil {
		return nil, "", err
	}
	limit := bound(f.Limit)
	rows, err := s.read.QueryContext(ctx, `SELECT head, last_at FROM conversations WHERE `+where+
		` ORDER BY last_at DESC, id DESC LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return nil, "", s.fail("list conversations", err)
	}
	defer rows.Close()
	var lastAt int64
	for rows.Next() {
		if len(list) == limit {
			return list, fmt.Sprintf("%d.%s", lastAt, list[limit-1].ID), nil
		}
		var head []byte
		var c wire.Conversation
		if err := rows.Scan(&head, &lastAt); err != nil {
			return nil, "", s.fail("list conversations", err)
		}
		if err := json.Unmarshal(head, &c); err != nil {
			return nil, "", s.fail("decode conversation", err)
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		return nil, "", s.fail("list conversations", err)
	}
	return list, "", nil
}

func (f Filter) where() (string, []any, error) {
	terms := []string{"1"}
	var args []any
	for _, c := range []struct{ column, value string }{
		{"state", string(f.State)}, {"channel", f.Channel}, {"queue", string(f.Queue)},
		{"agent", string(f.Agent)}, {"contact", string(f.Contact)},
	} {
		if c.value == "" {
			continue
		}
		terms, args = append(terms, c.column+" = ?"), append(args, c.value)
		if c.column == "agent" {
			terms = append(terms, "agent <> ''") // names the partial index
		}
	}
	if f.State != "" && f.State != gateway.StateClosed {
		terms = append(terms, "state <> 'closed'")
	}
	if f.Cursor != "" {
		at, id, ok := strings.Cut(f.Cursor, ".")
		us, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return "", nil, &gateway.Error{Kind: gateway.Invalid, Field: "cursor", Msg: "This cursor is not one of ours."}
		}
		terms, args = append(terms, "(last_at, id) < (?, ?)"), append(args, us, id)
	}
	return strings.Join(terms, " AND "), args, nil
}
