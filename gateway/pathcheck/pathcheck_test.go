package pathcheck_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backline/gateway"
	"backline/gateway/media"
	"backline/gateway/pathcheck"
	"backline/gateway/wire"
)

// lines is media: what the test says is connected.
type lines struct {
	mu    sync.Mutex
	stats map[string][]media.Stats
	ended []string
}

func (l *lines) Offer(_ context.Context, k media.LegKey, sdp string, _ bool) (string, error) {
	return "answer to " + sdp, nil
}
func (l *lines) Hear(string, media.Table) {}
func (l *lines) End(call string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, call)
}
func (l *lines) Stats(call string) []media.Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats[call]
}

// connects says that a path's line is up, and by which way.
func (l *lines) connects(token string, p pathcheck.Path, by string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats["check-"+token+"-"+string(p)] = []media.Stats{{State: media.Connected, Path: by, Out: media.Flow{Packets: 3}}}
}

// ends are the lines that were ended.
func (l *lines) ends() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ended)
}

type room struct {
	*pathcheck.Checks
	t     *testing.T
	lines *lines
	over  []string
}

func newRoom(t *testing.T) *room {
	r := &room{t: t, lines: &lines{stats: map[string][]media.Stats{}}}
	r.Checks = pathcheck.New(pathcheck.Options{Media: r.lines, Paths: []pathcheck.Path{pathcheck.UDP, pathcheck.TurnTLS},
		Relays: func(call gateway.CallID, side string) []wire.ICEServer {
			return []wire.ICEServer{{Username: string(call) + ":" + side}}
		}, End: func(call string) {
			r.lines.mu.Lock()
			defer r.lines.mu.Unlock()
			r.over = append(r.over, call)
		}})
	return r
}

func (r *room) is(err error, kind gateway.Kind, what string) {
	r.t.Helper()
	e, ok := errors.AsType[*gateway.Error](err)
	if !ok || e.Kind != kind {
		r.t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func (r *room) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestALinkIsGoodOnceAndProvesEachWay(t *testing.T) {
	r := newRoom(t)
	token, _, err := r.Make()
	r.must(err)
	s, err := r.Start(token)
	r.must(err)
	if len(s.ICE) != 1 || s.ICE[0].Username != "check-"+token+":check" || !slices.Equal(s.Paths, []pathcheck.Path{pathcheck.UDP, pathcheck.TurnTLS}) {
		t.Errorf("the page gets %+v", s)
	}
	_, err = r.Start(token)
	r.is(err, gateway.Conflicting, "the link a second time")
	answer, err := r.Offer(t.Context(), token, s.Key, pathcheck.UDP, "offer")
	r.must(err)
	if answer != "answer to offer" {
		t.Errorf("answer %q", answer)
	}
	_, err = r.Offer(t.Context(), token, s.Key, pathcheck.UDP, "again")
	r.is(err, gateway.Conflicting, "the same way again")
	_, err = r.Offer(t.Context(), token, s.Key, pathcheck.TCP, "x")
	r.is(err, gateway.Invalid, "a way that is not there")
	_, err = r.Offer(t.Context(), token, "guessed", pathcheck.TurnTLS, "x")
	r.is(err, gateway.NotFound, "a guessed key")
	r.lines.connects(token, pathcheck.UDP, "udp")
	r.must(r.Report(token, s.Key, pathcheck.Result{Path: pathcheck.UDP, OK: true, MS: 120}))
	r.lines.connects(token, pathcheck.TurnTLS, "udp") // it came another way
	r.must(r.Report(token, s.Key, pathcheck.Result{Path: pathcheck.TurnTLS, OK: true, MS: 90}))
	got := r.Wait(t.Context(), token, 0)
	if !got.Done || len(got.Results) != 2 || !got.Results[0].OK || got.Results[1].OK || got.Results[1].Detail == "" {
		t.Errorf("state %+v, want UDP proved and the relay not believed", got)
	}
	r.is(r.Report(token, s.Key, pathcheck.Result{Path: pathcheck.UDP}), gateway.NotFound, "a report after the end")
}

func TestWhatIsLeftOpenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		token, _, err := r.Make()
		r.must(err)
		s, err := r.Start(token)
		r.must(err)
		_, err = r.Offer(ctx, token, s.Key, pathcheck.UDP, "offer")
		r.must(err)
		time.Sleep(pathcheck.LineTime + 2*time.Second)
		synctest.Wait()
		if want := []string{"check-" + token + "-udp"}; !slices.Equal(r.lines.ends(), want) {
			t.Errorf("ended %v, want %v", r.lines.ends(), want)
		}
		time.Sleep(pathcheck.Lifetime)
		synctest.Wait()
		got := r.Wait(ctx, token, 0)
		r.lines.mu.Lock()
		over := len(r.over)
		r.lines.mu.Unlock()
		if !got.Over || over != 1 {
			t.Errorf("state %+v, relays ended %d times; want it over", got, over)
		}
		for range pathcheck.MaxChecks {
			_, _, err := r.Make()
			r.must(err)
		}
		_, _, err = r.Make()
		r.is(err, gateway.TooMany, "one check too many")
		cancel()
		r.must(<-done)
	})
}
