package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Mistake is one thing wrong with a configuration. Line and Column start at 1; for a value from the
// environment Source names the variable and they count inside its value.
type Mistake struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Source string `json:"source,omitempty"`
	Key    string `json:"key,omitempty"` // "queues[0].ring"
	Msg    string `json:"message"`       // never holds a secret
}

func (m Mistake) String() string {
	where := fmt.Sprintf("%d:%d", m.Line, m.Column)
	if m.Source != "" {
		where = m.Source
	}
	if m.Key == "" {
		return where + ": " + m.Msg
	}
	return where + ": " + m.Key + ": " + m.Msg
}

// Error is a configuration that cannot be used.
type Error struct {
	Path     string
	Mistakes []Mistake
}

func (e *Error) Error() string {
	var b strings.Builder
	for i, m := range e.Mistakes {
		if i > 0 {
			b.WriteByte('\n')
		}
		if m.Source == "" {
			b.WriteString(e.Path + ":")
		}
		b.WriteString(m.String())
	}
	return b.String()
}

// Check returns what is wrong with a configuration file, in the order of its lines. It reads no other file
// and no environment: a secret given by file counts as there.
func Check(data []byte) []Mistake {
	d, c := newDecoder(), Default()
	d.file(data, c)
	for key := range d.files {
		if v, ok := lookup(reflect.ValueOf(c).Elem(), key); ok {
			v.SetString(blank)
		}
	}
	d.finish(c)
	return d.mistakes
}

// Load reads the file at path (no file when empty), then environ ("KEY=value", as os.Environ has it), then
// the files of secrets. The error is an *Error when the contents are to blame.
func Load(path string, environ []string) (*Config, error) {
	d, c := newDecoder(), Default()
	base := "."
	if path != "" {
		data, err := readFile(path, MaxBytes)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		base = filepath.Dir(path)
		d.file(data, c)
	} else {
		c.Version = 1
	}
	d.environment(environ, c)
	d.secrets(c, base)
	d.finish(c)
	if len(d.mistakes) > 0 {
		return nil, &Error{Path: path, Mistakes: d.mistakes}
	}
	for _, path := range []*string{&c.Data, &c.TLS.Certificate, &c.TLS.PrivateKey} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(base, *path)
		}
	}
	for language, path := range c.Calls.Recording.Notice {
		if !filepath.IsAbs(path) {
			c.Calls.Recording.Notice[language] = filepath.Join(base, path)
		}
	}
	return c, nil
}

func (d *decoder) file(data []byte, c *Config) {
	if len(data) > MaxBytes {
		d.add(place{1, 1, ""}, "", "larger than %d bytes", MaxBytes)
		return
	}
	root := d.parse(data)
	d.read(root, reflect.ValueOf(c).Elem(), "")
}

func (d *decoder) finish(c *Config) {
	c.complete()
	if !d.unread { // what could not be read is not missing
		(&checker{decoder: d, c: c}).all()
	}
	slices.SortStableFunc(d.mistakes, func(a, b Mistake) int {
		if a.Source != b.Source {
			return strings.Compare(a.Source, b.Source)
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// secrets reads the files of secrets.
func (d *decoder) secrets(c *Config, base string) {
	for key, file := range d.files {
		v, ok := lookup(reflect.ValueOf(c).Elem(), key)
		if !ok {
			continue // the list of secrets and the struct are one: cannot be
		}
		v.SetString(blank) // with an error below, "required" would be a second mistake about the same thing
		if !filepath.IsAbs(file) {
			file = filepath.Join(base, file)
		}
		data, err := readFile(file, 64<<10)
		if err != nil {
			d.addAt(key+"_file", "%v", err)
			continue
		}
		value := strings.TrimRight(string(data), "\r\n")
		if value == "" {
			d.addAt(key+"_file", "the file is empty")
			continue
		}
		v.SetString(value)
	}
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing to lose
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return data, err
}
