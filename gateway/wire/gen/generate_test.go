package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backline/gateway/wire"
)

func TestCommittedFileIsCurrent(t *testing.T) {
	got, err := os.ReadFile("../../../webclient/src/shared/protocol.ts")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), Generate()); diff != "" {
		t.Errorf("run `go run ./gateway/wire/gen > webclient/src/shared/protocol.ts` (-committed +generated):\n%s", diff)
	}
}

func TestServerFramesHaveTheNameThatMarshalWrites(t *testing.T) {
	for _, u := range unions() {
		for _, f := range u.frames {
			if !u.server {
				continue
			}
			raw, err := wire.Marshal(f.value)
			if err != nil {
				t.Fatalf("%s: %v", f.t, err)
			}
			var head struct {
				T string `json:"t"`
			}
			if err := json.Unmarshal(raw, &head); err != nil {
				t.Fatal(err)
			}
			if head.T != f.t {
				t.Errorf("%s: %T is written as %q, declared as %q", u.name, f.value, head.T, f.t)
			}
		}
	}
}
