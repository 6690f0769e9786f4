package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"backline/gateway/mailing"
)

// bar shows how far a mailing is: a bar on a terminal, else a line now and then.
type bar struct {
	out      io.Writer
	terminal bool
	shown    time.Time
	open     bool // a line without its end stands on the terminal
}

// plainEvery is how often a line is written where nobody watches a bar.
const plainEvery = 10 * time.Second

func newBar(out io.Writer) *bar {
	f, ok := out.(*os.File)
	return &bar{out: out, terminal: ok && isatty.IsTerminal(f.Fd()), shown: time.Now()}
}

func (b *bar) show(p mailing.Progress) {
	if !b.terminal {
		if time.Since(b.shown) >= plainEvery {
			b.shown = time.Now()
			fmt.Fprintln(b.out, barText(p))
		}
		return
	}
	const width = 30
	full := width
	if p.Total > 0 {
		full = width * p.Done() / p.Total
	}
	fmt.Fprintf(b.out, "\r\x1b[K[%s%s] %s", strings.Repeat("#", full), strings.Repeat(".", width-full), barText(p))
	b.open = true
}

// barText is what both forms say: "1200 of 10000, 3 refused, 19.8/s, 7m24s to go".
func barText(p mailing.Progress) string {
	s := fmt.Sprintf("%d of %d", p.Done(), p.Total)
	if p.Failed > 0 {
		s += fmt.Sprintf(", %d refused", p.Failed)
	}
	if now := p.Sent + p.Failed; now > 0 && p.Took > 0 {
		perSecond := float64(now) / p.Took.Seconds()
		s += fmt.Sprintf(", %.1f/s", perSecond)
		if rest := p.Total - p.Done(); rest > 0 {
			s += fmt.Sprintf(", %v to go", time.Duration(float64(rest)/perSecond*float64(time.Second)).Round(time.Second))
		}
	}
	return s
}

func (b *bar) end() {
	if b.open {
		fmt.Fprintln(b.out)
	}
}
