package journal

import "fmt"

// Finding is one thing wrong with a record.
type Finding struct {
	Pos     Pos    `json:"pos,omitempty"`
	Stream  string `json:"stream,omitempty"`
	Problem string `json:"problem"`
}

func (f Finding) String() string {
	s := f.Problem
	if f.Stream != "" {
		s = fmt.Sprintf("stream %q: %s", f.Stream, s) // quoted: what is damaged may hold anything
	}
	if f.Pos > 0 {
		s = fmt.Sprintf("position %d: %s", f.Pos, s)
	}
	return s
}

// Report is what an engine's Verify saw: the positions after Trimmed up to Head, and what is wrong with them.
type Report struct {
	Trimmed  Pos       `json:"trimmed"`
	Head     Pos       `json:"head"`
	Findings []Finding `json:"findings"`
}

// maxFindings bounds a report: what is that broken needs no longer list.
const maxFindings = 100

// Add notes a finding about an event, of which only Pos and Stream matter; either may be missing.
func (r *Report) Add(e Event, format string, args ...any) {
	if !r.Full() {
		r.Findings = append(r.Findings, Finding{Pos: e.Pos, Stream: e.Stream, Problem: fmt.Sprintf(format, args...)})
	}
}

// Full reports whether nothing more is noted.
func (r *Report) Full() bool { return len(r.Findings) >= maxFindings }
