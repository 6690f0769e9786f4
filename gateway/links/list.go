package links

import (
	"strconv"
	"time"

	"backline/gateway"
)

// Filter chooses links.
type Filter struct {
	Campaign string // "" all
	Cursor   string // of the page before; "" the newest
	Limit    int    // at least 1
}

// List returns links that have not expired, the newest first, and the cursor of the next page, "" at the end.
func (s *Store) List(f Filter) ([]Link, string, error) {
	before := ^uint64(0)
	if f.Cursor != "" {
		var err error
		if before, err = strconv.ParseUint(f.Cursor, 36, 64); err != nil {
			return nil, "", &gateway.Error{Kind: gateway.Invalid, Field: "cursor", Msg: "want the cursor of the page before"}
		}
	}
	now, out := time.Now(), []Link{}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for n := len(s.order) - 1; n >= 0; n-- {
		r := s.order[n]
		if r.pos >= before || r.over(now) || f.Campaign != "" && (r.campaign == nil || r.campaign.name != f.Campaign) {
			continue
		}
		if len(out) == f.Limit {
			return out, strconv.FormatUint(before, 36), nil
		}
		out, before = append(out, s.linkLocked(r)), r.pos
	}
	return out, "", nil
}

// Len is how many links are in memory.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.links)
}
