package build

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/bits"
	"path"
	"strings"
	"sync/atomic"

	"github.com/andybalholm/brotli"
)

// File is one file with its packed forms.
type File struct {
	Name        string
	ContentType string
	Plain       []byte

	br, gz atomic.Pointer[[]byte] // nil until packed, or when packing does not pay
}

func newFile(name string, body []byte) *File {
	return &File{Name: name, ContentType: contentType(name), Plain: body}
}

// NewFile makes a file that is not part of a bundle, packed at once: for the small pages that name the bundle's.
func NewFile(name string, body []byte) (*File, error) {
	f := newFile(name, body)
	return f, f.pack()
}

// Brotli and Gzip return the packed form, or nil when there is none (yet).
func (f *File) Brotli() []byte { return deref(f.br.Load()) }
func (f *File) Gzip() []byte   { return deref(f.gz.Load()) }

func deref(p *[]byte) []byte {
	if p == nil {
		return nil
	}
	return *p
}

// Compress packs all files, the loader first, until done or ctx ends. It takes about a second of one core;
// until then the plain forms are served.
func (b *Bundle) Compress(ctx context.Context) error {
	if b.loader != nil {
		if err := b.loader.pack(); err != nil {
			return err
		}
	}
	for _, name := range b.Names() {
		if ctx.Err() != nil {
			return nil
		}
		if err := b.files[name].pack(); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) pack() error {
	if !strings.HasPrefix(f.ContentType, "text/") && f.ContentType != "image/svg+xml" {
		return nil // fonts and pictures are packed already
	}
	var br, gz bytes.Buffer
	w := brotli.NewWriterOptions(&br, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: window(len(f.Plain))})
	if _, err := w.Write(f.Plain); err != nil {
		return fmt.Errorf("pack %s: %w", f.Name, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack %s: %w", f.Name, err)
	}
	z, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(f.Plain); err != nil {
		return fmt.Errorf("pack %s: %w", f.Name, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("pack %s: %w", f.Name, err)
	}
	keep(&f.br, br.Bytes(), len(f.Plain))
	keep(&f.gz, gz.Bytes(), len(f.Plain))
	return nil
}

// window is the logarithm of a window that holds n bytes. A larger one packs no better, and the default takes
// 36 MB while it is in use.
func window(n int) int { return min(max(bits.Len(uint(n+16)), 10), 24) }

func keep(p *atomic.Pointer[[]byte], packed []byte, plain int) {
	if len(packed) < plain {
		p.Store(&packed)
	}
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".png":
		return "image/png"
	}
	return "application/octet-stream"
}
