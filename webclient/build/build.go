// Package build turns the sources of the web client into the files that browsers load. esbuild runs inside
// the process, so neither Node nor a generated file is needed.
//
// Each page has one entry: widget (src/widget/main.tsx), talk (src/talk/main.tsx), meet (src/meet/main.tsx), console
// (src/console/main.tsx) and check (src/check/main.ts), bundled apart so that none pays for another. The loader (src/loader/loader.ts) comes last, because it knows the
// widget's hashed name. Names contain a hash of the content, so all files but the loader are immutable.
//
// Guarantees: two builds of the same sources are byte-equal; only files of the given fs.FS are read.
// Concurrency: a Bundle may be read by any goroutine while Compress runs.
package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Bundle is everything a browser may ask for.
type Bundle struct {
	files   map[string]*File
	entries map[string]Entry
	inputs  map[string][]string
	loader  *File
}

// Entry is one page: its script and, if it imports styles, its style sheet, by name in the bundle.
type Entry struct {
	Script string
	Style  string
}

// entry is where a page begins.
type entry struct{ name, source string }

func entries() []entry {
	return []entry{{"widget", "src/widget/main.tsx"}, {"talk", "src/talk/main.tsx"},
		{"meet", "src/meet/main.tsx"}, {"console", "src/console/main.tsx"}, {"check", "src/check/main.ts"}}
}

const loaderSource = "src/loader/loader.ts"

// Prefix is the path under which the hashed files are served.
const Prefix = "/w/"

// Build bundles src, which holds src/ and third_party/. An entry whose source does not exist is left out.
func Build(src fs.FS) (*Bundle, error) {
	b := &Bundle{files: map[string]*File{}, entries: map[string]Entry{}, inputs: map[string][]string{}}
	for _, e := range entries() {
		if _, err := fs.Stat(src, e.source); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := b.add(src, e); err != nil {
			return nil, fmt.Errorf("bundle %s: %w", e.name, err)
		}
	}
	if _, err := fs.Stat(src, loaderSource); errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err := b.addLoader(src); err != nil {
		return nil, fmt.Errorf("bundle loader: %w", err)
	}
	return b, nil
}

func options(src fs.FS) api.BuildOptions {
	return api.BuildOptions{
		Bundle:            true,
		Outdir:            "/out",
		AbsWorkingDir:     "/",
		EntryNames:        "[name]-[hash]",
		ChunkNames:        "c-[hash]",
		AssetNames:        "[name]-[hash]",
		PublicPath:        Prefix,
		Format:            api.FormatESModule,
		Platform:          api.PlatformBrowser,
		Target:            api.ES2022,
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		TsconfigRaw:       "{}",
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LegalComments:     api.LegalCommentsNone,
		Charset:           api.CharsetUTF8,
		Metafile:          true,
		Plugins:           []api.Plugin{fromFS(src)},
		LogLevel:          api.LogLevelSilent,
	}
}

func (b *Bundle) add(src fs.FS, e entry) error {
	o := options(src)
	o.Splitting = true
	o.EntryPointsAdvanced = []api.EntryPoint{{InputPath: e.source, OutputPath: e.name}}
	out := api.Build(o)
	if err := problems(out.Errors); err != nil {
		return err
	}
	meta, err := readMeta(out.Metafile)
	if err != nil {
		return err
	}
	b.inputs[e.name] = meta.sources()
	for _, f := range out.OutputFiles {
		name := path.Base(f.Path)
		b.files[name] = newFile(name, f.Contents)
		if strings.HasPrefix(name, e.name+"-") {
			page := b.entries[e.name]
			switch path.Ext(name) {
			case ".js":
				page.Script = name
			case ".css":
				page.Style = name
			}
			b.entries[e.name] = page
		}
	}
	return nil
}

// addLoader builds the one file with a fixed name. It is a classic script.
func (b *Bundle) addLoader(src fs.FS) error {
	o := options(src)
	o.Format = api.FormatIIFE
	o.EntryNames = "[name]"
	o.EntryPointsAdvanced = []api.EntryPoint{{InputPath: loaderSource, OutputPath: "loader"}}
	o.Define = map[string]string{"WIDGET": strconv.Quote(Prefix + b.entries["widget"].Script)}
	out := api.Build(o)
	if err := problems(out.Errors); err != nil {
		return err
	}
	meta, err := readMeta(out.Metafile)
	if err != nil {
		return err
	}
	b.inputs["loader"] = meta.sources()
	b.loader = newFile("loader.js", out.OutputFiles[0].Contents)
	return nil
}

// Loader is the script that websites embed, or nil when this build has none.
func (b *Bundle) Loader() *File { return b.loader }

// Entry returns the page's files; ok is false when the page is not part of this build.
func (b *Bundle) Entry(name string) (e Entry, ok bool) {
	e, ok = b.entries[name]
	return e, ok
}

// File returns the file of that hashed name, or nil.
func (b *Bundle) File(name string) *File { return b.files[name] }

// Names lists the hashed files in order.
func (b *Bundle) Names() []string {
	names := make([]string, 0, len(b.files))
	for n := range b.files {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Inputs lists the sources that went into a page ("loader", "widget", "talk", "meet", "console", "check").
func (b *Bundle) Inputs(entry string) []string { return b.inputs[entry] }

type metafile struct {
	Inputs map[string]struct{} `json:"inputs"`
}

func readMeta(raw string) (metafile, error) {
	var m metafile
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return m, fmt.Errorf("read esbuild's metafile: %w", err)
	}
	return m, nil
}

func (m metafile) sources() []string {
	var list []string
	for name := range m.Inputs {
		_, p, _ := strings.Cut(name, ":") // "embedded:src/…"
		list = append(list, p)
	}
	sort.Strings(list)
	return list
}

func problems(messages []api.Message) error {
	var errs []error
	for _, m := range messages {
		where := ""
		if m.Location != nil {
			where = fmt.Sprintf("%s:%d: ", m.Location.File, m.Location.Line)
		}
		errs = append(errs, errors.New(where+m.Text))
	}
	return errors.Join(errs...)
}
