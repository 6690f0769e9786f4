package api

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func description(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// elsewhere are described here and served by package access.
var elsewhere = []string{"GET /api/v1/session", "POST /api/v1/session", "DELETE /api/v1/session"}

func TestDescriptionAndRoutesAreTheSame(t *testing.T) {
	described := map[string]bool{}
	for path, item := range description(t).Paths.Map() {
		for method, op := range item.Operations() {
			described[method+" "+path] = true
			if op.Summary == "" {
				t.Errorf("%s %s has no summary", method, path)
			}
		}
	}
	for _, pattern := range elsewhere {
		if !described[pattern] {
			t.Errorf("%s is not described", pattern)
		}
		delete(described, pattern)
	}
	for pattern := range New(Options{}).Routes() {
		if !described[pattern] {
			t.Errorf("%s is not described", pattern)
		}
		delete(described, pattern)
	}
	for pattern := range described {
		t.Errorf("%s is described and not served", pattern)
	}
}

func TestEveryProblemIsDescribed(t *testing.T) {
	for path, item := range description(t).Paths.Map() {
		for method, op := range item.Operations() {
			d := op.Responses.Default()
			if d == nil || d.Value == nil || d.Value.Content["application/problem+json"] == nil {
				t.Errorf("%s %s: no problem+json", method, path)
			}
			if strings.Contains(path, "{id}") && len(item.Parameters)+len(op.Parameters) == 0 {
				t.Errorf("%s %s: the id is not described", method, path)
			}
		}
	}
}
