package build

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// namespace marks paths inside the fs.FS for esbuild.
const namespace = "embedded"

// vendored says where a package's module lies. A package that is not listed cannot be imported.
func vendored() map[string]string {
	return map[string]string{
		"preact":               "third_party/preact/preact.mjs",
		"preact/hooks":         "third_party/preact/hooks.mjs",
		"preact/jsx-runtime":   "third_party/preact/jsxRuntime.mjs",
		"@preact/signals":      "third_party/signals/signals.mjs",
		"@preact/signals-core": "third_party/signals-core/signals-core.mjs",
		"uqr":                  "third_party/uqr/uqr.mjs",
	}
}

// asText is the suffix that imports a style sheet or picture as a string: import css from "./x.css?text".
const asText = "?text"

// late marks parts of a page that are loaded when they are needed: x.late.tsx. They borrow Preact from the page
// that loads them, by way of lent.ts. Of the modules in own, which are small, each that imports them gets a copy: so
// each part is one file, and the page stays one file as well.
const (
	late = ".late.tsx"
	own  = "src/widget/own/"
	lent = own + "lent.ts"
)

// constants holds nothing but those, which the build puts where they are used: whoever imports it need not load it.
const constants = "src/shared/protocol.ts"

// fromFS lets esbuild read from src and from nowhere else.
func fromFS(src fs.FS) api.Plugin {
	modules := vendored()
	return api.Plugin{Name: "embedded", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			p, err := resolve(src, modules, a)
			r := api.OnResolveResult{Path: p, Namespace: namespace}
			if p == constants {
				r.SideEffects = api.SideEffectsFalse
			}
			return r, err
		})
		b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: namespace}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			return load(src, a.Path)
		})
	}}
}

func resolve(src fs.FS, modules map[string]string, a api.OnResolveArgs) (string, error) {
	if strings.HasSuffix(a.Importer, late) && a.Path == "preact/jsx-runtime" {
		return lent + "?" + a.Importer, nil
	}
	if p, ok := modules[a.Path]; ok {
		return p, nil
	}
	name, text := strings.CutSuffix(a.Path, asText)
	switch {
	case a.Kind == api.ResolveEntryPoint:
	case strings.HasPrefix(name, "."):
		name = path.Join(path.Dir(a.Importer), name)
	default:
		return "", fmt.Errorf("%q is not vendored in third_party", a.Path)
	}
	for _, ext := range []string{"", ".ts", ".tsx"} {
		if st, err := fs.Stat(src, name+ext); err == nil && !st.IsDir() {
			if text {
				return name + ext + asText, nil
			}
			if strings.HasPrefix(name, own) {
				return name + ext + "?" + a.Importer, nil
			}
			return name + ext, nil
		}
	}
	return "", fmt.Errorf("%q does not exist", a.Path)
}

func load(src fs.FS, name string) (api.OnLoadResult, error) {
	if strings.HasPrefix(name, own) {
		name, _, _ = strings.Cut(name, "?")
	}
	name, text := strings.CutSuffix(name, asText)
	raw, err := fs.ReadFile(src, name)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	contents := string(raw)
	if text {
		if path.Ext(name) == ".css" {
			if contents, err = minifyCSS(contents); err != nil {
				return api.OnLoadResult{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		return api.OnLoadResult{Contents: &contents, Loader: api.LoaderText}, nil
	}
	loader, ok := map[string]api.Loader{
		".ts": api.LoaderTS, ".tsx": api.LoaderTSX, ".mjs": api.LoaderJS, ".js": api.LoaderJS,
		".css": api.LoaderCSS, ".json": api.LoaderJSON, ".svg": api.LoaderFile, ".woff2": api.LoaderFile,
		".png": api.LoaderFile, ".mp3": api.LoaderFile,
	}[path.Ext(name)]
	if !ok {
		return api.OnLoadResult{}, fmt.Errorf("%s: no loader for this kind of file", name)
	}
	return api.OnLoadResult{Contents: &contents, Loader: loader}, nil
}

func minifyCSS(text string) (string, error) {
	out := api.Transform(text, api.TransformOptions{
		Loader: api.LoaderCSS, MinifyWhitespace: true, MinifySyntax: true, LogLevel: api.LogLevelSilent,
	})
	return strings.TrimSpace(string(out.Code)), problems(out.Errors)
}
