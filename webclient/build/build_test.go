package build

import (
	"bytes"
	"testing"
	"testing/fstest"
)

func sample() fstest.MapFS {
	return fstest.MapFS{
		"src/loader/loader.ts":          {Data: []byte(`declare const WIDGET: string; console.log(WIDGET)`)},
		"src/widget/main.tsx":           {Data: []byte(`import css from "./w.css?text"; import("./late"); console.log(css)`)},
		"src/widget/late.ts":            {Data: []byte(`export const late: number = 1`)},
		"src/widget/w.css":              {Data: []byte("a { color : red }\n")},
		"src/console/main.tsx":          {Data: []byte(`import "./c.css"; import { h } from "preact"; console.log(h)`)},
		"src/console/c.css":             {Data: []byte("b { color : red }\n")},
		"third_party/preact/preact.mjs": {Data: []byte(`export const h = 1`)},
	}
}

func TestTwoBuildsAreByteEqual(t *testing.T) {
	a, err := Build(sample())
	if err != nil {
		t.Fatal(err)
	}
	b, err := Build(sample())
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Names()) < 4 || len(a.Names()) != len(b.Names()) {
		t.Fatalf("names %v and %v", a.Names(), b.Names())
	}
	for _, n := range a.Names() {
		if other := b.File(n); other == nil || !bytes.Equal(a.File(n).Plain, other.Plain) {
			t.Errorf("%s differs", n)
		}
	}
	w, _ := a.Entry("widget")
	if !bytes.Contains(a.Loader().Plain, []byte(Prefix+w.Script)) {
		t.Errorf("the loader does not name %s: %s", w.Script, a.Loader().Plain)
	}
	if c, _ := a.Entry("console"); c.Script == "" || c.Style == "" {
		t.Errorf("console entry %+v", c)
	}
}

func TestUnvendoredImportIsRefused(t *testing.T) {
	src := sample()
	src["src/console/main.tsx"] = &fstest.MapFile{Data: []byte(`import "left-pad"`)}
	if _, err := Build(src); err == nil {
		t.Error("built with a package that is not vendored")
	}
}
