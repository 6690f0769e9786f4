package config

import (
	"io"
	"log/slog"

	"github.com/goccy/go-yaml"
)

// blank is what a secret prints as.
const blank = "••••"

// Secret is a value that is never printed: not by fmt, slog, JSON or YAML. string(s) is the value.
type Secret string

// String returns "••••", or "" for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return blank
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalYAML is String.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// MarshalText is String; encoding/json uses it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Show writes the configuration in effect as YAML, secrets blanked.
func (c *Config) Show(w io.Writer) error {
	data, err := yaml.MarshalWithOptions(c, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
