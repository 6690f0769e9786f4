// Command bundle makes the unit tests of the web client runnable: each src/**/*.test.ts becomes one module in
// the folder given as its argument. Packages come from third_party, as in the real build.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bundle FOLDER (in webclient/)")
		os.Exit(2)
	}
	if err := bundle(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func bundle(folder string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	var tests []string
	err = filepath.WalkDir("src", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".test.ts") {
			tests = append(tests, path)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look for tests: %w", err)
	}
	vendored := func(name string) string { return filepath.Join(root, "third_party", name) }
	out := api.Build(api.BuildOptions{
		EntryPoints:     tests,
		AbsWorkingDir:   root,
		Outdir:          folder,
		Outbase:         "src",
		OutExtension:    map[string]string{".js": ".mjs"},
		Bundle:          true,
		Write:           true,
		Platform:        api.PlatformNode,
		Format:          api.FormatESModule,
		Target:          api.ES2022,
		JSX:             api.JSXAutomatic,
		JSXImportSource: "preact",
		TsconfigRaw:     "{}",
		Sourcemap:       api.SourceMapInline,
		Loader:          map[string]api.Loader{".css": api.LoaderEmpty, ".woff2": api.LoaderEmpty},
		Alias: map[string]string{
			"preact":               vendored("preact/preact.mjs"),
			"preact/hooks":         vendored("preact/hooks.mjs"),
			"preact/jsx-runtime":   vendored("preact/jsxRuntime.mjs"),
			"@preact/signals":      vendored("signals/signals.mjs"),
			"@preact/signals-core": vendored("signals-core/signals-core.mjs"),
			"uqr":                  vendored("uqr/uqr.mjs"),
		},
		LogLevel: api.LogLevelWarning,
	})
	if len(out.Errors) > 0 {
		return errors.New("the tests do not bundle")
	}
	return nil
}
