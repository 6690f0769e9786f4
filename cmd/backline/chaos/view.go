package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Look reads all that a node shows, as a script would: every conversation with its timeline.
func (l *Load) Look(ctx context.Context, n *Node) (View, error) {
	v := View{Of: "node " + n.Name, Items: map[string][]string{}}
	for cursor := ""; ; {
		var list struct {
			Conversations []struct{ ID string }
			Cursor        string
		}
		if err := l.get(ctx, n, "/api/v1/conversations?limit=200&cursor="+cursor, &list); err != nil {
			return v, err
		}
		for _, c := range list.Conversations {
			if err := l.timeline(ctx, n, c.ID, v.Items); err != nil {
				return v, err
			}
		}
		if cursor = list.Cursor; cursor == "" {
			return v, nil
		}
	}
}

func (l *Load) timeline(ctx context.Context, n *Node, id string, items map[string][]string) error {
	for before, more := "", true; more; {
		var part struct {
			Items []struct {
				Position       uint64
				ID, Kind, Text string
			}
			More bool
		}
		if err := l.get(ctx, n, "/api/v1/conversations/"+id+"/timeline?limit=200"+before, &part); err != nil {
			return err
		}
		for _, it := range part.Items {
			if it.Kind == "message" {
				items[it.Text] = append(items[it.Text], it.ID)
			}
		}
		if more = part.More; more {
			before = fmt.Sprint("&before=", part.Items[0].Position)
		}
	}
	return nil
}

func (l *Load) get(ctx context.Context, n *Node, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Cookie", l.cookie)
	res, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("node %s, %s: %s", n.Name, path, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// Settle waits until every node shows all that was acknowledged, and returns what they show and how long it took. When
// patience is over it returns what there is.
func (l *Load) Settle(nodes []*Node, patience time.Duration) ([]View, time.Duration) {
	l.t.Helper()
	return l.SettleOn(nodes, l.Ledger.Acknowledged(), patience)
}

// SettleOn is Settle for certain texts.
func (l *Load) SettleOn(nodes []*Node, acked []string, patience time.Duration) ([]View, time.Duration) {
	l.t.Helper()
	began := time.Now()
	var views []View
	for _, n := range nodes {
		// Each has some time of its own: one that lacks something must not hide what the others have.
		ctx, cancel := context.WithTimeout(context.Background(), max(patience-time.Since(began), patience/4))
		v := View{Of: "node " + n.Name, Items: map[string][]string{}}
		for {
			now, err := l.Look(ctx, n)
			if err == nil {
				v = now
			}
			if hasAll(v, acked) {
				break
			}
			if ctx.Err() != nil {
				if len(v.Items) == 0 {
					l.t.Errorf("what node %s shows cannot be read: %v", n.Name, err)
				}
				break
			}
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		cancel()
		views = append(views, v)
	}
	return views, time.Since(began)
}

func hasAll(v View, texts []string) bool {
	for _, text := range texts {
		if len(v.Items[text]) == 0 {
			return false
		}
	}
	return true
}
