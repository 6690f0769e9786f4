package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notifier tells systemd what becomes of the process, by the protocol of sd_notify(3): lines of KEY=VALUE in one
// datagram. Nobody listens where NOTIFY_SOCKET is not set.
type notifier struct{ socket string }

func newNotifier(environ []string) notifier { return notifier{lookupEnv(environ, "NOTIFY_SOCKET")} }

// reloading begins what READY=1 or another MAINPID ends.
func (n notifier) reloading() {
	var now unix.Timespec
	if n.socket == "" || unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return
	}
	n.say("RELOADING=1", fmt.Sprint("MONOTONIC_USEC=", now.Nano()/1000))
}

// say is best effort: a supervisor that does not hear must not stop the gateway.
func (n notifier) say(lines ...string) {
	if n.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second)) // fails only on a closed connection
	_, _ = c.Write([]byte(strings.Join(lines, "\n")))
}
