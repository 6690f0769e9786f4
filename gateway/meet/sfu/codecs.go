package sfu

import (
	"errors"
	"fmt"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/webrtc/v4"

	"backline/gateway/media"
)

// What a receiver's line is taken for before it has told us, and the bounds of what it is ever taken for; bits a
// second.
const (
	firstEstimate = 1_000_000
	minEstimate   = 50_000
	maxEstimate   = 12_000_000
)

// Opus and VP8 under the numbers that Chromium uses. Every browser has both, and VP8 is what all of them send in
// layers.
func opus() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: audioClock, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}}
}

func vp8() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: videoClock,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}}}}
}

// engine returns the codecs and interceptors of one connection. Levels: pages say how loud each packet of sound is.
// Estimator is told the one estimate there is.
//
// The order of the chain matters: what is added last sees an outgoing packet first. A repeated packet (NACK) must
// get a number of its own for the whole transport (TWCC), and the estimator must see that number.
func engine(levels bool, estimator func(cc.BandwidthEstimator)) (*webrtc.MediaEngine, *interceptor.Registry, error) {
	codecs, chain := &webrtc.MediaEngine{}, &interceptor.Registry{}
	congestion, err := cc.NewInterceptor(func() (cc.BandwidthEstimator, error) {
		// No pacer: a leaky bucket would hold up sound behind pictures.
		return gcc.NewSendSideBWE(gcc.SendSideBWEInitialBitrate(firstEstimate), gcc.SendSideBWEMinBitrate(minEstimate),
			gcc.SendSideBWEMaxBitrate(maxEstimate), gcc.SendSideBWEPacer(gcc.NewNoOpPacer()))
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make the estimator: %w", err)
	}
	congestion.OnNewPeerConnection(func(_ string, e cc.BandwidthEstimator) { estimator(e) })
	err = errors.Join(
		codecs.RegisterCodec(opus(), webrtc.RTPCodecTypeAudio),
		codecs.RegisterCodec(vp8(), webrtc.RTPCodecTypeVideo),
		webrtc.ConfigureSimulcastExtensionHeaders(codecs),
	)
	if levels {
		err = errors.Join(err, codecs.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: media.LevelURI}, webrtc.RTPCodecTypeAudio))
	}
	chain.Add(congestion)
	err = errors.Join(err,
		webrtc.ConfigureTWCCHeaderExtensionSender(codecs, chain),
		webrtc.ConfigureTWCCSender(codecs, chain),
		webrtc.ConfigureRTCPReports(chain),
		webrtc.ConfigureNack(codecs, chain),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("register codecs: %w", err)
	}
	return codecs, chain, nil
}
