package media

import "fmt"

// Left says what an engine holds on to; empty when it is as new.
func Left(e *Engine) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.calls) == 0 && e.count == 0 && len(e.music.listeners()) == 0 {
		return ""
	}
	return fmt.Sprintf("%d calls, %d legs, %d listeners to music", len(e.calls), e.count, len(e.music.listeners()))
}

// Short reports whether a leg sends, or has sent, past pion.
func Short(e *Engine, key LegKey) bool {
	l := e.leg(key)
	return l != nil && l.direct.open.Load() && l.direct.to.Load() != nil
}
