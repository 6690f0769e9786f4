// Package quality says how good calls are: of each line while it lasts, to the agents of its call; when it ends, in
// the journal, so that it stays with the call; and over many calls, in a report.
//
// The score is the E-model of ITU-T G.107 in the short form of Cole and Rosenbluth ("Voice over IP performance
// monitoring", ACM SIGCOMM CCR 31(2), 2001): a rating R from delay and loss, and from that the mean opinion, 1 to
// 4.4. It is an estimate of one line, not of what two people hear together.
//
// Guarantees. A line that was up and ended is written down once, unless the process is killed or the journal
// refuses for longer than [MaxPending] lines last. Nothing here is ever in the way of sound: lines hand in what they
// counted and go.
//
// Concurrency: all methods may be called from any goroutine; [Meter.Run] owns the one that looks and writes.
// Read next: score.go, meter.go, report.go.
package quality
