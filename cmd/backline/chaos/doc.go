// Package chaos breaks a Backline while it works, and looks whether anything was lost or doubled.
//
// A [Cluster] is real gateways, processes of their own on loopback, behind a small balancer, with stand-ins for the
// providers. A [Load] are customers by Messenger, SMS and chat, who send again what was not acknowledged, and agents
// who accept and answer. Meanwhile a scenario kills, freezes, cuts off or delays. At the end the [Ledger] of what was
// sent, acknowledged and shown is held against what every node shows, and [History] against what the journal holds.
//
//	sent → acknowledged → shown at every node, once
//
// Scenarios are the package's tests: a short form in `go test`, all of them in `make chaos`. A run prints its seed;
// pauses and the moments of faults follow from it, the order of what processes do does not.
//
// Limits: Linux, for signals and for telling who dials ([Cable]).
package chaos
