package media

import (
	"fmt"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// Connection is a PeerConnection on the sockets of an Engine that is no leg of a call: a participant of a
// meeting, say. Who makes one closes it.
type Connection struct {
	*webrtc.PeerConnection
	path *firstPath
}

// Connect makes one. It speaks the codecs and runs the interceptors that are given; each connection needs its own
// of both.
func (e *Engine) Connect(codecs *webrtc.MediaEngine, chain *interceptor.Registry) (*Connection, error) {
	path := &firstPath{seen: func(ice.Candidate) {}}
	api, err := e.sockets.apiFor(path, nil, nil, codecs, chain)
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make a connection: %w", err)
	}
	return &Connection{PeerConnection: pc, path: path}, nil
}

// Restarted is to be called when an offer has restarted ICE: the path of the next check is taken.
func (c *Connection) Restarted() { c.path.reset() }

// Transport is "udp" or "tcp"; empty until connected.
func (c *Connection) Transport() string {
	for _, t := range c.GetTransceivers() {
		if t.Sender() == nil || t.Sender().Transport() == nil {
			continue
		}
		pair, err := t.Sender().Transport().ICETransport().GetSelectedCandidatePair()
		if err != nil || pair == nil {
			return ""
		}
		return pair.Local.Protocol.String()
	}
	return ""
}
