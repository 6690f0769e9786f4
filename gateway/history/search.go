package history

import (
	"context"
	"encoding/json"
	"strings"
	"unicode"

	"backline/gateway/wire"
)

// Bounds of a search: words beyond are ignored, longer ones cut.
const (
	maxWords     = 12
	maxWordRunes = 64
)

// Marks around what was found in a snippet.
const (
	MarkStart = "\x02"
	MarkEnd   = "\x03"
)

// Hit is one line that was found.
type Hit struct {
	Conversation wire.Conversation
	Item         wire.Item
	Snippet      string // the words around, with MarkStart and MarkEnd
}

// Search returns lines that contain all words of what a person typed, newest first. The last word may be
// unfinished. Case and accents do not matter.
func (s *Store) Search(ctx context.Context, typed string, limit int) ([]Hit, error) {
	match := matchExpression(typed)
	if match == "" {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT i.text, i.item, c.head, snippet(search, 0, char(2), char(3), '…', 16)
		FROM search JOIN items i ON i.seq = search.rowid JOIN conversations c ON c.id = i.conversation
		WHERE search MATCH ? ORDER BY search.rowid DESC LIMIT ?`, match, bound(limit))
	if err != nil {
		return nil, s.fail("search", err)
	}
	defer rows.Close()
	var hits []Hit
	for rows.Next() {
		var h Hit
		var text string
		var item, head []byte
		if err := rows.Scan(&text, &item, &head, &h.Snippet); err != nil {
			return nil, s.fail("search", err)
		}
		it, err := decodeItem(text, item)
		if err != nil {
			return nil, s.fail("search", err)
		}
		h.Item = *it
		if err := json.Unmarshal(head, &h.Conversation); err != nil {
			return nil, s.fail("search", err)
		}
		hits = append(hits, h)
	}
	if err := rows.Err(); err != nil {
		return nil, s.fail("search", err)
	}
	return hits, nil
}

// matchExpression makes an FTS5 query of what a person typed: each word as a quoted string, so that nothing
// in it is an operator, and the last one as a prefix. It is empty when there is no word.
func matchExpression(typed string) string {
	words := strings.FieldsFunc(typed, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.Co)
	})
	if len(words) > maxWords {
		words = words[:maxWords]
	}
	var b strings.Builder
	for i, w := range words {
		if r := []rune(w); len(r) > maxWordRunes {
			w = string(r[:maxWordRunes])
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + w + `"`)
	}
	if b.Len() > 0 {
		b.WriteString(" *")
	}
	return b.String()
}
