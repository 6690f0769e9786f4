package media

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backline/gateway"
)

// offers are recorded from browsers.
func offers(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/offers/*.sdp")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded offers: %v", err)
	}
	all := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		// Version control may have changed the line ends, which are CRLF (RFC 8866).
		all[filepath.Base(f)] = strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
	}
	return all
}

func TestOffersOfBrowsersAreTaken(t *testing.T) {
	e := loopback(t)
	for name, offer := range offers(t) {
		answer, err := e.Offer(t.Context(), LegKey{name, Customer}, offer, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Count(answer, "m=") != strings.Count(offer, "m=") {
			t.Errorf("%s: the answer has not as many lines as the offer:\n%s", name, answer)
		}
		e.End(name)
	}
}

func TestBadOffersAreRefusedBeforePionSeesThem(t *testing.T) {
	good := offers(t)["chromium.sdp"]
	audio := good[strings.Index(good, "m="):]
	candidate := "a=candidate:1 1 udp 2122260223 192.0.2.9 50000 typ host\r\n"
	for name, bad := range map[string]string{
		"nothing":             "",
		"no SDP":              "hello",
		"too long":            good + strings.Repeat("a=x:"+strings.Repeat("y", 100)+"\r\n", 200),
		"no audio":            good[:strings.Index(good, "m=")],
		"two that talk":       good + audio,
		"none that talks":     strings.ReplaceAll(good, "a=sendrecv", "a=recvonly"),
		"nine lines":          good + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", MaxMediaLines),
		"a data channel":      good + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
		"no Opus":             strings.ReplaceAll(good, "opus/48000/2", "PCMU/8000"),
		"too many candidates": good + strings.Repeat(candidate, MaxCandidates+1),
	} {
		err := CheckOffer(bad)
		if e, ok := errors.AsType[*gateway.Error](err); !ok || e.Kind != gateway.Invalid || e.Err != nil {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	if err := CheckOffer(good + strings.Repeat(candidate, MaxCandidates)); err != nil {
		t.Errorf("as many candidates as are allowed: %v", err)
	}
}

func TestNoMoreLegsThanAreAllowed(t *testing.T) {
	e := loopback(t)
	offer := offers(t)["chromium.sdp"]
	if _, err := e.Offer(t.Context(), LegKey{"first", Customer}, offer, false); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.count += MaxLegs - 1
	e.mu.Unlock()
	_, err := e.Offer(t.Context(), LegKey{"more", Customer}, offer, false)
	if bad, ok := errors.AsType[*gateway.Error](err); !ok || bad.Kind != gateway.TooMany {
		t.Errorf("got %v, want too many", err)
	}
	if _, err := e.Offer(t.Context(), LegKey{"first", Customer}, offer, false); err != nil {
		t.Errorf("a leg that takes another's place: %v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count != MaxLegs || len(e.calls) != 1 {
		t.Errorf("%d legs in %d calls, want %d in 1", e.count, len(e.calls), MaxLegs)
	}
}

// loopback is an engine that ends with the test.
func loopback(t testing.TB) *Engine {
	t.Helper()
	e, err := New(Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

// FuzzCheckOffer: what is taken keeps the limits by a count of its own. (Answering starts goroutines, which a
// fuzzer that goes by coverage cannot follow.)
func FuzzCheckOffer(f *testing.F) {
	for _, o := range offers(f) {
		f.Add(o)
		f.Add(o + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n")
	}
	f.Fuzz(func(t *testing.T, offer string) {
		if CheckOffer(offer) != nil {
			return
		}
		lines := "\n" + strings.ReplaceAll(offer, "\r", "\n")
		media := strings.Count(lines, "\nm=")
		audio := strings.Count(lines, "\nm=audio")
		if audio < 1 || audio-strings.Count(lines, "\na=recvonly") > 1 || media > MaxMediaLines || len(offer) > MaxSDPBytes ||
			strings.Count(lines, "\nm=audio")+strings.Count(lines, "\nm=video") != media ||
			!strings.Contains(strings.ToLower(lines), "opus/48000/2") {
			t.Fatalf("an offer over the limits was taken:\n%s", offer)
		}
	})
}
