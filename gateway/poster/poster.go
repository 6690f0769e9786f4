// Package poster makes the page that is printed and hung up when the phones are dead: how to reach the company
// now, in German and English on one sheet of A4, with QR codes for those who stand before it with a phone in
// their hand.
//
// It needs no script and no picture, and carries its style in itself, so that it can be saved and printed
// elsewhere. Handler asks for a [Sheet] at each request; it holds no state and may be called by any goroutine.
package poster

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"
)

// Sheet is what stands on the page. German and English name the two forms of a text.
type Sheet struct {
	Company string
	Main    string // language of the large texts, "de" or "en"; the other one stands below, smaller
	On      bool   // there is an emergency: Notice is shown
	Notice  map[string]string
	Talk    []Door   // where one can call from a browser
	Sites   []string // addresses of websites with the chat
	Numbers []string // for text messages, as people write them
	Pages   []string // ids of Facebook pages
	At      time.Time
}

// Door is one address with the name of who is behind it.
type Door struct{ Name, URL string }

//go:embed poster.html
var page string

//go:embed poster.css
var style string

// words of one language. No word is a translation of the other's: each says it as its readers do.
type words struct {
	Lang, Title, Talk, TalkHow, Chat, ChatHow, At, Hint, Other, Off, TimeForm string
}

var german = words{Lang: "de", Title: "So erreichen Sie uns jetzt", Talk: "Sprechen", TalkHow: "Code scannen und im Browser anrufen – ohne App, ohne Telefonnetz.",
	Chat: "Schreiben", ChatHow: "Website öffnen, der Chat ist unten rechts.",
	At: "Stand", Hint: "Drucken mit Strg+P oder ⌘P, Papier A4.", Other: "English first",
	Off: "Der Notfall-Schalter ist aus: Das Blatt sagt nichts von gestörten Telefonen.", TimeForm: "02.01.2006, 15:04 MST"}

var english = words{Lang: "en", Title: "How to reach us now", Talk: "Talk", TalkHow: "Scan the code and call from your browser: no app, no phone line.",
	Chat: "Write", ChatHow: "Open the website; the chat is in the lower right corner.",
	At: "As of", Hint: "Print with Ctrl+P or ⌘P on A4 paper.", Other: "Deutsch zuerst",
	Off: "The emergency switch is off: the sheet says nothing about broken phones.", TimeForm: "2 January 2006, 15:04 MST"}

// view is a sheet in the order in which it is read.
type view struct {
	Sheet
	A, B  words // large and small
	Style template.CSS
}

// Notices are the texts of both languages, the large one first.
func (v view) Notices() [2]string { return [2]string{v.Notice[v.A.Lang], v.Notice[v.B.Lang]} }

// Time is when the sheet was made, as the large language writes it.
func (v view) Time() string { return v.At.Format(v.A.TimeForm) }

// Handler shows a sheet as it is at the request; its error goes to fail. ?language=de or en chooses
// the large texts.
func Handler(sheet func(ctx context.Context) (Sheet, error), fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	t := template.Must(template.New("poster").Funcs(template.FuncMap{"qr": code, "plain": plain}).Parse(page))
	sum := sha256.Sum256([]byte(style))
	policy := fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; frame-ancestors 'none'; base-uri 'none'", base64.StdEncoding.EncodeToString(sum[:]))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := sheet(r.Context())
		if err != nil {
			fail(w, r, err)
			return
		}
		if l := r.URL.Query().Get("language"); l == "de" || l == "en" {
			s.Main = l
		}
		v := view{Sheet: s, A: english, B: german, Style: template.CSS(style)}
		if s.Main == "de" {
			v.A, v.B = german, english
		}
		var out bytes.Buffer
		if err := t.Execute(&out, v); err != nil {
			fail(w, r, err)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(out.Bytes()) // the reader may have gone
	})
}

// plain is an address as people type it.
func plain(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	return strings.TrimSuffix(rest, "/")
}

const quiet = 4 // modules of white around a code, as ISO/IEC 18004 wants

// code draws an address as a QR code: one path, a rectangle for each run of black in a row. Level M stands a
// crease or a drop of rain.
func code(address string) (template.HTML, error) {
	q, err := qrcode.New(address, qrcode.Medium)
	if err != nil {
		return "", fmt.Errorf("draw the code of an address: %w", err)
	}
	q.DisableBorder = true
	rows := q.Bitmap()
	var path strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			} else {
				x++
			}
		}
	}
	side := len(rows) + 2*quiet
	return template.HTML(fmt.Sprintf(`<svg viewBox="%d %d %d %d" role="img" aria-label="QR: %s" shape-rendering="crispEdges"><path d="%s"/></svg>`,
		-quiet, -quiet, side, side, template.HTMLEscapeString(plain(address)), path.String())), nil
}
