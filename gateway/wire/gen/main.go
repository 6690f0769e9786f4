// Command gen writes webclient/src/shared/protocol.ts: the frames of both web sockets as TypeScript types,
// taken by reflection from package wire and the words of package gateway.
//
//	go run ./gateway/wire/gen > webclient/src/shared/protocol.ts
//
// Dates are RFC 3339 strings. A Go slice or map that may be nil is "| null", because JSON says null for it.
package main

import (
	"fmt"
	"os"
)

func main() {
	if _, err := os.Stdout.WriteString(Generate()); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
