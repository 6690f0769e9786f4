package media

import (
	"context"
	"fmt"

	"github.com/pion/webrtc/v4"

	"backline/gateway"
)

// Offer answers a browser's offer; the answer holds all candidates. It makes a new leg, which takes the place
// of an older one of the same key; with restart it renews the path (ICE) of the leg that is there, and
// returns ErrNoLeg when there is none. An event of a replaced leg that was being delivered when Offer was
// called may still be on its way. Errors: gateway.Invalid for a bad offer, gateway.TooMany,
// gateway.Unavailable after Run, ctx.Err().
func (e *Engine) Offer(ctx context.Context, key LegKey, sdp string, restart bool) (answer string, err error) {
	spare, err := checkOffer(sdp)
	if err != nil {
		return "", err
	}
	if !e.sockets.serving.Load() {
		return "", gateway.Errorf(gateway.Unavailable, "calls have not begun")
	}
	if key.Side == "" || Source(key.Side) == Music {
		return "", gateway.Errorf(gateway.Invalid, "no leg can be called %q", key.Side)
	}
	if restart {
		l := e.leg(key)
		if l == nil {
			return "", ErrNoLeg
		}
		return l.answer(ctx, sdp)
	}
	l, err := e.newLeg(key, spare)
	if err != nil {
		return "", err
	}
	if answer, err = l.answer(ctx, sdp); err == nil {
		err = e.install(l)
	}
	if err != nil {
		l.discard()
		return "", err
	}
	return answer, nil
}

// answer runs one offer and answer, one at a time.
func (l *leg) answer(ctx context.Context, offer string) (string, error) {
	select {
	case l.negotiating <- struct{}{}:
		defer func() { <-l.negotiating }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", &gateway.Error{Kind: gateway.Invalid, Msg: "the offer cannot be used", Err: err}
	}
	l.path.reset()
	gathered := webrtc.GatheringCompletePromise(l.pc)
	answer, err := l.pc.CreateAnswer(nil)
	if err != nil {
		return "", &gateway.Error{Kind: gateway.Invalid, Msg: "the offer cannot be answered", Err: err}
	}
	if err := l.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("take our own answer: %w", err)
	}
	select {
	case <-gathered: // at once: the candidates are known
		return offerNack(l.pc.LocalDescription().SDP), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
