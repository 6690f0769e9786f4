package quickjson_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"backline/gateway/quickjson"
)

type inner struct {
	Name  string            `json:"name"`
	Count int               `json:"count,omitempty"`
	Size  uint8             `json:"size"`
	At    time.Time         `json:"at,omitzero"`
	Extra map[string]string `json:"extra,omitempty"`
}

type outer struct {
	ID     string            `json:"id"`
	Flag   bool              `json:"flag"`
	Ratio  float64           `json:"ratio"`
	List   []inner           `json:"list"`
	One    inner             `json:"one"`
	Maybe  *inner            `json:"maybe"`
	Raw    json.RawMessage   `json:"raw"`
	Raws   []json.RawMessage `json:"raws"`
	Number json.Number       `json:"number"`
	Plain  any
}

var seeds = []string{
	`{"id":"a","flag":true,"ratio":1.5e3,"list":[{"name":"x","count":-1,"size":255,"at":"2026-03-04T05:06:07.89Z","extra":{"k":"v"}}],"one":{},"maybe":null,"raw":{"a" : [1, 2]},"raws":[1,null,"x"],"number":12345678901234567890,"Plain":[1]}`,
	`{"ID":"other case","id":"a","id":"twice"}`, "{\"id\":\"\xff\\ud800\"}", `{"id":null,"list":null,"raw":null,"raws":[null]}`, `{"raw": null }`,
	`null`, `[]`, `{}`, `"x"`, `7`, `{"size":256}`, `{"count":1.0}`, `{"list":[1]}`, `{"id":"a"} `, `{"id":"a"}x`, ``, ` { } `, `{"one":{"name":"a"},"one":{"count":2}}`,
	`{"extra":{"a":"b"}}`, `{"at":"yesterday"}`, `{"a":{"b":{"c":[[[]]]}}}`, `{"list":[{"extra":{"a":"1","a":"2"}}]}`, `{"plain":{"a":1,"a":[]}}`,
}

func TestEqualsEncodingJSON(t *testing.T) {
	for _, s := range seeds {
		equal(t, []byte(s))
	}
}

func FuzzEqualsEncodingJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { equal(t, data) })
}

func equal(t *testing.T, data []byte) {
	t.Helper()
	same[outer](t, data)
	same[map[string]json.RawMessage](t, data)
	same[[]json.RawMessage](t, data)
	same[string](t, data)
}

func same[T any](t *testing.T, data []byte) {
	t.Helper()
	var want, got T
	wantErr, err := json.Unmarshal(data, &want), quickjson.Unmarshal(data, &got)
	if (wantErr == nil) != (err == nil) {
		t.Fatalf("%q into %T: %v, encoding/json says %v", data, got, err, wantErr)
	}
	if d := cmp.Diff(want, got); err == nil && d != "" {
		t.Fatalf("%q (-encoding/json +quickjson):\n%s", data, d)
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	data := []byte(`{"sender":{"id":"24000000000000001"},"recipient":{"id":"100000000000001"},"timestamp":1795622412939,"message":{"mid":"m_1","text":"Where is my delivery 48 211?"}}`)
	for name, unmarshal := range map[string]func([]byte, any) error{"encoding-json": json.Unmarshal, "quick": quickjson.Unmarshal} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var v map[string]json.RawMessage
				if err := unmarshal(data, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
