// Package webclient holds the sources of the web pages and bundles them when the gateway starts. Package
// build does the bundling, package serve hands the result to browsers.
package webclient

import (
	"embed"

	"backline/webclient/build"
)

//go:embed src third_party
var sources embed.FS

// Assets bundles the embedded sources. It takes some tens of milliseconds.
func Assets() (*build.Bundle, error) { return build.Build(sources) }
