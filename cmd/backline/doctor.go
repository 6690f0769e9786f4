package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/skip2/go-qrcode"

	"backline/gateway/control"
	"backline/gateway/pathcheck"
)

// errPaths: the check was made, and not every way works.
var errPaths = errors.New("not every way works: see docs/networks.md for what each needs in the firewall")

func (m *Main) doctor(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "redis" {
		return m.doctorRedis(ctx, args[1:])
	}
	if len(args) == 0 || args[0] != "rtc" {
		return usagef("want: doctor rtc or doctor redis")
	}
	fs := flag.NewFlagSet("doctor rtc", flag.ContinueOnError)
	var at place
	at.flags(fs)
	asJSON := fs.Bool("json", false, "print one JSON object a line")
	offline := fs.Bool("local", false, "look at this machine only: no link, no phone")
	if err := m.parse(fs, args[1:]); err != nil {
		return err
	}
	folder, err := at.folder(m.Environ)
	if err != nil {
		return err
	}
	client, err := control.Dial(folder)
	if err != nil {
		return fmt.Errorf("%w: the check needs the running gateway (start it with backline serve)", err)
	}
	p := &printer{Main: m, json: *asJSON}
	var found []finding
	if err := call(ctx, client, http.MethodGet, "/doctor/rtc", nil, &found); err != nil {
		return err
	}
	healthy := p.findings(found)
	if *offline {
		return judged(healthy)
	}
	proved, err := m.prove(ctx, client, p)
	if err != nil {
		return err
	}
	return judged(healthy && proved)
}

func judged(ok bool) error {
	if !ok {
		return errPaths
	}
	return nil
}

// checkLink is a link for a phone.
type checkLink struct {
	Token   string    `json:"token"`
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// prove waits until a phone has tried each way, and reports whether all work.
func (m *Main) prove(ctx context.Context, client *http.Client, p *printer) (bool, error) {
	var l checkLink
	if err := call(ctx, client, http.MethodPost, "/doctor/rtc", struct{}{}, &l); err != nil {
		return false, err
	}
	if err := p.link(l); err != nil {
		return false, err
	}
	all := true
	for n, started := 0, false; ; {
		var s pathcheck.State
		if err := call(ctx, client, http.MethodGet, fmt.Sprintf("/doctor/rtc/%s?after=%d", l.Token, n), nil, &s); err != nil {
			return false, err
		}
		if s.Started && !started {
			started = true
			p.say("A device has opened the link and tries each way:")
		}
		for _, r := range s.Results[min(n, len(s.Results)):] {
			p.result(r)
			all = all && r.OK
		}
		n = max(n, len(s.Results))
		switch {
		case s.Over:
			return false, fmt.Errorf("nobody finished the check within %s; run it again for a new link", pathcheck.Lifetime)
		case s.Done:
			return all, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
	}
}

// printer writes for people, or for scripts.
type printer struct {
	*Main
	json bool
}

func (p *printer) say(format string, args ...any) {
	if !p.json {
		fmt.Fprintf(p.Stdout, format+"\n", args...)
	}
}

func (p *printer) emit(v any) {
	if err := json.NewEncoder(p.Stdout).Encode(v); err != nil {
		fmt.Fprintln(p.Stderr, err)
	}
}

// findings prints what this machine says of itself, and reports whether nothing is wrong.
func (p *printer) findings(all []finding) bool {
	healthy := true
	for _, f := range all {
		healthy = healthy && f.OK
		switch {
		case p.json:
			p.emit(f)
		case f.OK:
			p.say("  ok   %-12s %s", f.What, f.Detail)
		default:
			p.say("  BAD  %-12s %s\n       %-12s %s", f.What, f.Detail, "", f.Fix)
		}
	}
	return healthy
}

func (p *printer) link(l checkLink) error {
	if p.json {
		p.emit(l)
		return nil
	}
	code, err := qrcode.New(l.URL, qrcode.Low)
	if err != nil {
		return fmt.Errorf("draw the code: %w", err)
	}
	p.say("\nOpen this with a phone, once with Wi-Fi off (good once, until %s):\n  %s\n\n%s", l.Expires.Local().Format("15:04"), l.URL, code.ToSmallString(false))
	return nil
}

func (p *printer) result(r pathcheck.Result) {
	switch {
	case p.json:
		p.emit(r)
	case r.OK:
		p.say("  ok   %-12s %d ms to the first sound", r.Path, r.MS)
	default:
		p.say("  BAD  %-12s %s\n       %-12s %s", r.Path, r.Detail, "", advice[r.Path])
	}
}

// advice is what to do about a way that does not get through.
var advice = map[pathcheck.Path]string{
	pathcheck.UDP:     "open UDP to the port of rtc.media, and see that rtc.public_ips names the address outside",
	pathcheck.TCP:     "open TCP to the port of rtc.media",
	pathcheck.TurnUDP: "open UDP to the port of rtc.turn, and see that rtc.turn_host leads here",
	pathcheck.TurnTCP: "open TCP to the port of rtc.turn, and see that rtc.turn_host leads here",
	pathcheck.TurnTLS: "see that rtc.turn_host leads here past any proxy, and that the certificate has that name",
}
