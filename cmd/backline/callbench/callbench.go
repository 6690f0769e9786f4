// Package callbench makes calls without browsers: lines that join as a page would, send Opus packets of 20 ms and
// measure what arrives. It also holds what calls are compared with, the least forwarder that pion can be.
//
// A [Line] is the wire side of one browser and little more: ICE checks, DTLS and SRTP by pion over one connected
// UDP socket, without a PeerConnection, because the load generator shares the machine with what it measures. Its
// packets carry when they were sent, so that delay and loss are read off at the other end.
//
//	Dial → Offer → (signalling) → Join → talks and hears → Close
//
// Concurrency: a Line has one goroutine of its own that reads; [Talk] sends for all lines from one goroutine. The
// methods of a Line may be called from any goroutine, each once. Limits: IPv4 and IPv6, UDP only, one codec.
// Read next: line.go, talk.go, forwarder.go.
package callbench
