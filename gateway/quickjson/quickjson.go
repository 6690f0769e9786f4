// Package quickjson reads JSON as encoding/json does, several times as fast, for the two places where much of
// it is read: the journal's tail and webhooks.
//
// It is go-json-experiment/json, what becomes encoding/json/v2, told to take what the first version takes:
// names that are there twice (the last one counts), invalid UTF-8 (replaced), names in another case. What it
// refuses all the same is given to encoding/json, which has the last word. The fuzz target holds both against
// each other.
//
// Unmarshal may be called from any goroutine.
package quickjson

import (
	"encoding/json"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var lenient = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), jsonv2.MatchCaseInsensitiveNames(true))

// Unmarshal is json.Unmarshal into a value that is still zero.
func Unmarshal(data []byte, v any) error {
	if jsonv2.Unmarshal(data, v, lenient) == nil {
		return nil
	}
	return json.Unmarshal(data, v)
}
